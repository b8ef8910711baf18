"""The schedule of a fit: a race of random starts, then grids from coarse to fine.

On every grid the solver takes a few steps at a time. Between them the penalty weights are chosen
from the data, first one for all edges and then one for each, and the hidden grids follow their
nodes. The state of the highest evidence is kept; from there the solver runs to convergence with
grids and weights held still. Where the evidence for the network is not clear, the additive model
takes its place; it is trained first.
"""

import warnings
from dataclasses import replace

import numpy as np
from joblib import Parallel, delayed

from skkan._base_functions import BASE_FUNCTIONS
from skkan._data import Scaling, TrainingData
from skkan._grids import INPUT_MARGIN, breakpoints, follow_hidden_nodes, refine_inputs
from skkan._initialization import KINDS, embedded, random_network
from skkan._losses import Loss, MultinomialLogLoss
from skkan._network import Network
from skkan._objective import Objective
from skkan._penalties import HIGHEST_WEIGHT, LOWEST_WEIGHT, Penalty
from skkan._progress import Phase, Progress
from skkan._settings import SOLVERS, Settings, State, TrainingResult
from skkan._smoothing import update_smoothing
from skkan._typing import FloatArray

START_SPREAD = 0.5
START_WEIGHT = 1e-3
FIXED_LINE_SHARE = 1e-3
WEIGHT_STEPS = (10**0.5, 10.0)
MAX_ROUNDS = 20
ROUND_TOL = 1e-2
PATIENCE_BY_LAYER, PATIENCE_BY_EDGE = 1, 3
WORTH_A_ROUND = 0.5
WORTH_A_WEIGHT = 0.25
WORTH_A_NETWORK = 10.0
# Of the roughness and of the slope of an edge, where the loss has no noise level to compare with:
# on classes that can be separated, nothing else keeps the log-odds from growing without bound.
LARGEST_VARIANCE = {"rough": 180.0, "line": 10.0}


