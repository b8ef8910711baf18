"""SymPy expressions as nested lists of strings, stored and read without running code."""

from collections.abc import Callable
from typing import Any

TAG = "skkan.expression"
PAIRS = "skkan.pairs"


def stored(value: Any) -> Any:
    """Return a value with lists in the place of the SymPy expressions in it.

    Parameters
    ----------
    value : object
        An expression, or lists, tuples and dictionaries that may hold some.

    Examples
    --------
    >>> import sympy
    >>> from skkan.symbolic.library._stored_expressions import restored, stored
    >>> x = sympy.Symbol("x", real=True)
    >>> stored(x + 1)
    ['skkan.expression', ['Add', ['Integer', '1'], ['Symbol', 'x', 'real']]]
    >>> restored(stored([sympy.sin(x) / 2])) == [sympy.sin(x) / 2]
    True
    """
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value):
            return {key: stored(own) for key, own in value.items()}
        return [PAIRS, [[stored(key), stored(own)] for key, own in value.items()]]
    if type(value) in {list, tuple}:
        return type(value)(stored(own) for own in value)
    if hasattr(value, "free_symbols") and hasattr(value, "func"):
        return [TAG, _tree(value)]
    return value


def restored(value: Any) -> Any:
    """Return what :func:`stored` was given.

    Raises
    ------
    ValueError
        If a list names something else than a class of SymPy expressions.
    """
    if isinstance(value, dict):
        return {key: restored(own) for key, own in value.items()}
    if type(value) is list and len(value) == 2 and isinstance(value[0], str):
        if value[0] == TAG:
            return _expression(value[1])
        if value[0] == PAIRS:
            return {restored(key): restored(own) for key, own in value[1]}
    if type(value) in {list, tuple}:
        return type(value)(restored(own) for own in value)
    return value


def _tree(part: Any) -> list[Any]:
    kind = part.func.__name__
    if part.is_Symbol:
        # What SymPy infers from these is left out.
        given = part._assumptions_orig
        return ["Symbol", part.name, *(own for own in ("real", "positive") if given.get(own))]
    if part.is_Float:
        return ["Float", str(part), str(part._prec), *map(str, part._mpf_)]
    if part.is_Rational:
        return ["Rational", str(part.p), str(part.q)] if part.q != 1 else ["Integer", str(part.p)]
    if not part.args:
        return ["constant", str(part)]
    return [kind, *map(_tree, part.args)]


_CONSTANTS = ("pi", "E", "I", "oo", "-oo", "zoo", "nan", "GoldenRatio", "EulerGamma", "Catalan")


def _expression(tree: list[Any]) -> Any:
    import sympy  # noqa: PLC0415

    kind, *rest = tree
    if kind in _LEAVES:
        return _LEAVES[kind](*rest)
    made = getattr(sympy, kind, None) or getattr(sympy.functions.elementary.piecewise, kind, None)
    if not (isinstance(made, type) and issubclass(made, sympy.Basic)):
        raise ValueError(f"{kind!r} is no class of SymPy expressions.")  # noqa: TRY004 - it is data
    arguments = [_expression(own) for own in rest]
    if issubclass(made, sympy.Piecewise) or kind == "ExprCondPair":
        return sympy.Basic.__new__(made, *arguments)
    if issubclass(made, sympy.Expr | sympy.core.relational.Relational):
        return made(*arguments, evaluate=False)
    return made(*arguments)


def _symbol(name: str, *assumptions: str) -> Any:
    import sympy  # noqa: PLC0415

    # Names get into compiled code.
    if not name.isidentifier() or not {"real", "positive"}.issuperset(assumptions):
        raise ValueError(f"{name!r} is no symbol of a formula.")
    return sympy.Symbol(name, **dict.fromkeys(assumptions, True))


def _float(_: str, precision: str, *parts: str) -> Any:
    import sympy  # noqa: PLC0415

    return sympy.Float._new(tuple(int(own) for own in parts), int(precision), zero=False)


def _rational(*parts: str) -> Any:
    import sympy  # noqa: PLC0415

    return sympy.Rational(*map(int, parts))


def _constant(name: str) -> Any:
    import sympy  # noqa: PLC0415

    if name in {"True", "False"}:
        return sympy.true if name == "True" else sympy.false
    if name not in _CONSTANTS:
        raise ValueError(f"{name!r} is no constant of SymPy.")
    return -sympy.oo if name == "-oo" else getattr(sympy, name)


_LEAVES: dict[str, Callable[..., Any]] = {
    "Symbol": _symbol,
    "Float": _float,
    "Integer": _rational,
    "Rational": _rational,
    "constant": _constant,
}
