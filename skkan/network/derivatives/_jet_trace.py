"""Derivatives of a network by its inputs, to any order, and their Jacobian by the parameters.

With the jets of :mod:`skkan.network.derivatives._jets` for nodes, the subnodes of a layer are for
every multi-index a matrix product of features with the coefficients, as its values are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import factorial

import numpy as np

from skkan._typing import FloatArray
from skkan.network._layer import Layer
from skkan.network.derivatives._jets import Jet, JetOrders
from skkan.network.functions._splines import places, scatter
from skkan.network.functions._symbolic_edge import N_PARAMETERS, SymbolicEdge


@dataclass
class LayerFeatures:
    """The features of a layer's inputs, for every multi-index.

    Attributes
    ----------
    matrices : list of ndarray of shape (n_points, n_in * n_features) or None
        So that the subnodes are a matrix product with the coefficients.
    powers : list of Jet
        As :meth:`JetOrders.powers` returns them for the inputs.
    inputs : Jet
        The inputs.
    derivatives : list of ndarray of shape (n_points, n_in, n_features)
        Of the features, order 1 to one more than the largest of the jet; empty if not wanted.
    """

    matrices: Jet
    powers: list[Jet]
    inputs: Jet
    derivatives: list[FloatArray]


def layer_features(layer: Layer, inputs: Jet, orders: JetOrders, pull: bool) -> LayerFeatures:
    """Return the features of a layer at jets of its inputs.

    Parameters
    ----------
    layer : Layer
        The layer; its coefficients do not matter.
    inputs : Jet
        Of arrays of shape (n_points, n_in).
    orders : JetOrders
        Multi-indices.
    pull : bool
        Whether to keep what the way back through the layer needs.
    """
    x, top = inputs[0], orders.max_order
    assert x is not None
    first, local = layer.grid.local(x, top + pull)
    width = layer.n_features
    place = places(first, width)
    base: FloatArray | None = None
    if layer.base is not None:
        rates = layer.half_span ** -np.arange(top + pull + 1.0)[:, None, None]
        base = layer.base.derivatives(layer.coordinate(x), top + pull) * rates
    powers = orders.powers(inputs)
    matrices: Jet = []
    for alpha in range(len(orders)):
        terms = [
            (m, own / factorial(m)) for m, p in enumerate(powers) if (own := p[alpha]) is not None
        ]
        if not terms:
            matrices.append(None)
            continue
        splines = sum(local[m] * own for m, own in terms)
        dense = scatter(place, splines, width)
        if base is not None:
            dense[..., -1] = sum(base[m] * own for m, own in terms)
        matrices.append(dense.reshape(len(x), -1))
    derivatives: list[FloatArray] = []
    for m in range(1, top + 2 if pull else 1):
        dense = scatter(place, local[m], width)
        if base is not None:
            dense[..., -1] = base[m]
        derivatives.append(dense)
    return LayerFeatures(matrices, powers, inputs, derivatives)


class JetTrace:
    """A forward pass with jets.

    Parameters
    ----------
    layers : sequence of Layer
        First to last.
    inputs : Jet
        Jets of the inputs of the first layer, arrays of shape (n_points, n_in).
    orders : JetOrders
        Multi-indices.
    first : LayerFeatures, optional
        Features of the first layer at `inputs`, if known.
    pull : bool, default=True
        Whether :meth:`jacobian` and :meth:`gradient` are to be called.

    Attributes
    ----------
    outputs : Jet
        Arrays of shape (n_points, n_outputs).

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.network.derivatives._jets import JetOrders
    >>> from skkan.network.derivatives._jet_trace import JetTrace
    >>> from skkan.network._layer import Layer
    >>> from skkan.network.functions._splines import SplineGrid
    >>> grid = SplineGrid(np.array([[-1.0, 0.0, 1.0]]), degree=3)
    >>> orders = JetOrders([(2,)], 1)
    >>> layers = [Layer(grid, grid.greville()[:, :, None] ** 1)]
    >>> trace = JetTrace(layers, orders.of_variables(np.array([[0.25]])), orders)
    >>> [round(own.item(), 12) for own in trace.outputs]
    [0.25, 1.0, 0.0]
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        inputs: Jet,
        orders: JetOrders,
        first: LayerFeatures | None = None,
        pull: bool = True,
    ) -> None:
        self._layers = layers
        self._orders = orders
        self._pull = pull
        self._features: list[LayerFeatures] = []
        self._subnodes: list[Jet] = []
        nodes = inputs
        for depth, layer in enumerate(layers):
            known = depth == 0 and first is not None
            own = first if known else layer_features(layer, nodes, orders, pull and depth > 0)
            assert own is not None
            subnodes = self._forward(layer, own)
            self._features.append(own)
            self._subnodes.append(subnodes)
            nodes = self._nodes(layer, subnodes)
        self.outputs: Jet = nodes

    def _forward(self, layer: Layer, features: LayerFeatures) -> Jet:
        matrix = layer.coef.reshape(-1, layer.n_subnodes)
        subnodes: Jet = [None if own is None else own @ matrix for own in features.matrices]
        for (i, j), edge in layer.symbols.items():
            known = _function_derivatives(edge, features, i, layer, self._orders.max_order)
            c, d = edge.parameters[2:]
            for alpha, part in enumerate(_composed(known, features.powers, i)):
                if part is not None:
                    own = subnodes[alpha]
                    if own is None:
                        own = subnodes[alpha] = np.zeros((len(part), layer.n_subnodes))
                    own[:, j] += c * part + (d if alpha == 0 else 0.0)
        return subnodes

    def _nodes(self, layer: Layer, subnodes: Jet) -> Jet:
        if layer.products is None:
            return subnodes
        columns: list[Jet] = []
        for group in _groups(layer):
            product = _column(subnodes, group[0])
            for j in group[1:]:
                product = self._orders.multiplied(product, _column(subnodes, j))
            columns.append(product)
        value = subnodes[0]
        assert value is not None
        return [
            None
            if all(own[alpha] is None for own in columns)
            else np.stack([_filled(own[alpha], len(value)) for own in columns], axis=1)
            for alpha in range(len(self._orders))
        ]

    def _to_subnodes(self, depth: int, seeds: Jet) -> Jet:
        """Turn seeds of a layer's nodes, (n_points, n_out, ...), into those of its subnodes."""
        layer, orders = self._layers[depth], self._orders
        if layer.products is None:
            return seeds
        subnodes = self._subnodes[depth]
        sample = next(own for own in seeds if own is not None)
        pulled: Jet = [
            np.zeros((len(sample), layer.n_subnodes, *sample.shape[2:])) for _ in orders.indices
        ]
        for node, group in enumerate(_groups(layer)):
            own = _column(seeds, node)
            for j in group:
                part: Jet = own
                for k in group:
                    if k != j:
                        part = orders.pulled(_column(subnodes, k), part)
                for place, found in zip(pulled, part, strict=True):
                    if found is not None and place is not None:
                        place[:, j] = found
        return pulled

    def _slopes(self, depth: int) -> Jet:
        """Return the jets of the slopes of a layer's edges, (n_points, n_in, n_subnodes)."""
        layer, features, orders = self._layers[depth], self._features[depth], self._orders
        by_order = [
            np.matmul(own.transpose(1, 0, 2), layer.coef).transpose(1, 0, 2)
            for own in features.derivatives
        ]
        for (i, j), edge in layer.symbols.items():
            known = _function_derivatives(edge, features, i, layer, orders.max_order + 1)
            for m, own in enumerate(by_order, start=1):
                own[:, i, j] += edge.parameters[2] * known[m]
        slopes: Jet = []
        for alpha in range(len(orders)):
            total: FloatArray | None = None
            for m, power in enumerate(features.powers):
                weight = power[alpha]
                if weight is not None:
                    wide = weight[..., None] if weight.ndim > 1 else weight
                    part = by_order[m] * (wide / factorial(m))
                    total = part if total is None else total + part
            slopes.append(total)
        return slopes

    def _to_inputs(self, depth: int, seeds: Jet) -> Jet:
        """Turn seeds of a layer's subnodes, (n_points, n_subnodes, n_seeds), into its inputs'."""
        slopes, orders = self._slopes(depth), self._orders
        pulled: Jet = [None] * len(orders)
        for a, b, c in orders.sums:
            x, y = slopes[a], seeds[c]
            if x is not None and y is not None:
                own = np.matmul(x, y)
                pulled[b] = own if pulled[b] is None else pulled[b] + own
        return pulled

    def _backward(self, seeds: Jet) -> Iterator[tuple[int, Jet]]:
        """Yield every layer's number with the seeds of its subnodes, last to first."""
        for depth in reversed(range(len(self._layers))):
            seeds = self._to_subnodes(depth, seeds)
            yield depth, seeds
            if depth:
                seeds = self._to_inputs(depth, seeds)

    def jacobian(self, seeds: Jet, out: FloatArray) -> None:
        """Set derivatives of combinations of the output jets by the parameters.

        Parameters
        ----------
        seeds : Jet
            Weights of the outputs in every combination, (n_points, n_outputs, n_seeds).
        out : ndarray of shape (n_points, n_seeds, n_parameters)
            Where to put them; the order of the parameters is that of :class:`Network`.
        """
        stop, last = sum(layer.coef.size for layer in self._layers), out.shape[2]
        for depth, own in self._backward(seeds):
            layer, features = self._layers[depth], self._features[depth]
            start = stop - layer.coef.size
            block = out[:, :, start:stop]
            n_features = layer.n_in * layer.n_features
            _outer_sum(
                features.matrices, own, block.reshape(*out.shape[:2], n_features, layer.n_subnodes)
            )
            if not layer.all_splines:
                unused = np.broadcast_to(~layer.splined[:, None, :], layer.coef.shape)
                block[:, :, unused.ravel()] = 0.0
            if layer.symbols:
                first = last - N_PARAMETERS * len(layer.symbols)
                out[:, :, first:last] = self._symbol_jacobian(depth, own, out.shape[:2])
                last = first
            stop = start

    def gradient(self, seeds: Jet) -> FloatArray:
        """Return the sum over points of a combination of the output jets, by the parameters.

        Parameters
        ----------
        seeds : Jet
            Weights of the outputs, (n_points, n_outputs).
        """
        wide: Jet = [None if own is None else own[:, :, None] for own in seeds]
        parts: list[FloatArray] = []
        tails: list[FloatArray] = []
        for depth, own in self._backward(wide):
            layer, features = self._layers[depth], self._features[depth]
            total = np.zeros((layer.n_in * layer.n_features, layer.n_subnodes))
            for matrix, seed in zip(features.matrices, own, strict=True):
                if matrix is not None and seed is not None:
                    total += matrix.T @ seed[:, :, 0]
            parts.append(layer.restricted(total.reshape(layer.coef.shape)).ravel())
            if layer.symbols:
                shape = (len(features.matrices[0]), 1)  # type: ignore[arg-type]
                tails.append(self._symbol_jacobian(depth, own, shape).sum(axis=(0, 1)))
        return np.concatenate(parts[::-1] + tails[::-1])

    def _symbol_jacobian(self, depth: int, seeds: Jet, shape: tuple[int, ...]) -> FloatArray:
        """Return derivatives by the symbolic edges' parameters, four for each."""
        layer, features, orders = self._layers[depth], self._features[depth], self._orders
        blocks = []
        for (i, j), edge in layer.symbols.items():
            c = float(edge.parameters[2])
            known, slopes = (
                _function_derivatives(edge, features, i, layer, orders.max_order, raised)
                for raised in (0, 1)
            )
            by_c = _composed(known, features.powers, i)
            by_b: Jet = [
                None if own is None else c * own for own in _composed(slopes, features.powers, i)
            ]
            by_a = orders.multiplied(by_b, _column(features.inputs, i))
            by_d: Jet = [None] * len(orders)
            by_d[0] = np.ones(shape[0])
            columns = []
            for jet in (by_a, by_b, by_c, by_d):
                total = np.zeros(shape)
                for own, seed in zip(jet, seeds, strict=True):
                    if own is not None and seed is not None:
                        total += own[:, None] * seed[:, j]
                columns.append(total)
            blocks.append(np.stack(columns, axis=-1))
        return np.concatenate(blocks, axis=-1)


