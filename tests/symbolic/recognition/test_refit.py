import copy

import numpy as np
import pytest
from sklearn.base import clone

from skkan import KANClassifier, KANRegressor
from skkan.datasets import make_formula


def rmse(model, X, y):
    return float(np.sqrt(np.mean((model.predict(X) - y) ** 2)))


@pytest.fixture(scope="module")
def fitted():
    X, y = make_formula("exp_sin_sq", 1000, random_state=0)
    model = KANRegressor((1,), grid_size=(5, 10, 20), n_restarts=8, random_state=0).fit(X, y)
    return model, X, y


@pytest.fixture
def model(fitted):
    return copy.deepcopy(fitted[0])


def test_refit_brings_a_formula_to_rounding(model, fitted):
    _, X, y = fitted
    model.auto_symbolic()
    assert model.symbolic_
    names = [edge.name for layer in model.network_.layers for edge in functions_of(layer)]
    before = rmse(model, X, y)
    model.refit(X, y)
    assert model.symbolic_
    assert [edge.name for layer in model.network_.layers for edge in functions_of(layer)] == names
    assert rmse(model, X, y) < 1e-12 < before
    X_test, y_test = make_formula("exp_sin_sq", 1000, random_state=1)
    assert rmse(model, X_test, y_test) < 1e-12


def functions_of(layer):
    return [edge.function for edge in layer.symbols.values()]


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
@pytest.mark.parametrize("alpha", ["auto", 1e-8])
def test_refit_of_a_partly_symbolic_network_improves_it(model, fitted, alpha, solver):
    _, X, y = fitted
    row = model.suggest_symbolic(0, 0, 0, symbols=["sin"])[0]
    model.fix_symbolic(0, 0, 0, "sin", [0.95 * row["a"], row["b"], row["c"], row["d"]])
    before = rmse(model, X, y)
    model.set_params(alpha=alpha, solver=solver).refit(X, y)
    assert list(model.network_.layers[0].symbols) == [(0, 0)]
    assert model.network_.layers[1].splined.all()
    assert not model.symbolic_
    assert rmse(model, X, y) < 0.05 * before
    a = model.network_.layers[0].symbols[0, 0].parameters[0]
    assert abs(abs(a) - np.pi) < 0.02


def test_refit_is_not_a_fit(model, fitted):
    """Only `refit` keeps the symbolic edges."""
    _, X, y = fitted
    model.fix_symbolic(0, 0, 0, "sin")
    assert (
        not clone(model).set_params(grid_size=5, n_restarts=1).fit(X, y).network_.layers[0].symbols
    )


def test_classes():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, size=(400, 2))
    t = np.sin(3.0 * X[:, 0]) + X[:, 1] + 0.5 * rng.normal(size=400) > 0.0
    model = KANClassifier((), random_state=0).fit(X, t)
    model.fix_symbolic(0, 0, 0, "sin", [2.0, 0.0, 1.0, 0.0])
    before = log_loss(model, X, t)
    model.refit(X, t)
    assert list(model.network_.layers[0].symbols) == [(0, 0)]
    assert log_loss(model, X, t) < before
    a = model.network_.layers[0].symbols[0, 0].parameters[0]
    assert abs(a) == pytest.approx(3.0, abs=0.6)


def log_loss(model, X, t):
    return -float(np.log(model.predict_proba(X)[np.arange(len(t)), t.astype(int)]).mean())
