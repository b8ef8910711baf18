"""Formulas whose roots and arc functions bear the rounding of arguments at the ends of domains."""

from typing import Any

from skkan.network._symbolic_edge import ROUNDING
from skkan.symbolic.export._program import piecewise, rebuilt
from skkan.symbolic.library._function_values import exp_form


def with_closed_ends(expression: Any) -> Any:
    """Return a formula in which sums that are at a closed end but for rounding are there.

    Parameters
    ----------
    expression : sympy.Expr
        A formula for real arguments.

    Returns
    -------
    expression : sympy.Expr
        A formula to be evaluated and not to be read. Sums inside of square roots and the like, of
        arc sines and arc cosines are compared with the size of their terms.

    Examples
    --------
    >>> import sympy
    >>> from skkan.symbolic.export._closed_ends import with_closed_ends
    >>> from skkan.symbolic.search._equation_rows import function_of
    >>> x = sympy.Symbol("x")
    >>> function_of(with_closed_ends(sympy.sqrt(0.3 - x)), ["x"])([[0.1 + 0.2]])
    array([0.])
    >>> with_closed_ends(sympy.sin(x - 0.3))
    sin(x - 0.3)
    """
    import sympy  # noqa: PLC0415

    def joined(part: Any, arguments: list[Any]) -> Any:
        if isinstance(part, sympy.exp):
            return exp_form(arguments[0])
        return part.func(*_settled(part, arguments))

    return rebuilt(expression, joined)


def _settled(part: Any, arguments: list[Any]) -> list[Any]:
    import sympy  # noqa: PLC0415

    ends: tuple[int, ...] = ()
    if part.is_Pow and part.exp.is_Rational and part.exp.q == 2 and part.exp > 0:
        ends = (0,)
    elif isinstance(part, sympy.asin | sympy.acos):
        ends = (-1, 1)
    inner = arguments[0]
    if not ends or not inner.is_Add:
        return arguments
    size = sympy.Add(*(sympy.Abs(own) for own in inner.args))
    near = sympy.Float(ROUNDING) * size
    cases = [
        (sympy.Integer(end), sympy.LessThan(sympy.Abs(inner - end), near, evaluate=False))
        for end in ends
    ]
    return [piecewise([*cases, (inner, sympy.true)]), *arguments[1:]]
