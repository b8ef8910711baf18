"""
Data on a cluster
=================

The estimators of ``skkan.dask`` take Dask arrays and data frames. The samples stay where they are;
sums over them, such as the loss and its gradient, are sent to the process that trains. Without a
cluster, as here, Dask runs the work on threads of this process.
"""

import dask.array as da
import matplotlib.pyplot as plt
import numpy as np

import skkan
import skkan.dask

X = da.random.default_rng(0).uniform(-1, 1, size=(20_000, 3), chunks=(5_000, 3))
y = da.sin(3 * X[:, 0]) + X[:, 1] ** 2 + 0.1 * X[:, 2]
print(X)

# %%
# The model is trained on four blocks of 5,000 samples. Predictions are Dask arrays, too: they are
# computed when they are asked for.

options = {"hidden_layer_sizes": (), "alpha": 1e-6, "solver": "lbfgs", "random_state": 0}
model = skkan.dask.KANRegressor(**options).fit(X, y)
predicted = model.predict(X)
print(predicted)
print(f"RMSE {np.sqrt(((predicted - y) ** 2).mean().compute()):.1e}")

# %%
# The same data in memory give the same model.

memory = skkan.KANRegressor(**options).fit(X.compute(), y.compute())
difference = model.predict(X).compute() - memory.predict(X.compute())
print(f"largest difference: {np.abs(difference).max():.1e}")

# %%
# Attributes and methods are those of the ordinary estimators.

figure, axis = plt.subplots(figsize=(5, 2.5), layout="constrained")
axis.barh(["x0", "x1", "x2"], model.feature_importances_)
axis.set(xlabel="importance")
axis.invert_yaxis()
plt.show()
