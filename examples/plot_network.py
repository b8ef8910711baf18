"""
Pictures of a KAN
=================

A Kolmogorov-Arnold network is made of functions of one variable, and those can be drawn. Here it
learns a formula that is known, so that what the pictures show can be checked.
"""

import matplotlib.pyplot as plt
import numpy as np

from skkan import KANRegressor
from skkan.inspection import EdgeDisplay, KANDisplay, LossCurveDisplay

rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, size=(500, 3))
y = np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2) + rng.normal(scale=0.05, size=500)
model = KANRegressor((1,), random_state=0).fit(X, y)

# %%
# The network
# -----------
#
# Inputs are at the bottom, the output is at the top. The frame on an edge shows its function.
# Opacity and width of an edge show what it contributes to the output, relative to the strongest
# edge of its layer. The sine, the square and the exponential are found up to their signs and
# scales. The edge of the third column, which has no effect on the data, is too weak to be drawn.

KANDisplay.from_estimator(
    model, X, feature_names=["angle", "distance", "noise"], target_names=["response"]
)

# %%
# Single edges
# ------------
#
# An edge by itself has axes, and the data below. Inputs are in the units of ``X``, and edges to the
# outputs in those of the target. Beyond the grid, where it is shaded, a spline goes on as a
# straight line. Ticks at the bottom are the ends of the grid's intervals.

figure, axes = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
EdgeDisplay.from_estimator(model, X, layer=0, i=0, j=0, ax=axes[0])
EdgeDisplay.from_estimator(model, X, layer=0, i=1, j=0, ax=axes[1])
EdgeDisplay.from_estimator(model, X, layer=1, i=0, j=0, ax=axes[2], density="rug")

# %%
# The training
# ------------
#
# The objective is not monotone: it also changes where a grid moves to follow its node, and where
# ``alpha="auto"`` chooses other weights for the penalty.

LossCurveDisplay.from_estimator(model)

plt.show()

# %%
# A notebook shows a fitted estimator with its shape, its number of parameters and a small picture.

model
