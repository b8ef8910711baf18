"""Grids, units and penalties of a network for samples beyond those that it has been trained on.

A batch that leaves the grids widens them by intervals as long as the outermost. The B-splines that
were there stay what they were, and new ones are zero on the old grid: neither the functions there
nor what is remembered of earlier samples changes. Samples that lie farther out than a grid may grow
do not widen it: they are met along straight lines in any case.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.network._layer import Layer
from skkan.network._network import Network
from skkan.network._scaling import Scaling
from skkan.objective._penalties import BENDING, TINY, Penalty

# Of the range of a grid.
ROUNDING = 1e-9


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
    network: Network, inputs: FloatArray, max_grid_size: int, before: FloatArray
) -> tuple[Network, NDArray[np.intp]]:
    """Return the network on grids that `inputs` do not leave, and the places of its parameters.

    On the old grids the function stays as it is. Grids stay as they are that have a base function,
    which would change with the ends of its grid, or have been left before: those samples rely on
    the straight lines beyond.

    Parameters
    ----------
    network : Network
        Stays as it is.
    inputs : ndarray of shape (n_samples, n_inputs)
        Scaled inputs.
    max_grid_size : int
        Largest number of intervals of a grid.
    before : ndarray of shape (n_before, n_inputs)
        Scaled inputs of earlier samples.

    Returns
    -------
    network : Network
        The same network if no grid is left.
    places : ndarray of int of shape (n_parameters,)
        Where the parameters of `network` are among those of the new one.
    """
    other = network.copy()
    offsets, nodes, old_nodes = [], inputs, before
    for depth, layer in enumerate(other.layers):
        lower, upper = _missing_intervals(layer, nodes, max_grid_size)
        if _left(layer, old_nodes):
            lower, upper = np.zeros_like(lower), np.zeros_like(upper)
        offsets.append(lower)
        other.layers[depth] = _widened_layer(layer, lower, upper)
        nodes = other.layers[depth].outputs(nodes)
        old_nodes = layer.outputs(old_nodes)
    places: list[NDArray[np.intp]] = []
    # As floats, the type of every parameter vector; they are exact.
    numbers = np.arange(other.n_parameters, dtype=np.float64)
    for layer, old, lower, own in zip(
        other.layers, network.layers, offsets, other.split(numbers), strict=True
    ):
        rows = lower[:, None] + np.arange(old.grid.n_splines)
        if layer.base is not None:
            rows = np.concatenate([rows, np.full((layer.n_in, 1), layer.n_features - 1)], axis=1)
        places.append(np.take_along_axis(own, rows[:, :, None], axis=1).ravel().astype(np.intp))
    places.append(numbers[other.n_coefficients :].astype(np.intp))
    return other, np.concatenate(places)


def widened_penalty(
    penalty: Penalty, old: Network, new: Network, first: Penalty, fresh: NDArray[np.bool_]
) -> Penalty:
    """Return the penalty for wider grids that asks the same of the functions on the old ones.

    Roughness of any order and slope are measured in grid coordinates, whose unit has grown.

    Parameters
    ----------
    penalty : Penalty
        For the grids of `old`.
    old, new : Network
        As :func:`widened` takes and returns them.
    first : Penalty
        What training on the grids of `new` begins with.
    fresh : ndarray of bool of shape (n_inputs,)
        Inputs that have been constant so far; the weights of their edges, of which nothing is
        known, are those of `first`.
    """
    unscaled = [np.ones(layer.n_subnodes) for layer in new.layers]
    other = penalty.carried_to(new, unscaled)
    parts = zip(penalty.layers, other.layers, old.layers, new.layers, strict=True)
    for given, own, before, after in parts:
        ratio = (before.half_span / after.half_span)[:, None]
        # Where the roughness has two parts, its value stays what it is at these functions.
        n_bending = before.grid.difference_operator(BENDING)[0].shape[1]
        energies = (given.roots["rough"] @ before.coef) ** 2
        bending = energies[:, :n_bending].sum(axis=1) + TINY
        higher = energies[:, n_bending:].sum(axis=1)
        grown = bending * ratio ** (1 - 2 * BENDING) + higher * ratio ** (1 - 2 * penalty.order)
        factors = {"rough": (bending + higher) / grown, "line": ratio**2}
        for name, factor in factors.items():
            own.weights[name] = other.bounded(name, own.weights[name] * factor)
    for name, weight in other.layers[0].weights.items():
        weight[fresh] = first.layers[0].weights[name][fresh]
    return other


def _left(layer: Layer, nodes: FloatArray) -> bool:
    """Return whether nodes lie outside of their grids."""
    low, high = layer.grid.low, layer.grid.high
    room = ROUNDING * (high - low)
    return bool(((nodes < low - room) | (nodes > high + room)).any())


def _missing_intervals(
    layer: Layer, nodes: FloatArray, max_grid_size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return for every node how many intervals its grid lacks below and above; equal sums."""
    ends = layer.grid.breakpoints
    room = max_grid_size - layer.grid.grid_size
    nothing = np.zeros(layer.n_in, dtype=np.intp)
    if layer.base is not None or room <= 0 or not len(nodes):
        return nothing, nothing
    sides = np.array(
        [
            (ends[:, 0] - nodes) / (ends[:, 1] - ends[:, 0]),
            (nodes - ends[:, -1]) / (ends[:, -1] - ends[:, -2]),
        ]
    )
    reached = np.where(sides <= room, sides, 0.0).max(axis=1)
    limits = np.ceil(np.clip(reached, 0.0, None)).astype(np.intp)
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
