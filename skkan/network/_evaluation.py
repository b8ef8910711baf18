"""Networks prepared for being evaluated again and again, as predictions do.

What does nothing is removed once and not skipped at every call: hidden nodes without effect, inputs
that nothing looks at, splines of nodes whose edges are all symbolic. Many rows then take the
layers' own way, one large matrix product each. For a few rows the time goes into the number of
array operations, whatever their size, and so the splines are tabulated as polynomials, piece by
piece: finding the pieces, gathering their coefficients and one product is all that a layer takes.
"""

from collections.abc import Sequence
from functools import cached_property
from math import factorial

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.network._compaction import compact, part_of
from skkan.network._layer import Layer
from skkan.network._sparse_layers import Step, step_of
from skkan.network.functions._symbolic_edge import EdgeFunction, SymbolicEdge, inner_argument

FEW_ROWS = 16


class EdgesOfFunction:
    """The symbolic edges of one layer that have the same function, evaluated together.

    Parameters
    ----------
    function : EdgeFunction
        The function.
    edges : sequence of ((int, int), SymbolicEdge)
        Input node and subnode of the edges, and the edges.
    reach : ndarray of shape (n_in,)
        Size of the values of the input nodes.
    """

    def __init__(
        self,
        function: EdgeFunction,
        edges: Sequence[tuple[tuple[int, int], SymbolicEdge]],
        reach: FloatArray,
    ) -> None:
        self._value = function.value
        self._nodes = np.array([i for (i, _), _ in edges])
        self._subnodes = np.array([j for (_, j), _ in edges])
        self._a, self._b, self._c, self._d = np.transpose([edge.parameters for _, edge in edges])
        self._borders = function.borders
        self._reach = reach[self._nodes]

    def add_to(self, sums: FloatArray, x: FloatArray) -> None:
        """Add the edges at input nodes `x` to the subnodes, in place."""
        u = inner_argument(x[:, self._nodes], self._a, self._b, self._reach, self._borders)
        values = self._c * self._value(u) + self._d
        np.add.at(sums.T, self._subnodes, values.T)

    @classmethod
    def of_layer(cls, layer: Layer) -> "list[EdgesOfFunction]":
        """Return all symbolic edges of a layer, by function."""
        groups: dict[int, list[tuple[tuple[int, int], SymbolicEdge]]] = {}
        for key, edge in layer.symbols.items():
            groups.setdefault(id(edge.function), []).append((key, edge))
        return [cls(edges[0][1].function, edges, layer.grid.reach) for edges in groups.values()]


class LayerTable:
    """One layer with its splines as polynomials.

    Parameters
    ----------
    layer : Layer
        Not to be changed afterwards.

    Notes
    -----
    Every grid of ``G`` intervals has ``G + 2`` pieces, of which the first and the last are the
    straight lines, or constants, beyond it. Intervals are expanded about their middles, where no
    rounding can put a point into the neighbour. Symbolic edges with the same function are
    evaluated together.
    """

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        nodes = np.flatnonzero(layer.splined.any(axis=1))
        self._nodes = slice(None) if len(nodes) == layer.n_in else nodes
        grid, n_splines = layer.grid, layer.grid.n_splines
        ends = grid.breakpoints
        centres = np.concatenate(
            [ends[:, :1], 0.5 * (ends[:, 1:] + ends[:, :-1]), ends[:, -1:]], axis=1
        )
        orders = range(grid.degree + 1)
        terms = np.stack(
            [
                grid.dense(centres.T, order).transpose(1, 0, 2)
                @ layer.coef[:, :n_splines]
                / factorial(order)
                for order in orders
            ],
            axis=2,
        )
        terms[:, [0, -1], 1 if grid.clamped else 2 :] = 0.0
        n_pieces = centres.shape[1]
        self._ends = ends[nodes]
        self._first_piece = n_pieces * np.arange(len(nodes))
        self._centres = centres[nodes].ravel()
        self._terms = terms[nodes].reshape(len(nodes) * n_pieces, len(orders), layer.n_subnodes)
        self._orders = np.array(orders, dtype=np.float64)
        self._symbols = EdgesOfFunction.of_layer(layer)

    def outputs(self, x: FloatArray) -> FloatArray:
        """Return the output nodes, shape (n_samples, n_out); see :meth:`Layer.outputs`."""
        layer = self._layer
        n_samples = len(x)
        sums: FloatArray = np.zeros((n_samples, layer.n_subnodes))
        if len(self._ends):
            own = x[:, self._nodes]
            piece = np.add.reduce(own[:, :, None] >= self._ends, axis=2) + self._first_piece
            powers = (own - self._centres[piece])[:, :, None] ** self._orders
            n_terms = len(self._ends) * len(self._orders)
            terms = self._terms[piece].reshape(n_samples, n_terms, layer.n_subnodes)
            sums = (powers.reshape(n_samples, 1, n_terms) @ terms)[:, 0]
        if layer.base is not None:
            sums += layer.base.value(layer.coordinate(x)) @ layer.coef[:, -1]
        for edges in self._symbols:
            edges.add_to(sums, x)
        return sums if layer.products is None else layer.products.values(sums)


