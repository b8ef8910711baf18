"""Losses in units in which their dispersion is 1.

For other losses than the squared error and likelihoods without a free parameter, what is a change
worth the mention depends on how much the targets scatter. Such a loss is divided, for every output,
by its dispersion

    sum_n w[n] g[n]^2 / sum_n w[n] h[n],

the variance of the slopes ``g`` over the mean curvature ``h`` of the loss at the residuals of a
fit. For a log-likelihood the two are equal. With this factor the curvature of the loss is again the
inverse covariance of its minimum, as Laplace's method takes it to be: for Poisson counts it is
the overdispersion, for Huber's loss the factor of his asymptotic variance.

References
----------
P. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 1964.
S. Lyddon, C. Holmes and S. Walker, "General Bayesian updating and the loss-likelihood bootstrap",
Biometrika 2019.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from skkan._typing import FloatArray
from skkan.data._samples import weighted_quantile
from skkan.objective.losses._loss import Loss

# In units of the targets' own spread.
LEAST_SPREAD, LEAST_DISPERSION = 1e-8, 1e-16
# Of the mean absolute residual, where more than half of the residuals are zero.
LEAST_SHARE = 1e-3
# Of what holds an output where its sample is left out.
LEAST_KEPT = 0.1
NORMAL_MAD = 0.6744897501960817


@dataclass(frozen=True)
class CalibratedLoss(Loss):
    """A sum over outputs that is divided by a dispersion for each.

    Parameters
    ----------
    spreads : tuple of float, optional
        Scale of the residuals of every output, for losses that ask for it; by default 1.
    dispersions : tuple of float, optional
        What is divided by, by default 1.
    bends : tuple of float, optional
        Mean curvature of every output, not divided yet.
    """

    spreads: tuple[float, ...] | None = None
    dispersions: tuple[float, ...] | None = None
    bends: tuple[float, ...] | None = None

    calibrates = True
    by_means = False
    """Whether the units are those of the residuals of a fit of means, shifted.

    A fit of a loss with a kink leaves residuals there, the more so the smaller these units are.
    """

    def each(self, out: FloatArray, target: FloatArray, spread: FloatArray) -> FloatArray:
        """Return the loss of every sample and output, not divided yet."""
        raise NotImplementedError

    def slope(self, out: FloatArray, target: FloatArray, spread: FloatArray) -> FloatArray:
        """Return the derivative of :meth:`each` by `out`."""
        raise NotImplementedError

    def bend(self, out: FloatArray, target: FloatArray, spread: FloatArray) -> FloatArray:
        """Return its curvature, or what is taken for that."""
        raise NotImplementedError

    def level(self, residual: FloatArray, share: FloatArray) -> FloatArray:
        """Return the best constants of some residuals, for weights that sum to 1."""
        raise NotImplementedError

    def value(self, out: FloatArray, target: FloatArray, weight: FloatArray) -> float:
        """Return the weighted sum of the loss."""
        return float(weight @ (self.each(out, target, self._spread) / self._dispersion).sum(axis=1))

    def gradient(self, out: FloatArray, target: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the weighted slopes."""
        return weight[:, None] * self.slope(out, target, self._spread) / self._dispersion

    def curvature_factor(
        self, out: FloatArray, target: FloatArray, weight: FloatArray
    ) -> FloatArray:
        """Return the roots of the weighted curvatures on the diagonal."""
        bend = weight[:, None] * self.bend(out, target, self._spread) / self._dispersion
        return np.sqrt(bend)[:, :, None] * np.eye(out.shape[1])

    def left_out(
        self, out: FloatArray, target: FloatArray, weight: FloatArray, variance: FloatArray
    ) -> FloatArray:
        """Return what the outputs would be without the sample that they are for.

        That is one step of Newton's method for all other samples.

        Parameters
        ----------
        out, target : ndarray of shape (n_samples, n_outputs)
            A fit.
        weight : ndarray of shape (n_samples,)
            Weights in numbers of samples.
        variance : ndarray of shape (n_samples, n_outputs)
            Posterior variances of the outputs.
        """
        share = variance * weight[:, None] / self._dispersion
        # Which samples a fit has left at a kink says nothing of others.
        bend = self.bend(out, target, self._spread) if self.bends is None else self.bends
        kept = 1.0 - share * np.asarray(bend)
        step = share * self.slope(out, target, self._spread) / np.maximum(kept, LEAST_KEPT)
        return out + step

    @property
    def _spread(self) -> FloatArray:
        return np.ones(1) if self.spreads is None else np.array(self.spreads)

    @property
    def _dispersion(self) -> FloatArray:
        return np.ones(1) if self.dispersions is None else np.array(self.dispersions)

    def calibrated(
        self,
        out: FloatArray,
        target: FloatArray,
        weight: FloatArray,
        unused: float = 1.0,
        spreads_alone: bool = False,
    ) -> Self:
        """Return the loss in the units of the residuals of a fit.

        Parameters
        ----------
        out, target : ndarray of shape (n_samples, n_outputs)
            The fit.
        weight : ndarray of shape (n_samples,)
            Weights.
        unused : float, default=1.0
            Share of the degrees of freedom that the fit has not used.
        spreads_alone : bool, default=False
            Whether to leave the dispersions at 1.
        """
        share = weight / weight.sum()
        spread = self.residual_spread(out, target, share) / unused**0.5
        if spreads_alone:
            return replace(self, spreads=tuple(spread.tolist()))
        slopes = share @ self.slope(out, target, spread) ** 2
        bends = np.maximum(share @ self.bend(out, target, spread), np.finfo(float).tiny)
        dispersion = np.maximum(slopes / bends / unused, LEAST_DISPERSION)
        return replace(
            self,
            spreads=tuple(spread.tolist()),
            dispersions=tuple(dispersion.tolist()),
            bends=tuple(bends.tolist()),
        )

    def residual_spread(self, out: FloatArray, target: FloatArray, share: FloatArray) -> FloatArray:
        """Return the scale of the residuals of every output, in the median of their magnitudes."""
        residual = target - out
        centred = residual - weighted_quantile(residual, share, 0.5)
        spread = weighted_quantile(np.abs(centred), share, 0.5) / NORMAL_MAD
        least = LEAST_SHARE * (share @ np.abs(residual))
        return np.maximum(np.maximum(spread, least), LEAST_SPREAD)

    def distance(self, other: Self) -> float:
        """Return by what power of e two of them differ at most in spread or dispersion."""
        ratios = [self._spread / other._spread, self._dispersion / other._dispersion]
        return max(float(np.abs(np.log(own)).max()) for own in ratios)
