"""Bases of functions of one column: B-splines turned so that roughness and variance are diagonal.

A column gets the coordinate ``s``, half way between its scaled value and its rank: outliers and
heavy tails take up little of it, and equal steps of the value still matter. Knots are equally
spaced in ``s``, and roughness is the sum of squared differences of neighbouring coefficients, the
slope with respect to the knots. The basis of Demmler and Reinsch diagonalises roughness and the
variance on the data at once: function ``a`` has unit roughness and variance ``w_a``, and ``w_a``
falls like ``a^-2``. A column of ``m`` different values has ``m - 1`` functions of variance.

References
----------
A. Demmler and C. Reinsch, "Oscillation matrices with spline smoothing", Numerische Mathematik 24
(1975).
P. Eilers and B. Marx, "Flexible smoothing with B-splines and penalties", Statistical Science 1996.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from skkan._typing import FloatArray
from skkan.data._blocks import Block
from skkan.network.functions._splines import SplineGrid

INTERVALS = 40
RANK_SHARE = 0.5
# How far grids reach beyond the data, as a share of their range; there they are clamped.
REACH = 0.1
NEGLIGIBLE = 1e-9
# Of the length of a grid, and relative to single precision: breakpoints that are no farther apart
# would be one.
LEAST_STEP = 1e-11
# Share of the variance that the line takes where roughness is of second order.
LINE_SHARE = 0.8


@dataclass(frozen=True)
class ColumnBasis:
    """Functions of one column as coefficients of its B-splines.

    Attributes
    ----------
    transform : ndarray of shape (n_splines, n_functions)
        Coefficients of the functions, which have mean zero on the data.
    variances : ndarray of shape (n_functions,)
        Their variances on the data, the largest first; they sum to 1.
    line : ndarray of shape (n_splines,)
        Coefficients of the straight line of mean 0 and variance 1; zero for a constant column, and
        for levels without order.
    along : ndarray of shape (n_functions,)
        Covariances of the functions with it.
    """

    transform: FloatArray
    variances: FloatArray
    line: FloatArray
    along: FloatArray

    @property
    def size(self) -> int:
        """Number of functions."""
        return len(self.variances)

    @property
    def varies(self) -> bool:
        """Whether there are two different values."""
        return self.size > 0


def coordinate_of(values: FloatArray, weight: FloatArray) -> FloatArray:
    """Return where values of a column lie between 0 and 1, half by value and half by rank.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        Different values, sorted, at least two.
    weight : ndarray of shape (n_values,)
        Sums of their weights.
    """
    share = np.cumsum(weight) - 0.5 * weight
    rank = (share - share[0]) / (share[-1] - share[0])
    value = (values - values[0]) / (values[-1] - values[0])
    return (1.0 - RANK_SHARE) * value + RANK_SHARE * rank


def knots_of(values: FloatArray, weight: FloatArray, intervals: int) -> FloatArray:
    """Return breakpoints of a scaled column, its grid being longer than the data on both sides.

    They are equally spaced in the coordinate; a column of few values has one at every value.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        Different values in [-1, 1], sorted.
    weight : ndarray of shape (n_values,)
        Sums of their weights.
    intervals : int
        Number of intervals over the data.

    Returns
    -------
    breakpoints : ndarray of shape (intervals + 3,)
        Strictly increasing.
    """
    sites: FloatArray = np.linspace(0.0, 1.0, intervals + 1)
    inner: FloatArray = 2.0 * sites - 1.0
    if len(values) > 1:
        coordinate = coordinate_of(values, weight)
        if len(values) <= intervals + 1:
            sites = _filled(coordinate, intervals + 1)
        inner = np.interp(sites, coordinate, values)
        inner[0], inner[-1] = -1.0, 1.0
        # A part of equal steps keeps values that are next to each other apart.
        inner = (1.0 - intervals * LEAST_STEP) * inner + LEAST_STEP * np.arange(intervals + 1)
    reach = REACH * max(inner[-1] - inner[0], 1e-300)
    return np.concatenate([[inner[0] - reach], inner, [inner[-1] + reach]])


def _filled(sites: FloatArray, count: int) -> FloatArray:
    """Return so many sites, the given ones among them, the largest gaps cut evenly."""
    gaps = np.diff(sites)
    parts = np.ones(len(gaps), dtype=np.intp)
    for _ in range(count - len(sites)):
        parts[np.argmax(gaps / parts)] += 1
    cut = [a + gap * np.arange(n) / n for a, gap, n in zip(sites, gaps, parts, strict=False)]
    return np.concatenate([*cut, sites[-1:]])


def column_basis(
    grid: SplineGrid,
    values: FloatArray,
    weight: FloatArray,
    most: int,
    order: int,
    complete: bool = False,
    bent: bool = False,
) -> ColumnBasis:
    """Return the basis of a column.

    Where there are few values, roughness is that of the broken line through them in the coordinate,
    and the spline is the smoothest through the same points; two values have a straight line.

    Parameters
    ----------
    grid : SplineGrid
        Of one node.
    values : ndarray of shape (n_values,)
        Different values, sorted.
    weight : ndarray of shape (n_values,)
        Their weights, which sum to 1.
    most : int
        Largest number of functions.
    order : {1, 2}
        Order of the differences in the roughness. With 2, the line, which has no roughness, is a
        function of its own.
    complete : bool, default=False
        Whether to have all functions there are, also those that are zero on the data.
    bent : bool, default=False
        Whether roughness is the integral of the squared second derivative in the units of the
        column, for functions that bend one way: on a grid of uneven steps differences of second
        order bend against the function where the steps change.
    """
    n_splines = grid.n_splines
    if len(values) < 2:
        return ColumnBasis(np.zeros((n_splines, 0)), np.zeros(0), np.zeros(n_splines), np.zeros(0))
    splines = grid.dense(values[:, None])[:, 0]
    mean = weight @ splines
    centred = splines - mean
    variance = centred.T @ (centred * weight[:, None])
    line = grid.greville()[0]
    line = line - mean @ line
    line /= np.sqrt(line @ variance @ line)
    if order == 1 and len(values) == 2 and not complete:
        sums = line[:, None]
    elif order == 1 and len(values) < grid.grid_size and not complete:
        steps = np.sqrt(np.diff(coordinate_of(values, weight)))
        sums = _smoothest(splines) @ np.tril(np.ones((len(values), len(values) - 1)), -1) * steps
    else:
        # Coefficients as sums of their differences of some order, which are the unknowns.
        sums = np.tril(np.ones((n_splines, n_splines - 1)), -1) / np.sqrt(n_splines)
    if bent:
        order, sums = 2, _sums_of_bends(grid.greville()[0])
        sums = sums - np.outer(line, (line @ variance) @ sums)
    elif order == 2:
        sums = sums @ np.tril(np.ones((n_splines - 1, n_splines - 2)), -1) / np.sqrt(n_splines)
        # What remains of a function beside the line is uncorrelated with it.
        sums = sums - np.outer(line, (line @ variance) @ sums)
    own, vectors = eigh(sums.T @ variance @ sums)
    count = int(np.count_nonzero(own > NEGLIGIBLE * max(own.sum(), 1e-300)))
    count = min(count, most, len(values) - 1 - (order == 2))
    if complete:
        count, own = len(own), np.maximum(own, 0.0)
    own, vectors = own[::-1][:count], vectors[:, ::-1][:, :count]
    transform = sums @ vectors
    total = own.sum() if count else 1.0
    transform, own = transform / np.sqrt(total), own / total
    if order == 2:
        share = LINE_SHARE if count else 1.0
        own = np.concatenate([[share], (1.0 - share) * own])
        transform = np.column_stack([np.sqrt(share) * line, np.sqrt(1.0 - share) * transform])
    # The splines sum to 1, so that a constant is the same for all coefficients.
    along = (line @ variance) @ transform
    return ColumnBasis(transform - mean @ transform, own, line, along)


def _sums_of_bends(sites: FloatArray) -> FloatArray:
    """Return coefficients for bends of unit roughness, shape (n_splines, n_splines - 2).

    Parameters
    ----------
    sites : ndarray of shape (n_splines,)
        Greville abscissae: a spline whose coefficients lie on a line over them is that line.
    """
    steps = np.diff(sites) / (sites[-1] - sites[0])
    bends = np.tril(np.ones((len(steps), len(steps) - 1)), -1)
    bends *= np.sqrt(0.5 * (steps[1:] + steps[:-1]))
    sums: FloatArray = np.tril(np.ones((len(sites), len(steps))), -1) * steps @ bends
    return sums


def levels_basis(grid: SplineGrid, sites: FloatArray, weight: FloatArray) -> ColumnBasis:
    """Return the basis of a column of levels without order: a ridge in the place of roughness.

    With one variance for its coefficients the values at the levels are independent a priori, but
    for their mean. At codes that there are no samples of all functions are zero, which is that
    mean.

    Parameters
    ----------
    grid : SplineGrid
        Of one node.
    sites : ndarray of shape (n_codes,)
        Where the codes of the levels lie.
    weight : ndarray of shape (n_codes,)
        Their weights, which sum to 1.
    """
    n_splines, seen = grid.n_splines, weight > 0.0
    nothing = np.zeros(n_splines)
    if np.count_nonzero(seen) < 2:
        return ColumnBasis(np.zeros((n_splines, 0)), np.zeros(0), nothing, np.zeros(0))
    share = weight[seen]
    own, vectors = eigh(np.diag(share) - np.outer(share, share))
    # The constant has no variance.
    own, vectors = own[:0:-1], vectors[:, :0:-1]
    total = own.sum()
    values = np.zeros((len(sites), len(own)))
    values[seen] = (vectors - share @ vectors) / np.sqrt(total)
    transform = _smoothest(grid.dense(sites[:, None])[:, 0]) @ values
    return ColumnBasis(transform, own / total, nothing, np.zeros(len(own)))


def _smoothest(splines: FloatArray) -> FloatArray:
    """Return the map from values to the coefficients of least differences that have them.

    Parameters
    ----------
    splines : ndarray of shape (n_values, n_splines)
        Splines at the sites of the values.
    """
    n_values, n_splines = splines.shape
    differences = np.diff(np.eye(n_splines), axis=0)
    system = np.zeros((n_splines + n_values, n_splines + n_values))
    system[:n_splines, :n_splines] = differences.T @ differences
    system[n_splines:, :n_splines] = splines
    system[:n_splines, n_splines:] = splines.T
    return np.linalg.solve(system, np.eye(n_splines + n_values)[:, n_splines:])[:n_splines]


@dataclass(frozen=True)
class Bases:
    """Bases of all columns, on one grid of as many nodes.

    Attributes
    ----------
    grid : SplineGrid
        Clamped.
    columns : sequence of ColumnBasis
        One for every input.
    """

    grid: SplineGrid
    columns: Sequence[ColumnBasis]

    @classmethod
    def of(
        cls,
        sample: Block,
        degree: int,
        most: int,
        order: int = 1,
        intervals: int = INTERVALS,
        sites: Sequence[FloatArray | None] = (),
        complete: Collection[int] = (),
        bent: Collection[int] = (),
    ) -> "Bases":
        """Build bases from some samples.

        Parameters
        ----------
        sample : Block
            Scaled samples, with the ends of the range of all of them, -1 and 1.
        degree : int
            Degree of the splines.
        most : int
            Largest number of functions of a column.
        order : {1, 2}, default=1
            Order of the differences in the roughness.
        intervals : int, default=30
            Number of intervals over the range of the data.
        sites : sequence of ndarray or None, default=()
            For columns of codes of levels without order, where these lie.
        complete : collection of int, default=()
            Columns that get all functions there are.
        bent : collection of int, default=()
            Columns whose roughness is that of functions that bend one way.
        """
        levels = dict(enumerate(sites))
        weight = sample.weight / sample.weight.sum()
        breakpoints: list[FloatArray] = []
        different: list[tuple[FloatArray, FloatArray]] = []
        for j, column in enumerate(sample.inputs.T):
            own = levels.get(j)
            if own is None:
                values, places = np.unique(column, return_inverse=True)
            else:
                values, places = own, np.abs(column[:, None] - own).argmin(axis=1)
            sums = np.bincount(places.ravel(), weight, len(values)).astype(np.float64)
            different.append((values, sums))
            # Codes are alike, however many samples there are of each.
            alike = sums if own is None else np.ones(len(own))
            breakpoints.append(knots_of(values, alike, intervals))
        grid = SplineGrid(np.array(breakpoints), degree, clamped=True)
        columns = []
        for j, pair in enumerate(different):
            alone = grid.on(grid.breakpoints[[j]])
            if levels.get(j) is None:
                columns.append(
                    column_basis(alone, *pair, most, order, j in complete, bent=j in bent)
                )
            else:
                columns.append(levels_basis(alone, *pair))
        return cls(grid, columns)

    def values(self, x: FloatArray) -> list[FloatArray]:
        """Return the functions of all columns, arrays of shape (n_samples, n_functions).

        The straight line is the first of every column that varies.
        """
        first, splines = self.grid.local(x)
        found = []
        for j, own in enumerate(self.columns):
            table = np.column_stack([own.line, own.transform]) if own.varies else own.transform
            values = splines[0, 0, :, j, None] * table.take(first[:, j], axis=0)
            for offset in range(1, self.grid.degree + 1):
                values += splines[0, offset, :, j, None] * table.take(first[:, j] + offset, axis=0)
            found.append(values)
        return found
