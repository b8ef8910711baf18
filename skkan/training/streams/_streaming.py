"""Learning from one batch of samples after the other, without all of the earlier ones.

The latest samples are kept as they are. What those before them say is kept as a quadratic function
of the parameters: value, gradient and Gauss-Newton matrix of their summed loss, taken when they go.
Added to the loss of the samples that are there it stands for all the others. For an additive model
with squared loss it is their loss exactly, and training in batches is training on all of them at
once (recursive least squares); for other models it is the Laplace approximation of what they have
made likely, whose matrix grows with every batch (an iterated Kalman smoother of fixed lag). Where
new batches have no samples the matrix holds the functions in place.

The approximation holds near the parameters where it was taken. So a step is taken only as far as
the true loss of the rows that stand for all samples agrees with it.

After a fit there is no such memory, but the rows it leaves behind. Where they are all rows there
were, they go on as what they are. Otherwise they stand for the others (:func:`recalled`): with the
network's own outputs as targets, but for what balances the penalty, and with the loss that the
network leaves at the true targets added as a constant. That is a sum of squares, which no step can
make negative, and it has forgotten neither the functions nor the noise.

References
----------
D. Bertsekas, "Incremental least squares methods and the extended Kalman filter", SIAM J.
Optimization 1996.
H. Ritter, A. Botev and D. Barber, "Online structured Laplace approximations for overcoming
catastrophic forgetting", NeurIPS 2018.
A. Robins, "Catastrophic forgetting, rehearsal and pseudorehearsal", Connection Science 1995.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from skkan._typing import FloatArray
from skkan.data._samples import TrainingData
from skkan.data._typical_rows import TypicalRows
from skkan.network._network import Network
from skkan.objective._block_sums import LossFunction
from skkan.objective._objective import Objective
from skkan.objective._penalties import TINY, Penalty
from skkan.objective.losses._loss import Loss
from skkan.solvers._lm import minimize_lm
from skkan.training._problem import Problem
from skkan.training._settings import State
from skkan.training.evidence._smoothing import Smoothing, full_posterior, update_smoothing
from skkan.training.streams._memory import Memory, StreamObjective

# Training starts next to its end: the first step is a full one, and exact for additive models.
FIRST_DAMPING = 1e-9
# A batch need not be trained to convergence: its samples stay for the next ones.
ROUND_ITER, MAX_ROUNDS = 30, 3
WORTH_A_ROUND = 0.5
# Of the loss of some rows that stand for all samples.
MOST_RISE = 1.1
MAX_HALVINGS = 8
# Standard errors of a mean loss.
CHANCE = 2.0
# Samples.
HELD = 100.0
# By how much the loss that is expected may grow with a batch.
MOST_GROWN = 2.0
# Of a constant of a symbolic edge; the square of what is held beside it is representable.
SMALLEST = 1e-100
# Of the largest entry of the Gauss-Newton matrix.
RIDGE = 1e-10


@dataclass(frozen=True)
class Past:
    """What is left of samples that are no longer there.

    Attributes
    ----------
    memory : Memory or None
        Their loss, for the parameters of the network to be trained.
    ground : float
        Part of the summed loss that no parameters change.
    rows : TrainingData or None
        Scaled rows with their true targets that stand for all samples, also those that are there.
    expected : float or None
        Mean loss of a sample like those before, where training has ended; None if it has not.
    """

    memory: Memory | None = None
    ground: float = 0.0
    rows: TrainingData | None = None
    expected: float | None = None

    def explain(self, network: Network, batch: TrainingData, loss: Loss) -> bool:
        """Return whether a network leaves no more of a batch than it is expected to.

        Its mean loss may differ by as much as chance makes of it.
        """
        if self.expected is None:
            return False
        with np.errstate(all="ignore"):
            out = network.outputs(batch.inputs)
            each = np.array(
                [
                    loss.value(out[row : row + 1], batch.target[row : row + 1], np.ones(1))
                    for row in range(batch.n_samples)
                ]
            )
            mean = float(batch.weight @ each)
            error = float(np.sqrt(batch.weight**2 @ (each - mean) ** 2))
            return mean <= self.expected + CHANCE * error


def recalled(
    network: Network, rows: TypicalRows, penalty: Penalty, loss: Loss, total: float
) -> tuple[TypicalRows, float]:
    """Return samples that stand for those that training has ended with, and their ground.

    Their targets are what the network makes of them, moved as residuals are that balance the
    penalty where training has ended, as far as the true loss there allows; so the penalty finds
    nothing more to shrink. They leave less than the true loss, and the rest is the ground: a part
    of the summed loss that no parameters change.

    Parameters
    ----------
    network : Network
        Where training has ended.
    rows : TypicalRows
        Rows that stand for all samples.
    penalty : Penalty
        The penalty of the training.
    loss : Loss
        Data fit.
    total : float
        Sum of the weights of the samples to be recalled.
    """
    rows = rows.weighted()
    data = TrainingData.of(rows.X, rows.target, rows.weight, network.scaling)
    out = network.outputs(data.inputs)
    true = loss.value(out, data.target, data.weight)
    pull = _balancing(network, replace(data, target=out), penalty, loss, true)
    target = loss.target_for(out, pull)
    ground = total * (true - loss.value(out, target, data.weight))
    given = network.scaling.given_targets(target)
    weight = rows.weight * (total / rows.total)
    return replace(rows, target=given, weight=weight), ground


def _balancing(
    network: Network, data: TrainingData, penalty: Penalty, loss: Loss, limit: float
) -> FloatArray:
    """Return the residuals, of the shape of the outputs, that pull as much as the penalty does.

    Parameters
    ----------
    network : Network
        Where training has ended.
    data : TrainingData
        Its samples; the targets do not matter.
    penalty : Penalty
        The penalty of the training.
    loss : Loss
        Data fit.
    limit : float
        Their mean loss, which the residuals stay below.
    """
    objective = Objective(network, data, loss, penalty)
    parameters = network.get_parameters()
    matrix = objective.normal_equations(parameters)[2]
    matrix = np.tril(matrix) + np.tril(matrix, -1).T
    slope = objective.penalty.value_and_gradient(network, parameters)[1]
    diagonal = np.arange(len(matrix))
    matrix[diagonal, diagonal] += RIDGE * max(float(matrix.max()), TINY)
    change = np.linalg.solve(matrix, slope)
    function = LossFunction(network, loss)
    trace = network.trace(data.inputs)
    factor = loss.curvature_factor(trace.nodes[-1], data.target, np.ones(data.n_samples))
    moved = function.tangent(trace, change)
    pull: FloatArray = ((moved[:, None, :] @ factor) @ factor.transpose(0, 2, 1))[:, 0, :]
    cost = 0.5 * float(data.weight @ (pull * moved).sum(axis=1))
    return pull * min(1.0, (limit / cost) ** 0.5) if cost > 0.0 else np.zeros_like(pull)


def learn(
    problem: Problem,
    network: Network,
    penalty: Penalty,
    batch: TrainingData,
    past: Past,
    callback: Callable[[float, Network], bool],
) -> tuple[State, float | None]:
    """Train a network on new samples together with what is left of earlier ones.

    Adam goes over them once; Levenberg-Marquardt runs until it converges, or for some iterations.
    A network with hidden layers that explains the new samples stays as it is: fitting them better
    than those before would be fitting their noise. They count when others come that it does not
    explain.

    Parameters
    ----------
    problem : Problem
        Gives the samples, old and new, loss and settings. With ``alpha=None`` the penalty weights
        follow the evidence of all samples.
    network : Network
        Where to go on from; it stays as it is.
    penalty : Penalty
        For its grids.
    batch : TrainingData
        The new samples alone, scaled.
    past : Past
        What is left of the samples before.
    callback : callable
        Called with objective and network after every iteration; stops the training by returning
        True.

    Returns
    -------
    state : State
        The trained network, its penalty and the objective, which is infinite if it overflows.
    expected : float or None
        Mean loss of a sample like these, as ``Past`` has it.
    """
    data = problem.data
    assert isinstance(data, TrainingData)
    by_passes = problem.settings.solver == "adam"
    start = network.get_parameters()
    memory = past.memory
    precision = _constant_precision(network)
    if precision.any():
        level = 1.0
        if problem.loss.has_noise_level:
            mean = StreamObjective(network, data, problem.loss, penalty, memory, past.ground)
            level = 2.0 * mean.data_value(start) / data.n_outputs
        own = Memory.of_nothing(network) if memory is None else memory
        memory = own.held(start, level * precision)

    def objective_for(penalty: Penalty) -> StreamObjective:
        return StreamObjective(network, data, problem.loss, penalty, memory, past.ground)

    objective = objective_for(penalty)
    if not np.isfinite(objective.value(start)):
        return State(network, penalty), None
    if problem.settings.alpha is None:
        # As a prior it weighs as much as before, and the mean loss of all samples more.
        share = 1.0 - batch.total / objective.data.total
        weights = [
            {name: penalty.bounded(name, share * weight) for name, weight in own.weights.items()}
            for own in penalty.layers
        ]
        objective = objective_for(penalty.with_weights(weights))
    if not _is_linear(network) and not by_passes and past.explain(network, batch, problem.loss):
        return State(network, objective.penalty, loss=objective.value(start)), past.expected
    training = _Rounds(problem, network, callback)
    if by_passes:
        parameters = training.solve(objective, start)
    else:
        objective, parameters = training.by_evidence(objective, objective_for, start)
    if past.memory is not None and past.rows is not None:
        truth = Objective(network, past.rows, problem.loss, objective.penalty)
        parameters = _as_far_as_true(truth, start, parameters)
    trained = _with_parameters(network, parameters)
    state = State(trained, objective.penalty, training.smoothing, objective.value(parameters))
    expected = training.expected
    if past.expected is not None and expected is not None:
        # A network that an edit has spoiled is not what is expected from then on.
        expected = min(expected, MOST_GROWN * past.expected)
    return state, expected


def _constant_precision(network: Network) -> FloatArray:
    """Return precisions that keep constants of symbolic edges where penalty weights are for.

    The scale behind a spline could grow while the spline shrinks until no penalty is left of it; so
    constants know their size, a priori, as `HELD` samples in units of the noise would know it.

    Parameters
    ----------
    network : Network
        Where the training starts.

    Returns
    -------
    precision : ndarray of shape (n_parameters,)
        For a noise of 1; zero for coefficients, and throughout where there are no splines.
    """
    parameters = network.get_parameters()
    precision = np.zeros_like(parameters)
    if not network.splined.any():
        return precision
    parts = zip(network.split_symbols(parameters), network.split_symbols(precision), strict=True)
    for own, found in parts:
        inner, outer = np.abs(own[:, :1]), np.abs(own[:, 2:3])
        size = np.concatenate([inner, np.maximum(np.abs(own[:, 1:2]), inner)], axis=1)
        other = np.concatenate([outer, np.maximum(np.abs(own[:, 3:]), outer)], axis=1)
        size = np.concatenate([size, other], axis=1)
        # A constant that is zero, as in front of the function that is zero, has no size.
        found[:] = np.where(size > SMALLEST, HELD / np.maximum(size, SMALLEST) ** 2, 0.0)
    return precision


class _Rounds:
    """Runs of the solver, between which the penalty weights follow the evidence if they may.

    Parameters
    ----------
    problem : Problem
        Gives loss and settings.
    network : Network
        The network.
    callback : callable
        As :func:`learn` takes it.

    Attributes
    ----------
    smoothing : Smoothing or None
        Of the end.
    expected : float or None
        As :func:`learn` returns it.
    """

    def __init__(
        self, problem: Problem, network: Network, callback: Callable[[float, Network], bool]
    ) -> None:
        self._problem = problem
        self._network = network
        self._callback = callback
        self._left = problem.settings.max_iter
        self._stopped = False
        self.smoothing: Smoothing | None = None
        self.expected: float | None = None

    def solve(self, objective: StreamObjective, start: FloatArray) -> FloatArray:
        """Run the solver once, and return the parameters."""

        def after_iteration(value: float, parameters: FloatArray) -> bool:
            self._stopped = self._callback(value, _with_parameters(self._network, parameters))
            return self._stopped

        settings = self._problem.settings
        if settings.solver == "adam":
            minimize = self._problem.solver_options.minimize
            found = minimize(objective, start, 1, settings.tol, after_iteration)
        else:
            max_iter = min(ROUND_ITER, self._left)
            found = minimize_lm(
                objective, start, max_iter, settings.tol, after_iteration, FIRST_DAMPING
            )
        self._left -= found.n_iter
        return found.parameters

    def by_evidence(
        self,
        objective: StreamObjective,
        objective_for: Callable[[Penalty], StreamObjective],
        start: FloatArray,
    ) -> tuple[StreamObjective, FloatArray]:
        """Run the solver, and again with other weights as long as the evidence grows."""
        network = self._network
        chosen = self._problem.settings.alpha is None
        if chosen and any(layer.products is not None for layer in network.layers):
            # The weights of an analysis of variance leave factors of small products all but free.
            objective = objective_for(update_smoothing(objective, start, full_posterior).by_edge)
        parameters = self.solve(objective, start)
        if not network.splined.any():
            return objective, parameters
        if not chosen and _is_linear(network):
            return objective, parameters
        smoothing = update_smoothing(objective, parameters, full_posterior)
        for _ in range(MAX_ROUNDS if chosen else 0):
            if self._stopped or self._left <= 0:
                break
            trial = objective_for(smoothing.by_edge)
            reached = self.solve(trial, parameters)
            latest = update_smoothing(trial, reached, full_posterior)
            if latest.log_evidence < smoothing.log_evidence + WORTH_A_ROUND:
                break
            objective, parameters, smoothing = trial, reached, latest
        self.smoothing = smoothing
        self.expected = expected_loss(objective, parameters, smoothing)
        return objective, parameters


def expected_loss(objective: Objective, parameters: FloatArray, smoothing: Smoothing) -> float:
    """Return the mean loss of a sample like those that the parameters have been fitted to."""
    if not objective.loss.has_noise_level:
        return objective.data_value(parameters)
    return 0.5 * smoothing.noise * objective.data.n_outputs


def _as_far_as_true(truth: Objective, start: FloatArray, end: FloatArray) -> FloatArray:
    """Return how far the way from `start` to `end` can be gone without a rise of the true loss.

    It is measured on some of all samples, and so may rise a little where it falls for all.
    """
    limit = MOST_RISE * truth.value(start)
    share = 1.0
    for _ in range(MAX_HALVINGS):
        there = start + share * (end - start)
        value = truth.value(there)
        if np.isfinite(value) and value <= limit:
            return there
        share *= 0.5
    return start


def _is_linear(network: Network) -> bool:
    """Return whether the outputs are linear in the parameters: sums of splines of the inputs."""
    first = network.layers[0]
    return len(network.layers) == 1 and first.products is None and not first.symbols


def _with_parameters(network: Network, parameters: FloatArray) -> Network:
    other = network.copy()
    other.set_parameters(parameters)
    return other
