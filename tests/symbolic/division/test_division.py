import gc

import numpy as np
import pytest
import sympy

from skkan.symbolic.division._division import Divider
from skkan.symbolic.division._formulas import Division, is_explained
from skkan.symbolic.division._separability import Splitter
from skkan.symbolic.division._subproblem import Problem, is_white
from skkan.symbolic.library._symbols import get_symbol, search_symbols

NAMES = ("x", "x^2", "1/x", "sqrt", "exp", "log", "sin", "asin", "1/x^2", "1/sqrt", "tanh")
SYMBOLS = [get_symbol(name) for name in NAMES]
a, b, c, d = VARIABLES = sympy.symbols("a b c d")

FORMULAS = {
    "product": (a - 1) * b,
    "quotient": a / (b + 3),
    "affine": sympy.sqrt(a) * sympy.cos(b) + a,
    "function of a product": sympy.asin(a * sympy.sin(b) / 2),
    "function of a quotient": sympy.exp(-a / b),
    "normal density": sympy.exp(-(a**2) / (2 * b**2)) / b,
    "inner product": sympy.cos(a * b) / (1 + b),
    "difference": sympy.sqrt(1 + a**2 - 2 * a * sympy.cos(b - c)),
    "distance": c * sympy.sqrt(a**2 + b**2),
    "one variable of three": 1 / (1 + b**2),
    "four variables": a * sympy.exp(b - c) + d,
}


def divided_formulas(X, y, weight, symbols, names):
    return Division(X, y, weight, symbols, names).formulas()


def samples(formula, n_samples=800, noise=0.0):
    rng = np.random.default_rng(0)
    X = rng.uniform(0.2, 1.9, size=(n_samples, max(len(formula.free_symbols), 2)))
    variables = VARIABLES[: X.shape[1]]
    if formula == FORMULAS["one variable of three"]:
        X, variables = rng.uniform(0.2, 1.9, size=(n_samples, 3)), (a, b, c)
    y = sympy.lambdify(variables, formula)(*X.T)
    return X, y + noise * y.std() * rng.normal(size=n_samples), variables


@pytest.mark.parametrize("name", FORMULAS)
def test_exact_formulas(name):
    X, y, variables = samples(FORMULAS[name])
    names = [str(own) for own in variables]
    found = divided_formulas(X, y, np.ones(len(y)), SYMBOLS, names)[0]
    fresh = np.random.default_rng(1).uniform(0.2, 1.9, size=(200, X.shape[1]))
    expected = sympy.lambdify(variables, FORMULAS[name])(*fresh.T)
    np.testing.assert_allclose(sympy.lambdify(variables, found)(*fresh.T), expected, rtol=1e-9)
    assert found.free_symbols == FORMULAS[name].free_symbols


def test_sums_of_many_variables():
    variables = sympy.symbols("x0:8")
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(600, 8))
    y = np.exp(0.1 * (X[:, :6] ** 2).sum(axis=1))
    found = divided_formulas(X, y, np.ones(600), SYMBOLS, [str(own) for own in variables])[0]
    expected = sympy.exp(sum(own**2 for own in variables[:6]) / 10)
    assert sympy.simplify(found - expected) == 0


@pytest.mark.parametrize("name", ["product", "distance", "function of a product"])
def test_structure_in_noise(name):
    X, y, variables = samples(FORMULAS[name], 1000, 0.01)
    found = divided_formulas(X, y, np.ones(len(y)), SYMBOLS, [str(own) for own in variables])[0]
    value = sympy.lambdify(variables, found)(*X.T)
    exact = sympy.lambdify(variables, FORMULAS[name])(*X.T)
    assert np.sqrt(np.mean((value - exact) ** 2)) < 3e-3 * exact.std()
    functions = {own.func for own in found.atoms(sympy.Function)}
    expected = {own.func for own in FORMULAS[name].atoms(sympy.Function)}
    assert functions <= expected | {sympy.sin, sympy.cos}


def test_a_function_that_does_not_fall_apart():
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(400, 2))
    y = np.exp(np.sin(3.0 * X[:, 0] + X[:, 1] ** 3) * X[:, 1]) + np.tanh(5.0 * X[:, 0] * X[:, 1])
    problem = Problem((a, b), X, y, np.full(400, 1 / 400), 1e-11)
    found = Divider(SYMBOLS[:3]).solve(problem)
    assert all(own.error > 1e-3 for own in found)


def test_units_of_the_target_and_weights():
    X, y, _ = samples(FORMULAS["product"], 300)
    spoiled = np.where(np.arange(300) < 280, y, 50.0)
    weight = np.where(np.arange(300) < 280, 1.0, 1e-300)
    assert divided_formulas(X, spoiled, weight, SYMBOLS, ["a", "b"])[0].equals((a - 1) * b)
    for unit in (1e-200, 1e200):
        found = divided_formulas(X, unit * y, np.ones(300), SYMBOLS, ["a", "b"])[0]
        value = sympy.lambdify((a, b), found)(*X.T)
        np.testing.assert_allclose(value / unit, y, atol=1e-8)


def test_tables_that_are_left_alone():
    X = np.random.default_rng(0).uniform(size=(200, 2))
    ones = np.ones(200)
    assert divided_formulas(X[:20], X[:20, 0], ones[:20], SYMBOLS, ["a", "b"]) == []
    assert divided_formulas(X, ones, ones, SYMBOLS, ["a", "b"]) == []
    assert divided_formulas(0.0 * X, X[:, 0], ones, SYMBOLS, ["a", "b"]) == []
    many = np.random.default_rng(0).uniform(size=(200, 30))
    assert divided_formulas(many, X[:, 0], ones, SYMBOLS, [f"x{i}" for i in range(30)]) == []
    constant = np.column_stack([X[:, 0], ones])
    assert divided_formulas(constant, X[:, 0] ** 2, ones, SYMBOLS, ["a", "b"])[0] == a**2


def test_white_residuals():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(1000, 2))
    noise = rng.normal(size=1000)
    assert is_white(X, noise)
    assert is_white(X, noise * np.exp(3.0 * X[:, 0]))
    assert not is_white(X, noise + 0.4 * np.sin(5.0 * X[:, 0]))
    assert not is_white(X, np.full(1000, np.nan))
    y = X[:, 0] ** 2
    assert is_explained(X, y, y * (1.0 + 1e-12), np.ones(1000))
    assert is_explained(X, y + noise, y, np.ones(1000))
    assert not is_explained(X, y, np.full(1000, y.mean()), np.ones(1000))


def test_quotients_that_come_close_are_not_certain():
    X = np.random.default_rng(0).uniform(size=(500, 2))
    names, share = ["a", "b"], np.ones(500)
    for y, certain in ((X[:, 0] * np.exp(-X[:, 1]), False), (X[:, 0] / (1 + X[:, 1]), True)):
        division = Division(X, y, share, search_symbols(), names)
        assert list(division.direct())
        assert division.certain is certain


def test_forms_that_wait_do_not_hold_their_splines():
    X = np.random.default_rng(0).uniform(1.0, 2.0, size=(120, 2))
    problem = Problem((a, b), X, np.sin(X[:, 0] * X[:, 1]), np.full(120, 1 / 120), 1e-9)
    forms = Divider(SYMBOLS)._mixed_forms(problem)
    gc.collect()
    assert len(forms) > 10
    assert not any(isinstance(own, Splitter) for own in gc.get_objects())
