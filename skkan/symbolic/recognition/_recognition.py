"""Symbols put on the edges of a network one after the other, each judged by the whole network.

An edge by itself does not tell a straight line from a root far from its branch point; the network
does, because with the right function on one edge the splines on the others can follow, and with
constants alone left to fit, the right functions reach rounding and the others do not.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.data._samples import TrainingData
from skkan.data._weighted_rows import WeightedRows
from skkan.network._network import Network
from skkan.objective._objective import Objective
from skkan.objective._penalties import Penalty
from skkan.objective.losses._loss import Loss
from skkan.solvers._lm import minimize_lm
from skkan.symbolic._watch import look
from skkan.symbolic.library._symbol import Symbol
from skkan.symbolic.library._symbols import LIBRARY
from skkan.symbolic.recognition._editing import (
    CONSTANT,
    edge_samples,
    edge_spreads,
    fit_price,
    rank_edge,
    symbol_price,
    with_fit,
)
from skkan.symbolic.recognition._fitting import SymbolFit, fit_symbol
from skkan.symbolic.recognition._polish import polish

Edge = tuple[int, int, int]

N_KEPT, N_TRIED = 8, 5
BRIEF, LONG = 25, 100
MAX_SWEEPS = 3
# Edges that are taken away for a trial, of all that there are.
MOST_TRIED = 12
SIMPLEST = ("x", "x^2")
# Half the mean squared error of standardised targets: a relative error of 1e-9 is rounding, and
# above an explained share of 0.9999 a misfit is that of the splines rather than noise.
EXACT, NOISE = 0.5e-18, 0.5e-4


@dataclass(frozen=True)
class Candidate:
    """A symbolic network, its price in symbols, and its loss on standardised targets."""

    network: Network
    complexity: float
    loss: float


class Recogniser:
    """Search for the symbols of a network.

    Parameters
    ----------
    data : TrainingData
        Samples in the scaling of the network.
    X : ndarray of shape (n_samples, n_features)
        Their inputs in the units of the data.
    penalty : Penalty
        Penalty of the edges that are splines.
    symbols : sequence of Symbol
        The functions to try.
    weight_simple : float
        What simplicity counts, from 0 to 1.
    floor : float
        Loss of the network with splines; a formula need not be better.
    loss : Loss
        Data fit.
    after_each : callable, optional
        Called after every entry of `found`. It may raise an exception to end the search.

    Attributes
    ----------
    found : list of Candidate
        All symbolic networks that have been fitted on the way.
    """

    def __init__(
        self,
        data: TrainingData,
        X: FloatArray,
        penalty: Penalty,
        symbols: Sequence[Symbol],
        weight_simple: float,
        floor: float,
        loss: Loss,
        after_each: Callable[[], Any] | None = None,
    ) -> None:
        self.data, self.penalty = data, penalty
        self.rows = WeightedRows(X, data.target, data.weight)
        self.symbols = list(symbols)
        self.weight_simple = weight_simple
        self.floor = max(floor, EXACT)
        self.loss = loss
        self.found: list[Candidate] = []
        self._after_each = after_each
        # The exchange of accuracy in bits for complexity: by the likelihood where there is noise.
        self.worth = (1.0 - weight_simple) / max(weight_simple, 1e-3)
        if floor > NOISE:
            count = max(data.total, 3.0)
            self.worth *= 4.0 * count * math.log(2.0) / math.log(count)

    def run(self, network: Network) -> None:
        """Make a network symbolic and improve what comes out, filling `found`."""
        kept = {edge: self._ranked(network, edge, self.symbols) for edge in _splines(network)}
        shortlist = {edge: [fit.symbol for fit in fits] for edge, fits in kept.items()}
        order = sorted(kept, key=lambda edge: max(1.0 - fit.r2 for fit in kept[edge][:1]))
        for edge in order:
            better = self._best_in_context(network, edge, shortlist[edge])
            if better is None:
                return
            network = better
        best = self._polished(network)
        best = self._swept(best, shortlist)
        self._thinned(best)

    def _ranked(self, network: Network, edge: Edge, symbols: Sequence[Symbol]) -> list[SymbolFit]:
        """Return the most promising fits of symbols to an edge."""
        y = edge_samples(network, self.rows, *edge)[1]
        fits = rank_edge(network, self.rows, edge, len(symbols), symbols)
        extent = float(np.ptp(y))
        cheap = sorted(fits, key=lambda fit: fit_price(fit, extent, self.floor, self.weight_simple))
        plain = [fit for fit in fits if fit.symbol.name in SIMPLEST and fit.r2 > 0.9]
        chosen: list[SymbolFit] = []
        for fit in [*cheap[:3], *plain, *cheap[3:]]:
            if fit not in chosen and math.isfinite(fit.r2):
                chosen.append(fit)
        return chosen[:N_KEPT]

    def _value(self, network: Network) -> float:
        with np.errstate(all="ignore"):
            out = network.outputs(self.data.inputs)
            value = self.loss.value(out, self.data.target, self.data.weight)
        return value if math.isfinite(value) else math.inf

    def _best_in_context(
        self, network: Network, edge: Edge, shortlist: Sequence[Symbol]
    ) -> Network | None:
        """Return the network with the symbol on an edge that serves it best."""
        depth, i, j = edge
        spread = edge_spreads(network, self.rows, depth)
        if spread[i, j] <= CONSTANT * spread[:, j].max():
            fits = [fit_symbol(LIBRARY["0"], *edge_samples(network, self.rows, *edge))]
        else:
            fits = self._ranked(network, edge, shortlist)[:N_TRIED]
        best, lowest = None, math.inf
        for fit in fits:
            look()
            trial = with_fit(network, edge, fit.symbol, fit.parameters)
            trial = self._followed(trial)
            price = self._cost(self._value(trial), symbol_price(fit.symbol))
            if price < lowest:
                best, lowest = trial, price
        return best

    def _followed(self, network: Network) -> Network:
        """Return a network whose other edges have made the best of a change."""
        if math.isinf(self._value(network)):
            return network
        if not any(layer.splined.any() for layer in network.layers):
            return polish(network, self.data, self.loss, BRIEF)[0]
        objective = Objective(network, self.data, self.loss, self.penalty)
        result = minimize_lm(objective, network.get_parameters(), BRIEF, 1e-4)
        other = network.copy()
        other.set_parameters(result.parameters)
        return other

    def _cost(self, loss: float, complexity: float) -> float:
        bits = math.log2(max(loss, self.floor) / self.floor) if math.isfinite(loss) else math.inf
        return self.worth * bits + complexity

    def _final_cost(self, candidate: Candidate) -> float:
        """Return the cost of a formula, to which exactness is worth more than simplicity."""
        loss = max(candidate.loss, EXACT)
        bits = math.log2(loss / EXACT) if math.isfinite(loss) else math.inf
        return self.worth * bits + candidate.complexity

    def _polished(self, network: Network, max_iter: int = LONG) -> Candidate:
        network, loss = polish(network, self.data, self.loss, max_iter)
        loss = loss if math.isfinite(loss) else math.inf
        complexity = sum(symbol_price(_symbol_at(network, edge)) for edge in _symbolic(network))
        candidate = Candidate(network, complexity, loss)
        if math.isfinite(loss):
            self.found.append(candidate)
            if self._after_each is not None:
                self._after_each()
        return candidate

    def _exchanged(self, network: Network, edge: Edge, symbol: Symbol) -> tuple[Network, float]:
        """Return a network with another symbol on an edge, and its loss as it is."""
        look()
        fit = fit_symbol(symbol, *edge_samples(network, self.rows, *edge))
        trial = with_fit(network, edge, symbol, fit.parameters)
        return trial, self._value(trial)

    def _replaced(self, network: Network, edge: Edge, symbol: Symbol) -> Candidate | None:
        trial, loss = self._exchanged(network, edge, symbol)
        return self._polished(trial) if math.isfinite(loss) else None

    def _swept(self, best: Candidate, shortlist: dict[Edge, list[Symbol]]) -> Candidate:
        """Exchange one symbol at a time as long as that pays."""
        for _ in range(MAX_SWEEPS):
            if best.loss <= EXACT:
                break
            before = best
            for edge, symbols in shortlist.items():
                for symbol in symbols[:N_TRIED]:
                    if _symbol_at(best.network, edge) is symbol:
                        continue
                    other = self._replaced(best.network, edge, symbol)
                    if other and self._final_cost(other) < self._final_cost(best):
                        best = other
            if best is before:
                break
        return best

    def _thinned(self, best: Candidate) -> None:
        """Take away or straighten the edge that costs least, until one is left.

        Of many edges those are tried that cost least before the others have made up for them.
        """
        while True:
            trials = [
                self._exchanged(best.network, edge, LIBRARY[name])
                for edge in _symbolic(best.network)
                for name in ("0", "x")
                if symbol_price(LIBRARY[name]) < symbol_price(_symbol_at(best.network, edge))
            ]
            finite = [trial for trial in trials if math.isfinite(trial[1])]
            finite.sort(key=lambda trial: trial[1])
            found = [self._polished(network) for network, _ in finite[:MOST_TRIED]]
            if not found:
                return
            best = min(found, key=lambda own: (max(own.loss, EXACT), own.complexity))


def _symbol_at(network: Network, edge: Edge) -> Symbol:
    depth, i, j = edge
    function: Any = network.layers[depth].symbols[i, j].function
    symbol: Symbol = function
    return symbol


def _splines(network: Network) -> Iterator[Edge]:
    for depth, layer in enumerate(network.layers):
        for i, j in np.argwhere(layer.splined).tolist():
            yield depth, i, j


def _symbolic(network: Network) -> list[Edge]:
    return [(depth, i, j) for depth, own in enumerate(network.layers) for i, j in own.symbols]


def nondominated(found: Sequence[Candidate]) -> list[Candidate]:
    """Return the networks that no simpler one beats."""
    front: list[Candidate] = []
    for own in sorted(found, key=lambda own: (own.complexity, own.loss)):
        if not front or own.loss < front[-1].loss * 0.99:
            front.append(own)
    return front
