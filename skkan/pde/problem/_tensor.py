"""Tensor splines: every product of the B-splines of all variables, with a coefficient of its own.

An unknown is then linear in what is sought, at every point only ``(degree + 1)^d`` coefficients
count, and the linearised problem is sparse. A table of coefficients is a sum of products of
functions of one variable each, by singular values, and so a network of product nodes.

References
----------
C. de Boor, *A Practical Guide to Splines*, revised edition, Springer 2001, chapter XVII.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.network._layer import Layer
from skkan.network._network import Network
from skkan.network._scaling import Scaling
from skkan.network.derivatives._jets import Jet, JetOrders
from skkan.network.functions._splines import SplineGrid
from skkan.pde.problem._separable import product_network

# Of the largest: terms below it are left out of the network of products.
LEAST_TERM = 1e-15


class Axis:
    """B-splines of one variable.

    Parameters
    ----------
    ends : ndarray of shape (n_intervals + 1,)
        Breakpoints, from -1 to 1.
    degree : int
        Degree.
    periodic : bool, default=False
        Whether they go on at the other end; there are as many as intervals then, which must be
        more than the degree.
    """

    def __init__(self, ends: FloatArray, degree: int, periodic: bool = False) -> None:
        self.ends, self.degree, self.periodic = ends, degree, periodic
        self.n_intervals = len(ends) - 1
        self.n_splines = self.n_intervals + (0 if periodic else degree)
        self._grid = SplineGrid(ends[None], degree)
        if periodic:
            span = ends[-1] - ends[0]
            knots = [ends[-1 - degree : -1] - span, ends, ends[1 : degree + 1] + span]
            self._grid.knots = np.concatenate(knots)[None]
            if self._grid.uniform:
                self._grid.uniform = False
                self._grid._make_search_tables()

    def local(self, z: FloatArray, max_order: int) -> tuple[NDArray[np.intp], FloatArray]:
        """Return the splines that are not zero at points, and their derivatives.

        Returns
        -------
        places : ndarray of int of shape (n_points, degree + 1)
            Their numbers.
        values : ndarray of shape (max_order + 1, n_points, degree + 1)
            Derivatives.
        """
        first, values = self._grid.local(z[:, None], max_order)
        places = (first + np.arange(self.degree + 1)) % self.n_splines
        return places, values[..., 0].transpose(0, 2, 1)

    def matrix(self, z: FloatArray) -> FloatArray:
        """Return the values of all splines at points, shape (n_points, n_splines)."""
        places, values = self.local(z, 0)
        found = np.zeros((len(z), self.n_splines))
        np.put_along_axis(found, places, values[0], axis=1)
        return found

    def onto(self, other: "Axis") -> FloatArray:
        """Return the matrix that turns coefficients into those of another axis.

        It is exact where the other has all breakpoints of this one, and interpolates else.
        """
        sites = other.sites()
        return np.linalg.solve(other.matrix(sites), self.matrix(sites))

    def sites(self) -> FloatArray:
        """Return as many points as splines, at which values fix a spline."""
        if self.periodic:
            middle = 0.0 if self.degree % 2 else 0.5
            return self.ends[:-1] + middle * np.diff(self.ends)
        knots = np.clip(self._grid.knots[0, 1:-1], self.ends[0], self.ends[-1])
        return np.lib.stride_tricks.sliding_window_view(knots, self.degree).mean(axis=1)


@dataclass
class TensorPoints:
    """Points prepared for tensor splines.

    Attributes
    ----------
    orders : JetOrders
        Derivatives.
    ansatz : list of (Jet, Jet)
        Shift and factor of every unknown.
    columns : ndarray of int of shape (n_points, n_local)
        Numbers of the splines that are not zero.
    values : list of ndarray of shape (n_points, n_local)
        Their Taylor coefficients, in the units of the variables.
    """

    orders: JetOrders
    ansatz: list[tuple[Jet, Jet]]
    columns: NDArray[np.intp]
    values: list[FloatArray]


@dataclass
class Tensor:
    """Tensor splines of all unknowns.

    Attributes
    ----------
    axes : tuple of Axis
        One for every variable.
    coef : ndarray of shape (n_unknowns, n_splines_1, ..., n_splines_d)
        Coefficients.
    """

    axes: tuple[Axis, ...]
    coef: FloatArray

    def copy(self) -> "Tensor":
        """Return an independent copy."""
        return replace(self, coef=self.coef.copy())

    def points(
        self, unit: FloatArray, half: FloatArray, orders: JetOrders, ansatz: list[tuple[Jet, Jet]]
    ) -> TensorPoints:
        """Prepare points.

        Parameters
        ----------
        unit : ndarray of shape (n_points, n_variables)
            Points, from -1 to 1.
        half : ndarray of shape (n_variables,)
            Half lengths of the variables' ranges.
        orders : JetOrders
            Derivatives wanted.
        ansatz : list of (Jet, Jet)
            Jets of the ansatz there.
        """
        n, highest = len(unit), np.max(orders.indices, axis=0)
        columns = np.zeros((n, 1), dtype=np.intp)
        local = []
        for k, axis in enumerate(self.axes):
            places, values = axis.local(unit[:, k], int(highest[k]))
            columns = (columns[:, :, None] * axis.n_splines + places[:, None, :]).reshape(n, -1)
            local.append(values)
        found = []
        for index, factorial in zip(orders.indices, orders.factorials, strict=True):
            own = np.full((n, 1), 1.0 / float(np.prod(half ** np.array(index)) * factorial))
            for k, order in enumerate(index):
                own = (own[:, :, None] * local[k][order][:, None, :]).reshape(n, -1)
            found.append(own)
        return TensorPoints(orders, ansatz, columns, found)

    def jets(self, points: TensorPoints) -> list[Jet]:
        """Return the jets of the splines at points, one for every unknown."""
        found: list[Jet] = []
        for coef in self.coef.reshape(len(self.coef), -1):
            own = coef[points.columns]
            found.append([np.einsum("nk,nk->n", values, own) for values in points.values])
        return found

    def on(self, axes: Sequence[Axis]) -> "Tensor":
        """Return the same on other axes, exactly where those have all breakpoints of these."""
        coef = self.coef
        for k, (old, new) in enumerate(zip(self.axes, axes, strict=True)):
            if old is not new:
                coef = np.moveaxis(np.tensordot(old.onto(new), coef, axes=(1, k + 1)), 0, k + 1)
        return Tensor(tuple(axes), np.ascontiguousarray(coef))

    def network(self) -> Network:
        """Return the network of product nodes that is the same function."""
        degree, n_most = self.axes[0].degree, max(own.n_intervals for own in self.axes)
        plain = [Axis(_halved(own.ends, n_most), degree) for own in self.axes]
        coef = self.on(plain).coef
        terms: list[list[FloatArray]] = []
        weights: list[int] = []
        for k, own in enumerate(coef):
            parts = _products(own)
            terms += parts
            weights += [k] * len(parts)
        d, n_terms = len(plain), len(terms)
        grid = SplineGrid(np.stack([own.ends for own in plain]), degree)
        first = np.zeros((d, grid.n_splines, n_terms * d))
        for number, factors in enumerate(terms):
            for k, factor in enumerate(factors):
                first[k, :, number * d + k] = factor
        shares = np.zeros((n_terms, len(coef)))
        shares[np.arange(n_terms), weights] = 1.0
        ends = SplineGrid(np.tile(np.linspace(-1.0, 1.0, n_most + 1), (n_terms, 1)), degree)
        last = Layer(ends, np.zeros((n_terms, ends.n_splines, len(coef))))
        scaling = Scaling(np.zeros(d), np.ones(d), np.zeros(len(coef)), np.ones(len(coef)))
        return product_network(
            Layer(grid, first, arities=(d,) * n_terms), last, range(d), shares, scaling
        )


def _halved(ends: FloatArray, n_intervals: int) -> FloatArray:
    """Return more breakpoints, by halves of the longest intervals."""
    found = ends
    while len(found) <= n_intervals:
        k = int(np.argmax(np.diff(found)))
        found = np.insert(found, k + 1, 0.5 * (found[k] + found[k + 1]))
    return found


def _products(coef: FloatArray) -> list[list[FloatArray]]:
    """Return terms, each a vector for every axis, whose sum of products is a table."""
    if coef.ndim == 1:
        return [[coef]]
    u, sizes, vt = np.linalg.svd(coef.reshape(-1, coef.shape[-1]), full_matrices=False)
    n_terms = max(1, int(np.sum(sizes > LEAST_TERM * max(sizes[0], 1e-300))))
    found = []
    for k in range(n_terms):
        left = np.sqrt(sizes[k]) * u[:, k].reshape(coef.shape[:-1])
        found += [[*own, np.sqrt(sizes[k]) * vt[k]] for own in _products(left)]
    return found


def sparse_columns(
    points: TensorPoints, seeds: Jet, n_unknowns: int, n_splines: int
) -> tuple[NDArray[np.intp], FloatArray]:
    """Return the derivatives of seeded jets by the coefficients that count at every point.

    Returns
    -------
    columns : ndarray of int of shape (n_points, n_unknowns * n_local)
        Which they are.
    data : ndarray of shape (n_points, n_seeds, n_unknowns * n_local)
        Derivatives.
    """
    n, n_local = points.columns.shape
    total: FloatArray | None = None
    for seed, values in zip(seeds, points.values, strict=True):
        if seed is not None:
            own = seed.transpose(0, 2, 1)[..., None] * values[:, None, None, :]
            total = own if total is None else total + own
    if total is None:
        total = np.zeros((n, 1, n_unknowns, n_local))
    offsets = n_splines * np.arange(n_unknowns)
    columns = points.columns[:, None, :] + offsets[:, None]
    return columns.reshape(n, -1), total.reshape(n, total.shape[1], -1)
