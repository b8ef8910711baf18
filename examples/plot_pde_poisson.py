"""
A Poisson equation
==================

The equation with which Kolmogorov-Arnold networks were introduced: the Laplacian of ``u`` is given
on a square, and ``u`` is zero on its border. SymPy writes it, ``KANSolver`` solves it, and finer
grids make the error fall as fast as the degree of the splines allows.
"""

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp

from skkan.pde import KANSolver, SolutionDisplay

x, y = sp.symbols("x y")
u = sp.Function("u")
solution = sp.sin(sp.pi * x) * sp.sin(sp.pi * y)
equation = sp.Eq(u(x, y).diff(x, 2) + u(x, y).diff(y, 2), solution.diff(x, 2) + solution.diff(y, 2))
border = [sp.Eq(u(-1, y), 0), sp.Eq(u(1, y), 0), sp.Eq(u(x, -1), 0), sp.Eq(u(x, 1), 0)]

# %%
# A product node is a good guess here. The conditions hold by construction.
solvers = []
X = np.random.default_rng(0).uniform(-1, 1, size=(2000, 2))
exact = np.sin(np.pi * X[:, 0]) * np.sin(np.pi * X[:, 1])
sizes = np.array([5, 10, 20])
for number in range(1, 4):
    solver = KANSolver(
        equation,
        {x: (-1, 1), y: (-1, 1)},
        border,
        hidden_layer_sizes=((0, 1),),
        grid_size=sizes[:number],
        degree=5,
        exact_conditions=True,
        adaptive=False,
        random_state=0,
    ).fit()
    solvers.append(solver)
gaps = [np.linalg.norm(own.predict(X) - exact) / np.linalg.norm(exact) for own in solvers]

# %%
# Solution, residual with the points of the equation, and the error by the number of intervals.
figure, axes = plt.subplots(1, 3, figsize=(12, 3.4), layout="constrained")
SolutionDisplay.from_estimator(solver, ax=axes[0])
SolutionDisplay.from_estimator(solver, kind="residual", show_points=True, ax=axes[1])
axes[2].loglog(sizes, gaps, "o-", label="relative L2 error")
axes[2].loglog(sizes, gaps[0] * (5.0 / sizes) ** 5, "k--", label="slope -5")
axes[2].set(xlabel="grid intervals", xticks=sizes, xticklabels=sizes)
axes[2].minorticks_off()
axes[2].legend()
plt.show()
