"""The squared error."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from skkan._typing import FloatArray
from skkan.objective.losses._loss import Loss

# Of the largest noise among the targets. Less would make a sum of squares that is all rounding.
LEAST_NOISE = 1e-10


@dataclass(frozen=True)
class SquaredLoss(Loss):
    """Half the squared error, ``p |out - target|^2 / 2``.

    Targets of different noise get their precisions ``p``, relative to their geometric mean: then
    the common noise level stands for all of them, and the likelihood has no further factor.

    Parameters
    ----------
    precisions : tuple of float, optional
        ``p`` of every output, by default 1.
    """

    precisions: tuple[float, ...] | None = None

    has_noise_level = True
    standardises = True
    is_square = True

    def value(self, out: FloatArray, target: FloatArray, weight: FloatArray) -> float:
        """Return the weighted sum of the loss."""
        if self.precisions is None:
            return 0.5 * float(weight @ ((out - target) ** 2).sum(axis=1))
        return 0.5 * float(weight @ ((out - target) ** 2 @ np.array(self.precisions)))

    def gradient(self, out: FloatArray, target: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the weighted residual."""
        residual = (out - target) * weight[:, None]
        return residual if self.precisions is None else residual * self.precisions

    def curvature_factor(
        self,
        out: FloatArray,
        target: FloatArray,  # noqa: ARG002
        weight: FloatArray,
    ) -> FloatArray:
        """Return the square root of the weights on the diagonal."""
        root = np.diag(np.sqrt(self.precision(out.shape[1])))
        return np.sqrt(weight)[:, None, None] * root

    def target_for(self, out: FloatArray, pull: FloatArray) -> FloatArray:
        """Return ``out + pull / p``."""
        return out + pull / self.precision(out.shape[1])

    def precision(self, n_outputs: int) -> FloatArray:
        """Return ``p``."""
        return np.ones(n_outputs) if self.precisions is None else np.array(self.precisions)

    def for_noise(self, noise: FloatArray) -> Self:
        """Return the loss with the inverse variances as precisions; see :class:`Loss`."""
        if len(noise) == 1 or not noise.max() > 0.0:
            return self
        # A target without any residual is constant, and weighs little.
        known = np.where(noise > 0.0, noise, noise.max())
        logs = np.log(np.maximum(known, LEAST_NOISE * known.max()))
        return replace(self, precisions=tuple(np.exp(logs.mean() - logs).tolist()))
