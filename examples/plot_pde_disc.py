"""
A well on a disc
================

The lowest state of a particle in a round well, or the lowest tone of a drum. The domain is a level
set, the eigenvalue a number that is sought, and the norm of the state a condition on an integral.
"""

import matplotlib.pyplot as plt
import sympy as sp
from scipy.special import jn_zeros

from skkan.pde import KANSolver, SolutionDisplay

x, y = sp.symbols("x y")
u = sp.Function("u")
energy = sp.Symbol("energy", positive=True)
own = u(x, y)
solver = KANSolver(
    sp.Eq(-own.diff(x, 2) - own.diff(y, 2), energy * own),
    {x: (-1, 1), y: (-1, 1)},
    [sp.Eq(own, 0), sp.Eq(sp.Integral(own**2, x, y), 1)],
    inside=x**2 + y**2 - 1,
    parameters={energy: 5.0},
    hidden_layer_sizes=(1,),
    grid_size=5,
    n_restarts=2,
    random_state=0,
).fit()
print(f"found {solver.parameters_[energy]:.6f}, exact {jn_zeros(0, 1)[0] ** 2:.6f}")

# %%
# The network has one hidden node, which is the square of the distance from the middle.
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
SolutionDisplay.from_estimator(solver, ax=axes[0])
SolutionDisplay.from_estimator(solver, kind="residual", show_points=True, ax=axes[1])
for ax in axes:
    ax.set_aspect("equal")
plt.show()
