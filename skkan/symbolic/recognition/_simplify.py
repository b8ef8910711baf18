"""Formulas with as few and as nice constants as the data allow.

First the choices go that change nothing: which factor inside or outside of a logarithm, which
constant before or after a node. Then the constants that are left are replaced, one after the other,
by nice ones, the others being fitted anew each time; a constant stays nice if the loss does not
grow by more than a parameter is worth.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.data._samples import TrainingData
from skkan.network._network import Network
from skkan.network._scaling import Scaling
from skkan.network.functions._symbolic_edge import SymbolicEdge
from skkan.objective.losses._loss import Loss
from skkan.symbolic._watch import look
from skkan.symbolic.export._formula import to_sympy
from skkan.symbolic.export._rounding import constants_to_try
from skkan.symbolic.library._symbol import Symbol
from skkan.symbolic.recognition._fitting import _canonical
from skkan.symbolic.recognition._polish import polish

REACHES = (1e-7, 1e-4, 1e-2)
# A relative error of the outputs that counts as rounding.
ROUNDING = 1e-9

Key = tuple[int, int, int, int]


@dataclass(frozen=True)
class SimplifiedFormula:
    """A formula with nice constants.

    Attributes
    ----------
    expression : sympy.Expr or list of sympy.Expr
        The formula, in the units of the data.
    network : Network
        The same function.
    loss : float
        Its mean loss.
    loss_before : float
        Mean loss with all constants fitted.
    """

    expression: Any
    network: Network
    loss: float
    loss_before: float


class _Constants:
    """The parameters of the symbolic edges by name, and which of them vary."""

    def __init__(self, network: Network) -> None:
        self.places: dict[Key, int] = {}
        place = network.n_coefficients
        for depth, layer in enumerate(network.layers):
            for i, j in layer.symbols:
                for k in range(4):
                    self.places[depth, i, j, k] = place
                    place += 1
        self.free: NDArray[np.bool_] = np.zeros(place, dtype=bool)
        self.free[list(self.places.values())] = True

    def hold(self, depth: int, i: int, j: int, which: str) -> None:
        """Hold some of ``a, b, c, d`` of an edge still."""
        for letter in which:
            self.free[self.places[depth, i, j, "abcd".index(letter)]] = False


def simplify(
    network: Network,
    X: FloatArray,
    target: FloatArray,
    loss: Loss,
    feature_names: Sequence[str],
    weight: FloatArray | None = None,
    link: str | None = None,
) -> SimplifiedFormula:
    """Simplify a fully symbolic network.

    Parameters
    ----------
    network : Network
        The network; all its active edges are symbolic.
    X : ndarray of shape (n_samples, n_inputs)
        Samples in the units of the data.
    target : ndarray of shape (n_samples, n_outputs)
        Targets, or class memberships.
    loss : Loss
        Data fit.
    feature_names : sequence of str
        Names of the inputs.
    weight : ndarray of shape (n_samples,), optional
        Weights of the samples.
    link : {None, "binary", "multinomial"}, default=None
        Turns the outputs into class probabilities.

    Returns
    -------
    formula : SimplifiedFormula
        The formula; where no constant can be made nice, with all of them fitted.

    Raises
    ------
    ValueError
        If an edge is a spline.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan import KANRegressor
    >>> from skkan.objective.losses._squared import SquaredLoss
    >>> from skkan.symbolic.recognition._simplify import simplify
    >>> X = np.linspace(-1.0, 1.0, 200)[:, None]
    >>> y = 2.0 * np.sin(np.pi * X[:, 0])
    >>> model = KANRegressor((), random_state=0).fit(X, y).fix_symbolic(0, 0, 0, "sin")
    >>> simplify(model.network_, X, y[:, None], SquaredLoss(), ["x"]).expression
    2*sin(pi*x)
    """
    for depth, layer in enumerate(network.layers):
        if layer.splined.any():
            i, j = np.argwhere(layer.splined)[0].tolist()
            raise ValueError(
                f"edge (layer={depth}, i={i}, j={j}) is a spline; make all active edges symbolic "
                "first, with auto_symbolic or fix_symbolic."
            )
    n_inputs, n_outputs = network.shape[0], network.shape[-1]
    unit = Scaling(np.zeros(n_inputs), np.ones(n_inputs), np.zeros(n_outputs), np.ones(n_outputs))
    weight = np.ones(len(X)) if weight is None else weight
    data = TrainingData.of(X, target, weight, unit)
    network = network.rescaled(unit)
    if any(layer.splined.any() for layer in network.layers):
        # A constant output has no edge that could hold its value but a spline.
        return SimplifiedFormula(to_sympy(network, feature_names, link), network, 0.0, 0.0)
    constants = _Constants(network)
    network = _normalised(network, data, constants)
    network, before = polish(network, data, loss, free=constants.free)
    slack = 0.0
    if loss.has_noise_level:
        mean = data.weight @ data.target
        spread = float(data.weight @ ((data.target - mean) ** 2).sum(axis=1))
        slack = 0.5 * spread * ROUNDING**2
    network, after, exact = _snapped(network, data, loss, constants, before, slack)
    expression = to_sympy(network, feature_names, link, exact)
    if link is None:
        expression = _shorter(expression)
    return SimplifiedFormula(expression, network, after, before)


def _shorter(expression: Any) -> Any:
    """Return an expression as it is or multiplied out, whichever is shorter."""
    import sympy  # noqa: PLC0415

    if isinstance(expression, list):
        return [_shorter(own) for own in expression]
    expanded = sympy.expand(expression)
    return min(expression, expanded, key=lambda own: int(own.count_ops()))


def _normalised(network: Network, data: TrainingData, constants: _Constants) -> Network:
    """Return the same function without choices that change nothing."""
    nodes = data.inputs
    last = len(network.layers) - 1
    for depth in range(last + 1):
        if depth:
            _normalise_nodes(network, depth, constants)
            # The constants of the nodes have moved into this layer.
            nodes = network.layers[depth - 1].outputs(nodes)
        for (i, j), edge in list(network.layers[depth].symbols.items()):
            network = network.with_symbol(depth, i, j, _canonical_edge(edge, nodes[:, i]))
            _hold_redundant(constants, depth, i, j, edge.function)
        if depth == last:
            for j in range(network.layers[depth].n_subnodes):
                _gather_constants(network, depth, j, constants)
    return network


def _hold_redundant(constants: _Constants, depth: int, i: int, j: int, function: Any) -> None:
    redundant = function.redundant if isinstance(function, Symbol) else "none"
    held = {"none": "", "scale": "a", "shift": "b", "both": "ab"}[redundant]
    if function.name == "0":
        held = "abc"
    constants.hold(depth, i, j, held)


def _canonical_edge(edge: SymbolicEdge, x: FloatArray) -> SymbolicEdge:
    """Return the same edge with a scale or shift of the argument that is redundant put outside."""
    function = edge.function
    if not isinstance(function, Symbol) or function.name == "0":
        return edge
    a, b = _canonical(function, float(edge.parameters[0]), float(edge.parameters[1]))
    inner = edge.with_parameters(np.array([a, b, 1.0, 0.0])).value(x)
    values = edge.value(x)
    if not (np.isfinite(inner).all() and np.isfinite(values).all()) or a == 0.0:
        return edge
    columns = np.column_stack([inner, np.ones_like(inner)])
    (c, d), *_ = np.linalg.lstsq(columns, values, rcond=None)
    left = float(np.abs(columns @ [c, d] - values).max())
    if left > 1e-9 * max(float(np.ptp(values)), 1e-300):
        return edge
    return edge.with_parameters(np.array([a, b, c, d]))


def _update(network: Network, depth: int, key: tuple[int, int], parameters: FloatArray) -> None:
    layer = network.layers[depth]
    layer.set_edges(
        layer.active,
        {**layer.symbols, key: layer.symbols[key].with_parameters(np.asarray(parameters))},
    )


def _gather_constants(network: Network, depth: int, j: int, constants: _Constants) -> None:
    """Leave one edge into a subnode with a constant."""
    layer = network.layers[depth]
    keys = [key for key in layer.symbols if key[1] == j]
    total = sum(float(layer.symbols[key].parameters[3]) for key in keys)
    for n, key in enumerate(keys):
        own = layer.symbols[key].parameters.copy()
        own[3] = 0.0 if n else total
        _update(network, depth, key, own)
        if n:
            constants.hold(depth, *key, "d")


def _normalise_nodes(network: Network, depth: int, constants: _Constants) -> None:
    """Choose scale and shift of the nodes between two layers so that constants vanish."""
    before, after = network.layers[depth - 1], network.layers[depth]
    start = 0
    for node, arity in enumerate(before.arities):
        factors = range(start, start + arity)
        start += arity
        for j in factors:
            _gather_constants(network, depth - 1, j, constants)
        varying = list(factors)
        if arity > 1:
            varying, scale = _normalise_factors(network, depth - 1, factors, constants)
            for key in [key for key in after.symbols if key[0] == node]:
                _update(network, depth, key, after.symbols[key].parameters * [scale, 1.0, 1.0, 1.0])
        if len(varying) == 1:
            _normalise_node(network, depth, node, varying[0], constants)


def _normalise_node(
    network: Network, depth: int, node: int, subnode: int, constants: _Constants
) -> None:
    """Do so for the node of a sum, or of a product whose other factors are constant."""
    before, after = network.layers[depth - 1], network.layers[depth]
    out = [key for key in after.symbols if key[0] == node]
    into = [key for key in before.symbols if key[1] == subnode]
    if not out or not into:
        return
    lead: Any = after.symbols[out[0]]
    a, b = (float(own) for own in lead.parameters[:2])
    if a == 0.0 or lead.function.name == "0":
        return
    redundant = lead.function.redundant if isinstance(lead.function, Symbol) else "none"
    scale, shift, unit = a, b, None
    strongest = max(into, key=lambda key: abs(before.symbols[key].parameters[2]))
    c = float(before.symbols[strongest].parameters[2])
    if redundant in ("scale", "both") and c != 0.0:
        # An argument that is negative on the data has to stay so.
        scale = (1.0 if redundant == "both" else math.copysign(1.0, a * c)) / c
        shift, unit = b / a * scale, float(round(scale * c))
        constants.hold(depth - 1, *strongest, "c")
    if redundant in ("shift", "both"):
        total = sum(float(before.symbols[key].parameters[3]) for key in into)
        shift = -scale * total
        constants.hold(depth - 1, *into[0], "d")
    for n, key in enumerate(into):
        own = before.symbols[key].parameters * np.array([1.0, 1.0, scale, scale])
        own[3] += 0.0 if n else shift
        if unit is not None and key == strongest:
            # But for rounding it is.
            own[2] = unit
        _update(network, depth - 1, key, own)
    for key in out:
        own = after.symbols[key].parameters.copy()
        own[:2] = own[0] / scale, own[1] - own[0] * shift / scale
        if key == out[0] and redundant in ("none", "scale"):
            # But for rounding it is.
            own[1] = 0.0
        _update(network, depth, key, own)
    constants.hold(depth, *out[0], "ab")


def _normalise_factors(
    network: Network, depth: int, factors: Iterable[int], constants: _Constants
) -> tuple[list[int], float]:
    """Take the scales of the factors of a product out of them.

    Returns
    -------
    varying : list of int
        The factors that are not constant; the others are 1 now.
    scale : float
        What the product has been divided by.
    """
    layer, product = network.layers[depth], 1.0
    leading: dict[int, tuple[int, int]] = {}
    for j in factors:
        into = [key for key in layer.symbols if key[1] == j]
        scales = {
            key: float(layer.symbols[key].parameters[2])
            for key in into
            if layer.symbols[key].function.name != "0" and layer.symbols[key].parameters[0] != 0.0
        }
        strongest = max(scales, key=lambda key: abs(scales[key]), default=None)
        if strongest is not None and scales[strongest] != 0.0:
            leading[j] = strongest
            scale = scales[strongest]
        else:
            scale = sum(float(layer.symbols[key].parameters[3]) for key in into)
            if scale == 0.0:
                # The product vanishes, or there is no such edge.
                continue
            constants.hold(depth, *into[0], "d")
        product *= scale
        for key in into:
            own = layer.symbols[key].parameters / np.array([1.0, 1.0, scale, scale])
            _update(network, depth, key, own)
    if len(leading) > 1:
        for key in leading.values():
            constants.hold(depth, *key, "c")
    return list(leading), product


def _snapped(
    network: Network,
    data: TrainingData,
    loss: Loss,
    constants: _Constants,
    before: float,
    slack: float,
) -> tuple[Network, float, dict[Key, Any]]:
    """Replace constants by nice ones as long as the loss does not say no."""
    exact: dict[Key, Any] = {}
    value, free = before, constants.free.copy()
    tried: set[tuple[Key, float]] = set()
    worth = math.log(max(data.total, 2.0)) / data.total
    for reach, key in itertools.product(REACHES, list(constants.places)):
        place = constants.places[key]
        if not free[place]:
            continue
        limit = before * math.exp(worth * (len(exact) + 1)) + slack
        if not loss.has_noise_level:
            limit = before + 0.5 * worth * (len(exact) + 1)
        present = float(network.get_parameters()[place])
        for expression, nice, _, _ in constants_to_try(present, reach, reach == REACHES[-1]):
            if (key, nice) in tried:
                continue
            tried.add((key, nice))
            look()
            trial, parameters = network.copy(), network.get_parameters()
            parameters[place] = nice
            trial.set_parameters(parameters)
            held = free.copy()
            held[place] = False
            if key[3] == 2 and nice == 0.0:
                # The edge is gone, and its argument with it.
                held[[constants.places[(*key[:3], k)] for k in (0, 1)]] = False
            trial, new = polish(trial, data, loss, 30, held)
            if new <= limit:
                network, value, free = trial, new, held
                exact[key] = expression
                break
    return network, value, exact
