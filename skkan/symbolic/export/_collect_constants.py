"""Formulas with as few constants as their form allows, their values being the same.

A sum keeps one constant, a product one factor; scales inside powers, roots and logarithms go out of
them. It is meant for formulas before they are rounded: then what is collected is rounded once.
"""

from collections.abc import Sequence
from typing import Any

from skkan.symbolic.export._pieces import piecewise
from skkan.symbolic.export._program import rebuilt
from skkan.symbolic.library._function_values import exp_form

# Coefficients that are as large as another but for this share count as equal.
AS_LARGE = 1e-3


def collected(expression: Any) -> Any:
    """Return a formula with its constants collected.

    Parameters
    ----------
    expression : sympy.Expr
        A formula with real constants.

    Returns
    -------
    expression : sympy.Expr
        The same function, up to the rounding of the constants.

    Examples
    --------
    >>> import sympy
    >>> from skkan.symbolic.export._collect_constants import collected
    >>> x, y = sympy.symbols("x y")
    >>> collected(0.5 * (2.0 * x + 4.0) ** 2 + 1.0)
    2.0*(x + 2.0)**2 + 1.0
    >>> collected(3.0 * (2.0 * x + 1.0) * (y / 4.0 + 2.0))
    1.5*(x + 0.5)*(y + 8.0)
    """
    return rebuilt(expression, lambda part, own: _joined(part.func, own))


def _joined(function: Any, arguments: Sequence[Any]) -> Any:
    """Return a function of arguments that are collected themselves."""
    import sympy  # noqa: PLC0415

    if function is sympy.Add:
        return _sum(arguments)
    if function is sympy.Mul:
        return _product(arguments)
    if function is sympy.Pow and arguments[1].is_Rational:
        exponent = arguments[1]
        scale, base = _scaled(arguments[0])
        if not exponent.is_Integer and scale < 0:
            scale, base = -scale, _negative(base)
        return _product([scale**exponent, base**exponent])
    if function is sympy.exp:
        return exp_form(arguments[0])
    if function is sympy.log:
        scale, inner = _scaled(arguments[0])
        if scale < 0:
            scale, inner = -scale, _negative(inner)
        return function(inner) + function(scale)
    return function(*arguments)


def _sum(terms: Sequence[Any]) -> Any:
    """Return a sum with one constant, which goes into the pieces if there is one set of them."""
    import sympy  # noqa: PLC0415

    flat: list[Any] = []
    for term in terms:
        factor, rest = term.as_coeff_Mul()
        flat += [factor * own for own in rest.args] if rest.is_Add else [term]
    total = sympy.Add(*flat)
    constant, rest = total.as_coeff_Add()
    if constant and isinstance(rest, sympy.Piecewise):
        return piecewise([(_sum([value, constant]), when) for value, when in rest.args])
    return total


def _product(factors: Sequence[Any]) -> Any:
    """Return a product with one constant."""
    import sympy  # noqa: PLC0415

    scale, rest = sympy.Mul(*factors).as_coeff_Mul()
    parts = sympy.Mul.make_args(rest)
    if len(parts) == 1:
        return sympy.Add(*(scale * own for own in rest.args)) if rest.is_Add else scale * rest
    split = [_scaled(own) if own.is_Add else (sympy.S.One, own) for own in parts]
    return sympy.Mul(scale, *(own for pair in split for own in pair))


def _scaled(part: Any) -> tuple[Any, Any]:
    """Return a factor and what is left of an expression without it.

    Of sums the largest coefficient becomes 1, unless one of them is exact: then it has been chosen.
    """
    import sympy  # noqa: PLC0415

    if not part.is_Add:
        factor, rest = part.as_coeff_Mul()
        return (factor, rest) if not part.is_number else (sympy.S.One, part)
    constants = [own if own.is_number else own.as_coeff_Mul()[0] for own in part.args]
    if not all(own.is_Float for own in constants):
        return sympy.S.One, part
    terms = [own for own in part.as_ordered_terms() if not own.is_number]
    largest = sympy.S.Zero
    for term in terms:
        factor = term.as_coeff_Mul()[0]
        if abs(factor) > (1.0 + AS_LARGE) * abs(largest):
            largest = factor
    if not largest:
        return sympy.S.One, part
    quotients = [own / largest for own in part.args]
    return largest, sympy.Add(*(_unit(own) for own in quotients))


def _unit(term: Any) -> Any:
    """Return a term without a factor of 1.0."""
    factor, rest = term.as_coeff_Mul()
    return rest if float(factor) == 1.0 else term


def _negative(part: Any) -> Any:
    import sympy  # noqa: PLC0415

    return sympy.Add(*(-own for own in sympy.Add.make_args(part)))
