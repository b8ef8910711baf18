"""
Learn from a stream without forgetting
======================================

``partial_fit`` trains on one batch after the other. Here every batch covers another range of the
input: the five peaks of the paper on KANs, one a phase. A network that only sees the latest batch
forgets the earlier ones; the KAN keeps a summary of them, and ends at an error near 1e-9.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.neural_network import MLPRegressor

from skkan import KANRegressor

CENTRES = (-0.8, -0.4, 0.0, 0.4, 0.8)
rng = np.random.default_rng(0)


def target(x):
    """Return five peaks."""
    return sum(np.exp(-300 * (x[:, 0] - centre) ** 2) for centre in CENTRES)


# %%
# Both models get five batches of 500 samples. The perceptron makes 500 passes over each of them.
# Splines of degree 7 on fine grids have room for ten digits; the grid grows with the range.

kan = KANRegressor((), grid_size=40, degree=7, random_state=0)
mlp = MLPRegressor(hidden_layer_sizes=(64, 64), random_state=0)
points = np.linspace(-1, 1, 500)[:, None]
figure, axes = plt.subplots(2, 5, figsize=(12, 4), layout="constrained", sharex=True, sharey=True)
for column, centre in enumerate(CENTRES):
    x = rng.uniform(centre - 0.2, centre + 0.2, size=(500, 1))
    kan.partial_fit(x, target(x))
    for _ in range(500):
        mlp.partial_fit(x, target(x))
    for row, (name, model) in enumerate({"KAN": kan, "MLP": mlp}.items()):
        axis = axes[row, column]
        axis.axvspan(centre - 0.2, centre + 0.2, color="0.9")
        axis.plot(points, target(points), color="0.6", linewidth=1)
        axis.plot(points, model.predict(points), color=f"C{row}")
        axis.set(ylim=(-0.4, 1.4), title=f"batch {column + 1}" if row == 0 else "")
        if column == 0:
            axis.set_ylabel(name)

for name, model in {"KAN": kan, "MLP": mlp}.items():
    errors = model.predict(points) - target(points)
    size = np.sqrt(np.mean(errors**2))
    print(f"{name}: root mean square error {size:.1e}, largest {np.abs(errors).max():.1e}")
plt.show()

# %%
# The grey line is the target, and the shaded range that of the batch. For additive regression
# models the summary of earlier batches is exact; for networks with hidden layers it is an
# approximation. See the user guide for what is remembered and what is lost.
