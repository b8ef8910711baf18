"""Training data in the form in which the mathematics wants it: scaled, merged, in one order."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray


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

    @classmethod
    def of(
        cls, X: FloatArray, target: FloatArray, weight: FloatArray, scaling: "Scaling"
    ) -> "TrainingData":
        """Scale samples in the user's units."""
        total = float(weight.sum())
        return cls(scaling.inputs(X), scaling.targets(target), weight / total, total)


def canonical_rows(
    X: FloatArray, target: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Sort the rows and merge equal ones.

    After this a weight of 2 and the same row twice are one and the same training set, bit for bit,
    and so are any two orders of the rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_inputs)
        Inputs.
    target : ndarray of shape (n_samples, n_outputs)
        Targets.
    weight : ndarray of shape (n_samples,)
        Positive weights.
    """
    # Zero added makes one zero of the two.
    keys = np.concatenate([X, target], axis=1) + 0.0
    order = np.lexsort([weight, *keys.T[::-1]])
    keys, weight = keys[order], weight[order]
    new = np.ones(len(keys), dtype=bool)
    np.any(keys[1:] != keys[:-1], axis=1, out=new[1:])
    starts = np.flatnonzero(new)
    weight = np.add.reduceat(weight, starts)
    keys = keys[starts]
    n_inputs = X.shape[1]
    return keys[:, :n_inputs].copy(), keys[:, n_inputs:].copy(), weight


@dataclass(frozen=True)
class Scaling:
    """Affine maps between the user's units and the network's.

    Attributes
    ----------
    input_shift, input_scale : ndarray of shape (n_inputs,)
        ``(X - input_shift) / input_scale`` is in [-1, 1]. The scale of a constant column is
        infinite: what has never been seen to vary has no effect.
    output_shift, output_scale : ndarray of shape (n_outputs,)
        ``(y - output_shift) / output_scale`` is the target; the scale of a constant one is zero.
    """

    input_shift: FloatArray
    input_scale: FloatArray
    output_shift: FloatArray
    output_scale: FloatArray

    @classmethod
    def of(
        cls, X: FloatArray, target: FloatArray, weight: FloatArray, standardise: bool
    ) -> "Scaling":
        """Take the range of `X`, and mean and deviation of `target` if they are wanted."""
        low, high = X.min(axis=0), X.max(axis=0)
        half = 0.5 * high - 0.5 * low
        half[half < np.finfo(float).tiny] = np.inf
        n_outputs = target.shape[1]
        shift, scale = np.zeros(n_outputs), np.ones(n_outputs)
        if standardise:
            # Squares of the largest numbers would overflow.
            unit = np.maximum(np.abs(target).max(axis=0), np.finfo(float).tiny)
            relative = target / unit
            share = weight / weight.sum()
            mean = share @ relative
            deviation = np.sqrt(share @ (relative - mean) ** 2)
            varies = target.max(axis=0) > target.min(axis=0)
            shift = np.where(varies, unit * mean, target[0])
            scale = np.where(varies, unit * deviation, 0.0)
        return cls(0.5 * low + 0.5 * high, half, shift, scale)

    def inputs(self, X: FloatArray) -> FloatArray:
        """Return scaled inputs, without overflow for any finite `X` of the training range."""
        # Halves, because the difference of two large numbers may not be representable.
        return (0.5 * X - 0.5 * self.input_shift) / (0.5 * self.input_scale)

    def targets(self, target: FloatArray) -> FloatArray:
        """Return standardised targets; zero where the scale is."""
        scale = np.where(self.output_scale > 0.0, self.output_scale, np.inf)
        return (target - self.output_shift) / scale


def column_order(inputs: FloatArray, target: FloatArray, weight: FloatArray) -> NDArray[np.intp]:
    """Return an order of the columns that depends on what they hold and not on where they stand.

    Random starting points are drawn in this order, so that a fit does not depend on the order of
    the columns. The keys are rounded, lest the last digits decide.
    """
    share = weight / weight.sum()
    centred = target - share @ target
    powers = [inputs**p for p in range(1, 5)]
    keys = [share @ power for power in powers]
    keys += [share @ (power * t[:, None]) for power in powers for t in centred.T]
    return np.lexsort(np.round(keys[::-1], 9))
