import pickle

import numpy as np
import pytest
import sympy

from skkan.symbolic.library._symbols import (
    ALIASES,
    LIBRARY,
    get_symbol,
    search_symbols,
    symbol_names,
)

ALL = list(LIBRARY.values())
ids = [symbol.name for symbol in ALL]
everywhere = pytest.mark.parametrize("symbol", ALL, ids=ids)


def sites(symbol):
    """Arguments inside the domain, at some distance from borders, poles and kinks."""
    u = np.linspace(-2.973, 3.011, 241)
    return np.array([v for v in u if not symbol.excludes(v - 0.05, v + 0.05) and abs(v) > 0.03])


def differences(function, u, step=1e-5):
    return (function(u + step) - function(u - step)) / (2.0 * step)


@everywhere
def test_derivatives_agree_with_differences(symbol):
    u = sites(symbol)
    assert len(u) > 20
    for function, derivative in (
        (symbol.value, symbol.slope),
        (symbol.slope, symbol.curvature),
    ):
        np.testing.assert_allclose(derivative(u), differences(function, u), rtol=1e-6, atol=1e-8)


@everywhere
def test_values_are_those_of_the_expression(symbol):
    u = sympy.Symbol("u", real=True)
    compiled = sympy.lambdify(u, symbol.expression(u), modules=["scipy", "numpy"])
    points = sites(symbol)
    np.testing.assert_allclose(
        symbol.value(points), np.broadcast_to(compiled(points), points.shape), rtol=1e-13
    )


@everywhere
@pytest.mark.filterwarnings("error")
def test_no_argument_warns(symbol):
    far = np.array([0.0, -0.0, 1.0, -1.0, 1e3, -1e3, 1e200, -1e200, np.inf, -np.inf, np.nan])
    for function in (symbol.value, symbol.slope, symbol.curvature):
        result = function(far)
        assert result.shape == far.shape
        assert np.isnan(result[-1])


@everywhere
def test_values_outside_the_domain_are_nan(symbol):
    u = np.array([-1e3, -7.0, -1.0, -0.5, 0.0, 0.5, 1.0, 7.0, 1e3])
    undefined = np.array([symbol.excludes(v, v) for v in u])
    np.testing.assert_array_equal(np.isnan(symbol.value(u)), undefined)


@everywhere
def test_results_do_not_share_memory_with_the_argument(symbol):
    u = np.array([0.25, 0.5])
    for function in (symbol.value, symbol.slope, symbol.curvature):
        function(u)[:] = 7.0
    np.testing.assert_array_equal(u, [0.25, 0.5])


@everywhere
def test_flags_hold(symbol):
    u = sites(symbol)
    value = symbol.value
    if symbol.parity == 1:
        np.testing.assert_allclose(value(-u), value(u), rtol=1e-13)
    if symbol.parity == -1:
        assert np.ptp(value(-u) + value(u)) <= 1e-11 * np.max(np.abs(value(u)))
    if symbol.period is not None:
        np.testing.assert_allclose(value(u + symbol.period), value(u), rtol=1e-9, atol=1e-14)
    if symbol.antiperiodic:
        np.testing.assert_allclose(value(u + symbol.period / 2.0), -value(u), atol=1e-14)
    changes = {"scale": [2.0 * u], "shift": [u + 0.7], "both": [2.0 * u, u + 0.7], "none": []}
    for changed in changes[symbol.redundant]:
        line = np.column_stack([value(u), np.ones(len(u))])
        _, left, *_ = np.linalg.lstsq(line, value(changed), rcond=None)
        assert np.all(left <= 1e-20 * np.sum(value(changed) ** 2))


@everywhere
def test_symbols_can_be_pickled(symbol):
    assert pickle.loads(pickle.dumps(symbol)) == symbol


def test_twins_are_left_out_of_a_search():
    names = [symbol.name for symbol in search_symbols()]
    assert {symbol.twin for symbol in ALL} - {None} <= set(names)
    assert set(symbol_names()) - set(names) == {"cos", "acos", "logistic"}


def test_symbols_are_known_by_their_names():
    assert all(get_symbol(name) is LIBRARY[name] for name in symbol_names())
    assert all(get_symbol(alias).name == name for alias, name in ALIASES.items())
    assert get_symbol(" x**2 ") is get_symbol("x^2") is get_symbol(get_symbol("x^2"))
    assert LIBRARY["0"].complexity == 0
    assert LIBRARY["x"].complexity == 1
    assert all(symbol.complexity > 1 for symbol in ALL[2:])


def test_an_expression_becomes_a_symbol():
    t = sympy.Symbol("t")
    symbol = get_symbol(sympy.sin(t) / t)
    assert symbol.name == "sin(t)/t"
    np.testing.assert_allclose(symbol.value(np.array([2.0])), np.sin(2.0) / 2.0)


def test_an_unknown_name_is_an_error_that_helps():
    with pytest.raises(ValueError, match=r"'arcsine'.* Did you mean 'arcsin'\?.*'0', 'x', 'x\^2'"):
        get_symbol("arcsine")
    with pytest.raises(ValueError, match=r"'qqq'\. Known functions"):
        get_symbol("qqq")
    with pytest.raises(TypeError, match="got 3"):
        get_symbol(3)
