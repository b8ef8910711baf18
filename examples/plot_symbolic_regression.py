"""
Symbolic regression
===================

A formula is searched for in samples of it: first without noise, where the right formula leaves
nothing but rounding errors, then with noise, where accuracy is weighed against complexity.
"""

import matplotlib.pyplot as plt
import numpy as np

from skkan import KANSymbolicRegressor

# %%
# An exact law
# ------------
#
# Velocities in units of the speed of light add up as :math:`(u + v) / (1 + u v)`. The
# formula that is found is the same function on the range of the data, possibly in another form.

rng = np.random.default_rng(0)
X = rng.uniform(-0.9, 0.9, size=(400, 2))
y = (X[:, 0] + X[:, 1]) / (1.0 + X[:, 0] * X[:, 1])

search = KANSymbolicRegressor([(), (1,)], random_state=0).fit(X, y)
print(search.equations_)
print("best:", search.sympy())

# %%
# A noisy one
# -----------
#
# With noise no formula is exact. The best is the simplest one that the data do not speak against.

X = rng.uniform(-1.0, 1.0, size=(400, 3))
signal = np.sin(3.0 * X[:, 0]) + X[:, 1] ** 2
y = signal + 0.1 * rng.normal(size=len(signal))

noisy = KANSymbolicRegressor([()], random_state=0).fit(X, y)
print(noisy.equations_)
print("best:", noisy.sympy())
print(f"its error where there is no noise: {np.abs(noisy.predict(X) - signal).max():.3f}")

# %%
# Every row of the table is simpler than the next, and less accurate on the training data.

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
rows = list(noisy.equations_)
ax.plot([row["complexity"] for row in rows], [row["loss"] for row in rows], "o-", color="C0")
ax.plot(noisy.best_["complexity"], noisy.best_["loss"], "o", color="C3", label="best")
ax.axhline(0.01, color="0.5", ls="--", lw=1, label="variance of the noise")
ax.set(xlabel="complexity", ylabel="mean squared error", yscale="log")
ax.legend()
plt.show()
