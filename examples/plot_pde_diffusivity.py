"""
Diffusivity from noisy measurements
===================================

Heat spreads in a rod, and 100 thermometer readings with an error of 0.01 are all that is known.
The diffusivity is a number in the equation: ``KANSolver`` estimates it together with the
temperature, with a standard error.
"""

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp

from skkan.pde import KANSolver, SolutionDisplay

t, x = sp.symbols("t x")
k = sp.Symbol("k", positive=True)
u = sp.Function("u")
equation = sp.Eq(u(t, x).diff(t), k * u(t, x).diff(x, 2))
conditions = [sp.Eq(u(0, x), sp.sin(sp.pi * x)), sp.Eq(u(t, 0), 0), sp.Eq(u(t, 1), 0)]

# %%
# Readings of a rod whose diffusivity is 0.2.
rng = np.random.default_rng(0)
X = rng.uniform(size=(100, 2))
readings = np.exp(-0.2 * np.pi**2 * X[:, 0]) * np.sin(np.pi * X[:, 1])
readings += 0.01 * rng.normal(size=100)

solver = KANSolver(
    equation,
    {t: (0, 1), x: (0, 1)},
    conditions,
    parameters={k: 1.0},
    hidden_layer_sizes=((0, 1),),
    grid_size=(3, 6),
    exact_conditions=True,
    random_state=0,
).fit(X, readings)
found, error = solver.parameters_[k], solver.parameter_errors_[k]
print(f"k = {found:.4f} with a standard error of {error:.4f}")

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
SolutionDisplay.from_estimator(solver, ax=axes[0])
axes[0].plot(*X.T, "w.", markersize=3)
SolutionDisplay.from_estimator(solver, slices=[0.0, 0.25, 0.5, 1.0], ax=axes[1])
axes[1].set_title(f"k = {found:.4f} ± {error:.4f}, truth 0.2")
plt.show()
