"""Random starts that race: a few iterations each, and again for the better half of them."""

from collections.abc import Iterator
from operator import attrgetter

import numpy as np
from joblib import Parallel, delayed

from skkan._base_functions import BASE_FUNCTIONS
from skkan._blocks import RowBlocks
from skkan._grids import INPUT_MARGIN, breakpoints
from skkan._initialization import KINDS, random_network
from skkan._network import Network
from skkan._problem import Problem
from skkan._settings import State

START_SPREAD = 0.5
STARTS_PER_FINALIST = 4


def n_finalists(problem: Problem) -> int:
    """Return how many starts are worth a look at their evidence.

    The loss after some iterations favours networks that bend to the data where there are few; a
    share of the starts is therefore compared after their weights have been chosen.
    """
    if problem.settings.alpha is not None or problem.validation is not None:
        return 1
    return max(1, problem.settings.n_restarts // STARTS_PER_FINALIST)


def race(problem: Problem, rng: np.random.Generator) -> Iterator[list[State]]:
    """Yield the starts as drawn, then after every round those left, best first.

    Parameters
    ----------
    problem : Problem
        Data, loss and settings.
    rng : numpy.random.Generator
        Source of the starting points.
    """
    settings = problem.settings
    seeds = rng.integers(2**31, size=settings.n_restarts)
    runners = []
    for number, seed in enumerate(seeds):
        network = random_start(problem, KINDS[number % len(KINDS)], seed)
        runners.append(State(network, problem.first_penalty(network)))
    yield runners
    rows = problem.rows(runners[0].network)
    finalists = n_finalists(problem)
    while True:
        # Threads go to the starts, and to the blocks of rows where there is only one left.
        own = rows.on_threads(1 if len(runners) > 1 else settings.n_jobs)
        jobs = (delayed(run_start)(problem, runner, own) for runner in runners)
        finished = sorted(Parallel(settings.n_jobs, prefer="threads")(jobs), key=attrgetter("loss"))
        runners = finished[: max(finalists, len(runners) // 2)]
        yield runners
        if len(runners) <= finalists:
            break


def random_start(problem: Problem, kind: str, seed: int) -> Network:
    """Draw a network on the coarsest grid, with hidden grids where its nodes are."""
    settings, data = problem.settings, problem.data
    grid_size = settings.grid_sizes[0]
    ends = breakpoints(
        data.inputs, data.weight, 1.0 + INPUT_MARGIN, grid_size, settings.quantile_share
    )
    network = random_network(
        problem.scaling,
        settings.shape,
        ends,
        settings.degree,
        BASE_FUNCTIONS[settings.base_function],
        kind,
        np.random.default_rng(seed),
    )
    problem.follow(network, grid_size)
    spread = float(network.outputs(data.inputs).std())
    network.layers[-1].coef *= START_SPREAD / max(spread, 1e-3)
    return network


def run_start(problem: Problem, state: State, rows: RowBlocks) -> State:
    """Run the solver for a round; the loss of the state is what it is judged by."""
    plan, settings = problem.plan, problem.settings
    objective = problem.objective(state.network, state.penalty, rows)
    max_iter = min(plan.race_iter, settings.max_iter)
    found = plan.minimize(objective, state.network.get_parameters(), max_iter, settings.tol)
    network = state.network.copy()
    network.set_parameters(found.parameters)
    value = found.value if problem.validation is None else problem.validation_loss(network)
    problem.follow(network, network.grid_size)
    value = value if np.isfinite(value) else np.finfo(float).max
    return State(network, problem.first_penalty(network), loss=value)
