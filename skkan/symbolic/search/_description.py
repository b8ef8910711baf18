"""Which formula is the most likely: the length of a description of the targets by it.

A formula is written down symbol by symbol, a constant to as many digits as the samples know, and
then what it leaves. The shortest description belongs to the most likely formula.

References
----------
J. Rissanen, "Modeling by shortest data description", Automatica 14, 1978.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.symbolic.export._rounding import integer_bits

# Nats for a function, an operation or a variable, and for a constant beside its digits.
SYMBOL_PRICE, CONSTANT_PRICE = math.log(16.0), 3.0
SMALLEST = 1e-300
# Residuals have to be shorter by this, in nats, for noise to be relative, and targets to range so.
CONVINCING, WIDE = 5.0, 5.0


def formula_price(formula: Any, count: float, errors: Mapping[Any, float] | None = None) -> float:
    """Return the length of a formula in nats.

    Parameters
    ----------
    formula : sympy.Expr
        The formula.
    count : float
        Number of samples, which says to how many digits constants are known.
    errors : mapping, optional
        Standard errors of constants, which say more.

    Examples
    --------
    >>> import sympy
    >>> from skkan.symbolic.search._description import formula_price
    >>> x = sympy.Symbol("x")
    >>> formula_price(2 * x, 100) < formula_price(1.94 * x, 100) < formula_price(1.94 * x**2, 100)
    True
    """
    import sympy  # noqa: PLC0415

    price = 0.0
    for part in sympy.preorder_traversal(formula):
        if part.is_Float:
            digits = 0.5 * math.log(max(count, 2.0))
            if errors and errors.get(part, 0.0) > 0.0:
                digits = max(math.log(max(abs(float(part)) / errors[part], 1.0)), digits)
            price += CONSTANT_PRICE + digits
        elif part.is_Rational:
            price += math.log(2.0) * (integer_bits(int(part.p)) + integer_bits(int(part.q)) - 1)
        elif part.is_Add or part.is_Mul:
            price += SYMBOL_PRICE * (len(part.args) - 1)
        else:
            price += SYMBOL_PRICE
    return price


@dataclass(frozen=True)
class Noise:
    """What is taken for noise: differences from the targets, or of their logarithms.

    Attributes
    ----------
    relative : bool
        Whether the logarithms of targets and predictions are compared.
    sign : int
        Sign of the targets, if so.
    """

    relative: bool = False
    sign: int = 1

    def target(self, y: FloatArray) -> FloatArray:
        """Return the targets in the scale in which noise is uniform."""
        return np.log(self.sign * y) if self.relative else y

    def expression(self, formula: Any) -> Any:
        """Return a formula in this scale."""
        import sympy  # noqa: PLC0415

        return sympy.log(self.sign * formula) if self.relative else formula

    def undone(self, expression: Any) -> Any:
        """Return the formula of an expression in this scale."""
        import sympy  # noqa: PLC0415

        if not self.relative:
            return expression
        if isinstance(expression, sympy.log):
            return self.sign * expression.args[0]
        return self.sign * sympy.expand_power_exp(sympy.exp(expression))

    def mean_square(self, y: FloatArray, predicted: FloatArray, share: FloatArray) -> float:
        """Return the mean squared difference, infinite where predictions have no logarithm."""
        with np.errstate(all="ignore"):
            left = self.target(y) - self.target(predicted)
            value = float(share @ left**2)
        return value if math.isfinite(value) else math.inf

    def length(self, y: FloatArray, loss: float, weight: FloatArray) -> float:
        """Return the length of targets given what a formula leaves, in nats."""
        count = float(weight.sum())
        own = 0.5 * count * math.log(max(loss, SMALLEST))
        # By logarithms, digits are counted relative to the targets.
        return own + float(weight @ self.target(y)) if self.relative else own


def may_be_relative(y: FloatArray) -> bool:
    """Tell whether targets are of one sign and of different sizes.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.symbolic.search._description import may_be_relative
    >>> may_be_relative(np.array([0.1, 1.0, 10.0])), may_be_relative(np.array([9.0, 10.0]))
    (True, False)
    """
    size = np.abs(y)
    one_sign = bool(np.all(y > 0.0) or np.all(y < 0.0))
    return one_sign and float(size.max()) > WIDE * float(size.min())
