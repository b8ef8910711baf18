"""Networks as ONNX operators.

A spline is the sum of what its pieces contribute between their ends: with the argument clipped to
every interval, a piece is a polynomial whose value at the interval's beginning is taken off. So no
piece has to be looked up, and a layer takes about eight operators, whatever its size: one that
spreads its inputs over the pieces, clipping, powers, and one product with all coefficients.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import factorial

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.network._compaction import compact
from skkan.network._layer import Layer
from skkan.network._network import Network
from skkan.network.functions._symbolic_edge import ROUNDING, EdgeFunction, SymbolicEdge
from skkan.onnx._expressions import ExpressionWriter
from skkan.onnx._graph import Graph
from skkan.symbolic.export._program import edge_form

# Inputs that lie farther from zero than this many times their range are moved there first, lest
# digits get lost.
MAX_OFFSET = 10.0
# Up to so many inputs are spread by a matrix product, which is quicker than picking columns.
FEW_INPUTS = 16


@dataclass(frozen=True)
class Nodes:
    """Values of nodes, ``(value - shift) / scale``.

    Attributes
    ----------
    value : str
        Name of an array of shape (n_samples, n_nodes).
    shift, scale : ndarray of shape (n_nodes,)
        Zeros and ones but for inputs.
    """

    value: str
    shift: FloatArray
    scale: FloatArray

    def spread(
        self, graph: Graph, nodes: NDArray[np.intp], slope: FloatArray, constant: FloatArray
    ) -> str:
        """Return ``slope * node + constant`` for some nodes, each as often as it is named."""
        rate = slope / self.scale[nodes]
        constant = constant - rate * self.shift[nodes]
        if len(self.shift) <= FEW_INPUTS and np.all(np.abs(constant) <= 1e3):
            matrix = np.zeros((len(self.shift), len(nodes)))
            matrix[nodes, np.arange(len(nodes))] = rate
            return graph.add("Gemm", self.value, matrix, constant)
        picked = graph.add("Gather", self.value, nodes.astype(np.int64), axis=1)
        centre = -constant / np.where(rate == 0.0, 1.0, rate)
        picked = graph.add("Mul", graph.add("Sub", picked, centre), rate)
        still = np.where(rate == 0.0, constant, 0.0)
        return graph.add("Add", picked, still) if still.any() else picked


class LayerWriter:
    """Writes one layer into a graph.

    Parameters
    ----------
    graph : Graph
        The graph.
    layer : Layer
        The layer.
    factors, shifts : ndarray of shape (n_subnodes,)
        What subnodes are multiplied by, and then raised by.
    """

    def __init__(self, graph: Graph, layer: Layer, factors: FloatArray, shifts: FloatArray) -> None:
        self._graph = graph
        self._layer = layer
        self._factors = factors
        self._bias = shifts.copy()
        self._features: list[str] = []
        self._weights: list[FloatArray] = []

    def write(self, nodes: Nodes) -> str:
        """Return the layer's nodes, shape (n_samples, n_out)."""
        layer = self._layer
        splined = np.flatnonzero(layer.splined.any(axis=1))
        if len(splined):
            self._splines(nodes, splined)
            if layer.base is not None:
                self._base(nodes, splined)
        groups: dict[int, list[tuple[tuple[int, int], SymbolicEdge]]] = {}
        for key, edge in layer.symbols.items():
            groups.setdefault(id(edge.function), []).append((key, edge))
        for edges in groups.values():
            self._symbols(nodes, edges)
        if not self._features:
            # A constant has to know the number of samples all the same.
            none = np.zeros(1)
            self._features.append(nodes.spread(self._graph, np.zeros(1, np.intp), none, none))
            self._weights.append(np.zeros((1, layer.n_subnodes)))
        return self._products()

    def _splines(self, nodes: Nodes, own: NDArray[np.intp]) -> None:
        layer, graph = self._layer, self._graph
        grid = layer.grid
        size, degree = grid.grid_size, grid.degree
        half = 0.5 * np.diff(grid.breakpoints, axis=1)
        middles = grid.breakpoints[:, :-1] + half
        coef = layer.coef[:, : grid.n_splines] * self._factors
        # Taylor coefficients by node, interval and subnode, in units of half an interval.
        terms = [
            np.einsum("gim,imj->igj", grid.dense(middles.T, order), coef)
            * (half**order)[:, :, None]
            / factorial(order)
            for order in range(1, degree + 1)
        ]
        begin = np.stack([grid.low, grid.low - layer.half_span, grid.high])
        values = np.einsum("pim,imj->pij", grid.dense(begin), coef)
        beyond = np.einsum("im,imj->ij", grid.dense((grid.high + layer.half_span)[None])[0], coef)
        signs = (-1.0) ** np.arange(1, degree + 1)
        start = values[0] - sum(
            (sign * term.sum(axis=1) for sign, term in zip(signs, terms, strict=True)),
            np.zeros_like(values[0]),
        )
        self._bias += start[own].sum(axis=0)
        # Pieces: the intervals, then what lies below and above them, in units of half the grid.
        place = np.concatenate([middles, grid.low[:, None], grid.high[:, None]], axis=1)[own]
        width = np.concatenate([half, *[layer.half_span[:, None]] * 2], axis=1)[own]
        index = np.repeat(own, size + 2)
        t = nodes.spread(graph, index, 1.0 / width.ravel(), -(place / width).ravel())
        low = np.tile([-1.0] * size + [-np.inf, 0.0], len(own))
        high = np.tile([1.0] * size + [0.0, np.inf], len(own))
        t = graph.add("Min", graph.add("Max", t, low), high)
        self._features.append(t)
        bounded = t
        if degree > 1 and graph.dtype == np.float32:
            # Powers of what lies far beyond the grid would overflow; doubles hold them.
            inside = np.tile([1.0] * size + [0.0, 0.0], len(own))
            bounded = graph.add("Mul", t, inside)
        for order in range(1, degree + 1):
            tails = np.zeros((layer.n_in, 2, layer.n_subnodes))
            if order == 1:
                tails[:, 0] = values[0] - values[1]
                tails[:, 1] = beyond - values[2]
            else:
                self._features.append(graph.add("Mul", self._features[-1], bounded))
            weights = np.concatenate([terms[order - 1], tails], axis=1)[own]
            self._weights.append(weights.reshape(-1, layer.n_subnodes))

    def _base(self, nodes: Nodes, own: NDArray[np.intp]) -> None:
        layer, graph = self._layer, self._graph
        if layer.base is None:
            return
        slope = 1.0 / layer.half_span[own]
        u = nodes.spread(graph, own, slope, -layer.grid.low[own] * slope - 1.0)
        self._features.append(_function(graph, layer.base, u))
        self._weights.append(layer.coef[own, -1] * self._factors)

    def _symbols(self, nodes: Nodes, edges: Sequence[tuple[tuple[int, int], SymbolicEdge]]) -> None:
        import sympy  # noqa: PLC0415

        layer, graph = self._layer, self._graph
        function = edges[0][1].function
        places = np.array([i for (i, _), _ in edges])
        a, b, c, _ = np.transpose([edge.parameters for _, edge in edges])
        form = edge_form(function)(sympy.Symbol("u", real=True))
        for (_, j), edge in edges:
            _, _, factor, constant = edge.parameters
            value = factor * float(form) if form.is_number else 0.0
            self._bias[j] += (value + constant) * self._factors[j]
        if form.is_number:
            return
        u = nodes.spread(graph, places, a, b)
        near = ROUNDING * (np.abs(a) * layer.grid.reach[places] + np.abs(b))
        near *= np.finfo(graph.dtype).eps / np.finfo(np.float64).eps
        u = _settled(graph, function, u, near)
        self._features.append(_function(graph, function, u))
        weights = np.zeros((len(edges), layer.n_subnodes))
        for row, ((_, j), _) in enumerate(edges):
            weights[row, j] = c[row] * self._factors[j]
        self._weights.append(weights)

    def _products(self) -> str:
        """Return the sums over the features, or products of them."""
        graph, layer = self._graph, self._layer
        weights = np.concatenate(self._weights)
        bias = self._bias
        features = self._features[0]
        if len(self._features) > 1:
            features = graph.add("Concat", *self._features, axis=1)
        if layer.products is None:
            return graph.add("Gemm", features, weights, bias)
        # The last column is 1, for nodes that have fewer factors than others.
        weights = np.concatenate([weights, np.zeros((len(weights), 1))], axis=1)
        sums = graph.add("Gemm", features, weights, np.append(bias, 1.0))
        ends = list(pairwise(np.cumsum([0, *layer.arities])))
        factors = []
        for k in range(max(layer.arities)):
            columns = [start + k if start + k < stop else layer.n_subnodes for start, stop in ends]
            factors.append(graph.add("Gather", sums, np.array(columns, np.int64), axis=1))
        return graph.product(factors)


