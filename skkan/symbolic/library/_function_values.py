"""Elementary functions and their derivatives, quiet everywhere and NaN outside their domains.

Functions with a name of their own, and no lambdas, lest what holds them could not be pickled.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, j0, j1, jv

from skkan._typing import FloatArray

# Factors that leave room for others within the range of doubles.
MODERATE = (1e-100, 1e100)
LARGEST_POWER = 20


@dataclass(frozen=True)
class Power:
    """The function ``factor * u**(halves / 2)``.

    Attributes
    ----------
    halves : int
        Twice the exponent.
    factor : float
        A constant in front.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.symbolic.library._function_values import Power
    >>> Power(6)(np.array([2.0])), Power(6).derivative()(np.array([2.0]))
    (array([8.]), array([12.]))
    """

    halves: int
    factor: float = 1.0

    @np.errstate(all="ignore")
    def __call__(self, u: FloatArray) -> FloatArray:
        whole, half = divmod(abs(self.halves), 2)
        # Products: a general power costs ten times as much.
        result = self.factor * (u if whole else one(u))
        for _ in range(whole - 1):
            result = result * u
        if half:
            result = result * np.sqrt(u)
        if self.halves < 0:
            result = np.where(u == 0.0, np.nan, self.factor * (self.factor / result))
        return result

    def derivative(self) -> "Power":
        """Return the derivative, a power again."""
        return Power(self.halves - 2, self.factor * self.halves / 2.0)


@dataclass(frozen=True)
class PowerForm:
    """A power of a SymPy expression, given twice the exponent."""

    halves: int

    def __call__(self, argument: Any) -> Any:
        import sympy  # noqa: PLC0415

        return argument ** sympy.Rational(self.halves, 2)


@dataclass(frozen=True)
class SympyForm:
    """A SymPy function by its name, applied to an expression."""

    name: str

    def __call__(self, argument: Any) -> Any:
        import sympy  # noqa: PLC0415

        return getattr(sympy, self.name)(argument)


def zero_form(argument: Any) -> Any:
    """Return SymPy's zero."""
    import sympy  # noqa: PLC0415

    del argument
    return sympy.S.Zero


def exp_form(argument: Any) -> Any:
    """Return the exponential of a SymPy expression, with factors that doubles can hold.

    SymPy turns ``exp(c log(u) + d)`` into ``exp(d) u**c``, of which both factors may be out of
    range.

    Examples
    --------
    >>> import sympy
    >>> from skkan.symbolic.library._function_values import exp_form
    >>> x = sympy.Symbol("x")
    >>> exp_form(2 * sympy.log(x)), exp_form(300 * sympy.log(x) - 1700)
    (x**2, exp(300*log(x) - 1700))
    """
    import sympy  # noqa: PLC0415

    result = sympy.exp(argument)
    if result.func is sympy.exp or result.is_number:
        return result
    for part in sympy.preorder_traversal(result):
        if part.is_Number and part and not MODERATE[0] < abs(part) < MODERATE[1]:
            return sympy.exp(argument, evaluate=False)
        if part.is_Pow and part.exp.is_number and abs(part.exp) > LARGEST_POWER:
            return sympy.exp(argument, evaluate=False)
    return result


def gaussian_form(argument: Any) -> Any:
    """Return ``exp(-u**2)`` as a SymPy expression."""
    import sympy  # noqa: PLC0415

    return sympy.exp(-(argument**2))


def logistic_form(argument: Any) -> Any:
    """Return ``1 / (1 + exp(-u))`` as a SymPy expression."""
    import sympy  # noqa: PLC0415

    return 1 / (1 + sympy.exp(-argument))


def j0_form(argument: Any) -> Any:
    """Return the Bessel function ``J0`` as a SymPy expression."""
    import sympy  # noqa: PLC0415

    return sympy.besselj(0, argument)


@np.errstate(all="ignore")
def zero(u: FloatArray) -> FloatArray:
    """Return zeros, NaN for NaN."""
    return np.where(np.isnan(u), np.nan, 0.0)


@np.errstate(all="ignore")
def one(u: FloatArray) -> FloatArray:
    """Return ones, NaN for NaN."""
    return np.where(np.isnan(u), np.nan, 1.0)


def identity(u: FloatArray) -> FloatArray:
    """Return a copy of `u`."""
    return np.array(u, dtype=np.float64)


@np.errstate(all="ignore")
def sign(u: FloatArray) -> FloatArray:
    """Return the sign of `u`, 0 for 0."""
    return np.sign(u)


@np.errstate(all="ignore")
def exp(u: FloatArray) -> FloatArray:
    """Return ``exp(u)``."""
    return np.exp(u)


@np.errstate(all="ignore")
def log(u: FloatArray) -> FloatArray:
    """Return ``log(u)``."""
    return np.where(u > 0.0, np.log(u), np.nan)


@np.errstate(all="ignore")
def log_slope(u: FloatArray) -> FloatArray:
    """Return the derivative of ``log(u)``."""
    return np.where(u > 0.0, 1.0 / u, np.nan)


@np.errstate(all="ignore")
def log_curvature(u: FloatArray) -> FloatArray:
    """Return the second derivative of ``log(u)``."""
    return np.where(u > 0.0, -1.0 / (u * u), np.nan)


@np.errstate(all="ignore")
def sin(u: FloatArray) -> FloatArray:
    """Return ``sin(u)``."""
    return np.sin(u)


