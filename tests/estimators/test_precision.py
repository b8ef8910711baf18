"""What is done for every sample, done in single precision."""

import pickle
from itertools import product

import numpy as np
import pytest
from estimator_data import ESTIMATORS, SMALL, product_data, target_for
from networks import LOSSES, TRAITS, assert_close, draw_objective
from sklearn.base import clone
from sklearn.datasets import make_friedman1
from sklearn.utils.estimator_checks import parametrize_with_checks

from skkan import KANClassifier, KANRegressor
from skkan.objective._objective import Objective

SINGLE = 2e-5


def in_single(objective):
    return Objective(
        objective.network, objective.data, objective.loss, objective.penalty, dtype=np.float32
    )


@pytest.fixture(params=product(LOSSES, (1, 3), ((), TRAITS)), ids=str)
def pair(request):
    """The same objective in double and in single precision, and parameters."""
    loss, degree, traits = request.param
    rng = np.random.default_rng(0)
    objective, parameters = draw_objective(rng, loss, (2, 2), degree=degree, traits=traits)
    return objective, in_single(objective), parameters


def test_sums_agree_and_are_in_double_precision(pair):
    double, single, parameters = pair
    for name in ("value_and_gradient", "normal_equations"):
        found = getattr(single, name)(parameters)
        for own, expected in zip(found, getattr(double, name)(parameters), strict=True):
            assert np.asarray(own).dtype == np.float64
            assert_close(np.asarray(own), np.asarray(expected), SINGLE)
    assert single.value(parameters) == pytest.approx(double.value(parameters), rel=SINGLE)
    for own, expected in zip(
        single.node_curvatures(parameters), double.node_curvatures(parameters), strict=True
    ):
        assert own.dtype == np.float64
        assert_close(own, expected, SINGLE)


def test_products_agree(pair):
    double, single, parameters = pair
    vector = np.random.default_rng(1).normal(size=len(parameters))
    found, expected = (own.gauss_newton(parameters)[2](vector) for own in (single, double))
    assert found.dtype == np.float64
    assert_close(found, expected, SINGLE)


def test_samples_are_evaluated_in_single_precision(pair):
    """What differs is rounding, and rounding there is."""
    double, single, parameters = pair
    assert single.rows.features.dtype == np.float32
    assert double.rows.features.dtype == np.float64
    gradients = [own.value_and_gradient(parameters)[1] for own in (single, double)]
    assert np.abs(gradients[0] - gradients[1]).max() > 1e-12 * np.abs(gradients[1]).max()


@pytest.mark.parametrize("solver", ["lm", "lbfgs", "adam"])
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_every_solver_ends_where_it_does_in_double_precision(cls, solver):
    X, y = product_data()
    options = {**SMALL, "solver": solver, "alpha": 1e-3, "max_iter": 200}
    target = target_for(cls, y)
    double, single = (cls(**options, dtype=own).fit(X, target) for own in ("float64", "float32"))
    assert single.loss_ == pytest.approx(double.loss_, rel=1e-2)
    assert single.predict(X).dtype == double.predict(X).dtype


def test_noisy_data_are_learned_as_well():
    X, y = make_friedman1(300, noise=1.0, random_state=0)
    X_test, y_test = make_friedman1(1000, noise=0.0, random_state=1)
    errors = [
        np.sqrt(
            np.mean(
                (KANRegressor(random_state=0, dtype=own).fit(X, y).predict(X_test) - y_test) ** 2
            )
        )
        for own in (np.float64, np.float32)
    ]
    assert errors[1] < 1.1 * errors[0]


def test_formulas_are_learned_to_single_precision():
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(1000, 2))
    y = np.sin(3.0 * X[:, 0]) + X[:, 1] ** 2
    model = KANRegressor((), grid_size=(5, 20, 40), degree=5, dtype="float32", random_state=0)
    error = np.sqrt(np.mean((model.fit(X, y).predict(X) - y) ** 2))
    assert error < 1e-5 * y.std()


def test_results_do_not_depend_on_the_number_of_threads():
    X, y = make_friedman1(5000, noise=1.0, random_state=0)
    model = KANRegressor((2,), alpha=1e-3, tol=1e-2, dtype="float32", random_state=0)
    one = model.fit(X, y).predict(X)
    np.testing.assert_array_equal(clone(model).set_params(n_jobs=2).fit(X, y).predict(X), one)


def test_mapped_files_in_single_precision_are_read_by_blocks(tmp_path):
    X, y = make_friedman1(2000, random_state=0)
    X = X.astype(np.float32)
    stored = np.memmap(tmp_path / "X", dtype=np.float32, mode="w+", shape=X.shape)
    stored[:] = X
    model = KANRegressor((), alpha=1e-3, dtype="float32", random_state=0)
    mapped = clone(model).set_params(max_cache_bytes=0).fit(stored, y)
    np.testing.assert_allclose(mapped.predict(X), model.fit(X, y).predict(X), rtol=1e-3)


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_early_stopping_refit_symbols_and_copies(cls):
    X, y = product_data()
    model = cls(**SMALL, alpha=1e-3, dtype="float32", early_stopping=True).fit(
        X, target_for(cls, y)
    )
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    fixed = model.fix_symbolic(0, 0, 0, "x^2")
    refitted = fixed.refit(X, target_for(cls, y))
    assert (0, 0) in refitted.network_.layers[0].symbols
    assert refitted.network_.layers[0].coef.dtype == np.float64


def test_arguments_at_the_end_of_a_domain_are_there_in_single_precision():
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(300, 2))
    X[0] = 0.0
    y = np.hypot(*X.T)
    model = KANRegressor((1,), n_restarts=4, dtype="float32", random_state=0).fit(X, y)
    for key in [(0, 0, 0), (0, 1, 0)]:
        model = model.fix_symbolic(*key, "x^2")
    model = model.fix_symbolic(1, 0, 0, "sqrt").refit(X, y)
    assert np.sqrt(np.mean((model.predict(X) - y) ** 2)) < 1e-4


@pytest.mark.parametrize("value", ["float16", np.float16, "double", 32, None])
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_other_precisions_are_refused(cls, value):
    X, y = product_data()
    with pytest.raises(ValueError, match="'dtype' parameter"):
        cls(dtype=value).fit(X, target_for(cls, y))


@parametrize_with_checks(
    [
        KANRegressor((), grid_size=3, alpha=1e-2, dtype="float32"),
        KANClassifier((), grid_size=3, alpha=1e-2, dtype="float32"),
    ]
)
def test_scikit_learns_checks_pass(estimator, check):
    check(estimator)
