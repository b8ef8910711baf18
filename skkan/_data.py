"""Training data in the form in which the mathematics wants it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class TrainingData:
    """Scaled samples with weights.

    Attributes
    ----------
    inputs : ndarray of shape (n_samples, n_inputs)
        Inputs, scaled to [-1, 1].
    target : ndarray of shape (n_samples, n_outputs)
        Standardised targets, or class memberships.
    weight : ndarray of shape (n_samples,)
        Positive weights that sum to 1.
    total : float
        Sum of the weights as they were given: the number of samples they stand for.
    """

    inputs: FloatArray
    target: FloatArray
    weight: FloatArray
    total: float


def canonical_rows(
    X: FloatArray, target: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Sort the rows, leave out those without weight, and merge equal ones.

    After this a weight of 2 and the same row twice are one and the same training set, bit for bit,
    and so are any two orders of the rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_inputs)
        Inputs.
    target : ndarray of shape (n_samples, n_outputs)
        Targets.
    weight : ndarray of shape (n_samples,)
        Non-negative weights.
    """
    used = weight > 0.0
    if not used.all():
        X, target, weight = X[used], target[used], weight[used]
    keys = np.concatenate([X, target], axis=1)
    order = np.lexsort(keys.T[::-1])
    keys, weight = keys[order], weight[order]
    new = np.ones(len(keys), dtype=bool)
    np.any(keys[1:] != keys[:-1], axis=1, out=new[1:])
    starts = np.flatnonzero(new)
    weight = np.add.reduceat(weight, starts)
    keys = keys[starts]
    n_inputs = X.shape[1]
    return keys[:, :n_inputs].copy(), keys[:, n_inputs:].copy(), weight
