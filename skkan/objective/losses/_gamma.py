"""The deviance of positive targets whose scatter grows with their mean."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.objective.losses._calibrated import CalibratedLoss


@dataclass(frozen=True)
class GammaLoss(CalibratedLoss):
    """Half the gamma deviance, the outputs being logarithms of means; its curvature is Fisher's."""

    standardises = "logarithm"
    link = "log"
    d2_power = 2

    def each(self, out: FloatArray, target: FloatArray, spread: FloatArray) -> FloatArray:  # noqa: ARG002
        """Return the loss; see :class:`CalibratedLoss`."""
        logarithm = np.log(target) - out
        return np.expm1(logarithm) - logarithm

    def slope(self, out: FloatArray, target: FloatArray, spread: FloatArray) -> FloatArray:  # noqa: ARG002
        """Return the relative residual."""
        return -np.expm1(np.log(target) - out)

    def bend(self, out: FloatArray, target: FloatArray, spread: FloatArray) -> FloatArray:  # noqa: ARG002
        """Return 1."""
        return np.ones_like(out)

    def residual_spread(self, out: FloatArray, target: FloatArray, share: FloatArray) -> FloatArray:  # noqa: ARG002
        """Return 1: it has no threshold."""
        return np.ones(out.shape[1])

    def mean(self, out: FloatArray) -> FloatArray:
        """Return the exponential."""
        return np.exp(out)

    def check_targets(self, y: NDArray[Any]) -> None:
        """Raise a ValueError for targets that are not positive."""
        if not np.min(y) > 0.0:
            raise ValueError(
                "loss='gamma' needs targets y that are positive, got a smallest one of "
                f"{np.min(y):.6g}. Shift y, or use another loss."
            )
