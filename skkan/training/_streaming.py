"""Learning from one batch of samples after the other, without all of the earlier ones.

The latest samples are kept as they are. What those before them say is kept as a quadratic function
of the parameters: value, gradient and Gauss-Newton matrix of their summed loss, taken when they go.
Added to the loss of the samples that are there it stands for all the others. For an additive model
with squared loss it is their loss exactly, and training in batches is training on all of them at
once (recursive least squares); for other models it is the Laplace approximation of what they have
made likely, whose matrix grows with every batch (an iterated Kalman smoother of fixed lag). Where
new batches have no samples the matrix holds the functions in place.

A batch that leaves the grids widens them by intervals as long as the outermost. The B-splines that
were there stay what they were, and new ones are zero on the old grid: neither the functions there
nor what the memory says of them change.

References
----------
D. Bertsekas, "Incremental least squares methods and the extended Kalman filter", SIAM J.
Optimization 1996.
H. Ritter, A. Botev and D. Barber, "Online structured Laplace approximations for overcoming
catastrophic forgetting", NeurIPS 2018.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.data._samples import TrainingData
from skkan.network._layer import Layer
from skkan.network._network import Network
from skkan.network._scaling import Scaling
from skkan.objective._losses import Loss
from skkan.objective._objective import Objective
from skkan.objective._penalties import BENDING, Penalty
from skkan.solvers._lm import minimize_lm
from skkan.solvers._result import SolverResult
from skkan.training._problem import Problem
from skkan.training._settings import State
from skkan.training._smoothing import full_posterior, update_smoothing

# Training starts next to its end: the first step is a full one, and exact for additive models.
FIRST_DAMPING = 1e-9
# A batch need not be trained to convergence: its samples stay for the next ones.
ROUND_ITER, MAX_ROUNDS = 30, 3
WORTH_A_ROUND = 0.5
# What lies beyond a grid that has grown by this factor is met along tangents.
MAX_GROWTH = 8
# Samples that are kept as they are.
MAX_ROWS = 1000


@dataclass(frozen=True)
class Memory:
    """The summed loss of all samples so far as a quadratic function of the parameters.

    Attributes
    ----------
    anchor : ndarray of shape (n_parameters,)
        Where value, gradient and matrix have been taken.
    value : float
        Loss there.
    gradient : ndarray of shape (n_parameters,)
        Its gradient.
    matrix : ndarray of shape (n_parameters, n_parameters)
        Its Gauss-Newton matrix.
    total : float
        Sum of the weights of the samples.
    """

    anchor: FloatArray
    value: float
    gradient: FloatArray
    matrix: FloatArray
    total: float

    def at(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        """Return the loss and its gradient."""
        move = parameters - self.anchor
        change = self.matrix @ move
        value = self.value + float(move @ (self.gradient + 0.5 * change))
        return value, self.gradient + change

    def spread(self, network: Network, places: NDArray[np.intp]) -> "Memory":
        """Return the memory for a network with more parameters, of which it says nothing.

        Parameters
        ----------
        network : Network
            Gives the new parameters.
        places : ndarray of int of shape (n_parameters,)
            Where the old ones are among them.
        """
        n_parameters = network.n_parameters
        anchor, gradient = np.zeros(n_parameters), np.zeros(n_parameters)
        matrix = np.zeros((n_parameters, n_parameters))
        anchor[places], gradient[places] = self.anchor, self.gradient
        matrix[np.ix_(places, places)] = self.matrix
        return replace(self, anchor=anchor, gradient=gradient, matrix=matrix)


class StreamObjective(Objective):
    """Penalised mean loss of a batch and of all samples before it.

    Parameters
    ----------
    network : Network
        Architecture and grids.
    batch : TrainingData
        Scaled samples, with the weights of a batch by itself.
    loss : Loss
        Data fit.
    penalty : Penalty
        Regularisation.
    memory : Memory, optional
        Of the samples before, for the same parameters.
    """

    def __init__(
        self,
        network: Network,
        batch: TrainingData,
        loss: Loss,
        penalty: Penalty,
        memory: Memory | None = None,
    ) -> None:
        total = batch.total + (0.0 if memory is None else memory.total)
        weight = batch.weight * (batch.total / total)
        super().__init__(network, replace(batch, weight=weight, total=total), loss, penalty)
        self._memory = memory

    def data_value(self, parameters: FloatArray) -> float:
        """Return the mean loss of all samples."""
        value = super().data_value(parameters)
        if self._memory is not None:
            value += self._memory.at(parameters)[0] / self.data.total
        return value

    def normal_equations(self, parameters: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return objective, gradient and the Gauss-Newton matrix of the loss of all samples."""
        value, gradient, matrix = super().normal_equations(parameters)
        if self._memory is not None:
            own, slope = self._memory.at(parameters)
            total = self.data.total
            value, gradient = value + own / total, gradient + slope / total
            matrix = matrix + self._memory.matrix / total
        return value, gradient, matrix

    def memory(self, parameters: FloatArray) -> Memory:
        """Return what is to be kept of all samples, taken at `parameters`."""
        value, gradient, lower = self.normal_equations(parameters)
        penalty, slope = self.penalty.value_and_gradient(self.network, parameters)
        total = self.data.total
        matrix = np.tril(lower) + np.tril(lower, -1).T
        return Memory(
            parameters.copy(),
            total * (value - penalty),
            total * (gradient - slope),
            total * matrix,
            total,
        )


