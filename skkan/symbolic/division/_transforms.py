"""Functions of the target under which a formula may fall apart, and combinations of inputs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray

# A denominator of samples that comes nearer to zero than this, relative to its size, is a pole.
NEAR_POLE = 1e-3
# Share of the targets that may lie where a transform is not defined.
OUTSIDE = 0.05


@dataclass(frozen=True)
class Transform:
    """An invertible function of the target.

    Attributes
    ----------
    name : str
        Its name.
    value, slope : callable
        The function and its derivative.
    inverse : callable
        The inverse of a SymPy expression, given the sign of the target.
    symbol : str
        Name of the inverse in the library.
    low, high : float
        Interval of the targets, or of their sizes.
    signed : bool
        Whether targets of both signs are allowed.
    homogeneous : bool
        Whether it takes factors to factors.
    """

    name: str
    value: Callable[[FloatArray], FloatArray]
    slope: Callable[[FloatArray], FloatArray]
    inverse: Callable[[Any, int], Any]
    symbol: str = "x"
    low: float = -np.inf
    high: float = np.inf
    signed: bool = False
    homogeneous: bool = False

    def inside(self, y: FloatArray) -> NDArray[np.bool_]:
        """Tell for each target whether the function is defined and invertible there."""
        size = y if self.signed else y * majority(y)
        low = self.low if self.signed else max(self.low, 0.0)
        inside: NDArray[np.bool_] = (low <= size) & (size <= self.high)
        return inside

    def allows(self, y: FloatArray) -> bool:
        """Tell whether the function can be applied to all targets but for a few.

        Noise moves some of them beyond the border.
        """
        return bool(self.inside(y).mean() > 1.0 - OUTSIDE)


def majority(y: FloatArray) -> int:
    """Return the sign of most targets.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.symbolic.division._transforms import majority
    >>> majority(np.array([-1.0, -2.0, 0.0, 3.0]))
    -1
    """
    return -1 if float(np.sign(y).sum()) < 0.0 else 1


def _sympy(name: str) -> Any:
    import sympy  # noqa: PLC0415

    return getattr(sympy, name)


def _power(
    name: str, exponent: float, inverse: Callable[[Any, int], Any], **kinds: Any
) -> Transform:
    def value(y: FloatArray) -> FloatArray:
        return np.sign(y) ** (exponent % 2 == 1) * np.abs(y) ** exponent

    def slope(y: FloatArray) -> FloatArray:
        return exponent * np.abs(y) ** (exponent - 1.0)

    return Transform(name, value, slope, inverse, homogeneous=True, **kinds)


IDENTITY = Transform("x", lambda y: y, np.ones_like, lambda t, _: t, signed=True, homogeneous=True)

TRANSFORMS = (
    Transform(
        "log", lambda y: np.log(np.abs(y)), lambda y: 1.0 / np.abs(y),
        lambda t, sign: sign * _sympy("exp")(t),
        symbol="exp", low=0.0,
    ),
    _power("1/x", -1.0, lambda t, _: 1 / t, symbol="1/x", signed=True),
    _power("x^2", 2.0, lambda t, sign: sign * _sympy("sqrt")(t), symbol="sqrt"),
    _power("1/x^2", -2.0, lambda t, sign: sign / _sympy("sqrt")(t), symbol="1/sqrt"),
    _power("sqrt", 0.5, lambda t, sign: sign * t**2, symbol="x^2"),
    Transform(
        "sin", np.sin, np.cos, lambda t, _: _sympy("asin")(t),
        symbol="asin", low=-0.5 * np.pi, high=0.5 * np.pi, signed=True,
    ),
    Transform(
        "cos", np.cos, np.sin, lambda t, sign: sign * _sympy("acos")(t),
        symbol="asin", low=0.0, high=np.pi,
    ),
    Transform(
        "tan", np.tan, lambda y: 1.0 / np.cos(y) ** 2, lambda t, _: _sympy("atan")(t),
        symbol="atan", low=-0.5 * np.pi, high=0.5 * np.pi, signed=True,
    ),
    Transform(
        "atanh", np.arctanh, lambda y: 1.0 / (1.0 - y**2), lambda t, _: _sympy("tanh")(t),
        symbol="tanh", low=-1.0, high=1.0, signed=True,
    ),
    Transform(
        "asin", np.arcsin, lambda y: 1.0 / np.sqrt(1.0 - y**2), lambda t, _: _sympy("sin")(t),
        symbol="sin", low=-1.0, high=1.0, signed=True,
    ),
)  # fmt: skip


def transformed(
    transform: Transform, y: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return transformed targets, with weights that measure errors in units of the targets.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.symbolic.division._transforms import TRANSFORMS, transformed
    >>> transformed(TRANSFORMS[1], np.array([2.0, 0.0]), np.array([1.0, 1.0]))
    (array([0.5, 0. ]), array([16.,  0.]))
    """
    with np.errstate(all="ignore"):
        value, slope = transform.value(y), transform.slope(y)
        own = weight / slope**2
    bad = ~(np.isfinite(value) & np.isfinite(own) & transform.inside(y))
    value, own = np.where(bad, 0.0, value), np.where(bad, 0.0, own)
    return value, own


