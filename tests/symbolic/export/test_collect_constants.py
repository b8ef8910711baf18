import numpy as np
import pytest
import sympy

from skkan import KANRegressor
from skkan.symbolic.export._collect_constants import collected
from skkan.symbolic.export._formula import rounded

x, y = sympy.symbols("x y")


def constants(expression):
    return [own for own in sympy.preorder_traversal(expression) if own.is_Float]


def values(expression):
    X = np.random.default_rng(0).uniform(0.1, 1.0, size=(50, 2))
    return np.broadcast_to(sympy.lambdify((x, y), expression)(*X.T), 50)


FORMULAS = [
    (0.5 * (2.5 * x + 4.1) ** 2 + 1.2, 3),
    (3.3 * (2.5 * x + 1.1) * (0.3 * y + 2.2), 3),
    (0.86 * sympy.sqrt(1.3 * (0.99 * x - 0.1) ** 2 + 1.4 * (0.98 * y + 0.2) ** 2), 4),
    (0.7 * sympy.log(2.5 * x + 1.5 * y) + 0.3, 3),
    (0.7 * sympy.log(-2.5 * (-0.3 * x - 0.2 * y)) + 0.3, 3),
    (1.5 / (0.5 * x + 0.25 * sympy.exp(0.3 * y) + 1.1), 4),
    (1.7 * (-2.5 * x - 0.5) ** 3 - 0.3 * (1.5 * x - 0.5), 5),
    (2.5 * (1.5 - 0.5 * x) ** sympy.Rational(-3, 2), 2),
    (sympy.sin(0.5 * (1.5 * x + 0.3) + 0.2) + 0.1 * (x + 0.3), 4),
]


@pytest.mark.parametrize(("formula", "count"), FORMULAS, ids=str)
def test_values_stay_and_constants_go(formula, count):
    result = collected(formula)
    np.testing.assert_allclose(values(result), values(formula), rtol=1e-13)
    assert len(constants(result)) <= count
    assert len(constants(collected(result))) == len(constants(result))


@pytest.mark.parametrize(
    "formula", [(2 * x + 3) ** 2, 1.5 * x + 1, 1 / (1 + 0.25 * sympy.exp(x)), sympy.sin(2 * x)]
)
def test_what_is_exact_stays(formula):
    assert collected(formula) == formula


def test_constants_go_into_the_pieces():
    pieces = sympy.Piecewise((0.5 * (x - 0.3) + 0.2, x < 0.5), (0.7 * (x - 0.5) ** 2, True))
    result = collected(pieces + 1.5)
    assert isinstance(result, sympy.Piecewise)
    np.testing.assert_allclose(values(result), values(pieces + 1.5), rtol=1e-14)
    assert [case.args[1] for case in result.args] == [case.args[1] for case in pieces.args]


@pytest.mark.parametrize("formula", [own for own, _ in FORMULAS], ids=str)
def test_exact_constants_are_as_near_as_the_digits_say(formula):
    result = rounded(formula, 8, rational=True)
    assert not result.atoms(sympy.Float)
    np.testing.assert_allclose(values(result), values(formula), rtol=1e-6, atol=1e-7)
    for part in sympy.preorder_traversal(result):
        if part.is_Add:
            assert sum(own.is_number for own in part.args) <= 1


def test_roots_and_products_of_networks_keep_no_redundant_constants():
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(300, 2))
    model = KANRegressor((1,), grid_size=10, n_restarts=4, random_state=0).fit(X, np.hypot(*X.T))
    for i in range(2):
        model.fix_symbolic(0, i, 0, "x^2")
    model.fix_symbolic(1, 0, 0, "sqrt").refit(X, np.hypot(*X.T))
    found = model.to_sympy(rational=True, X=X)
    x0, x1 = sympy.symbols("x0 x1")
    assert found.expression == sympy.sqrt(x0**2 + x1**2)
    assert found.max_change < 1e-12
    product = KANRegressor(((0, 1),), random_state=0).fit(X, X[:, 0] * (X[:, 1] + 2.0))
    product.fix_symbolic(0, 0, 0, "x", [1.1, 0.0, 1.0, 0.0])
    product.fix_symbolic(0, 1, 1, "x", [1.3, 2.6, 1.0, 0.0])
    product.fix_symbolic(0, 0, 1, "0").fix_symbolic(0, 1, 0, "0")
    product.fix_symbolic(1, 0, 0, "x", [1.0, 0.0, 1.0 / 1.43, 0.0])
    found = product.to_sympy(rational=True, X=X)
    np.testing.assert_allclose(
        sympy.lambdify((x0, x1), found.expression)(*X.T),
        product.predict(X),
        atol=1.01 * found.max_change,
    )
    for part in sympy.preorder_traversal(found.expression):
        if part.is_Add and part != found.expression:
            # The factors: an input and a constant.
            assert {own.is_Symbol or own.is_number for own in part.args} == {True}
