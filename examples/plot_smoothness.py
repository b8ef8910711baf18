"""
How smooth should the functions be?
===================================

``alpha`` is the weight of a penalty on the bends of the functions. Too small, and the model
follows the noise; too large, and it misses the signal. ``alpha="auto"``, the default, chooses the
weight from the training data.
"""

import matplotlib.pyplot as plt
import numpy as np

from skkan import KANRegressor

rng = np.random.default_rng(0)
x = rng.uniform(-1, 1, size=(80, 1))


def truth(x):
    """Return the function behind the data."""
    return np.sin(5 * x[:, 0]) * (x[:, 0] > -0.5)


y = truth(x) + 0.3 * rng.normal(size=80)
points = np.linspace(-1, 1, 300)[:, None]

# %%
# Three weights on the same grid of 20 intervals.

figure, axes = plt.subplots(1, 3, figsize=(12, 3.5), layout="constrained", sharey=True)
for axis, alpha in zip(axes, (1e-7, 10.0, "auto"), strict=True):
    model = KANRegressor((), grid_size=20, alpha=alpha, random_state=0).fit(x, y)
    axis.plot(x[:, 0], y, ".", color="0.6")
    axis.plot(points, truth(points), color="0.3", linestyle="--", label="truth")
    axis.plot(points, model.predict(points), label="KAN")
    axis.set(title=f"alpha={alpha!r}", ylim=(-2, 2))
axes[0].legend()
plt.show()

# %%
# The error as a function of the weight: ``"auto"`` does not see the truth, and is close to the
# best weight.

weights = np.logspace(-7, 2, 19)


def error(alpha):
    """Return the distance of the fit from the truth."""
    model = KANRegressor((), grid_size=20, alpha=alpha, random_state=0).fit(x, y)
    return np.sqrt(np.mean((model.predict(points) - truth(points)) ** 2))


figure, axis = plt.subplots(figsize=(6, 3.5), layout="constrained")
axis.plot(weights, [error(alpha) for alpha in weights], "o-", markersize=4, label="a number")
axis.axhline(error("auto"), color="C1", linestyle="--", label='"auto"')
axis.set(xscale="log", xlabel="alpha", ylabel="RMSE from the truth", ylim=(0, None))
axis.legend()
plt.show()
