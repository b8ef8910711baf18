"""What a loss has to say of itself.

Every loss is a weighted sum over samples, ``sum_n w[n] l(out[n], target[n])``, of network outputs
``out``. The curvature is given as a factor ``A`` with ``A A' = w d^2 l / d out^2``, so that the
Gauss-Newton matrix is a Jacobian times its transpose; for the log-losses it is the Fisher matrix.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray


class Loss:
    """What training asks of a loss; arrays are (n_samples, n_outputs), weights (n_samples,).

    A loss is a class with :meth:`value`, :meth:`gradient` and :meth:`curvature_factor`, and says
    below in what it differs from the log-likelihood of classes. Those that `partial_fit` knows have
    :meth:`target_for`, too.
    """

    has_noise_level: bool = False
    """Whether the dispersion of the targets is a parameter to be estimated; else it is 1."""

    standardises: bool | str = False
    """What targets may be shifted and scaled by, and are: True for mean and deviation,
    "quantiles" for median and quartiles; "logarithm" where outputs are logarithms of the targets'
    means, to which that of all targets is added; False for nothing."""

    calibrates: bool = False
    """Whether it is a ``CalibratedLoss``, to be told how much the residuals of a fit scatter."""

    d2_power: int | None = None
    """Power of the mean in the variance, where the score is a share of the deviance."""

    shared_shift: bool = False
    """Whether a constant added to all outputs of a sample changes nothing."""

    is_square: bool = False
    """Whether it is half a squared error, for which linear models have a solution in one step."""

    of_classes: bool = False
    """Whether targets are memberships in classes."""

    link: str | None = None
    """What leads from the mean of the targets to the outputs, as formulas and codes name it."""

    def value(self, out: FloatArray, target: FloatArray, weight: FloatArray) -> float:
        """Return the weighted sum of the loss."""
        raise NotImplementedError

    def gradient(self, out: FloatArray, target: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the derivative of :meth:`value` with respect to `out`."""
        raise NotImplementedError

    def curvature_factor(
        self, out: FloatArray, target: FloatArray, weight: FloatArray
    ) -> FloatArray:
        """Return ``A`` of shape (n_samples, n_outputs, n_columns)."""
        raise NotImplementedError

    def expected_curvature_factor(
        self, out: FloatArray, target: FloatArray, weight: FloatArray
    ) -> FloatArray:
        """Return :meth:`curvature_factor`, or its mean where that jumps from sample to sample."""
        return self.curvature_factor(out, target, weight)

    def target_for(self, out: FloatArray, pull: FloatArray) -> FloatArray:
        """Return targets at which the derivative of the loss by `out` is ``-pull``.

        Where no target pulls as much, it is the one that pulls most.
        """
        raise NotImplementedError

    def mean(self, out: FloatArray) -> FloatArray:
        """Return what is predicted, given the outputs of a network."""
        return out

    def precision(self, n_outputs: int) -> FloatArray:
        """Return by what the outputs' losses are multiplied, an array of shape (n_outputs,)."""
        return np.ones(n_outputs)

    def for_noise(self, noise: FloatArray) -> Self:  # noqa: ARG002
        """Return the same loss for targets of which each has a noise of its own.

        Parameters
        ----------
        noise : ndarray of shape (n_outputs,)
            Variances of the residuals, or what is in their place.
        """
        return self

    def check_targets(self, y: NDArray[Any]) -> None:
        """Raise a ValueError for targets for which the loss is not defined."""
