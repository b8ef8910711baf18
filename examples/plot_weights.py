"""
Sample weights and class weights
================================

A sample of weight 2 counts as a row that occurs twice. ``class_weight`` multiplies the weights of
the samples of a class, which moves the decision boundary towards the more frequent class.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.metrics import confusion_matrix

from skkan import KANClassifier, KANRegressor

rng = np.random.default_rng(0)

# %%
# Measurements of different precision
# -----------------------------------
#
# Samples on the right are twenty times as noisy. Weights in the ratio of the inverse variances tell
# the model to rely on those on the left, where the error becomes smaller. The unit of the
# weights does not matter.

x = rng.uniform(-1, 1, size=(120, 1))
noise = np.where(x[:, 0] < 0, 0.05, 1.0)
y = np.sin(4 * x[:, 0]) + noise * rng.normal(size=120)
weight = 1 / noise**2

points = np.linspace(-1, 1, 200)[:, None]
figure, axis = plt.subplots(figsize=(7, 3.5), layout="constrained")
axis.plot(x[:, 0], y, ".", color="0.6", label="samples")
axis.plot(points, np.sin(4 * points), color="0.3", linestyle="--", label="truth")
for name, own in (("no weights", None), ("weights", weight)):
    model = KANRegressor((), grid_size=12, random_state=0).fit(x, y, sample_weight=own)
    axis.plot(points, model.predict(points), label=name)
    left = points[:, 0] < 0
    error = np.sqrt(np.mean((model.predict(points) - np.sin(4 * points[:, 0]))[left] ** 2))
    print(f"{name}: error on the left {error:.3f}")
axis.legend()
plt.show()

# %%
# A rare class
# ------------
#
# One sample in ten belongs to class 1. ``class_weight="balanced"`` gives both classes the same
# total weight: more of the rare samples are found, at the price of more false alarms.

labels = (rng.uniform(size=1000) < 0.1).astype(int)
X = rng.normal(size=(1000, 2)) + 1.5 * labels[:, None]
figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained", sharey=True)
for axis, weights in zip(axes, (None, "balanced"), strict=True):
    model = KANClassifier((), class_weight=weights, random_state=0).fit(X, labels)
    print(f"class_weight={weights}:")
    print(confusion_matrix(labels, model.predict(X)))
    DecisionBoundaryDisplay.from_estimator(
        model, X, response_method="predict_proba", cmap="RdBu", alpha=0.6, ax=axis
    )
    axis.scatter(*X.T, c=labels, cmap="RdBu", s=5, edgecolors="0.3", linewidths=0.2)
    axis.set_title(f"class_weight={weights}")
plt.show()
