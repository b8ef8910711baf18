"""Networks whose outputs rise, fall, or bend one way only along some inputs.

A path from an input to an output is monotone if all its edges are. Every hidden node that a
constrained input can reach gets a direction, in which the outputs rise with it; the edges to it and
from it have to be monotone accordingly. Under these linear constraints on coefficients the
objective is minimised by damped steps of Gauss and Newton, each a least-distance problem, from the
network that was found without.

References
----------
H. Daniels and M. Velikova, "Monotone and partially monotone neural networks", IEEE Transactions on
Neural Networks 21 (2010).
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve

from skkan._typing import FloatArray
from skkan.anova._constrained import Shapes
from skkan.network._layer import Layer
from skkan.network._network import Network
from skkan.network.functions._shapes import of_shape, shape_rows
from skkan.objective._objective import Objective
from skkan.solvers._least_distance import nearest_feasible
from skkan.training._problem import Problem
from skkan.training._settings import TrainingResult
from skkan.training.evidence._smoothing import stable_factor

MOST_PARAMETERS = 2500
MAX_STEPS, MAX_TRIALS = 60, 10
FIRST_DAMPING, TOLERANCE = 1e-3, 1e-7


class EdgeShape(NamedTuple):
    """What is asked of the spline of an edge."""

    depth: int
    i: int
    j: int
    monotone: int
    convex: int


def edge_shapes(network: Network, shapes: Shapes) -> list[EdgeShape]:
    """Return what is asked of the edges of a network.

    Raises
    ------
    ValueError
        If a constrained input reaches a product node or a symbolic edge, or there is convexity to
        be kept through hidden layers.
    """
    bent = any(layer.straight(i) is None for layer in network.layers[1:] for i in range(layer.n_in))
    if bent and any(shapes.convex):
        raise ValueError(
            "convexity_cst is for additive models: set hidden_layer_sizes=(), or 'auto'."
        )
    reached = [np.array([i in shapes.asked for i in range(network.layers[0].n_in)])]
    owners = []
    for layer in network.layers:
        hit = layer.active[reached[-1]].any(axis=0)
        owners.append(np.repeat(np.arange(layer.n_out), layer.arities))
        if np.any(hit & (np.array(layer.arities)[owners[-1]] > 1)):
            raise ValueError(
                "monotonic_cst cannot be guaranteed through product nodes, whose factors have both "
                "signs. Use sum nodes only."
            )
        nodes = np.zeros(layer.n_out, dtype=bool)
        nodes[owners[-1][hit]] = True
        reached.append(nodes)
    found: list[EdgeShape] = []
    onwards = np.ones(network.layers[-1].n_out, dtype=int)
    for depth in reversed(range(len(network.layers))):
        layer, after = network.layers[depth], onwards[owners[depth]]
        if depth:
            before = np.where(reached[depth], _directions(layer, after), 0)
            convex = np.zeros(layer.n_in, dtype=int)
        else:
            before, convex = np.array(shapes.monotone), np.array(shapes.convex)
        for i in np.flatnonzero((before != 0) | (convex != 0)).tolist():
            for j in np.flatnonzero(layer.active[i]).tolist():
                if (i, j) in layer.symbols:
                    raise ValueError(
                        "monotonic_cst and convexity_cst are for splines, but an edge of a "
                        "constrained column is symbolic. Call unfix_symbolic."
                    )
                signs = int(before[i] * after[j]), int(convex[i] * after[j])
                found.append(EdgeShape(depth, i, j, *signs))
        onwards = before
    return found


def _directions(layer: Layer, onwards: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the direction of every input node that suits most of what its edges do."""
    rises = layer.coef[:, layer.grid.n_splines - 1] - layer.coef[:, 0]
    total = (np.where(layer.splined, rises, 0.0) * onwards).sum(axis=1)
    return np.where(total < 0.0, -1, 1)


def keep_edge_shapes(network: Network, shapes: Shapes) -> None:
    """Give all edges the shapes that are asked of them, exactly and in place."""
    for own in edge_shapes(network, shapes):
        _put(network, own)


def _put(network: Network, own: EdgeShape) -> None:
    layer = network.layers[own.depth]
    count = layer.grid.n_splines
    coef = layer.coef[own.i, :count, own.j]
    sites = layer.grid.greville()[own.i]
    layer.coef[own.i, :count, own.j] = of_shape(coef, sites, own.monotone, own.convex)


def constrained_result(problem: Problem, result: TrainingResult, shapes: Shapes) -> TrainingResult:
    """Return the best network with shapes near one that has been found without."""
    network = result.network.copy()
    if network.n_parameters > MOST_PARAMETERS:
        raise ValueError(
            f"monotonic_cst and convexity_cst take networks of up to {MOST_PARAMETERS} parameters, "
            f"this one has {network.n_parameters}. Use smaller hidden_layer_sizes or grid_size."
        )
    asked = edge_shapes(network, shapes)
    if not asked:
        return result
    for own in asked:
        _put(network, own)
    rows = np.concatenate(list(_rows(network, asked)))
    objective = problem.objective(network, result.penalty, problem.rows(network))
    parameters, loss = _descended(objective, network.get_parameters(), rows)
    network.set_parameters(parameters)
    for own in asked:
        _put(network, own)
    return replace(result, network=network, loss=loss)


def _rows(network: Network, asked: list[EdgeShape]) -> Iterator[FloatArray]:
    """Yield linear forms of all parameters that must not be negative."""
    starts = np.cumsum([0, *(layer.coef.size for layer in network.layers)])
    for own in asked:
        layer = network.layers[own.depth]
        count = layer.grid.n_splines
        forms = shape_rows(layer.grid.greville()[own.i], own.monotone, own.convex)
        places = np.arange(layer.coef.size).reshape(layer.coef.shape)[own.i, :count, own.j]
        rows = np.zeros((len(forms), network.n_parameters))
        rows[:, starts[own.depth] + places] = forms
        yield rows


def _descended(
    objective: Objective, parameters: FloatArray, rows: FloatArray
) -> tuple[FloatArray, float]:
    """Return parameters of a constrained minimum, and the objective there."""
    live = objective.network.splined
    live[objective.network.n_coefficients :] = False
    value, damping = objective.value(parameters), FIRST_DAMPING
    for _ in range(MAX_STEPS):
        _, gradient, loss_matrix = objective.normal_equations(parameters)
        matrix = np.tril(loss_matrix)
        objective.add_penalty_hessian(parameters, matrix)
        matrix, gradient = matrix[np.ix_(live, live)], gradient[live]
        for _ in range(MAX_TRIALS):
            factor = stable_factor(matrix + np.diag(damping * matrix.diagonal()))
            newton = parameters[live] - cho_solve((factor, True), gradient)
            trial = parameters.copy()
            trial[live] = nearest_feasible(newton, factor, rows[:, live])
            found = objective.value(trial)
            if found < value:
                break
            damping *= 10.0
        else:
            break
        gain, parameters, value = value - found, trial, found
        damping *= 0.1
        if gain <= TOLERANCE * abs(value):
            break
    return parameters, value
