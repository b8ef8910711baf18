"""Small networks and training problems that the tests share."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from skkan._typing import FloatArray
from skkan.data._samples import TrainingData
from skkan.network._layer import Layer
from skkan.network._network import Network
from skkan.network._scaling import Scaling
from skkan.network.functions._base_functions import BASE_FUNCTIONS, BaseFunction
from skkan.network.functions._splines import SplineGrid
from skkan.network.functions._symbolic_edge import SymbolicEdge
from skkan.objective._objective import Objective
from skkan.objective._penalties import Penalty
from skkan.objective.losses._binary_log import BinaryLogLoss
from skkan.objective.losses._loss import Loss
from skkan.objective.losses._multinomial_log import MultinomialLogLoss
from skkan.objective.losses._squared import SquaredLoss

LOSSES: dict[str, tuple[Loss, int]] = {
    "squared": (SquaredLoss(), 1),
    "two squared": (SquaredLoss(), 2),
    "binary": (BinaryLogLoss(), 1),
    "multinomial": (MultinomialLogLoss(), 3),
}
"""Every loss with a number of outputs."""


def _twice(x: FloatArray) -> FloatArray:
    return 2.0 * x


def _two(x: FloatArray) -> FloatArray:
    return np.full_like(x, 2.0)


def _none(x: FloatArray, order: int) -> FloatArray:
    return np.zeros_like(x) if order else x


def _exp_higher(x: FloatArray, order: int) -> FloatArray:
    return np.exp(x) if order else x


FUNCTIONS = {
    "sin": BASE_FUNCTIONS["sin"],
    "tanh": BASE_FUNCTIONS["tanh"],
    "square": BaseFunction("square", np.square, _twice, _two, _none),
    "exp": BaseFunction("exp", np.exp, np.exp, np.exp, _exp_higher),
}
"""Functions of symbolic edges."""

TRAITS = ("masks", "symbols", "products")
"""What may set a network apart from a plain one."""


def uneven_grid(rng: np.random.Generator, n_nodes: int, grid_size: int, degree: int) -> SplineGrid:
    """Return grids on about [-1, 1] whose intervals differ up to fourfold."""
    widths = rng.uniform(0.25, 1.0, size=(n_nodes, grid_size))
    ends = np.concatenate([np.zeros((n_nodes, 1)), np.cumsum(widths, axis=1)], axis=1)
    low, high = -rng.uniform(0.9, 1.1, size=(2, n_nodes, 1)) * [[[1.0]], [[-1.0]]]
    return SplineGrid(low + (high - low) * ends / ends[:, -1:], degree)


def even_grid(n_nodes: int, grid_size: int, degree: int) -> SplineGrid:
    """Return uniform grids on [-1, 1]."""
    return SplineGrid(np.tile(np.linspace(-1.0, 1.0, grid_size + 1), (n_nodes, 1)), degree)


def unit_scaling(n_inputs: int, n_outputs: int) -> Scaling:
    """Return the scaling that changes nothing."""
    return Scaling(np.zeros(n_inputs), np.ones(n_inputs), np.zeros(n_outputs), np.ones(n_outputs))


def draw_network(
    rng: np.random.Generator,
    shape: Sequence[int],
    *,
    degree: int = 3,
    grid_size: int = 4,
    base: str = "zero",
    even: bool = False,
    traits: Sequence[str] = (),
) -> Network:
    """Return a network with random coefficients, those of the base function included.

    Of the `traits`, "products" makes the last node of every hidden layer a product of two or three
    factors; "masks" and "symbols" give every edge a chance to be inactive or symbolic.
    """
    function = BASE_FUNCTIONS[base]
    layers = []
    for depth, (n_in, n_out) in enumerate(pairwise(shape)):
        grid = even_grid(n_in, grid_size, degree) if even else None
        grid = grid or uneven_grid(rng, n_in, grid_size, degree)
        arities = [1] * n_out
        if "products" in traits and depth < len(shape) - 2:
            arities[-1] = 2 + depth % 2
        n_subnodes = sum(arities)
        coef = rng.normal(size=(n_in, grid.n_splines + (function is not None), n_subnodes))
        layer = Layer(grid, coef, function, arities=arities)
        edges = (n_in, n_subnodes)
        active = rng.uniform(size=edges) < 0.7 if "masks" in traits else np.ones(edges, dtype=bool)
        if not active.any():
            active[0, 0] = True
        symbolic = rng.uniform(size=edges) < 0.5 if "symbols" in traits else np.zeros(edges)
        symbols = {}
        for i, j in np.argwhere(symbolic):
            # Without the exponential, which would soon overflow in a deep network.
            name = ("sin", "square", "tanh")[rng.integers(3)]
            symbols[int(i), int(j)] = SymbolicEdge(FUNCTIONS[name], 0.5 * rng.normal(size=4))
        layer.set_edges(active, symbols)
        layers.append(layer)
    return Network(layers, unit_scaling(shape[0], shape[-1]))


def draw_target(rng: np.random.Generator, loss_name: str, n_samples: int) -> FloatArray:
    """Return targets of the kind that the loss wants, soft ones for the log-losses."""
    n_outputs = LOSSES[loss_name][1]
    if loss_name == "binary":
        return rng.uniform(size=(n_samples, n_outputs))
    if loss_name == "multinomial":
        return rng.dirichlet(np.ones(n_outputs), size=n_samples)
    return rng.normal(size=(n_samples, n_outputs))


def points(inputs: FloatArray, weight: FloatArray) -> TrainingData:
    """Return weighted inputs without targets."""
    return TrainingData(inputs, np.zeros((len(inputs), 0)), weight, float(len(inputs)))


def draw_data(
    rng: np.random.Generator, loss_name: str, n_samples: int, n_inputs: int
) -> TrainingData:
    """Return weighted samples, some of them beyond the grids."""
    inputs = rng.uniform(-1.3, 1.3, size=(n_samples, n_inputs))
    weight = rng.uniform(0.1, 2.0, size=n_samples)
    total = float(weight.sum())
    return TrainingData(inputs, draw_target(rng, loss_name, n_samples), weight / total, total)


def draw_penalty(rng: np.random.Generator, network: Network, softmax: bool = False) -> Penalty:
    """Return a penalty with a weight of its own on every edge."""
    penalty = Penalty(network, 1.0, 1.0, softmax)
    return penalty.with_weights(
        [
            {name: 10.0 ** rng.uniform(-3.0, 0.0, w.shape) for name, w in layer.weights.items()}
            for layer in penalty.layers
        ]
    )


def draw_objective(
    rng: np.random.Generator,
    loss_name: str,
    hidden: Sequence[int],
    *,
    n_samples: int = 20,
    n_inputs: int = 2,
    degree: int = 3,
    base: str = "zero",
    traits: Sequence[str] = (),
) -> tuple[Objective, FloatArray]:
    """Return a random training problem and random parameters."""
    loss, n_outputs = LOSSES[loss_name]
    shape = (n_inputs, *hidden, n_outputs)
    network = draw_network(rng, shape, degree=degree, base=base, traits=traits)
    penalty = draw_penalty(rng, network, softmax=loss_name == "multinomial")
    data = draw_data(rng, loss_name, n_samples, n_inputs)
    return Objective(network, data, loss, penalty), network.get_parameters()


def altered(
    objective: Objective, penalty: Penalty | None = None, **data: FloatArray | float
) -> Objective:
    """Return the objective with another penalty, or other parts of the data."""
    samples = replace(objective.data, **data)
    return Objective(objective.network, samples, objective.loss, penalty or objective.penalty)


def penalty_matrix(penalty: Penalty, network: Network) -> FloatArray:
    """Return the penalty's matrix by itself."""
    matrix = np.zeros((network.n_parameters, network.n_parameters))
    penalty.add_hessian(network, matrix)
    return matrix


