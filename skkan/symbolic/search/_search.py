"""The search for formulas: direct ones, division, and networks from the simplest shape up."""

import copy
import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skkan._typing import FloatArray
from skkan.data._samples import TrainingData, spread_rows
from skkan.network._network import Network
from skkan.objective.losses._choice import regression_loss
from skkan.symbolic._watch import watched
from skkan.symbolic.division._formulas import Division
from skkan.symbolic.division._powers import log_products
from skkan.symbolic.export._formula import to_sympy
from skkan.symbolic.recognition._recognition import Candidate, Recogniser, nondominated
from skkan.symbolic.recognition._simplify import simplify
from skkan.symbolic.search._description import CONVINCING, Noise, may_be_relative
from skkan.symbolic.search._end import (
    N_DIRECT,
    N_SETTLED,
    follows_more,
    has_more_coefficients,
    mimics,
)
from skkan.symbolic.search._equation_rows import (
    Samples,
    constant_row,
    mean_square,
)
from skkan.symbolic.search._formula_rows import SMALLEST, FormulaRows
from skkan.symbolic.search._settings import NetworkModel, SearchSettings, Shape
from skkan.training._progress import Phase, Progress, RelayedProgress

THRESHOLDS = ((1e-2, 3e-2), (1e-3, 1e-3))
# A larger network, or one with fewer edges, is as good as another within these factors of loss.
BETTER, NO_WORSE = 0.9, 1.1
ROUNDING = 1e-9
MAX_ROWS = 2000
# Formulas to simplify per shape, and to keep as they are when the time is up.
N_SIMPLIFIED, N_UNFINISHED = 6, 2


class _Stopped(Exception):  # noqa: N818
    """A callback asks to stop, or the time is up."""


