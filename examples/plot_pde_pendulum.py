"""
The law inside an equation
==========================

A pendulum swings with a friction that nobody has told us. Its equation of motion has an unknown
function of the speed; ``KANSolver`` finds it from the angle over time, and the spline that it is
looks like a formula.
"""

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp

from skkan.pde import KANSolver, SolutionDisplay

# %%
# Two hundred measurements of the angle, with an error of 0.005. The friction is 0.2 times the cube
# of the speed.
true = solve_ivp(
    lambda _, state: [state[1], -np.sin(state[0]) - 0.2 * state[1] ** 3],
    (0, 10),
    [2.5, 0],
    t_eval=np.linspace(0, 10, 200),
    rtol=1e-10,
)
rng = np.random.default_rng(0)
measured = true.y[0] + 0.005 * rng.normal(size=200)

# %%
# The equation says what is known, and names what is not.
t = sp.Symbol("t")
angle, friction = sp.Function("angle"), sp.Function("friction")
speed = angle(t).diff(t)
solver = KANSolver(
    sp.Eq(speed.diff(t), -sp.sin(angle(t)) - friction(speed)),
    {t: (0, 10)},
    [sp.Eq(angle(0), 2.5), sp.Eq(speed.subs(t, 0), 0)],
    grid_size=(20, 40),
    function_grid_size=4,
    random_state=0,
).fit(true.t[:, None], measured)

# %%
# Of the functions that the library knows, the cube resembles it most.
law = solver.functions_[friction]
print(law.suggest_symbolic(top=3))
best = law.suggest_symbolic(top=1)[0]

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
SolutionDisplay.from_estimator(solver, ax=axes[0])
axes[0].plot(true.t, measured, "k.", markersize=2, label="measured")
axes[0].legend()
speeds, values = law.samples()
axes[1].plot(speeds[:, 0], values, label=f"found: most like {best['symbol']}")
axes[1].plot(speeds[:, 0], 0.2 * speeds[:, 0] ** 3, "k--", label="truth")
axes[1].set(xlabel="speed", ylabel="friction")
axes[1].legend()
plt.show()
