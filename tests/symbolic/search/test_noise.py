"""Formulas in noise that others nearly follow."""

import numpy as np
import pytest
import sympy

from skkan import KANSymbolicRegressor

x0 = sympy.Symbol("x0")


def fitted(law, low, high, symbols, noise=0.01, n_samples=200):
    rng = np.random.default_rng(0)
    X = rng.uniform(low, high, size=(n_samples, 1))
    y = law(X[:, 0])
    y = y + noise * y.std() * rng.normal(size=n_samples)
    model = KANSymbolicRegressor(
        [()], symbols=symbols, grid_size=5, n_restarts=1, random_state=0, max_time=None
    )
    return model.fit(X, y).sympy()


def test_saturation_is_a_quotient_of_one_term():
    found = fitted(lambda x: 3.0 * x / (x + 0.7), 0.05, 4.0, ["x", "1/x"], n_samples=100)
    ratio = sympy.simplify(x0 / found)
    assert sympy.degree(ratio, x0) == 1
    assert float(ratio.subs(x0, 0)) == pytest.approx(0.7 / 3.0, rel=0.05)


def test_decay_to_a_constant_is_not_taken_for_relative_noise():
    found = fitted(lambda x: 3.0 * np.exp(-0.8 * x) + 0.5, 0.0, 5.0, ["x", "exp", "tanh"])
    assert float(found.subs(x0, 50)) == pytest.approx(0.5, abs=0.01)
    rate = sympy.diff(found, x0, 2) / sympy.diff(found, x0)
    assert float(rate.subs(x0, 1)) == pytest.approx(-0.8, rel=0.03)
