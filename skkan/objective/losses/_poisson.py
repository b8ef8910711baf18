"""The deviance of counts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from skkan._typing import FloatArray
from skkan.objective.losses._calibrated import CalibratedLoss


@dataclass(frozen=True)
class PoissonLoss(CalibratedLoss):
    """Half the Poisson deviance, the outputs being logarithms of means."""

    standardises = "logarithm"
    link = "log"
    d2_power = 1

    def each(self, out: FloatArray, target: FloatArray, spread: FloatArray) -> FloatArray:  # noqa: ARG002
        """Return the loss; see :class:`CalibratedLoss`."""
        return np.exp(out) - target - target * out + xlogy(target, target)

    def slope(self, out: FloatArray, target: FloatArray, spread: FloatArray) -> FloatArray:  # noqa: ARG002
        """Return mean less target."""
        return np.exp(out) - target

    def bend(self, out: FloatArray, target: FloatArray, spread: FloatArray) -> FloatArray:  # noqa: ARG002
        """Return the mean."""
        return np.exp(out)

    def residual_spread(self, out: FloatArray, target: FloatArray, share: FloatArray) -> FloatArray:  # noqa: ARG002
        """Return 1: it has no threshold."""
        return np.ones(out.shape[1])

    def mean(self, out: FloatArray) -> FloatArray:
        """Return the exponential."""
        return np.exp(out)

    def check_targets(self, y: NDArray[Any]) -> None:
        """Raise a ValueError for negative counts, or none at all."""
        if not (np.min(y) >= 0.0 and np.all(np.sum(y, axis=0) > 0.0)):
            raise ValueError(
                "loss='poisson' needs targets y that are at least 0, and not all 0, got "
                f"a smallest one of {np.min(y):.6g}. Shift y, or use another loss."
            )
