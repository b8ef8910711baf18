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

from skkan._typing import FloatArray
from skkan.data._blocks import Rows, tuned_for_blocks
from skkan.network._network import Network
from skkan.objective._objective import Objective
from skkan.objective._penalties import HIGHEST_WEIGHT, LOWEST_WEIGHT, Penalty
from skkan.training._grids import refine_inputs
from skkan.training._problem import Problem
from skkan.training._progress import Phase, Progress
from skkan.training._settings import State, TrainingResult
from skkan.training.evidence._smoothing import update_smoothing
from skkan.training.starts._race import races

WEIGHT_STEPS = (10**0.5, 10.0)
MAX_ROUNDS, ROUND_TOL = 20, 1e-2
PATIENCE_BY_LAYER, PATIENCE_BY_EDGE = 1, 3
WORTH_A_ROUND, WORTH_A_WEIGHT = 0.5, 0.25
# Of evidence, per sample, where a finer grid is still to come, or next to no noise.
COARSE_GAIN = 5e-3
WORTH_A_NETWORK = 10.0
LOOK_EVERY = 5  # solver iterations
# Share of the loss that is left where a round has hardly changed it.
AT_REST = 0.9
# Below this share of the target's variance, what is left to gain lies at the border.
LITTLE_NOISE = 1e-4
# Below this one, it is rounding.
ROUNDING, NEXT_TO_ROUNDING = 1e-18, 1e-10


class _Stopped(Exception):  # noqa: N818
    """A callback or the validation loss asks to stop."""


