import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skkan import KANRegressor


def product_data():
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(300, 3)) * [1.0, 20.0, 0.1] + [0, 5, 1]
    X[:, 2] = 1.0
    return X, 100.0 * X[:, 0] * X[:, 1] + np.exp(X[:, 0])


@pytest.fixture(scope="module")
def fitted():
    X, y = product_data()
    options = {"degree": 5, "alpha": 1e-10, "random_state": 0}
    return KANRegressor(((1, 1),), **options).fit(X, np.stack([y, -y], axis=1))


def differences(model, X, column, step, *columns):
    move = step * np.eye(X.shape[1])[column]
    ahead, behind = (model.derivative(X + k * move, *columns) for k in (1, -1))
    return (ahead - behind) / (2.0 * step)


@pytest.mark.parametrize("symbolic", [False, True])
def test_derivatives_are_those_of_predictions_in_the_units_of_the_data(fitted, symbolic):
    X = product_data()[0][:20] * [0.8, 0.8, 1.0]
    model = fitted
    if symbolic:
        X_fit, y = product_data()
        model = KANRegressor(((1, 1),), degree=5, alpha=1e-10, random_state=0)
        model = model.fit(X_fit, np.stack([y, -y], axis=1))
        model.fix_symbolic(0, 0, 0, "sin").fix_symbolic(1, 0, 1, "x^3")
    assert np.allclose(model.derivative(X), model.predict(X), rtol=1e-12)
    for below, own, column, step in [
        ((), ("x0",), 0, 1e-5),
        (("x0",), ("x0", 2), 0, 1e-5),
        (("x0",), ("x1", "x0"), 1, 1e-4),
        (("x0", 2), ("x0", 2, "x1"), 1, 1e-4),
    ]:
        found, expected = model.derivative(X, *own), differences(model, X, column, step, *below)
        assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()
    assert np.all(model.derivative(X, "x2") == 0.0)


def test_gradient_holds_all_first_derivatives(fitted):
    X, _ = product_data()
    found = fitted.gradient(X)
    assert found.shape == (300, 3, 2)
    for k in range(3):
        assert np.allclose(found[:, k], fitted.derivative(X, f"x{k}"))
    assert fitted.gradient(X[:5])[:, :, 0] == pytest.approx(
        np.stack([100 * X[:5, 1] + np.exp(X[:5, 0]), 100 * X[:5, 0], np.zeros(5)], axis=1),
        rel=1e-2,
        abs=1.0,
    )


def test_bad_derivatives_get_clear_errors(fitted):
    X, _ = product_data()
    with pytest.raises(ValueError, match="no variable 'z'; there are: x0, x1, x2"):
        fitted.derivative(X, "z")
    with pytest.raises(ValueError, match="order 6 was asked for, above the degree 5"):
        fitted.derivative(X, "x0", 6)
    with pytest.raises(ValueError, match="must come after a variable"):
        fitted.derivative(X, 2)
    with pytest.raises(NotFittedError):
        KANRegressor().derivative(X, "x0")