def recalled(
    network: Network, rows: FloatArray, penalty: Penalty, loss: Loss, total: float
) -> Memory:
    """Return a memory of samples that have not been kept, from some of their inputs.

    The Gauss-Newton matrix depends on the inputs only, and the gradient is taken to be zero
    together with that of the penalty: training has ended there.

    Parameters
    ----------
    network : Network
        Where training has ended.
    rows : ndarray of shape (n_samples, n_inputs)
        Inputs in the units of the data that stand for all samples.
    penalty : Penalty
        The penalty of the training.
    loss : Loss
        Data fit.
    total : float
        Sum of the weights of all samples.
    """
    inputs = network.scaling.inputs(rows)
    out = network.outputs(inputs)
    data = TrainingData(inputs, out, np.full(len(rows), 1.0 / len(rows)), total)
    parameters = network.get_parameters()
    memory = StreamObjective(network, data, loss, penalty).memory(parameters)
    return replace(memory, gradient=-total * penalty.value_and_gradient(network, parameters)[1])


def learn(
    problem: Problem,
    network: Network,
    penalty: Penalty,
    memory: Memory | None,
    new_share: float,
    callback: Callable[[float, Network], bool],
) -> State:
    """Train a network on new samples together with what is left of earlier ones.

    Adam goes over them once; Levenberg-Marquardt runs until it converges, or for some iterations.

    Parameters
    ----------
    problem : Problem
        Gives the samples, old and new, loss and settings. With ``alpha=None`` the penalty weights
        follow the evidence of all samples.
    network : Network
        Where to go on from; it stays as it is.
    penalty : Penalty
        For its grids.
    memory : Memory or None
        Of the samples that are no longer there.
    new_share : float
        What part of the weight of all samples the new ones have.
    callback : callable
        Called with objective and network after every iteration; stops the training by returning
        True.

    Returns
    -------
    state : State
        The trained network, its penalty and the objective, which is infinite if it overflows.
    """
    batch = problem.data
    assert isinstance(batch, TrainingData)
    stopped = False
    by_passes = problem.settings.solver == "adam"
    left = problem.settings.max_iter

    def solve(penalty: Penalty, start: FloatArray) -> tuple[StreamObjective, SolverResult]:
        nonlocal left
        objective = StreamObjective(network, batch, problem.loss, penalty, memory)

        def after_iteration(value: float, parameters: FloatArray) -> bool:
            nonlocal stopped
            stopped = callback(value, _with_parameters(network, parameters))
            return stopped

        tol = problem.settings.tol
        if by_passes:
            found = problem.solver_options.minimize(objective, start, 1, tol, after_iteration)
        else:
            max_iter = min(ROUND_ITER, left)
            found = minimize_lm(objective, start, max_iter, tol, after_iteration, FIRST_DAMPING)
        left -= found.n_iter
        return objective, found

    start = network.get_parameters()
    objective = StreamObjective(network, batch, problem.loss, penalty, memory)
    if not np.isfinite(objective.value(start)):
        return State(network, penalty)
    chosen = problem.settings.alpha is None
    if chosen:
        # As a prior it weighs as much as before, and the mean loss of all samples more.
        penalty = penalty.with_weights(
            [
                {n: penalty.bounded(n, (1.0 - new_share) * w) for n, w in own.weights.items()}
                for own in penalty.layers
            ]
        )
    objective, found = solve(penalty, start)
    if chosen and not by_passes and network.splined.any():
        smoothing = update_smoothing(objective, found.parameters, full_posterior)
        for _ in range(MAX_ROUNDS):
            if stopped or left <= 0:
                break
            trial, reached = solve(smoothing.by_edge, found.parameters)
            latest = update_smoothing(trial, reached.parameters, full_posterior)
            if latest.log_evidence < smoothing.log_evidence + WORTH_A_ROUND:
                break
            objective, found, smoothing = trial, reached, latest
    trained = _with_parameters(network, found.parameters)
    return State(trained, objective.penalty, loss=found.value)


