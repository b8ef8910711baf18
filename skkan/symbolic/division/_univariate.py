"""Functions of one variable, found among known functions under a few transforms."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from skkan._typing import FloatArray
from skkan.symbolic.division._transforms import (
    IDENTITY,
    INNER,
    PLAIN,
    TRANSFORMS,
    Inner,
    Transform,
    majority,
    transformed,
)
from skkan.symbolic.library._symbol import Symbol
from skkan.symbolic.recognition._fitting import Parameters, rank_symbols

N_SIMPLE, N_ACCURATE = 3, 3
# A function that leaves less than this multiple of the known error explains the data.
ENOUGH = 3.0
POWERS = {"1/x^2": -2, "1/x": -1, "x": 1, "x^2": 2}
# A power of a variable that comes this near to zero, relative to its size, is no factor.
NEAR_POLE = 1e-2
# Shares of the range of a function that are rounding, or errors of the splines.
NEGLIGIBLE = 1e-5
MAX_CANCELLATION = 20.0

Strip = Literal["none", "factor", "both"]
OUTER = ("1/x", "x^2", "1/x^2", "log", "sqrt")


@dataclass(frozen=True)
class UnivariateMatch:
    """``T^-1(c f(a g(x) + b) + d) x^k``.

    Attributes
    ----------
    symbol : Symbol
        The function ``f``.
    parameters : Parameters
        The four numbers.
    transform : Transform
        The function ``T``.
    sign : int
        Sign of the values, where the inverse of ``T`` has to know.
    power : int
        The number ``k``.
    inner : Inner
        The function ``g``.
    error : float
        Root of the weighted sum of squared errors.
    extent : float
        Range of the values of ``f``.
    cancellation : float
        How many times the largest value of ``c f`` exceeds the range of ``c f + d``.
    """

    symbol: Symbol
    parameters: Parameters
    transform: Transform
    sign: int
    power: int
    inner: Inner
    error: float
    extent: float
    cancellation: float

    @property
    def complexity(self) -> float:
        """The price of the functions and of the constants that are not 0 or 1."""
        a, b, _, _ = self.parameters
        constants = 0.5 * (abs(a) != 1.0) + (abs(b) > NEGLIGIBLE)
        extra = (self.transform is not IDENTITY) + (self.power != 0) + (self.inner is not PLAIN)
        return self.symbol.complexity + constants + 3.0 * extra

    @property
    def disguised(self) -> bool:
        """Whether the values are small differences of large ones, the limit of another function."""
        return self.symbol.redundant == "none" and self.cancellation > MAX_CANCELLATION

    def expression(self, argument: Any, stripped: Strip) -> tuple[Any, list[Any], list[float]]:
        """Return the function of an expression, its constants and their values.

        Parameters
        ----------
        argument : sympy.Expr
            The argument.
        stripped : {"none", "factor", "both"}
            Whether to leave out a factor, or a factor and a constant.
        """
        import sympy  # noqa: PLC0415

        constants: list[Any] = []
        values: list[float] = []

        def constant(value: float) -> Any:
            constants.append(sympy.Dummy("k", real=True))
            values.append(value)
            return constants[-1]

        a, b, c, d = self.parameters
        free = self.symbol.redundant
        inner = self.inner.expression(argument)
        if free in ("none", "shift"):
            inner = constant(a) * inner
        elif a != 1.0:
            inner = sympy.Float(a) * inner if a != -1.0 else -inner
        if free in ("none", "scale"):
            inner = inner + constant(b)
        outer = self.symbol.expression(inner)
        plain = self.transform is IDENTITY and self.power == 0
        offset = abs(d) > NEGLIGIBLE * abs(c) * self.extent
        if stripped == "none":
            outer = constant(c) * outer + constant(d)
        elif plain and stripped == "both":
            pass
        elif self.transform.name == "log":
            outer = constant(c) * outer
        elif self.transform is IDENTITY:
            outer = outer + constant(d / c) if offset else outer
        elif abs(d) > abs(c) * self.extent:
            outer = constant(c / abs(d)) * outer + int(math.copysign(1, d))
        else:
            outer = int(math.copysign(1, c)) * outer + (constant(d / abs(c)) if offset else 0)
        outer = self.transform.inverse(outer, self.sign)
        return outer * argument**self.power, constants, values


def find_plain(
    x: FloatArray, y: FloatArray, weight: FloatArray, symbols: Sequence[Symbol], floor: float
) -> list[UnivariateMatch]:
    """Return known functions that fit values, the most promising first.

    Parameters
    ----------
    x, y : ndarray of shape (n_samples,)
        Arguments and values.
    weight : ndarray of shape (n_samples,)
        Weights, not negative.
    symbols : sequence of Symbol
        The functions to try.
    floor : float
        Error of the values, as the root of the weighted sum of squares.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.symbolic.library._symbols import search_symbols
    >>> from skkan.symbolic.division._univariate import find_plain
    >>> x = np.linspace(-1.0, 1.0, 100)
    >>> find_plain(x, np.exp(x), np.full(100, 0.01), search_symbols(), 1e-9)[0].symbol
    <Symbol exp>
    """
    lines = [symbol for symbol in symbols if symbol.name == "x"]
    line = _Task(x, y, weight, lines).ranked() if lines else []
    if line and line[0].error <= floor:
        return line
    return _sorted(_Task(x, y, weight, symbols).ranked(), floor, len(x))


def find_composite(
    x: FloatArray, y: FloatArray, weight: FloatArray, symbols: Sequence[Symbol], floor: float
) -> list[UnivariateMatch]:
    """Return known functions of, inside and next to others, as :func:`find_plain`.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.symbolic.library._symbols import search_symbols
    >>> from skkan.symbolic.division._univariate import find_composite
    >>> x = np.linspace(-1.0, 1.0, 100)
    >>> y = 1.0 / np.sqrt(2.0 - x**2)
    >>> best = find_composite(x, y, np.full(100, 0.01), search_symbols(), 1e-9)[0]
    >>> best.symbol, best.transform.name
    (<Symbol x^2>, '1/x^2')
    """
    task = _Task(x, y, weight, symbols)
    names = {symbol.name for symbol in symbols}
    found: list[UnivariateMatch] = []
    for transform in TRANSFORMS:
        if transform.name in OUTER and transform.symbol in names and transform.allows(y):
            found += task.ranked(transform=transform)
    for name, power in POWERS.items():
        if name not in names:
            continue
        if power > 0 or np.abs(x).min() > NEAR_POLE * np.abs(x).max():
            found += task.ranked(power=power)
    for inner in INNER:
        if inner.symbol in names and inner.allows(x):
            found += task.ranked(inner=inner)
    return _sorted(found, floor, len(x))


def _sorted(found: Sequence[UnivariateMatch], floor: float, count: int) -> list[UnivariateMatch]:
    """Return the simplest of the pieces that are good enough, then the most accurate ones.

    In noise accuracy is worth what the likelihood of `count` samples says.
    """
    good = [own for own in found if own.error <= ENOUGH * floor]
    good.sort(key=lambda own: (own.disguised, own.complexity))

    def cost(own: UnivariateMatch) -> tuple[bool, float]:
        bits = 2.0 * count * math.log(max(own.error, 1e-300))
        # All functions have straight lines and parabolas as limits, and so fit them even better.
        return own.disguised, bits + own.complexity * math.log(count)

    kept = good[:N_SIMPLE]
    best = sorted(found, key=cost)
    return kept + [own for own in best[:N_ACCURATE] if own not in kept]


@dataclass(frozen=True)
class _Task:
    """Values of a function, and the symbols to look it up in."""

    x: FloatArray
    y: FloatArray
    weight: FloatArray
    symbols: Sequence[Symbol]

    def ranked(
        self, transform: Transform = IDENTITY, power: int = 0, inner: Inner = PLAIN
    ) -> list[UnivariateMatch]:
        """Return the best pieces of one form."""
        with np.errstate(all="ignore"):
            x = inner.value(self.x)
            y = self.y * self.x**-power if power else self.y
            weight = self.weight * self.x ** (2 * power) if power else self.weight
        bad = ~(np.isfinite(x) & np.isfinite(y) & np.isfinite(weight))
        x, y, weight = (np.where(bad, 0.0, own) for own in (x, y, weight))
        y, weight = transformed(transform, y, weight)
        total = float(weight.sum())
        if not total > 0.0:
            return []
        used = weight > 0.0
        x, y, weight = x[used], y[used], weight[used]
        sign = majority(self.y)
        pieces = []
        for fit in rank_symbols(x, y, self.symbols, weight, top=len(self.symbols)):
            if fit.symbol.name in ("0", "sign") or not math.isfinite(fit.rmse):
                continue
            with np.errstate(all="ignore"):
                values = fit.symbol.value(fit.parameters.a * x + fit.parameters.b)
            largest = abs(fit.parameters.c) * float(np.abs(values).max())
            pieces.append(
                UnivariateMatch(
                    fit.symbol,
                    fit.parameters,
                    transform,
                    sign,
                    power,
                    inner,
                    fit.rmse * math.sqrt(total),
                    float(np.ptp(values)),
                    largest / max(float(np.ptp(y)), 1e-300),
                )
            )
        return pieces
