import numpy as np
import pytest

from skkan.symbolic.division._tensor import DEGREE, TensorBasis, fit_linear


def uniform(n_columns, n_samples=800):
    return np.random.default_rng(0).uniform(-1.0, 1.0, size=(n_samples, n_columns))


@pytest.mark.parametrize("n_columns", [1, 2, 3, 5])
def test_polynomials_are_fitted_exactly(n_columns):
    X = uniform(n_columns)
    y = X[:, 0] ** 3 - (X[:, -1] * X[:, 0] if n_columns > 1 else 0.0)
    fit = fit_linear(TensorBasis(X, 250).design, y, np.full(len(X), 1 / len(X)))
    np.testing.assert_allclose(fit.values, y, atol=1e-8)
    assert fit.error < 1e-8


def test_size_and_other_points():
    X = uniform(2)
    basis = TensorBasis(X, 150)
    assert basis.design.shape == (len(X), 144)
    assert TensorBasis(X, 1).size == DEGREE + 1
    np.testing.assert_allclose(basis.at(X[:7]), basis.design[:7])
    np.testing.assert_allclose(basis.design.sum(axis=1), 1.0)


def test_weights_and_columns_that_vanish():
    X = uniform(1, 100)
    y = np.where(np.arange(100) < 60, X[:, 0], 1e3)
    weight = np.where(np.arange(100) < 60, 1.0, 0.0)
    design = np.column_stack([X, np.zeros(100), np.ones(100)])
    fit = fit_linear(design, y, weight)
    np.testing.assert_allclose(fit.coefficients, [1.0, 0.0, 0.0], atol=1e-9)


def test_the_error_counts_parameters():
    X = uniform(1, 200)
    y = np.random.default_rng(1).normal(size=200)
    weight = np.full(200, 1 / 200)
    basis = TensorBasis(X, 20).design
    one, more = fit_linear(basis, y, weight), fit_linear(basis, y, weight, n_other=50)
    np.testing.assert_allclose(one.values, more.values)
    assert one.error < more.error
    assert one.error == pytest.approx(np.std(y - one.values) / 0.9, rel=1e-2)