class Evaluator:
    """Layers in a row, ready to be evaluated.

    Parameters
    ----------
    layers : sequence of Layer
        Of one network; they stay as they are, and may be changed afterwards: what has been
        prepared is still what they were, which :meth:`is_of` tells.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.network._evaluation import Evaluator
    >>> from skkan.network._layer import Layer
    >>> from skkan.network.functions._splines import SplineGrid
    >>> grid = SplineGrid(np.array([[-1.0, 0.0, 1.0]]), degree=3)
    >>> evaluator = Evaluator([Layer(grid, grid.greville()[:, :, None])])
    >>> evaluator.outputs(np.array([[0.3]]))
    array([[0.3]])
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._source = _contents(layers)
        self._layers = compact(layers).layers
        first = self._layers[0]
        used: NDArray[np.bool_] = np.any(first.active, axis=1)
        # A constant model looks at nothing, but has to know the number of samples.
        used[0] |= not used.any()
        self._columns = None if used.all() else np.flatnonzero(used)
        if self._columns is not None:
            self._layers[0] = part_of(first, used, np.ones(first.n_subnodes, dtype=bool))

    def is_of(self, layers: Sequence[Layer]) -> bool:
        """Whether `layers` are still, or again, what has been prepared."""
        return self._source == _contents(layers)

    @cached_property
    def _tables(self) -> list[LayerTable]:
        return [LayerTable(layer) for layer in self._layers]

    @cached_property
    def _steps(self) -> list[Step]:
        return [step_of(layer) for layer in self._layers]

    def outputs(self, inputs: FloatArray) -> FloatArray:
        """Return the outputs of the last layer, shape (n_samples, n_outputs).

        Parameters
        ----------
        inputs : ndarray of shape (n_samples, n_inputs)
            Scaled inputs.
        """
        out = inputs if self._columns is None else inputs[:, self._columns]
        steps: Sequence[Step] = self._tables if len(inputs) <= FEW_ROWS else self._steps
        # Symbolic edges may leave their domain.
        with np.errstate(all="ignore"):
            for step in steps:
                out = step.outputs(out)
        return out


def _contents(layers: Sequence[Layer]) -> list[tuple[object, ...]]:
    """Return what the outputs of `layers` depend on, as objects to be compared with others.

    Arrays that may be written to are copied; grids and base functions are never changed in place.
    """
    return [
        (
            layer.grid,
            layer.base,
            layer.arities,
            layer.active.tobytes(),
            layer.coef.tobytes(),
            [(k, e.function, e.parameters.tobytes()) for k, e in layer.symbols.items()],
        )
        for layer in layers
    ]
