"""
From data to a formula, step by step
====================================

A network is trained, drawn, pruned, and written as a formula, step by step.
:class:`skkan.KANSymbolicRegressor` does the same, and more, by itself.

The law behind the data is :math:`y = e^{\\sin \\pi x_0 + x_1^2}`, and there is a third column that
does nothing. The network is not told either; it gets two hidden nodes where one would do.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skkan import KANRegressor
from skkan.inspection import EdgeDisplay, KANDisplay

# A sparsity penalty goes on making small edges smaller until the iterations are used up.
warnings.filterwarnings("ignore", category=ConvergenceWarning)

rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, size=(1000, 3))
y = np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)
X, X_test, y, y_test = X[:800], X[800:], y[:800], y[800:]


def error(model):
    """Return the root mean squared error on the data that were set aside."""
    return np.sqrt(np.mean((model.predict(X_test) - y_test) ** 2))


# %%
# Train
# -----
#
# ``sparsity`` makes edges vanish that the data do not ask for, at some cost in accuracy.

model = KANRegressor((2,), grid_size=(5, 10), n_restarts=8, sparsity=1e-3, random_state=0)
model.fit(X, y)
print(f"shape {model.network_.shape}, test error {error(model):.1e}")

# %%
# Look
# ----
#
# Opacity and width of an edge show what it contributes to the output. The edges of the hidden
# node that is not used, and of the third column, are too weak to be drawn.

KANDisplay.from_estimator(model, X)
print("importance of the columns:", model.feature_importances_.round(3))

# %%
# Prune
# -----
#
# ``prune`` returns a new estimator. The sparsity penalty is not needed any more.

pruned = model.prune().set_params(sparsity=0.0).refit(X, y)
print(f"shape {pruned.network_.shape}, test error {error(pruned):.1e}")
KANDisplay.from_estimator(pruned, X)

# %%
# Recognise
# ---------
#
# The functions on the edges look familiar. For each, the library is searched for
# :math:`c f(a x + b) + d`. A piece of one function may look much like a piece of another:
# ``weight_simple`` asks for the simpler one of two that fit about as well.

print(pruned.suggest_symbolic(0, 0, 0))

figure, axes = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
for ax, edge in zip(axes, [(0, 0, 0), (0, 1, 0), (1, 0, 0)], strict=True):
    EdgeDisplay.from_estimator(pruned, X, *edge, ax=ax)
    print(edge, pruned.suggest_symbolic(*edge, top=1, weight_simple=0.8)[0]["symbol"])

# %%
# Fix and polish
# --------------
#
# Every edge gets the simplest symbol that fits it well, and their constants are trained together,
# until the error is that of rounding.

formula = pruned.auto_symbolic().refit(X, y)
print(f"test error {error(formula):.1e}")
KANDisplay.from_estimator(formula, X)

# %%
# Take it away
# ------------
#
# The formula is what the model computes, whatever the state of the model.

print(formula.to_sympy(digits=4))

expression = formula.to_sympy()
names = sorted(map(str, expression.free_symbols))
print("columns in the formula:", names)

function = formula.to_function()
print(f"formula against predict: {np.abs(function(X_test) - formula.predict(X_test)).max():.1e}")
plt.show()
