"""Fits with a loss that has to know how much the residuals scatter.

The loss of the first fit is in the units of the targets' own scatter, that of every further one in
those of the residuals before, until these no longer change. The first two fits of a network start
anew, because under too large a dispersion it comes out too smooth to go on from; others go on.

Losses with a kink have the units of the residuals of a fit of means (Fasiolo and others, 2021).
In the end their constants are chosen for samples that the fit has not seen.

References
----------
M. Fasiolo et al., "Fast calibrated additive quantile regression", JASA 2021.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from skkan._typing import FloatArray
from skkan.network._network import Network
from skkan.objective._penalties import Penalty
from skkan.objective.losses._calibrated import CalibratedLoss
from skkan.objective.losses._loss import Loss
from skkan.objective.losses._squared import SquaredLoss
from skkan.training._constant import best_constant, no_worse_than_constant
from skkan.training._problem import Problem
from skkan.training._settings import State, TrainingResult
from skkan.training.growth._growth import posterior_of

MAX_FITS = 4
# Of the logarithms of spread and dispersion.
SETTLED = 0.2
# Of the degrees of freedom, however many a fit has used.
LEAST_UNUSED = 0.1

Start = tuple[Network, Penalty | None]
Fit = Callable[[Problem, Start | None], TrainingResult]


def calibrated_fit(
    problem: Problem, fit: Fit, start: Start | None = None
) -> tuple[Problem, TrainingResult]:
    """Fit again and again until the loss has the units of the residuals.

    Parameters
    ----------
    problem : Problem
        Its loss is a ``CalibratedLoss``.
    fit : callable
        Fits a problem, from a network on if one is given.
    start : (Network, Penalty or None), optional
        Where to go on from.

    Returns
    -------
    problem : Problem
        With the loss of the last fit.
    result : TrainingResult
        Of that fit, with the iterations of all.
    """
    loss, settings = problem.loss, problem.settings
    assert isinstance(loss, CalibratedLoss)
    if loss.by_means:
        return _fit_on_means(problem, fit, start)
    if loss.spreads is None:
        constant, _ = best_constant(problem.data, loss, settings.n_jobs)
        problem = _calibrated(problem, lambda inputs: np.tile(constant, (len(inputs), 1)), 0.0)
    curve: list[float] = []
    held_out: list[float] = []
    for number in range(MAX_FITS):
        result = fit(problem, start)
        curve, held_out = curve + result.loss_curve, held_out + result.validation_curve
        after = _calibrated(problem, result.network.outputs, result.dof)
        left = settings.max_iter - len(curve)
        settled = _distance(problem.loss, after.loss) < SETTLED
        if settled or result.ended_early or left <= 0 or number == MAX_FITS - 1:
            break
        if (number or start is not None) and not result.analysed:
            start = result.network, result.penalty
        problem = replace(after, settings=replace(settings, max_iter=left))
    return problem, replace(result, n_iter=len(curve), loss_curve=curve, validation_curve=held_out)


def _fit_on_means(
    problem: Problem, fit: Fit, start: Start | None
) -> tuple[Problem, TrainingResult]:
    """Fit in the units of the residuals of a fit of means, if there are none yet."""
    loss, settings, before = problem.loss, problem.settings, None
    assert isinstance(loss, CalibratedLoss)
    if loss.spreads is None:
        before = fit(replace(problem, loss=SquaredLoss()), None)
        moved = _moved(before.network, problem, before.network.outputs)
        problem = _calibrated(problem, moved.outputs, before.dof)
        if before.ended_early:
            loss_value = problem.value_of(State(moved, before.penalty))
            result = replace(before, network=moved, loss=loss_value, posterior=None)
            return problem, no_worse_than_constant(problem, result)
        left = max(settings.max_iter - before.n_iter, 1)
        problem = replace(problem, settings=replace(settings, max_iter=left))
    result = _for_new_samples(problem, fit(problem, start))
    if before is not None:
        curve = before.loss_curve + result.loss_curve
        held_out = before.validation_curve + result.validation_curve
        result = replace(result, n_iter=len(curve), loss_curve=curve, validation_curve=held_out)
    return problem, result


def _for_new_samples(problem: Problem, result: TrainingResult) -> TrainingResult:
    """Return a fit whose constants are the best ones if every sample is left out for itself."""
    loss, sample = problem.loss, problem.data.sample()
    assert isinstance(loss, CalibratedLoss)
    posterior = posterior_of(problem, result, np.arange(problem.data.n_inputs))
    if loss.dispersions is None or posterior is None:
        return result
    network = result.network
    X = network.scaling.given_inputs(sample.inputs)
    deviations = posterior.deviations(network, X, include_noise=False)
    # The scale of a target that does not vary is zero.
    scale = network.scaling.output_scale
    variance = (deviations / np.where(scale > 0.0, scale, 1.0)) ** 2
    weight = problem.data.total * sample.weight / sample.weight.sum()

    def left_out(inputs: FloatArray) -> FloatArray:
        return loss.left_out(network.outputs(inputs), sample.target, weight, variance)

    moved = _moved(network, problem, left_out)
    return replace(result, network=moved, loss=problem.value_of(State(moved, result.penalty)))


def _moved(
    network: Network, problem: Problem, outputs: Callable[[FloatArray], FloatArray]
) -> Network:
    """Return a network with the constants added that are best for some outputs."""
    loss, sample = problem.loss, problem.data.sample()
    assert isinstance(loss, CalibratedLoss)
    share = sample.weight / sample.weight.sum()
    level = loss.level(sample.target - outputs(sample.inputs), share)
    moved = network.copy()
    moved.layers[-1].add_constants(level)
    return moved


def _calibrated(
    problem: Problem, outputs: Callable[[FloatArray], FloatArray], dof: float
) -> Problem:
    """Return the problem with its loss in the units of some residuals."""
    loss, sample = problem.loss, problem.data.sample()
    assert isinstance(loss, CalibratedLoss)
    unused = 1.0 - dof / (problem.data.total * problem.data.n_outputs)
    # A weight of the penalty that is given has no unit to be measured in.
    fixed = problem.settings.alpha is not None
    out, target = outputs(sample.inputs), sample.target
    new = loss.calibrated(out, target, sample.weight, max(unused, LEAST_UNUSED), fixed)
    return replace(problem, loss=new)


def _distance(before: Loss, after: Loss) -> float:
    assert isinstance(before, CalibratedLoss)
    assert isinstance(after, CalibratedLoss)
    return before.distance(after)
