"""Edges of a fitted network made symbolic, and back again.

Parameters of edges are in the units of the data as far as edges touch the data: the argument of an
edge in the first layer is a column of ``X``, the value of an edge in the last is a part of ``y``.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.data._weighted_rows import WeightedRows
from skkan.network._edge_index import check_edge
from skkan.network._network import Network
from skkan.network.functions._symbolic_edge import (
    N_PARAMETERS,
    Borders,
    SymbolicEdge,
    inner_argument,
)
from skkan.symbolic.library._symbol import Symbol
from skkan.symbolic.library._symbols import LIBRARY, get_symbol, get_symbols
from skkan.symbolic.recognition._fitting import (
    FLOOR,
    SymbolFit,
    certain_share,
    fit_symbol,
    rank_symbols,
)

# Edges that vary less than this share of the strongest edge into the same subnode are constant.
CONSTANT = 1e-6
MAX_CANCELLATION = 20.0
# Of the variance that some function explains, the least share that one has to explain.
SHARE_OF_BEST = 0.5
# Of the variance of an output, what all edges together may cost without a reason to stop.
MOST_LOST = 0.1
# Losses up to this one are taken for misfits of the splines, the rest for noise.
MISFIT = 0.5e-4


def check_active_edge(network: Network, layer: int, i: int, j: int) -> None:
    """Raise an error unless there is such an edge and it is active."""
    check_edge(network, layer, i, j)
    if not network.layers[layer].active[i, j]:
        raise ValueError(
            f"edge (layer={layer}, i={i}, j={j}) has been pruned and is zero; choose one where "
            f"network_.layers[{layer}].active is True."
        )


def _units(network: Network, layer: int, i: int, j: int) -> tuple[float, float, float]:
    """Return ``shift, scale, factor``: node from user's argument, user's value from edge."""
    shift, scale = network.scaling.input_units(i) if layer == 0 else (0.0, 1.0)
    factor = 1.0
    if layer == len(network.layers) - 1 and network.scaling.output_scale[j] > 0.0:
        factor = float(network.scaling.output_scale[j])
    return shift, scale, factor


def edge_samples(
    network: Network, rows: WeightedRows, layer: int, i: int, j: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return arguments and values of an edge in the units of the data, and their weights."""
    own, nodes = network.layers[layer], network.node_values(rows.X)[layer]
    shift, scale, factor = _units(network, layer, i, j)
    values = factor * own.edge_values(nodes)[:, i, j]
    return shift + scale * nodes[:, i], values, rows.reach


def edge_spreads(network: Network, rows: WeightedRows, layer: int) -> FloatArray:
    """Return the standard deviations of the edges of a layer, shape (n_in, n_subnodes)."""
    own = rows.weighted()
    values = network.layers[layer].edge_values(network.node_values(own.X)[layer])
    values -= values[0].copy()
    share = own.weight / own.total
    values -= np.tensordot(share, values, 1)
    spread: FloatArray = np.sqrt(np.tensordot(share, values**2, 1))
    return spread


def uncertainties(
    network: Network, scores: Sequence[FloatArray], loss: float, total: float
) -> list[FloatArray]:
    """Return the share of the variance of every edge that its spline may be wrong by.

    What the splines cannot follow stays in the loss as it is. Noise is averaged over the samples
    and reaches an edge in proportion to its coefficients. Both are relative to the part that the
    edge has in the outputs.

    Parameters
    ----------
    network : Network
        The fitted network.
    scores : sequence of ndarray of shape (n_in, n_subnodes)
        Scores of the edges of every layer.
    loss : float
        Loss on scaled targets.
    total : float
        Sum of the weights of the samples of the fit.
    """
    found = []
    for layer, score in zip(network.layers, scores, strict=True):
        share = min(loss, MISFIT) + 2.0 * loss * layer.coef.shape[1] / total
        # An edge that the outputs do not depend on may be anything.
        least = max(share, np.finfo(float).tiny)
        found.append(least / np.maximum(np.square(score), least))
    return found


def rank_edge(
    network: Network,
    rows: WeightedRows,
    edge: tuple[int, int, int],
    top: int = 5,
    symbols: Iterable[Any] | None = None,
    weight_simple: float = 0.0,
    uncertainty: float = 0.0,
) -> list[SymbolFit]:
    """Return the best fits of symbols to an edge."""
    x, y, weight = edge_samples(network, rows, *edge)
    return rank_symbols(
        x, y, symbols, weight, top=top, weight_simple=weight_simple, uncertainty=uncertainty
    )


def with_fit(
    network: Network, edge: tuple[int, int, int], symbol: Symbol, parameters: Sequence[float]
) -> Network:
    """Return the network with an edge of given parameters in the units of the data."""
    layer, i, j = edge
    shift, scale, factor = _units(network, layer, i, j)
    new = SymbolicEdge(symbol, np.array(parameters, dtype=np.float64))
    return network.with_symbol(layer, i, j, new.of_moved_input(shift, scale).scaled(1.0 / factor))


