"""Where the grids lie: knots for the inputs, and hidden grids that follow their data."""

from collections.abc import Iterator

import numpy as np

from skkan._typing import FloatArray
from skkan.data._blocks import Samples
from skkan.network._layer import Layer
from skkan.network._network import Network
from skkan.network.functions._splines import uniform_breakpoints
from skkan.objective._block_sums import NodeValues

# By what share grids reach beyond their data, so that the edge functions do not turn straight
# just beyond the outermost sample.
MARGIN = 0.05
# How much longer outermost intervals are where a roughness of higher order lets polynomials go on.
ROOM = 0.15
FULL_ENOUGH = 0.85
# Few samples lead to the largest and smallest values of a hidden node. Of more equal intervals than
# this, the outermost would hold next to none; fewer can be equal, which takes half the time.
MOST_EQUAL = 10
LEAST_HIDDEN_SHARE = 0.25
MAX_QUANTILE_SHARE = 0.98
LEAST_OUTERMOST, MOST_OUTERMOST = 0.1, 2.0
# Of a hidden node, as a share of its grid; less is a constant.
SMALLEST_RANGE = 1e-9


def weighted_quantiles(x: FloatArray, weight: FloatArray, levels: FloatArray) -> FloatArray:
    """Return quantiles of every column, a weight counting as that many repetitions.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_nodes)
        Values.
    weight : ndarray of shape (n_samples,)
        Positive weights.
    levels : ndarray of shape (n_levels,)
        Levels in [0, 1].

    Returns
    -------
    quantiles : ndarray of shape (n_nodes, n_levels)
        Smallest values that a share of at least ``level`` of the weight does not exceed.
    """
    order = np.argsort(x, axis=0, kind="stable")
    ordered = np.take_along_axis(x, order, axis=0)
    share = np.cumsum(weight[order], axis=0) / weight.sum()
    found = [np.searchsorted(column, levels - 1e-12) for column in share.T]
    index = np.minimum(np.array(found), len(x) - 1)
    return np.take_along_axis(ordered.T, index, axis=1)


def breakpoints(
    x: FloatArray, weight: FloatArray, limit: float, grid_size: int, quantile_share: float
) -> FloatArray:
    """Return the ends of the intervals from ``-limit`` to ``limit`` for every column of `x`.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_nodes)
        Values, in [-1, 1].
    weight : ndarray of shape (n_samples,)
        Positive weights.
    limit : float
        Half the length of the grids.
    grid_size : int
        Number of intervals.
    quantile_share : float
        0 for equal intervals, 1 for intervals that hold equally many samples; in between the
        breakpoints are averaged. A share of at most 0.98 is used, so that ties, binary and
        constant columns never make an interval vanish.
    """
    ends = np.full(x.shape[1], limit)
    uniform = uniform_breakpoints(-ends, ends, grid_size)
    share = min(quantile_share, MAX_QUANTILE_SHARE)
    if share == 0.0:
        return uniform
    quantiles = weighted_quantiles(x, weight, np.linspace(0.0, 1.0, grid_size + 1))
    quantiles[:, 0], quantiles[:, -1] = -limit, limit
    return (1.0 - share) * uniform + share * quantiles


def input_breakpoints(
    data: Samples, limit: float, grid_size: int, quantile_share: float
) -> FloatArray:
    """Return :func:`breakpoints` of the inputs, their quantiles from a sample."""
    if quantile_share == 0.0:
        return breakpoints(np.zeros((1, data.n_inputs)), np.ones(1), limit, grid_size, 0.0)
    some = data.sample()
    return breakpoints(some.inputs, some.weight, limit, grid_size, quantile_share)


def subdivided(ends: FloatArray, grid_size: int) -> FloatArray:
    """Return breakpoints of `grid_size` intervals as dense as those of `ends` everywhere.

    Where `grid_size` is a multiple of the number of intervals there are, every interval is cut into
    equal parts, and the grids nest.

    Parameters
    ----------
    ends : ndarray of shape (n_nodes, n_intervals + 1)
        Breakpoints.
    grid_size : int
        Number of intervals wanted.
    """
    steps = np.arange(grid_size + 1) * (ends.shape[1] - 1) / grid_size
    rows = [np.interp(steps, np.arange(len(row)), row) for row in ends]
    return np.array(rows).reshape(len(ends), grid_size + 1)


def stretched(ends: FloatArray, length: float) -> FloatArray:
    """Return breakpoints whose outermost intervals are longer by `length`."""
    moved = ends.copy()
    moved[:, 0] -= length
    moved[:, -1] += length
    return moved


def refined(network: Network, grid_size: int) -> Network:
    """Return the same network on grids of `grid_size` intervals with the same ends.

    The function is kept to rounding where the grids nest, else as well as the new ones allow.
    """
    other = network.copy()
    for layer in other.layers:
        ends = subdivided(layer.grid.breakpoints, grid_size)
        layer.regrid(layer.grid.on(ends))
    return other


