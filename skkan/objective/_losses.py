"""Data fit: value, gradient and curvature of the losses.

Every loss is a weighted sum over samples, ``sum_n w[n] l(out[n], target[n])``, of network outputs
``out``. The curvature is given as a factor ``A`` with ``A A' = w d^2 l / d out^2``, so that the
Gauss-Newton matrix is a Jacobian times its transpose; for the log-losses it is the Fisher matrix.
"""

from typing import Protocol

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax

from skkan._typing import FloatArray


class Loss(Protocol):
    """What training asks of a loss; arrays are (n_samples, n_outputs), weights (n_samples,)."""

    has_noise_level: bool
    """Whether the residuals' variance is a parameter to be estimated."""

    def value(self, out: FloatArray, target: FloatArray, weight: FloatArray) -> float:
        """Return the weighted sum of the loss."""

    def gradient(self, out: FloatArray, target: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the derivative of :meth:`value` with respect to `out`."""

    def curvature_factor(self, out: FloatArray, weight: FloatArray) -> FloatArray:
        """Return ``A`` of shape (n_samples, n_outputs, n_columns)."""

    def target_for(self, out: FloatArray, pull: FloatArray) -> FloatArray:
        """Return targets at which the derivative of the loss by `out` is ``-pull``.

        Where no target pulls as much, it is the one that pulls most.
        """


class SquaredLoss:
    """Half the squared error, ``|out - target|^2 / 2``."""

    has_noise_level = True

    def value(self, out: FloatArray, target: FloatArray, weight: FloatArray) -> float:
        """Return the weighted sum of the loss."""
        return 0.5 * float(weight @ ((out - target) ** 2).sum(axis=1))

    def gradient(self, out: FloatArray, target: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the weighted residual."""
        return (out - target) * weight[:, None]

    def curvature_factor(self, out: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the square root of the weights on the diagonal."""
        return np.sqrt(weight)[:, None, None] * np.eye(out.shape[1])

    def target_for(self, out: FloatArray, pull: FloatArray) -> FloatArray:
        """Return ``out + pull``."""
        return out + pull


class BinaryLogLoss:
    """Negative log-likelihood of a target in [0, 1] with one output, its logit."""

    has_noise_level = False

    def value(self, out: FloatArray, target: FloatArray, weight: FloatArray) -> float:
        """Return the weighted sum of the loss."""
        terms = target * log_expit(out) + (1.0 - target) * log_expit(-out)
        return -float(weight @ terms.sum(axis=1))

    def gradient(self, out: FloatArray, target: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the weighted difference of probability and target."""
        return (expit(out) - target) * weight[:, None]

    def curvature_factor(self, out: FloatArray, weight: FloatArray) -> FloatArray:
        """Return ``sqrt(w p (1 - p))``."""
        return np.sqrt(weight[:, None] * expit(out) * expit(-out))[:, :, None]

    def target_for(self, out: FloatArray, pull: FloatArray) -> FloatArray:
        """Return probabilities."""
        return np.clip(expit(out) + pull, 0.0, 1.0)


class MultinomialLogLoss:
    """Negative log-likelihood of class probabilities ``softmax(out)``."""

    has_noise_level = False

    def value(self, out: FloatArray, target: FloatArray, weight: FloatArray) -> float:
        """Return the weighted sum of the loss."""
        return -float(weight @ (target * log_softmax(out, axis=1)).sum(axis=1))

    def gradient(self, out: FloatArray, target: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the weighted difference of probabilities and targets."""
        return (softmax(out, axis=1) - target) * weight[:, None]

    def curvature_factor(self, out: FloatArray, weight: FloatArray) -> FloatArray:
        """Return ``sqrt(w) (diag(s) - p s')`` with ``s = sqrt(p)``.

        Its product with its transpose is ``w (diag(p) - p p')``, for ``s's = 1``.
        """
        p = softmax(out, axis=1)
        root = np.sqrt(p)
        factor = -p[:, :, None] * root[:, None, :]
        diagonal = np.arange(p.shape[1])
        factor[:, diagonal, diagonal] += root
        return np.sqrt(weight)[:, None, None] * factor

    def target_for(self, out: FloatArray, pull: FloatArray) -> FloatArray:
        """Return probabilities."""
        moved = np.clip(softmax(out, axis=1) + pull, 0.0, 1.0)
        return moved / moved.sum(axis=1, keepdims=True)
