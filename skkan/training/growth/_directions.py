"""Functions of a sum of columns, which are no sum and no product of few functions of one column.

For many directions in the planes of two columns, residuals are averaged over bins of the
coordinate along the direction; their mean squares have a chi-squared distribution where there is
nothing. The best direction gets further columns as long as that makes it clearer, and is the start
of a network of two sum nodes: one along it, and one for what is additive.

References
----------
J. Friedman and W. Stuetzle, "Projection pursuit regression", JASA 76 (1981).
"""

from dataclasses import replace
from itertools import combinations

import numpy as np

from skkan._typing import FloatArray
from skkan.network._network import Network
from skkan.training._problem import Problem
from skkan.training.starts._race import random_start

BINS, ROWS, LEAST_ROWS, MOST_COLUMNS = 24, 1000, 240, 30
ANGLES = np.pi * np.array([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0]) / 8.0
SHARES = np.array([-1.0, -0.5, 0.5, 1.0])
# In standard deviations of the statistic: some 5 are the largest of 3,000 by chance.
CLEAR_DIRECTION, WORTH_A_COLUMN = 10.0, 2.0
GRID_SIZE = 20
RIDGE = 1e-3


def direction_in(inputs: FloatArray, residuals: FloatArray) -> FloatArray | None:
    """Return the direction that residuals depend on most clearly, if any.

    Parameters
    ----------
    inputs : ndarray of shape (n_samples, n_inputs)
        Where the samples are.
    residuals : ndarray of shape (n_samples,)
        What a fit has left.

    Returns
    -------
    direction : ndarray of shape (n_inputs,) or None
        Weights of the inputs; None where there is nothing clear.
    """
    spread = inputs.std(axis=0)
    used = np.flatnonzero(spread > 0.0)
    level = residuals.std()
    if len(inputs) < LEAST_ROWS or not 2 <= len(used) <= MOST_COLUMNS or not level > 0.0:
        return None
    unit = inputs[:, used] / spread[used]
    left = (residuals - residuals.mean()) / level
    best, found = CLEAR_DIRECTION, None
    for a, b in combinations(range(len(used)), 2):
        along = np.outer(unit[:, a], np.cos(ANGLES)) + np.outer(unit[:, b], np.sin(ANGLES))
        scores = clearness(along, left)
        k = int(scores.argmax())
        if scores[k] > best:
            best, found = scores[k], np.zeros(len(used))
            found[[a, b]] = np.cos(ANGLES[k]), np.sin(ANGLES[k])
    if found is None:
        return None
    for column in np.flatnonzero(found == 0.0):
        along = (unit @ found)[:, None] + np.outer(unit[:, column], SHARES)
        scores = clearness(along, left)
        k = int(scores.argmax())
        if scores[k] > best + WORTH_A_COLUMN:
            best, found[column] = scores[k], SHARES[k]
    direction = np.zeros(inputs.shape[1])
    direction[used] = found / spread[used]
    return direction


def clearness(along: FloatArray, residuals: FloatArray) -> FloatArray:
    """Return how clearly residuals depend on coordinates, in standard deviations.

    Parameters
    ----------
    along : ndarray of shape (n_samples, n_directions)
        Coordinates.
    residuals : ndarray of shape (n_samples,)
        Of mean 0 and variance 1.
    """
    starts = np.linspace(0, len(along), BINS + 1).astype(np.intp)
    sorted_ones = residuals[np.argsort(along, axis=0)]
    sums = np.add.reduceat(sorted_ones, starts[:-1], axis=0)
    size = (sums**2 / np.diff(starts)[:, None]).sum(axis=0)
    scores: FloatArray = (size - BINS) / np.sqrt(2.0 * BINS)
    return scores


def with_two_nodes(problem: Problem) -> Problem:
    """Return the problem of networks of two sum nodes on fine grids."""
    shape = (problem.settings.shape[0], 2, 1)
    return replace(
        problem,
        settings=replace(
            problem.settings, shape=shape, arities=((1, 1),), grid_sizes=(GRID_SIZE,), n_restarts=1
        ),
    )


def start_along(problem: Problem, direction: FloatArray) -> Network:
    """Return a network of two nodes, along a direction and along that of least squares.

    Parameters
    ----------
    problem : Problem
        Of :func:`with_two_nodes`.
    direction : ndarray of shape (n_inputs,)
        Weights of the inputs.
    """
    network = random_start(problem, "line", 0)
    some = problem.data.sample()
    centred = some.inputs - some.inputs.mean(axis=0)
    slopes = np.linalg.lstsq(centred, some.target[:, 0], rcond=None)[0]
    first, last = network.layers
    lines = first.grid.greville()
    first.coef = first.restricted(lines[:, :, None] * np.column_stack([direction, slopes])[:, None])
    problem.follow(network, first.grid.grid_size, fresh=True)
    first, last = network.layers
    splines = last.grid.dense(first.outputs(some.inputs)).reshape(len(some.inputs), -1)
    gram = splines.T @ splines
    ridge = RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    coef = np.linalg.solve(gram + ridge, splines.T @ some.target)
    last.coef = coef.reshape(last.coef.shape)
    return network
