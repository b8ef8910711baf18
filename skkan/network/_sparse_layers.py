"""Layers that are mostly empty or straight, evaluated by what there is.

An analysis of variance as a network has product nodes with one edge a factor, and straight lines
behind all nodes: of its layers hardly an edge in ten is there, or bent.
"""

from typing import Protocol

import numpy as np
from scipy.sparse import csr_matrix

from skkan._typing import FloatArray
from skkan.network._layer import Layer

# Below this share of edges a layer is evaluated edge by edge.
FEW = 0.25
BLOCK_ROWS = 512


class Step(Protocol):
    """One layer, ready to be evaluated."""

    def outputs(self, x: FloatArray) -> FloatArray:
        """Return the output nodes, shape (n_samples, n_out)."""


class StraightLayer:
    """A layer of straight lines: a matrix product.

    Parameters
    ----------
    lines : list of tuple of ndarray
        Values at 0 and slopes of the edges of every input node, as :meth:`Layer.straight` has them.
    """

    def __init__(self, lines: list[tuple[FloatArray, FloatArray]]) -> None:
        self._constant = np.sum([values for values, _ in lines], axis=0)
        self._slopes = np.array([slopes for _, slopes in lines])

    def outputs(self, x: FloatArray) -> FloatArray:
        """Return the output nodes, shape (n_samples, n_out)."""
        out: FloatArray = x @ self._slopes + self._constant
        return out


class SparseLayer:
    """A layer of splines of which few are there.

    Parameters
    ----------
    layer : Layer
        Without base function and symbolic edges.
    """

    def __init__(self, layer: Layer) -> None:
        self._grid = layer.grid
        self._products = layer.products
        self._n_subnodes = layer.n_subnodes
        # Subnodes by their numbers of edges: those of one are columns, the others sums of some.
        edges = np.argwhere(layer.active)
        self._tables = [
            np.ascontiguousarray(layer.coef[i][:, layer.active[i]]) for i in range(layer.n_in)
        ]
        self._ends = np.cumsum([0, *layer.active.sum(axis=1)])
        self._gather = csr_matrix(
            (np.ones(len(edges)), (np.arange(len(edges)), edges[:, 1])),
            shape=(len(edges), layer.n_subnodes),
        )
        order = np.argsort(edges[:, 1], kind="stable")
        self._single = (
            order if np.array_equal(edges[order, 1], np.arange(layer.n_subnodes)) else None
        )

    def outputs(self, x: FloatArray) -> FloatArray:
        """Return the output nodes, shape (n_samples, n_out)."""
        starts = range(0, len(x), BLOCK_ROWS)
        return np.concatenate([self._block(x[start : start + BLOCK_ROWS]) for start in starts])

    def _block(self, x: FloatArray) -> FloatArray:
        n_samples, grid = len(x), self._grid
        first, splines = grid.local(x)
        values = np.empty((n_samples, int(self._ends[-1])))
        ends = np.arange(0, n_samples * (grid.degree + 1) + 1, grid.degree + 1, dtype=np.int32)
        shape = (n_samples, grid.n_splines)
        for i, table in enumerate(self._tables):
            if table.shape[1]:
                places = first[:, i, None] + np.arange(grid.degree + 1)
                own = splines[0, :, :, i].T
                features = csr_matrix((own.ravel(), places.astype(np.int32).ravel(), ends), shape)
                values[:, self._ends[i] : self._ends[i + 1]] = features @ table
        sums: FloatArray
        if self._single is not None:
            sums = values[:, self._single]
        else:
            sums = np.asarray((self._gather.T @ values.T).T)
        return sums if self._products is None else self._products.values(sums)


def step_of(layer: Layer) -> Step:
    """Return what evaluates a layer on many rows: itself, unless it is straight or mostly empty."""
    if layer.base is not None or layer.symbols:
        return layer
    lines = [layer.straight(i) for i in range(layer.n_in)]
    found = [own for own in lines if own is not None]
    if len(found) == len(lines) and layer.products is None:
        return StraightLayer(found)
    if layer.active.mean() < FEW:
        return SparseLayer(layer)
    return layer