def fixed(
    network: Network,
    rows: WeightedRows,
    edge: tuple[int, int, int],
    symbol: Any,
    parameters: Sequence[float] | None,
) -> Network:
    """Return the network with a symbol in the place of an edge; raise where it cannot be there."""
    layer, i, j = edge
    check_active_edge(network, layer, i, j)
    function = get_symbol(symbol)
    x, y, weight = edge_samples(network, rows, layer, i, j)
    if parameters is None:
        parameters = fit_symbol(function, x, y, weight).parameters
    try:
        given = np.asarray(parameters, dtype=np.float64)
    except (TypeError, ValueError):
        given = np.empty(0)
    if given.shape != (N_PARAMETERS,) or not np.isfinite(given).all():
        raise ValueError(
            f"parameters must be four finite numbers a, b, c, d of c f(a x + b) + d, "
            f"got {parameters!r}."
        )
    a, b = float(given[0]), float(given[1])
    ends = np.array([x.min(), x.max()])
    borders = Borders(closed=function.closed)
    low, high = sorted(inner_argument(ends, a, b, np.abs(ends).max(), borders).tolist())
    place = f"symbol {function.name!r} on edge (layer={layer}, i={i}, j={j})"
    if function.excludes(low, high):
        raise ValueError(
            f"{place} takes arguments from {low:.6g} to {high:.6g}, where the function is not "
            "defined everywhere. Choose another symbol, or other parameters a and b."
        )
    other = with_fit(network, edge, function, given.tolist())
    with np.errstate(all="ignore"):
        finite = np.isfinite(other(rows.X)).all()
    if not finite:
        raise ValueError(
            f"{place} with parameters {given.tolist()} makes predictions for training samples "
            "that are not finite. Choose another symbol, or other parameters."
        )
    return other


def unfixed(network: Network, rows: WeightedRows, edge: tuple[int, int, int]) -> Network:
    """Return the network with a spline in the place of a symbolic edge."""
    layer, i, j = edge
    check_active_edge(network, layer, i, j)
    if (i, j) not in network.layers[layer].symbols:
        raise ValueError(
            f"edge (layer={layer}, i={i}, j={j}) is a spline already; only edges in "
            f"network_.layers[{layer}].symbols can be made splines."
        )
    return network.without_symbol(layer, i, j, network.node_values(rows.X)[layer][:, i])


def all_fixed(
    network: Network,
    rows: WeightedRows,
    r2_threshold: float,
    weight_simple: float,
    symbols: Iterable[Any] | None,
    uncertain: Sequence[FloatArray],
) -> Network:
    """Return the network with symbols in the place of all splines that a symbol fits.

    What is next to an edge may be far from the outputs, where large nodes cancel. An edge that
    takes too much of them away stays a spline.
    """
    candidates = get_symbols(symbols)
    outputs = _Outputs(network, rows, max(MOST_LOST, 1.0 - r2_threshold))
    for depth in range(len(network.layers)):
        layer = network.layers[depth]
        spread = edge_spreads(network, rows, depth)
        constant = spread <= CONSTANT * spread.max(axis=0)
        for i, j in np.argwhere(layer.splined).tolist():
            edge = (depth, i, j)
            if constant[i, j]:
                network = fixed(network, rows, edge, LIBRARY["0"], None)
                continue
            fits = rank_edge(network, rows, edge, len(candidates), candidates, weight_simple)
            good = _close_enough(fits, r2_threshold)
            y = edge_samples(network, rows, *edge)[1]
            floor = certain_share(fits, float(uncertain[depth][i, j]))
            good.sort(key=lambda fit: fit_price(fit, float(np.ptp(y)), floor, weight_simple))
            for fit in good:
                try:
                    other = fixed(network, rows, edge, fit.symbol, fit.parameters)
                except ValueError:
                    # The next best symbol may do.
                    continue
                if outputs.spoiled_by(other):
                    continue
                network = other
                break
    return network


class _Outputs:
    """Outputs of a network that edits should not take away.

    Parameters
    ----------
    network : Network
        Before all edits.
    rows : WeightedRows
        Where they are looked at.
    limit : float
        Of the variance of an output, how much may be lost.
    """

    def __init__(self, network: Network, rows: WeightedRows, limit: float) -> None:
        own = rows.weighted()
        self._X, self._share, self._limit = own.X, own.weight / own.total, limit
        self._before = network(own.X)
        away = self._before - self._share @ self._before
        self._variance = np.maximum(self._share @ away**2, np.finfo(float).tiny)
        self._lost = 0.0

    def spoiled_by(self, other: Network) -> bool:
        """Return whether an edit loses more than the ones before, and too much; else note it."""
        with np.errstate(all="ignore"):
            change = self._share @ (other(self._X) - self._before) ** 2
            lost = float((change / self._variance).max())
        if not lost <= max(self._limit, self._lost):
            return True
        self._lost = lost
        return False


def _close_enough(fits: Sequence[SymbolFit], r2_threshold: float) -> list[SymbolFit]:
    """Return the fits to an edge that varies which may take its place.

    However low the threshold, what is simple must not win by being next to constant.
    """
    highest = max((fit.r2 for fit in fits if math.isfinite(fit.r2)), default=0.0)
    if highest <= CONSTANT:
        return []
    return [fit for fit in fits if fit.r2 >= max(r2_threshold, SHARE_OF_BEST * highest)]


def symbol_price(symbol: Symbol) -> float:
    """Return the complexity of a symbol; a free parameter more costs half a step."""
    return symbol.complexity + 0.5 * (symbol.redundant == "none")


def fit_price(
    fit: SymbolFit, extent: float, floor: float, weight_simple: float
) -> tuple[bool, float, bool]:
    """Return what orders fits to an edge that is itself known to a share `floor` only.

    A sine that is many times as high as the edge is a parabola in disguise, and like it many other
    functions have polynomials as their limits; such fits come last.
    """
    disguised = abs(fit.parameters.c) > MAX_CANCELLATION * extent and fit.symbol.redundant == "none"
    accuracy = math.log2(max(1.0 - fit.r2, floor, FLOOR))
    value = (1.0 - weight_simple) * accuracy + weight_simple * symbol_price(fit.symbol)
    return disguised, value, fit.symbol.redundant == "none"
