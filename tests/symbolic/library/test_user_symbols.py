import math
import pickle

import numpy as np
import pytest
import sympy

from skkan.symbolic.library._symbols import get_symbol, user_symbol
from skkan.symbolic.recognition._fitting import fit_symbol

z = sympy.Symbol("z")

EXPRESSIONS = {
    "z**6": (z**6, {"parity": 1, "redundant": "scale"}),
    "z log z": (z * sympy.log(z), {"parity": 0, "redundant": "none"}),
    "2**z": (2**z, {"redundant": "shift"}),
    "relu": (sympy.Max(0, z), {"redundant": "scale", "parity": 0}),
    "two poles": (1 / ((z - 1) * (z + 2)), {"poles": (-2.0, 1.0)}),
    "sec": (sympy.sec(z), {"parity": 1, "antiperiodic": True}),
    "damped": (sympy.exp(-z) * sympy.sin(z), {"oscillates": True}),
    "half circle": (sympy.sqrt(1 - z**2), {"parity": 1}),
    "abs power": (sympy.Abs(z) ** sympy.Rational(5, 2), {"parity": 1}),
    "falling log": (sympy.log(5 - z), {"poles": ()}),
    "lines": (z + sympy.sin(z), {"parity": -1, "period": None}),
}
each = pytest.mark.parametrize("name", EXPRESSIONS)


def inside(symbol, n=300):
    """Arguments in the last branch of a symbol."""
    branch = symbol.branches()[-1]
    low = branch.low + 0.3 if math.isfinite(branch.low) else min(-1.0, branch.high - 3.0)
    return np.linspace(low, min(low + 2.0, branch.high - 0.1), n)


@each
def test_flags(name):
    expression, flags = EXPRESSIONS[name]
    symbol = user_symbol(name, expression)
    assert {flag: getattr(symbol, flag) for flag in flags} == flags


@each
def test_derivatives_agree_with_differences(name):
    symbol = user_symbol(name, EXPRESSIONS[name][0])
    u, step = inside(symbol) + 0.0123, 1e-6
    for function, slope in ((symbol.value, symbol.slope), (symbol.slope, symbol.curvature)):
        expected = (function(u + step) - function(u - step)) / (2.0 * step)
        np.testing.assert_allclose(slope(u), expected, rtol=1e-6, atol=1e-7)


@each
def test_values_are_those_of_the_expression(name):
    symbol = user_symbol(name, EXPRESSIONS[name][0])
    for u in inside(symbol, 5):
        assert symbol.value(np.array([u]))[0] == pytest.approx(float(symbol.expression(u)))


@each
def test_recovery(name):
    symbol = user_symbol(name, EXPRESSIONS[name][0])
    u = inside(symbol)
    fit = fit_symbol(symbol, (u - 0.7) / 1.9, 3.0 - 2.0 * symbol.value(u))
    assert 1.0 - fit.r2 <= 1e-14


@each
def test_pickling_compiles_again(name):
    symbol = user_symbol(name, EXPRESSIONS[name][0], complexity=7)
    copy = pickle.loads(pickle.dumps(symbol))
    assert copy == symbol
    assert hash(copy) == hash(symbol)
    assert copy.complexity == 7
    u = inside(symbol)
    np.testing.assert_array_equal(copy.curvature(u), symbol.curvature(u))


@pytest.mark.parametrize(
    ("expression", "domain", "poles"),
    [
        (z * sympy.log(z), (0.0, np.inf, False, False), ()),
        (sympy.sqrt(z - 2), (2.0, np.inf, True, False), ()),
        (sympy.sqrt(sympy.sin(z)), (0.0, np.pi, True, True), ()),
        (sympy.sqrt(sympy.cosh(z) - 2), (np.arccosh(2.0), np.inf, True, False), ()),
        (sympy.tan(z), (-np.inf, np.inf, False, False), (0.5 * np.pi,)),
        (sympy.gamma(z), (-8.0, np.inf, False, False), tuple(range(-7, 1))),
    ],
    ids=str,
)
def test_domains(expression, domain, poles):
    symbol = user_symbol("f", expression)
    found = symbol.domain
    assert (found.low, found.high) == pytest.approx(domain[:2], rel=1e-9)
    assert symbol.poles == pytest.approx(poles, abs=1e-9)
    assert (found.low_closed, found.high_closed) == domain[2:]


@pytest.mark.filterwarnings("error")
def test_values_without_warnings_and_nan_outside():
    symbol = user_symbol("f", sympy.log(z))
    u = np.array([-1.0, 0.0, np.inf, np.nan, 1.0])
    for function in (symbol.value, symbol.slope, symbol.curvature):
        assert np.isnan(function(u)[:4]).all()
        assert np.isfinite(function(u)[4])


def test_constant_derivatives_have_the_shape_of_the_argument():
    symbol = user_symbol("f", 3 * z + 1)
    np.testing.assert_array_equal(symbol.slope(np.zeros((2, 3))), np.full((2, 3), 3.0))
    np.testing.assert_array_equal(symbol.curvature(np.zeros(4)), np.zeros(4))


def test_the_symbol_that_the_user_takes_does_not_matter():
    assert get_symbol(sympy.erf(z)).value == get_symbol(sympy.erf(sympy.Symbol("q"))).value


@pytest.mark.parametrize(
    ("expression", "error", "message"),
    [
        ("sin(z)", TypeError, "must be a SymPy expression, got 'sin"),
        (z > 0, TypeError, "must be a SymPy expression"),
        (sympy.Integer(3), ValueError, "one free symbol, got none"),
        (z * sympy.Symbol("y"), ValueError, "one free symbol, got y, z"),
        (sympy.sqrt(-1 - z**2), ValueError, "not real and finite"),
        (sympy.Function("g")(z), ValueError, "no numerical form"),
        (sympy.floor(z), ValueError, "no numerical form"),
    ],
    ids=str,
)
def test_errors_name_what_is_wrong(expression, error, message):
    with pytest.raises(error, match=message):
        user_symbol("f", expression)
