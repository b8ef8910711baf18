"""The absolute error, smoothed."""

from dataclasses import dataclass

from skkan._typing import FloatArray
from skkan.objective.losses._quantile import QuantileLoss


@dataclass(frozen=True)
class AbsoluteLoss(QuantileLoss):
    """Twice the loss of the median."""

    def each(self, out: FloatArray, target: FloatArray, spread: FloatArray) -> FloatArray:
        """Return the loss; see :class:`CalibratedLoss`."""
        return 2.0 * super().each(out, target, spread)

    def slope(self, out: FloatArray, target: FloatArray, spread: FloatArray) -> FloatArray:
        """Return the smoothed sign."""
        return 2.0 * super().slope(out, target, spread)

    def bend(self, out: FloatArray, target: FloatArray, spread: FloatArray) -> FloatArray:
        """Return the curvature; see :class:`QuantileLoss`."""
        return 2.0 * super().bend(out, target, spread)
