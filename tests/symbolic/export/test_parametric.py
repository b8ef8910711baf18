import numpy as np
import pytest
import sympy

from skkan.symbolic.export._parametric import ParametricFormula

x, y, a, b, c = sympy.symbols("x y a b c", real=True)
X = np.random.default_rng(0).uniform(0.5, 2.0, size=(200, 2))
WEIGHT = np.full(200, 1 / 200)


def test_values_and_slopes():
    formula = ParametricFormula(a * sympy.sin(b * x) + y, (x, y), (a, b), (2.0, 3.0))
    value, by_a, by_b = formula.evaluate(X)
    np.testing.assert_allclose(value, 2.0 * np.sin(3.0 * X[:, 0]) + X[:, 1])
    np.testing.assert_allclose(by_a, np.sin(3.0 * X[:, 0]))
    np.testing.assert_allclose(by_b, 2.0 * X[:, 0] * np.cos(3.0 * X[:, 0]))
    other = formula.with_values([1.0, 0.0])
    np.testing.assert_allclose(other.evaluate(X)[0], X[:, 1])
    np.testing.assert_allclose(formula.evaluate(X, [1.0, 0.0])[0], X[:, 1])


def test_fit_to_rounding():
    formula = ParametricFormula(a / sympy.sqrt(b + x**2) + c, (x, y), (a, b, c), (1.0, 1.0, 0.0))
    target = 3.0 / np.sqrt(0.5 + X[:, 0] ** 2) - 1.0
    fitted, error = formula.fitted(X, target, WEIGHT)
    np.testing.assert_allclose(fitted.values, [3.0, 0.5, -1.0], atol=1e-8)
    assert error < 1e-13


def test_a_fit_is_never_worse_and_stays_in_the_domain():
    formula = ParametricFormula(sympy.log(x - a), (x, y), (a,), (0.45,))
    fitted, error = formula.fitted(X, np.full(200, 5.0), WEIGHT)
    assert error <= formula.error(X, np.full(200, 5.0), WEIGHT)
    assert np.isfinite(fitted.evaluate(X)[0]).all()
    undefined = ParametricFormula(sympy.sqrt(a - x), (x, y), (a,), (-3.0,))
    assert undefined.fitted(X, X[:, 0], WEIGHT) == (undefined, np.inf)


def test_formulas_that_do_not_depend_on_inputs_or_constants():
    constant = ParametricFormula(a, (x, y), (a,), (0.0,))
    fitted, _ = constant.fitted(X, X[:, 0], WEIGHT)
    assert fitted.values[0] == pytest.approx(X[:, 0].mean())
    plain = ParametricFormula(x + 1, (x, y))
    assert plain.fitted(X, X[:, 0], WEIGHT)[1] == pytest.approx(1.0)


def test_nice_constants():
    formula = ParametricFormula(a * x**2 + sympy.exp(b * y) + c, (x, y), (a, b, c), (0.4, 1, 1))
    target = X[:, 0] ** 2 / 2 + np.exp(np.pi * X[:, 1]) + 0.123456789
    snapped, error = formula.snapped(X, target, WEIGHT, 200, 1e-9)
    assert error < 1e-9
    assert snapped.constants == (c,)
    expected = x**2 / 2 + sympy.exp(sympy.pi * y)
    rest = snapped.written() - expected
    assert float(rest) == pytest.approx(0.123456789, abs=1e-9)


def test_names_of_inputs_that_do_not_occur():
    inputs = sympy.symbols("x0:4")
    formula = ParametricFormula(
        sympy.sin((inputs[2] + a) ** 2) * (inputs[2] + a) ** 2, inputs, (a,), (0.5,)
    )
    rows = np.random.default_rng(0).uniform(size=(20, 4))
    square = (rows[:, 2] + 0.5) ** 2
    np.testing.assert_allclose(formula.evaluate(rows)[0], np.sin(square) * square)


def test_constants_stay_where_they_cost_accuracy():
    rng = np.random.default_rng(1)
    target = 1.07 * X[:, 0] + 0.001 * rng.normal(size=200)
    formula = ParametricFormula(a * x + b, (x, y), (a, b), (1.0, 0.1))
    snapped, _ = formula.snapped(X, target, WEIGHT, 200, 0.0)
    assert float(sympy.diff(snapped.written(), x)) == pytest.approx(1.07, abs=1e-3)
    assert snapped.written().subs(x, 0) == 0


def test_constants_that_make_up_for_each_other():
    formula = ParametricFormula(a * (b * x**2 + c * y), (x, y), (a, b, c), (2.0, 0.7, 0.35))
    snapped, error = formula.snapped(X, 3.0 * X[:, 0] ** 2 + 1.5 * X[:, 1], WEIGHT, 200, 1e-9)
    assert error < 1e-12
    assert sympy.expand(snapped.written() - 3 * x**2 - sympy.Rational(3, 2) * y) == 0


@pytest.mark.parametrize("seed", range(5))
def test_nice_constants_are_worth_their_bits(seed):
    rng = np.random.default_rng(seed)
    noise = 0.05 * rng.normal(size=200)
    formula = ParametricFormula(a * x + b, (x, y), (a, b), (1.0, 0.1))
    exact, _ = formula.snapped(X, 2.0 * X[:, 0] + noise, WEIGHT, 200, 0.0)
    assert exact.written() == 2 * x
    other, _ = formula.snapped(X, 1.937 * X[:, 0] + 0.02 * noise, WEIGHT, 200, 0.0)
    assert other.constants == (a,)


def test_standard_errors():
    rng = np.random.default_rng(0)
    formula = ParametricFormula(a * x + b, (x, y), (a, b), (1.0, 0.1))
    found = []
    for _ in range(200):
        target = 2.0 * X[:, 0] - 1.0 + 0.1 * rng.normal(size=200)
        fitted, error = formula.fitted(X, target, WEIGHT)
        errors = fitted.standard_errors(X, error, 200)
        found.append((np.array(fitted.values) - [2.0, -1.0]) / errors)
    np.testing.assert_allclose(np.std(found, axis=0), 1.0, atol=0.2)
