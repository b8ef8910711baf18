"""
Working on a network by hand
============================

Functions that are known need not be learnt. Here the function of one edge is known, that of the
other is first guessed wrongly and then chosen by the data. After every edit the network can be
trained further.

The data are the period of a pendulum of length :math:`l` at a small amplitude :math:`\\theta`,
:math:`T = 2 \\pi \\sqrt{l / g}\\, (1 + \\theta^2 / 16)`, or rather its logarithm, in which the two
inputs act one by one.
"""

import copy

import matplotlib.pyplot as plt
import numpy as np

from skkan import KANRegressor
from skkan.inspection import EdgeDisplay, KANDisplay

rng = np.random.default_rng(0)
length, amplitude = rng.uniform(0.2, 2.0, 400), rng.uniform(0.0, 1.2, 400)
X = np.column_stack([length, amplitude])
y = np.log(2.0 * np.pi * np.sqrt(length / 9.81) * (1.0 + amplitude**2 / 16.0))
y += rng.normal(scale=0.002, size=400)
names = ["length", "amplitude"]

model = KANRegressor((), grid_size=8, random_state=0).fit(X, y)
KANDisplay.from_estimator(model, X, feature_names=names, target_names=["log period"])

# %%
# What is known
# -------------
#
# A period goes with a power of the length, so that its logarithm is linear in the logarithm of the
# length. ``fix_symbolic`` fits :math:`c \log(a x + b) + d` to the spline that is there and puts it
# in its place, in the estimator itself.


def error():
    """Return the root mean squared error on the training data."""
    return np.sqrt(np.mean((model.predict(X) - y) ** 2))


print(model.suggest_symbolic(0, 0, 0))
print(f"two splines {error():.5f}")
model.fix_symbolic(0, 0, 0, "log")
print(f"a logarithm and a spline {error():.5f}")

# %%
# What is guessed
# ---------------
#
# The amplitude lengthens the period, but how? Someone says: linearly. Training the whole network
# again shows what the guess costs.

model.fix_symbolic(0, 1, 0, "x").refit(X, y)
print(f"a logarithm and a straight line {error():.5f}")
guessed = copy.deepcopy(model)

# %%
# That is several times the noise. The guess is taken back: the edge becomes a spline again, which
# starts from the straight line, and learns.

model.unfix_symbolic(0, 1, 0).refit(X, y)
print(f"a logarithm and a spline {error():.5f}")

figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
for ax, (title, own) in zip(axes, {"guessed": guessed, "learnt": model}.items(), strict=True):
    EdgeDisplay.from_estimator(own, X, layer=0, i="amplitude", j=0, feature_names=names, ax=ax)
    ax.set_title(title)

# %%
# What the data say
# -----------------
#
# A parabola is the simplest of the functions that fit.

print(model.suggest_symbolic(0, 1, 0, weight_simple=0.8))
model.fix_symbolic(0, 1, 0, "x^2").refit(X, y)
print(f"a logarithm and a parabola {error():.5f}")
print("log period =", model.to_sympy(digits=3))

# %%
# The factor of the logarithm is one half, which is the square root of the length, and the parabola
# begins as :math:`\theta^2 / 16`.

KANDisplay.from_estimator(model, X, feature_names=names, target_names=["log period"])
plt.show()
