"""
A classifier as a formula
=========================

Two interleaved half circles are told apart by an additive KAN: the log-odds of the classes are a
sum of one function of each coordinate. Known functions take the place of both, and the model
becomes a formula.
"""

import copy

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.metrics import log_loss

from skkan import KANClassifier
from skkan.inspection import KANDisplay

X, labels = make_moons(1000, noise=0.1, random_state=0)
X_test, labels_test = make_moons(1000, noise=0.1, random_state=1)


def report(name, model):
    """Print how good a model is on fresh samples."""
    loss = log_loss(labels_test, model.predict_proba(X_test))
    print(f"{name}: accuracy {model.score(X_test, labels_test):.3f}, log-loss {loss:.4f}")


# %%
# The network
# -----------
#
# ``hidden_layer_sizes=()`` leaves no hidden layer.

model = KANClassifier((), random_state=0).fit(X, labels)
report("splines", model)
KANDisplay.from_estimator(model, X)


def boundary(model, ax, title):
    """Draw the probability of the second class, and the training samples."""
    DecisionBoundaryDisplay.from_estimator(
        model, X, response_method="predict_proba", cmap="RdBu", alpha=0.6, ax=ax
    )
    ax.scatter(*X.T, c=labels, cmap="RdBu", s=4, linewidths=0)
    ax.set_title(title)


splines = copy.deepcopy(model)

# %%
# The formula
# -----------
#
# Neither function is exactly one of the library, and need not be: where the classes are certain,
# the log-odds may be anything large. A low ``r2_threshold`` takes a symbol that explains the better
# part of an edge, out of a choice without poles. The constants are then trained on the classes
# themselves.

choice = ["x", "x^2", "x^3", "sin", "exp", "tanh"]
for column in range(2):
    print(model.suggest_symbolic(0, column, 0, symbols=choice))
model.auto_symbolic(r2_threshold=0.85, symbols=choice).refit(X, labels)
report("formula", model)
KANDisplay.from_estimator(model, X)

# %%
# Accuracies are about the same. Among the data the boundaries are alike; beyond them the sine goes
# on to oscillate. Nothing penalises the constants of a formula, so its probabilities change from 0
# to 1 over a much shorter distance than those of the splines.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained", sharey=True)
boundary(splines, axes[0], "splines")
boundary(model, axes[1], "formula")

# %%
# ``logit=True`` gives the log-odds of the second class in place of the probabilities.

print("log-odds =", model.to_sympy(digits=3, logit=True))

# %%
# The formula stands by itself. As a function of NumPy arrays it returns what ``predict_proba``
# does.

function = model.to_function()
print(f"largest difference: {np.abs(function(X_test) - model.predict_proba(X_test)).max():.1e}")
plt.show()
