"""Units of columns: which formulas are consistent, and the fewer variables that they leave.

References
----------
E. Buckingham, "On physically similar systems", Physical Review 4, 1914.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from skkan.symbolic.scaling._fractions import Vector, eliminated, rank
from skkan.symbolic.scaling._scalings import Reduction, reductions

# Other exponents than fractions of small denominators make no units.
DENOMINATOR = 1000
# Functions of values of one unit with a value of the same.
KEEPING = ("Abs", "Max", "Min")


class _Inconsistent(Exception):  # noqa: N818
    """A sum of different units, or a function of a value with a unit."""


@dataclass(frozen=True)
class Units:
    """Exponents of base units, of columns and target.

    Attributes
    ----------
    columns : tuple of tuple of Fraction
        Exponents for each column.
    target : tuple of Fraction or None
        Exponents of the target; None if it may have any unit.

    Examples
    --------
    >>> import sympy
    >>> from fractions import Fraction
    >>> from skkan.symbolic.scaling._units import Units
    >>> units = Units(((Fraction(1),), (Fraction(1),)), (Fraction(2),))
    >>> a, b = sympy.symbols("a b")
    >>> units.allows(a * b + b**2, ["a", "b"]), units.allows(a + b**2, ["a", "b"])
    (True, False)
    """

    columns: tuple[Vector, ...]
    target: Vector | None

    def allows(self, formula: Any, names: Sequence[str]) -> bool:
        """Tell whether a formula of named columns is consistent; numbers have no unit."""
        table = dict(zip(names, self.columns, strict=True))
        size = len(self.columns[0])
        try:
            own = _unit_of(formula, table, (Fraction(0),) * size)
        except _Inconsistent:
            return False
        return self.target is None or own == self.target

    def impossible(self) -> bool:
        """Tell whether no product of powers of the columns has the unit of the target."""
        return self.target is not None and rank([*self.columns, self.target]) > rank(self.columns)

    def reductions(self) -> Iterator[Reduction]:
        """Yield ways to write the target by products of powers without units."""
        if self.target is None or self.impossible():
            return
        rows = [list(own) for own in zip(*self.columns, self.target, strict=True)]
        reduced, pivots = eliminated(rows)
        moves = [tuple(row) for row in reduced[: len(pivots)]]
        if moves:
            yield from reductions(moves, len(self.columns))

    def without(self, kept: Sequence[int]) -> "Units":
        """Return the units of some columns, but for powers of the units of the others.

        The others are constant, so that a number in a formula may stand for them.
        """
        size = len(self.columns[0])
        gone = [list(own) for k, own in enumerate(self.columns) if k not in kept]
        reduced, pivots = eliminated(gone) if gone else ([], [])
        tests = []
        for free in (k for k in range(size) if k not in pivots):
            test = [Fraction(int(k == free)) for k in range(size)]
            for row, pivot in zip(reduced, pivots, strict=False):
                test[pivot] = -row[free]
            tests.append(test)

        def seen(own: Vector) -> Vector:
            zero = Fraction(0)
            products = [zip(test, own, strict=True) for test in tests]
            return tuple(sum((a * b for a, b in pairs), zero) for pairs in products)

        target = None if self.target is None else seen(self.target)
        return Units(tuple(seen(self.columns[k]) for k in kept), target)


def parsed_units(units: Mapping[str, Any], target_unit: Any, names: Sequence[str]) -> Units:
    """Return the units of columns by their names.

    Parameters
    ----------
    units : mapping of str to str
        Units in the words of pint, by the names of columns; other columns have none.
    target_unit : str or None
        Unit of the target; None if it is not known.
    names : sequence of str
        Names of the columns.

    Raises
    ------
    ImportError
        If pint is not installed.
    ValueError
        If a column or a unit is unknown, or the target's unit cannot be made of the columns'.
    """
    try:
        import pint  # noqa: PLC0415
    except ImportError as error:
        message = "units needs the package pint; install it with pip install skkan[units]."
        raise ImportError(message) from error
    unknown = [name for name in units if name not in names]
    if unknown:
        raise ValueError(
            f"units has {unknown[0]!r}, which is no column; the columns are {', '.join(names)}."
        )
    registry = pint.get_application_registry()

    def powers(value: Any, title: str) -> dict[str, Fraction]:
        try:
            found = registry.Unit(str(value)).dimensionality
        except (pint.errors.PintError, ValueError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{title} must be a unit that pint knows, such as 'kg*m/s^2', or '' for none, "
                f"got {value!r}."
            ) from error
        return {
            str(base): Fraction(float(power)).limit_denominator(DENOMINATOR)
            for base, power in found.items()
        }

    table = [powers(units.get(name, ""), f"units[{name!r}]") for name in names]
    target = None if target_unit is None else powers(target_unit, "target_unit")
    bases = sorted({base for own in [*table, target or {}] for base in own})

    def vector(own: dict[str, Fraction]) -> Vector:
        return tuple(own.get(base, Fraction(0)) for base in bases)

    found = Units(tuple(map(vector, table)), None if target is None else vector(target))
    if found.impossible():
        raise ValueError(
            f"target_unit={target_unit!r} cannot be made of the units of the columns. Numbers in "
            "formulas have no unit: add constants of nature as columns, or leave target_unit out."
        )
    return found


def _unit_of(part: Any, table: Mapping[str, Vector], none: Vector) -> Vector:
    if part.is_Symbol:
        return table[part.name]
    if part.is_number:
        return none
    if part.is_Pow and part.exp.is_number:
        power = Fraction(float(part.exp)).limit_denominator(DENOMINATOR)
        return tuple(power * own for own in _unit_of(part.base, table, none))
    parts = [_unit_of(own, table, none) for own in part.args]
    if part.is_Mul:
        return tuple(sum(own, Fraction(0)) for own in zip(*parts, strict=True))
    name = type(part).__name__
    keeping = part.is_Add or name in KEEPING
    if keeping or name == "atan2":
        _need(all(own == parts[0] for own in parts))
    elif name != "sign":
        _need(all(own == none for own in parts))
    return parts[0] if keeping else none


def _need(holds: bool) -> None:
    if not holds:
        raise _Inconsistent
