"""From what the user calls targets to what a network learns, and the loss that goes with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray


def memberships(codes: NDArray[np.intp], n_classes: int) -> FloatArray:
    """Return what the network learns: the second class of two, or every class in a column.

    Parameters
    ----------
    codes : ndarray of int of shape (n_samples,)
        Places of the labels among the classes.
    n_classes : int
        Number of classes.

    Returns
    -------
    target : ndarray of shape (n_samples, n_outputs)
        Zeros and ones.
    """
    target = np.eye(n_classes)[codes]
    return target[:, 1:] if n_classes == 2 else target


@dataclass(frozen=True)
class RealTargets:
    """Numbers, which are targets as they are."""

    def __call__(self, y: NDArray[Any], weight: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return targets of shape (n_samples, n_outputs), and weights."""
        return np.asarray(y, dtype=np.float64).reshape(len(y), -1), weight


@dataclass(frozen=True)
class Labels:
    """Labels, which are turned into memberships.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        All labels that there are, sorted.
    factors : ndarray of shape (n_classes,)
        What the weights of their samples are multiplied by.
    """

    classes: NDArray[Any]
    factors: FloatArray

    def __call__(self, y: NDArray[Any], weight: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return memberships of shape (n_samples, n_outputs), and weights."""
        codes = np.searchsorted(self.classes, y.ravel())
        return memberships(codes, len(self.classes)), weight * self.factors[codes]


ClassWeights = tuple[NDArray[Any], FloatArray]


def class_weights(labels: NDArray[Any], weight: FloatArray) -> ClassWeights:
    """Return the labels that there are, sorted, and the sum of the weights of each."""
    classes, codes = np.unique(labels, return_inverse=True)
    return classes, np.bincount(codes.ravel(), weight, len(classes)).astype(np.float64)


def total_class_weights(parts: Sequence[ClassWeights]) -> ClassWeights:
    """Return what :func:`class_weights` returns for some samples, given that of parts of them."""
    return class_weights(*(np.concatenate(column) for column in zip(*parts, strict=True)))
