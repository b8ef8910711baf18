"""Adam on mini-batches.

For more samples or parameters than the other solvers can do with: an iteration, one pass over all
samples, costs no more than a gradient, and every mini-batch moves the parameters. Where passes no
longer lower the objective, the step is halved and the best point so far taken up again.

It sees the coefficients as they are: whitened by the second moments of the features of every node
they are learned no faster.

References
----------
D. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015.
"""

from collections.abc import Callable

import numpy as np

from skkan._typing import FloatArray
from skkan.data._blocks import Samples
from skkan.objective._objective import Objective
from skkan.solvers._result import SolverResult

FIRST_DECAY, SECOND_DECAY = 0.9, 0.999
TINY = 1e-12
# Passes without improvement after which the step is halved, and the share of it that ends the run.
PATIENCE, LAST_STEP = 2, 1e-3


def minimize_adam(
    objective: Objective,
    parameters: FloatArray,
    max_iter: int,
    tol: float,
    callback: Callable[[float, FloatArray], bool] | None = None,
    batch_size: int = 200,
    learning_rate: float = 0.01,
) -> SolverResult:
    """Minimise `objective` from `parameters`.

    Parameters
    ----------
    objective : Objective
        Gives network, data, loss and penalty.
    parameters : ndarray of shape (n_parameters,)
        Starting point.
    max_iter : int
        Largest number of passes over the samples.
    tol : float
        A pass that lowers the objective by less than `tol` relatively counts as none.
    callback : callable, optional
        Called with value and parameters after every pass; stops the run by returning True.
    batch_size : int, default=200
        Number of samples of a mini-batch.
    learning_rate : float, default=0.01
        First size of a step.
    """
    rng = np.random.default_rng(0)
    first, second = np.zeros_like(parameters), np.zeros_like(parameters)
    step, count, since_best = learning_rate, 0, 0
    # A first pass may lead anywhere.
    best = parameters, objective.value(parameters)
    best = best if np.isfinite(best[1]) else (parameters, np.inf)
    history: list[float] = []
    stopped = False
    while len(history) < max_iter and step > LAST_STEP * learning_rate and not stopped:
        for samples in objective.data.batches(batch_size, rng):
            batch = _batch(objective, samples)
            with np.errstate(over="ignore", invalid="ignore"):
                gradient = batch.value_and_gradient(parameters)[1]
            if not np.all(np.isfinite(gradient)):
                # A mini-batch where a symbolic edge has a pole says nothing of the way.
                continue
            count += 1
            first += (1.0 - FIRST_DECAY) * (gradient - first)
            second += (1.0 - SECOND_DECAY) * (gradient**2 - second)
            mean = first / (1.0 - FIRST_DECAY**count)
            root = np.sqrt(second / (1.0 - SECOND_DECAY**count))
            parameters = parameters - step * mean / (root + TINY)
        value = objective.value(parameters)
        if not np.isfinite(value) and np.isfinite(best[1]):
            # Out of the domain of a symbolic edge: a pass is made again from the best, more slowly.
            parameters, value = best
            step *= 0.5
        history.append(value)
        improved = value < best[1] - tol * abs(value)
        if value < best[1]:
            best = parameters, value
        since_best = 0 if improved else since_best + 1
        if since_best == PATIENCE:
            step, since_best = 0.5 * step, 0
            if np.isfinite(best[1]):
                parameters = best[0]
        if callback is not None:
            stopped = callback(value, parameters)
    converged = step <= LAST_STEP * learning_rate and bool(np.isfinite(best[1]))
    return SolverResult(best[0], best[1], len(history), converged, history)


def _batch(objective: Objective, samples: Samples) -> Objective:
    """Return the objective on some of the samples, which stand for all."""
    return Objective(
        objective.network,
        samples,
        objective.loss,
        objective.penalty,
        sparsity=objective.sparsity,
        dtype=objective.dtype,
    )
