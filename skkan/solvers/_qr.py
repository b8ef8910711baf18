"""The linearised problem with its rows kept, and factorised without squaring them.

The matrix ``H = J' J`` has the square of the condition number of ``J``. Where residuals have become
so small that rounding in ``H`` decides what a step does, the system is solved from ``J = Q R``.

References
----------
A. Bjorck, *Numerical Methods for Least Squares Problems*, SIAM 1996, sections 2.4 and 9.2.
"""

from typing import Protocol

import numpy as np
from scipy.linalg import qr, solve_triangular

from skkan._typing import FloatArray
from skkan.solvers._lm import BEND_SHARE, MOST_BEND


class Rows(Protocol):
    """What is asked of an objective that is half a sum of squares."""

    def residuals(self, parameters: FloatArray) -> FloatArray:
        """Return the rows."""
        ...

    def linearised(self, parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the rows and their Jacobian."""
        ...


class RowSystem:
    """The linearised problem at a point, with the rows as a matrix.

    Parameters
    ----------
    objective : Rows
        Half the sum of squares of its rows is minimised.
    """

    def __init__(self, objective: Rows) -> None:
        self._objective = objective

    def move_to(self, parameters: FloatArray) -> None:
        """Linearise at `parameters`."""
        self._parameters = parameters
        residuals, jacobian = self._objective.linearised(parameters)
        self._residuals, self._jacobian = residuals, jacobian
        self.value = 0.5 * float(residuals @ residuals)
        self.gradient = jacobian.T @ residuals
        squares = np.einsum("np,np->p", jacobian, jacobian)
        self.scale = np.maximum(squares, 1e-14 * squares.max())
        self._root = np.sqrt(self.scale)
        wide = np.concatenate([jacobian / self._root, residuals[:, None]], axis=1)
        (triangle,) = qr(wide, mode="r", overwrite_a=True, check_finite=False)
        n = len(parameters)
        self._triangle, self._right = triangle[:n, :n], triangle[:n, n]

    def step(self, damping: float) -> FloatArray | None:
        """Solve the damped system."""
        n = self._triangle.shape[1]
        wide = np.zeros((len(self._triangle) + n, n + 1))
        wide[: len(self._triangle), :n] = self._triangle
        wide[: len(self._triangle), n] = self._right
        wide[len(self._triangle) :, :n] = np.sqrt(damping) * np.eye(n)
        (triangle,) = qr(wide, mode="r", overwrite_a=True, check_finite=False)
        self._factor = triangle[:n, :n]
        if not np.all(np.abs(np.diag(self._factor)) > 0.0):
            return None
        solved = solve_triangular(self._factor, triangle[:n, n], check_finite=False)
        return -solved / self._root

    def bent(self, step: FloatArray) -> FloatArray:
        """Return the latest step with its correction of second order, where that is small."""
        change = BEND_SHARE * step
        with np.errstate(all="ignore"):
            bend = self._objective.residuals(self._parameters + change)
            bend = bend - self._residuals - self._jacobian @ change
        right = -(self._jacobian.T @ bend) / BEND_SHARE**2 / self._root
        half = solve_triangular(self._factor, right, trans="T", check_finite=False)
        correction = solve_triangular(self._factor, half, check_finite=False) / self._root
        lengths = [float(v @ (self.scale * v)) for v in (correction, step)]
        return step + correction if lengths[0] <= MOST_BEND**2 * lengths[1] else step
