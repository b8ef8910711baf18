"""The loss of a quantile, smoothed."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from skkan._typing import FloatArray
from skkan.data._samples import weighted_quantile
from skkan.objective.losses._calibrated import CalibratedLoss

# Of the spread of the residuals, the width in which the kink of the loss is smoothed: the quantile
# of the noise becomes that of noise and a logistic variable of this scale.
WIDTH = 0.1
# The same for the curvature: a fit leaves many residuals at the kink, which there are no more of
# among other samples.
BEND_WIDTH = 0.4
# Of the weights of iterated least squares, which curvature a residual beyond has.
OUTER_SHARE = 0.05


@dataclass(frozen=True)
class QuantileLoss(CalibratedLoss):
    """The pinball loss with a smooth kink: ``q r + h log(1 + exp(-r / h))``, ``r = target - out``.

    Parameters
    ----------
    quantile : float
        ``q``, between 0 and 1.

    References
    ----------
    R. Koenker and G. Bassett, "Regression quantiles", Econometrica 1978.
    M. Fasiolo et al., "Fast calibrated additive quantile regression", JASA 2021.
    """

    quantile: float = 0.5

    standardises = "quantiles"
    by_means = True

    def level(self, residual: FloatArray, share: FloatArray) -> FloatArray:
        """Return the quantile of the residuals."""
        return weighted_quantile(residual, share, self.quantile)

    def each(self, out: FloatArray, target: FloatArray, spread: FloatArray) -> FloatArray:
        """Return the loss; see :class:`CalibratedLoss`."""
        residual, width = target - out, WIDTH * spread
        return self.quantile * residual + width * np.logaddexp(0.0, -residual / width)

    def slope(self, out: FloatArray, target: FloatArray, spread: FloatArray) -> FloatArray:
        """Return the smoothed step."""
        return expit((out - target) / (WIDTH * spread)) - self.quantile

    def bend(self, out: FloatArray, target: FloatArray, spread: FloatArray) -> FloatArray:
        """Return the curvature of a kink that is wider, and a little elsewhere."""
        width = BEND_WIDTH * spread
        z = (out - target) / width
        size = np.maximum(np.abs(z), 1.0)
        outer = 0.5 * OUTER_SHARE * np.tanh(0.5 * size) / size
        return np.maximum(expit(z) * expit(-z), outer) / width

    def expected_curvature_factor(
        self, out: FloatArray, target: FloatArray, weight: FloatArray
    ) -> FloatArray:
        """Return what the mean curvature would give; see :class:`Loss`."""
        if self.bends is None:
            return self.curvature_factor(out, target, weight)
        bend = weight[:, None] * np.array(self.bends) / self._dispersion
        return np.sqrt(bend)[:, :, None] * np.eye(out.shape[1])
