import numpy as np
import pytest
import sympy

from skkan.symbolic.division._univariate import find_composite, find_plain
from skkan.symbolic.library._symbols import get_symbol

X = np.linspace(0.3, 3.0, 200)
WEIGHT = np.full(200, 1 / 200)
z = sympy.Symbol("z")
# Enough to choose from, and quick.
SYMBOLS = [get_symbol(name) for name in ("x", "x^2", "1/x", "sqrt", "exp", "log", "sin", "cosh")]
SYMBOLS += [get_symbol(name) for name in ("1/sqrt", "1/x^2", "tan")]


def value_of(piece, stripped="none"):
    expression, constants, values = piece.expression(z, stripped)
    formula = expression.xreplace(dict(zip(constants, map(sympy.Float, values), strict=True)))
    return np.broadcast_to(sympy.lambdify(z, formula)(X), X.shape)


@pytest.mark.parametrize(
    ("function", "name"),
    [(lambda x: 2.0 * x - 1.0, "x"), (np.log, "log"), (np.cos, "sin"), (np.cosh, "cosh")],
)
def test_plain_functions(function, name):
    best = find_plain(X, function(X), WEIGHT, SYMBOLS, 1e-10)[0]
    assert best.symbol.name == name
    np.testing.assert_allclose(value_of(best), function(X), atol=1e-8)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: 1.0 / np.sqrt(10.0 - x**2),
        lambda x: (1.0 - np.cos(x)) / x**2,
        lambda x: np.sin(2.0 * np.log(x)),
        lambda x: -np.sqrt(np.exp(x) + 1.0),
        lambda x: x * np.sin(4.0 * x),
    ],
)
def test_composite_functions(function):
    y = function(X)
    best = find_composite(X, y, WEIGHT, SYMBOLS, 1e-8)[0]
    assert best.error < 1e-8
    np.testing.assert_allclose(value_of(best), y, atol=1e-6)


@pytest.mark.parametrize("find", [find_plain, find_composite])
@pytest.mark.parametrize("stripped", ["factor", "both"])
def test_stripped_pieces_are_the_same_but_for_scale_and_shift(find, stripped):
    y = 2.0 / np.sqrt(10.0 - X**2) + (1.0 if stripped == "both" and find is find_plain else 0.0)
    for piece in find(X, y, WEIGHT, SYMBOLS, 1e-8):
        if piece.error > 1e-3:
            continue
        own, whole = value_of(piece, stripped), value_of(piece)
        columns = [own, np.ones_like(X)] if stripped == "both" else [own]
        design = np.column_stack(columns)
        fit = design @ np.linalg.lstsq(design, whole, rcond=None)[0]
        np.testing.assert_allclose(fit, whole, atol=1e-4 * np.ptp(whole))


def test_lines_are_not_taken_for_bent_functions():
    noisy = X + 1e-9 * np.random.default_rng(0).normal(size=len(X))
    assert find_plain(X, noisy, WEIGHT, SYMBOLS, 1e-8)[0].symbol.name == "x"
    bent = find_plain(X, X**2 + 1e-9 * (noisy - X), WEIGHT, SYMBOLS, 1e-8)
    assert bent[0].symbol.name == "x^2"
    assert not bent[0].disguised


def test_only_the_given_symbols_are_used():
    symbols = [symbol for symbol in SYMBOLS if symbol.name in ("x", "log")]
    for piece in find_composite(X, 1.0 / X, WEIGHT, symbols, 1e-8):
        assert piece.symbol in symbols
        assert piece.transform.symbol in ("x", "log")
        assert piece.inner.symbol in ("x", "log")
