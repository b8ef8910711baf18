"""Networks with product nodes, from the estimators' parameter to pictures and formulas."""

import pickle
from typing import Any

import numpy as np
import pytest
import sympy
from estimator_data import ESTIMATORS, labels_of, largest_difference, outputs, target_for
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skkan import KANClassifier, KANRegressor
from skkan.inspection import KANDisplay

EXACT = {"random_state": 0, "grid_size": 3}
QUICK = {**EXACT, "alpha": 1e-3, "n_restarts": 1, "tol": 1e-2}


def cube(n_samples=300, n_features=3, seed=0):
    return np.random.default_rng(seed).uniform(-1.0, 1.0, size=(n_samples, n_features))


def mixed(X):
    return X[:, 0] * X[:, 1] + np.sin(2.0 * X[:, 2])


@pytest.fixture(scope="module", params=["lm", "lbfgs"])
def fitted(request):
    """Return a regressor with one sum and one product of three, and its inputs."""
    X = cube()
    model = KANRegressor(((1, (3,)),), solver=request.param, **{**QUICK, "tol": 1e-3})
    return model.fit(X, mixed(X)), X


@pytest.mark.parametrize(
    ("sizes", "n_features", "arities"),
    [(((0, 1),), 2, ((2,),)), (((0, (3,)),), 3, ((3,),)), (((1, 1),), 2, ((1, 2),))],
)
def test_products_are_found(sizes, n_features, arities):
    X, fresh = cube(500, n_features), cube(200, n_features, seed=1)
    model = KANRegressor(sizes, random_state=0).fit(X, X.prod(axis=1))
    assert model.network_.arities == arities
    target = fresh.prod(axis=1)
    assert np.abs(model.predict(fresh) - target).max() < 1e-6
    assert largest_difference(target, model.to_function()(fresh)) < 1e-6


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_deep_networks_with_several_outputs(estimator):
    X = cube(120)
    y = np.c_[mixed(X), X[:, 0]]
    y = labels_of(mixed(X), 3) if estimator is KANClassifier else y
    model = estimator(((1, (2, 3)), (0, 3)), **QUICK).fit(X, y)
    assert model.network_.arities == ((1, 2, 3), (2, 2, 2))
    assert np.isfinite(outputs(model, X)).all()
    assert model.score(X, y) > 0.5


def test_classes_that_a_product_tells_apart():
    X = cube(400, 2)
    y = X.prod(axis=1) > 0.0
    assert KANClassifier(((0, 1),), **EXACT).fit(X, y).score(X, y) > 0.98


def test_formulas_equal_predictions(fitted):
    model, X = fitted
    assert largest_difference(model.predict(X), model.to_function()(X)) < 1e-9
    namespace: dict[str, Any] = {}
    exec(model.to_code("python"), namespace)
    values = np.array([namespace["formula"](*row) for row in X[:20].tolist()])
    assert largest_difference(model.predict(X[:20]), values.ravel()) < 1e-9


def test_symbols_on_factors():
    X = cube(300, 2)
    model = KANRegressor(((0, 1),), random_state=0).fit(X, X[:, 0] * X[:, 1])
    model = model.prune()
    assert model.network_.arities == ((2,),)
    rows = np.argwhere(model.network_.layers[0].active).tolist()
    assert len(rows) == 2
    for i, j in rows:
        assert model.suggest_symbolic(0, i, j, top=1)[0]["symbol"] == "x"
        model.fix_symbolic(0, i, j, "x")
    model.fix_symbolic(1, 0, 0, "x")
    assert model.symbolic_
    x0, x1 = sympy.symbols("x0 x1")
    difference = sympy.lambdify([x0, x1], model.to_sympy() - x0 * x1)
    assert np.abs(difference(*X.T)).max() < 1e-6
    with pytest.raises(ValueError, match="2"):
        model.suggest_symbolic(0, 0, 2)


