"""The log-loss of several classes."""

import numpy as np
from scipy.special import log_softmax, softmax

from skkan._typing import FloatArray
from skkan.objective.losses._loss import Loss


class MultinomialLogLoss(Loss):
    """Negative log-likelihood of class probabilities ``softmax(out)``."""

    shared_shift = True
    of_classes = True
    link = "multinomial"

    def value(self, out: FloatArray, target: FloatArray, weight: FloatArray) -> float:
        """Return the weighted sum of the loss."""
        return -float(weight @ (target * log_softmax(out, axis=1)).sum(axis=1))

    def gradient(self, out: FloatArray, target: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the weighted difference of probabilities and targets."""
        return (softmax(out, axis=1) - target) * weight[:, None]

    def curvature_factor(
        self,
        out: FloatArray,
        target: FloatArray,  # noqa: ARG002
        weight: FloatArray,
    ) -> FloatArray:
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
