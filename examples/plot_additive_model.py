"""
An additive model
=================

An additive KAN (``hidden_layer_sizes=()``) has one function for each column. The prediction is the
sum of these functions and the mean of the target, so each curve is the whole effect of its column.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes

from skkan import KANRegressor
from skkan.inspection import EdgeDisplay

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
model = KANRegressor((), random_state=0).fit(X, y)
print(f"R² on the training data: {model.score(X, y):.2f}")

# %%
# Which columns matter
# --------------------
#
# ``feature_importances_`` are relative: they sum to 1.

order = np.argsort(model.feature_importances_)[::-1]
for column in order:
    print(f"{X.columns[column]:4} {model.feature_importances_[column]:.2f}")

# %%
# What they do
# ------------
#
# The four columns with the largest effects, in their own units. The vertical axis is in the units
# of the target, the progression of the disease after one year. The grey bars show where the data
# lie, the small ticks are the ends of the intervals of the splines, and the shaded ranges are
# outside the grid. All axes have the same range, so the curves can be compared. ``s5`` is the
# logarithm of the triglycerides in the blood, ``s1`` and ``s2`` are cholesterols.

strongest = X.columns[order[:4]]
figure, axes = plt.subplots(1, 4, figsize=(12, 3), layout="constrained", sharey=True)
for axis, column in zip(axes, strongest, strict=True):
    EdgeDisplay.from_estimator(model, X, layer=0, i=column, j=0, ax=axis)
    axis.set_ylabel("")
axes[0].set(ylabel="part of progression", ylim=(-120, 160))
plt.show()

# %%
# The sum of all effects is the prediction
# ----------------------------------------
#
# For one patient, the parts of the prediction are the values of the curves.
# ``network_.layers[0]`` holds them in units of the network; ``EdgeDisplay`` returns them in the
# units of the target.

patient = X.iloc[[0]]
parts = {}
for column in X.columns:
    display = EdgeDisplay.from_estimator(
        model, X, layer=0, i=column, j=0, ax=plt.figure().add_subplot()
    )
    parts[column] = np.interp(patient[column].iloc[0], display.x, display.y)
    plt.close(display.figure_)
difference = model.predict(patient)[0] - sum(parts.values())
print("parts:", {name: round(float(part), 1) for name, part in parts.items()})
print(f"prediction {model.predict(patient)[0]:.1f}, of which constant {difference:.1f}")