@np.errstate(all="ignore")
def cos(u: FloatArray) -> FloatArray:
    """Return ``cos(u)``."""
    return np.cos(u)


@np.errstate(all="ignore")
def minus_sin(u: FloatArray) -> FloatArray:
    """Return ``-sin(u)``."""
    return -np.sin(u)


@np.errstate(all="ignore")
def minus_cos(u: FloatArray) -> FloatArray:
    """Return ``-cos(u)``."""
    return -np.cos(u)


@np.errstate(all="ignore")
def tan(u: FloatArray) -> FloatArray:
    """Return ``tan(u)``."""
    return np.tan(u)


@np.errstate(all="ignore")
def tan_slope(u: FloatArray) -> FloatArray:
    """Return the derivative of ``tan(u)``."""
    return 1.0 + np.tan(u) ** 2


@np.errstate(all="ignore")
def tan_curvature(u: FloatArray) -> FloatArray:
    """Return the second derivative of ``tan(u)``."""
    t = np.tan(u)
    return 2.0 * t * (1.0 + t * t)


def tanh_slope(u: FloatArray) -> FloatArray:
    """Return the derivative of ``tanh(u)``."""
    # From the exponential: one minus the square would have lost all digits in the tails.
    s = expit(2.0 * u)
    return 4.0 * s * expit(-2.0 * u)


def tanh_curvature(u: FloatArray) -> FloatArray:
    """Return the second derivative of ``tanh(u)``."""
    return -2.0 * np.tanh(u) * tanh_slope(u)


@np.errstate(all="ignore")
def asin(u: FloatArray) -> FloatArray:
    """Return ``asin(u)``."""
    return np.arcsin(u)


@np.errstate(all="ignore")
def acos(u: FloatArray) -> FloatArray:
    """Return ``acos(u)``."""
    return np.arccos(u)


@np.errstate(all="ignore")
def asin_slope(u: FloatArray) -> FloatArray:
    """Return the derivative of ``asin(u)``, infinite at the ends of the domain."""
    return 1.0 / np.sqrt((1.0 - u) * (1.0 + u))


@np.errstate(all="ignore")
def asin_curvature(u: FloatArray) -> FloatArray:
    """Return the second derivative of ``asin(u)``."""
    return u / ((1.0 - u) * (1.0 + u)) ** 1.5


def acos_slope(u: FloatArray) -> FloatArray:
    """Return the derivative of ``acos(u)``, infinite at the ends of the domain."""
    return -asin_slope(u)


def acos_curvature(u: FloatArray) -> FloatArray:
    """Return the second derivative of ``acos(u)``."""
    return -asin_curvature(u)


@np.errstate(all="ignore")
def atan_slope(u: FloatArray) -> FloatArray:
    """Return the derivative of ``atan(u)``."""
    return 1.0 / (1.0 + u * u)


@np.errstate(all="ignore")
def atan_curvature(u: FloatArray) -> FloatArray:
    """Return the second derivative of ``atan(u)``."""
    return -2.0 * u / (1.0 + u * u) ** 2


@np.errstate(all="ignore")
def atanh(u: FloatArray) -> FloatArray:
    """Return ``atanh(u)``."""
    return np.where(np.abs(u) < 1.0, np.arctanh(u), np.nan)


@np.errstate(all="ignore")
def atanh_slope(u: FloatArray) -> FloatArray:
    """Return the derivative of ``atanh(u)``."""
    return np.where(np.abs(u) < 1.0, 1.0 / ((1.0 - u) * (1.0 + u)), np.nan)


@np.errstate(all="ignore")
def atanh_curvature(u: FloatArray) -> FloatArray:
    """Return the second derivative of ``atanh(u)``."""
    return 2.0 * u * atanh_slope(u) ** 2


@np.errstate(all="ignore")
def gaussian(u: FloatArray) -> FloatArray:
    """Return ``exp(-u**2)``."""
    return np.exp(-u * u)


@np.errstate(all="ignore")
def gaussian_slope(u: FloatArray) -> FloatArray:
    """Return the derivative of ``exp(-u**2)``."""
    return -2.0 * u * np.exp(-u * u)


@np.errstate(all="ignore")
def gaussian_curvature(u: FloatArray) -> FloatArray:
    """Return the second derivative of ``exp(-u**2)``."""
    return (4.0 * u * u - 2.0) * np.exp(-u * u)


@np.errstate(all="ignore")
def cosh(u: FloatArray) -> FloatArray:
    """Return ``cosh(u)``."""
    return np.cosh(u)


@np.errstate(all="ignore")
def sinh(u: FloatArray) -> FloatArray:
    """Return ``sinh(u)``."""
    return np.sinh(u)


def logistic_slope(u: FloatArray) -> FloatArray:
    """Return the derivative of ``1 / (1 + exp(-u))``."""
    return expit(u) * expit(-u)


def logistic_curvature(u: FloatArray) -> FloatArray:
    """Return the second derivative of ``1 / (1 + exp(-u))``."""
    return expit(u) * expit(-u) * (expit(-u) - expit(u))


def minus_j1(u: FloatArray) -> FloatArray:
    """Return the derivative of the Bessel function ``J0``."""
    return -j1(u)


def j0_curvature(u: FloatArray) -> FloatArray:
    """Return the second derivative of the Bessel function ``J0``."""
    return 0.5 * (jv(2, u) - j0(u))
