"""Symbolic edges: a known function with an affine map on both of its sides."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite
from typing import Protocol

import numpy as np

from skkan._typing import FloatArray

N_PARAMETERS = 4
# Arguments that are nearer to a border than this share of what they are computed from are on it but
# for rounding.
ROUNDING = 16.0 * np.finfo(np.float64).eps


@dataclass(frozen=True)
class Borders:
    """Arguments at which rounding would decide on the value of a function.

    Attributes
    ----------
    closed : tuple of float
        Ends that belong to the domain, infinite where there is none.
    poles : tuple of float
        Where the function has no value: poles, and finite ends that do not belong to the domain.
    jumps : tuple of float
        Where it jumps, and has a value of its own.
    period : float or None
        Of the poles.
    """

    closed: tuple[float, float] = (-inf, inf)
    poles: tuple[float, ...] = ()
    jumps: tuple[float, ...] = ()
    period: float | None = None

    @property
    def values(self) -> tuple[float, ...]:
        """Arguments at which the function has a value: closed ends and jumps."""
        return (*filter(isfinite, self.closed), *self.jumps)


NO_BORDERS = Borders()


class EdgeFunction(Protocol):
    """What a symbolic edge asks of its function; base functions and symbols have it."""

    @property
    def name(self) -> str:
        """Name of the function."""
        ...

    @property
    def value(self) -> Callable[[FloatArray], FloatArray]:
        """Function itself, elementwise."""
        ...

    @property
    def slope(self) -> Callable[[FloatArray], FloatArray]:
        """Derivative of it, elementwise."""
        ...

    @property
    def borders(self) -> Borders:
        """Arguments at which rounding would decide on the value."""
        ...

    def derivatives(self, u: FloatArray, top: int) -> FloatArray:
        """Return the derivatives of order 0 to `top`, on a first axis."""
        ...


def inner_argument(
    x: FloatArray,
    a: FloatArray | float,
    b: FloatArray | float,
    reach: FloatArray | float,
    borders: Borders,
    inward: float = 0.0,
) -> FloatArray:
    """Return ``a x + b``, with what is at a border but for rounding put onto it.

    Parameters
    ----------
    x : ndarray
        Values of nodes.
    a, b : float or ndarray of a shape that fits
        Slope and constant.
    reach : float or ndarray of a shape that fits
        Size of what the values have been computed from, if that is more than their own.
    borders : Borders
        Borders of the function. At poles the argument is NaN, since no value is right there.
    inward : float, default=0.0
        How far inside of closed ends to put what is at them, in units of what counts as rounding.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.network.functions._symbolic_edge import Borders, inner_argument
    >>> x = np.array([-1e-3, -1e-17, 1e-17, 1.0])
    >>> inner_argument(x, 1.0, 0.0, 1.0, Borders(closed=(0.0, np.inf)))
    array([-0.001,  0.   ,  0.   ,  1.   ])
    >>> inner_argument(x, 1.0, 0.0, 1.0, Borders(poles=(0.0,)))
    array([-0.001,    nan,    nan,  1.   ])
    """
    u = a * x + b
    if borders == NO_BORDERS:
        return u
    size = np.abs(a) * np.maximum(np.abs(x), reach) + np.abs(b)
    # Values in single precision are as much less certain.
    near = ROUNDING * (size * (np.finfo(x.dtype).eps / np.finfo(np.float64).eps))
    for end, sign in zip(borders.closed, (1.0, -1.0), strict=True):
        if isfinite(end):
            u = np.where(np.abs(u - end) <= near, end + sign * inward * near, u)
    for jump in borders.jumps:
        u = np.where(np.abs(u - jump) <= near, jump, u)
    for pole in borders.poles:
        distance = u - pole
        if borders.period is not None:
            distance -= borders.period * np.round(distance / borders.period)
        u = np.where(np.abs(distance) <= near, np.nan, u)
    return u


@dataclass(frozen=True, eq=False)
class SymbolicEdge:
    """The edge function ``c f(a x + b) + d`` of the value ``x`` of a node.

    Unlike a base function it acts on the node itself and not on its grid coordinate, so that its
    parameters mean the same on every grid.

    Parameters
    ----------
    function : EdgeFunction
        The function ``f``, which may overflow or have a limited domain: beyond it the edge is
        infinite or NaN, and the solvers refuse such points.
    parameters : ndarray of shape (4,)
        ``a, b, c, d``.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.network.functions._base_functions import BASE_FUNCTIONS
    >>> from skkan.network.functions._symbolic_edge import SymbolicEdge
    >>> edge = SymbolicEdge(BASE_FUNCTIONS["sin"], np.array([np.pi, 0.0, 2.0, 1.0]))
    >>> edge.value(np.array([0.5]))
    array([3.])
    """

    function: EdgeFunction
    parameters: FloatArray

    def value(self, x: FloatArray, reach: float = 0.0) -> FloatArray:
        """Return the edge function at `x`; `reach` is the size of what `x` has been computed from.

        An argument that is at a closed end of the function's domain or at a jump but for rounding
        is on it; at a pole there is no value, and the edge is NaN.
        """
        c, d = self.parameters[2:]
        with np.errstate(all="ignore"):
            return c * self.function.value(self._argument(x, reach)) + d

    def slope(self, x: FloatArray, reach: float = 0.0) -> FloatArray:
        """Return its derivative with respect to `x`, next to a closed end where it is at one."""
        a, _, c, _ = self.parameters
        with np.errstate(all="ignore"):
            return a * c * self.function.slope(self._argument(x, reach, 1.0))

    def function_derivatives(self, x: FloatArray, top: int, reach: float = 0.0) -> FloatArray:
        """Return the derivatives of ``f`` at ``a x + b``, order 0 to `top` on a first axis.

        Those of order 1 and more are taken next to a closed end where the argument is at one.
        """
        with np.errstate(all="ignore"):
            found = self.function.derivatives(self._argument(x, reach, 1.0), top)
            found[0] = self.function.value(self._argument(x, reach))
        return found

    def parameter_slopes(self, x: FloatArray, reach: float = 0.0) -> FloatArray:
        """Return its derivatives with respect to ``a, b, c, d``, on a last axis of length 4."""
        c = self.parameters[2]
        with np.errstate(all="ignore"):
            inner = self._argument(x, reach)
            by_b = c * self.function.slope(self._argument(x, reach, 1.0))
            return np.stack(
                [by_b * x, by_b, self.function.value(inner), np.ones_like(inner)], axis=-1
            )

    def _argument(self, x: FloatArray, reach: float, inward: float = 0.0) -> FloatArray:
        a, b = self.parameters[:2]
        return inner_argument(x, a, b, reach, self.function.borders, inward)

    def with_parameters(self, parameters: FloatArray) -> "SymbolicEdge":
        """Return an edge of the same function."""
        return SymbolicEdge(self.function, parameters)

    def of_moved_input(self, shift: float, unit: float) -> "SymbolicEdge":
        """Return the same edge as a function of ``z``, where ``x = shift + unit * z``."""
        a, b, c, d = self.parameters
        return self.with_parameters(np.array([a * unit, b + a * shift, c, d]))

    def scaled(self, factor: float) -> "SymbolicEdge":
        """Return `factor` times the edge."""
        a, b, c, d = self.parameters
        return self.with_parameters(np.array([a, b, factor * c, factor * d]))

    def raised(self, amount: float) -> "SymbolicEdge":
        """Return the edge plus a constant."""
        a, b, c, d = self.parameters
        return self.with_parameters(np.array([a, b, c, d + amount]))
