"""The search for formulas: direct ones, division, and networks from the simplest shape up."""

import copy
import math
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skkan._typing import FloatArray
from skkan.data._samples import TrainingData, spread_rows
from skkan.network._network import Network
from skkan.objective.losses._choice import regression_loss
from skkan.symbolic.division._conditions import Conditions
from skkan.symbolic.division._formulas import MIN_ROWS, Division, is_explained
from skkan.symbolic.division._powers import log_products
from skkan.symbolic.export._equation_table import COLUMNS, EquationTable, front
from skkan.symbolic.export._formula import to_sympy
from skkan.symbolic.recognition._recognition import Candidate, Recogniser, nondominated
from skkan.symbolic.recognition._simplify import simplify
from skkan.symbolic.search._description import CONVINCING, Noise, may_be_relative
from skkan.symbolic.search._end import (
    N_DIRECT,
    N_SETTLED,
    follows_more,
    has_more_coefficients,
    is_settled,
    mimics,
)
from skkan.symbolic.search._equation_rows import (
    Samples,
    constant_row,
    function_of,
    mean_square,
    tidied_row,
)
from skkan.symbolic.search._settings import NetworkModel, SearchSettings, Shape
from skkan.training._progress import Phase, Progress, RelayedProgress

THRESHOLDS = ((1e-2, 3e-2), (1e-3, 1e-3))
# A larger network, or one with fewer edges, is as good as another within these factors of loss.
BETTER, NO_WORSE = 0.9, 1.1
ROUNDING, SMALLEST = 1e-9, 1e-300
MAX_ROWS = 2000
# Formulas to simplify per shape.
N_SIMPLIFIED = 6
# As in PySR.
AMONG_BEST = 1.5


