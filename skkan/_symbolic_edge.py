"""Symbolic edges: a known function with an affine map on both of its sides."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from skkan._typing import FloatArray

N_PARAMETERS = 4


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
    >>> from skkan._base_functions import BASE_FUNCTIONS
    >>> from skkan._symbolic_edge import SymbolicEdge
    >>> edge = SymbolicEdge(BASE_FUNCTIONS["sin"], np.array([np.pi, 0.0, 2.0, 1.0]))
    >>> edge.value(np.array([0.5]))
    array([3.])
    """

    function: EdgeFunction
    parameters: FloatArray

    def value(self, x: FloatArray) -> FloatArray:
        """Return the edge function at `x`."""
        a, b, c, d = self.parameters
        with np.errstate(all="ignore"):
            return c * self.function.value(a * x + b) + d

    def slope(self, x: FloatArray) -> FloatArray:
        """Return its derivative with respect to `x`."""
        a, b, c, _ = self.parameters
        with np.errstate(all="ignore"):
            return a * c * self.function.slope(a * x + b)

    def parameter_slopes(self, x: FloatArray) -> FloatArray:
        """Return its derivatives with respect to ``a, b, c, d``, on a last axis of length 4."""
        a, b, c, _ = self.parameters
        with np.errstate(all="ignore"):
            inner = a * x + b
            by_b = c * self.function.slope(inner)
            return np.stack(
                [by_b * x, by_b, self.function.value(inner), np.ones_like(inner)], axis=-1
            )

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
