"""Kolmogorov-Arnold networks as scikit-learn estimators."""

from skkan.estimators._classifier import KANClassifier
from skkan.estimators._regressor import KANRegressor
from skkan.estimators._symbolic_regressor import KANSymbolicRegressor

__all__ = ["KANClassifier", "KANRegressor", "KANSymbolicRegressor", "__version__"]

__version__ = "0.1.0"
