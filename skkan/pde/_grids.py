"""Grids of a network that solves an equation: of its variables, and of its hidden nodes."""

from collections.abc import Sequence

import numpy as np

from skkan._typing import FloatArray
from skkan.network._network import Network
from skkan.network._splines import SplineGrid, uniform_breakpoints
from skkan.training._grids import subdivided

# Room beyond the values of a hidden node, and how much of a grid they have to fill to leave it.
MARGIN, FULL_ENOUGH = 0.1, 0.6
# Polynomials of the outermost intervals go on beyond them by so much of an interval at most.
OUTERMOST = 0.2


def follow(
    network: Network, inputs: FloatArray, fresh: bool = False, *, first: bool = False
) -> None:
    """Lay hidden grids over the values of their nodes, in place, where they do not fit.

    Parameters
    ----------
    network : Network
        The network.
    inputs : ndarray of shape (n_points, n_inputs)
        Inputs to look at.
    fresh : bool, default=False
        Whether to lay all grids anew.
    first : bool, default=False
        Whether to do so with the grids of the inputs, too.
    """
    nodes = inputs
    for depth, layer in enumerate(network.layers):
        if depth or first:
            old = layer.grid
            low, high = nodes.min(axis=0), nodes.max(axis=0)
            room = MARGIN * np.maximum(high - low, 1e-3 * (1.0 + np.abs(low)))
            lowest, highest = old.breakpoints[:, 0], old.breakpoints[:, -1]
            width = (highest - lowest) / old.grid_size
            # Outermost intervals that reach a little farther leave all functions as they were.
            reach = OUTERMOST * width
            near = (low - reach > lowest - width) & (high + reach < highest + width)
            fills = high - low > FULL_ENOUGH * (highest - lowest)
            stays = near & fills & (not fresh)
            ends = uniform_breakpoints(low - room, high + room, old.grid_size)
            ends[stays] = old.breakpoints[stays]
            ends[:, 0] = np.where(stays & (low < lowest), low - reach, ends[:, 0])
            ends[:, -1] = np.where(stays & (high > highest), high + reach, ends[:, -1])
            if not np.array_equal(ends, old.breakpoints):
                layer.regrid(SplineGrid(ends, old.degree), extend=bool(np.all(stays)))
        nodes = layer.outputs(nodes)


def refine(network: Network, grid_size: int, inputs: Sequence[FloatArray] | None = None) -> None:
    """Put all layers on grids of `grid_size` intervals, in place.

    Parameters
    ----------
    network : Network
        The network.
    grid_size : int
        Number of intervals, at least the present one.
    inputs : sequence of ndarray of shape (grid_size + 1,), optional
        Breakpoints of the first layer, by default the present ones subdivided.
    """
    for depth, layer in enumerate(network.layers):
        ends = subdivided(layer.grid.breakpoints, grid_size)
        if depth == 0 and inputs is not None:
            ends = np.stack(inputs)
        if not np.array_equal(ends, layer.grid.breakpoints):
            layer.regrid(SplineGrid(ends, layer.grid.degree))


def by_density(density: FloatArray, low: float, high: float, grid_size: int) -> FloatArray:
    """Return breakpoints between which a density has equal integrals.

    Parameters
    ----------
    density : ndarray of shape (n_sites,)
        Positive, at equal steps from `low` to `high`.
    low, high : float
        Ends.
    grid_size : int
        Number of intervals.
    """
    sites = np.linspace(low, high, len(density))
    steps = 0.5 * (density[1:] + density[:-1])
    total = np.concatenate([[0.0], np.cumsum(steps)])
    ends = np.interp(np.linspace(0.0, total[-1], grid_size + 1), total, sites)
    ends[0], ends[-1] = low, high
    return ends
