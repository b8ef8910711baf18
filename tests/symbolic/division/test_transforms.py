import numpy as np
import pytest
import sympy

from skkan.symbolic.division._transforms import (
    IDENTITY,
    INNER,
    PLAIN,
    TRANSFORMS,
    combinations,
    transformed,
)
from skkan.symbolic.library._symbols import LIBRARY

t = sympy.Symbol("t", real=True)
ids = [own.name for own in (IDENTITY, *TRANSFORMS)]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("transform", [IDENTITY, *TRANSFORMS], ids=ids)
def test_inverse_and_slope(transform, sign):
    y = sign * np.linspace(0.1, 0.9, 50)
    assert transform.allows(y)
    assert transform.symbol in LIBRARY
    inverse = sympy.lambdify(t, transform.inverse(t, sign))
    value = transform.value(y)
    np.testing.assert_allclose(inverse(value), y)
    step = 1e-6
    slope = (transform.value(y + step) - transform.value(y - step)) / (2 * step)
    np.testing.assert_allclose(np.abs(transform.slope(y)), np.abs(slope), rtol=1e-6)


def test_targets_that_cannot_be_transformed():
    allowed = {own.name for own in TRANSFORMS if own.allows(np.array([-2.0, 2.0]))}
    assert allowed == {"1/x"}
    assert {own.name for own in TRANSFORMS if own.allows(np.array([2.0, 3.0]))} == {
        "log", "1/x", "x^2", "1/x^2", "sqrt", "cos"
    }  # fmt: skip


def test_errors_keep_their_units():
    y = np.array([0.5, 2.0, 0.0])
    value, weight = transformed(TRANSFORMS[0], y, np.ones(3))
    shifted = TRANSFORMS[0].value(y[:2] + 1e-6)
    np.testing.assert_allclose(np.sqrt(weight[:2]) * (shifted - value[:2]), 1e-6, rtol=1e-4)
    assert value[2] == weight[2] == 0.0


def test_inner_functions():
    x = np.linspace(0.5, 2.0, 20)
    for inner in (PLAIN, *INNER):
        assert inner.allows(x)
        assert inner.symbol in LIBRARY
        np.testing.assert_allclose(sympy.lambdify(t, inner.expression(t))(x), inner.value(x))
    assert sum(inner.allows(-x) for inner in INNER) == 1


def test_combinations():
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(20, 3))
    X[:, 2] += 2.0
    found = list(combinations(X))
    a, b = sympy.symbols("a b")
    for own in found:
        formula = sympy.lambdify((a, b), own.expression(a, b))
        np.testing.assert_allclose(formula(X[:, own.first], X[:, own.second]), own.value)
    # Of the quotients only those by the last column, which has no zero.
    assert len(found) == 3 * 5 + 2
