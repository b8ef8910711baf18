"""Functions at the very border of their domain, where rounding leads beyond it."""

import numpy as np
import pytest
import sympy

from skkan import KANRegressor
from skkan.data._samples import TrainingData
from skkan.network.functions._symbolic_edge import SymbolicEdge
from skkan.objective._objective import Objective
from skkan.objective._penalties import Penalty
from skkan.objective.losses._squared import SquaredLoss
from skkan.symbolic.library._symbols import get_symbol
from skkan.symbolic.search._equation_rows import function_of

BORDERS = [
    ("sqrt", 0.0, 1.0),
    ("x^1.5", 0.0, 1.0),
    ("asin", -1.0, 1.0),
    ("asin", 1.0, -1.0),
    ("acos", -1.0, 1.0),
    ("acos", 1.0, -1.0),
]


@pytest.mark.parametrize(("name", "end", "inward"), BORDERS)
def test_arguments_at_the_border_but_for_rounding_are_on_it(name, end, inward):
    function = get_symbol(name)
    edge = SymbolicEdge(function, np.array([2.0, 0.7, 1.3, 0.2]))
    x = (end - 0.7) / 2.0 + inward * 1e-16 * np.array([-3.0, -1.0, 0.0, 1.0, 3.0])
    expected = 1.3 * function.value(np.array(end)) + 0.2
    np.testing.assert_array_equal(edge.value(x), expected)
    assert np.isfinite(edge.slope(x)).all()
    assert np.isfinite(edge.parameter_slopes(x)).all()
    # What is computed from larger numbers is rounded more.
    far = (end - 0.7) / 2.0 - inward * np.array([1e-13])
    assert np.isnan(edge.value(far)).all()
    np.testing.assert_array_equal(edge.value(far, 1e3), expected)
    beyond = np.array([(end - 0.7) / 2.0 - inward * 1e-9])
    assert np.isnan(edge.value(beyond)).all()


@pytest.mark.parametrize("name", ["log", "1/sqrt", "1/x", "sin"])
def test_other_arguments_are_what_they_are(name):
    function = get_symbol(name)
    edge = SymbolicEdge(function, np.array([1.0, 0.0, 1.0, 0.0]))
    x = np.array([-1e-17, 0.0, 1e-17, 1.0])
    np.testing.assert_array_equal(edge.value(x), function.value(x))


@pytest.mark.parametrize(("name", "low"), [("sqrt", 0), ("x^1.5", 0), ("asin", -1), ("acos", -1)])
def test_formulas_fitted_to_samples_at_the_border(name, low):
    X = np.linspace(low, 1.0, 101)[:, None]
    y = get_symbol(name).value(X[:, 0])
    model = KANRegressor((), grid_size=20, random_state=0).fit(X, y)
    model.fix_symbolic(0, 0, 0, name).refit(X, y)
    np.testing.assert_allclose(model.predict(X), y, atol=1e-12)
    np.testing.assert_allclose(model.to_function()(X), model.predict(X), atol=1e-12)
    scope = {}
    exec(model.to_code("python"), scope)
    np.testing.assert_allclose(scope["formula"](X[:, 0]), model.predict(X), atol=1e-12)


def test_the_border_may_be_given_but_not_passed():
    X = np.linspace(0.1, 0.7, 61)[:, None]
    model = KANRegressor((), random_state=0).fit(X, np.sqrt(X[:, 0] - 0.1))
    model.fix_symbolic(0, 0, 0, "sqrt", [3.0, -0.3 - 1e-17, 1.0, 0.0])
    assert np.isfinite(model.predict(X)).all()
    with pytest.raises(ValueError, match=r"takes arguments from -0\.01"):
        model.fix_symbolic(0, 0, 0, "sqrt", [3.0, -0.31, 1.0, 0.0])
    with pytest.raises(ValueError, match="sample 0 of X is not finite"):
        model.predict([[0.09]])


