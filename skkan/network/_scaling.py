"""Affine maps between the units of the data and those in which networks are trained."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray


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
    logarithmic : bool
        Whether outputs are logarithms of means, and the target is ``y / exp(output_shift)``.
    """

    input_shift: FloatArray
    input_scale: FloatArray
    output_shift: FloatArray
    output_scale: FloatArray
    logarithmic: bool = False

    def inputs(self, X: FloatArray) -> FloatArray:
        """Return scaled inputs, without overflow for any finite `X` of the training range."""
        # Halves, because the difference of two large numbers may not be representable.
        return (0.5 * X - 0.5 * self.input_shift) / (0.5 * self.input_scale)

    def input_units(self, i: int) -> tuple[float, float]:
        """Return ``shift, scale`` of ``x = shift + scale * z``, from an input to its column.

        The input of a constant column is zero, and stands for its constant.
        """
        scale = float(self.input_scale[i])
        return float(self.input_shift[i]), scale if np.isfinite(scale) else 1.0

    def targets(self, target: FloatArray) -> FloatArray:
        """Return standardised targets; zero where the scale is."""
        if self.logarithmic:
            return target / np.exp(self.output_shift)
        scale = np.where(self.output_scale > 0.0, self.output_scale, np.inf)
        return (target - self.output_shift) / scale

    def with_inputs(self, order: NDArray[np.intp]) -> "Scaling":
        """Return the scaling of data whose input ``i`` is input ``order[i]`` of these."""
        return replace(
            self, input_shift=self.input_shift[order], input_scale=self.input_scale[order]
        )

    def given_inputs(self, inputs: FloatArray) -> FloatArray:
        """Return what :meth:`inputs` has been given, but for rounding."""
        scale = np.where(np.isfinite(self.input_scale), self.input_scale, 0.0)
        return self.input_shift + scale * inputs

    def given_targets(self, target: FloatArray) -> FloatArray:
        """Return what :meth:`targets` has been given, but for rounding."""
        if self.logarithmic:
            return target * np.exp(self.output_shift)
        return self.output_shift + self.output_scale * target
