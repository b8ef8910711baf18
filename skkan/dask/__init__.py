"""The estimators for Dask arrays and data frames, whose samples stay on their workers."""

try:
    import dask.array  # noqa: F401
except ImportError as error:
    raise ImportError(
        f'skkan.dask needs Dask, but {error.name} is not installed: pip install "skkan[dask]"'
    ) from error

from skkan.dask._classifier import KANClassifier
from skkan.dask._regressor import KANRegressor

__all__ = ["KANClassifier", "KANRegressor"]
