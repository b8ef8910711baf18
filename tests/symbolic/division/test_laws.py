"""Laws of many columns: powers, polynomials, quotients and scalings."""

from fractions import Fraction

import numpy as np
import pytest
import sympy

from skkan.symbolic.division._formulas import Division
from skkan.symbolic.division._polynomials import polynomials, quotients
from skkan.symbolic.division._powers import power_products
from skkan.symbolic.division._subproblem import Problem
from skkan.symbolic.library._symbols import search_symbols
from skkan.symbolic.scaling._scalings import power_factors, scalings

NAMES = {symbol.name for symbol in search_symbols()}


def problem(X, y):
    inputs = sympy.symbols(f"x:{X.shape[1]}")
    return Problem(inputs, X, y, np.full(len(y), 1 / len(y)), 1e-11 * y.std())


def uniform(n_columns, n_samples=400, low=1.0, high=3.0):
    return np.random.default_rng(0).uniform(low, high, size=(n_samples, n_columns))


@pytest.mark.parametrize(
    "powers", [(2, 1, 0), (-1, 0.5, 2), (1 / 3, -2, 0)], ids=["whole", "root", "third"]
)
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_products_of_powers(powers, noise):
    X = uniform(3)
    y = 1.7 * np.prod(X**powers, axis=1)
    y = y + noise * y.std() * np.random.default_rng(1).normal(size=len(y))
    (formula,) = power_products(problem(X, y))
    size = formula.constants[0]
    expected = [sympy.Rational(str(Fraction(own).limit_denominator(4))) for own in powers]
    for symbol, own in zip(formula.inputs, expected, strict=True):
        assert formula.expression.as_powers_dict()[symbol] == own
    assert formula.values[formula.constants.index(size)] == pytest.approx(1.7, rel=0.02)


def test_odd_powers_of_both_signs():
    X = uniform(3, low=-1.0, high=1.0)
    formula = power_products(problem(X, -2.0 * X[:, 0] * X[:, 1] ** 2))[0]
    assert formula.written().equals(-2 * sympy.Symbol("x0") * sympy.Symbol("x1") ** 2)
    assert power_products(problem(X, X[:, 0] + X[:, 1] ** 2)) == []


def test_polynomials_under_a_function():
    X = uniform(4)
    y = 1.0 / ((X[:, 0] - X[:, 1]) ** 2 + X[:, 2] * X[:, 3])
    own = problem(X, y)
    found = [f for f in polynomials(own, NAMES, noisy=False) if f.error(X, y, own.weight) < 1e-9]
    assert len(found[0].constants) == 4


def test_polynomials_in_noise_have_few_terms():
    X = uniform(3)
    y = X[:, 0] * X[:, 1] - 2.0 * X[:, 2] ** 2
    y += 0.05 * y.std() * np.random.default_rng(1).normal(size=len(y))
    formula = next(polynomials(problem(X, y), NAMES, noisy=True))
    x = formula.inputs
    terms = {term.as_independent(*x)[1] for term in sympy.Add.make_args(formula.expression)}
    assert terms == {x[0] * x[1], x[2] ** 2}


def test_quotients_without_common_factors():
    X = uniform(3)
    y = (X[:, 0] + 2.0) / (X[:, 1] ** 2 + 3.0 * X[:, 0] * X[:, 2])
    own = problem(X, y)
    found = next(quotients(own, NAMES))
    assert found.error(X, y, own.weight) < 1e-12
    assert len(found.constants) == 3
    assert list(quotients(problem(X, np.exp(y)), NAMES)) == []


def test_columns_that_act_as_powers_are_taken_out():
    X = uniform(4, 800)
    y = X[:, 0] ** 3 / X[:, 2] * np.tanh(X[:, 1] * X[:, 3])
    found = power_factors(X, y, np.full(800, 1 / 800))
    assert [int(own) for own in found.factor] == [3, 0, -1, 0]
    assert len(found.variables) == 2


def test_scalings_are_those_of_units():
    X = uniform(4, 1500)
    z = X[:, 0] * X[:, 1] / (X[:, 2] * X[:, 3])
    found = next(scalings(X, X[:, 0] * np.exp(-z) / (1 + z), np.full(1500, 1 / 1500)))
    assert len(found.variables) == 1
    assert {tuple(map(int, own)) for own in found.variables} <= {(1, 1, -1, -1), (-1, -1, 1, 1)}


def test_a_law_of_nine_columns():
    rng = np.random.default_rng(0)
    X = rng.uniform([1, 1, 1, 3, 1, 3, 1, 3, 1], [2, 2, 2, 4, 2, 4, 2, 4, 2], size=(1200, 9))
    squares = sum((X[:, k] - X[:, k + 1]) ** 2 for k in (3, 5, 7))
    y = X[:, 0] * X[:, 1] * X[:, 2] / squares
    names = [f"x{k}" for k in range(9)]
    found = Division(X, y, np.ones(1200), search_symbols(), names).formulas()[0]
    value = sympy.lambdify(sympy.symbols(names), found)(*X.T)
    np.testing.assert_allclose(value, y, rtol=1e-9)
