"""Conditions on formulas: parity, zeros and periods in columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.data._samples import spread_rows
from skkan.symbolic.export._closed_ends import closed_end_program
from skkan.symbolic.export._equation_table import tree_size
from skkan.symbolic.export._formula import FormulaFunction
from skkan.symbolic.library._symbol import Symbol

PERIODIC = ("sin", "cos", "tan")
CONDITIONS = ("even", "odd", "zero", "periodic")
# Samples at which formulas are tested, and differences that are rounding, as a share of the values.
N_SAMPLES, ROUNDING = 200, 1e-7
# Where a formula is not defined at zero: how near to it, and how small it has to be.
NEAR_ZERO, NEARLY = 1e-6, 1e-4
# A projected formula is no larger than so many times what it is made of.
MAX_GROWTH = 1.5
# Largest denominator of a ratio of frequencies.
DENOMINATOR = 24


@dataclass(frozen=True)
class Conditions:
    """What formulas have to satisfy.

    Attributes
    ----------
    table : tuple of (str, str)
        Names of columns, valid in formulas, and a condition each.
    names : tuple of str
        Names of all columns.
    X : ndarray of shape (n_samples, n_columns)
        Samples at which formulas are tested.

    Examples
    --------
    >>> import numpy as np
    >>> import sympy
    >>> from skkan.symbolic.division._conditions import Conditions
    >>> x, y = sympy.symbols("x y")
    >>> X = np.random.default_rng(0).uniform(1.0, 2.0, size=(50, 2))
    >>> even = Conditions((("x", "even"),), ("x", "y"), X)
    >>> even.allows(y * x**2), even.allows(y * sympy.exp(x))
    (True, False)
    >>> even.closest(0.01 * x + y * x**2)
    x**2*y
    >>> periodic = Conditions((("x", "periodic"),), ("x", "y"), X)
    >>> periodic.allows(y + sympy.cos(2 * x + y) ** 2), periodic.allows(x + sympy.cos(x))
    (True, False)
    """

    table: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    X: FloatArray

    def allows(self, formula: Any) -> bool:
        """Tell whether a formula satisfies the conditions."""
        return all(self._holds(formula, *own) for own in self.table)

    def allows_part(self, formula: Any) -> bool:
        """Tell whether a formula of some of the columns may be a part of one that is allowed."""
        import sympy  # noqa: PLC0415

        return all(
            _is_periodic(formula, sympy.Symbol(name))
            for name, condition in self.table
            if condition == "periodic"
        )

    def allows_power(self, inputs: Sequence[Any], powers: Sequence[int]) -> bool:
        """Tell whether polynomials that satisfy the conditions may have a product of powers."""
        places = {own.name: power for own, power in zip(inputs, powers, strict=True)}
        allowed = {
            "even": lambda power: power % 2 == 0,
            "odd": lambda power: power % 2 == 1,
            "zero": lambda power: power > 0,
            "periodic": lambda power: power == 0,
        }
        return all(allowed[own](places[name]) for name, own in self.table if name in places)

    def symbols_for(self, column: Any, symbols: Sequence[Symbol]) -> Sequence[Symbol]:
        """Return the functions that a column may be in, all if none is left."""
        if (getattr(column, "name", None), "periodic") not in self.table:
            return symbols
        return [own for own in symbols if own.name in PERIODIC] or symbols

    def closest(self, formula: Any) -> Any | None:
        """Return a formula made to satisfy the conditions, or None.

        Its even or odd part is taken, or its value at zero is taken away, if that does not make it
        much larger.
        """
        if self.allows(formula):
            return formula
        projected = formula
        for name, condition in self.table:
            if not self._holds(projected, name, condition):
                projected = _projected(projected, name, condition)
        small = tree_size(projected) <= MAX_GROWTH * tree_size(formula)
        short = small and bool(projected.free_symbols)
        return projected if short and self.allows(projected) else None

    def _holds(self, formula: Any, name: str, condition: str) -> bool:
        import sympy  # noqa: PLC0415

        symbol = sympy.Symbol(name)
        if condition == "periodic":
            return _is_periodic(formula, symbol)
        function = self._function(formula)
        few = self.X[spread_rows(len(self.X), N_SAMPLES)]
        place = self.names.index(name)
        own = function(few)
        defined = np.isfinite(own)
        if not defined.any():
            return False
        few, own = few[defined], own[defined]
        size = float(np.abs(own).max())
        other = few.copy()
        if condition == "zero":
            other[:, place] = 0.0
            value = function(other)
            if not np.isfinite(value).all():
                other[:, place] = NEAR_ZERO * few[:, place]
                return _small(function(other), NEARLY * size)
            return _small(value, ROUNDING * size)
        other[:, place] *= -1.0
        sign = 1.0 if condition == "even" else -1.0
        return _small(own - sign * function(other), ROUNDING * size)

    def _function(self, formula: Any) -> FormulaFunction:
        import sympy  # noqa: PLC0415

        inputs = tuple(map(sympy.Symbol, self.names))
        return FormulaFunction(closed_end_program(formula, inputs), True)


def parsed_conditions(
    conditions: Mapping[Any, Any], given: Sequence[str], names: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """Return pairs of a column's name in formulas and a condition.

    Parameters
    ----------
    conditions : mapping
        A condition, or several, by the names of columns.
    given, names : sequence of str
        Names of the columns as they are given, and as they are in formulas.

    Raises
    ------
    ValueError
        If a column or a condition is unknown, or conditions leave nothing but zero.

    Examples
    --------
    >>> from skkan.symbolic.division._conditions import parsed_conditions
    >>> parsed_conditions({"x^2": ["even", "zero"]}, ["x^2"], ["x_2"])
    (('x_2', 'even'), ('x_2', 'zero'))
    """
    found: list[tuple[str, str]] = []
    for column, wanted in conditions.items():
        if column not in given:
            raise ValueError(
                f"conditions has {column!r}, which is no column; the columns are "
                f"{', '.join(given)}."
            )
        several = isinstance(wanted, Iterable) and not isinstance(wanted, str)
        own = list(wanted) if several else [wanted]
        for condition in own:
            if condition not in CONDITIONS:
                raise ValueError(
                    f"conditions[{column!r}] must be one of {', '.join(map(repr, CONDITIONS))}, "
                    f"or a list of them, got {wanted!r}."
                )
        if {"even", "odd"} <= set(own):
            raise ValueError(
                f"conditions[{column!r}] has both 'even' and 'odd', which only zero is; leave one "
                "of them out."
            )
        name = names[list(given).index(column)]
        found += [(name, condition) for condition in own]
    return tuple(found)


def _small(values: FloatArray, limit: float) -> bool:
    return bool(np.isfinite(values).all() and np.abs(values).max() <= limit)


def _projected(formula: Any, name: str, condition: str) -> Any:
    import sympy  # noqa: PLC0415

    symbol = sympy.Symbol(name)
    if condition == "zero":
        at_zero = formula.subs(symbol, 0)
        return formula if at_zero.has(sympy.nan, sympy.zoo, sympy.oo) else formula - at_zero
    if condition == "periodic":
        return formula
    mirrored = formula.subs(symbol, -symbol)
    other = mirrored if condition == "even" else -mirrored
    # Terms that cancel are found once powers of negative columns are expanded.
    return sympy.expand((formula + other) / 2)


def _is_periodic(formula: Any, symbol: Any) -> bool:
    """Tell whether a column occurs in trigonometric functions only, with one period in common."""
    import sympy  # noqa: PLC0415

    waves = [own for own in formula.atoms(sympy.sin, sympy.cos, sympy.tan) if own.has(symbol)]
    frequencies: list[Any] = []
    for own in waves:
        slope = sympy.expand(own.args[0]).diff(symbol)
        if slope.has(symbol):
            return False
        frequencies.append(slope)
    outside = formula.xreplace({own: sympy.Dummy() for own in waves})
    if outside.has(symbol):
        return False
    ratios = [sympy.simplify(own / frequencies[0]) for own in frequencies[1:]]
    return all(own.is_number and _is_fraction(float(own)) for own in ratios)


def _is_fraction(value: float) -> bool:
    multiples = value * np.arange(1, DENOMINATOR + 1)
    return bool(np.any(np.abs(multiples - np.round(multiples)) < NEAR_ZERO))