def test_parts_without_effect_are_pruned_and_the_rest_stays(fitted):
    model, X = fitted
    same = model.prune(0.0, 0.0)
    assert largest_difference(outputs(model, X), outputs(same, X)) < 1e-12
    small = model.prune(edge_threshold=1e-3)
    assert np.corrcoef(small.predict(X), model.predict(X))[0, 1] > 0.999
    again = small.refit(X, mixed(X))
    assert again.network_.arities == small.network_.arities
    assert again.score(X, mixed(X)) > 0.99


def test_a_column_without_effect_is_pruned():
    X = cube(300, 3)
    model = KANRegressor(((0, 1),), random_state=0).fit(X, X[:, 0] * X[:, 2])
    small = model.prune_inputs()
    np.testing.assert_array_equal(small.active_features_, [True, False, True])
    assert largest_difference(model.predict(X), small.predict(X)) < 1e-6
    np.testing.assert_allclose(model.feature_importances_, [0.5, 0.0, 0.5], atol=0.1)
    table = model.feature_interactions(X)
    assert table[0, 2] > 0.9
    assert np.delete(table.ravel(), [2, 6]).max() < 1e-3


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_copies_predict_the_same(estimator):
    X = cube(80)
    y = target_for(estimator, mixed(X))
    model = estimator(((1, 1),), **QUICK).fit(X, y)
    np.testing.assert_array_equal(outputs(pickle.loads(pickle.dumps(model)), X), outputs(model, X))
    assert clone(model).hidden_layer_sizes == ((1, 1),)
    np.testing.assert_array_equal(outputs(clone(model).fit(X, y), X), outputs(model, X))


def test_shapes_are_searched():
    X = cube(60, 2)
    y = X[:, 0] * X[:, 1]
    shapes = [(), (1,), ((0, 1),), ((1, (2,)),)]
    search = GridSearchCV(KANRegressor(**QUICK), {"hidden_layer_sizes": shapes}, cv=2).fit(X, y)
    assert search.best_params_["hidden_layer_sizes"] in shapes[2:]
    assert list(search.cv_results_["param_hidden_layer_sizes"]) == shapes


def test_finer_grids_keep_the_function(fitted):
    model, X = fitted
    fine = model.refine(6)
    assert fine.network_.arities == model.network_.arities
    assert largest_difference(model.predict(X), fine.predict(X)) < 1e-10


def test_warm_start():
    X = cube(80)
    y = mixed(X)
    model = KANRegressor(((1, 1),), warm_start=True, **QUICK).fit(X, y)
    before = model.predict(X)
    assert largest_difference(before, model.fit(X, y).predict(X)) < 0.1
    shapes = r"of shape \(3, \(1, 1\), 1\), but .* ask for \(3, 2, 1\)"
    with pytest.raises(ValueError, match=shapes):
        model.set_params(hidden_layer_sizes=(2,)).fit(X, y)
    with pytest.raises(ValueError, match=r"ask for \(3, \(1, \(3,\)\), 1\)"):
        model.set_params(hidden_layer_sizes=((1, (3,)),)).fit(X, y)


@pytest.mark.parametrize("sizes", [((0, 1),), ((0, (3,)), (0, 2)), ((1, 1), (0, 1))])
def test_additive_data_get_the_additive_model(sizes):
    X = cube(150, 2)
    noise = 0.2 * np.random.default_rng(3).normal(size=len(X))
    y = np.sin(2.0 * X[:, 0]) + X[:, 1] ** 2 + noise
    additive = KANRegressor((), **EXACT).fit(X, y)
    model = KANRegressor(sizes, **EXACT).fit(X, y)
    assert largest_difference(additive.predict(X), model.predict(X)) < 1e-3
    fresh = cube(50, 2, seed=2)
    assert largest_difference(additive.predict(fresh), model.predict(fresh)) < 1e-2


def test_notebooks_and_pictures_tell_products(fitted):
    model, X = fitted
    arrow = " \N{RIGHTWARDS ARROW} "
    assert arrow.join(["3", "(1, (3,))", "1"]) in model._repr_html_()
    assert KANDisplay.from_estimator(model, X).arities == [(1, 3), (1,)]
