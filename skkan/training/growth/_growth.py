"""Fits of no given shape: the analysis of variance first, and networks where it leaves something.

The analysis is a network itself, of one sum node an output and product nodes. Random networks are
trained besides only where the noise is so far below the spread of a target that a formula may be
behind the data, and take its place only where the marginal likelihood is clearly higher.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from skkan.anova._constrained import constrained
from skkan.anova._families import Family, Normal, Solution
from skkan.anova._model import LEAST_FUNCTIONS, Fit, Options
from skkan.anova._reweighted import Reweighted
from skkan.anova._uncertainty import AnalysisPosterior
from skkan.data._blocks import tuned_for_blocks
from skkan.data._samples import TrainingData, spread_rows
from skkan.training._problem import Problem
from skkan.training._progress import Phase, Progress
from skkan.training._settings import TrainingResult
from skkan.training._trainer import WORTH_A_NETWORK, Trainer
from skkan.training.evidence._posterior import PredictivePosterior
from skkan.training.growth._analysed import Analysed
from skkan.training.growth._directions import ROWS, direction_in, start_along, with_two_nodes
from skkan.training.growth._fewer_inputs import on_inputs, with_all_inputs
from skkan.training.growth._structure import FORMULA_NOISE, leaves_structure

# Networks of more inputs get only those that take part in so much of what the analysis leaves.
FEW_INPUTS, SHARE_OF_NOISE = 5, 0.1
# Samples times coefficients up to which other additive models are tried.
MOST_COMPARED = 3_000_000
# Of evidence of the main effects, which interactions follow: odds of ten are worth a look, and 5 is
# "very strong" on the scale of Kass and Raftery (JASA 90, 1995).
PERHAPS_SMOOTH, SMOOTH = 2.3, 5.0
# Of evidence, from interactions: an additive model, which gains some 10 at most, is behind then.
BEYOND_ADDITIVE = 30.0
# Degrees of freedom a sample of an additive model, above which its evidence says too much.
MOST_USED = 0.25
# Coefficients of main effects of several classes, which are chosen at once, at most.
MOST_AT_ONCE = 2000
INTERRUPTED = "Training interrupted; the best network so far is kept."
NAMES = {1: "", 2: "smooth "}
ORDERS = ("main effects", "interactions of two", "interactions of three")


class _Stopped(Exception):  # noqa: N818
    """A callback asks to stop, or no iteration is left."""


def applies(problem: Problem) -> bool:
    """Whether the analysis of variance can serve these settings."""
    settings = problem.settings
    n_inputs, n_outputs = settings.shape[0], settings.shape[-1]
    if problem.loss.of_classes:
        at_once = (n_outputs - 1) * n_inputs * (LEAST_FUNCTIONS + 1)
        if at_once > MOST_AT_ONCE:
            return False
    return (
        settings.alpha is None
        and problem.validation is None
        and settings.sparsity == 0.0
        and settings.base_function == "zero"
        and settings.solver != "adam"
        and (problem.loss.is_square or problem.loss.of_classes or n_outputs == 1)
    )


def family_of(problem: Problem) -> Family:
    """Return what the loss of a problem asks of the analysis."""
    data = problem.data
    if problem.loss.is_square:
        return Normal(data.total)
    return Reweighted.of(problem.loss, data.total, data.n_outputs)


@dataclass
class Growth:
    """One fit of no given shape.

    Attributes
    ----------
    problem : Problem
        Data, loss and settings; their shape is that of the networks that may be trained besides.
    progress : Progress
        Told of phases and iterations.
    rng : numpy.random.Generator
        Source of the starting points of such networks.
    """

    problem: Problem
    progress: Progress
    rng: np.random.Generator
    _phase: Phase | None = None
    _latest: Solution | None = None
    _fits: dict[int, Fit] = field(default_factory=dict)
    _curves: dict[int, list[float]] = field(default_factory=dict)
    _order: int = 1

    @property
    def loss_curve(self) -> list[float]:
        """Losses of all iterations with the order of roughness at hand."""
        return self._curves.setdefault(self._order, [])

    def run(self) -> TrainingResult:
        """Fit, and return the network with its penalty."""
        settings = self.problem.settings
        limits = settings.interactions
        options = Options(
            limits.order,
            settings.degree,
            sites=settings.sites,
            allowed=limits.allowed,
            alone=frozenset() if settings.shapes is None else settings.shapes.asked,
            bent=frozenset() if settings.shapes is None else settings.shapes.bent,
        )
        try:
            with tuned_for_blocks():
                analysis = self._analysis(options)
                self._order = analysis.options.smooth
        except KeyboardInterrupt:
            if self._latest is None:
                raise
            warnings.warn(INTERRUPTED, UserWarning, stacklevel=2)
            found = Analysed.of(self.problem, self._best_so_far())
            return replace(found.result(self.loss_curve), ended_early=True)
        except _Stopped:
            # What a callback has been shown is what it gets.
            assert self._latest is not None
            converged = len(self.loss_curve) < settings.max_iter
            best = self._latest if converged else self._best_so_far()
            found = Analysed.of(self.problem, best)
            return replace(found.result(self.loss_curve, converged), ended_early=True)
        best = analysis.best
        if settings.shapes is not None:
            best = constrained(best, settings.shapes)
        known = Analysed.of(self.problem, best)
        own = known.result(self.loss_curve)
        if settings.shapes is not None:
            return own
        if self.problem.loss.of_classes:
            gain = best.evidence - analysis.levels[0].evidence
            return own if gain > BEYOND_ADDITIVE else self._or_stiffer(own, best)
        if settings.interactions.limited:
            return own
        structured = leaves_structure(known, own.network, analysis.options.smooth == 2)
        return self._raced(own, known) if structured else self._along_a_direction(own, known)

    def _analysis(self, options: Options) -> Fit:
        """Return the fit of the order of roughness that the evidence speaks for.

        Functions of small smooth tables are smoother than those of first order. The main effects
        tell: with interactions the evidence is higher for the second order on some tables where
        held-out scores are not.
        """
        fit = self._begun(options)
        gain, smoother = 0.0, fit
        if self._comparable(fit):
            smoother = self._begun(replace(options, smooth=2))
            gain = smoother.best.evidence - fit.best.evidence
        if gain > PERHAPS_SMOOTH:
            self._completed(smoother)
            if gain > SMOOTH and max(smoother.best.noise) > FORMULA_NOISE:
                return smoother
        self._completed(fit)
        # Networks follow where next to nothing is left; columns of first order are fewer.
        if gain < PERHAPS_SMOOTH or max(fit.best.noise) < FORMULA_NOISE:
            return fit
        return smoother if smoother.best.evidence > fit.best.evidence + SMOOTH else fit

    def _comparable(self, fit: Fit) -> bool:
        """Whether roughness of second order may be tried, which large tables need not."""
        settings, data = self.problem.settings, self.problem.data
        small = data.n_samples * fit.design.n_columns <= MOST_COMPARED
        return small and self.problem.loss.is_square and settings.shapes is None

    def _begun(self, options: Options) -> Fit:
        """Return a fit of main effects."""
        problem = self.problem
        fit = Fit(problem.data, family_of(problem), options, self._watch, problem.settings.n_jobs)
        self._fits[options.smooth] = fit
        with self._in_phase(options.smooth, ORDERS[0]):
            fit.start(problem.data.sample())
        return fit

    def _completed(self, fit: Fit) -> None:
        """Add the interactions that there are."""
        sample = self.problem.data.sample()
        for order in range(2, fit.options.order + 1):
            findings = fit.tested(order, sample)
            if findings:
                with self._in_phase(fit.options.smooth, ORDERS[order - 1]):
                    fit.grow(findings)

    def _best_so_far(self) -> Solution:
        """Return the best solution that is complete, or the latest one."""
        assert self._latest is not None
        complete = [fit.best for fit in self._fits.values() if fit.levels]
        return max(complete, key=lambda one: one.evidence, default=self._latest)

    @contextmanager
    def _in_phase(self, smooth: int, name: str) -> Iterator[None]:
        self._order, max_iter = smooth, self.problem.settings.max_iter
        with self.progress.phase(NAMES[smooth] + name, max_iter) as phase:
            self._phase = phase
            yield

    def _watch(self, found: Solution) -> None:
        """Note an iteration, and tell the callbacks of it."""
        assert self._phase is not None
        self.loss_curve.append(found.loss)
        self._latest = found
        stop = self._phase.step(found.loss, lambda: Analysed.of(self.problem, found).network())
        if stop or len(self.loss_curve) >= self.problem.settings.max_iter:
            raise _Stopped

    def _or_stiffer(self, own: TrainingResult, found: Solution) -> TrainingResult:
        """Return an additive model of few intervals where the evidence prefers it, of classes.

        Roughness of second order is better where they can, or nearly, be separated.
        """
        problem = self.problem.of_additive_model().with_room_for_sites()
        n_inputs, n_outputs = problem.settings.shape
        width = problem.settings.grid_sizes[-1] + problem.settings.degree
        coarse = any(codes is not None and len(codes) > width for codes in problem.settings.sites)
        if coarse or self.problem.data.n_samples * n_inputs * n_outputs * width > MOST_COMPARED:
            return own
        trainer = Trainer(problem, self.progress, self.rng, "additive ")
        try:
            result = trainer.run()
        except KeyboardInterrupt:
            warnings.warn(INTERRUPTED, UserWarning, stacklevel=2)
            return own
        flattered = result.dof > MOST_USED * self.problem.data.total
        return result if trainer.best.log_evidence > found.evidence and not flattered else own

    def _raced(self, own: TrainingResult, known: Analysed) -> TrainingResult:
        """Train random networks as well, and return what the evidence prefers.

        Of many inputs they get those that have more than a small part of what the analysis leaves:
        the cost of a step grows with the square of their number.
        """
        n_inputs = self.problem.settings.shape[0]
        kept = np.flatnonzero(self._acts(known))
        few = FEW_INPUTS < n_inputs > len(kept) > 0
        if not few or not isinstance(self.problem.data, TrainingData):
            kept = np.arange(n_inputs)
        problem = on_inputs(self.problem, kept).with_room_for_sites()
        little = bool(max(known.found.noise) < FORMULA_NOISE)
        problem = replace(problem, settings=replace(problem.settings, little_noise=little))
        trainer = Trainer(problem, self.progress, self.rng)
        return self._or_clearly_better(own, known, trainer.run(), trainer, kept)

    def _along_a_direction(self, own: TrainingResult, known: Analysed) -> TrainingResult:
        """Return a network with a node along a direction, if residuals show one clearly."""
        problem, data = self.problem, self.problem.data
        left = max(known.found.noise) > FORMULA_NOISE
        possible = left and isinstance(data, TrainingData) and problem.loss.is_square
        levels = any(codes is not None for codes in problem.settings.sites)
        if not possible or levels or data.n_outputs > 1 or len(problem.settings.shape) == 2:
            return own
        some = data.sample()
        rows = spread_rows(len(some.inputs), ROWS)
        inputs = some.inputs[rows]
        residuals = some.target[rows] - own.network.outputs(inputs)
        direction = direction_in(inputs, residuals[:, 0])
        if direction is None:
            return own
        kept = np.flatnonzero(self._acts(known) | (direction != 0.0))
        narrow = with_two_nodes(on_inputs(problem, kept))
        trainer = Trainer(narrow, self.progress, self.rng, "direction ")
        result = trainer.run((start_along(narrow, direction[kept]), None))
        return self._or_clearly_better(own, known, result, trainer, kept)

    def _acts(self, known: Analysed) -> NDArray[np.bool_]:
        """Return which inputs have more than a small part of what the analysis leaves."""
        acts: NDArray[np.bool_] = known.spread > SHARE_OF_NOISE * float(known.found.noise.sum())
        return acts

    def _or_clearly_better(
        self,
        own: TrainingResult,
        known: Analysed,
        rival: TrainingResult,
        trainer: Trainer,
        kept: NDArray[np.intp],
    ) -> TrainingResult:
        """Return a network that has been trained on some inputs where the evidence prefers it."""
        if trainer.best.log_evidence <= known.found.evidence + WORTH_A_NETWORK:
            return own
        return with_all_inputs(self.problem, rival, kept)


def posterior_of(
    problem: Problem, result: TrainingResult, order: NDArray[np.intp]
) -> PredictivePosterior | AnalysisPosterior | None:
    """Return what the data leave open about a fit, if that can be told.

    Parameters
    ----------
    problem : Problem
        What has been fitted.
    result : TrainingResult
        The fit.
    order : ndarray of int of shape (n_inputs,)
        Input ``i`` of the fit is input ``order[i]`` of the user's.
    """
    if not result.analysed:
        return problem.posterior(result, order)
    return None if result.posterior is None else replace(result.posterior, order=order)
