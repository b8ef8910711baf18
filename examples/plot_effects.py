"""
Effects of columns
==================

What does a fitted model do with every column, and why does a row get its prediction? Both
pictures work for pipelines and show the columns in their own units.
"""

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skkan import KANRegressor
from skkan.inspection import EffectsDisplay, LocalDisplay

# %%
# A small table of rents: they rise with the size of a flat, less so out of town, and depend on its
# age.
rng = np.random.default_rng(0)
n = 600
table = pd.DataFrame(
    {
        "size": rng.uniform(25, 140, n),
        "year": rng.integers(1900, 2021, n),
        "district": rng.choice(["centre", "north", "south"], n),
    }
)
rent = (
    9.0 * table["size"] * np.where(table["district"] == "centre", 1.3, 1.0)
    + 0.03 * (table["year"] - 1965) ** 2
    + rng.normal(scale=40.0, size=n)
)
columns = make_column_transformer(
    (OneHotEncoder(sparse_output=False), ["district"]), (StandardScaler(), ["size", "year"])
)
model = make_pipeline(columns, KANRegressor(((1, 1),), random_state=0)).fit(table, rent)
print(f"R^2 = {model.score(table, rent):.3f}")

# %%
# One panel a column, and one for what size and district do together: a square metre is worth more
# in the centre.
EffectsDisplay.from_estimator(
    model,
    table,
    ["size", "year", "district", ("size", "district")],
    target_names=["rent"],
)

# %%
# The contributions to a single prediction add up to it.
LocalDisplay.from_estimator(model, table[:1], table, target_names=["rent"])
