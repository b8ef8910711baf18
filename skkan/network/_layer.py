"""One KAN layer: a linear map on spline features of its inputs.

With one grid per input node the layer ``out_j = sum_i phi_ij(x_i)`` is a matrix product,

    out = Phi(x) C,    Phi = [B_1(x_1), ..., B_M(x_1), b(x_1), B_1(x_2), ...],

where the last feature of a node, its base function ``b``, is absent for the base "zero"
(Liu et al., arXiv:2404.19756, equations 2.5 and 2.10).

Edges may be missing or be known functions instead of splines, and the sums may be the factors of
product nodes (Liu et al., arXiv:2408.10205); then the sums are called subnodes.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from skkan._typing import FloatArray
from skkan.network._features import Features, LocalFeatures, leaves_out_zeros
from skkan.network._product_nodes import ProductNodes
from skkan.network.functions._base_functions import BaseFunction
from skkan.network.functions._splines import SplineGrid
from skkan.network.functions._symbolic_edge import N_PARAMETERS, SymbolicEdge

# Features that are used once should stay in cache, and take no memory worth mentioning.
BLOCK_BYTES = 2**21
# Of the size of the coefficients: splines that are nearer to lines than that are lines.
STRAIGHT = 1e-12
Symbols = Mapping[tuple[int, int], SymbolicEdge]


class Layer:
    """Edge functions from ``n_in`` input nodes to subnodes, and the nodes that are made of those.

    Parameters
    ----------
    grid : SplineGrid
        One grid per input node.
    coef : ndarray of shape (n_in, n_features, n_subnodes)
        Coefficients of the features of every edge; those of edges that are no splines are set to
        zero.
    base : BaseFunction or None
        Function added to the splines; it acts on the grid coordinate, in which the grid is
        [-1, 1].
    active : array-like of bool of shape (n_in, n_subnodes), optional
        False for edges that are identically zero, because they have been pruned. By default all
        edges are active.
    symbols : mapping of (int, int) to SymbolicEdge, optional
        Symbolic edges by input node and subnode; they take the place of splines. Those of inactive
        edges are dropped.
    arities : sequence of int, optional
        For every output node the number of consecutive subnodes whose product it is: 1 for a
        sum node. By default all are sum nodes.
    """

    def __init__(
        self,
        grid: SplineGrid,
        coef: FloatArray,
        base: BaseFunction | None = None,
        active: ArrayLike | None = None,
        symbols: Symbols | None = None,
        arities: Sequence[int] | None = None,
    ) -> None:
        self.grid = grid
        self.coef = coef
        self.base = base
        self.arities = (1,) * self.n_subnodes if arities is None else tuple(arities)
        if min(self.arities) < 1 or sum(self.arities) != self.n_subnodes:
            raise ValueError(
                f"arities {self.arities} must be positive and sum to {self.n_subnodes} subnodes"
            )
        self.products = ProductNodes(self.arities) if max(self.arities) > 1 else None
        if active is None:
            active = np.ones((self.n_in, self.n_subnodes), dtype=bool)
        self.set_edges(active, symbols or {})

    def set_edges(self, active: ArrayLike, symbols: Symbols) -> None:
        """Say which edges are there and which of them are symbolic.

        Parameters
        ----------
        active : array-like of bool of shape (n_in, n_subnodes)
            Edges that are not identically zero.
        symbols : mapping of (int, int) to SymbolicEdge
            Symbolic edges; those of inactive edges are dropped.
        """
        active = np.array(active, dtype=bool)
        if active.shape != (self.n_in, self.n_subnodes):
            raise ValueError(f"active has shape {active.shape}, not {(self.n_in, self.n_subnodes)}")
        # All code below relies on the coefficients of other edges being zero.
        active.flags.writeable = False
        self._active = active
        self._symbols = {key: symbols[key] for key in sorted(symbols) if active[key]}
        splined = active.copy()
        for key in self._symbols:
            splined[key] = False
        splined.flags.writeable = False
        self._splined = splined
        self._all_splines = bool(splined.all())
        self._targets = np.array([j for _, j in self._symbols], dtype=np.intp)
        self.coef = self.restricted(self.coef)

    def __getstate__(self) -> dict[str, Any]:
        """Store symbolic edges as a list, since not every format has keys of several numbers."""
        return {**vars(self), "_symbols": [(*key, edge) for key, edge in self._symbols.items()]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        symbols = {(i, j): edge for i, j, edge in state["_symbols"]}
        vars(self).update({**state, "_symbols": symbols})

    def copy(self) -> "Layer":
        """Return an independent copy (what is never changed in place is shared)."""
        return Layer(
            self.grid, self.coef.copy(), self.base, self.active, self.symbols, self.arities
        )

    def extrapolating(self, clamped: bool) -> "Layer":
        """Return the layer with splines that are constant beyond their grids, or straight."""
        other = self.copy()
        other.grid = SplineGrid(self.grid.breakpoints, self.grid.degree, clamped)
        return other

    def astype(self, dtype: DTypeLike) -> "Layer":
        """Return the layer in another precision, in which it then takes and gives arrays.

        Symbolic edges keep their parameters, and are evaluated in double precision.
        """
        other = copy.copy(self)
        other.grid, other.coef = self.grid.astype(dtype), self.coef.astype(dtype)
        return other

    @property
    def dtype(self) -> np.dtype[Any]:
        """Precision of the coefficients."""
        return self.coef.dtype

    @property
    def active(self) -> NDArray[np.bool_]:
        """Edges that are not identically zero, shape (n_in, n_subnodes); not writable."""
        return self._active

    @property
    def symbols(self) -> dict[tuple[int, int], SymbolicEdge]:
        """Symbolic edges by input node and subnode, sorted; not to be changed in place."""
        return self._symbols

    @property
    def symbol_targets(self) -> NDArray[np.intp]:
        """Subnodes that the symbolic edges lead to, shape (n_symbols,)."""
        return self._targets

    @property
    def splined(self) -> NDArray[np.bool_]:
        """Edges whose coefficients count, shape (n_in, n_subnodes); not writable."""
        return self._splined

    @property
    def all_splines(self) -> bool:
        """Whether all edges are splines: none is inactive or symbolic."""
        return self._all_splines

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
    def n_subnodes(self) -> int:
        """Number of sums over edges; as many as there are nodes unless some are products."""
        return self.coef.shape[2]

    @property
    def n_out(self) -> int:
        """Number of output nodes."""
        return len(self.arities)

    @property
    def symbol_parameters(self) -> FloatArray:
        """Parameters of the symbolic edges in sorted order, shape (n_symbols, 4)."""
        own = [edge.parameters for edge in self.symbols.values()]
        return np.array(own, dtype=np.float64).reshape(-1, N_PARAMETERS)

    @symbol_parameters.setter
    def symbol_parameters(self, parameters: FloatArray) -> None:
        self._symbols = {
            key: edge.with_parameters(own.copy())
            for (key, edge), own in zip(self.symbols.items(), parameters, strict=True)
        }

    @property
    def half_span(self) -> FloatArray:
        """Half the length of every grid: the unit of the grid coordinate."""
        return 0.5 * (self.grid.high - self.grid.low)

    def coordinate(self, x: FloatArray) -> FloatArray:
        """Return the grid coordinate of `x`: the grid's ends are at -1 and 1."""
        return (x - self.grid.low) / self.half_span - 1.0

    @property
    def row_bytes(self) -> int:
        """Memory that features and their slopes take for a sample, about."""
        if leaves_out_zeros(self.n_features):
            return self.n_in * (24 * (self.grid.degree + 2) + 8 * self.n_subnodes)
        return 2 * self.dtype.itemsize * self.n_in * self.n_features

    def features(self, x: FloatArray) -> Features:
        """Return ``Phi``, shape (n_samples, n_in * n_features), sparse if the grid is fine."""
        return self._local(x, 0)[0].matrix()

    def features_and_slopes(self, x: FloatArray) -> tuple[Features, LocalFeatures]:
        """Return ``Phi`` and its derivative with respect to the inputs."""
        values, slopes = self._local(x, 1)
        return values.matrix(), slopes

    def _local(self, x: FloatArray, max_order: int) -> list[LocalFeatures]:
        """Return the features that are not zero, and their derivatives up to an order."""
        first, splines = self.grid.local(x, max_order)
        parts: list[FloatArray | None] = [None, None]
        if self.base is not None:
            u = self.coordinate(x)
            parts = [self.base.value(u), self.base.slope(u) / self.half_span]
        return [
            LocalFeatures(first, own, base, self.n_features)
            for own, base in zip(splines, parts, strict=False)
        ]

    @property
    def _matrix(self) -> FloatArray:
        return self.coef.reshape(-1, self.n_subnodes)

    def restricted(self, coef: FloatArray) -> FloatArray:
        """Return `coef` with zeros for the edges that are no splines."""
        return coef if self.all_splines else np.where(self.splined[:, None, :], coef, 0.0)

    def subnodes(self, x: FloatArray, features: Features | None = None) -> FloatArray:
        """Return the sums over the edges, shape (n_samples, n_subnodes).

        Parameters
        ----------
        x : ndarray of shape (n_samples, n_in)
            Input nodes.
        features : ndarray or CSR matrix of shape (n_samples, n_in * n_features), optional
            Their features, if known.
        """
        if features is None:
            rows = max(1, BLOCK_BYTES // self.row_bytes)
            if len(x) > rows:
                parts = [x[start : start + rows] for start in range(0, len(x), rows)]
                return np.concatenate([self.subnodes(part) for part in parts])
            features = self.features(x)
        sums: FloatArray = features @ self._matrix
        for (i, j), edge in self.symbols.items():
            sums[:, j] += edge.value(x[:, i], self.grid.reach[i])
        return sums

    def outputs(self, x: FloatArray, features: Features | None = None) -> FloatArray:
        """Return the output nodes, shape (n_samples, n_out).

        Parameters
        ----------
        x : ndarray of shape (n_samples, n_in)
            Input nodes.
        features : ndarray or CSR matrix of shape (n_samples, n_in * n_features), optional
            Their features, if known.
        """
        subnodes = self.subnodes(x, features)
        return subnodes if self.products is None else self.products.values(subnodes)

    def pull(self, x: FloatArray, slopes: LocalFeatures, weights: FloatArray) -> FloatArray:
        """Turn derivatives with respect to the subnodes into those with respect to the inputs.

        Parameters
        ----------
        x : ndarray of shape (n_samples, n_in)
            Input nodes.
        slopes : LocalFeatures
            As :meth:`features_and_slopes` returns them.
        weights : ndarray of shape (n_samples, n_subnodes)
            Derivatives with respect to the subnodes.

        Returns
        -------
        pulled : ndarray of shape (n_samples, n_in)
            ``sum_j weights_j d subnode_j / d x_i``.
        """
        pulled = slopes.contracted(self._matrix, weights)
        for (i, j), edge in self.symbols.items():
            pulled[:, i] += edge.slope(x[:, i], self.grid.reach[i]) * weights[:, j]
        return pulled

    def push(self, x: FloatArray, slopes: LocalFeatures, change: FloatArray) -> FloatArray:
        """Turn changes of the inputs into those of the subnodes, to first order.

        Parameters
        ----------
        x : ndarray of shape (n_samples, n_in)
            Input nodes.
        slopes : LocalFeatures
            As :meth:`features_and_slopes` returns them.
        change : ndarray of shape (n_samples, n_in)
            Changes of the inputs.

        Returns
        -------
        pushed : ndarray of shape (n_samples, n_subnodes)
            ``sum_i change_i d subnode_j / d x_i``.
        """
        pushed: FloatArray = slopes.scaled(change).matrix() @ self._matrix
        for (i, j), edge in self.symbols.items():
            pushed[:, j] += edge.slope(x[:, i], self.grid.reach[i]) * change[:, i]
        return pushed

    def straight(self, i: int) -> tuple[FloatArray, FloatArray] | None:
        """Return values at 0 and slopes of the splines of a node if all are straight lines.

        Parameters
        ----------
        i : int
            Input node.

        Returns
        -------
        lines : tuple of two ndarray of shape (n_subnodes,) or None
            None if one of them is bent by more than rounding, or clamped beyond its grid.
        """
        if self.grid.clamped or self.base is not None:
            return None
        lines = self.lines(i)
        return None if np.isnan(lines[0]).any() else lines

    def lines(self, i: int) -> tuple[FloatArray, FloatArray]:
        """Return values at 0 and slopes of the splines of a node that are straight on its grid.

        Parameters
        ----------
        i : int
            Input node.

        Returns
        -------
        values, slopes : ndarray of shape (n_subnodes,)
            NaN for those that are bent by more than rounding.
        """
        values, slopes = self._all_lines(slice(i, i + 1))
        return values[0], slopes[0]

    def _all_lines(self, nodes: slice = slice(None)) -> tuple[FloatArray, FloatArray]:
        """Return what :meth:`lines` does for some nodes, shape (n_nodes, n_subnodes)."""
        own, sites = self.coef[nodes, : self.grid.n_splines], self.grid.greville()[nodes]
        slopes = (own[:, -1] - own[:, 0]) / (sites[:, -1] - sites[:, 0])[:, None]
        values = own[:, 0] - slopes * sites[:, :1]
        lines = values[:, None] + slopes[:, None] * sites[:, :, None]
        apart = np.abs(own - lines).max(axis=1)
        bent = apart > STRAIGHT * np.abs(own).max(axis=(1, 2), initial=0.0)[:, None]
        return np.where(bent, np.nan, values), np.where(bent, np.nan, slopes)

    def straighten(self) -> None:
        """Free splines that are straight lines but for rounding of what rounding has left."""
        for i, sites in enumerate(self.grid.greville()):
            line = self.straight(i)
            if line is not None:
                values, slopes = line
                self.coef[i] = np.where(self.splined[i], values + slopes * sites[:, None], 0.0)

    def edge_values(self, x: FloatArray) -> FloatArray:
        """Return ``phi_ij(x_i)`` for every edge, shape (n_samples, n_in, n_subnodes)."""
        by_edge = self._local(x, 0)[0].by_edge(self._matrix)
        for (i, j), edge in self.symbols.items():
            by_edge[:, i, j] += edge.value(x[:, i], self.grid.reach[i])
        return by_edge

    def symbol_slopes(self, x: FloatArray) -> FloatArray | None:
        """Return the derivatives of the symbolic edges with respect to their parameters.

        Returns
        -------
        slopes : ndarray of shape (n_samples, n_symbols, 4) or None
            None if no edge is symbolic.
        """
        if not self.symbols:
            return None
        return np.stack(
            [
                edge.parameter_slopes(x[:, i], self.grid.reach[i])
                for (i, _), edge in self.symbols.items()
            ],
            axis=1,
        )

    def add_constants(self, amounts: FloatArray) -> None:
        """Add a constant to every subnode.

        Its splines share it, or else a symbolic edge takes it. A subnode without edges gets one
        from the first node, as there is nothing else in a layer that could hold a constant.

        Parameters
        ----------
        amounts : ndarray of shape (n_subnodes,)
            The constants.
        """
        splines = self.coef[:, : self.grid.n_splines]
        if self.all_splines:
            splines += amounts / self.n_in
            return
        counts = self.splined.sum(axis=0)
        shares = amounts / np.maximum(counts, 1)
        splines += np.where(self.splined, shares, 0.0)[:, None, :]
        for j in np.flatnonzero((counts == 0) & (amounts != 0.0)):
            key = next((key for key in self.symbols if key[1] == j), None)
            if key is not None:
                self._symbols = {**self.symbols, key: self.symbols[key].raised(amounts[j])}
                continue
            active = self.active.copy()
            active[0, j] = True
            self.set_edges(active, self.symbols)
            self.coef[0, : self.grid.n_splines, j] = amounts[j]

    def scale_symbols(self, factors: FloatArray) -> None:
        """Multiply the symbolic edges into every subnode by a factor of its own."""
        self._symbols = {(i, j): edge.scaled(factors[j]) for (i, j), edge in self.symbols.items()}

    def move_symbols(self, shift: FloatArray, unit: FloatArray) -> None:
        """Rewrite the symbolic edges for inputs ``z``, where ``x = shift + unit * z``."""
        self._symbols = {
            (i, j): edge.of_moved_input(shift[i], unit[i]) for (i, j), edge in self.symbols.items()
        }

    def regrid(self, grid: SplineGrid, extend: bool = False) -> None:
        """Move to another grid of the same nodes, keeping the edge functions.

        Where the new grid reaches farther, the outermost polynomials may `extend`, or their
        tangents. The base function acts on the grid coordinate, so where the ends of the grid move
        its part is handed to the splines before, by least squares.
        """
        if self.base is None and not self.grid.clamped:
            values, slopes = self._all_lines()
            if not np.isnan(values).any():
                # Lines go on beyond their grids, and on any other.
                self.grid = grid
                self.coef = values[:, None] + slopes[:, None] * grid.greville()[:, :, None]
                return
        transfer = self.grid.refit_to(grid, extend)
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