class Trainer:
    """One fit.

    Parameters
    ----------
    problem : Problem
        Data, loss and settings.
    progress : Progress
        Receives phases and iterations.
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
        problem: Problem,
        progress: Progress,
        rng: np.random.Generator,
        label: str = "",
    ) -> None:
        self.problem = problem
        self.data = problem.data
        self.validation = problem.validation
        self.settings = problem.settings
        self.progress = progress
        self.rng = rng
        self.label = label
        self.solver_options = problem.solver_options
        self.best: State
        self.n_iter = 0
        self.loss_curve: list[float] = []
        self.validation_curve: list[float] = []
        self.converged = True
        self._best_validation = np.inf
        self._since_best = 0
        self._asked_to_stop = self._gave_up = self._goes_on = self._at_rest = False

    def run(self, start: tuple[Network, Penalty | None] | None = None) -> TrainingResult:
        """Train and return the result; a keyboard interrupt ends the training, not the program.

        Parameters
        ----------
        start : (Network, Penalty or None), optional
            Where to go on from, in place of a race of random starts.
        """
        ended_early = True
        try:
            # Solvers refuse what is not finite, and step back.
            with tuned_for_blocks(), np.errstate(all="ignore"):
                self._train_from(start)
            ended_early = False
        except KeyboardInterrupt:
            # A start that has not been trained is no better than what there was before.
            if not hasattr(self, "best"):
                raise
            message = "Training interrupted; the best network so far is kept."
            warnings.warn(message, UserWarning, stacklevel=2)
        except _Stopped:
            pass
        with tuned_for_blocks(), np.errstate(all="ignore"):
            end = self.problem.ended(self._with_next_weights(self.best))
            known = self.settings.alpha is not None and np.isfinite(end.loss)
            loss = end.loss if known else self.problem.value_of(end)
        return TrainingResult(
            end.network,
            end.penalty,
            loss,
            self.n_iter,
            self.loss_curve,
            self.validation_curve,
            self.converged,
            data_fit=end.data_fit,
            dof=0.0 if end.smoothing is None else end.smoothing.dof,
            ended_early=ended_early,
        )

    def _with_next_weights(self, state: State) -> State:
        """Return the state with the weights of its next step, if it is for another fit to take it.

        Fits that go on from each other in small portions would never come to change the weights.
        """
        if not self._goes_on or not self._at_rest or self.converged or state.smoothing is None:
            return state
        return replace(state, penalty=state.smoothing.by_edge, data_fit=state.smoothing.loss)

    def _train_from(self, start: tuple[Network, Penalty | None] | None) -> None:
        if start is None:
            self._train_anew()
            return
        network, penalty = start
        self._goes_on = penalty is not None
        state = State(network, penalty or self.problem.first_penalty(network))
        if network.shape != self.settings.shape:
            state = self.problem.embedded(state)
        self.best = state
        self._train([self.best], search=False)

    def _train_anew(self) -> None:
        """Train the network, and the additive model that it has to be clearly better than."""
        shape = self.settings.shape
        fits = len(shape) > 2 and shape[-1] <= min(shape[1:-1]) and self.settings.compare_additive
        if self.settings.alpha is not None or self.validation is not None or not fits:
            self._train(self._race(), search=True)
            return
        additive = self._additive_trainer()
        try:
            additive._train(additive._race(), search=True)
            self._train(self._race(), search=True)
        finally:
            # However training ends: where both are there, the network has to be clearly better,
            # unless a callback has been shown it and asked for it.
            own = self.best.log_evidence if hasattr(self, "best") else -np.inf
            comparable = hasattr(additive, "best") and not self._asked_to_stop
            if comparable and not own > additive.best.log_evidence + WORTH_A_NETWORK:
                self._become(additive)

    def _train(self, starts: list[State], search: bool) -> None:
        """Go through the grids from coarse to fine, and polish the best state."""
        sizes = self.settings.grid_sizes
        if not search:
            present = self.best.network.grid_size
            sizes = tuple(size for size in sizes if size >= present) or sizes[-1:]
        if not any(layer.splined.any() for layer in self.best.network.layers):
            # Without splines there are neither grids nor weights to choose.
            sizes = ()
        for number, grid_size in enumerate(sizes):
            if self._spent():
                break
            first, better = number == 0, [False]
            for start in starts if first else [self.best]:
                if len(better) == 1 or not self._spent():
                    better += [self._train_on_grid(start, grid_size, search=search and first)]
            smoothing = self.best.smoothing
            exact = smoothing is not None and smoothing.noise < ROUNDING
            if exact or not any(better):
                break
        self._polish()

    def _race(self) -> list[State]:
        """Let random starts race, and return those that are worth a closer look, best first."""
        with self.progress.phase(self.label + "race") as phase:
            for runners in races(self.problem, self.rng):
                if not np.isfinite(runners[0].loss):
                    continue
                self.best = runners[0]
                if phase.step(self.best.loss, lambda: self.best.network):
                    break
        return runners

    def _train_on_grid(self, start: State, grid_size: int, search: bool) -> bool:
        """Train a network on one grid; return whether it is the best so far."""
        data, settings = self.data, self.settings
        state, highest = start, self.best.log_evidence
        if search or grid_size != start.network.grid_size or not self._goes_on:
            network = start.network.copy()
            refine_inputs(
                network,
                data,
                self.problem.input_limit,
                grid_size,
                settings.quantile_share,
            )
            state = self.problem.followed(replace(start, network=network), grid_size)
        elif settings.alpha is None and not self.problem.fills(start.network):
            state = self.problem.followed(start, grid_size)
        rows = self.problem.rows(state.network)
        best_validation, self._since_best = self._best_validation, 0
        self._gave_up = False
        left = settings.max_iter - self.n_iter
        with self.progress.phase(f"{self.label}grid size {grid_size}", left) as phase:
            try:
                if settings.alpha is not None:
                    state = self._settle(state, rows, phase)
                else:
                    if search:
                        state = self._search_common_weight(state, rows, phase)
                    state = self._choose_weights(state, rows, phase)
            except _Stopped:
                if self.validation is None or self._asked_to_stop:
                    raise
                self._gave_up = True
        if self.validation is not None:
            return self._best_validation < best_validation
        self._keep(state)
        return settings.alpha is not None or self.best.log_evidence > highest

    def _polish(self) -> None:
        """Run the solver to convergence, grids and weights held still.

        Along flat valleys nodes may wander out of their grids, to where straight edges escape
        their penalty and say little of samples to come; there a solver with a repeatable path ends.
        """
        if self._gave_up or self._spent():
            return
        state = self.best
        network, rows = state.network, self.problem.rows(state.network)
        objective = self.problem.objective(network, state.penalty, rows, state.data_fit)
        splined = any(layer.splined.any() for layer in state.network.layers)
        free = splined and self.settings.alpha is None and self.validation is None
        watched = free and self.solver_options.repeatable and self.problem.holds(state.network)
        with self.progress.phase(
            self.label + "polish", self.settings.max_iter - self.n_iter
        ) as phase:
            try:
                state, converged = self._solve(
                    state,
                    objective,
                    self.settings.max_iter,
                    phase,
                    latest_is_best=True,
                    in_grids=watched,
                )
                self.converged &= converged
            except _Stopped:
                if self.validation is None or self._asked_to_stop:
                    raise
        self._keep(state)

    def _settle(self, state: State, rows: Rows, phase: Phase) -> State:
        """Alternate between the solver and the hidden grids while the objective falls."""
        best, lowest = state, np.inf
        for _ in range(MAX_ROUNDS):
            if self._spent():
                break
            objective = self.problem.objective(state.network, state.penalty, rows, state.data_fit)
            state, converged = self._solve(
                state, objective, self.solver_options.settle_iter, phase, latest_is_best=True
            )
            if not phase.loss < lowest * (1.0 - ROUND_TOL):
                break
            best, lowest = state, phase.loss
            self._keep(best)
            if converged or len(self.settings.shape) == 2:
                break
            state = self.problem.followed(state, state.network.grid_size)
        return best

    def _search_common_weight(self, state: State, rows: Rows, phase: Phase) -> State:
        """Raise or lower the one weight of all edges as long as the evidence grows."""

        def attempt(before: State, weight: float) -> State:
            network = before.network.copy()
            self.problem.follow(network, network.grid_size)
            data_fit = before.next_data_fit
            penalty = self.problem.penalty(network, weight, weight)
            if data_fit is not None:
                penalty = penalty.with_outputs_times(data_fit.precision(self.data.n_outputs))
            trial = State(network, penalty, data_fit=data_fit)
            return self._with_evidence(trial, rows, phase)

        start_weight = float(state.penalty.layers[0].weights["rough"].max())
        best = attempt(state, start_weight)
        for direction in (1.0, -1.0):
            weight, first = start_weight, best
            for number in range(MAX_ROUNDS):
                step = WEIGHT_STEPS[min(number // 3, 1)]
                weight *= step**direction
                if not LOWEST_WEIGHT <= weight <= HIGHEST_WEIGHT or self._spent():
                    break
                trial = attempt(best, weight)
                if trial.log_evidence < best.log_evidence + WORTH_A_ROUND:
                    break
                best = trial
                self._keep(best)
            if best is not first:
                break
        return best

    def _choose_weights(self, state: State, rows: Rows, phase: Phase) -> State:
        """Give every layer, and then every edge, weights of its own while the evidence grows."""
        if state.smoothing is None:
            state = self._with_evidence(state, rows, phase)
        self._keep(state)
        if not self._goes_on:
            state = self._climb(state, rows, phase, "by_layer", PATIENCE_BY_LAYER, 0.0)
        n_weights = sum(weight.size for p in state.penalty.layers for weight in p.weights.values())
        price = WORTH_A_WEIGHT * n_weights
        state = self._climb(state, rows, phase, "by_edge", PATIENCE_BY_EDGE, price)
        return self._stiffen(state, rows, phase)

    def _stiffen(self, state: State, rows: Rows, phase: Phase) -> State:
        """Try a roughness of the highest order where the data are next to free of noise."""
        highest = self.settings.degree + 1
        assert state.smoothing is not None
        noise = state.smoothing.noise if self.problem.loss.has_noise_level else 1.0
        if state.penalty.order == highest or noise > LITTLE_NOISE or self._spent():
            return state
        penalty = state.penalty.of_order(state.network, highest)
        stiff = State(state.network, penalty, data_fit=state.next_data_fit)
        stiff = self.problem.followed(stiff, state.network.grid_size, fresh=True)
        stiff = self._with_evidence(stiff, rows, phase)
        self._keep(stiff)
        stiff = self._climb(stiff, rows, phase, "by_edge", PATIENCE_BY_EDGE, 0.0)
        assert stiff.smoothing is not None
        if max(stiff.smoothing.noise, state.smoothing.noise) < NEXT_TO_ROUNDING:
            # Both fit the samples; what is left to tell them apart lies between and beyond them.
            level = max(stiff.log_evidence, state.log_evidence)
            return replace(stiff, smoothing=replace(stiff.smoothing, log_evidence=level))
        return max(state, stiff, key=lambda one: one.log_evidence)

    def _climb(
        self,
        state: State,
        rows: Rows,
        phase: Phase,
        kind: str,
        patience: int,
        price: float,
    ) -> State:
        """Repeat the fixed-point step for the weights, and keep the state of highest evidence.

        The first state with other weights has to be better by `price`.
        """
        best = trial = state
        since_best, gain = 0, WORTH_A_ROUND
        coarse = best.network.grid_size < self.settings.grid_sizes[-1]
        if coarse or self.settings.little_noise:
            gain = max(gain, COARSE_GAIN * self.data.total)
            patience = min(patience, 1 if coarse else 2)
        for _ in range(MAX_ROUNDS):
            if since_best == patience or self._spent():
                break
            penalty = getattr(trial.smoothing, kind)
            trial = State(trial.network, penalty, data_fit=trial.next_data_fit)
            trial = self._with_evidence(
                self.problem.followed(trial, best.network.grid_size), rows, phase
            )
            if trial.log_evidence > best.log_evidence + gain + price:
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
        """Make a state the best unless the evidence, or a validation loss, speaks for another."""
        if self.validation is None and state.log_evidence >= self.best.log_evidence:
            self.best = state

    def _with_evidence(self, state: State, rows: Rows, phase: Phase) -> State:
        """Run the solver for a round, and the smoothing for where it ends."""
        objective = self.problem.objective(state.network, state.penalty, rows, state.data_fit)
        before = state.network.get_parameters()
        state, converged = self._solve(
            state, objective, self.solver_options.round_iter, phase, ROUND_TOL
        )
        parameters = state.network.get_parameters()
        if self._goes_on:
            level = AT_REST * objective.data_value(before)
            self._at_rest = converged or objective.data_value(parameters) > level
        return replace(
            state, smoothing=update_smoothing(objective, parameters, self.solver_options.posterior)
        )

    def _solve(
        self,
        state: State,
        objective: Objective,
        max_iter: int,
        phase: Phase,
        tol: float = 0.0,
        latest_is_best: bool = False,
        in_grids: bool = False,
    ) -> tuple[State, bool]:
        """Run the solver; return the new state and whether it converged.

        With `in_grids` it also ends where hidden nodes leave their grids, at the last look before.

        Whether an interruption should leave the latest iteration, which no later measure can be
        asked about any more, or the best state before, is for `latest_is_best` to say.
        """
        stop = False
        latest = state.network.get_parameters()
        latest_loss = state.loss
        inside = state

        def network_at(parameters: FloatArray) -> Network:
            network = state.network.copy()
            network.set_parameters(parameters)
            return network

        def in_time(end: State) -> State:
            return end if not in_grids or self.problem.holds(end.network) else inside

        def after_iteration(value: float, parameters: FloatArray) -> bool:
            nonlocal stop, latest, latest_loss, inside
            self.n_iter += 1
            self.loss_curve.append(value)
            latest, latest_loss = parameters.copy(), value
            stop = self._asked_to_stop = phase.step(value, lambda: network_at(latest))
            if self.validation is not None:
                stop |= self._validate(replace(state, network=network_at(latest), loss=value))
            if stop or not in_grids or self.n_iter % LOOK_EVERY:
                return stop
            here = replace(state, network=network_at(latest), loss=value)
            if not self.problem.holds(here.network):
                return True
            inside = here
            return False

        max_iter = min(max_iter, self.settings.max_iter - self.n_iter)
        tol = max(tol, self.settings.tol)
        try:
            found = self.solver_options.minimize(objective, latest, max_iter, tol, after_iteration)
            if found.n_iter == 0:
                after_iteration(found.value, found.parameters)
        except KeyboardInterrupt:
            end = in_time(replace(state, network=network_at(latest), loss=latest_loss))
            if latest_is_best and end.loss <= self.best.loss:
                self._keep(end)
            raise
        state = replace(state, network=network_at(found.parameters), loss=found.value)
        if stop:
            # What a callback has been shown is what it gets.
            self.best = state if self.validation is None else self.best
            raise _Stopped
        end = in_time(state)
        return end, found.converged or end is inside

    def _validate(self, state: State) -> bool:
        """Keep the state if it is the best so far; return whether to give up."""
        value = self.problem.validation_loss(state.network)
        self.validation_curve.append(value)
        if value < self._best_validation * (1.0 - self.settings.tol):
            self._best_validation, self.best = value, state
            self._since_best = 0
        else:
            self._since_best += 1
        return self._since_best >= self.settings.n_iter_no_change

    def _additive_trainer(self) -> "Trainer":
        problem, rng = self.problem.of_additive_model(), self.rng.spawn(1)[0]
        return Trainer(problem, self.progress, rng, "additive ")

    def _become(self, additive: "Trainer") -> None:
        """Take over the additive model."""
        self.best, self.converged = additive.best, additive.converged
        self.n_iter, self.loss_curve = additive.n_iter, additive.loss_curve
