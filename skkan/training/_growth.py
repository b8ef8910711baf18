"""Fits of no given shape: the analysis of variance first, and networks where it leaves something.

The analysis is a network itself, of one sum node an output and product nodes. Random networks are
trained besides only where the noise is so far below the spread of a target that a formula may be
behind the data, and take its place only where the marginal likelihood is clearly higher.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from skkan._typing import FloatArray
from skkan.anova._as_network import Part, as_network, parts_of
from skkan.anova._constrained import constrained, keep_shapes
from skkan.anova._families import Family, Normal, Solution
from skkan.anova._model import LEAST_FUNCTIONS, Fit, Options
from skkan.anova._reweighted import Reweighted
from skkan.anova._uncertainty import AnalysisPosterior
from skkan.data._blocks import tuned_for_blocks
from skkan.data._samples import TrainingData, spread_rows
from skkan.network._network import Network
from skkan.objective._penalties import HIGHEST_WEIGHT, TINY, Penalty
from skkan.training._directions import ROWS, direction_in, start_along, with_two_nodes
from skkan.training._fewer_inputs import on_inputs, with_all_inputs
from skkan.training._problem import Problem
from skkan.training._progress import Phase, Progress
from skkan.training._settings import TrainingResult
from skkan.training._trainer import WORTH_A_NETWORK, Trainer
from skkan.training.evidence._posterior import PredictivePosterior

# Share of the variance of a target: with less noise than that, a formula may be behind it.
FORMULA_NOISE = 1e-3
# With more than that, no structure is looked for; the residuals of neighbours have to be correlated
# by so much, and by so many standard deviations.
MOST_STRUCTURED = 0.1
LEAST_LIKENESS, CLEAR = 0.3, 5.0
NEIGHBOUR_ROWS, LEAST_NEIGHBOURS = 4000, 20
LEAST_DOF = 1e-3
# Inputs that act in a formula that is looked for.
MOST_INPUTS = 10
NOTHING_LEFT = 1e-8
# Networks of more inputs get only those that take part in so much of what the analysis leaves.
FEW_INPUTS, SHARE_OF_NOISE = 5, 0.1
# Samples times coefficients up to which the additive model of few intervals is tried.
MOST_COMPARED = 3_000_000
# Of evidence, from interactions: an additive model, which gains some 10 at most, is behind then.
BEYOND_ADDITIVE = 30.0
# Coefficients of main effects of several classes, which are chosen at once, at most.
MOST_AT_ONCE = 2000
INTERRUPTED = "Training interrupted; the best network so far is kept."
ORDERS = ("main effects", "interactions of two", "interactions of three")


def likeness_of_neighbours(sites: FloatArray, residuals: FloatArray) -> tuple[float, float]:
    """Return how alike residuals of neighbours are: a correlation, and its standard score.

    Parameters
    ----------
    sites : ndarray of shape (n_samples, n_inputs)
        Where the samples are.
    residuals : ndarray of shape (n_samples, n_outputs)
        What a fit has left.
    """
    if len(sites) < LEAST_NEIGHBOURS:
        return 0.0, 0.0
    nearest = cKDTree(sites).query(sites, 2)[1][:, 1]
    products = residuals * residuals[nearest]
    size = float((residuals**2).sum()) or 1.0
    error = float(np.sqrt((products**2).sum())) or 1.0
    total = float(products.sum())
    return total / size, total / error


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
    loss_curve: list[float] = field(default_factory=list)
    _phase: Phase | None = None
    _latest: Solution | None = None

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
        family = family_of(self.problem)
        analysis = Fit(self.problem.data, family, options, self._watch, settings.n_jobs)
        try:
            with tuned_for_blocks():
                self._analyse(analysis)
        except KeyboardInterrupt:
            if self._latest is None:
                raise
            warnings.warn(INTERRUPTED, UserWarning, stacklevel=2)
            found = analysis.best if analysis.levels else self._latest
            return replace(self._result(found), ended_early=True)
        except _Stopped:
            # What a callback has been shown is what it gets.
            assert self._latest is not None
            converged = len(self.loss_curve) < settings.max_iter
            return replace(self._result(self._latest, converged=converged), ended_early=True)
        if settings.shapes is not None:
            return self._result(constrained(analysis.best, settings.shapes))
        best = analysis.best
        own = self._result(best)
        if self.problem.loss.of_classes:
            gain = best.evidence - analysis.levels[0].evidence
            return own if gain > BEYOND_ADDITIVE else self._or_stiffer(own, best)
        if settings.interactions.limited:
            return own
        structured = self._leaves_structure(own.network, best)
        return self._raced(own, best) if structured else self._along_a_direction(own, best)

    def _leaves_structure(self, network: Network, found: Solution) -> bool:
        """Whether noise is far below the target, or residuals of neighbours are alike.

        A formula of many inputs is not looked for, which would take minutes. Where there are too
        few samples to train other networks, that cannot be told.
        """
        settings = self.problem.settings
        width = settings.grid_sizes[-1] + settings.degree
        # Networks of few splines an edge have no tables of so many levels.
        coarse = any(codes is not None and len(codes) > width for codes in settings.sites)
        if len(settings.shape) == 2 or coarse:
            return False
        level = max(found.noise)
        if level > MOST_STRUCTURED:
            return False
        spread = self._spread(found)
        acting = np.flatnonzero(spread > FORMULA_NOISE * spread.sum()).tolist()
        if len(acting) > MOST_INPUTS:
            return False
        some = self.problem.data.sample()
        if level < FORMULA_NOISE:
            columns = found.design.bases.columns
            n_values = [len(np.unique(some.inputs[:, j])) for j in acting]
            complete = all(columns[j].size >= n - 1 for j, n in zip(acting, n_values, strict=True))
            # A table of every value that leaves nothing is all there is to be found.
            return not (complete and level < NOTHING_LEFT)
        rows = spread_rows(len(some.inputs), NEIGHBOUR_ROWS)
        inputs = some.inputs[rows]
        residuals = some.target[rows] - network.outputs(inputs)
        likeness, clear = likeness_of_neighbours(inputs * np.sqrt(spread), residuals)
        return likeness > LEAST_LIKENESS and clear > CLEAR

    def _spread(self, found: Solution) -> FloatArray:
        """Return the variances of what every input takes part in."""
        spread = np.zeros(self.problem.settings.shape[0])
        for own in self._parts(found):
            spread[list(own.columns)] += own.variance
        return spread

    def _analyse(self, analysis: Fit) -> None:
        """Fit main effects, and the interactions that there are."""
        sample = self.problem.data.sample()
        with self._in_phase(ORDERS[0]):
            analysis.start(sample)
        for order in range(2, analysis.options.order + 1):
            findings = analysis.tested(order, sample)
            if findings:
                with self._in_phase(ORDERS[order - 1]):
                    analysis.grow(findings)

    @contextmanager
    def _in_phase(self, name: str) -> Iterator[None]:
        with self.progress.phase(name, self.problem.settings.max_iter) as phase:
            self._phase = phase
            yield

    def _watch(self, found: Solution) -> None:
        """Note an iteration, and tell the callbacks of it."""
        assert self._phase is not None
        self.loss_curve.append(found.loss)
        self._latest = found
        stop = self._phase.step(found.loss, lambda: self._network(found, self._parts(found)))
        if stop or len(self.loss_curve) >= self.problem.settings.max_iter:
            raise _Stopped

    def _parts(self, found: Solution) -> list[Part]:
        return parts_of(found, found.blur)

    def _network(self, found: Solution, parts: Sequence[Part]) -> Network:
        return as_network(found.design, found.coef[0], parts, self.problem.scaling)

    def _result(self, found: Solution, converged: bool = True) -> TrainingResult:
        """Return a solution as a network with hidden nodes in place, and its penalty."""
        problem, parts = self.problem, self._parts(found)
        network = self._network(found, parts)
        if problem.settings.shapes is not None:
            keep_shapes(network, problem.settings.shapes, len(found.coef[0]))
        shrink = problem.follow(network, network.grid_size, fresh=True)
        noise = found.noise if found.posteriors else np.ones(found.coef.shape[1])
        penalty = self._penalty(network, parts, noise / problem.data.total)
        for layer in network.layers[1:]:
            # Laying grids anew has left lines that are straight but for rounding.
            layer.straighten()
        posterior = None
        if found.posteriors:
            inputs, units = np.arange(network.shape[0]), shrink[0][: len(noise)]
            standardised = self.problem.loss.has_noise_level
            posterior = AnalysisPosterior.of(found, inputs, units, standardised)
        rows = problem.data.rows(n_jobs=problem.settings.n_jobs)
        objective = problem.objective(network, penalty, rows)
        loss = objective.value(network.get_parameters())
        return TrainingResult(
            network,
            penalty,
            loss,
            len(self.loss_curve),
            self.loss_curve,
            converged=converged,
            analysed=True,
            posterior=posterior,
            dof=float(found.used.sum()),
        )

    def _penalty(self, network: Network, parts: Sequence[Part], unit: FloatArray) -> Penalty:
        """Return the penalty under which the degrees of freedom are those of the fit.

        The fixed point of the weights is ``noise / n * dof / energy``; see
        :mod:`skkan.training.evidence._smoothing`.
        """
        penalty = self.problem.penalty(network, 1.0, 1.0)
        first = penalty.layers[0]
        energies = first.energies(network.layers[0].coef)
        subnode = len(unit)
        for own in parts:
            n_factors = len(own.columns)
            share = max(own.dof, LEAST_DOF) / n_factors
            line = min(0.5 * share, 0.5)
            for place, j in enumerate(own.columns):
                to = own.output if n_factors == 1 else subnode + place
                for name, dof in (("line", line), ("rough", share - line)):
                    weight = unit[own.output] * dof / max(float(energies[name][j, to]), TINY)
                    first.weights[name][j, to] = penalty.bounded(name, np.asarray(weight))
            subnode += n_factors if n_factors > 1 else 0
        for layer in penalty.layers[1:]:
            layer.weights["rough"][:] = HIGHEST_WEIGHT
            layer.weights["line"][:] = penalty.bounded("line", unit.mean() * np.ones(1))
        return penalty

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
        return result if trainer.best.log_evidence > found.evidence else own

    def _raced(self, own: TrainingResult, found: Solution) -> TrainingResult:
        """Train random networks as well, and return what the evidence prefers.

        Of many inputs they get those that have more than a small part of what the analysis leaves:
        the cost of a step grows with the square of their number.
        """
        problem, data = self.problem, self.problem.data
        spread = self._spread(found)
        kept = np.flatnonzero(spread > SHARE_OF_NOISE * float(found.noise.sum()))
        few = FEW_INPUTS < len(spread) > len(kept) > 0 and isinstance(data, TrainingData)
        if few:
            problem = on_inputs(problem, kept)
        trainer = Trainer(problem.with_room_for_sites(), self.progress, self.rng)
        result = trainer.run()
        if trainer.best.log_evidence <= found.evidence + WORTH_A_NETWORK:
            return own
        return with_all_inputs(self.problem, result, kept) if few else result

    def _along_a_direction(self, own: TrainingResult, found: Solution) -> TrainingResult:
        """Return a network with a node along a direction, if residuals show one clearly."""
        problem, data = self.problem, self.problem.data
        left = max(found.noise) > FORMULA_NOISE
        known = left and isinstance(data, TrainingData) and problem.loss.is_square
        levels = any(codes is not None for codes in problem.settings.sites)
        if not known or levels or data.n_outputs > 1 or len(problem.settings.shape) == 2:
            return own
        some = data.sample()
        rows = spread_rows(len(some.inputs), ROWS)
        inputs = some.inputs[rows]
        residuals = some.target[rows] - own.network.outputs(inputs)
        direction = direction_in(inputs, residuals[:, 0])
        if direction is None:
            return own
        acts = self._spread(found) > SHARE_OF_NOISE * float(found.noise.sum())
        kept = np.flatnonzero(acts | (direction != 0.0))
        narrow = with_two_nodes(on_inputs(problem, kept))
        trainer = Trainer(narrow, self.progress, self.rng, "direction ")
        result = trainer.run((start_along(narrow, direction[kept]), None))
        if trainer.best.log_evidence <= found.evidence + WORTH_A_NETWORK:
            return own
        return with_all_inputs(problem, result, kept)


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
