"""Nice constants near a number: integers, fractions, multiples of pi, square roots, e.

SymPy is loaded only when a constant has been found.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

# Of the nice constants near a fitted one.
N_TRIED = 3
# How much rarer in formulas roots and multiples of pi and e are than fractions.
IRRATIONAL_BITS = 4


class Constant(NamedTuple):
    """A nice constant.

    Attributes
    ----------
    expression : sympy.Expr
        The constant, exactly.
    value : float
        Its value.
    complexity : int
        Binary digits of its integers, and a price for what else it is made of.
    bits : int
        Length of a code that tells it from all other nice constants.
    """

    expression: Any
    value: float
    complexity: int
    bits: int


@dataclass(frozen=True)
class _Unit:
    """Multiples ``p / q`` of ``sqrt(root) pi**(half_pis / 2) e**e_power``."""

    root: int
    half_pis: int
    e_power: int
    complexity: int
    max_p: float
    max_q: int

    @property
    def value(self) -> float:
        return math.sqrt(self.root) * math.pi ** (0.5 * self.half_pis) * math.e**self.e_power

    def expression(self, p: int, q: int) -> Any:
        import sympy  # noqa: PLC0415

        power_of_pi = sympy.pi ** sympy.Rational(self.half_pis, 2)
        return sympy.Rational(p, q) * sympy.sqrt(self.root) * power_of_pi * sympy.E**self.e_power


_SQUARE_FREE = (2, 3, 5, 6, 7, 10, 11, 13, 14, 15)
_UNITS = (
    _Unit(1, 0, 0, 0, math.inf, 1),
    _Unit(1, 0, 0, 0, 60, 12),
    _Unit(1, 2, 0, 2, 24, 12),
    _Unit(1, -2, 0, 4, 24, 12),
    _Unit(1, 4, 0, 4, 8, 8),
    _Unit(1, -4, 0, 5, 8, 8),
    *(_Unit(n, 0, 0, 2 + n.bit_length(), 6, 6) for n in _SQUARE_FREE),
    _Unit(1, 0, 1, 3, 3, 3),
    _Unit(1, 0, -1, 4, 3, 3),
    _Unit(1, 1, 0, 5, 4, 4),
    _Unit(1, -1, 0, 6, 4, 4),
    _Unit(2, 1, 0, 7, 2, 2),
    _Unit(2, -1, 0, 7, 2, 2),
)


def integer_bits(number: int) -> int:
    """Return the length of an integer in Elias' gamma code, without the sign.

    Examples
    --------
    >>> from skkan.symbolic.export._rounding import integer_bits
    >>> [integer_bits(number) for number in (0, 1, 2, 10)]
    [1, 1, 3, 7]
    """
    return 2 * max(abs(number).bit_length(), 1) - 1


def nice_constants(value: float, tolerance: float) -> list[Constant]:
    """Return nice constants near a number.

    Parameters
    ----------
    value : float
        The number.
    tolerance : float
        Largest distance of a constant from it, not negative.

    Returns
    -------
    constants : list of Constant
        The simplest first; among equally simple ones the nearest. No two are equal.

    Examples
    --------
    >>> from skkan.symbolic.export._rounding import nice_constants
    >>> [constant.expression for constant in nice_constants(3.1416, 1e-4)]
    [pi]
    >>> [constant.expression for constant in nice_constants(0.7071, 0.008)][:2]
    [5/7, sqrt(2)/2]
    """
    if not math.isfinite(value):
        raise ValueError(f"value must be finite, got {value!r}")
    if not tolerance >= 0.0:
        raise ValueError(f"tolerance must not be negative, got {tolerance!r}")
    found: dict[tuple[int, int, _Unit], Constant] = {}
    for unit in _UNITS:
        size = unit.value
        for q in range(1, unit.max_q + 1):
            ratio = value / size * q
            if not abs(ratio) <= unit.max_p + 0.5:
                continue
            p = round(ratio)
            constant = p * (size / q)
            plain = unit.complexity == 0
            if abs(constant - value) > tolerance or (p == 0 and not plain):
                continue
            if math.gcd(p, q) != 1 or abs(p) > unit.max_p:
                continue
            complexity = unit.complexity + abs(p).bit_length() + (q.bit_length() if q > 1 else 0)
            key = (p, q, _UNITS[0] if plain else unit)
            bits = integer_bits(p) + integer_bits(q)
            bits += unit.complexity + IRRATIONAL_BITS if unit.complexity else 0
            found[key] = Constant(unit.expression(p, q), constant, complexity, bits)
    return sorted(found.values(), key=lambda c: (c.complexity, abs(c.value - value)))


def snap(value: float, tolerance: float) -> Any:
    """Return the simplest nice constant near a number, or None.

    Parameters
    ----------
    value : float
        The number.
    tolerance : float
        Largest distance of the constant from it.

    Returns
    -------
    expression : sympy.Expr or None
        The constant, exactly.

    Examples
    --------
    >>> from skkan.symbolic.export._rounding import snap
    >>> snap(-1.5708, 1e-4), snap(0.123, 1e-6)
    (-pi/2, None)
    """
    constants = nice_constants(value, tolerance)
    return constants[0].expression if constants else None


def constants_to_try(
    value: float, reach: float, simplest: bool, largest: float = math.inf
) -> list[Constant]:
    """Return the nice constants worth a try in place of a fitted one.

    Parameters
    ----------
    value : float
        The fitted constant.
    reach : float
        Largest distance, relative for numbers beyond 1.
    simplest : bool
        Whether to add 0 and the unit of the same sign, however far away.
    largest : float, default=inf
        Largest number of bits.
    """
    if not math.isfinite(value):
        return []
    near = nice_constants(value, reach * max(1.0, abs(value)))
    found = [own for own in near if own.bits <= largest][:N_TRIED]
    if simplest:
        import sympy  # noqa: PLC0415

        sign = int(math.copysign(1, value))
        found.append(Constant(sympy.S.Zero, 0.0, 0, 1))
        found.append(Constant(sympy.Integer(sign), float(sign), 1, 1))
    return found
