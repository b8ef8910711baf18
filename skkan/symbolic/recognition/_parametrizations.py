"""Parametrizations: the arguments that a symbol can take over the data, in free coordinates.

A fit maps the data's range onto ``t`` in [-1, 1] and looks for ``u = alpha t + beta``. What
``alpha`` and ``beta`` may be depends on the symbol: redundant ones are held still, and none may
lead an argument over the border of the domain. A form gives both as smooth functions of one or two
coordinates ``p`` which nothing bounds, so that a descent cannot leave the domain; and a grid in
``p`` on which every feature of the function moves over the range.

At a closed border the distance to it is the square of a coordinate, which makes the square roots
there smooth; at an open one it is an exponential.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from skkan._typing import FloatArray
from skkan.symbolic.library._symbol import Interval, Symbol

# Periods over the data's range up to which frequencies are searched.
MAX_PERIODS = 20.0
SMALLEST, LARGEST = 1e-3, 1e4

Placement = tuple[FloatArray, FloatArray, FloatArray, FloatArray]


class Parametrization(Protocol):
    """Coordinates for ``alpha`` and ``beta``."""

    def place(self, p: FloatArray) -> Placement:
        """Return ``alpha`` and ``beta``, and their derivatives, of rows of coordinates.

        Parameters
        ----------
        p : ndarray of shape (n_rows, n_coordinates)
            Coordinates.

        Returns
        -------
        alpha, beta : ndarray of shape (n_rows,)
            The placements.
        d_alpha, d_beta : ndarray of shape (n_rows, n_coordinates)
            Their derivatives.
        """
        ...

    def grid(self) -> tuple[FloatArray, FloatArray]:
        """Return coordinates to start from and their places on the grid, in steps of it."""
        ...


@dataclass(frozen=True)
class Fixed:
    """A single placement.

    Attributes
    ----------
    alpha, beta : float
        The placement.
    """

    alpha: float = 1.0
    beta: float = 0.0

    def place(self, p: FloatArray) -> Placement:
        """Return the placement, once per row."""
        zeros = np.zeros(len(p))
        none = np.zeros((len(p), 1))
        return zeros + self.alpha, zeros + self.beta, none, none

    def grid(self) -> tuple[FloatArray, FloatArray]:
        """Return one row."""
        return np.zeros((1, 1)), np.zeros((1, 1))


@dataclass(frozen=True)
class Shift:
    """A shift on the whole line; the scale is redundant.

    Attributes
    ----------
    sign : float
        The scale, 1 or -1.
    """

    sign: float = 1.0

    def place(self, p: FloatArray) -> Placement:
        """Return the shifts `p`."""
        ones = np.ones_like(p)
        return self.sign * ones[:, 0], p[:, 0], 0.0 * ones, ones

    def grid(self) -> tuple[FloatArray, FloatArray]:
        """Return shifts that are dense where the centre is in the range, and sparse beyond."""
        outside = 1.0 + np.geomspace(0.02, 1000.0, 40)
        shifts = np.concatenate([-outside[::-1], np.linspace(-1.0, 1.0, 161), outside])
        return shifts[:, None], np.arange(len(shifts), dtype=np.float64)[:, None]


@dataclass(frozen=True)
class Rate:
    """A scale on the whole line; the shift is redundant, and keeps the largest argument at 0.

    Attributes
    ----------
    largest : float
        Largest scale on the grid.
    """

    largest: float = 200.0

    def place(self, p: FloatArray) -> Placement:
        """Return the scales `p`."""
        ones = np.ones_like(p)
        return p[:, 0], -np.abs(p[:, 0]), ones, -np.sign(p)

    def grid(self) -> tuple[FloatArray, FloatArray]:
        """Return scales of both signs."""
        scales = np.geomspace(0.02, self.largest, 60)
        both = np.concatenate([-scales[::-1], scales])
        return both[:, None], np.arange(len(both), dtype=np.float64)[:, None]


@dataclass(frozen=True)
class Plane:
    """Scale and shift on the whole line.

    Attributes
    ----------
    symbol : Symbol
        The function, whose features are to be found.
    """

    symbol: Symbol

    def place(self, p: FloatArray) -> Placement:
        """Return scales and shifts, the columns of `p`; NaN where all features are far away."""
        ones, zeros = np.ones(len(p)), np.zeros(len(p))
        d_alpha, d_beta = np.column_stack([ones, zeros]), np.column_stack([zeros, ones])
        alpha, beta = p[:, 0], p[:, 1]
        if self.symbol.period is None:
            near = np.abs(beta) <= np.abs(alpha) + 2.0 * self.symbol.reach
            beta = np.where(near, beta, np.nan)
        return alpha, beta, d_alpha, d_beta

    def grid(self) -> tuple[FloatArray, FloatArray]:
        """Return rows of shifts, one row per scale."""
        symbol = self.symbol
        period = symbol.period
        if symbol.oscillates:
            largest = 25.0 if period is None else 0.5 * MAX_PERIODS * period
            step = 0.6 if period is None else 0.09 * period
            alphas = np.append(np.geomspace(0.1, step, 5), np.arange(2.0 * step, largest, step))
        else:
            step = 0.8
            alphas = np.geomspace(0.1, 64.0, 20)
        rows = []
        for i, alpha in enumerate(alphas):
            if period is None:
                reach = alpha + symbol.reach
                count = math.ceil(2.0 * reach / step) + 1
                betas = np.linspace(-reach, reach, count)
            else:
                count = 8
                betas = np.arange(count) * (0.5 if symbol.antiperiodic else 1.0) * period / count
            rows.append(
                np.column_stack([np.full(count, alpha), betas, np.full(count, i), np.arange(count)])
            )
        table = np.concatenate(rows)
        if not symbol.parity:
            mirrored = table * np.array([-1.0, 1.0, -1.0, 1.0]) - np.array([0.0, 0.0, 9.0, 0.0])
            table = np.concatenate([table, mirrored])
        return table[:, :2], table[:, 2:]


@dataclass(frozen=True)
class HalfLine:
    """Arguments on one side of a border, with a margin of ``p[:, 0]`` squared or exponential.

    Attributes
    ----------
    border : float
        The end of the domain.
    side : float
        1 for arguments above the border, -1 for those below.
    closed : bool
        Whether the border belongs to the domain.
    sign : float
        Sign of the scale.
    free_scale : bool
        Whether the scale is a coordinate, by its logarithm, and not redundant.
    """

    border: float
    side: float
    closed: bool
    sign: float
    free_scale: bool

    def place(self, p: FloatArray) -> Placement:
        """Return the placements of which all arguments keep the margin."""
        first = p[:, 0]
        margin = first**2 if self.closed else np.exp(first)
        d_margin = 2.0 * first if self.closed else margin
        size = np.exp(p[:, 1]) if self.free_scale else np.ones(len(p))
        beta = self.border + self.side * (margin + size)
        d_alpha, d_beta = np.zeros_like(p), np.zeros_like(p)
        d_beta[:, 0] = self.side * d_margin
        if self.free_scale:
            d_alpha[:, 1] = self.sign * size
            d_beta[:, 1] = self.side * size
        return self.sign * size, beta, d_alpha, d_beta

    def grid(self) -> tuple[FloatArray, FloatArray]:
        """Return margins, and scales if they are free."""
        margins = np.geomspace(1e-8, 1e3, 23 if self.free_scale else 67)
        first = np.sqrt(margins) if self.closed else np.log(margins)
        if not self.free_scale:
            return first[:, None], np.arange(len(first), dtype=np.float64)[:, None]
        return _tensor(first, np.log(np.geomspace(0.1, 64.0, 20)))


@dataclass(frozen=True)
class Bounded:
    """Arguments between two borders; the coordinates belong to the arguments at ``t = -1, 1``.

    Attributes
    ----------
    interval : Interval
        The domain.
    any_sign : bool
        Whether falling arguments are tried, too.
    """

    interval: Interval
    any_sign: bool

    @property
    def _closed(self) -> bool:
        return self.interval.low_closed and self.interval.high_closed

    def place(self, p: FloatArray) -> Placement:
        """Return the placements with the given ends."""
        middle = 0.5 * (self.interval.low + self.interval.high)
        half = 0.5 * (self.interval.high - self.interval.low)
        if self._closed:
            ends, slopes = middle + half * np.sin(p), half * np.cos(p)
        else:
            ends, slopes = middle + half * np.tanh(p), half / np.cosh(p) ** 2
        alpha, beta = 0.5 * (ends[:, 1] - ends[:, 0]), 0.5 * (ends[:, 1] + ends[:, 0])
        return alpha, beta, 0.5 * slopes * np.array([-1.0, 1.0]), 0.5 * slopes

    def grid(self) -> tuple[FloatArray, FloatArray]:
        """Return pairs of ends."""
        if self._closed:
            ends = 0.5 * np.pi * (2.0 * (np.arange(31) + 0.5) / 31 - 1.0)
        else:
            ends = np.linspace(-9.0, 9.0, 41)
        p, steps = _tensor(ends, ends)
        keep = steps[:, 0] != steps[:, 1] if self.any_sign else steps[:, 0] < steps[:, 1]
        return p[keep], steps[keep]


def _tensor(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    mesh = np.meshgrid(first, second, indexing="ij")
    steps = np.indices(mesh[0].shape)
    return (
        np.column_stack([mesh[0].ravel(), mesh[1].ravel()]),
        steps.reshape(2, -1).T.astype(np.float64),
    )


def parametrizations_of(symbol: Symbol) -> list[Parametrization]:
    """Return the forms that together hold all placements worth looking at.

    Examples
    --------
    >>> from skkan.symbolic.recognition._parametrizations import parametrizations_of
    >>> from skkan.symbolic.library._symbols import get_symbol
    >>> parametrizations_of(get_symbol("x^2")), len(parametrizations_of(get_symbol("log")))
    ([Shift(sign=1.0)], 2)
    """
    if symbol.redundant == "both":
        return [Fixed()]
    forms: list[Parametrization] = []
    branches = symbol.branches()
    if len(branches) == 2 and symbol.parity and symbol.poles == (0.0,) and symbol.period is None:
        # The other one is its mirror image.
        branches = branches[1:]
    mirrored = len(branches) < len(symbol.branches())
    signs = (1.0,) if symbol.parity and not mirrored else (1.0, -1.0)
    free_scale = symbol.redundant != "scale"
    for branch in branches:
        below, above = math.isfinite(branch.low), math.isfinite(branch.high)
        if below and above:
            forms.append(Bounded(branch, symbol.parity == 0))
        elif below:
            closed = branch.low_closed
            forms += [HalfLine(branch.low, 1.0, closed, sign, free_scale) for sign in signs]
        elif above:
            closed = branch.high_closed
            forms += [HalfLine(branch.high, -1.0, closed, sign, free_scale) for sign in signs]
        elif symbol.redundant == "scale":
            forms += [Shift(sign) for sign in signs]
        else:
            forms.append(Rate() if symbol.redundant == "shift" else Plane(symbol))
    return forms