class _Stopped(Exception):  # noqa: N818
    """A callback asks to stop, or the time is up."""


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
    noise : Noise
        What counts as noise.
    n_iter : int
        Solver iterations of the networks so far.
    """

    def __init__(self, samples: Samples, settings: SearchSettings, progress: Progress) -> None:
        self.samples = samples
        self.settings = settings
        self.progress = progress
        _, y, weight = samples
        self.share = weight / weight.sum()
        self.variance = float(self.share @ (y - self.share @ y) ** 2)
        self.rounding = self.variance * ROUNDING**2
        self.noise = Noise()
        self.network: NetworkModel | None = None
        self.network_loss = math.inf
        self.rows = [constant_row(samples, self.noise)]
        self.n_iter = 0
        # Numbers may stand for constant columns, whatever their units.
        varying = np.flatnonzero(np.ptp(samples[0], axis=0) > 0.0).tolist()
        units = settings.units if varying else None
        self.units = None if units is None else units.without(varying)
        self.allowed_names = [settings.names[k] for k in varying]
        self.conditions: Conditions | None = None
        if settings.conditions:
            few = spread_rows(len(y), MAX_ROWS)
            names = tuple(settings.names)
            self.conditions = Conditions(tuple(settings.conditions), names, samples[0][few])
        self.deadline = time.monotonic() + settings.max_time
        self._outcome: dict[str, Any] | None = None

    def run(self) -> dict[str, Any]:
        """Search, and return the fitted attributes.

        A keyboard interrupt ends the search, not the program, once there is a formula.
        """
        try:
            self._search()
        except KeyboardInterrupt:
            if self.network is None and len(self.rows) == 1:
                raise
            message = "Search interrupted; the best formulas so far are kept."
            warnings.warn(message, UserWarning, stacklevel=2)
        except _Stopped:
            pass
        left = not any(row["equation"].free_symbols for row in self.rows)
        if self._restricted() and left and self.variance > 0.0:
            message = (
                "No formula with the given units and conditions has been found; a constant is "
                "left. Check units and conditions, or allow more time or functions."
            )
            warnings.warn(message, UserWarning, stacklevel=2)
        return self.outcome()

    def _restricted(self) -> bool:
        return self.units is not None or self.conditions is not None

    def outcome(self) -> dict[str, Any]:
        """Return the fitted attributes of an estimator whose search ends here."""
        if self._outcome is None:
            self._outcome = self._attributes(self.network)
        return {**self._outcome, "n_iter_": self.n_iter}

    def _search(self) -> None:
        settings = self.settings
        if self.variance > 0.0:
            self._find_without_networks()
        likely = min(self.rows, key=self._length)["equation"]
        settled = self._settled(N_SETTLED) and not mimics(likely)
        for number, sizes in enumerate(settings.shapes):
            if number > 0 and has_more_coefficients(
                sizes, settings.model.grid_size, self.samples[0]
            ):
                continue
            title = str((self.samples[0].shape[1], *sizes, 1))
            with self.progress.phase(f"network {title}") as phase:
                model = self._trained(sizes, phase)
                error = self._loss(model)
                better = number == 0 or error < BETTER * self.network_loss
                if better:
                    self._keep(model, error)
                self._step(phase, error)
            if self._least() <= max(self.rounding, SMALLEST):
                break
            if settled and not self._doubted(model):
                # Networks and their formulas would only follow the noise.
                break
            settled = False
            if not better and self._least() <= self._limit(self.network_loss):
                # More nodes have nothing to add, to the network or to its formula.
                continue
            if self.variance > 0.0:
                with self.progress.phase(f"formulas {title}") as phase:
                    self._find_formulas(model, error / self.variance, phase)
            if self._least() <= max(self.rounding, SMALLEST):
                break

    def _find_without_networks(self) -> None:
        """Add rows for the formulas that need no network."""
        with self.progress.phase("powers, polynomials, quotients") as phase:
            division = self._division(phase, self.samples[1])
            for formula in division.direct():
                self._add([formula], None)
                self._step(phase, self._least())
                if division.certain:
                    return
        short = self._settled(N_DIRECT)
        if may_be_relative(self.samples[1]):
            with self.progress.phase("relative noise") as phase:
                self._try_relative(phase, divide=self.settings.divide and not short)
            short = self._settled(N_DIRECT)
        if self.settings.divide and not short:
            with self.progress.phase("division") as phase:
                self._divide(self._division(phase, self.noise.target(self.samples[1])), phase)

    def _division(self, phase: Phase, target: FloatArray) -> Division:
        X, _, weight = self.samples
        settings = self.settings

        def watch() -> None:
            self._step(phase, self._least())

        # The logarithms of targets have no unit.
        relative = self.noise.relative
        return Division(
            *(X, target, weight, settings.symbols, settings.names, watch),
            None if relative else settings.units,
            None if relative else self.conditions,
        )

    def _divide(self, division: Division, phase: Phase) -> None:
        """Add rows for the formulas found by dividing the problem."""
        try:
            found = division.formulas()
        except (KeyboardInterrupt, _Stopped):
            self._add([self.noise.undone(own) for own in division.unfinished()], None)
            raise
        self._add([self.noise.undone(own) for own in found], None)
        self._step(phase, self._least())

    def _try_relative(self, phase: Phase, *, divide: bool) -> None:
        """Take noise as relative to the targets if that makes them shorter to describe."""
        X, y, weight = self.samples
        before = self.noise, self.rows
        self.noise = Noise(relative=True, sign=int(math.copysign(1, y[0])))
        names = self.settings.names
        formulas = [own for row in before[1] if (own := row["equation"]).free_symbols]
        self.rows = [constant_row(self.samples, self.noise)]
        self._add([*formulas, *log_products(X, y, weight, names)], None)
        if X.shape[1] == 1 and divide:
            self._divide(self._division(phase, self.noise.target(y)), phase)
        best = min(self.rows, key=self._length)
        other = min(before[1], key=lambda row: self._length(row, before[0]))
        shorter = self._length(best) < self._length(other, before[0]) - CONVINCING
        if not (shorter and self._explained(best)):
            self.noise, self.rows = before
            self._outcome = None

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
            stop = phase.step(loss, lambda: self._outcome_with(model, get_network))
            return stop or time.monotonic() > self.deadline

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
        return {**self._attributes(partial), "n_iter_": self.n_iter}

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
            regression_loss(),
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
                candidate.network, X, y[:, None], regression_loss(), self.settings.names, weight
            )
        except ValueError:
            # It is not defined on the samples left out, or too large to print.
            return []
        return [found.expression]

    def _add(self, formulas: Sequence[Any], shape: Shape | None) -> None:
        names = self.settings.names
        for own in formulas:
            if self.units is not None and not self.units.allows(own, self.allowed_names):
                continue
            formula = own if self.conditions is None else self.conditions.closest(own)
            if formula is None:
                continue
            row = tidied_row(formula, names, self.samples, shape, self.noise)
            if math.isfinite(row["loss"]) and self._can_be_wrong(row["equation"]):
                self.rows.append(row)
        self._outcome = None

    def _allows(self, formula: Any) -> bool:
        by_units = self.units is None or self.units.allows(formula, self.allowed_names)
        return by_units and (self.conditions is None or self.conditions.allows(formula))

    def _can_be_wrong(self, formula: Any) -> bool:
        """Tell whether there are more samples than decimal constants, which fit any otherwise."""
        import sympy  # noqa: PLC0415

        return len(formula.atoms(sympy.Float)) < len(self.samples[1])

    def _keep(self, model: NetworkModel, loss: float) -> None:
        self.network, self.network_loss = model, loss
        self._outcome = None

    def _step(self, phase: Phase, loss: float) -> None:
        if phase.step(loss, self.outcome) or time.monotonic() > self.deadline:
            raise _Stopped

    def _loss(self, model: NetworkModel) -> float:
        X, y, _ = self.samples
        return mean_square(model.predict(X) - y, self.share)

    def _least(self) -> float:
        return min(float(row["loss"]) for row in self.rows)

    def _limit(self, network_loss: float) -> float:
        return (1.0 + self.settings.tolerance) * network_loss + self.rounding

    def _explained(self, row: dict[str, Any]) -> bool:
        """Tell whether a formula leaves nothing but noise."""
        X, y, weight = self.samples
        predicted = function_of(row["equation"], self.settings.names)(X)
        with np.errstate(all="ignore"):
            own = self.noise.target(predicted)
        return len(y) < MIN_ROWS or is_explained(X, self.noise.target(y), own, weight)

    def _settled(self, most: int) -> bool:
        best = min(self.rows, key=self._length)
        if len(self.rows) < 2 or self._length(best) > self._length(self.rows[0]) - CONVINCING:
            return False
        predict = function_of(best["equation"], self.settings.names)
        return is_settled(best["equation"], predict, self.samples, self.noise, most)

    def _doubted(self, model: NetworkModel) -> bool:
        """Tell whether a network finds more than noise where the likeliest formula ends."""
        loss = float(min(self.rows, key=self._length)["loss"])
        size = int(model.network_.n_parameters)
        explained = follows_more(self._loss(model), loss, size, len(self.samples[1]))
        return explained and not self.noise.relative

    def _length(self, row: dict[str, Any], noise: Noise | None = None) -> float:
        """Return the length of a description by a formula, in nats."""
        noise = noise or self.noise
        _, y, weight = self.samples
        target = noise.target(y)
        spread = float(self.share @ (target - self.share @ target) ** 2)
        loss = float(row["noise_loss"])
        if not math.isfinite(loss):
            return math.inf
        loss = max(loss, spread * ROUNDING**2, SMALLEST)
        return noise.length(y, loss, weight) + float(row["price"])

    def _attributes(self, network: NetworkModel | None) -> dict[str, Any]:
        """Return the fitted attributes for a network and the formulas so far."""
        # The constant comes first; it is left only if there is nothing that is allowed.
        forbidden = self._restricted() and not self._allows(self.rows[0]["equation"])
        candidates = self.rows[1:] if forbidden and len(self.rows) > 1 else self.rows
        rows = front(candidates, self.rounding)
        likely = min(candidates, key=self._length)
        if not any(row["equation"] == likely["equation"] for row in rows):
            # In relative noise the likeliest formula may have a larger squared error than others.
            rows = sorted([*rows, {**likely, "score": 0.0}], key=lambda row: row["complexity"])
        table = EquationTable([{key: row[key] for key in COLUMNS} for row in rows])
        place = selected(rows, self.settings.model_selection, [self._length(row) for row in rows])
        found = {"equations_": table, "best_": table[place]}
        return found if network is None else {**found, "network_": network}


def selected(rows: Sequence[dict[str, Any]], by: str, lengths: Sequence[float]) -> int:
    """Return which row is the best one.

    Parameters
    ----------
    rows : sequence of dict
        The rows.
    by : {"likelihood", "accuracy", "score", "best"}
        The shortest description, the lowest loss, the highest score, or the highest score among
        the rows whose loss is at most 1.5 times the lowest.
    lengths : sequence of float
        Lengths of the descriptions.

    Examples
    --------
    >>> from skkan.symbolic.search._search import selected
    >>> rows = [dict(loss=2.0, score=0.0), dict(loss=0.1, score=3.0), dict(loss=0.09, score=0.1)]
    >>> [selected(rows, by, [3.0, 2.0, 1.0]) for by in ("likelihood", "accuracy", "score", "best")]
    [2, 2, 1, 1]
    """
    places = range(len(rows))
    if by == "likelihood":
        return min(places, key=lambda k: lengths[k])
    least = min(float(row["loss"]) for row in rows)
    if by == "accuracy":
        return min(places, key=lambda k: float(rows[k]["loss"]))
    good = [k for k in places if by == "score" or rows[k]["loss"] <= AMONG_BEST * least]
    return max(good, key=lambda k: float(rows[k]["score"]))


def _front(recogniser: Recogniser) -> list[Candidate]:
    return nondominated(recogniser.found)[-N_SIMPLIFIED:]


def _sizes(model: Any) -> Shape:
    return tuple(model.hidden_layer_sizes)
