"""The search for formulas: networks from the simplest shape up, what is in them, and division."""

import copy
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skkan._typing import FloatArray
from skkan.data._samples import TrainingData, spread_rows
from skkan.network._network import Network
from skkan.objective._losses import SquaredLoss
from skkan.objective._penalties import Penalty
from skkan.symbolic.division._formulas import divided_formulas, is_explained
from skkan.symbolic.export._equation_table import EquationTable, front
from skkan.symbolic.export._formula import to_sympy
from skkan.symbolic.library._symbol import Symbol
from skkan.symbolic.recognition._recognition import Candidate, Recogniser, nondominated
from skkan.symbolic.recognition._simplify import simplify
from skkan.symbolic.search._equation_rows import (
    Samples,
    constant_row,
    function_of,
    mean_square,
    tidied_row,
)
from skkan.training._progress import Phase, Progress, RelayedProgress

THRESHOLDS = ((1e-2, 3e-2), (1e-3, 1e-3))
# A larger network, or one with fewer edges, is as good as another within these factors of loss.
BETTER, NO_WORSE = 0.9, 1.1
ROUNDING, SMALLEST = 1e-9, 1e-300
MAX_ROWS = 2000
# Formulas to simplify per shape.
N_SIMPLIFIED = 6

Shape = tuple[Any, ...]


class FittedParts(Protocol):
    """What the search asks of what a fit leaves behind."""

    @property
    def penalty(self) -> Penalty:
        """Penalty of the fit."""


class NetworkModel(Protocol):
    """What the search asks of the estimator that fits its networks."""

    hidden_layer_sizes: Any
    network_: Network
    n_iter_: int
    _state: FittedParts

    def _fit(self, X: Any, y: Any, weight: Any, *, go_on: bool, progress: Progress) -> Any: ...

    def predict(self, X: Any) -> FloatArray:
        """Return the outputs."""

    def prune(self, node_threshold: float, edge_threshold: float) -> Self:
        """Return a copy without nodes and edges of low score."""


class _Stopped(Exception):  # noqa: N818
    """A callback asks to stop."""


@dataclass(frozen=True)
class SearchSettings:
    """What to search for, and where.

    Attributes
    ----------
    shapes : sequence of tuple
        `hidden_layer_sizes` of the networks, the simplest first.
    symbols : sequence of Symbol
        Functions for the edges.
    names : sequence of str
        Names of the inputs, valid in formulas.
    model : NetworkModel
        Not fitted; what the networks have in common.
    weight_simple, tolerance, divide
        As for `KANSymbolicRegressor`.
    """

    shapes: Sequence[Shape]
    symbols: Sequence[Symbol]
    names: Sequence[str]
    model: NetworkModel
    weight_simple: float
    tolerance: float
    divide: bool


