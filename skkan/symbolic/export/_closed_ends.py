"""Formulas whose roots and arc functions bear the rounding of arguments at the ends of domains."""

import itertools
from typing import Any

from skkan.network.functions._symbolic_edge import ROUNDING
from skkan.symbolic.export._pieces import piecewise
from skkan.symbolic.export._program import Program, rebuilt
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
    return rebuilt(expression, _joined)


def closed_end_program(expression: Any, inputs: tuple[Any, ...]) -> Program:
    """Return the program of such a formula, with a step for every root and the like.

    Roots inside of roots would otherwise repeat their arguments, and keep SymPy busy for minutes.

    Parameters
    ----------
    expression : sympy.Expr
        A formula for real arguments.
    inputs : tuple of sympy.Symbol
        Its inputs.

    Examples
    --------
    >>> import sympy
    >>> from skkan.symbolic.export._closed_ends import closed_end_program
    >>> x = sympy.Symbol("x")
    >>> formula = sympy.sqrt(sympy.sqrt(x - 1) + x)
    >>> len(closed_end_program(formula, (x,)).steps)
    2
    """
    import sympy  # noqa: PLC0415

    taken = {str(own) for own in inputs}
    numbers = itertools.count()
    steps: list[tuple[Any, Any]] = []

    def joined(part: Any, arguments: list[Any]) -> Any:
        whole = _joined(part, arguments)
        if whole.has(sympy.Piecewise):
            name = next(own for k in numbers if (own := f"step{k}") not in taken)
            steps.append((sympy.Symbol(name, real=True), whole))
            return steps[-1][0]
        return whole

    output = rebuilt(expression, joined)
    return Program(inputs, steps, [output])


def _joined(part: Any, arguments: list[Any]) -> Any:
    import sympy  # noqa: PLC0415

    if isinstance(part, sympy.exp):
        return exp_form(arguments[0])
    return part.func(*_settled(part, arguments))


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
    # SymPy would ask for minutes what is known of roots inside of roots.
    size = sympy.Add(*(sympy.Abs(own, evaluate=False) for own in inner.args), evaluate=False)
    near = sympy.Mul(sympy.Float(ROUNDING), size, evaluate=False)
    cases = []
    for end in ends:
        gap = sympy.Add(inner, -end, evaluate=False) if end else inner
        beyond = sympy.LessThan(sympy.Abs(gap, evaluate=False), near, evaluate=False)
        cases.append((sympy.Integer(end), beyond))
    return [piecewise([*cases, (inner, sympy.true)]), *arguments[1:]]
