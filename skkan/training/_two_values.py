"""Straight lines for inputs of two values, about which the data say no more."""

from dataclasses import replace

import numpy as np

from skkan._typing import FloatArray
from skkan.data._samples import TrainingData
from skkan.network._network import Network
from skkan.training._problem import Problem
from skkan.training._settings import State, TrainingResult


def ends_of_two_values(data: TrainingData) -> dict[int, FloatArray]:
    """Return the two values of every input that has exactly two different ones."""
    inputs = data.inputs
    low, high = inputs.min(axis=0), inputs.max(axis=0)
    two = ((inputs == low) | (inputs == high)).all(axis=0) & (low < high)
    return {int(i): np.array([low[i], high[i]]) for i in np.flatnonzero(two)}


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
    ends = ends_of_two_values(data)
    bent = {i: own for i, own in ends.items() if np.isnan(first.lines(i)[0]).any()}
    if not bent:
        return result
    network = result.network.copy()
    _straighten(network, bent)
    loss = problem.value_of(State(network, result.penalty, data_fit=result.data_fit))
    return replace(result, network=network, loss=loss)


def _straighten(network: Network, ends: dict[int, FloatArray]) -> None:
    layer = network.layers[0]
    sites = layer.grid.greville()
    for i, (low, high) in ends.items():
        splines = layer.grid.on(layer.grid.breakpoints[[i]]).dense(ends[i][:, None])[:, 0]
        values = splines @ layer.coef[i]
        slopes = (values[1] - values[0]) / (high - low)
        line = values[0] + slopes * (sites[i][:, None] - low)
        layer.coef[i] = np.where(layer.splined[i], line, 0.0)
