"""
A shock and the knots that find it
==================================

Burgers' equation steepens a wave until viscosity stops it. Where that is small, a fit from a random
start gets stuck; ``continuation`` starts with a large one and lowers it as far as the grid allows,
then the grid gets more knots where the residual is large, and so on.
"""

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp

from skkan.pde import KANSolver, SolutionDisplay

t, x, nu = sp.symbols("t x nu")
u = sp.Function("u")
own = u(t, x)
solver = KANSolver(
    sp.Eq(own.diff(t) + own * own.diff(x), nu * own.diff(x, 2)),
    {t: (0, 1), x: (-1, 1)},
    [sp.Eq(u(0, x), -sp.sin(sp.pi * x)), sp.Eq(u(t, -1), 0), sp.Eq(u(t, 1), 0)],
    continuation={nu: (0.3, 0.1)},
    n_products=6,
    grid_size=(8, 20),
    degree=5,
    exact_conditions=True,
    max_iter=15,
    random_state=0,
).fit()
print(f"residual: {100 * solver.relative_residual_[0]:.2g} % of the terms")

# %%
# The formula of Cole and Hopf is exact.
nodes, weights = np.polynomial.hermite.hermgauss(160)


def exact(X, nu=0.1):
    place = X[:, 1:] - 2 * np.sqrt(nu * X[:, :1]) * nodes
    share = weights * np.exp((-np.cos(np.pi * place) - 1) / (2 * np.pi * nu))
    return -(share * np.sin(np.pi * place)).sum(axis=1) / share.sum(axis=1)


X = np.random.default_rng(0).uniform([0, -1], [1, 1], size=(2000, 2))
gap = np.linalg.norm(solver.predict(X) - exact(X)) / np.linalg.norm(exact(X))
print(f"relative error: {gap:.1e}")

# %%
# The field, slices of it with the knots along ``x``, and the points of the equation.
figure, axes = plt.subplots(1, 3, figsize=(12, 3.4), layout="constrained")
SolutionDisplay.from_estimator(solver, ax=axes[0])
SolutionDisplay.from_estimator(solver, slices=(0.0, 0.3, 0.6, 1.0), ax=axes[1])
knots = solver.network_.layers[0].grid.breakpoints[1]
axes[1].plot(knots, np.full(len(knots), -1.1), "k|", label="knots")
axes[1].legend()
SolutionDisplay.from_estimator(solver, kind="residual", show_points=True, ax=axes[2])
plt.show()
