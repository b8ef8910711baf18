"""Base functions: the fixed function that an edge may add to its spline."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit

from skkan._typing import FloatArray
from skkan.network._symbolic_edge import NO_BORDERS, Borders


@dataclass(frozen=True)
class BaseFunction:
    """A fixed univariate function of the grid coordinate, with its derivatives.

    Attributes
    ----------
    name : str
        Name by which the estimators know it.
    value, slope, curvature : callable
        The function and its first and second derivative, elementwise.
    borders : Borders
        Poles and the like: there are none.
    """

    borders: ClassVar[Borders] = NO_BORDERS

    name: str
    value: Callable[[FloatArray], FloatArray]
    slope: Callable[[FloatArray], FloatArray]
    curvature: Callable[[FloatArray], FloatArray]


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


# Functions with a name of their own, and no lambdas, lest a fitted network could not be pickled.
BASE_FUNCTIONS: dict[str, BaseFunction | None] = {
    "zero": None,
    "identity": BaseFunction("identity", np.array, np.ones_like, np.zeros_like),
    "silu": BaseFunction("silu", _silu, _silu_slope, _silu_curvature),
    "tanh": BaseFunction("tanh", np.tanh, _tanh_slope, _tanh_curvature),
    "sin": BaseFunction("sin", np.sin, np.cos, _sin_curvature),
}