def symmetric(lower: FloatArray) -> FloatArray:
    """Return the whole of a symmetric matrix of which the lower triangle is given."""
    return np.tril(lower) + np.tril(lower, -1).T


def central_differences(
    function: Callable[[FloatArray], float | FloatArray], x: FloatArray, step: float = 1e-5
) -> FloatArray:
    """Return the derivatives of `function`, those with respect to ``x[i]`` in row ``i``."""
    moves = step * np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([(function(x + move) - function(x - move)) / (2.0 * step) for move in moves])


def extrapolated_differences(
    function: Callable[[FloatArray], float | FloatArray], x: FloatArray, step: float = 1e-5
) -> FloatArray:
    """Return :func:`central_differences` without their leading error.

    In deep networks, and in products above all, third derivatives are large.
    """
    coarse = central_differences(function, x, 2.0 * step)
    return (4.0 * central_differences(function, x, step) - coarse) / 3.0


def directional_differences(
    function: Callable[[FloatArray], float | FloatArray],
    x: FloatArray,
    directions: FloatArray,
    step: float = 1e-5,
) -> FloatArray:
    """Return :func:`extrapolated_differences` along each of the directions, their rows."""
    start = np.zeros(len(directions))
    return extrapolated_differences(lambda t: function(x + t @ directions), start, step)


def assert_close(actual: FloatArray, expected: FloatArray, tolerance: float) -> None:
    """Compare with a tolerance relative to the largest expected magnitude."""
    largest = float(np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(actual, expected, rtol=0.0, atol=tolerance * max(largest, 1e-300))


def linear_minimum(objective: Objective) -> FloatArray:
    """Return the minimum for an additive model and the squared loss, by one linear solve."""
    features, data = objective.rows.features, objective.data
    weighted = features * data.weight[:, None]
    matrix = np.kron(weighted.T @ features, np.eye(data.target.shape[1]))
    matrix += penalty_matrix(objective.penalty, objective.network)
    return np.linalg.solve(matrix, (weighted.T @ data.target).ravel())