class _TimeUp(_Stopped):
    """The time is up."""


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
    formulas : FormulaRows
        All formulas so far.
    n_iter : int
        Solver iterations of the networks so far.
    """

    def __init__(self, samples: Samples, settings: SearchSettings, progress: Progress) -> None:
        self.samples = samples
        self.settings = settings
        self.progress = progress
        self.formulas = FormulaRows(samples, settings)
        self.network: NetworkModel | None = None
        self.network_loss = math.inf
        self.n_iter = 0
        self.deadline = time.monotonic() + settings.max_time
        self._outcome: dict[str, Any] | None = None

    def run(self) -> dict[str, Any]:
        """Search, and return the fitted attributes.

        A keyboard interrupt ends the search, not the program, once there is a formula.
        """
        try:
            with watched(self._look):
                self._search()
        except KeyboardInterrupt:
            if self.network is None and len(self.formulas.rows) == 1:
                raise
            message = "Search interrupted; the best formulas so far are kept."
            warnings.warn(message, UserWarning, stacklevel=2)
        except _Stopped:
            pass
        self.formulas.warn_if_none()
        return self.outcome()

    def _look(self) -> None:
        if time.monotonic() > self.deadline:
            raise _TimeUp

    def outcome(self) -> dict[str, Any]:
        """Return the fitted attributes of an estimator whose search ends here."""
        if self._outcome is None:
            self._outcome = self._attributes(self.network)
        return {**self._outcome, "n_iter_": self.n_iter}

    def _search(self) -> None:
        settings = self.settings
        if self.formulas.variance > 0.0:
            self._find_without_networks()
        likely = self.formulas.likeliest()["equation"]
        settled = self.formulas.settled(N_SETTLED) and not mimics(likely)
        X, grid_size = self.samples[0], settings.model.grid_size
        first, *rest = settings.shapes
        shapes = [own for own in rest if not has_more_coefficients(own, grid_size, X)]
        if settled:
            # The first network is likely to be the last.
            if self._tried(first, None, settled=True):
                return
        else:
            shapes = [first, *shapes]
        with self._side_by_side(shapes) as ready:
            for sizes in shapes:
                if self._tried(sizes, ready, settled=False):
                    return

    @contextmanager
    def _side_by_side(self, shapes: Sequence[Shape]) -> "Iterator[Iterator[Attempt] | None]":
        """Give attempts with shapes, which run in processes of their own, None for one process."""
        n_jobs = effective_n_jobs(self.settings.n_jobs)
        if n_jobs == 1 or len(shapes) < 2:
            yield None
            return
        model = clone(self.settings.model).set_params(n_jobs=1)
        alone = replace(self.settings, model=model, n_jobs=1)
        # Clocks of processes agree in the time of day only.
        end = time.time() + self.deadline - time.monotonic()
        task = delayed(attempt)
        runs = Parallel(n_jobs=n_jobs, return_as="generator", pre_dispatch="n_jobs", batch_size=1)(
            task(self.samples, replace(alone, shapes=[own]), self.formulas.noise, end)
            for own in shapes
        )
        with warnings.catch_warnings(), closing(runs):
            # Attempts that are not needed any more are nothing to warn of.
            warnings.filterwarnings("ignore", r"\d+ tasks", UserWarning)
            yield runs

    def _tried(self, sizes: Shape, ready: "Iterator[Attempt] | None", *, settled: bool) -> bool:
        """Try networks of a shape, and tell whether that ends the search."""
        title = str((self.samples[0].shape[1], *sizes, 1))
        rows: list[dict[str, Any]] | None = None
        first = self.network is None
        with self.progress.phase(f"network {title}") as phase:
            if ready is None:
                model = self._trained(sizes, phase)
            else:
                own = next(ready)
                model, rows = own.model, own.rows
                self.n_iter += model.n_iter_
            error = self._loss(model)
            better = first or error < BETTER * self.network_loss
            if better:
                self._keep(model, error)
            if ready is not None and own.stopped:
                self.formulas.rows += rows or []
                raise _Stopped
            self._step(phase, error)
        if self.formulas.least() <= max(self.formulas.rounding, SMALLEST):
            return True
        if settled and not self._doubted(model):
            # Networks and their formulas would only follow the noise.
            return True
        if not better and self.formulas.least() <= self._limit(self.network_loss):
            # More nodes have nothing to add, to the network or to its formula.
            return False
        if self.formulas.variance > 0.0:
            with self.progress.phase(f"formulas {title}") as phase:
                if rows is None:
                    self._find_formulas(model, error / self.formulas.variance, phase)
                else:
                    self.formulas.rows += rows
                    self._outcome = None
                    self._step(phase, self.formulas.least())
        return self.formulas.least() <= max(self.formulas.rounding, SMALLEST)

    def _find_without_networks(self) -> None:
        """Add rows for the formulas that need no network."""
        with self.progress.phase("powers, polynomials, quotients") as phase:
            division = self._division(phase, self.samples[1])
            for formula in division.direct():
                self._add([formula], None)
                self._step(phase, self.formulas.least())
                if division.certain:
                    return
        short = self.formulas.settled(N_DIRECT)
        divided = False
        if may_be_relative(self.samples[1]):
            if self.settings.divide and not short and self.samples[0].shape[1] == 1:
                # Both kinds of noise have the same chance.
                with self.progress.phase("division") as phase:
                    self._divide(self._division(phase, self.samples[1]), phase)
                divided = True
            with self.progress.phase("relative noise") as phase:
                self._try_relative(phase, divide=self.settings.divide and not short)
            short = self.formulas.settled(N_DIRECT)
        if self.settings.divide and not short and not divided:
            with self.progress.phase("division") as phase:
                self._divide(
                    self._division(phase, self.formulas.noise.target(self.samples[1])), phase
                )

    def _division(self, phase: Phase, target: FloatArray) -> Division:
        X, _, weight = self.samples
        settings = self.settings

        def watch() -> None:
            self._step(phase, self.formulas.least())

        # The logarithms of targets have no unit.
        relative = self.formulas.noise.relative
        return Division(
            *(X, target, weight, settings.symbols, settings.names, watch),
            None if relative else settings.units,
            None if relative else self.formulas.conditions,
        )

    def _divide(self, division: Division, phase: Phase) -> None:
        """Add rows for the formulas found by dividing the problem."""
        try:
            found = division.formulas()
        except (KeyboardInterrupt, _Stopped):
            self._add([self.formulas.noise.undone(own) for own in division.unfinished()], None)
            raise
        self._add([self.formulas.noise.undone(own) for own in found], None)
        self._step(phase, self.formulas.least())

    def _try_relative(self, phase: Phase, *, divide: bool) -> None:
        """Take noise as relative to the targets if that makes them shorter to describe."""
        X, y, weight = self.samples
        before = self.formulas.noise, self.formulas.rows
        self.formulas.noise = Noise(relative=True, sign=int(math.copysign(1, y[0])))
        names = self.settings.names
        formulas = [own for row in before[1] if (own := row["equation"]).free_symbols]
        self.formulas.rows = [constant_row(self.samples, self.formulas.noise)]
        self._add([*formulas, *log_products(X, y, weight, names)], None)
        if X.shape[1] == 1 and divide:
            self._divide(self._division(phase, self.formulas.noise.target(y)), phase)
        best = self.formulas.likeliest()
        other = min(before[1], key=lambda row: self.formulas.length(row, before[0]))
        shorter = self.formulas.length(best) < self.formulas.length(other, before[0]) - CONVINCING
        if not (shorter and self.formulas.explained(best)):
            self.formulas.noise, self.formulas.rows = before
            self._outcome = None

    def _trained(self, sizes: Shape, phase: Phase) -> NetworkModel:
        """Return a trained network, without the edges that it does not need."""
        model = clone(self.settings.model).set_params(hidden_layer_sizes=sizes)
        self._fit(model, phase, go_on=False)
        before = self._loss(model)
        limit = NO_WORSE * before + ROUNDING**2 * float(self.formulas.share @ self.samples[1] ** 2)
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
            lambda: self._step(phase, self.formulas.least()),
        )
        shape = (X.shape[1], *_sizes(model), 1)
        try:
            recogniser.run(network)
            for candidate in _front(recogniser):
                self._add(self._simplified(candidate), shape)
                self._step(phase, self.formulas.least())
        except (KeyboardInterrupt, _TimeUp):
            # No time is left for nice constants.
            for candidate in _front(recogniser)[-N_UNFINISHED:]:
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
        self.formulas.add(formulas, shape)
        self._outcome = None

    def _attributes(self, network: NetworkModel | None) -> dict[str, Any]:
        """Return the fitted attributes for a network and the formulas so far."""
        found = self.formulas.table()
        return found if network is None else {**found, "network_": network}

    def _keep(self, model: NetworkModel, loss: float) -> None:
        self.network, self.network_loss = model, loss
        self._outcome = None

    def _step(self, phase: Phase, loss: float) -> None:
        if phase.step(loss, self.outcome):
            raise _Stopped
        self._look()

    def _loss(self, model: NetworkModel) -> float:
        X, y, _ = self.samples
        return mean_square(model.predict(X) - y, self.formulas.share)

    def _limit(self, network_loss: float) -> float:
        return (1.0 + self.settings.tolerance) * network_loss + self.formulas.rounding

    def _doubted(self, model: NetworkModel) -> bool:
        """Tell whether a network finds more than noise where the likeliest formula ends."""
        loss = float(self.formulas.likeliest()["loss"])
        size = int(model.network_.n_parameters)
        explained = follows_more(self._loss(model), loss, size, len(self.samples[1]))
        return explained and not self.formulas.noise.relative


@dataclass(frozen=True)
class Attempt:
    """A trained network and its formulas, and whether the time was up before they were known."""

    model: NetworkModel
    rows: list[dict[str, Any]]
    stopped: bool


def attempt(samples: Samples, settings: SearchSettings, noise: Noise, end: float) -> Attempt:
    """Train networks of the first of the shapes and find their formulas, beside other attempts.

    Parameters
    ----------
    samples : tuple of ndarray
        Inputs, targets and weights.
    settings : SearchSettings
        What to search for.
    noise : Noise
        In which scale errors count.
    end : float
        Time of day, in seconds, at which to stop.
    """
    settings = replace(settings, max_time=end - time.time())
    search = Search(samples, settings, RelayedProgress(lambda *_: False))
    search.formulas.noise = noise
    phase_of = search.progress.phase
    (sizes,) = settings.shapes
    stopped = False
    model = None
    try:
        with watched(search._look), phase_of("network") as phase:
            model = search._trained(sizes, phase)
            if search.formulas.variance > 0.0:
                unexplained = search._loss(model) / search.formulas.variance
                search._find_formulas(model, unexplained, phase)
    except _Stopped:
        stopped = True
    model = search.network if model is None else model
    assert model is not None
    return Attempt(model, search.formulas.rows[1:], stopped)


def _front(recogniser: Recogniser) -> list[Candidate]:
    return nondominated(recogniser.found)[-N_SIMPLIFIED:]


def _sizes(model: Any) -> Shape:
    return tuple(model.hidden_layer_sizes)
