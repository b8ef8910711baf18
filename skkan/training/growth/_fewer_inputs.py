"""Networks of some of the inputs: the others, which do not act, cost nothing."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skkan.data._samples import TrainingData
from skkan.network._layer import Layer
from skkan.network._network import Network
from skkan.network._scaling import Scaling
from skkan.network.functions._splines import SplineGrid
from skkan.objective._penalties import HIGHEST_WEIGHT, Penalty
from skkan.training._problem import Problem
from skkan.training._settings import TrainingResult


def on_inputs(problem: Problem, kept: NDArray[np.intp]) -> Problem:
    """Return the problem of these inputs only; its samples are in memory, unless all are kept.

    Parameters
    ----------
    problem : Problem
        With all inputs, and without shapes that are asked of them.
    kept : ndarray of int of shape (n_kept,)
        Inputs.
    """
    data, settings = problem.data, problem.settings
    if len(kept) == settings.shape[0]:
        return problem
    assert isinstance(data, TrainingData)
    sites = tuple(settings.sites[j] for j in kept) if settings.sites else ()
    return replace(
        problem,
        data=replace(data, inputs=data.inputs[:, kept]),
        settings=replace(settings, shape=(len(kept), *settings.shape[1:]), sites=sites),
        scaling=problem.scaling.with_inputs(kept),
    )


def with_all_inputs(
    problem: Problem, result: TrainingResult, kept: NDArray[np.intp]
) -> TrainingResult:
    """Return what training on some inputs has found as a network of all of them.

    Parameters
    ----------
    problem : Problem
        With all inputs.
    result : TrainingResult
        Of the problem that :func:`on_inputs` returns.
    kept : ndarray of int of shape (n_kept,)
        Inputs of that.
    """
    if len(kept) == problem.settings.shape[0]:
        return result
    network = widened(result.network, problem.scaling, kept)
    old = result.penalty
    penalty = Penalty(network, 0.0, 0.0, old.softmax, old.floors, old.order, problem.settings.sites)
    for new, own in zip(penalty.layers, old.layers, strict=True):
        new.weights = {name: weight.copy() for name, weight in own.weights.items()}
    for name, weight in old.layers[0].weights.items():
        wide = np.full((network.shape[0], weight.shape[1]), HIGHEST_WEIGHT)
        wide[kept] = weight
        penalty.layers[0].weights[name] = wide
    return replace(result, network=network, penalty=penalty)


def widened(network: Network, scaling: Scaling, kept: NDArray[np.intp]) -> Network:
    """Return a network of more inputs, the new ones without active edges.

    Parameters
    ----------
    network : Network
        Of some inputs, without symbolic edges.
    scaling : Scaling
        Of all inputs.
    kept : ndarray of int of shape (n_kept,)
        Which of them those are.
    """
    first, n_inputs = network.layers[0], len(scaling.input_shift)
    uniform = np.linspace(-1.0, 1.0, first.grid.grid_size + 1)
    ends = np.tile(uniform, (n_inputs, 1))
    ends[kept] = first.grid.breakpoints
    coef = np.zeros((n_inputs, *first.coef.shape[1:]))
    coef[kept] = first.coef
    active = np.zeros((n_inputs, first.n_subnodes), dtype=bool)
    active[kept] = first.active
    grid = SplineGrid(ends, first.grid.degree, first.grid.clamped)
    wide = Layer(grid, coef, first.base, active=active, arities=first.arities)
    return Network([wide, *network.layers[1:]], scaling)
