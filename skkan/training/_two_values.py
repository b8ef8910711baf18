"""Straight lines for inputs of two values, about which the data say no more."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skkan.data._samples import TrainingData
from skkan.network._network import Network
from skkan.training._problem import Problem
from skkan.training._settings import State, TrainingResult


def of_two_values(data: TrainingData) -> NDArray[np.bool_]:
    """Return which inputs have exactly two different values."""
    inputs = data.inputs
    low, high = inputs.min(axis=0), inputs.max(axis=0)
    two: NDArray[np.bool_] = ((inputs == low) | (inputs == high)).all(axis=0) & (low < high)
    return two


def with_lines(problem: Problem, result: TrainingResult) -> TrainingResult:
    """Return a fit whose edges from inputs of two values are the lines through what they are there.

    Nothing changes at the samples, and the formula has one piece in the place of many.

    Parameters
    ----------
    problem : Problem
        Gives the samples; those that are not in memory are not gone through.
    result : TrainingResult
        The fit.
    """
    data, first = problem.data, result.network.layers[0]
    if not isinstance(data, TrainingData) or first.base is not None or first.grid.clamped:
        return result
    inputs = np.flatnonzero(of_two_values(data))
    inputs = inputs[[bool(np.isnan(first.lines(int(i))[0]).any()) for i in inputs]]
    if not inputs.size:
        return result
    network = result.network.copy()
    _straighten(network, data, inputs)
    loss = problem.value_of(State(network, result.penalty, data_fit=result.data_fit))
    return replace(result, network=network, loss=loss)


def _straighten(network: Network, data: TrainingData, inputs: NDArray[np.intp]) -> None:
    layer = network.layers[0]
    sites = layer.grid.greville()
    for i in inputs:
        ends = np.array([data.inputs[:, i].min(), data.inputs[:, i].max()])
        splines = layer.grid.on(layer.grid.breakpoints[[i]]).dense(ends[:, None])[:, 0]
        values = splines @ layer.coef[i]
        slopes = (values[1] - values[0]) / (ends[1] - ends[0])
        line = values[0] + slopes * (sites[i][:, None] - ends[0])
        layer.coef[i] = np.where(layer.splined[i], line, 0.0)
