"""Kolmogorov-Arnold networks as scikit-learn estimators."""

from skkan._classifier import KANClassifier
from skkan._regressor import KANRegressor
from skkan.symbolic._regressor import KANSymbolicRegressor

__all__ = ["KANClassifier", "KANRegressor", "KANSymbolicRegressor", "__version__"]

__version__ = "0.1.0"
