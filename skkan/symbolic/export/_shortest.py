"""The shortest of a few exact forms of a formula, the signs of the data being known.

Nothing here takes longer than the size of a formula allows: forms that multiply out are only tried
where few terms come of it.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.symbolic.export._equation_table import tree_size

# Nodes of formulas that are looked at, terms of those that are multiplied out, and terms and
# operations of polynomials that are factored.
MAX_SIZE, MAX_TERMS, MAX_FACTORED, MAX_CANCELLED = 200, 40, 12, 60


def shortest(expression: Any, names: Sequence[str], X: FloatArray) -> Any:
    """Return the shortest exact form of a formula on samples.

    Parameters
    ----------
    expression : sympy.Expr
        A formula.
    names : sequence of str
        Names of the columns.
    X : ndarray of shape (n_samples, n_columns)
        Samples; absolute values are resolved where arguments have one sign there.

    Examples
    --------
    >>> import numpy as np
    >>> import sympy
    >>> from skkan.symbolic.export._shortest import shortest
    >>> a, b = sympy.symbols("a b")
    >>> X = np.array([[1.0, 2.0], [2.0, 3.0]])
    >>> shortest(a**2 - 2 * a * b + b**2, ["a", "b"], X)
    (a - b)**2
    >>> shortest(sympy.Abs(a + 1) * sympy.sqrt(b**2), ["a", "b"], X)
    b*(a + 1)
    """
    import sympy  # noqa: PLC0415

    if tree_size(expression) > MAX_SIZE or not expression.free_symbols:
        return expression
    table = {
        sympy.Symbol(name): sympy.Dummy(name, real=True, **_sign(x))
        for name, x in zip(names, X.T, strict=True)
    }
    back = {own: symbol for symbol, own in table.items()}
    inputs = list(back)
    plain = _without_signs(expression.xreplace(table), inputs, X)
    forms = [plain]
    for rewrite in (_factored_terms, _expanded, _joined, _cancelled):
        forms += [own for form in forms[:2] if (own := _tried(rewrite, form)) is not None]
    forms += [own for form in forms if (own := _tried(_grouped, form)) is not None]
    forms += [own for form in forms if (own := _tried(_rooted, form)) is not None]
    # A sign that the data show is worth a node.
    forms = [_without_signs(form, inputs, X) for form in forms]
    best = min(forms, key=_length)
    written = best.xreplace(back)
    return written if _length(written) <= _length(expression) else expression


def _length(expression: Any) -> tuple[int, int]:
    return tree_size(expression), int(expression.count_ops())


def _sign(x: FloatArray) -> dict[str, bool]:
    return {"positive": True} if x.min(initial=np.inf) > 0.0 else {}


def _tried(rewrite: Callable[[Any], Any], expression: Any) -> Any:
    import sympy  # noqa: PLC0415

    try:
        return rewrite(expression)
    except (sympy.PolynomialError, ArithmeticError, ValueError, TypeError, NotImplementedError):
        return None


def _without_signs(expression: Any, inputs: list[Any], X: FloatArray) -> Any:
    """Return an expression without absolute values of arguments of one sign."""
    import sympy  # noqa: PLC0415

    for part in sorted(expression.atoms(sympy.Abs), key=tree_size):
        inner = part.args[0]
        with np.errstate(all="ignore"):
            value = np.asarray(sympy.lambdify(inputs, inner, modules=["scipy", "numpy"])(*X.T))
        if np.iscomplexobj(value) or not np.isfinite(value).all():
            continue
        if value.min() >= 0.0:
            expression = expression.xreplace({part: inner})
        elif value.max() <= 0.0:
            expression = expression.xreplace({part: -inner})
    return expression


def _factored_terms(expression: Any) -> Any:
    import sympy  # noqa: PLC0415

    return sympy.factor_terms(expression)


def _joined(expression: Any) -> Any:
    """Return an expression with one exponential in the place of several."""
    import sympy  # noqa: PLC0415

    return (
        sympy.powsimp(expression, deep=True, combine="exp") if expression.has(sympy.exp) else None
    )


def _rooted(expression: Any) -> Any:
    """Return an expression with absolute values in the place of roots of squares."""
    import sympy  # noqa: PLC0415

    def split(part: Any) -> Any:
        squares = [own for own in sympy.Mul.make_args(part.base) if _is_square(own)]
        rest = sympy.Mul(*(own for own in sympy.Mul.make_args(part.base) if own not in squares))
        power = part.exp
        outside = [sympy.Abs(own.base) ** (own.exp * power) for own in squares]
        if rest.is_Pow and rest.exp == -1:
            rest, power = rest.base, -power
        return sympy.Mul(*outside) * rest**power

    table = {
        part: split(part)
        for part in expression.atoms(sympy.Pow)
        if abs(part.exp) == sympy.Rational(1, 2)
        and (part.base.is_Pow or any(map(_is_square, part.base.args)))
    }
    return expression.xreplace(table)


def _is_square(expression: Any) -> bool:
    return bool(expression.is_Pow and expression.exp.is_Integer and expression.exp % 2 == 0)


def _n_terms(expression: Any) -> float:
    """Return how many terms come of multiplying out, at most."""
    if expression.is_Add:
        return sum(map(_n_terms, expression.args))
    if expression.is_Mul:
        return math.prod(map(_n_terms, expression.args))
    if expression.is_Pow and expression.exp.is_Integer and expression.exp > 1:
        own = _n_terms(expression.base)
        return own if own == 1 else min(own ** int(expression.exp), 1e9)
    return max(map(_n_terms, expression.args), default=1)


def _expanded(expression: Any) -> Any:
    return expression.expand() if _n_terms(expression) <= MAX_TERMS else None


def _cancelled(expression: Any) -> Any:
    import sympy  # noqa: PLC0415

    if expression.count_ops() > MAX_CANCELLED or expression.atoms(sympy.Float):
        return None
    whole = sympy.together(expression)
    if _n_terms(whole) > MAX_TERMS or not whole.is_rational_function(*whole.free_symbols):
        return whole
    return min(whole, sympy.cancel(whole), key=_length)


def _grouped(expression: Any) -> Any:
    """Return an expression in whose sums the terms that share variables are factored."""
    import sympy  # noqa: PLC0415

    if not expression.args:
        return expression
    arguments = [_grouped(own) for own in expression.args]
    expression = expression.func(*arguments)
    terms = sympy.Add.make_args(expression)
    if not expression.is_Add or len(terms) > MAX_TERMS or expression.atoms(sympy.Float):
        return expression
    groups: list[tuple[set[Any], list[Any]]] = []
    for term in terms:
        symbols, own = set(term.free_symbols), [term]
        for group in [group for group in groups if group[0] & symbols]:
            groups.remove(group)
            symbols |= group[0]
            own = group[1] + own
        groups.append((symbols, own))
    grouped = sympy.Add(*(_factored(sympy.Add(*own)) for _, own in groups))
    return min(grouped, _factored(expression), key=_length)


def _factored(expression: Any) -> Any:
    """Return a polynomial of some terms as a product, if that is shorter."""
    import sympy  # noqa: PLC0415

    some = 2 < len(sympy.Add.make_args(expression)) <= MAX_FACTORED >= _n_terms(expression)
    if not some or not expression.is_polynomial(*expression.free_symbols):
        return expression
    return min(expression, sympy.factor(expression), key=_length)
