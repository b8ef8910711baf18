"""The linearised problem with sparse rows, as of splines of which few count at any point.

References
----------
A. Bjorck, *Numerical Methods for Least Squares Problems*, SIAM 1996, chapter 6.
"""

from typing import Protocol

import numpy as np
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import splu

from skkan._typing import FloatArray
from skkan.solvers._lm import BEND_SHARE, MOST_BEND


class SparseRows(Protocol):
    """What is asked of an objective that is half a sum of squares with a sparse Jacobian."""

    def residuals(self, parameters: FloatArray) -> FloatArray:
        """Return the rows."""
        ...

    def sparse(self, parameters: FloatArray) -> tuple[FloatArray, csr_array]:
        """Return the rows and their Jacobian."""
        ...


class SparseSystem:
    """The linearised problem at a point, with ``H`` as a sparse matrix.

    Parameters
    ----------
    objective : SparseRows
        Half the sum of squares of its rows is minimised.
    """

    def __init__(self, objective: SparseRows) -> None:
        self._objective = objective

    def move_to(self, parameters: FloatArray) -> None:
        """Linearise at `parameters`."""
        self._parameters = parameters
        self._residuals, jacobian = self._objective.sparse(parameters)
        self.value = 0.5 * float(self._residuals @ self._residuals)
        self.gradient = jacobian.T @ self._residuals
        squares = np.asarray(jacobian.multiply(jacobian).sum(axis=0)).ravel()
        self.scale = np.maximum(squares, 1e-14 * squares.max())
        # Columns of one size: pivots are not looked for.
        self._root = np.sqrt(self.scale)
        self._jacobian = jacobian @ diags_array(1.0 / self._root)
        self._matrix = (self._jacobian.T @ self._jacobian).tocsc()

    def step(self, damping: float) -> FloatArray | None:
        """Solve the damped system, or return None where that is not possible."""
        n = len(self.gradient)
        damped = (self._matrix + diags_array(np.full(n, damping))).tocsc()
        try:
            self._factor = splu(
                damped,
                permc_spec="MMD_AT_PLUS_A",
                diag_pivot_thresh=0.0,
                options={"SymmetricMode": True},
            )
        except RuntimeError:
            return None
        return -self._solved(self.gradient / self._root) / self._root

    def _solved(self, right: FloatArray) -> FloatArray:
        return np.asarray(self._factor.solve(right))

    def bent(self, step: FloatArray) -> FloatArray:
        """Return the latest step with its correction of second order, where that is small."""
        change = BEND_SHARE * step
        with np.errstate(all="ignore"):
            bend = self._objective.residuals(self._parameters + change)
            bend = bend - self._residuals - self._jacobian @ (self._root * change)
        right = -(self._jacobian.T @ bend) / BEND_SHARE**2
        if not np.all(np.isfinite(right)):
            return step
        correction = self._solved(right) / self._root
        lengths = [float(v @ (self.scale * v)) for v in (correction, step)]
        return step + correction if lengths[0] <= MOST_BEND**2 * lengths[1] else step
