"""Equations, domain and conditions put together and looked over."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from skkan._typing import FloatArray
from skkan.pde.problem._conditions import (
    Condition,
    EndValue,
    atoms_of,
    check_corners,
    end_value,
    interpolant,
    periodic_variable,
    read_condition,
)
from skkan.pde.problem._domain import Domain, on_faces, warped
from skkan.pde.problem._equations import (
    Lowering,
    Vocabulary,
    residual_of,
    vocabulary_of,
)
from skkan.pde.problem._evaluation import Formula
from skkan.pde.problem._model import Ansatz
from skkan.pde.problem._residuals import Group, IntegralGroup

INTEGRAL_POINTS = 400


@dataclass(frozen=True)
class Statement:
    """What is to be solved.

    Attributes
    ----------
    domain : Domain
        Where.
    vocabulary : Vocabulary
        What names mean.
    equations : Formula
        Residuals of the equations.
    conditions : tuple of Condition
        Those that are to be met by least squares.
    ansatz : tuple of Ansatz
        One for every unknown; they meet the other conditions.
    periodic : tuple of bool
        Variables in which everything is periodic.
    known : tuple of callable
        Given functions.
    law_arguments : tuple of int
        Number of arguments of every law.
    """

    domain: Domain
    vocabulary: Vocabulary
    equations: Formula
    conditions: tuple[Condition, ...]
    ansatz: tuple[Ansatz, ...]
    periodic: tuple[bool, ...]
    known: tuple[Callable[..., Any], ...] = ()

    @property
    def n_equations(self) -> int:
        """Number of equations."""
        return self.equations.n_expressions

    @property
    def n_unknowns(self) -> int:
        """Number of unknowns."""
        return len(self.vocabulary.unknowns)

    @property
    def max_order(self) -> int:
        """Highest order of a derivative of the unknowns."""
        atoms = [*self.equations.atoms, *(a for own in self.conditions for a in atoms_of(own))]
        return max((sum(atom.index) for atom in atoms), default=0)

    @property
    def has_integrals(self) -> bool:
        """Whether some conditions are on integrals, as those that fix the norm of a state."""
        return any(own.outer is not None for own in self.conditions)

    def interior_group(self, X: FloatArray) -> Group:
        """Return the residuals of the equations at points."""
        return Group("equations", self.equations, X, known=self.known)

    def condition_groups(
        self,
        n_line: int,
        n_face: int,
        rng: np.random.Generator,
        ends: Sequence[FloatArray] | None = None,
    ) -> list[Group | IntegralGroup]:
        """Return the residuals of the conditions.

        Parameters
        ----------
        n_line, n_face : int
            Numbers of points of conditions in one free variable and in more.
        rng : numpy.random.Generator
            Source of the points.
        ends : sequence of ndarray of shape (n_intervals + 1,), optional
            Breakpoints of every variable, from -1 to 1, which points are to be as dense as.
        """
        groups: list[Group | IntegralGroup] = []
        for own in self.conditions:
            if own.outer is not None:
                count = max(INTEGRAL_POINTS, 4 * n_line ** min(2, self.domain.n_variables))
                X, weights = self.domain.quadrature(count, rng)
                groups.append(
                    IntegralGroup(own.name, own.integrands, X, weights, own.outer, self.known)
                )
                continue
            assert own.formula is not None
            data: list[FloatArray] = []
            if own.on_border:
                n = 4 * n_line if self.domain.n_variables <= 2 else n_face
                X = self.domain.border(n, rng)
                if own.normals:
                    normals = self.domain.normals(X)
                    data = [normals[:, k] for k in own.normals]
            else:
                n = n_line if len(own.free) == 1 else n_face
                X = on_faces(self.domain, own.free, n, rng)
                if ends is not None:
                    X = warped(self.domain, X, ends)
            groups.append(Group(own.name, own.formula, X, data, self.known))
        return groups

    def measurement_groups(self, X: FloatArray, y: FloatArray) -> list[Group]:
        """Return the residuals of measurements, NaN where there are none."""
        groups = []
        variables = self.vocabulary.variables
        for k, unknown in enumerate(self.vocabulary.unknowns):
            there = np.isfinite(y[:, k])
            if not np.any(there):
                continue
            measured = sp.Dummy("y", real=True)
            lowering = Lowering(self.vocabulary, [measured])
            lowered = lowering.lowered(unknown(*variables) - measured, "measurements")
            formula = Formula([lowered], lowering.found, self.vocabulary, [measured])
            groups.append(Group(f"measurements of {unknown}", formula, X[there], [y[there, k]]))
        return groups


def statement_of(
    equations: Any,
    domain: Domain,
    conditions: Any,
    *,
    parameters: Sequence[Any],
    constants: Sequence[Any],
    known: Mapping[Any, Callable[..., Any]],
    exact: bool,
    measured: bool,
) -> Statement:
    """Read equations and conditions.

    Parameters
    ----------
    equations, conditions : sympy.Eq, sympy.Expr or sequence of them
        As the user writes them.
    domain : Domain
        Where.
    parameters, constants : sequence of sympy.Symbol
        Numbers sought, and numbers that change during the fit.
    known : mapping of sympy function classes to callable
        Given functions.
    exact : bool
        Whether to meet conditions by construction where that is possible.
    measured : bool
        Whether there are measurements beside the conditions.

    Raises
    ------
    ValueError, TypeError
        If they make no sense; the message says what is wrong.
    """
    own_equations = [
        residual_of(own, f"equation {k} ({own})") for k, own in enumerate(_sequence(equations))
    ]
    if not own_equations:
        raise ValueError("equations is empty.")
    # As they are written: SymPy sorts the terms of a difference.
    vocabulary = vocabulary_of(
        _sequence(equations), domain.variables, parameters, constants, tuple(known)
    )
    lowering = Lowering(vocabulary)
    lowered = [
        lowering.lowered(own, f"equation {k} ({own} = 0)") for k, own in enumerate(own_equations)
    ]
    _check_parameters(own_equations, parameters, constants)
    formula = Formula(lowered, lowering.found, vocabulary)
    read = [
        read_condition(own, k, vocabulary, domain) for k, own in enumerate(_sequence(conditions))
    ]
    statement = Statement(
        domain,
        vocabulary,
        formula,
        tuple(read),
        tuple(Ansatz() for _ in vocabulary.unknowns),
        (False,) * domain.n_variables,
        tuple(known.values()),
    )
    ends = [(own, end) for own in read if (end := end_value(own, vocabulary, domain)) is not None]
    check_corners([(own.name, end) for own, end in ends], domain)
    if not measured:
        _check_number(statement)
    return _made_exact(statement, ends) if exact else statement


def _sequence(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _check_parameters(
    equations: Sequence[Any], parameters: Sequence[Any], constants: Sequence[Any]
) -> None:
    for name, symbols in (("parameters", parameters), ("continuation", constants)):
        for symbol in symbols:
            if not isinstance(symbol, sp.Symbol):
                raise TypeError(f"{name} must map SymPy symbols to numbers, got {symbol!r}.")
            if not any(symbol in own.free_symbols for own in equations):
                raise ValueError(f"{name} has {symbol}, which is in no equation.")


def _check_number(statement: Statement) -> None:
    """Raise an error or warn where the conditions cannot fix the solution, or may not."""
    vocabulary, domain = statement.vocabulary, statement.domain
    equations, conditions = statement.equations, statement.conditions
    for k, unknown in enumerate(vocabulary.unknowns):
        orders = [a.index for a in equations.atoms if a.function == k]
        touched = any(a.function == k for own in conditions for a in atoms_of(own))
        if orders and min(sum(index) for index in orders) > 0 and not touched:
            raise ValueError(
                f"too few conditions: the equations have {unknown} by its derivatives alone and no "
                f"condition is about it, so that it is fixed up to a constant at best. Give a "
                f"value of {unknown} somewhere."
            )
    if domain.n_variables == 1:
        needed = sum(
            max((sum(a.index) for a in equations.atoms if a.function == k), default=0)
            for k in range(statement.n_unknowns)
        )
        given = len(conditions)
        wanted = needed + len(vocabulary.parameters)
        if given < wanted:
            more = f" and {len(vocabulary.parameters)} parameters" if vocabulary.parameters else ""
            raise ValueError(
                f"too few conditions: the derivatives of highest order add up to {needed}{more}, "
                f"so that {wanted} conditions are needed, and there are {given}."
            )
        return
    if any(own.on_border for own in conditions) or statement.n_unknowns > 1:
        return
    for k, variable in enumerate(domain.variables):
        order = max((a.index[k] for a in equations.atoms), default=0)
        if order == 0:
            continue
        about = sum(
            1
            for own in conditions
            if own.formula is not None
            and any(place[k] != variable for place in own.formula.lowered.places)
        )
        if about == 0 or (order >= 2 and about < 2):
            periodic = any(
                periodic_variable(own, vocabulary, domain) is not None for own in conditions
            )
            if not periodic:
                warnings.warn(
                    f"The equation has a derivative of order {order} in {variable}, and "
                    f"{about} conditions at values of {variable}: they may not fix the solution.",
                    UserWarning,
                    stacklevel=2,
                )


def _made_exact(statement: Statement, ends: Sequence[tuple[Condition, EndValue]]) -> Statement:
    """Return the statement with conditions met by construction where that is possible."""
    domain, vocabulary = statement.domain, statement.vocabulary
    if not domain.is_box:
        return statement
    met: list[Condition] = []
    ansatz = []
    for k in range(statement.n_unknowns):
        mine = [(own, end) for own, end in ends if end.unknown == k]
        values = {(end.variable, end.at_high) for _, end in mine if end.order == 0}
        used = [(own, end) for own, end in mine if (end.variable, end.at_high) in values]
        met += [own for own, _ in used]
        ansatz.append(interpolant([end for _, end in used], domain))
    rings: dict[int, set[int]] = {}
    about: dict[int, list[Condition]] = {}
    for own in statement.conditions:
        found = periodic_variable(own, vocabulary, domain)
        if found is not None:
            rings.setdefault(found[1], set()).add(found[0])
            about.setdefault(found[1], []).append(own)
    periodic = [False] * domain.n_variables
    for k, unknowns in rings.items():
        if len(unknowns) == statement.n_unknowns:
            periodic[k] = True
            met += about[k]
    return replace(
        statement,
        conditions=tuple(own for own in statement.conditions if own not in met),
        ansatz=tuple(ansatz),
        periodic=tuple(periodic),
    )


def law_sizes(statement: Statement) -> list[int]:
    """Return the number of arguments of every law."""
    sizes = [0] * len(statement.vocabulary.laws)
    formulas = [
        statement.equations,
        *(f for c in statement.conditions for f in ([c.formula] if c.formula else c.integrands)),
    ]
    for formula in formulas:
        for number, arguments in formula.lowered.law_places:
            sizes[number] = len(arguments)
    return sizes
