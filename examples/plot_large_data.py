"""
Train from a file
=================

Arrays that do not fit into memory are read block by block from the disk. Here the file is small,
and ``max_cache_bytes=0`` forces the same way of reading.
"""

import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skkan import KANRegressor
from skkan.inspection import LossCurveDisplay

# The fit is ended after sixty iterations, and says so.
warnings.filterwarnings("ignore", category=ConvergenceWarning)

rng = np.random.default_rng(0)
folder = tempfile.TemporaryDirectory()
path = Path(folder.name)
inputs = rng.uniform(-1, 1, size=(20_000, 3))
np.save(path / "X.npy", inputs)
np.save(path / "y.npy", np.sin(3 * inputs[:, 0]) * inputs[:, 1] + inputs[:, 2] ** 2)
del inputs

# %%
# A mapped file looks like an array. ``fit`` reads it in blocks and keeps nothing of the size of
# the file. ``dtype="float32"`` and ``solver="lbfgs"`` are faster for many samples.

X, y = np.load(path / "X.npy", mmap_mode="r"), np.load(path / "y.npy", mmap_mode="r")
model = KANRegressor(
    (4,),
    alpha=1e-6,
    solver="lbfgs",
    dtype="float32",
    max_cache_bytes=0,
    max_iter=60,
    random_state=0,
)
model.fit(X[:15_000], y[:15_000])
print(f"R² on the last 5,000 rows: {model.score(X[15_000:], y[15_000:]):.4f}")
print(f"iterations: {model.n_iter_}")

# %%
# The loss by iteration.

LossCurveDisplay.from_estimator(model)
plt.show()
