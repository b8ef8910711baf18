"""The log-loss of two classes."""

import numpy as np
from scipy.special import expit, log_expit

from skkan._typing import FloatArray
from skkan.objective.losses._loss import Loss


class BinaryLogLoss(Loss):
    """Negative log-likelihood of a target in [0, 1] with one output, its logit."""

    of_classes = True
    link = "binary"

    def value(self, out: FloatArray, target: FloatArray, weight: FloatArray) -> float:
        """Return the weighted sum of the loss."""
        terms = target * log_expit(out) + (1.0 - target) * log_expit(-out)
        return -float(weight @ terms.sum(axis=1))

    def gradient(self, out: FloatArray, target: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the weighted difference of probability and target."""
        return (expit(out) - target) * weight[:, None]

    def curvature_factor(
        self,
        out: FloatArray,
        target: FloatArray,  # noqa: ARG002
        weight: FloatArray,
    ) -> FloatArray:
        """Return ``sqrt(w p (1 - p))``."""
        return np.sqrt(weight[:, None] * expit(out) * expit(-out))[:, :, None]

    def target_for(self, out: FloatArray, pull: FloatArray) -> FloatArray:
        """Return probabilities."""
        return np.clip(expit(out) + pull, 0.0, 1.0)