def distance(origin):
    """Return a network of ``sqrt(x0^2 + x1^2)``, the origin being a sample or not."""
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(400, 2))
    if origin:
        X[0] = 0.0
    y = np.hypot(*X.T)
    model = KANRegressor((1,), grid_size=(5, 10), n_restarts=4, random_state=0).fit(X, y)
    for i in range(2):
        model.fix_symbolic(0, i, 0, "x^2")
    return model.fix_symbolic(1, 0, 0, "sqrt").refit(X, y)


@pytest.mark.parametrize("origin", [False, True])
def test_the_centre_of_a_distance(origin):
    model, X = distance(origin), np.zeros((20, 2))
    for n_rows in (1, 20):
        np.testing.assert_allclose(model.predict(X[:n_rows]), 0.0, atol=1e-12)
        np.testing.assert_allclose(model.to_function()(X[:n_rows]), 0.0, atol=1e-12)
    symbols = sympy.symbols("x0 x1")
    assert abs(float(model.to_sympy().subs(dict.fromkeys(symbols, 0.0)))) < 1e-12


def test_the_centre_of_a_distance_whatever_the_rounding():
    model, X = distance(origin=False), np.zeros((20, 2))
    (edge,) = model.network_.layers[1].symbols.values()
    ulp = np.finfo(np.float64).eps * abs(edge.parameters[1])
    for n_ulps in range(-8, 9):
        moved = edge.with_parameters(edge.parameters + np.array([0.0, n_ulps * ulp, 0.0, 0.0]))
        model.network_ = model.network_.with_symbol(1, 0, 0, moved)
        np.testing.assert_allclose(model.predict(X), 0.0, atol=1e-12)
        np.testing.assert_allclose(model.to_function()(X), model.predict(X), atol=1e-12)


x0, x1 = sympy.symbols("x0 x1")


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        (sympy.sqrt(x0**2 - 2 * x0 * x1 + x1**2), 0.0),
        ((x0**2 - 2 * x0 * x1 + x1**2) ** sympy.Rational(3, 2), 0.0),
        (sympy.asin(3 * x0 - 3 * x1 + 1 + x1**3 - x0**3), 0.5 * np.pi),
        (sympy.acos(3 * x0 - 3 * x1 + 1), 0.0),
        (2 * sympy.acos(3 * x0 - 3 * x1 - 1) + 1, 2.0 * np.pi + 1.0),
    ],
    ids=str,
)
def test_formulas_of_columns_at_the_border(formula, value):
    x = np.random.default_rng(0).uniform(0.1, 2.0, size=500)
    X = np.stack([x, x * (1.0 + 1e-16)], axis=1)
    np.testing.assert_allclose(function_of(formula, ["x0", "x1"])(X), value, atol=1e-12)
    X[:, 0] += 1e-3
    with np.errstate(invalid="ignore"):
        expected = sympy.lambdify((x0, x1), formula)(*X.T)
    np.testing.assert_array_equal(function_of(formula, ["x0", "x1"])(X), expected)


def test_formulas_of_columns_beyond_the_border_are_nan():
    formulas = [sympy.sqrt(x0 - x1), sympy.asin(x0 - x1 - 1), (x0 - x1) ** sympy.Rational(-1, 2)]
    for formula in formulas:
        assert np.isnan(function_of(formula, ["x0", "x1"])([[0.1, 0.1 + 1e-9]])).all()


def test_derivatives_at_the_border_are_finite():
    X = np.array([[0.0, 0.0], [0.3, -0.4], [0.5, 0.2], [-0.7, 0.1]])
    y = np.hypot(*X.T)[:, None]
    model = KANRegressor((1,), grid_size=1, degree=1, alpha=1e-3, random_state=0).fit(X, y[:, 0])
    for i in range(2):
        model.fix_symbolic(0, i, 0, "x^2", [1.0, 0.0, 1.0, 0.0])
    network = model.fix_symbolic(1, 0, 0, "sqrt", [1.0, 0.0, 1.0, 0.0]).network_
    data = TrainingData.of(X, y, np.ones(4), network.scaling)
    objective = Objective(network, data, SquaredLoss(), Penalty(network, 0.0, 0.0))
    value, gradient = objective.value_and_gradient(network.get_parameters())
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