def _function(graph: Graph, function: EdgeFunction, u: str) -> str:
    import sympy  # noqa: PLC0415

    symbol = sympy.Symbol("u", real=True)
    return ExpressionWriter(graph, {symbol: u}).write(edge_form(function)(symbol))


def _settled(graph: Graph, function: EdgeFunction, u: str, near: FloatArray) -> str:
    """Return arguments on the borders of a function where they are there but for rounding."""
    borders = function.borders
    places: list[tuple[float, str]] = [
        (own, graph.add("Sub", u, own) if own else u) for own in borders.values
    ]
    for pole in borders.poles:
        distance = graph.add("Sub", u, pole) if pole else u
        if borders.period is not None:
            turns = graph.add("Div", distance, borders.period)
            whole = graph.add("Floor", graph.add("Add", turns, 0.5))
            distance = graph.add("Sub", distance, graph.add("Mul", whole, borders.period))
        places.append((np.nan, distance))
    for value, distance in places:
        there = graph.add("LessOrEqual", graph.add("Abs", distance), near)
        u = graph.add("Where", there, np.array(value), u)
    return u


def write_network(graph: Graph, network: Network, X: str) -> str:
    """Write a network into a graph and return its outputs, in the units of the data.

    Parameters
    ----------
    graph : Graph
        The graph.
    network : Network
        The network.
    X : str
        Name of the inputs, shape (n_samples, n_inputs).

    Returns
    -------
    outputs : str
        Name of the outputs, shape (n_samples, n_outputs).
    """
    layers, scaling = compact(network.layers).layers, network.scaling
    shift = scaling.input_shift.copy()
    # Inputs that are constant are 0, whatever comes later.
    scale = np.where(np.isfinite(scaling.input_scale), scaling.input_scale, np.inf)
    if np.any(np.abs(shift) > MAX_OFFSET * scale):
        X = graph.add("Sub", X, shift)
        shift = np.zeros_like(shift)
    nodes = Nodes(X, shift, scale)
    for depth, layer in enumerate(layers):
        last = depth == len(layers) - 1
        factors = scaling.output_scale if last else np.ones(layer.n_subnodes)
        shifts = scaling.output_shift if last else np.zeros(layer.n_subnodes)
        value = LayerWriter(graph, layer, factors, shifts).write(nodes)
        nodes = Nodes(value, np.zeros(layer.n_out), np.ones(layer.n_out))
    return nodes.value
