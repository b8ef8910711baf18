"""Base functions: the fixed function that an edge may add to its spline."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit

from skkan._typing import FloatArray
from skkan.network.functions._symbolic_edge import NO_BORDERS, Borders


@dataclass(frozen=True)
class BaseFunction:
    """A fixed univariate function of the grid coordinate, with its derivatives.

    Attributes
    ----------
    name : str
        Name by which the estimators know it.
    value, slope, curvature : callable
        The function and its first and second derivative, elementwise.
    higher : callable or None
        ``higher(u, m)`` is the derivative of order ``m``, for any from 3 on.
    borders : Borders
        Poles and the like: there are none.
    """

    borders: ClassVar[Borders] = NO_BORDERS

    name: str
    value: Callable[[FloatArray], FloatArray]
    slope: Callable[[FloatArray], FloatArray]
    curvature: Callable[[FloatArray], FloatArray]
    higher: Callable[[FloatArray, int], FloatArray] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Store functions that the package knows by their names: no code has to be trusted."""
        if BASE_FUNCTIONS.get(self.name) == self:
            return {"known": self.name}
        return {own.name: getattr(self, own.name) for own in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "known" in state:
            state = vars(BASE_FUNCTIONS[state["known"]])
        vars(self).update(state)

    def derivatives(self, u: FloatArray, top: int) -> FloatArray:
        """Return the derivatives of order 0 to `top`, on a first axis.

        Raises
        ------
        ValueError
            If one of them is not known.
        """
        if top > 2 and self.higher is None:
            raise ValueError(f"derivatives of order {top} of {self.name!r} are not known")
        found = [self.value(u), self.slope(u), self.curvature(u)][: top + 1]
        found += [self.higher(u, m) for m in range(3, top + 1) if self.higher is not None]
        return np.stack(found)


def _silu(u: FloatArray) -> FloatArray:
    return u * expit(u)


def _silu_slope(u: FloatArray) -> FloatArray:
    s = expit(u)
    return s * (1.0 + u * (1.0 - s))


def _silu_curvature(u: FloatArray) -> FloatArray:
    s = expit(u)
    return s * (1.0 - s) * (2.0 + u * (1.0 - 2.0 * s))


def _tanh_slope(u: FloatArray) -> FloatArray:
    return 1.0 - np.tanh(u) ** 2


def _tanh_curvature(u: FloatArray) -> FloatArray:
    t = np.tanh(u)
    return -2.0 * t * (1.0 - t**2)


def _sin_curvature(u: FloatArray) -> FloatArray:
    return -np.sin(u)


def _logistic_derivative(u: FloatArray, order: int) -> FloatArray:
    """Return a derivative of the logistic function ``s``, a polynomial in ``s``: s' = s - s^2."""
    polynomial = np.polynomial.Polynomial([0.0, 1.0])
    for _ in range(order):
        polynomial = polynomial.deriv() * np.polynomial.Polynomial([0.0, 1.0, -1.0])
    return polynomial(expit(u))


def _silu_higher(u: FloatArray, order: int) -> FloatArray:
    return u * _logistic_derivative(u, order) + order * _logistic_derivative(u, order - 1)


def _tanh_higher(u: FloatArray, order: int) -> FloatArray:
    # tanh(u) = 2 s(2 u) - 1
    return 2.0 ** (order + 1) * _logistic_derivative(2.0 * u, order)


def _sin_higher(u: FloatArray, order: int) -> FloatArray:
    return np.sin(u + 0.5 * np.pi * order)


def _zero_higher(u: FloatArray, order: int) -> FloatArray:  # noqa: ARG001
    return np.zeros_like(u)


# Functions with a name of their own, and no lambdas, lest a fitted network could not be pickled.
BASE_FUNCTIONS: dict[str, BaseFunction | None] = {
    "zero": None,
    "identity": BaseFunction("identity", np.array, np.ones_like, np.zeros_like, _zero_higher),
    "silu": BaseFunction("silu", _silu, _silu_slope, _silu_curvature, _silu_higher),
    "tanh": BaseFunction("tanh", np.tanh, _tanh_slope, _tanh_curvature, _tanh_higher),
    "sin": BaseFunction("sin", np.sin, np.cos, _sin_curvature, _sin_higher),
}
