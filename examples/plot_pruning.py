"""
Prune a network
===============

A wide network is trained with a sparsity penalty, cut down to the edges that matter, and trained
again. Two of the five columns have no effect on the target, and the network has more hidden nodes
than it needs.
"""

import matplotlib.pyplot as plt
import numpy as np

from skkan import KANRegressor
from skkan.inspection import KANDisplay

rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, size=(600, 5))
y = np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2) + 0.5 * X[:, 2]
X, X_test, y, y_test = X[:400], X[400:], y[:400], y[400:]


def report(name, model):
    """Print size and error of a model."""
    n_edges = sum(int(layer.active.sum()) for layer in model.network_.layers)
    error = np.sqrt(np.mean((model.predict(X_test) - y_test) ** 2))
    print(f"{name:12} {n_edges:3} edges, test RMSE {error:.4f}")


# %%
# A wide network
# --------------
#
# ``sparsity`` makes edges vanish that the data do not support. Edges that contribute less than 1
# % of the strongest one of their layer are not drawn; ``min_score=0`` would draw them.

model = KANRegressor((4,), alpha=1e-6, sparsity=1e-3, n_restarts=4, random_state=0).fit(X, y)
report("wide", model)
KANDisplay.from_estimator(model, X)
plt.show()

# %%
# The pruned network
# ------------------
#
# ``prune`` returns a copy without edges and nodes of low score. ``refit`` trains the rest. The
# sparsity penalty is not needed any more.

small = model.prune()
report("pruned", small)
small.set_params(sparsity=0.0).refit(X, y)
report("trained", small)
print("columns with an effect:", np.flatnonzero(small.active_features_).tolist())
KANDisplay.from_estimator(small, X)
plt.show()
