"""Huber's loss."""

from dataclasses import dataclass

import numpy as np

from skkan._typing import FloatArray
from skkan.objective.losses._calibrated import CalibratedLoss

# In standard deviations of the noise, by the median of the magnitudes of the residuals: 90 % of
# the efficiency of the mean where the noise is normal.
THRESHOLD = 1.0
# Of its iterative weights, which curvature a residual beyond has: none would leave steps without
# limit where all residuals are large.
OUTER_SHARE = 0.05


@dataclass(frozen=True)
class HuberLoss(CalibratedLoss):
    """Half the squared residual up to a threshold, and a straight line beyond.

    References
    ----------
    P. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 1964.
    """

    standardises = "quantiles"

    def each(self, out: FloatArray, target: FloatArray, spread: FloatArray) -> FloatArray:
        """Return the loss; see :class:`CalibratedLoss`."""
        size, limit = np.abs(out - target), THRESHOLD * spread
        inner = np.minimum(size, limit)
        return inner * (size - 0.5 * inner)

    def slope(self, out: FloatArray, target: FloatArray, spread: FloatArray) -> FloatArray:
        """Return the residual, cut off at the threshold."""
        return np.clip(out - target, -THRESHOLD * spread, THRESHOLD * spread)

    def bend(self, out: FloatArray, target: FloatArray, spread: FloatArray) -> FloatArray:
        """Return 1 up to the threshold, and a little beyond."""
        limit = THRESHOLD * spread
        size = np.maximum(np.abs(out - target), limit)
        return np.where(size > limit, OUTER_SHARE * limit / size, 1.0)
