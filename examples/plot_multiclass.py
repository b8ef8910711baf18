"""
Three classes
=============

A classifier has one output for every class if there are more than two. The probabilities are the
softmax of the outputs. In an additive model the output of a class is a sum of one function of each
column.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_iris
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.model_selection import cross_val_score

from skkan import KANClassifier
from skkan.inspection import EdgeDisplay, KANDisplay

iris = load_iris(as_frame=True)
X = iris.data[["petal length (cm)", "petal width (cm)"]]
labels = iris.target_names[iris.target]

model = KANClassifier((), random_state=0)
scores = cross_val_score(model, X, labels, cv=5, scoring="neg_log_loss")
print(f"log-loss of five folds: {-scores.mean():.3f}")
model.fit(X, labels)
print("classes:", model.classes_.tolist())

# %%
# The network has an edge from every column to every class.

KANDisplay.from_estimator(model, X)
plt.show()

# %%
# Columns and classes can be named. The functions of one column differ by class: a short petal
# speaks for setosa, a medium one for versicolor, a long one for virginica.

figure, axes = plt.subplots(1, 3, figsize=(11, 3), layout="constrained", sharey=True)
for axis, name in zip(axes, model.classes_, strict=True):
    EdgeDisplay.from_estimator(model, X, layer=0, i="petal length (cm)", j=str(name), ax=axis)
plt.show()

# %%
# Regions of the most probable class, and the flowers.

figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
DecisionBoundaryDisplay.from_estimator(model, X, response_method="predict", alpha=0.3, ax=axis)
for number, name in enumerate(iris.target_names):
    own = X[iris.target == number]
    axis.plot(*own.to_numpy().T, "o", markersize=4, label=name)
axis.legend()
plt.show()
