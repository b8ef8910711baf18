"""The schedule of a fit: a race of random starts, then grids from coarse to fine.

On every grid the solver takes a few steps at a time. Between them the penalty weights are chosen
anew from the data and the hidden grids follow their nodes; once both have settled they are held
still and the solver runs to convergence.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from skkan._base_functions import BASE_FUNCTIONS
from skkan._data import Scaling, TrainingData
from skkan._grids import INPUT_MARGIN, breakpoints, follow_hidden_nodes, refine_inputs
from skkan._initialization import KINDS, random_network
from skkan._losses import Loss, MultinomialLogLoss
from skkan._network import Network
from skkan._objective import Objective
from skkan._penalties import Penalty
from skkan._progress import Phase, Progress
from skkan._smoothing import Posterior, full_posterior, node_posterior, update_smoothing
from skkan.solvers._lbfgs import minimize_lbfgs
from skkan.solvers._lm import minimize_lm
from skkan.solvers._result import SolverResult

FloatArray = NDArray[np.float64]

START_ROUGH = 1e-3
START_LINE = 1e-3
FIXED_LINE_SHARE = 1e-3
SHARED_ROUNDS = 4
MIN_ROUNDS, MAX_ROUNDS = 8, 30
SETTLED = 0.99
LM_MAX_PARAMETERS = 1500
LM_MAX_WORK = 3e10


@dataclass(frozen=True)
class SolverPlan:
    """A solver and how many of its iterations make up the steps of the schedule."""

    minimize: Callable[..., SolverResult]
    posterior: Callable[[Objective, FloatArray], Posterior]
    race_iter: int
    round_iter: int


SOLVERS = {
    "lm": SolverPlan(minimize_lm, full_posterior, race_iter=15, round_iter=4),
    "lbfgs": SolverPlan(minimize_lbfgs, node_posterior, race_iter=40, round_iter=15),
}


@dataclass(frozen=True)
class Settings:
    """How to train; the names are those of the estimators' parameters."""

    shape: tuple[int, ...]
    grid_sizes: tuple[int, ...]
    degree: int
    base_function: str
    quantile_share: float
    solver: str
    alpha: float | None
    n_restarts: int
    max_iter: int
    tol: float
    n_iter_no_change: int
    n_jobs: int | None


@dataclass
class TrainingResult:
    """Outcome of a fit.

    Attributes
    ----------
    network : Network
        Best network found, on scaled inputs and targets.
    penalty : Penalty
        Its penalty, with the weights of every edge.
    n_iter : int
        Solver iterations after the race.
    loss_curve, validation_curve : list of float
        Objective and validation loss after every one of them.
    converged : bool
        Whether the last run of the solver ended by its tolerance.
    """

    network: Network
    penalty: Penalty
    n_iter: int = 0
    loss_curve: list[float] = field(default_factory=list)
    validation_curve: list[float] = field(default_factory=list)
    converged: bool = True


def choose_solver(shape: tuple[int, ...], n_features: int, n_samples: int) -> str:
    """Return "lm" where its normal equations are cheap, else "lbfgs".

    Parameters
    ----------
    shape : tuple of int
        Numbers of nodes from the inputs to the outputs.
    n_features : int
        Number of coefficients of an edge.
    n_samples : int
        Number of samples.
    """
    n_parameters = n_features * sum(a * b for a, b in pairwise(shape))
    work = float(n_samples) * shape[-1] * n_parameters**2
    return "lm" if n_parameters <= LM_MAX_PARAMETERS and work <= LM_MAX_WORK else "lbfgs"


class Stopped(Exception):  # noqa: N818
    """Raised inside the schedule when a callback or the validation loss asks to stop."""


