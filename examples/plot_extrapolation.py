"""
Outside the training data
=========================

Models differ most where there are no data. Splines continue as straight lines, trees as constants,
and a formula as the formula does.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from skkan import KANRegressor, KANSymbolicRegressor

rng = np.random.default_rng(0)
x = rng.uniform(-2, 2, size=(300, 1))
y = np.sin(2 * x[:, 0]) + 0.05 * rng.normal(size=300)
points = np.linspace(-4, 4, 400)[:, None]

models = {
    "KAN": KANRegressor((), random_state=0),
    "boosting": HistGradientBoostingRegressor(random_state=0),
    "formula": KANSymbolicRegressor([()], random_state=0),
}
figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
axis.axvspan(-2, 2, color="0.93", label="range of the data")
axis.plot(points, np.sin(2 * points), color="0.3", ls="--", label="truth")
for name, model in models.items():
    axis.plot(points, model.fit(x, y).predict(points), label=name)
axis.set(ylim=(-2, 2), xlabel="x", ylabel="y")
axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
print("formula:", models["formula"].sympy())
plt.show()
