"""Draw the picture of the front page: ``python docs/pictures/network_to_formula.py``."""

import copy
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from skkan import KANRegressor
from skkan.inspection import KANDisplay

TARGET = Path(__file__).parents[1] / "_static" / "network_to_formula.svg"
# Letters as outlines look alike everywhere. No date: the file changes only with the picture.
mpl.rcParams.update({"svg.fonttype": "path", "svg.hashsalt": "skkan"})

X = np.random.default_rng(0).uniform(-1, 1, size=(1000, 2))
y = np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)
model = KANRegressor((1,), grid_size=10, n_restarts=4, random_state=0).fit(X, y)
formula = copy.deepcopy(model).auto_symbolic().refit(X, y)

figure = plt.figure(figsize=(10.0, 3.4))
panels = [(0.0, "1. fit", model), (0.31, "2. recognise", formula)]
for left, title, estimator in panels:
    axis = figure.add_axes((left, 0.0, 0.27, 0.9))
    KANDisplay.from_estimator(estimator, X, feature_names=["$x_0$", "$x_1$"], ax=axis)
    figure.text(left + 0.02, 0.93, title, fontsize=12, weight="bold")
figure.text(0.645, 0.93, "3. read", fontsize=12, weight="bold")
figure.text(0.82, 0.5, f"$y = {formula.latex(rational=True)}$", fontsize=24, ha="center")
note = f"R² of the network: {model.score(X, y):.7f}\nR² of the formula: {formula.score(X, y):.7f}"
figure.text(0.82, 0.24, note, fontsize=10, ha="center", color="0.3", linespacing=1.6)
for x in (0.285, 0.6):
    figure.text(x, 0.48, "\N{RIGHTWARDS ARROW}", fontsize=30, ha="center", color="C0")
figure.savefig(TARGET, metadata={"Date": None}, transparent=False)
print(f"{TARGET.name}: {TARGET.stat().st_size / 1000:.0f} kB")