def _function_derivatives(
    edge: SymbolicEdge, features: LayerFeatures, i: int, layer: Layer, top: int, raised: int = 0
) -> list[FloatArray]:
    """Return ``a^m f^(m + raised)(a x + b)`` of ``c f(a x + b) + d``, ``m`` from 0 to `top`."""
    x = features.inputs[0]
    assert x is not None
    rate = float(edge.parameters[0])
    found = edge.function_derivatives(x[:, i], top + raised, float(layer.grid.reach[i]))
    return [rate**m * own for m, own in enumerate(found[raised:])]


def _composed(known: Sequence[FloatArray], powers: Sequence[Jet], i: int) -> Jet:
    """Return the jet of a function of input `i`, given its derivatives at the input's value."""
    jet: Jet = []
    for alpha in range(len(powers[0])):
        total: FloatArray | None = None
        for m, power in enumerate(powers):
            own = power[alpha]
            if own is not None:
                part = known[m] * (own[:, i] if own.ndim > 1 else own) / factorial(m)
                total = part if total is None else total + part
        jet.append(total)
    return jet


def _column(jet: Jet, j: int) -> Jet:
    return [None if own is None else own[:, j] for own in jet]


def _filled(own: FloatArray | None, n_points: int) -> FloatArray:
    return np.zeros(n_points) if own is None else own


def _groups(layer: Layer) -> list[range]:
    """Return the subnodes of every node."""
    ends = np.cumsum([0, *layer.arities])
    return [range(start, stop) for start, stop in pairwise(ends.tolist())]


def _outer_sum(matrices: Sequence[FloatArray | None], seeds: Jet, out: FloatArray) -> None:
    """Set ``out[n, q, f, j]`` to the sum over multi-indices of feature times seed."""
    pairs = [
        (matrix, seed)
        for matrix, seed in zip(matrices, seeds, strict=True)
        if matrix is not None and seed is not None
    ]
    if not pairs:
        out[...] = 0.0
        return
    features = np.stack([matrix for matrix, _ in pairs], axis=2)
    weights = np.stack([seed for _, seed in pairs], axis=1)
    n_points, n_features, n_terms = features.shape
    flat = weights.transpose(0, 1, 3, 2).reshape(n_points, n_terms, -1)
    product = np.matmul(features, flat).reshape(n_points, n_features, out.shape[1], out.shape[3])
    out[...] = product.transpose(0, 2, 1, 3)