@dataclass(frozen=True)
class Inner:
    """A function of an input, inside a known function.

    Attributes
    ----------
    value : callable
        The function.
    expression : callable
        The function of a SymPy expression.
    symbol : str
        Its name in the library.
    positive : bool
        Whether the input has to be positive.
    """

    value: Callable[[FloatArray], FloatArray]
    expression: Callable[[Any], Any]
    symbol: str
    positive: bool = False

    def allows(self, x: FloatArray) -> bool:
        """Tell whether the function is defined, and something new."""
        return not self.positive or bool(x.min() > 0.0)


def _log(x: Any) -> Any:
    return _sympy("log")(x)


def _sqrt(x: Any) -> Any:
    return _sympy("sqrt")(x)


PLAIN = Inner(lambda x: x, lambda x: x, "x")
INNER = (
    Inner(np.square, lambda x: x**2, "x^2"),
    Inner(np.log, _log, "log", positive=True),
    Inner(np.sqrt, _sqrt, "sqrt", positive=True),
    Inner(np.reciprocal, lambda x: 1 / x, "1/x", positive=True),
)


@dataclass(frozen=True)
class Combination:
    """One quantity made of two inputs.

    Attributes
    ----------
    first, second : int
        The columns.
    value : ndarray of shape (n_samples,)
        Its values.
    expression : callable
        The quantity of two SymPy expressions.
    """

    first: int
    second: int
    value: FloatArray
    expression: Callable[[Any, Any], Any]


_PAIRS: tuple[Callable[[Any, Any], Any], ...] = (
    lambda a, b: a - b,
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: a / b,
    lambda a, b: b / a,
    lambda a, b: a**2 + b**2,
    lambda a, b: a**2 - b**2,
)


def combinations(X: FloatArray) -> Iterator[Combination]:
    """Yield quantities that two columns may act through.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.symbolic.division._transforms import combinations
    >>> len(list(combinations(np.array([[1.0, -1.0], [2.0, 0.0]]))))
    5
    """
    for first in range(X.shape[1]):
        for second in range(first + 1, X.shape[1]):
            a, b = X[:, first], X[:, second]
            for own in _PAIRS:
                with np.errstate(all="ignore"):
                    value = own(a, b)
                if not np.isfinite(value).all() or np.ptp(value) == 0.0:
                    continue
                if own in _PAIRS[3:5]:
                    below = b if own is _PAIRS[3] else a
                    if (
                        np.ptp(np.sign(below))
                        or np.abs(below).min() < NEAR_POLE * np.abs(below).max()
                    ):
                        continue
                yield Combination(first, second, value, own)
