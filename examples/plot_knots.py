"""
The signature of knots
======================

In 2021 Davies et al. found by machine learning that the signature of a hyperbolic knot, a number
from algebra, is nearly a function of its geometry. The table holds knots of up to 15 crossings,
drawn at random from the census by ``examples/knots/make_table.py``. A network learns the
signature, says which of the invariants it needs, and its shape leads to the formula.
"""

import lzma
from io import StringIO
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skkan import KANRegressor

# %%
# The table
# ---------
#
# The maximal cusp of a knot is a torus, with a longitudinal translation along the real axis and a
# meridional one in the complex plane. Signatures are even.

# The gallery runs scripts in their own folder, without a file name.
folder = Path(__file__).parent if "__file__" in globals() else Path()
path = folder / "knots" / "knots.csv.xz"
names, *lines = lzma.decompress(path.read_bytes()).decode().splitlines()
table = np.loadtxt(StringIO("\n".join(lines)), delimiter=",")
names = names.split(",")[1:-1]
X, y = table[:, 1:-1], table[:, -1]
train, test = np.arange(len(y)) < 0.7 * len(y), np.arange(len(y)) >= 0.7 * len(y)
print(f"{len(y)} knots, signatures from {y.min():.0f} to {y.max():.0f}")


def accuracy(predicted, rows):
    return np.mean(2 * np.round(predicted / 2) == y[rows])


# %%
# What the signature depends on
# -----------------------------

model = KANRegressor((2,), random_state=0).fit(X[train], y[train])
importances = model.feature_importances_
print(f"six invariants: accuracy {accuracy(model.predict(X[test]), test):.3f}")

# %%
# Nearly all the importance is that of the three translations. A network of them alone is as good.

places = np.sort(np.argsort(importances)[-3:])
print("kept:", [names[k] for k in places])
Z = X[:, places]
small = KANRegressor((2,), random_state=0).fit(Z[train], y[train])
print(
    f"translations: accuracy {accuracy(small.predict(Z[test]), test):.3f} "
    f"with {small.network_.n_parameters} parameters"
)

# %%
# One node is not enough, a product is
# ------------------------------------
#
# The signature goes with the sign of the real part of the meridian, and its size is a product. A
# single sum node can add up logarithms of sizes, but the sign is lost on the way: the node stays
# behind, unless all signs are alike. A product node of the same three columns has no such trouble.

one = KANRegressor((1,), random_state=0).fit(Z[train], y[train])
product = KANRegressor(((0, 1),), n_restarts=4, random_state=0).fit(Z[train], y[train])
positive = X[:, 4] > 0.0
half = KANRegressor((1,), random_state=0).fit(Z[train & positive], y[train & positive])
for title, own, rows in (
    ("one sum node", one, test),
    ("one sum node, positive half", half, test & positive),
    ("one product node", product, test),
):
    score = accuracy(own.predict(Z[rows]), rows)
    print(f"{title}: accuracy {score:.3f} with {own.network_.n_parameters} parameters")

# %%
# The slope
# ---------
#
# Davies et al. call the real part of longitude over meridian the natural slope, and prove that it
# bounds the signature. With one number fitted it tells the signature as well as the networks.

longitude, real, imag = Z.T
slope = longitude * real / (real**2 + imag**2)
factor = (slope[train] @ y[train]) / (slope[train] @ slope[train])
print(f"{factor:.3f} * slope: accuracy {accuracy(factor * slope[test], test):.3f}")
print(f"correlation of product node and slope: {np.corrcoef(product.predict(Z), slope)[0, 1]:.4f}")

# %%
# Relations without a target
# --------------------------
#
# Half the area of the cusp is its volume, which the table knows without being told.

from skkan.discovery import find_relations

for relation in find_relations(X[:500], min_r2=0.99):
    print([names[int(own[1:])] for own in relation.columns], relation)

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.barh(names, importances, color=["C0" if k in places else "0.7" for k in range(len(names))])
left.set(xlabel="importance", title="which invariants the signature needs")
right.plot(slope[test], y[test], ".", ms=2, color="0.5", label="knots")
right.plot(slope[test], product.predict(Z[test]), ".", ms=2, color="C0", label="product node")
right.plot(slope[test], factor * slope[test], color="C3", lw=1, label=f"{factor:.2f} slope")
right.set(xlabel="natural slope", ylabel="signature", xlim=(-28, 28), ylim=(-12, 14))
right.legend()
plt.show()
