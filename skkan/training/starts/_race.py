"""Random starts that race: a few iterations each, and again for the better half of them."""

from collections import Counter
from collections.abc import Iterator
from operator import attrgetter

import numpy as np
from joblib import Parallel, delayed

from skkan.data._blocks import Rows
from skkan.network._network import Network
from skkan.network.functions._base_functions import BASE_FUNCTIONS
from skkan.objective._block_sums import OutputMoment
from skkan.training._grids import input_breakpoints
from skkan.training._problem import START_WEIGHTS, Problem
from skkan.training._settings import State
from skkan.training.starts._initialization import KINDS, random_network

START_SPREAD = 0.5
STARTS_PER_FINALIST = 4
# Coefficients up to which there are further starts if these disagree, how many there are at most,
# and by which factor losses differ that are alike.
SMALL, MOST_STARTS, ALIKE = 64, 6, 1.5
# Factor by which these have to be better to be compared at all; where there is noise, they are not.
CLEARLY_LESS = 0.5


def race_weights(problem: Problem) -> list[float]:
    """Return for every start that is worth a look at its evidence the weight it races under.

    The loss after some iterations favours networks that bend to the data where there are few; a
    share of the starts is therefore compared after their weights have been chosen.
    """
    if problem.settings.alpha is not None or problem.validation is not None:
        return [START_WEIGHTS[0]]
    n_finalists = max(1, problem.settings.n_restarts // STARTS_PER_FINALIST)
    if problem.settings.little_noise:
        return [START_WEIGHTS[-1]] * n_finalists
    return [START_WEIGHTS[number % len(START_WEIGHTS)] for number in range(n_finalists)]


def races(problem: Problem, rng: np.random.Generator) -> Iterator[list[State]]:
    """Run a race under every starting weight, and yield as :func:`race` does.

    The last that is yielded are the finalists of all races. Small networks whose number of starts
    is left to the fit have another race, under a weak penalty: without noise a strong one may
    prefer a poor optimum, and two starts may both end there.
    """
    weights = Counter(race_weights(problem))
    shares = np.array_split(np.arange(problem.settings.n_restarts), len(weights))
    finalists: list[State] = []
    for (weight, n_finalists), share in zip(weights.items(), shares, strict=True):
        for runners in race(problem, rng, weight, len(share), n_finalists):
            yield sorted(finalists + runners, key=attrgetter("loss"))
        finalists += runners
    if goes_on(problem):
        more = further_start(problem, rng)
        if more.loss < CLEARLY_LESS * finalists[0].loss:
            yield [more, *finalists]


def goes_on(problem: Problem) -> bool:
    """Whether there are more starts than those that have raced."""
    settings = problem.settings
    subnodes = [sum(own) for own in settings.arities] + [settings.shape[-1]]
    edges = sum(n * m for n, m in zip(settings.shape, subnodes, strict=False))
    width = settings.grid_sizes[0] + settings.degree
    small = len(settings.shape) > 2 and edges * width <= SMALL
    chosen = settings.alpha is None and problem.validation is None
    return settings.more_starts and small and chosen


def further_start(problem: Problem, rng: np.random.Generator) -> State:
    """Return the best of several starts under the weak penalty, which go on while they disagree.

    That is until the lowest loss has been reached twice, or there is no room for more.
    """
    weight = START_WEIGHTS[1]
    found: list[State] = []
    for number, seed in enumerate(rng.integers(2**31, size=MOST_STARTS)):
        network = random_start(problem, KINDS[number % len(KINDS)], seed)
        start = State(network, problem.first_penalty(network, weight))
        if not found:
            rows = problem.rows(network)
        found = sorted([*found, run_start(problem, start, rows, weight)], key=attrgetter("loss"))
        if number and found[1].loss < ALIKE * found[0].loss:
            break
    return found[0]


def race(
    problem: Problem, rng: np.random.Generator, weight: float, n_starts: int, n_finalists: int
) -> Iterator[list[State]]:
    """Yield the starts as drawn, then after every round those left, best first.

    Parameters
    ----------
    problem : Problem
        Data, loss and settings.
    rng : numpy.random.Generator
        Source of the starting points.
    weight : float
        Weight of the penalty.
    n_starts, n_finalists : int
        How many begin, and how many are left in the end.
    """
    runners = []
    for number, seed in enumerate(rng.integers(2**31, size=n_starts)):
        network = random_start(problem, KINDS[number % len(KINDS)], seed)
        runners.append(State(network, problem.first_penalty(network, weight)))
    yield runners
    rows = problem.rows(runners[0].network)
    n_jobs = problem.settings.n_jobs
    while True:
        # Threads go to the starts, and to the blocks of rows where there is only one left.
        own = problem.on_threads(1 if len(runners) > 1 else n_jobs)
        blocks = rows.on_threads(own.settings.n_jobs)
        jobs = (delayed(run_start)(own, runner, blocks, weight) for runner in runners)
        finished = sorted(Parallel(n_jobs, prefer="threads")(jobs), key=attrgetter("loss"))
        runners = finished[: max(n_finalists, len(runners) // 2)]
        yield runners
        if len(runners) <= n_finalists:
            break


def random_start(problem: Problem, kind: str, seed: int) -> Network:
    """Draw a network on the coarsest grid, with hidden grids where its nodes are."""
    settings, data = problem.settings, problem.data
    grid_size = settings.grid_sizes[0]
    ends = input_breakpoints(data, problem.input_limit, grid_size, settings.quantile_share)
    network = random_network(
        problem.scaling,
        settings.shape,
        ends,
        settings.degree,
        BASE_FUNCTIONS[settings.base_function],
        kind,
        np.random.default_rng(seed),
        settings.arities,
    )
    problem.follow(network, grid_size)
    rows, mean = data.rows(n_jobs=settings.n_jobs), OutputMoment(network)
    (centre,) = rows.sums(mean, mean.row_bytes)
    (variance,) = rows.sums(OutputMoment(network, centre, 2), mean.row_bytes)
    network.layers[-1].coef *= START_SPREAD / max(variance**0.5, 1e-3)
    return network


def run_start(problem: Problem, state: State, rows: Rows, weight: float) -> State:
    """Run the solver for a round; the loss of the state is what it is judged by."""
    plan, settings = problem.solver_options, problem.settings
    objective = problem.objective(state.network, state.penalty, rows)
    max_iter = min(plan.race_iter, settings.max_iter)
    # Threads know nothing of the trainer's own.
    with np.errstate(all="ignore"):
        found = plan.minimize(objective, state.network.get_parameters(), max_iter, settings.tol)
    network = state.network.copy()
    network.set_parameters(found.parameters)
    value = found.value if problem.validation is None else problem.validation_loss(network)
    problem.follow(network, network.grid_size)
    value = value if np.isfinite(value) else np.finfo(float).max
    return State(network, problem.first_penalty(network, weight), loss=value)
