"""Kolmogorov-Arnold networks as scikit-learn estimators."""

from skkan._classifier import KANClassifier
from skkan._regressor import KANRegressor

__all__ = ["KANClassifier", "KANRegressor", "__version__"]

__version__ = "0.1.0"