def _with_parameters(network: Network, parameters: FloatArray) -> Network:
    other = network.copy()
    other.set_parameters(parameters)
    return other


def completed(scaling: Scaling, X: FloatArray, target: FloatArray) -> Scaling:
    """Return the scaling with a unit for what varies for the first time.

    Columns and targets that have been constant get one; their old samples are where they were, at
    zero.

    Parameters
    ----------
    scaling : Scaling
        Of the samples before.
    X : ndarray of shape (n_samples, n_inputs)
        New inputs.
    target : ndarray of shape (n_samples, n_outputs)
        New targets.
    """
    reach = np.abs(X - scaling.input_shift).max(axis=0)
    spread = np.abs(target - scaling.output_shift).max(axis=0)
    fixed = np.isinf(scaling.input_scale) & (reach > 0.0)
    flat = (scaling.output_scale == 0.0) & (spread > 0.0)
    return replace(
        scaling,
        input_scale=np.where(fixed, reach, scaling.input_scale),
        output_scale=np.where(flat, spread, scaling.output_scale),
    )


def widened(
    network: Network, inputs: FloatArray, max_grid_size: int
) -> tuple[Network, NDArray[np.intp]]:
    """Return the network on grids that `inputs` do not leave, and the places of its parameters.

    On the old grids the function stays as it is. Grids with a base function, which would change
    with the ends of its grid, stay as they are.

    Parameters
    ----------
    network : Network
        Stays as it is.
    inputs : ndarray of shape (n_samples, n_inputs)
        Scaled inputs.
    max_grid_size : int
        Largest number of intervals of a grid.

    Returns
    -------
    network : Network
        The same network if no grid is left.
    places : ndarray of int of shape (n_parameters,)
        Where the parameters of `network` are among those of the new one.
    """
    other = network.copy()
    offsets, nodes = [], inputs
    for depth, layer in enumerate(other.layers):
        before, after = _missing_intervals(layer, nodes, max_grid_size)
        offsets.append(before)
        other.layers[depth] = _widened_layer(layer, before, after)
        nodes = other.layers[depth].outputs(nodes)
    places: list[NDArray[np.intp]] = []
    # As floats, the type of every parameter vector; they are exact.
    numbers = np.arange(other.n_parameters, dtype=np.float64)
    for layer, old, before, own in zip(
        other.layers, network.layers, offsets, other.split(numbers), strict=True
    ):
        rows = before[:, None] + np.arange(old.grid.n_splines)
        if layer.base is not None:
            rows = np.concatenate([rows, np.full((layer.n_in, 1), layer.n_features - 1)], axis=1)
        places.append(np.take_along_axis(own, rows[:, :, None], axis=1).ravel().astype(np.intp))
    places.append(numbers[other.n_coefficients :].astype(np.intp))
    return other, np.concatenate(places)


