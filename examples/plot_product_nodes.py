"""
Products of columns
===================

Sum nodes represent a product by squares: ``4 x y = (x + y)² - (x - y)²``. A product node
multiplies two sums directly, which needs fewer hidden nodes.
"""

import matplotlib.pyplot as plt
import numpy as np

from skkan import KANRegressor
from skkan.inspection import KANDisplay

rng = np.random.default_rng(0)
X = rng.uniform(0.2, 2.0, size=(400, 2))
y = X[:, 0] * np.sin(X[:, 1])
X_test = rng.uniform(0.2, 2.0, size=(1000, 2))
y_test = X_test[:, 0] * np.sin(X_test[:, 1])

# %%
# Two sum nodes
# -------------

sums = KANRegressor((2,), alpha=1e-8, n_restarts=8, random_state=0).fit(X, y)
print(f"two sum nodes: test RMSE {np.sqrt(np.mean((sums.predict(X_test) - y_test) ** 2)):.1e}")
KANDisplay.from_estimator(sums, X, feature_names=["radius", "angle"], target_names=["height"])
plt.show()

# %%
# One product node
# ----------------
#
# ``((0, 1),)`` is one hidden layer with no sum node and one product node. The two small circles
# below the multiplication sign are its factors, and each is a sum of functions of both columns.

product = KANRegressor(((0, 1),), alpha=1e-8, n_restarts=8, random_state=0).fit(X, y)
error = np.sqrt(np.mean((product.predict(X_test) - y_test) ** 2))
print(f"one product node: test RMSE {error:.1e}")
KANDisplay.from_estimator(product, X, feature_names=["radius", "angle"], target_names=["height"])
plt.show()
