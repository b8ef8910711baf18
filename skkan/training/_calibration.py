"""Fits with a loss that has to know how much the residuals scatter.

The loss of the first fit is in the units of the targets' own scatter, that of every further one in
those of the residuals before, until these no longer change. The first two fits of a network start
anew, because under too large a dispersion it comes out too smooth to go on from; others go on.
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
from skkan.training._constant import best_constant
from skkan.training._problem import Problem
from skkan.training._settings import TrainingResult

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
    if loss.spreads is None and loss.first_by_least_squares and start is None:
        first = fit(replace(problem, loss=SquaredLoss()), None)
        return _on_residuals(problem, first, fit)
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


def _on_residuals(
    problem: Problem, first: TrainingResult, fit: Fit
) -> tuple[Problem, TrainingResult]:
    loss, sample = problem.loss, problem.data.sample()
    assert isinstance(loss, CalibratedLoss)
    out = first.network.outputs(sample.inputs)
    share = sample.weight / sample.weight.sum()
    level = loss.level(sample.target - out, share)

    def outputs(inputs):
        return first.network.outputs(inputs) + level

    problem = _calibrated(problem, outputs, first.dof)
    left = max(problem.settings.max_iter - first.n_iter, 1)
    result = fit(replace(problem, settings=replace(problem.settings, max_iter=left)), None)
    curve = first.loss_curve + result.loss_curve
    return problem, replace(result, n_iter=len(curve), loss_curve=curve)


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
