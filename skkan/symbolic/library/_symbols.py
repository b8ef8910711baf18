"""The library of symbolic functions.

SymPy is loaded only when an expression is asked for.
"""

import difflib
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.special import expit, j0

from skkan.symbolic.library import _function_values as el
from skkan.symbolic.library._symbol import Interval, Symbol
from skkan.symbolic.library._user_symbols import user_symbol

POSITIVE = Interval(low=0.0)
NOT_NEGATIVE = Interval(low=0.0, low_closed=True)
OPEN_UNIT = Interval(-1.0, 1.0)
CLOSED_UNIT = Interval(-1.0, 1.0, low_closed=True, high_closed=True)


def _power(name: str, halves: int, complexity: int) -> Symbol:
    """Return a power as a symbol, given twice the exponent."""
    value = el.Power(halves)
    slope = value.derivative()
    domain, parity = Interval(), -1 if halves % 4 else 1
    if halves % 2:
        domain, parity = (NOT_NEGATIVE if halves > 0 else POSITIVE), 0
    return Symbol(
        name,
        complexity,
        value,
        slope,
        slope.derivative(),
        el.PowerForm(halves),
        domain=domain,
        poles=(0.0,) if halves < 0 and not halves % 2 else (),
        parity=parity,
        redundant="scale",
    )


_SYMBOLS = (
    Symbol("0", 0, el.zero, el.zero, el.zero, el.zero_form, parity=1, redundant="both"),
    Symbol("x", 1, el.identity, el.one, el.zero, el.PowerForm(2), parity=-1, redundant="both"),
    _power("x^2", 4, 2),
    _power("x^3", 6, 3),
    _power("x^4", 8, 4),
    _power("x^5", 10, 5),
    _power("1/x", -2, 2),
    _power("1/x^2", -4, 3),
    _power("1/x^3", -6, 4),
    _power("1/x^4", -8, 5),
    _power("1/x^5", -10, 6),
    _power("sqrt", 1, 2),
    _power("1/sqrt", -1, 3),
    _power("x^1.5", 3, 4),
    Symbol("exp", 2, el.exp, el.exp, el.exp, el.exp_form, redundant="shift"),
    Symbol(
        "log",
        2,
        el.log,
        el.log_slope,
        el.log_curvature,
        el.SympyForm("log"),
        domain=POSITIVE,
        redundant="scale",
    ),
    Symbol("abs", 3, np.abs, el.sign, el.zero, el.SympyForm("Abs"), parity=1, redundant="scale"),
    Symbol(
        "sin",
        2,
        el.sin,
        el.cos,
        el.minus_sin,
        el.SympyForm("sin"),
        period=2.0 * math.pi,
        antiperiodic=True,
        parity=-1,
        oscillates=True,
    ),
    Symbol(
        "cos",
        2,
        el.cos,
        el.minus_sin,
        el.minus_cos,
        el.SympyForm("cos"),
        period=2.0 * math.pi,
        antiperiodic=True,
        parity=1,
        oscillates=True,
        twin="sin",
    ),
    Symbol(
        "tan",
        3,
        el.tan,
        el.tan_slope,
        el.tan_curvature,
        el.SympyForm("tan"),
        poles=(0.5 * math.pi,),
        period=math.pi,
        parity=-1,
    ),
    Symbol("tanh", 3, np.tanh, el.tanh_slope, el.tanh_curvature, el.SympyForm("tanh"), parity=-1),
    Symbol(
        "sign",
        3,
        el.sign,
        el.zero,
        el.zero,
        el.SympyForm("sign"),
        jumps=(0.0,),
        parity=-1,
        redundant="scale",
    ),
    Symbol(
        "asin",
        4,
        el.asin,
        el.asin_slope,
        el.asin_curvature,
        el.SympyForm("asin"),
        domain=CLOSED_UNIT,
        parity=-1,
    ),
    Symbol(
        "acos",
        4,
        el.acos,
        el.acos_slope,
        el.acos_curvature,
        el.SympyForm("acos"),
        domain=CLOSED_UNIT,
        parity=-1,
        twin="asin",
    ),
    Symbol("atan", 4, np.arctan, el.atan_slope, el.atan_curvature, el.SympyForm("atan"), parity=-1),
    Symbol(
        "atanh",
        4,
        el.atanh,
        el.atanh_slope,
        el.atanh_curvature,
        el.SympyForm("atanh"),
        domain=OPEN_UNIT,
        parity=-1,
    ),
    Symbol(
        "gaussian",
        3,
        el.gaussian,
        el.gaussian_slope,
        el.gaussian_curvature,
        el.gaussian_form,
        parity=1,
    ),
    Symbol("cosh", 4, el.cosh, el.sinh, el.cosh, el.SympyForm("cosh"), parity=1),
    Symbol("sinh", 4, el.sinh, el.cosh, el.sinh, el.SympyForm("sinh"), parity=-1),
    Symbol(
        "logistic",
        4,
        expit,
        el.logistic_slope,
        el.logistic_curvature,
        el.logistic_form,
        parity=-1,
        reach=8.0,
        twin="tanh",
    ),
    Symbol(
        "j0",
        5,
        j0,
        el.minus_j1,
        el.j0_curvature,
        el.j0_form,
        parity=1,
        oscillates=True,
        reach=16.0,
    ),
)

