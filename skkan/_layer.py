"""One KAN layer: a linear map on spline features of its inputs.

With one grid per input node the layer ``out_j = sum_i phi_ij(x_i)`` is a matrix product,

    out = Phi(x) C,    Phi = [B_1(x_1), ..., B_M(x_1), b(x_1), B_1(x_2), ...],

where the last feature of a node, its base function ``b``, is absent for the base "zero"
(Liu et al., arXiv:2404.19756, equations 2.5 and 2.10).
"""

from dataclasses import dataclass

import numpy as np

from skkan._base_functions import BaseFunction
from skkan._splines import SplineGrid
from skkan._typing import FloatArray


@dataclass
class Layer:
    """Edge functions between ``n_in`` input and ``n_out`` output nodes.

    Parameters
    ----------
    grid : SplineGrid
        One grid per input node.
    coef : ndarray of shape (n_in, n_features, n_out)
        Coefficients of the features of every edge.
    base : BaseFunction or None
        Function added to the splines; it acts on the grid coordinate, in which the grid is
        [-1, 1].
    """

    grid: SplineGrid
    coef: FloatArray
    base: BaseFunction | None = None

    @property
    def base_name(self) -> str:
        """Name of the base function, ``"zero"`` if there is none."""
        return "zero" if self.base is None else self.base.name

    @property
    def n_in(self) -> int:
        """Number of input nodes."""
        return self.coef.shape[0]

    @property
    def n_features(self) -> int:
        """Number of features per input node: the splines and, if any, the base function."""
        return self.coef.shape[1]

    @property
    def n_out(self) -> int:
        """Number of output nodes."""
        return self.coef.shape[2]

    @property
    def half_span(self) -> FloatArray:
        """Half the length of every grid: the unit of the grid coordinate."""
        return 0.5 * (self.grid.high - self.grid.low)

    def coordinate(self, x: FloatArray) -> FloatArray:
        """Return the grid coordinate of `x`: the grid's ends are at -1 and 1."""
        return (x - self.grid.low) / self.half_span - 1.0

    def features(self, x: FloatArray) -> FloatArray:
        """Return ``Phi``, shape (n_samples, n_in * n_features)."""
        return self._assemble(x, self.grid.dense(x), 0)

    def features_and_slopes(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return ``Phi`` and its derivative with respect to the inputs, both of its shape."""
        splines = self.grid.dense_with_slopes(x)
        return self._assemble(x, splines[0], 0), self._assemble(x, splines[1], 1)

    def _assemble(self, x: FloatArray, splines: FloatArray, order: int) -> FloatArray:
        if self.base is None:
            return splines.reshape(len(x), -1)
        u = self.coordinate(x)
        extra = self.base.value(u) if order == 0 else self.base.slope(u) / self.half_span
        return np.concatenate([splines, extra[..., None]], axis=2).reshape(len(x), -1)

    def outputs(self, features: FloatArray) -> FloatArray:
        """Return the output nodes, shape (n_samples, n_out)."""
        return features @ self.coef.reshape(-1, self.n_out)

    def edge_slopes(self, slopes: FloatArray) -> FloatArray:
        """Return ``d out_j / d x_i``, shape (n_samples, n_in, n_out)."""
        by_node = slopes.reshape(len(slopes), self.n_in, self.n_features).transpose(1, 0, 2)
        return (by_node @ self.coef).transpose(1, 0, 2)

    def edge_values(self, x: FloatArray) -> FloatArray:
        """Return ``phi_ij(x_i)`` for every edge, shape (n_samples, n_in, n_out)."""
        return self.edge_slopes(self.features(x))

    def regrid(self, grid: SplineGrid) -> None:
        """Move to another grid of the same nodes, keeping the edge functions.

        The base function acts on the grid coordinate, so where the ends of the grid move its part
        is handed to the splines before, by least squares.
        """
        transfer = self.grid.refit_to(grid)
        moved = np.any(grid.low != self.grid.low) or np.any(grid.high != self.grid.high)
        splines = self.coef[:, : self.grid.n_splines]
        new = transfer @ splines
        if self.base is not None:
            if moved:
                sites = np.linspace(grid.low, grid.high, 4 * grid.n_splines)
                before = self.base.value(self.coordinate(sites))
                self.grid = grid
                after = self.base.value(self.coordinate(sites))
                gap = (
                    np.linalg.pinv(grid.dense(sites).transpose(1, 0, 2))
                    @ ((before - after).T[:, :, None])
                )
                new = new + gap * self.coef[:, -1:]
            new = np.concatenate([new, self.coef[:, -1:]], axis=1)
        self.grid = grid
        self.coef = new
