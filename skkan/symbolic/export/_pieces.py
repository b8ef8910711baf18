"""Splines of a layer as polynomials, piece by piece, and what SymPy makes of pieces."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.network._layer import Layer


class Pieces:
    """Taylor coefficients of the splines of a layer in the middles of the intervals."""

    def __init__(self, layer: Layer) -> None:
        grid = layer.grid
        self._lines = [layer.lines(i) for i in range(grid.n_nodes)]
        self._coef = layer.coef[:, : grid.n_splines]
        self.middles = 0.5 * (grid.breakpoints[:, :-1] + grid.breakpoints[:, 1:])
        factorials = np.cumprod(np.maximum(np.arange(grid.degree + 1), 1))
        # Derivatives jump at the breakpoints, so the middles are where to take them.
        self._tables = [
            grid.dense(self.middles.T, order) / factorials[order]
            for order in range(grid.degree + 1)
        ]
        borders = np.stack([grid.low, grid.high])
        self._ends = [grid.dense(borders, order) for order in range(2)]
        if grid.clamped:
            self._ends[1] = np.zeros_like(self._ends[1])

    def taylor(self, i: int, j: int) -> FloatArray:
        """Return coefficients of an edge, shape (grid_size, degree + 1)."""
        return np.stack([table[:, i] @ self._coef[i, :, j] for table in self._tables], axis=1)

    def line(self, i: int, j: int) -> tuple[float, float]:
        """Return value at 0 and slope of an edge whose spline is straight, else NaN."""
        values, slopes = self._lines[i]
        return float(values[j]), float(slopes[j])

    def ends(self, i: int, j: int) -> FloatArray:
        """Return value and slope of an edge's spline at both ends, shape (2, 2)."""
        return np.stack([table[:, i] @ self._coef[i, :, j] for table in self._ends], axis=1)


def piecewise(cases: Sequence[tuple[Any, Any]]) -> Any:
    """Return a ``Piecewise`` of pairs of value and condition as they are.

    SymPy's constructor would turn a condition on a ``Piecewise``, as there is one in every spline
    of a spline, into one case for every combination of pieces.
    """
    import sympy  # noqa: PLC0415
    from sympy.functions.elementary.piecewise import ExprCondPair  # noqa: PLC0415

    pairs = [sympy.Basic.__new__(ExprCondPair, value, condition) for value, condition in cases]
    return sympy.Basic.__new__(sympy.Piecewise, *pairs)
