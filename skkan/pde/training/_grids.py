"""Grids of a network that solves an equation: of its variables, and of its hidden nodes."""

from collections.abc import Sequence

import numpy as np

from skkan._typing import FloatArray
from skkan.network._network import Network
from skkan.network.functions._splines import SplineGrid, uniform_breakpoints

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


def refine(
    network: Network, grid_size: int, densities: Sequence[FloatArray | None] | None = None
) -> None:
    """Put all layers on grids of `grid_size` intervals, in place.

    Intervals are cut in halves and none is moved, so that the function stays as it is to rounding:
    a refit of a sharp one would lose its second derivatives.

    Parameters
    ----------
    network : Network
        The network.
    grid_size : int
        Number of intervals, at least the present one.
    densities : sequence of ndarray of shape (n_sites,) or None, optional
        For every input the density of intervals wanted, at equal steps from -1 to 1. By default,
        and for hidden nodes, the longest intervals are cut.
    """
    for depth, layer in enumerate(network.layers):
        wanted: Sequence[FloatArray | None] = [None] * layer.n_in
        if depth == 0 and densities is not None:
            wanted = densities
        rows = zip(layer.grid.breakpoints, wanted, strict=True)
        ends = np.stack([cut(own, grid_size, density) for own, density in rows])
        if ends.shape != layer.grid.breakpoints.shape:
            layer.regrid(SplineGrid(ends, layer.grid.degree))


def cut(ends: FloatArray, grid_size: int, density: FloatArray | None = None) -> FloatArray:
    """Return breakpoints of more intervals, some of the old ones being halved.

    Parameters
    ----------
    ends : ndarray of shape (n_intervals + 1,)
        Breakpoints.
    grid_size : int
        Number of intervals wanted.
    density : ndarray of shape (n_sites,), optional
        Positive, at equal steps from -1 to 1; the intervals with the largest integrals are halved.
        By default it is constant.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.pde.training._grids import cut
    >>> cut(np.array([-1.0, 0.0, 1.0]), 3, density=np.array([1.0, 1.0, 3.0]))
    array([-1. ,  0. ,  0.5,  1. ])
    """
    sites = np.linspace(-1.0, 1.0, 2 if density is None else len(density))
    heights = np.ones(2) if density is None else density
    steps = 0.5 * (heights[1:] + heights[:-1]) * np.diff(sites)
    total = np.concatenate([[0.0], np.cumsum(steps)])
    found = np.array(ends)
    while len(found) <= grid_size:
        sizes = np.diff(found if density is None else np.interp(found, sites, total))
        # Of equal ones the first.
        k = int(np.flatnonzero(sizes >= sizes.max() * (1.0 - 1e-9))[0])
        found = np.insert(found, k + 1, 0.5 * (found[k] + found[k + 1]))
    return found