def input_limit(grid_size: int) -> float:
    """Return where the grids of inputs in [-1, 1] end, of which the finest has `grid_size`.

    Equal intervals are at least half full.
    """
    return 1.0 + min(MARGIN, 1.0 / grid_size)


def hidden_quantile_share(quantile_share: float, grid_size: int) -> float:
    """Return the share of quantiles for hidden grids, of which the finest has `grid_size`."""
    return max(quantile_share, LEAST_HIDDEN_SHARE) if grid_size > MOST_EQUAL else quantile_share


def refine_inputs(
    network: Network,
    data: Samples,
    limit: float,
    grid_size: int,
    quantile_share: float,
) -> None:
    """Put the first layer on a new grid, keeping its edge functions as well as the grid allows.

    Where the number of intervals is a multiple, the old ones are cut and the functions are kept.
    Else they are those of :func:`breakpoints`.
    """
    layer = network.layers[0]
    if grid_size > layer.grid.grid_size and grid_size % layer.grid.grid_size == 0:
        ends = subdivided(layer.grid.breakpoints, grid_size)
    else:
        ends = input_breakpoints(data, limit, grid_size, quantile_share)
    layer.regrid(layer.grid.on(ends))


def follow_hidden_nodes(
    network: Network,
    data: Samples,
    grid_size: int,
    quantile_share: float,
    stretch: float = 0.0,
    fresh: bool = False,
    n_jobs: int | None = None,
    least_share: float = 1e-12,
) -> list[FloatArray]:
    """Map every hidden node onto [-1, 1] and put its grid there, with room at the border.

    The affine map of a hidden node is absorbed by the edges on both its sides, exactly; only
    laying the new grid over the range of the data may change an edge function. A grid without
    stretch that its data fill well enough stays where it is. The factors of a product node can
    absorb a change of its unit, in equal parts, but no shift; it keeps its place, and its grid goes
    there.

    Parameters
    ----------
    network : Network
        Changed in place.
    data : Samples
        Scaled samples.
    grid_size : int
        Number of intervals of the new grids.
    quantile_share : float
        As for :func:`breakpoints`.
    stretch : float, default=0.0
        By how much the outermost intervals are longer than they would be.
    fresh : bool, default=False
        Whether to lay every grid anew.
    n_jobs : int, optional
        Number of threads.
    least_share : float, default=1e-12
        Of the distance of a node from zero, the smallest range that a grid is laid over: in single
        precision the ends of a small one far from zero would be the same number.

    Returns
    -------
    shrink : list of ndarray of shape (n_subnodes,)
        By what the subnodes of every layer have been divided; ones for the last layer.
    """
    shrink: list[FloatArray] = []
    rows = data.rows(n_jobs=n_jobs)
    for depth, following in enumerate(network.layers[1:], start=1):
        layer, old = network.layers[depth - 1], following.grid
        values = NodeValues(network.layers[:depth])
        found = rows.extremes(values, values.row_bytes)
        low, high = found.low[-layer.n_out :], found.high[-layer.n_out :]
        fills = high - low >= FULL_ENOUGH * (old.high - old.low)
        stays = fills & (low >= old.low) & (high <= old.high) & (not fresh and stretch == 0.0)
        middle, half = 0.5 * (low + high), 0.5 * (high - low)
        half = np.where(~stays & (half > least_share * (1.0 + np.abs(middle))), half, 1.0)
        arity = np.array(layer.arities)
        shift = np.where(~stays & (arity == 1), middle, 0.0)
        # Both are of the subnodes, of which sum nodes have one.
        raised, divisor = -np.repeat(shift, arity), np.repeat(half ** (1.0 / arity), arity)
        layer.add_constants(raised)
        layer.coef /= divisor
        layer.scale_symbols(1.0 / divisor)
        centre = (middle - shift) / half
        following.grid = old.on((old.breakpoints - shift[:, None]) / half[:, None])
        following.move_symbols(shift, half)
        if quantile_share > 0.0:
            some = data.sample()
            nodes = values(some)[:, -layer.n_out :] - centre
            ends = breakpoints(nodes, some.weight, 1.0, grid_size, quantile_share)
            # What the outermost samples tell goes on beyond them.
            ends = stretched(ends, MARGIN)
        else:
            limit = np.full(layer.n_out, 1.0 + MARGIN)
            ends = uniform_breakpoints(-limit, limit, grid_size)
        ends += centre[:, None]
        ends[stays] = subdivided(old.breakpoints[stays], grid_size)
        ends = stretched(ends, stretch)
        following.regrid(old.on(ends))
        shrink.append(divisor)
    shrink.append(np.ones(network.layers[-1].n_subnodes))
    return shrink


