"""Conditions: what they are about, whether they fit together, and how to have them exactly."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import sympy as sp

from skkan._typing import FloatArray
from skkan.pde.problem._domain import Domain
from skkan.pde.problem._equations import (
    Atom,
    Compiled,
    Lowered,
    Lowering,
    Vocabulary,
    evaluated,
    function_classes,
    residual_of,
)
from skkan.pde.problem._evaluation import Formula
from skkan.pde.problem._model import Ansatz

CORNER_TOLERANCE = 1e-8


def normal(variable: Any) -> Any:
    """Return the symbol of the outward normal's component along a variable.

    It has a meaning in conditions on the border of the domain.

    Parameters
    ----------
    variable : sympy.Symbol
        A variable of the domain.

    Returns
    -------
    component : sympy.Symbol
        Its name is that of the variable with ``n_`` before it.

    Examples
    --------
    >>> import sympy as sp
    >>> from skkan.pde import normal
    >>> normal(sp.Symbol("x"))
    n_x
    """
    return sp.Symbol(f"n_{variable}", real=True)


@dataclass(eq=False)
class Condition:
    """One condition.

    Attributes
    ----------
    name : str
        For messages.
    residual : sympy.Expr
        What is to be zero.
    free : tuple of int
        Variables that it holds for all values of.
    on_border : bool
        Whether it holds on the border of the domain.
    formula : Formula or None
        Of a condition on values; None for one on integrals.
    normals : tuple of int
        Variables whose normal components it has.
    integrands : list of Formula
        Of a condition on integrals.
    outer : Compiled or None
        That condition in its integrals.
    """

    name: str
    residual: Any
    free: tuple[int, ...] = ()
    on_border: bool = False
    formula: Formula | None = None
    lowered_residual: Any = None
    normals: tuple[int, ...] = ()
    integrands: list[Formula] = field(default_factory=list)
    outer: Compiled | None = None

    @property
    def is_integral(self) -> bool:
        """Whether it is on integrals."""
        return self.outer is not None


def read_condition(equation: Any, number: int, vocabulary: Vocabulary, domain: Domain) -> Condition:
    """Read one condition.

    Raises
    ------
    ValueError
        If it cannot be one: no unknown, symbols of no meaning, a place outside the domain.
    TypeError
        If it is no equation.
    """
    name = f"condition {number} ({equation})"
    residual = residual_of(equation, name)
    sought = {*vocabulary.unknowns, *vocabulary.laws}
    if not sought & set(function_classes(residual)):
        raise ValueError(
            f"{name} has none of the functions sought: {', '.join(map(str, vocabulary.unknowns))}."
        )
    if residual.has(sp.Integral):
        return _integral_condition(residual, name, vocabulary, domain)
    variables = vocabulary.variables
    normals = [normal(own) for own in variables]
    used = tuple(k for k, own in enumerate(normals) if own in residual.free_symbols)
    data = [normals[k] for k in used]
    lowering = Lowering(vocabulary, data)
    lowered = lowering.lowered(residual, name)
    found = lowering.found
    symbols = set(lowered.free_symbols)
    for place in [*found.places, *(own for _, own in found.law_places)]:
        symbols |= set().union(*(own.free_symbols for own in place))
    for _, arguments in found.calls:
        symbols |= set().union(*(own.free_symbols for own in arguments))
    free = tuple(k for k, own in enumerate(variables) if own in symbols)
    on_border = len(free) == len(variables) and tuple(variables) in found.places
    if used and not on_border:
        raise ValueError(f"{name} has a normal but does not hold on the border of the domain.")
    if on_border and len(variables) == 1:
        raise ValueError(
            f"{name} does not say where it holds: write it at a value of {variables[0]}, as "
            f"{vocabulary.unknowns[0]}({domain.low[0]:g})."
        )
    condition = Condition(
        name,
        residual,
        free,
        on_border,
        Formula([lowered], found, vocabulary, data),
        lowered,
        used,
    )
    if not on_border:
        _check_places(condition, found, domain)
    return condition


def _check_places(condition: Condition, found: Lowered, domain: Domain) -> None:
    for place in found.places:
        corners = np.stack(
            np.meshgrid(*([a, b] for a, b in zip(domain.low, domain.high, strict=True))), -1
        ).reshape(-1, domain.n_variables)
        X = evaluated(place, domain.variables, corners)
        outside = ~domain.in_box(X)
        if np.any(outside):
            point = ", ".join(
                f"{v} = {x:g}" for v, x in zip(domain.variables, X[outside][0], strict=True)
            )
            ends = ", ".join(
                f"{v} from {a:g} to {b:g}"
                for v, a, b in zip(domain.variables, domain.low, domain.high, strict=True)
            )
            raise ValueError(
                f"{condition.name} is outside the domain: it is about {point}, and the domain has "
                f"{ends}."
            )


def _integral_condition(
    residual: Any, name: str, vocabulary: Vocabulary, domain: Domain
) -> Condition:
    integrals = sorted(residual.atoms(sp.Integral), key=str)
    symbols = [sp.Dummy("I", real=True) for _ in integrals]
    outer = residual.xreplace(dict(zip(integrals, symbols, strict=True)))
    if function_classes(outer):
        raise ValueError(f"{name} has values of unknowns beside integrals, which cannot be mixed.")
    formulas = []
    for integral in integrals:
        limits = {own[0]: tuple(own[1:]) for own in integral.limits}
        whole = set(limits) == set(vocabulary.variables)
        for k, variable in enumerate(vocabulary.variables):
            ends = limits.get(variable, ())
            whole = whole and len(ends) in {0, 2}
            if whole and ends:
                numbers = [float(end) for end in ends]
                whole = bool(np.allclose(numbers, [domain.low[k], domain.high[k]]))
        if not whole:
            raise ValueError(
                f"{name} has {integral}; integrals go over the whole domain, all its variables "
                "from end to end."
            )
        lowering = Lowering(vocabulary)
        lowered = lowering.lowered(integral.function, name)
        formulas.append(Formula([lowered], lowering.found, vocabulary))
    numbers_in = {*symbols, *vocabulary.parameters, *vocabulary.constants}
    strange = outer.free_symbols - numbers_in
    if strange:
        names = ", ".join(sorted(map(str, strange)))
        raise ValueError(f"{name} has {names} beside integrals over the whole domain.")
    by = [*symbols, *vocabulary.parameters]
    compiled = Compiled([outer], [*vocabulary.constants, *by], by)
    return Condition(name, residual, integrands=formulas, outer=compiled)


@dataclass(frozen=True)
class EndValue:
    """``d^order u / d x_k^order = value`` where the variable is at one of its ends.

    Attributes
    ----------
    unknown, variable : int
        Which.
    at_high : bool
        Which end.
    order : int
        0, or 1 for the slope across the face.
    value : sympy.Expr
        Of the other variables.
    """

    unknown: int
    variable: int
    at_high: bool
    order: int
    value: Any


def end_value(condition: Condition, vocabulary: Vocabulary, domain: Domain) -> EndValue | None:
    """Read a condition as one on a value or slope at an end, if it is one."""
    formula = condition.formula
    if formula is None or condition.on_border or len(formula.atoms) != 1:
        return None
    atom, symbol = next(iter(formula.lowered.atoms.items()))
    place = formula.lowered.places[atom.place]
    fixed = [k for k, own in enumerate(place) if own != vocabulary.variables[k]]
    slope = sp.diff(condition.lowered_residual, symbol)
    value = -condition.lowered_residual.subs(symbol, 0) / slope if slope != 0 else sp.nan
    strange = value.free_symbols & {*vocabulary.parameters, *vocabulary.constants}
    strange |= set(formula.lowered.calls.values()) | set(formula.lowered.law_atoms.values())
    if len(fixed) != 1 or not place[fixed[0]].is_number or not slope.is_number or strange:
        return None
    k = fixed[0]
    if value is sp.nan or sum(atom.index) > 1 or sum(atom.index) != atom.index[k]:
        return None
    gaps = np.abs(np.array([domain.low[k], domain.high[k]]) - float(place[k]))
    if gaps.min() > 1e-12 * (domain.high[k] - domain.low[k]):
        return None
    return EndValue(atom.function, k, bool(gaps[1] < gaps[0]), atom.index[k], value)


def periodic_variable(
    condition: Condition, vocabulary: Vocabulary, domain: Domain
) -> tuple[int, int] | None:
    """Return the unknown and the variable in which a condition makes it periodic, if it does."""
    formula = condition.formula
    if formula is None or len(formula.atoms) != 2 or formula.law_atoms or condition.on_border:
        return None
    (a, left), (b, right) = formula.lowered.atoms.items()
    if (a.function, a.index) != (b.function, b.index):
        return None
    if sp.simplify(condition.lowered_residual / (left - right)).free_symbols:
        return None
    places = [formula.lowered.places[own.place] for own in (a, b)]
    differ = [k for k in range(len(places[0])) if places[0][k] != places[1][k]]
    if len(differ) != 1 or not all(p[differ[0]].is_number for p in places):
        return None
    k = differ[0]
    others = [i for i in range(len(places[0])) if i != k]
    if any(places[0][i] != vocabulary.variables[i] for i in others):
        return None
    ends = sorted(float(p[k]) for p in places)
    same = np.allclose(ends, [domain.low[k], domain.high[k]], rtol=1e-12)
    return (a.function, k) if same else None


def interpolant(values: Sequence[EndValue], domain: Domain) -> Ansatz:
    """Return the transfinite interpolant of end values of one unknown, and what vanishes there.

    Parameters
    ----------
    values : sequence of EndValue
        Of the same unknown; slopes only where the value at the same end is given too.
    domain : Domain
        A box.

    References
    ----------
    W. Gordon and C. Hall, "Transfinite element methods: blending-function interpolation over
    arbitrary curved element domains", Numerische Mathematik 1973.
    """
    shift, factor = sp.Integer(0), sp.Integer(1)
    for k, variable in enumerate(domain.variables):
        own = {(v.at_high, v.order): v.value for v in values if v.variable == k}
        if not own:
            continue
        low, high = (_number(end) for end in (domain.low[k], domain.high[k]))
        unit = (variable - low) / (high - low)

        def missing(
            at_high: bool,
            order: int,
            shift: Any = shift,
            own: Any = own,
            variable: Any = variable,
            low: Any = low,
            high: Any = high,
        ) -> Any:
            present = sp.diff(shift, variable, order).subs(variable, high if at_high else low)
            return own[at_high, order] - present

        # Hermite interpolation of what the other variables have left over.
        ends = sorted(own)
        basis = _hermite(ends, unit, high - low)
        shift += sum(missing(*end) * b for end, b in zip(ends, basis, strict=True))
        for at_high in (False, True):
            count = sum(1 for end in ends if end[0] == at_high)
            factor *= (1 - unit if at_high else unit) ** count
    return Ansatz(shift, factor)


def _number(value: float) -> Any:
    return sp.Integer(int(value)) if float(value).is_integer() else sp.Float(value, 17)


def _hermite(ends: Sequence[tuple[bool, int]], unit: Any, span: Any) -> list[Any]:
    """Return polynomials that are one for one of the end values, and zero for the others."""
    s = sp.Symbol("s")
    powers = [s**p for p in range(len(ends))]
    rows = [
        [sp.diff(power, s, order).subs(s, int(at_high)) / span**order for power in powers]
        for at_high, order in ends
    ]
    coefficients = sp.Matrix(rows).inv()
    return [sum(coefficients[p, k] * unit**p for p in range(len(ends))) for k in range(len(ends))]


def check_corners(values: Sequence[tuple[str, EndValue]], domain: Domain) -> None:
    """Raise a ValueError where two values disagree at the corner that their faces share."""
    for (left_name, left), (right_name, right) in combinations(values, 2):
        same_face = (left.variable, left.at_high) == (right.variable, right.at_high)
        if left.unknown != right.unknown or left.order or right.order:
            continue
        if left.variable == right.variable and not same_face:
            continue
        X = _shared(left, right, domain)
        a, b = evaluated([left.value, right.value], domain.variables, X).T
        gap = np.abs(a - b)
        worst = int(np.argmax(gap))
        if gap[worst] > CORNER_TOLERANCE * (1.0 + np.abs(a).max() + np.abs(b).max()):
            point = ", ".join(
                f"{v} = {x:g}" for v, x in zip(domain.variables, X[worst], strict=True)
            )
            raise ValueError(
                f"{left_name} and {right_name} contradict each other at {point}: "
                f"{a[worst]:g} and {b[worst]:g}."
            )


def _shared(left: EndValue, right: EndValue, domain: Domain) -> FloatArray:
    rng = np.random.default_rng(0)
    span = domain.high - domain.low
    X = domain.low + span * rng.uniform(size=(16, domain.n_variables))
    for own in (left, right):
        X[:, own.variable] = (domain.high if own.at_high else domain.low)[own.variable]
    return X


def atoms_of(condition: Condition) -> list[Atom]:
    """Return the atoms of a condition, whatever its kind."""
    if condition.formula is not None:
        return condition.formula.atoms
    return [atom for own in condition.integrands for atom in own.atoms]