LIBRARY: dict[str, Symbol] = {symbol.name: symbol for symbol in _SYMBOLS}

# Names in use elsewhere.
ALIASES = {
    "1/sqrt(x)": "1/sqrt",
    "1/x^0.5": "1/sqrt",
    "arccos": "acos",
    "arcsin": "asin",
    "arctan": "atan",
    "arctanh": "atanh",
    "identity": "x",
    "log(x)": "log",
    "sgn": "sign",
    "sigmoid": "logistic",
    "sqrt(x)": "sqrt",
    "x^0.5": "sqrt",
    "zero": "0",
}


def symbol_names() -> list[str]:
    """Return the names of the library's functions.

    Examples
    --------
    >>> from skkan.symbolic.library._symbols import symbol_names
    >>> symbol_names()[:4]
    ['0', 'x', 'x^2', 'x^3']
    """
    return list(LIBRARY)


def search_symbols() -> list[Symbol]:
    """Return the functions worth trying on unknown data: the library without twins."""
    return [symbol for symbol in _SYMBOLS if symbol.twin is None]


def get_symbol(symbol: Any) -> Symbol:
    """Return a symbol by name, as it is, or made of a SymPy expression.

    Parameters
    ----------
    symbol : str, Symbol or sympy.Expr
        A name of the library; ``**`` may stand for ``^``. A SymPy expression has one free symbol.

    Returns
    -------
    symbol : Symbol
        The function.

    Raises
    ------
    ValueError
        If no function has the name, or the expression does not have one free symbol.
    TypeError
        If `symbol` is of another kind.

    Examples
    --------
    >>> from skkan.symbolic.library._symbols import get_symbol
    >>> get_symbol("arctan")
    <Symbol atan>
    """
    if isinstance(symbol, Symbol):
        return symbol
    if isinstance(symbol, str):
        name = symbol.strip().replace("**", "^")
        name = ALIASES.get(name, name)
        if name in LIBRARY:
            return LIBRARY[name]
        close = difflib.get_close_matches(name.lower(), [*LIBRARY, *ALIASES], n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        known = ", ".join(repr(name) for name in LIBRARY)
        raise ValueError(f"unknown symbolic function {symbol!r}.{hint} Known functions: {known}")
    if hasattr(symbol, "free_symbols"):
        return user_symbol(str(symbol), symbol)
    raise TypeError(
        f"a symbolic function is a name, a Symbol or a SymPy expression, got {symbol!r}"
    )


def get_symbols(symbols: Any) -> list[Symbol]:
    """Return the symbols of a list, or those worth trying if it is None.

    Parameters
    ----------
    symbols : iterable of str, Symbol or sympy.Expr, or None
        What :func:`get_symbol` takes, or functions of SymPy such as ``sympy.sin``. Those of a set
        are put in order.

    Raises
    ------
    ValueError
        If the list is empty, or a function unknown.
    TypeError
        If it is no list.

    Examples
    --------
    >>> import sympy
    >>> from skkan.symbolic.library._symbols import get_symbols
    >>> get_symbols([sympy.sin, "x"])
    [<Symbol sin>, <Symbol x>]
    """
    if symbols is None:
        return search_symbols()
    if isinstance(symbols, str) or not isinstance(symbols, Iterable):
        raise TypeError(
            "symbols must be a list of names, Symbols or SymPy expressions such as "
            f"['x', 'sin'], or None for all of them, got {symbols!r}."
        )
    found = []
    for own in symbols:
        if isinstance(own, type) and hasattr(own, "nargs"):
            import sympy  # noqa: PLC0415

            name = own.__name__.lower()
            found.append(get_symbol(name if name in LIBRARY else own(sympy.Symbol("x"))))
        else:
            found.append(get_symbol(own))
    if isinstance(symbols, set | frozenset):
        # The order of a set depends on the hash seed.
        found.sort(key=lambda own: (own.complexity, own.name))
    if not found:
        raise ValueError(
            "symbols must name at least one function, or be None for all of them, got none."
        )
    return found