def holds_hidden_nodes(network: Network, data: Samples, n_jobs: int | None = None) -> bool:
    """Return whether no hidden node has left its grid, beyond which edge functions are straight.

    Parameters
    ----------
    network : Network
        The network.
    data : Samples
        Scaled samples.
    n_jobs : int, optional
        Number of threads.
    """
    return all(
        bool(np.all((low >= layer.grid.low) & (high <= layer.grid.high)))
        for layer, low, high in _ranges(network, data, n_jobs)
    )


def fills_hidden_grids(network: Network, data: Samples, n_jobs: int | None = None) -> bool:
    """Return whether no hidden node has left its grid or shrunk to a small part of it.

    Parameters are those of :func:`holds_hidden_nodes`.
    """
    return all(
        bool(
            np.all((low >= layer.grid.low) & (high <= layer.grid.high))
            and np.all(high - low >= FULL_ENOUGH * 2.0 * layer.half_span / (1.0 + ROOM))
        )
        for layer, low, high in _ranges(network, data, n_jobs)
    )


def end_hidden_grids(
    network: Network, data: Samples, room: float, n_jobs: int | None = None
) -> None:
    """Let every hidden grid end `room` beyond its data.

    Far from the data a polynomial says less than its tangent from where it was known; right at
    their end it says more, and of fresh samples some always lie beyond. On the data edge functions
    stay as they are. Base functions, which go on by themselves, would not. An end that data have
    left stays where it is.

    Parameters
    ----------
    network : Network
        Changed in place.
    data : Samples
        Scaled samples.
    room : float
        In half lengths of the range of the data.
    n_jobs : int, optional
        Number of threads.
    """
    if any(layer.base is not None for layer in network.layers):
        return
    for layer, low, high in _ranges(network, data, n_jobs):
        old = layer.grid.breakpoints
        # Neither depends on where the ends are, so that doing it again changes nothing.
        unit = (old[:, -2] - old[:, 1]) / (old.shape[1] - 3) if old.shape[1] > 3 else high - low
        reach = 0.5 * room * (high - low)
        least = LEAST_OUTERMOST * unit
        first, last = (old[:, 1], old[:, -2]) if old.shape[1] > 2 else (high, low)
        # Outermost intervals of uneven grids are longer than the others.
        before = MOST_OUTERMOST * np.maximum(unit, first - low)
        behind = MOST_OUTERMOST * np.maximum(unit, high - last)
        ends = old.copy()
        ends[:, 0] = np.minimum(low, np.maximum(low - reach, first - before))
        ends[:, -1] = np.maximum(high, np.minimum(high + reach, last + behind))
        ends[:, 0] = np.minimum(ends[:, 0], first - least)
        ends[:, -1] = np.maximum(ends[:, -1], last + least)
        span = old[:, -1] - old[:, 0]
        known = high - low > SMALLEST_RANGE * span
        ends[:, 0] = np.where((low < old[:, 0]) | ~known, old[:, 0], ends[:, 0])
        ends[:, -1] = np.where((high > old[:, -1]) | ~known, old[:, -1], ends[:, -1])
        # Of a single interval the data may have left both ends on the same side.
        crossed = ~(np.diff(ends, axis=1) > 0.0).all(axis=1)
        ends[crossed] = old[crossed]
        if not np.array_equal(ends, old):
            layer.regrid(layer.grid.on(ends), extend=True)


def share_constants(network: Network, softmax: bool) -> None:
    """Share the constants of the edges into a node out evenly, as the penalty wants them, in place.

    The network stays the function that it is; under a softmax, its probabilities do.

    Parameters
    ----------
    network : Network
        Changed in place.
    softmax : bool
        Whether a constant added to all outputs changes nothing.
    """
    for depth, layer in enumerate(network.layers):
        splines = layer.coef[:, : layer.grid.n_splines]
        constants = np.where(layer.splined, splines.mean(axis=1), 0.0)
        counts = layer.splined.sum(axis=0)
        even = constants.sum(axis=0) / np.maximum(counts, 1)
        if softmax and depth == len(network.layers) - 1 and counts.all():
            even -= constants.sum() / layer.n_subnodes / counts
        splines += np.where(layer.splined, even - constants, 0.0)[:, None, :]


def _ranges(
    network: Network, data: Samples, n_jobs: int | None
) -> Iterator[tuple[Layer, FloatArray, FloatArray]]:
    """Yield every layer behind hidden nodes with their smallest and largest values."""
    values = NodeValues(network.layers[:-1])
    found = data.rows(n_jobs=n_jobs).extremes(values, values.row_bytes)
    start = network.layers[0].n_in
    for layer in network.layers[1:]:
        here = slice(start, start + layer.n_in)
        yield layer, found.low[here], found.high[here]
        start += layer.n_in
