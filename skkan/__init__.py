"""Kolmogorov-Arnold networks as scikit-learn estimators."""

from skkan.estimators._classifier import KANClassifier
from skkan.estimators._regressor import KANRegressor
from skkan.estimators._symbolic_regressor import KANSymbolicRegressor
from skkan.estimators._trusted_types import TRUSTED_TYPES

__all__ = [
    "TRUSTED_TYPES",
    "KANClassifier",
    "KANRegressor",
    "KANSymbolicRegressor",
    "__version__",
]

__version__ = "0.1.0"