class Trainer:
    """One fit.

    Parameters
    ----------
    data : TrainingData
        Training samples.
    validation : TrainingData or None
        Held-out samples for early stopping.
    loss : Loss
        Data fit.
    settings : Settings
        How to train.
    scaling : Scaling
        Of the data; networks get it.
    progress : Progress
        Told of phases and iterations.
    rng : numpy.random.Generator
        Source of the starting points.
    """

    def __init__(
        self,
        data: TrainingData,
        validation: TrainingData | None,
        loss: Loss,
        settings: Settings,
        scaling: Scaling,
        progress: Progress,
        rng: np.random.Generator,
    ) -> None:
        self.data = data
        self.validation = validation
        self.loss = loss
        self.settings = settings
        self.scaling = scaling
        self.progress = progress
        self.rng = rng
        self.plan = SOLVERS[settings.solver]
        self.result: TrainingResult
        self._best_validation = np.inf
        self._best_network: Network | None = None
        self._since_best = 0

    def run(self, start: tuple[Network, Penalty] | None = None) -> TrainingResult:
        """Train and return the result; a keyboard interrupt ends the training, not the program.

        Parameters
        ----------
        start : (Network, Penalty), optional
            Where to go on from, in place of a race of random starts.
        """
        sizes = self.settings.grid_sizes
        if start is None:
            network = self._random_start(KINDS[0], self.rng.integers(2**31))
            start = network, self._first_penalty(network)
            race = True
        else:
            race = False
        self.result = TrainingResult(*start)
        try:
            if race:
                self._race()
            for grid_size in sizes:
                if not self._train_on_grid(grid_size, last=grid_size == sizes[-1]):
                    break
        except KeyboardInterrupt:
            warnings.warn(
                "Training interrupted; the best network so far is kept.", UserWarning, stacklevel=2
            )
        except Stopped:
            pass
        if self._best_network is not None:
            self.result.network = self._best_network
        return self.result

    def _first_penalty(self, network: Network) -> Penalty:
        alpha = self.settings.alpha
        softmax = isinstance(self.loss, MultinomialLogLoss)
        if alpha is None:
            return Penalty(network, START_ROUGH, START_LINE, softmax)
        return Penalty(network, alpha, FIXED_LINE_SHARE * alpha, softmax)

    def _random_start(self, kind: str, seed: int) -> Network:
        settings, data = self.settings, self.data
        grid_size = settings.grid_sizes[0]
        ends = breakpoints(
            data.inputs, data.weight, 1.0 + INPUT_MARGIN, grid_size, settings.quantile_share
        )
        network = random_network(
            self.scaling,
            settings.shape,
            ends,
            settings.degree,
            BASE_FUNCTIONS[settings.base_function],
            kind,
            np.random.default_rng(seed),
        )
        self._follow(network, grid_size)
        network.layers[-1].coef *= 0.5 / max(float(network.outputs(data.inputs).std()), 1e-3)
        return network

    def _follow(self, network: Network, grid_size: int) -> list[FloatArray]:
        return follow_hidden_nodes(
            network,
            self.data.inputs,
            self.data.weight,
            grid_size,
            self.settings.quantile_share,
        )

    def _race(self) -> None:
        """Run several starts for a few iterations, and again the better half of them."""
        settings = self.settings
        seeds = self.rng.integers(2**31, size=settings.n_restarts)
        runners = [
            self._random_start(KINDS[number % len(KINDS)], seed)
            for number, seed in enumerate(seeds)
        ]
        if len(runners) == 1:
            self.result = TrainingResult(runners[0], self._first_penalty(runners[0]))
            return
        features = runners[0].layers[0].features(self.data.inputs)
        with self.progress.phase("race") as phase:
            while len(runners) > 1:
                jobs = (delayed(self._run_start)(runner, features) for runner in runners)
                finished = Parallel(settings.n_jobs, prefer="threads")(jobs)
                finished.sort(key=lambda pair: pair[0])
                runners = [network for _, network in finished[: len(runners) // 2]]
                best = runners[0]
                self.result = TrainingResult(best, self._first_penalty(best))
                if phase.step(finished[0][0], lambda best=best: best):
                    break

    def _run_start(self, network: Network, features: FloatArray) -> tuple[float, Network]:
        objective = Objective(network, self.data, self.loss, self._first_penalty(network), features)
        plan, settings = self.plan, self.settings
        max_iter = min(plan.race_iter, settings.max_iter)
        found = plan.minimize(objective, network.get_parameters(), max_iter, settings.tol)
        network = network.copy()
        network.set_parameters(found.parameters)
        value = found.value
        if self.validation is not None:
            value = self._validation_loss(network)
        self._follow(network, network.grid_size)
        return value if np.isfinite(value) else np.inf, network

    def _train_on_grid(self, grid_size: int, last: bool) -> bool:
        """Train on one grid; return whether a finer one is worth a try."""
        result, settings = self.result, self.settings
        network = result.network.copy()
        refine_inputs(
            network, self.data.inputs, self.data.weight, grid_size, settings.quantile_share
        )
        self._carry(network, self._follow(network, grid_size))
        features = network.layers[0].features(self.data.inputs)
        best_before, self._since_best = self._best_validation, 0
        budget = settings.max_iter
        with self.progress.phase(f"grid size {grid_size}", budget) as phase:
            try:
                noise = np.inf
                for number in range(MAX_ROUNDS):
                    steps = min(self.plan.round_iter, budget - phase.n_iter)
                    if steps <= 0:
                        break
                    objective, _ = self._solve(features, steps, phase)
                    new_noise = self._smooth(objective, per_edge=number >= SHARED_ROUNDS)
                    network = self.result.network.copy()
                    self._carry(network, self._follow(network, grid_size))
                    if number + 1 >= MIN_ROUNDS and new_noise > SETTLED * noise:
                        break
                    noise = new_noise
                steps = budget - phase.n_iter
                converged = False
                if steps > 0 and last:
                    converged = self._solve(features, steps, phase)[1]
                if last:
                    result.converged = converged
            except Stopped:
                if self.validation is None:
                    raise
        return self.validation is None or self._best_validation < best_before

    def _carry(self, network: Network, shrink: list[FloatArray]) -> None:
        """Make `network` the current one, with the penalty weights that belong to its grids."""
        penalty = self._first_penalty(network)
        if self.settings.alpha is None:
            penalty = self.result.penalty.carried_to(network, shrink)
        self.result.network, self.result.penalty = network, penalty

    def _smooth(self, objective: Objective, per_edge: bool) -> float:
        """Choose the penalty weights anew and return the variance of the noise."""
        parameters = self.result.network.get_parameters()
        if self.settings.alpha is not None:
            return objective.data_value(parameters)
        posterior = self.plan.posterior(objective, parameters)
        return update_smoothing(objective, parameters, posterior, per_edge).noise

    def _solve(self, features: FloatArray, max_iter: int, phase: Phase) -> tuple[Objective, bool]:
        """Run the solver from the current network; return objective and convergence."""
        result = self.result
        template = result.network
        objective = Objective(template, self.data, self.loss, result.penalty, features)
        stop = False

        def after_iteration(value: float, parameters: FloatArray) -> bool:
            nonlocal stop
            network = template.copy()
            network.set_parameters(parameters)
            result.network = network
            result.n_iter += 1
            result.loss_curve.append(value)
            stop = phase.step(value, lambda: network) or self._validate(network)
            return stop

        found = self.plan.minimize(
            objective, template.get_parameters(), max_iter, self.settings.tol, after_iteration
        )
        if stop:
            raise Stopped
        result.network = template.copy()
        result.network.set_parameters(found.parameters)
        return objective, found.converged

    def _validation_loss(self, network: Network) -> float:
        held_out = self.validation
        assert held_out is not None
        return self.loss.value(network.outputs(held_out.inputs), held_out.target, held_out.weight)

    def _validate(self, network: Network) -> bool:
        """Keep the network if it is the best so far; return whether to give up."""
        if self.validation is None:
            return False
        value = self._validation_loss(network)
        self.result.validation_curve.append(value)
        if value < self._best_validation * (1.0 - self.settings.tol):
            self._best_validation, self._best_network = value, network
            self._since_best = 0
        else:
            self._since_best += 1
        return self._since_best >= self.settings.n_iter_no_change