class Search:
    """One search.

    Parameters
    ----------
    samples : tuple of ndarray
        Inputs of shape (n_samples, n_features), targets and positive weights of shape (n_samples,).
    settings : SearchSettings
        What to search for.
    progress : Progress
        Receives phases and iterations, with :meth:`outcome` in the place of a network.

    Attributes
    ----------
    network : NetworkModel or None
        Best network so far.
    rows : list of dict
        All formulas so far.
    n_iter : int
        Solver iterations of the networks so far.
    """

    def __init__(self, samples: Samples, settings: SearchSettings, progress: Progress) -> None:
        self.samples = samples
        self.settings = settings
        self.progress = progress
        X, y, weight = samples
        self.share = weight / weight.sum()
        self.variance = float(self.share @ (y - self.share @ y) ** 2)
        self.rounding = self.variance * ROUNDING**2
        self.network: NetworkModel | None = None
        self.network_loss = math.inf
        self.rows = [constant_row(y, self.share, X.shape[1])]
        self.n_iter = 0
        self._outcome: dict[str, Any] | None = None

    def run(self) -> dict[str, Any]:
        """Search, and return the fitted attributes.

        A keyboard interrupt ends the search, not the program, once there is a network.
        """
        try:
            self._search()
        except KeyboardInterrupt:
            if self.network is None:
                raise
            message = "Search interrupted; the best formulas so far are kept."
            warnings.warn(message, UserWarning, stacklevel=2)
        except _Stopped:
            pass
        return self.outcome()

    def outcome(self) -> dict[str, Any]:
        """Return the fitted attributes of an estimator whose search ends here."""
        if self._outcome is None:
            self._outcome = self._attributes(self.network, self.network_loss)
        return {**self._outcome, "n_iter_": self.n_iter}

    def _search(self) -> None:
        settings = self.settings
        for number, sizes in enumerate(settings.shapes):
            title = str((self.samples[0].shape[1], *sizes, 1))
            with self.progress.phase(f"network {title}") as phase:
                model = self._trained(sizes, phase)
                error = self._loss(model)
                better = number == 0 or error < BETTER * self.network_loss
                if better:
                    self._keep(model, error)
                self._step(phase, error)
            if not better and self._least() <= self._limit(self.network_loss):
                # More nodes have nothing to add, to the network or to its formula.
                continue
            if self.variance > 0.0:
                with self.progress.phase(f"formulas {title}") as phase:
                    self._find_formulas(model, error / self.variance, phase)
            if self._least() <= max(self.rounding, SMALLEST):
                break
            if number == 0 and settings.divide and self.variance > 0.0:
                if self._explained():
                    continue
                with self.progress.phase("division") as phase:
                    self._divide(phase)
                if self._explained():
                    break

    def _trained(self, sizes: Shape, phase: Phase) -> NetworkModel:
        """Return a trained network, without the edges that it does not need."""
        model = clone(self.settings.model).set_params(hidden_layer_sizes=sizes)
        self._fit(model, phase, go_on=False)
        before = self._loss(model)
        limit = NO_WORSE * before + ROUNDING**2 * float(self.share @ self.samples[1] ** 2)
        for nodes, edges in THRESHOLDS:
            try:
                small = model.prune(nodes, edges)
            except ValueError:
                # Nothing would be left.
                continue
            self._fit(small, phase, go_on=True)
            if self._loss(small) <= limit:
                model = small
                break
        self.n_iter += model.n_iter_
        return model

    def _fit(self, model: NetworkModel, phase: Phase, *, go_on: bool) -> None:
        """Train a network; it is better than none if that is the end of the search."""

        def watch(loss: float, get_network: Callable[[], Network]) -> bool:
            return phase.step(loss, lambda: self._outcome_with(model, get_network))

        progress = RelayedProgress(watch)
        with warnings.catch_warnings():
            # What counts is the formula; it is fitted to convergence by itself.
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.filterwarnings("ignore", "Training interrupted", UserWarning)
            model._fit(*self.samples, go_on=go_on, progress=progress)
        if self.network is None:
            self._keep(model, self._loss(model))
        if progress.stopped or progress.interrupted:
            self.n_iter += model.n_iter_
            raise KeyboardInterrupt if progress.interrupted else _Stopped

    def _outcome_with(
        self, model: NetworkModel, get_network: Callable[[], Network]
    ) -> dict[str, Any]:
        """Return the outcome if training stops at a network."""
        if self.network is not None:
            return self.outcome()
        partial = copy.copy(model)
        partial.network_ = get_network()
        return {**self._attributes(partial, self._loss(partial)), "n_iter_": self.n_iter}

    def _find_formulas(self, model: NetworkModel, unexplained: float, phase: Phase) -> None:
        """Add rows for the formulas found in a network."""
        X, y, weight = self.samples
        few = spread_rows(len(X), MAX_ROWS)
        network = model.network_
        data = TrainingData.of(X[few], y[few, None], weight[few], network.scaling)
        settings = self.settings
        recogniser = Recogniser(
            *(data, X[few], model._state.penalty, settings.symbols),
            settings.weight_simple,
            0.5 * unexplained,
            lambda: self._step(phase, self._least()),
        )
        shape = (X.shape[1], *_sizes(model), 1)
        try:
            recogniser.run(network)
            for candidate in _front(recogniser):
                self._add(self._simplified(candidate), shape)
                self._step(phase, self._least())
        except KeyboardInterrupt:
            # No time is left for nice constants.
            for candidate in _front(recogniser):
                self._add([to_sympy(candidate.network, settings.names)], shape)
            raise

    def _simplified(self, candidate: Candidate) -> list[Any]:
        """Return the formula of a symbolic network, or none."""
        X, y, weight = self.samples
        try:
            found = simplify(
                candidate.network, X, y[:, None], SquaredLoss(), self.settings.names, weight
            )
        except ValueError:
            # It is not defined on the samples left out, or too large to print.
            return []
        return [found.expression]

    def _divide(self, phase: Phase) -> None:
        """Add rows for the formulas found by dividing the problem."""
        names = self.settings.names
        self._add(divided_formulas(*self.samples, self.settings.symbols, names), None)
        self._step(phase, self._least())

    def _add(self, formulas: Sequence[Any], shape: Shape | None) -> None:
        rows = [tidied_row(own, self.settings.names, self.samples, shape) for own in formulas]
        self.rows += [row for row in rows if math.isfinite(row["loss"])]
        self._outcome = None

    def _keep(self, model: NetworkModel, loss: float) -> None:
        self.network, self.network_loss = model, loss
        self._outcome = None

    def _step(self, phase: Phase, loss: float) -> None:
        if phase.step(loss, self.outcome):
            raise _Stopped

    def _loss(self, model: NetworkModel) -> float:
        X, y, _ = self.samples
        return mean_square(model.predict(X) - y, self.share)

    def _least(self) -> float:
        return min(float(row["loss"]) for row in self.rows)

    def _limit(self, network_loss: float) -> float:
        return (1.0 + self.settings.tolerance) * network_loss + self.rounding

    def _explained(self, row: dict[str, Any] | None = None) -> bool:
        """Tell whether a formula, by default the most accurate, leaves nothing but noise."""
        X, y, weight = self.samples
        best = row or min(self.rows, key=lambda own: own["loss"])
        predicted = function_of(best["equation"], self.settings.names)(X)
        return is_explained(X, y, predicted, weight)

    def _attributes(self, network: NetworkModel | None, network_loss: float) -> dict[str, Any]:
        """Return the fitted attributes for a network and the formulas so far."""
        limit, count = self._limit(network_loss), float(self.samples[2].sum())
        table = EquationTable(front(self.rows, self.rounding))
        good = [
            row
            for row in table
            if row["loss"] <= network_loss + self.rounding
            or (row["loss"] <= limit and self._explained(row))
        ]
        floor = max(self.rounding, SMALLEST)

        def cost(row: dict[str, Any]) -> float:
            fit = count * math.log(max(row["loss"], floor))
            return fit + float(row["complexity"]) * math.log(max(count, 2.0))

        best = min(good, key=cost) if good else self._network_row(network, network_loss)
        return {"network_": network, "equations_": table, "best_": best}

    def _network_row(self, model: Any, loss: float) -> dict[str, Any]:
        return {
            "complexity": model.network_.n_parameters,
            "loss": loss,
            "score": 0.0,
            "equation": "network",
            "shape": (self.samples[0].shape[1], *_sizes(model), 1),
        }


def _front(recogniser: Recogniser) -> list[Candidate]:
    return nondominated(recogniser.found)[-N_SIMPLIFIED:]


def _sizes(model: Any) -> Shape:
    return tuple(model.hidden_layer_sizes)