def widened_penalty(penalty: Penalty, old: Network, new: Network) -> Penalty:
    """Return the penalty for wider grids that asks the same of the functions on the old ones.

    Roughness and slope are measured in grid coordinates, whose unit has grown.

    Parameters
    ----------
    penalty : Penalty
        For the grids of `old`.
    old, new : Network
        As :func:`widened` takes and returns them.
    """
    unscaled = [np.ones(layer.n_subnodes) for layer in new.layers]
    other = penalty.carried_to(new, unscaled)
    for own, before, after in zip(other.layers, old.layers, new.layers, strict=True):
        ratio = (before.half_span / after.half_span)[:, None]
        for name, power in (("rough", 2 * BENDING - 1), ("line", 2)):
            own.weights[name] = other.bounded(name, own.weights[name] * ratio**power)
    return other


def _missing_intervals(
    layer: Layer, nodes: FloatArray, max_grid_size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return for every node how many intervals its grid lacks below and above; equal sums."""
    ends = layer.grid.breakpoints
    room = max_grid_size - layer.grid.grid_size
    nothing = np.zeros(layer.n_in, dtype=np.intp)
    if layer.base is not None or room <= 0 or not len(nodes):
        return nothing, nothing
    below = (ends[:, 0] - nodes.min(axis=0)) / (ends[:, 1] - ends[:, 0])
    above = (nodes.max(axis=0) - ends[:, -1]) / (ends[:, -1] - ends[:, -2])
    limits = np.ceil(np.clip(np.nan_to_num([below, above]), 0.0, 1e6)).astype(np.intp)
    needed = limits.sum(axis=0)
    count = min(int(needed.max()), room)
    # Where there is no room for all, both sides lose in proportion.
    shares = count * limits[0] // np.maximum(needed, 1)
    before = np.where(needed <= count, limits[0], shares)
    return before, count - before


def _widened_layer(layer: Layer, before: NDArray[np.intp], after: NDArray[np.intp]) -> Layer:
    """Return the layer with more intervals at both ends of its grids."""
    if not (before + after).any():
        return layer
    grid = layer.grid
    ends = grid.breakpoints
    first, last = ends[:, 1] - ends[:, 0], ends[:, -1] - ends[:, -2]
    rows = [
        np.concatenate(
            [
                row[0] - lower * np.arange(n_lower, 0, -1),
                row,
                row[-1] + upper * np.arange(1, n_upper + 1),
            ]
        )
        for row, lower, n_lower, upper, n_upper in zip(
            ends, first, before, last, after, strict=True
        )
    ]
    wide = grid.on(np.array(rows))
    # New coefficients go on along straight lines, or stay what they are where the grid is clamped.
    n_splines = grid.n_splines
    places = np.arange(wide.n_splines) - before[:, None]
    nearest = np.clip(places, 0, n_splines - 1)
    sites = grid.greville()
    steps = np.diff(layer.coef[:, :n_splines], axis=1) / np.diff(sites, axis=1)[:, :, None]
    excess = wide.greville() - np.take_along_axis(sites, nearest, axis=1)
    if grid.clamped:
        excess = np.zeros_like(excess)
    slopes = np.where((places < 0)[:, :, None], steps[:, :1], steps[:, -1:])
    coef = np.take_along_axis(layer.coef, nearest[:, :, None], axis=1)
    coef += np.where(places == nearest, 0.0, excess)[:, :, None] * slopes
    return Layer(wide, coef, layer.base, layer.active, layer.symbols, layer.arities)


def mixed_rows(old: FloatArray, new: FloatArray, old_total: float, new_total: float) -> FloatArray:
    """Return at most about ``MAX_ROWS`` rows that stand for all samples so far.

    Parameters
    ----------
    old : ndarray of shape (n_old, n_inputs)
        Rows that stand for the samples before.
    new : ndarray of shape (n_new, n_inputs)
        Inputs of a batch.
    old_total, new_total : float
        Sums of the weights of both.
    """
    if len(old) + len(new) > MAX_ROWS:
        share = new_total / (old_total + new_total)
        # Neither goes without any.
        n_new = int(np.clip(round(share * MAX_ROWS), 1, min(len(new), MAX_ROWS - 1)))
        old, new = _thinned(old, MAX_ROWS - n_new), _thinned(new, n_new)
    return np.concatenate([old, new])


def _thinned(rows: FloatArray, count: int) -> FloatArray:
    """Return `count` of the rows, evenly spaced, or all if there are no more."""
    if len(rows) <= count:
        return rows
    return rows[np.linspace(0, len(rows) - 1, count).round().astype(np.intp)]
