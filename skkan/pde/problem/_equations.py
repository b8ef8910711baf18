"""From SymPy's equations to residuals as functions of numbers.

Unknowns and their derivatives, at whatever place, become plain symbols (*atoms*); so do unknown
functions of other arguments (*laws*) and given ones. What is left is an expression in numbers,
which is differentiated by every atom and compiled once, with common subexpressions shared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from skkan._typing import FloatArray
from skkan.network.derivatives._jets import MultiIndex

MAX_ORDER = 4


@dataclass(frozen=True)
class Atom:
    """A derivative of an unknown, or of a law, at a place.

    Attributes
    ----------
    function : int
        Number of the unknown, or of the law.
    index : tuple of int
        Differentiations by every argument.
    place : int
        Number of the place.
    """

    function: int
    index: MultiIndex
    place: int


@dataclass(frozen=True)
class Vocabulary:
    """What the names in equations mean.

    Attributes
    ----------
    variables : tuple of sympy.Symbol
        Independent variables, in the order of the columns.
    unknowns : tuple of sympy function classes
        Functions of all variables that are sought.
    laws : tuple of sympy function classes
        Functions of other arguments that are sought.
    known : tuple of sympy function classes
        Functions that are given as callables.
    parameters : tuple of sympy.Symbol
        Numbers that are sought.
    constants : tuple of sympy.Symbol
        Numbers that are given and change during the fit.
    """

    variables: tuple[Any, ...]
    unknowns: tuple[Any, ...]
    laws: tuple[Any, ...] = ()
    known: tuple[Any, ...] = ()
    parameters: tuple[Any, ...] = ()
    constants: tuple[Any, ...] = ()


@dataclass
class Lowered:
    """What stands for the functions of expressions.

    Attributes
    ----------
    atoms : dict of Atom to sympy.Symbol
        Unknowns and their derivatives; places are those of `places`.
    places : list of tuple of sympy.Expr
        Arguments of the unknowns, expressions of the variables.
    law_atoms : dict of Atom to sympy.Symbol
        Laws and their derivatives; places are those of `law_places`.
    law_places : list of (int, tuple of sympy.Expr)
        Laws with their arguments, expressions in all of the above.
    calls : dict
        Given functions with their arguments, and their symbols.
    """

    atoms: dict[Atom, Any] = field(default_factory=dict)
    places: list[tuple[Any, ...]] = field(default_factory=list)
    law_atoms: dict[Atom, Any] = field(default_factory=dict)
    law_places: list[tuple[int, tuple[Any, ...]]] = field(default_factory=list)
    calls: dict[tuple[int, tuple[Any, ...]], Any] = field(default_factory=dict)


def residual_of(equation: Any, name: str) -> Any:
    """Return left minus right side of an equation, or the expression that is to be zero.

    Raises
    ------
    TypeError
        If it is no SymPy equation or expression.
    ValueError
        If it is always true or never, or has complex coefficients.
    """
    if equation in (sp.true, sp.false, True, False):
        truth = "always true" if equation else "never true"
        raise ValueError(f"{name} is {truth}: it says nothing about the solution.")
    if isinstance(equation, sp.Equality):
        equation = equation.lhs - equation.rhs
    if not isinstance(equation, sp.Expr):
        raise TypeError(
            f"{name} must be a sympy.Eq, or an expression that is to be zero, got {equation!r}."
        )
    if equation.has(sp.I):
        raise ValueError(
            f"{name} has complex coefficients: {equation}. Write the real and the imaginary part "
            "as two unknowns with two equations."
        )
    return equation


class Lowering:
    """Replaces functions by symbols, in expressions that are to be evaluated at the same points.

    Parameters
    ----------
    vocabulary : Vocabulary
        What names mean.
    data : sequence of sympy.Symbol
        Further symbols that have a meaning.
    """

    def __init__(self, vocabulary: Vocabulary, data: Sequence[Any] = ()) -> None:
        self._vocabulary = vocabulary
        self._data = data
        self._name = ""
        self._found = Lowered()

    @property
    def found(self) -> Lowered:
        """What has been replaced so far."""
        return self._found

    def lowered(self, expression: Any, name: str) -> Any:
        """Return an expression in atoms.

        Parameters
        ----------
        expression : sympy.Expr
            The expression.
        name : str
            Of the equation or condition, for messages.

        Raises
        ------
        ValueError
            If it has symbols or functions of no meaning, or too high a derivative.
        """
        self._name = name
        result = self._lower(expression.doit(integrals=False), {})
        self._check_symbols(result)
        return result

    def _check_symbols(self, expression: Any) -> None:
        own, found = self._vocabulary, self._found
        meant = {
            *own.variables,
            *own.parameters,
            *own.constants,
            *self._data,
            *found.atoms.values(),
            *found.law_atoms.values(),
            *found.calls.values(),
        }
        arguments = [a for _, place in found.law_places for a in place]
        arguments += [a for place in found.places for a in place]
        used = set().union(*(e.free_symbols for e in (expression, *arguments)))
        unknown = sorted(str(s) for s in used - meant)
        if unknown:
            raise ValueError(
                f"{self._name} has symbols of no meaning: {', '.join(unknown)}. Symbols must be "
                "variables of domain, or be listed in parameters or continuation."
            )

    def _lower(self, expression: Any, moved: dict[Any, Any]) -> Any:
        if isinstance(expression, sp.Subs):
            values = [value.subs(moved) for value in expression.point]
            inner = {**moved, **dict(zip(expression.variables, values, strict=True))}
            return self._lower(expression.expr, inner)
        if isinstance(expression, sp.Derivative):
            return self._derivative(expression, moved)
        if isinstance(expression, AppliedUndef):
            return self._value(expression, moved)
        if not expression.args:
            return expression.subs(moved)
        return expression.func(*(self._lower(own, moved) for own in expression.args))

    def _derivative(self, expression: Any, moved: dict[Any, Any]) -> Any:
        inner = expression.expr
        if not isinstance(inner, AppliedUndef):
            raise ValueError(  # noqa: TRY004
                f"{self._name} differentiates {inner}; only functions of the variables can be."
            )
        orders = [0] * len(inner.args)
        for variable, count in expression.variable_count:
            if not getattr(count, "is_Integer", False):
                raise ValueError(f"{self._name} has a derivative of order {count}.")
            places = [k for k, own in enumerate(inner.args) if own == variable]
            if len(places) != 1:
                raise ValueError(
                    f"{self._name} differentiates {inner} by {variable}, which is not one of its "
                    "arguments."
                )
            orders[places[0]] += int(count)
        return self._atom(inner, tuple(orders), moved)

    def _value(self, expression: Any, moved: dict[Any, Any]) -> Any:
        return self._atom(expression, (0,) * len(expression.args), moved)

    def _atom(self, applied: Any, index: MultiIndex, moved: dict[Any, Any]) -> Any:
        own, function = self._vocabulary, applied.func
        if sum(index) > MAX_ORDER:
            raise ValueError(
                f"{self._name} has a derivative of order {sum(index)} of {applied}; the highest "
                f"is {MAX_ORDER}. Write higher ones as a system."
            )
        if function in own.unknowns:
            return self._unknown(own.unknowns.index(function), applied, index, moved)
        if function in own.laws:
            return self._law(own.laws.index(function), applied, index, moved)
        if function in own.known:
            return self._call(own.known.index(function), applied, index, moved)
        raise ValueError(
            f"{self._name} has the function {function}, which is not in the equations. "
            f"The unknowns are: {', '.join(map(str, own.unknowns)) or 'none'}."
        )

    def _unknown(self, number: int, applied: Any, index: MultiIndex, moved: dict[Any, Any]) -> Any:
        variables = self._vocabulary.variables
        if len(applied.args) != len(variables):
            raise ValueError(
                f"{self._name} has {applied}, but {applied.func} is a function of "
                f"{', '.join(map(str, variables))}."
            )
        place = tuple(sp.sympify(own).subs(moved) for own in applied.args)
        found = self._found
        if place not in found.places:
            if any(own.has(AppliedUndef) for own in place):
                raise ValueError(f"{self._name} has {applied}, an unknown at an unknown place.")
            found.places.append(place)
        atom = Atom(number, index, found.places.index(place))
        return found.atoms.setdefault(atom, sp.Dummy(f"u{number}", real=True))

    def _law(self, number: int, applied: Any, index: MultiIndex, moved: dict[Any, Any]) -> Any:
        place = (number, tuple(self._lower(own, moved) for own in applied.args))
        found = self._found
        if place not in found.law_places:
            found.law_places.append(place)
        atom = Atom(number, index, found.law_places.index(place))
        return found.law_atoms.setdefault(atom, sp.Dummy(f"f{number}", real=True))

    def _call(self, number: int, applied: Any, index: MultiIndex, moved: dict[Any, Any]) -> Any:
        if any(index):
            raise ValueError(
                f"{self._name} differentiates {applied}, which is given as a callable. Give its "
                "derivative as a function of its own."
            )
        arguments = tuple(self._lower(own, moved) for own in applied.args)
        free = set().union(*(own.free_symbols for own in arguments))
        if not free <= set(self._vocabulary.variables):
            raise ValueError(f"{self._name}: the arguments of {applied} must be variables.")
        return self._found.calls.setdefault((number, arguments), sp.Dummy(f"g{number}", real=True))


def function_classes(expression: Any) -> list[Any]:
    """Return the undefined functions of an expression in the order in which they appear."""
    found: list[Any] = []
    for part in sp.preorder_traversal(expression):
        if isinstance(part, AppliedUndef) and part.func not in found:
            found.append(part.func)
    return found


def vocabulary_of(
    equations: Sequence[Any],
    variables: Sequence[Any],
    parameters: Sequence[Any],
    constants: Sequence[Any],
    known: Sequence[Any],
) -> Vocabulary:
    """Tell unknowns, functions of all variables in some equation, from laws.

    Raises
    ------
    ValueError
        If an equation has no unknown.
    """
    unknowns: list[Any] = []
    others: list[Any] = []
    for equation in equations:
        for part in sp.preorder_traversal(equation):
            if not isinstance(part, AppliedUndef) or part.func in known:
                continue
            goal = unknowns if tuple(part.args) == tuple(variables) else others
            if part.func not in goal:
                goal.append(part.func)
    laws = [own for own in others if own not in unknowns]
    for number, equation in enumerate(equations):
        if not any(own in unknowns for own in function_classes(equation)):
            names = ", ".join(map(str, variables))
            raise ValueError(
                f"equation {number} has no unknown: {equation} = 0 has no function of ({names}), "
                "the variables of domain in their order."
            )
    return Vocabulary(
        tuple(variables),
        tuple(unknowns),
        tuple(laws),
        tuple(known),
        tuple(parameters),
        tuple(constants),
    )


class Compiled:
    """Expressions and their derivatives as one NumPy function.

    Parameters
    ----------
    expressions : sequence of sympy.Expr
        The expressions.
    arguments : sequence of sympy.Symbol
        All their symbols.
    by : sequence of sympy.Symbol
        Those to differentiate by.
    """

    def __init__(
        self, expressions: Sequence[Any], arguments: Sequence[Any], by: Sequence[Any]
    ) -> None:
        self.n_expressions, self._n_by = len(expressions), len(by)
        slopes = [
            (row, column, slope)
            for row, own in enumerate(expressions)
            for column, symbol in enumerate(by)
            if (slope := sp.diff(own, symbol)) != 0
        ]
        self._places = [(row, column) for row, column, _ in slopes]
        self._values = _compile(arguments, expressions)
        self._both = _compile(arguments, [*expressions, *(own for _, _, own in slopes)])

    def values(self, arguments: Sequence[Any], n_points: int) -> FloatArray:
        """Return the expressions, shape (n_points, n_expressions)."""
        with np.errstate(all="ignore"):
            return _stacked(self._values(*arguments), n_points)

    def with_slopes(
        self, arguments: Sequence[Any], n_points: int
    ) -> tuple[FloatArray, dict[tuple[int, int], FloatArray]]:
        """Return the expressions and those derivatives that are not zero everywhere.

        Returns
        -------
        values : ndarray of shape (n_points, n_expressions)
            The expressions.
        slopes : dict of (int, int) to ndarray of shape (n_points,)
            Derivatives by expression and symbol.
        """
        with np.errstate(all="ignore"):
            found = _stacked(self._both(*arguments), n_points)
        n = self.n_expressions
        return found[:, :n], {key: found[:, n + k] for k, key in enumerate(self._places)}


def _compile(arguments: Sequence[Any], expressions: Sequence[Any]) -> Any:
    return sp.lambdify(list(arguments), list(expressions), modules=["scipy", "numpy"], cse=True)


def _stacked(found: Sequence[Any], n_points: int) -> FloatArray:
    out = np.empty((n_points, len(found)))
    for column, own in zip(out.T, found, strict=True):
        if np.iscomplexobj(own):
            column[:] = np.where(np.imag(own) == 0.0, np.real(own), np.nan)
        else:
            column[:] = own
    return out


def evaluated(expressions: Sequence[Any], variables: Sequence[Any], X: FloatArray) -> FloatArray:
    """Return expressions of the variables at points, shape (n_points, n_expressions)."""
    return _stacked(_compile(variables, expressions)(*X.T), len(X))
