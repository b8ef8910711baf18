"""What a symbolic function of one variable is to the rest of the package."""

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache, cached_property
from typing import Any, Literal, cast

import numpy as np

from skkan._typing import FloatArray
from skkan.network.functions._symbolic_edge import Borders

Function = Callable[[FloatArray], FloatArray]
Redundancy = Literal["none", "scale", "shift", "both"]


@dataclass(frozen=True)
class Interval:
    """An interval of arguments.

    Attributes
    ----------
    low, high : float
        The ends, infinite where there is none.
    low_closed, high_closed : bool
        Whether the ends belong to the interval.
    """

    low: float = -math.inf
    high: float = math.inf
    low_closed: bool = False
    high_closed: bool = False

    def contains(self, low: float, high: float) -> bool:
        """Tell whether all of ``[low, high]`` lies in the interval."""
        above = low > self.low or (self.low_closed and low == self.low)
        below = high < self.high or (self.high_closed and high == self.high)
        return above and below


REAL_LINE = Interval()


@cache
def _higher_derivative(form: Callable[[Any], Any], order: int) -> Function:
    """Return a derivative of the function that a form writes in SymPy."""
    import sympy  # noqa: PLC0415

    variable = sympy.Symbol("u", real=True)
    compiled = sympy.lambdify(variable, form(variable).diff(variable, order), ["scipy", "numpy"])
    return cast(Function, compiled)


@dataclass(frozen=True)
class Symbol:
    """A function of one variable with its derivatives and its SymPy form.

    Attributes
    ----------
    name : str
        Name by which the library knows it.
    complexity : int
        Price of the function where accuracy is traded against simplicity.
    value, slope, curvature : callable
        The function and its first and second derivative, elementwise; NaN outside the domain.
    form : callable
        Takes a SymPy expression and returns the function of it.
    domain : Interval
        Where the function is defined, but for `poles`.
    poles : tuple of float
        Singularities inside the domain; those of one period if `period` is given.
    jumps : tuple of float
        Where the function jumps, and has a value of its own.
    period : float or None
        Period of the function.
    antiperiodic : bool
        Whether half a period changes nothing but the sign.
    parity : {1, -1, 0}
        Even, odd up to a constant (``f(-u) + f(u)`` is constant), neither.
    redundant : {"none", "scale", "shift", "both"}
        Which of ``a`` and ``b > 0`` in ``f(a u)`` and ``f(u + b)`` can be traded for a factor and a
        constant: ``c f(u) + d``.
    oscillates : bool
        Whether the function goes up and down more than a few times.
    reach : float
        The function has its features at arguments up to about this size.
    twin : str or None
        Name of a symbol of which this one is ``c f(a u + b) + d``.

    Examples
    --------
    >>> from skkan.symbolic.library._symbols import get_symbol
    >>> get_symbol("log").excludes(-1.0, 1.0), get_symbol("log").excludes(0.5, 1.0)
    (True, False)
    >>> get_symbol("tan").excludes(5.0, 7.0), get_symbol("tan").excludes(3.0, 5.0)
    (False, True)
    """

    name: str
    complexity: int
    value: Function
    slope: Function
    curvature: Function
    form: Callable[[Any], Any]
    domain: Interval = REAL_LINE
    poles: tuple[float, ...] = ()
    jumps: tuple[float, ...] = ()
    period: float | None = None
    antiperiodic: bool = False
    parity: int = 0
    redundant: Redundancy = "none"
    oscillates: bool = False
    reach: float = 4.0
    twin: str | None = None

    def __repr__(self) -> str:
        return f"<Symbol {self.name}>"

    def __getstate__(self) -> dict[str, Any]:
        """Store functions of the library by their names, so that no code has to be trusted."""
        if library().get(self.name) == self:
            return {"of_library": self.name}
        return {own.name: getattr(self, own.name) for own in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "of_library" in state:
            state = vars(library()[state["of_library"]])
        vars(self).update(state)

    @property
    def closed(self) -> tuple[float, float]:
        """Ends of the domain that belong to it, infinite where there is none.

        Examples
        --------
        >>> from skkan.symbolic.library._symbols import get_symbol
        >>> get_symbol("sqrt").closed
        (0.0, inf)
        """
        low, high = self.domain.low, self.domain.high
        return (
            low if self.domain.low_closed else -math.inf,
            high if self.domain.high_closed else math.inf,
        )

    @cached_property
    def borders(self) -> Borders:
        """Arguments at which rounding would decide on the value.

        Examples
        --------
        >>> from skkan.symbolic.library._symbols import get_symbol
        >>> get_symbol("1/sqrt").borders.poles, get_symbol("sign").borders.jumps
        ((0.0,), (0.0,))
        """
        low, high = self.domain.low, self.domain.high
        ends = [(low, self.domain.low_closed), (high, self.domain.high_closed)]
        # The ends of the domain of a periodic function are none of its poles.
        opened = () if self.period else tuple(u for u, own in ends if math.isfinite(u) and not own)
        return Borders(self.closed, (*opened, *self.poles), self.jumps, self.period)

    def expression(self, argument: Any) -> Any:
        """Return the function of a SymPy expression, as a SymPy expression."""
        return self.form(argument)

    def derivatives(self, u: FloatArray, top: int) -> FloatArray:
        """Return the derivatives of order 0 to `top` on a first axis, NaN outside the domain.

        Examples
        --------
        >>> import numpy as np
        >>> from skkan.symbolic.library._symbols import get_symbol
        >>> get_symbol("x^3").derivatives(np.array([2.0]), 4).ravel()
        array([ 8., 12., 12.,  6.,  0.])
        """
        found = [self.value(u), self.slope(u), self.curvature(u)][: top + 1]
        with np.errstate(all="ignore"):
            for order in range(3, top + 1):
                own = np.broadcast_to(_higher_derivative(self.form, order)(u), u.shape)
                found.append(np.where(np.isnan(found[0]), np.nan, own))
        return np.stack(found)

    def excludes(self, u_low: float, u_high: float) -> bool:
        """Tell whether the function is undefined or singular somewhere on ``[u_low, u_high]``."""
        if not self.domain.contains(u_low, u_high):
            return True
        if self.period is None:
            return any(u_low <= pole <= u_high for pole in self.poles)
        turns = [((u_low - p) / self.period, (u_high - p) / self.period) for p in self.poles]
        return any(math.ceil(low) <= high for low, high in turns)

    def branches(self) -> tuple[Interval, ...]:
        """Return the intervals on which the function is regular, one period of them at most.

        Examples
        --------
        >>> from skkan.symbolic.library._symbols import get_symbol
        >>> [(branch.low, branch.high) for branch in get_symbol("1/x").branches()]
        [(-inf, 0.0), (0.0, inf)]
        """
        if not self.poles:
            return (self.domain,)
        poles = sorted(self.poles)
        if self.period is not None:
            ends = [poles[-1] - self.period, *poles]
            return tuple(Interval(low, high) for low, high in itertools.pairwise(ends))
        lows, highs = [self.domain.low, *poles], [*poles, self.domain.high]
        return tuple(
            Interval(
                low,
                high,
                low == self.domain.low and self.domain.low_closed,
                high == self.domain.high and self.domain.high_closed,
            )
            for low, high in zip(lows, highs, strict=True)
        )


def library() -> Mapping[str, Symbol]:
    """Return the functions of the library, which is made of symbols."""
    from skkan.symbolic.library._symbols import LIBRARY  # noqa: PLC0415

    return LIBRARY
