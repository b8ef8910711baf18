"""
Export a model as code
======================

A fitted model can be written as a function in Python, C, Julia or SQL that needs neither skkan nor
scikit-learn: on a microcontroller, in another program, or in an archive.
"""

import copy

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris

from skkan import KANClassifier, KANRegressor

# %%
# A formula in C
# --------------
#
# The petal width of an iris, predicted from the petal length. The spline is replaced by the
# simplest function that fits about as well, so that the code is short.

iris = load_iris(as_frame=True).frame
X, y = iris[["petal length (cm)"]], iris["petal width (cm)"]
model = KANRegressor((), grid_size=3, random_state=0).fit(X, y)
formula = copy.deepcopy(model).fix_symbolic(0, "petal length (cm)", 0, "tanh").refit(X, y)
print(f"R²: spline {model.score(X, y):.3f}, formula {formula.score(X, y):.3f}")
print(formula.to_code("c", name="petal_width"))

# %%
# Splines in Python
# -----------------
#
# Splines are written as their polynomials. # Code in Python works on NumPy arrays. ``exec``
# stands for writing the code to a file and importing it.

code = model.to_code("python", name="petal_width")
scope = {}
exec(code, scope)
lengths = X["petal length (cm)"].to_numpy()
difference = scope["petal_width"](lengths) - model.predict(X)
print(f"largest difference from predict: {np.abs(difference).max():.1e}")

figure, axis = plt.subplots(figsize=(6, 3.5), layout="constrained")
points = np.linspace(lengths.min(), lengths.max(), 200)
axis.plot(lengths, y, ".", color="0.6", label="flowers")
axis.plot(points, scope["petal_width"](points), label="exported function")
axis.set(xlabel="petal length (cm)", ylabel="petal width (cm)")
axis.legend()
plt.show()

# %%
# Probabilities
# -------------
#
# The code of a classifier returns the probabilities of the classes, or the log-odds with
# ``logit=True``. Here is a function in Julia, with its long lines cut.

classifier = KANClassifier((), alpha=0.1, random_state=0).fit(
    iris[["petal length (cm)", "petal width (cm)"]], iris["target"]
)
print("\n".join(line[:90] for line in classifier.to_code("julia").splitlines()))

# %%
# ``to_function`` gives the function itself, without the detour of source code.

function = classifier.to_function()
print(function(iris[["petal length (cm)", "petal width (cm)"]].to_numpy()[[0, 60, 120]]).round(3))