class _Stopped(Exception):  # noqa: N818
    """A callback or the validation loss asks to stop."""


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
    label : str, default=""
        Put before the names of the phases.

    Attributes
    ----------
    best : State
        Best state so far.
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
        label: str = "",
    ) -> None:
        self.data = data
        self.validation = validation
        self.loss = loss
        self.settings = settings
        self.scaling = scaling
        self.progress = progress
        self.rng = rng
        self.label = label
        self.plan = SOLVERS[settings.solver]
        self.best: State
        self.n_iter = 0
        self.loss_curve: list[float] = []
        self.validation_curve: list[float] = []
        self.converged = True
        self._best_validation = np.inf
        self._since_best = 0
        self._asked_to_stop = False
        self._gave_up = False
        self._goes_on = False

    def run(self, start: tuple[Network, Penalty | None] | None = None) -> TrainingResult:
        """Train and return the result; a keyboard interrupt ends the training, not the program.

        Parameters
        ----------
        start : (Network, Penalty or None), optional
            Where to go on from, in place of a race of random starts.
        """
        try:
            if start is None:
                self._train_anew()
            else:
                network, penalty = start
                self._goes_on = penalty is not None
                self.best = State(network, penalty or self._first_penalty(network))
                self._train(search=False)
        except KeyboardInterrupt:
            if not hasattr(self, "best"):
                raise
            message = "Training interrupted; the best network so far is kept."
            warnings.warn(message, UserWarning, stacklevel=2)
        except _Stopped:
            pass
        return TrainingResult(
            self.best.network,
            self.best.penalty,
            self.best.loss,
            self.n_iter,
            self.loss_curve,
            self.validation_curve,
            self.converged,
        )

    def _train_anew(self) -> None:
        """Train the network, and the additive model that it has to be clearly better than."""
        shape = self.settings.shape
        fits = len(shape) > 2 and shape[-1] <= min(shape[1:-1])
        if self.settings.alpha is not None or self.validation is not None or not fits:
            self._race()
            self._train(search=True)
            return
        rival = self._additive_trainer()
        try:
            rival._race()
            rival._train(search=True)
            self._race()
            self._train(search=True)
        finally:
            # However training ends: where both are there, the network has to be clearly better.
            own = self.best.log_evidence if hasattr(self, "best") else -np.inf
            if hasattr(rival, "best") and not own > rival.best.log_evidence + WORTH_A_NETWORK:
                self._become(rival)

    def _train(self, search: bool) -> None:
        """Go through the grids from coarse to fine, and polish the best state."""
        sizes = self.settings.grid_sizes
        if not search:
            present = self.best.network.grid_size
            sizes = tuple(size for size in sizes if size >= present) or sizes[-1:]
        for number, grid_size in enumerate(sizes):
            if self._spent():
                break
            if not self._train_on_grid(grid_size, search=search and number == 0):
                break
        self._polish()

    def _first_penalty(self, network: Network) -> Penalty:
        alpha = self.settings.alpha
        if alpha is None:
            return self._penalty(network, START_WEIGHT, START_WEIGHT)
        penalty = self._penalty(network, alpha, FIXED_LINE_SHARE * alpha)
        for layer in penalty.layers[:-1]:
            # Straight lines that lead to a hidden node set its scale, and stretching it far beyond
            # its grid would let the edges behind it escape their penalty.
            layer.weights["line"][:] = alpha
        return penalty

    def _penalty(self, network: Network, rough: float, line: float) -> Penalty:
        floors = None
        if self.settings.alpha is None and not self.loss.has_noise_level:
            floors = {name: 1.0 / (self.data.total * v) for name, v in LARGEST_VARIANCE.items()}
        return Penalty(network, rough, line, isinstance(self.loss, MultinomialLogLoss), floors)

    def _objective(
        self, network: Network, penalty: Penalty, features: FloatArray | None
    ) -> Objective:
        return Objective(network, self.data, self.loss, penalty, features)

    def _features(self, network: Network) -> FloatArray:
        return network.layers[0].features(self.data.inputs)

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
        spread = float(network.outputs(data.inputs).std())
        network.layers[-1].coef *= START_SPREAD / max(spread, 1e-3)
        return network

    def _follow(self, network: Network, grid_size: int) -> list[FloatArray]:
        data, share = self.data, self.settings.quantile_share
        return follow_hidden_nodes(network, data.inputs, data.weight, grid_size, share)

    def _race(self) -> None:
        """Run several starts for a few iterations, and again the better half of them."""
        settings = self.settings
        seeds = self.rng.integers(2**31, size=settings.n_restarts)
        runners = []
        for number, seed in enumerate(seeds):
            network = self._random_start(KINDS[number % len(KINDS)], seed)
            runners.append(State(network, self._first_penalty(network)))
        self.best = runners[0]
        features = self._features(self.best.network)
        with self.progress.phase(self.label + "race") as phase:
            while True:
                jobs = (delayed(self._run_start)(runner, features) for runner in runners)
                finished = Parallel(settings.n_jobs, prefer="threads")(jobs)
                finished.sort(key=lambda pair: pair[0])
                runners = [state for _, state in finished[: max(1, len(runners) // 2)]]
                self.best = runners[0]
                stop = phase.step(finished[0][0], lambda: self.best.network)
                if stop or len(runners) == 1:
                    break

    def _run_start(self, state: State, features: FloatArray) -> tuple[float, State]:
        objective = self._objective(state.network, state.penalty, features)
        max_iter = min(self.plan.race_iter, self.settings.max_iter)
        start = state.network.get_parameters()
        found = self.plan.minimize(objective, start, max_iter, self.settings.tol)
        network = state.network.copy()
        network.set_parameters(found.parameters)
        value = found.value if self.validation is None else self._validation_loss(network)
        self._follow(network, network.grid_size)
        state = State(network, self._first_penalty(network))
        return value if np.isfinite(value) else np.inf, state

    def _train_on_grid(self, grid_size: int, search: bool) -> bool:
        """Train the best network on one grid; return whether a finer one is worth a try."""
        data, settings = self.data, self.settings
        before = self.best
        state = before
        if search or grid_size != before.network.grid_size or not self._goes_on:
            network = before.network.copy()
            refine_inputs(network, data.inputs, data.weight, grid_size, settings.quantile_share)
            state = self._followed(State(network, before.penalty), grid_size)
        features = self._features(state.network)
        best_validation, self._since_best = self._best_validation, 0
        self._gave_up = False
        left = settings.max_iter - self.n_iter
        with self.progress.phase(f"{self.label}grid size {grid_size}", left) as phase:
            try:
                if settings.alpha is not None:
                    state = self._settle(state, features, phase)
                else:
                    if search:
                        state = self._search_common_weight(state, features, phase)
                    state = self._choose_weights(state, features, phase)
            except _Stopped:
                if self.validation is None or self._asked_to_stop:
                    raise
                self._gave_up = True
        if self.validation is not None:
            return self._best_validation < best_validation
        better = settings.alpha is not None or state.log_evidence > before.log_evidence
        self.best = state if better else before
        return better

    def _polish(self) -> None:
        """Run the solver to convergence, grids and weights held still."""
        if self._gave_up or self._spent():
            return
        state = self.best
        objective = self._objective(state.network, state.penalty, self._features(state.network))
        with self.progress.phase(
            self.label + "polish", self.settings.max_iter - self.n_iter
        ) as phase:
            try:
                state, converged = self._solve(
                    state, objective, self.settings.max_iter, phase, latest_is_best=True
                )
                self.converged &= converged
            except _Stopped:
                if self.validation is None or self._asked_to_stop:
                    raise
        self._keep(state)

    def _followed(self, state: State, grid_size: int) -> State:
        """Return the state with hidden grids that fit the data, and penalty weights for them."""
        network = state.network.copy()
        shrink = self._follow(network, grid_size)
        if self.settings.alpha is not None:
            return State(network, self._first_penalty(network))
        return State(network, state.penalty.carried_to(network, shrink))

    def _settle(self, state: State, features: FloatArray, phase: Phase) -> State:
        """Alternate between the solver and the hidden grids while the objective falls."""
        best, lowest = state, np.inf
        for _ in range(MAX_ROUNDS):
            if self._spent():
                break
            objective = self._objective(state.network, state.penalty, features)
            state, converged = self._solve(
                state, objective, self.plan.settle_iter, phase, latest_is_best=True
            )
            if not phase.loss < lowest * (1.0 - ROUND_TOL):
                break
            best, lowest = state, phase.loss
            if converged or len(self.settings.shape) == 2:
                break
            state = self._followed(state, state.network.grid_size)
        return best

    def _search_common_weight(self, state: State, features: FloatArray, phase: Phase) -> State:
        """Raise or lower the one weight of all edges as long as the evidence grows."""

        def attempt(network: Network, weight: float) -> State:
            network = network.copy()
            self._follow(network, network.grid_size)
            trial = State(network, self._penalty(network, weight, weight))
            return self._with_evidence(trial, features, phase)

        best = attempt(state.network, START_WEIGHT)
        for direction in (1.0, -1.0):
            weight, first = START_WEIGHT, best
            for number in range(MAX_ROUNDS):
                step = WEIGHT_STEPS[min(number // 3, 1)]
                weight *= step**direction
                if not LOWEST_WEIGHT <= weight <= HIGHEST_WEIGHT or self._spent():
                    break
                trial = attempt(best.network, weight)
                if trial.log_evidence < best.log_evidence + WORTH_A_ROUND:
                    break
                best = trial
                self._keep(best)
            if best is not first:
                break
        return best

    def _choose_weights(self, state: State, features: FloatArray, phase: Phase) -> State:
        """Give every layer, and then every edge, weights of its own while the evidence grows."""
        if state.smoothing is None:
            state = self._with_evidence(state, features, phase)
        self._keep(state)
        if not self._goes_on:
            state = self._climb(state, features, phase, "by_layer", PATIENCE_BY_LAYER, 0.0)
        n_weights = sum(weight.size for p in state.penalty.layers for weight in p.weights.values())
        price = WORTH_A_WEIGHT * n_weights
        return self._climb(state, features, phase, "by_edge", PATIENCE_BY_EDGE, price)

    def _climb(
        self,
        state: State,
        features: FloatArray,
        phase: Phase,
        kind: str,
        patience: int,
        price: float,
    ) -> State:
        """Repeat the fixed-point step for the weights, and keep the state of highest evidence.

        The first state with other weights has to be better by `price`.
        """
        best = trial = state
        since_best = 0
        for _ in range(MAX_ROUNDS):
            if since_best == patience or self._spent():
                break
            trial = State(trial.network, getattr(trial.smoothing, kind))
            trial = self._with_evidence(
                self._followed(trial, best.network.grid_size), features, phase
            )
            if trial.log_evidence > best.log_evidence + WORTH_A_ROUND + price:
                best = trial
                self._keep(best)
                since_best, price = 0, 0.0
            else:
                since_best += 1
        return best

    def _spent(self) -> bool:
        """Whether no iteration is left; what asks for more has then not converged."""
        spent = self.n_iter >= self.settings.max_iter
        if spent:
            self.converged = False
        return spent

    def _keep(self, state: State) -> None:
        """Make a state the best; with early stopping that is for the validation loss to say."""
        if self.validation is None:
            self.best = state

    def _with_evidence(self, state: State, features: FloatArray, phase: Phase) -> State:
        """Run the solver for a round, and the smoothing for where it ends."""
        objective = self._objective(state.network, state.penalty, features)
        state, _ = self._solve(state, objective, self.plan.round_iter, phase, ROUND_TOL)
        parameters = state.network.get_parameters()
        return replace(
            state, smoothing=update_smoothing(objective, parameters, self.plan.posterior)
        )

    def _solve(
        self,
        state: State,
        objective: Objective,
        max_iter: int,
        phase: Phase,
        tol: float = 0.0,
        latest_is_best: bool = False,
    ) -> tuple[State, bool]:
        """Run the solver; return the new state and whether it converged.

        Whether an interruption should leave the latest iteration, which no later measure can be
        asked about any more, or the best state before, is for `latest_is_best` to say.
        """
        stop = False
        latest = state.network.get_parameters()
        latest_loss = state.loss

        def network_at(parameters: FloatArray) -> Network:
            network = state.network.copy()
            network.set_parameters(parameters)
            return network

        def after_iteration(value: float, parameters: FloatArray) -> bool:
            nonlocal stop, latest, latest_loss
            self.n_iter += 1
            self.loss_curve.append(value)
            latest, latest_loss = parameters.copy(), value
            stop = self._asked_to_stop = phase.step(value, lambda: network_at(latest))
            if self.validation is not None:
                stop |= self._validate(State(network_at(latest), state.penalty, loss=value))
            return stop

        max_iter = min(max_iter, self.settings.max_iter - self.n_iter)
        tol = max(tol, self.settings.tol)
        try:
            found = self.plan.minimize(objective, latest, max_iter, tol, after_iteration)
            if found.n_iter == 0:
                after_iteration(found.value, found.parameters)
        except KeyboardInterrupt:
            if latest_is_best:
                self._keep(replace(state, network=network_at(latest), loss=latest_loss))
            raise
        state = replace(state, network=network_at(found.parameters), loss=found.value)
        if stop:
            self._keep(state)
            raise _Stopped
        return state, found.converged

    def _validation_loss(self, network: Network) -> float:
        held_out = self.validation
        assert held_out is not None
        return self.loss.value(network.outputs(held_out.inputs), held_out.target, held_out.weight)

    def _validate(self, state: State) -> bool:
        """Keep the state if it is the best so far; return whether to give up."""
        value = self._validation_loss(state.network)
        self.validation_curve.append(value)
        if value < self._best_validation * (1.0 - self.settings.tol):
            self._best_validation, self.best = value, state
            self._since_best = 0
        else:
            self._since_best += 1
        return self._since_best >= self.settings.n_iter_no_change

    def _additive_trainer(self) -> "Trainer":
        settings = self.settings
        return Trainer(
            self.data,
            None,
            self.loss,
            replace(settings, shape=(settings.shape[0], settings.shape[-1]), n_restarts=1),
            self.scaling,
            self.progress,
            self.rng.spawn(1)[0],
            "additive ",
        )

    def _become(self, rival: "Trainer") -> None:
        """Take over the additive model, written as a network of the shape that was asked for."""
        shape = self.settings.shape
        network = embedded(rival.best.network, shape)
        shrink = self._follow(network, network.grid_size)
        penalty = self._first_penalty(network)
        for name, weight in rival.best.penalty.layers[0].weights.items():
            penalty.layers[0].weights[name][:, : shape[-1]] = weight * shrink[0][: shape[-1]] ** 2
        self.best = State(network, penalty, loss=rival.best.loss)
        self.n_iter, self.loss_curve = rival.n_iter, rival.loss_curve
        self.converged = rival.converged
