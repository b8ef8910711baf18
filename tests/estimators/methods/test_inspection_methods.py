import pickle

import numpy as np
import pytest
from estimator_data import (
    ADDITIVE,
    ESTIMATORS,
    SMALL,
    curved_data,
    interrupt_after,
    labels_of,
    outputs,
    product_data,
    target_for,
)
from sklearn.base import clone
from sklearn.datasets import make_friedman1
from sklearn.exceptions import NotFittedError

from skkan import KANClassifier, KANRegressor

FIXED = {"alpha": 1e-8, "solver": "lm", "random_state": 0}


def sum_data(n_samples=3000):
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(n_samples, 4))
    return X, X[:, 0] ** 2 + 0.3 * X[:, 1] + 0.1 * X[:, 2] ** 3


def exponential_data(n_samples=300):
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(n_samples, 3))
    return X, np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)


@pytest.fixture(scope="module")
def exponential():
    X, y = exponential_data()
    return KANRegressor((5,), sparsity=3e-3, random_state=0).fit(X, y), X, y


def cut(model):
    """Prune halfway between the scores that there are, so that rounding decides nothing."""
    return model.prune(edge_threshold=0.06)


def assert_same_model(estimator, state, X, before):
    assert pickle.dumps(vars(estimator)) == state
    np.testing.assert_array_equal(outputs(estimator, X), before)


@pytest.mark.parametrize("hidden", ["auto", (1,)])
def test_an_unused_feature_has_no_score(hidden):
    X, y = sum_data(600)
    model = KANRegressor(hidden, random_state=0).fit(X, y)
    scores = model.feature_importances_
    assert scores[3] < 1e-3
    assert scores[:3].min() > 0.05
    assert scores.argsort().tolist() == [3, 2, 1, 0]
    assert scores.sum() == pytest.approx(1.0)
    np.testing.assert_array_equal(model.feature_interactions(X), np.zeros((4, 4)))


def test_noise_features_have_next_to_no_score():
    X, y = make_friedman1(1000, n_features=8, random_state=0)
    model = KANRegressor((3,), random_state=0).fit(X, y)
    scores = model.feature_importances_
    assert scores[5:].max() < 1e-3
    assert scores[:5].min() > 0.02
    interactions = model.feature_interactions(X)
    rest = interactions.copy()
    rest[:2, :2] = 0.0
    assert interactions[0, 1] > 0.03
    assert rest.max() < 1e-3


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_shapes(cls):
    X, y = curved_data(n_features=3)
    model = cls(**SMALL, alpha=1e-4).fit(X, target_for(cls, y))
    assert [scores.shape for scores in model.edge_scores_] == [(3, 2), (2, 1)]
    assert [scores.shape for scores in model.node_scores_] == [(3,), (2,), (1,)]
    assert model.feature_importances_.shape == (3,)
    assert model.active_features_.tolist() == [True] * 3
    assert model.feature_interactions(X).shape == (3, 3)


def test_all_classes_count():
    X, y = curved_data(200)
    model = KANClassifier(**SMALL).fit(X, labels_of(y, 3))
    np.testing.assert_array_equal(model.node_scores_[-1], np.ones(3))
    assert model.feature_importances_.min() > 0.1


def test_scores_do_not_depend_on_units_or_on_the_order_of_columns():
    X, y = curved_data(n_features=3)
    options = {**SMALL, "alpha": 1e-3}
    scores = KANRegressor(**options).fit(X, y).feature_importances_
    moved = KANRegressor(**options).fit(8.0 * X[:, ::-1] + 2.0, 4.0 * y).feature_importances_
    np.testing.assert_allclose(moved[::-1], scores, rtol=1e-5)


def test_no_training_data_are_kept():
    sizes = []
    for n_samples in (100, 4000):
        X, y = curved_data(n_samples)
        model = KANRegressor(**ADDITIVE, alpha=1e-2).fit(X, y)
        sizes.append(len(pickle.dumps(model._state.activity)))
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_constant_and_duplicated_columns(cls):
    X, y = curved_data()
    X = np.column_stack([X, np.full(len(X), 3.0), X[:, 0]])
    model = cls(**SMALL).fit(X, target_for(cls, y))
    assert np.isfinite(np.concatenate(model.node_scores_)).all()
    assert model.feature_importances_[2] == 0.0
    assert model.active_features_.tolist() == [True, True, False, True]
    assert np.isfinite(model.feature_interactions(X)).all()
    small = model.prune_inputs(1e-6)
    assert not small.active_features_[2]


@pytest.mark.parametrize("hidden", [(), (2,)])
def test_a_constant_target(hidden):
    X, _ = curved_data()
    model = KANRegressor(hidden, random_state=0).fit(X, np.full(len(X), 7.0))
    np.testing.assert_array_equal(model.feature_importances_, [0.0, 0.0])
    np.testing.assert_array_equal(model.feature_interactions(X), np.zeros((2, 2)))
    np.testing.assert_array_equal(model.prune_inputs().predict(X), model.predict(X))


def test_samples_are_drawn_from_many():
    X, y = product_data(400)
    model = KANRegressor(**SMALL, alpha=1e-6).fit(X, y)
    few = model.feature_interactions(X, max_samples=50)
    np.testing.assert_array_equal(few, model.feature_interactions(X, max_samples=50))
    assert few[0, 1] == pytest.approx(model.feature_interactions(X)[0, 1], rel=0.5)
    assert few[0, 1] != model.feature_interactions(X, max_samples=50, random_state=1)[0, 1]


def test_pruning_keeps_what_matters(exponential):
    model, X, _ = exponential
    state, before = pickle.dumps(vars(model)), model.predict(X)
    small = cut(model)
    assert_same_model(model, state, X, before)
    assert small.network_.n_parameters < model.network_.n_parameters
    assert not all(layer.active.all() for layer in small.network_.layers)
    assert small.active_features_.tolist() == [True, True, False]
    assert np.std(small.predict(X) - before) < 0.1 * np.std(before)
    assert [a.shape for a in small.alpha_] == [
        layer.active.shape for layer in small.network_.layers
    ]
    shapes = [layer.active.shape for layer in small.network_.layers]
    assert [scores.shape for scores in small.edge_scores_] == shapes
    assert small.feature_importances_[2] == 0.0
    assert small.hidden_layer_sizes == model.hidden_layer_sizes


def test_a_pruned_copy_is_independent(exponential):
    model, X, y = exponential
    before = model.predict(X)
    small = model.prune(0.0, 0.0)
    np.testing.assert_allclose(small.predict(X), before, rtol=1e-10)
    small.set_params(alpha=1.0).refit(X, y)
    np.testing.assert_array_equal(model.predict(X), before)


def test_pruned_inputs_do_nothing(exponential):
    model, X, y = exponential
    small = model.prune_inputs()
    assert small.active_features_.tolist() == [True, True, False]
    other = X.copy()
    other[:, 2] = 1e6
    np.testing.assert_array_equal(small.predict(other), small.predict(X))
    assert small.n_features_in_ == 3
    refitted = small.set_params(alpha=1e-8).refit(X, y)
    np.testing.assert_array_equal(refitted.predict(other), refitted.predict(X))


def test_pruning_everything_away(exponential):
    model, X, _ = exponential
    state, before = pickle.dumps(vars(model)), model.predict(X)
    largest = f"{max(scores.max() for scores in model.edge_scores_):.3g}"
    with pytest.raises(ValueError, match=f"edge_threshold=50 .* edge is {largest}"):
        model.prune(edge_threshold=50.0)
    with pytest.raises(ValueError, match="node_threshold=50 leave"):
        model.prune(node_threshold=50.0)
    largest = f"{model.node_scores_[0].max():.3g}"
    with pytest.raises(ValueError, match=f"threshold=50 .* score is {largest}"):
        model.prune_inputs(50.0)
    assert_same_model(model, state, X, before)


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf, "much", None, True])
def test_unusable_thresholds(exponential, value):
    model = exponential[0]
    for name, call in (
        ("node_threshold", lambda: model.prune(node_threshold=value)),
        ("edge_threshold", lambda: model.prune(edge_threshold=value)),
        ("threshold", lambda: model.prune_inputs(value)),
    ):
        with pytest.raises(ValueError, match=f"^{name} must be a finite number"):
            call()


@pytest.mark.parametrize("value", [1, 2.5, True, None])
def test_unusable_number_of_samples(exponential, value):
    with pytest.raises(ValueError, match="max_samples must be an integer of at least 2"):
        exponential[0].feature_interactions(exponential[1], max_samples=value)


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
@pytest.mark.parametrize("alpha", [1e-8, "auto"])
def test_refit_keeps_the_network(exponential, alpha, solver):
    model, X, y = exponential
    small = cut(model).set_params(alpha=alpha, solver=solver)
    pruned = np.std(small.predict(X) - y)
    shape, active = small.network_.shape, [layer.active for layer in small.network_.layers]
    assert small.refit(X, y) is small
    assert small.network_.shape == shape
    for layer, before in zip(small.network_.layers, active, strict=True):
        np.testing.assert_array_equal(layer.active, before)
    assert np.std(small.predict(X) - y) < max(pruned, 0.05 * np.std(y))
    assert small.solver_ == solver


def test_refit_makes_up_for_what_is_gone():
    X, y = sum_data(300)
    model = KANRegressor((), **FIXED).fit(X, y)
    small = model.prune_inputs(0.2)
    assert small.active_features_.tolist() == [True, True, False, False]
    loss = np.std(small.predict(X) - y)
    assert np.std(small.refit(X, y).predict(X) - y) < loss


def test_refit_on_a_finer_grid(exponential):
    _, X, y = exponential
    model = KANRegressor((2,), grid_size=3, **FIXED).fit(X, y)
    fine = cut(model).refine(12)
    before = np.std(fine.predict(X) - y)
    fine.refit(X, y)
    assert fine.network_.grid_size == 12
    assert np.std(fine.predict(X) - y) < before


@pytest.mark.parametrize("options", [{"hidden_layer_sizes": (7,)}, {"degree": 1}])
def test_refit_looks_at_the_network_and_not_at_the_parameters(exponential, options):
    model, X, y = exponential
    small = cut(model).set_params(**options, alpha=1e-8).refit(X, y)
    assert small.network_.shape == cut(model).network_.shape
    assert small.network_.layers[0].grid.degree == 3


@pytest.mark.parametrize("n_classes", [2, 3])
def test_refit_of_a_classifier(n_classes):
    X, y = curved_data(200, n_features=3)
    labels = np.array(["a", "b", "c"])[labels_of(y, n_classes)]
    model = KANClassifier(**SMALL, alpha=1e-3).fit(X, labels)
    small = model.prune(edge_threshold=0.1)
    two = labels != labels[-1]
    if n_classes == 3:
        small.refit(X[two], labels[two])
    small.refit(X, labels)
    assert small.classes_.tolist() == ["a", "b", "c"][:n_classes]
    assert small.score(X, labels) > model.score(X, labels) - 0.05
    state, before = pickle.dumps(vars(small)), outputs(small, X)
    labels[0] = "z"
    with pytest.raises(ValueError, match=r"classes \['a', 'b'.*'z'"):
        small.refit(X, labels)
    assert_same_model(small, state, X, before)


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_refit_of_the_same_problem_stays_where_it_is(cls):
    X, y = curved_data()
    y = target_for(cls, y)
    model = cls(**SMALL, alpha=1e-3, tol=1e-8).fit(X, y)
    before = outputs(model, X)
    np.testing.assert_allclose(outputs(model.refit(X, y), X), before, atol=0.02 * np.ptp(before))


def test_refit_takes_weights(exponential):
    model, X, y = exponential
    half = (np.arange(len(X)) < 150).astype(float)
    weighted = cut(model).set_params(alpha=1e-8).refit(X, y, half)
    alone = cut(model).set_params(alpha=1e-8).refit(X[:150], y[:150])
    np.testing.assert_allclose(weighted.predict(X), alone.predict(X), rtol=1e-7)


def test_refit_of_other_columns_or_targets(exponential):
    model, X, y = exponential
    small = cut(model)
    with pytest.raises(ValueError, match="features"):
        small.refit(X[:, :2], y)
    with pytest.raises(ValueError, match="1 outputs, but y has 2 targets"):
        small.refit(X, np.column_stack([y, y]))


def test_an_interrupted_refit_keeps_the_latest(exponential, monkeypatch):
    model, X, y = exponential
    small = cut(model).set_params(alpha=1e-8)
    interrupt_after(monkeypatch, 1)
    with pytest.warns(UserWarning, match="interrupted"):
        small.refit(X, y)
    assert small.network_.shape == cut(model).network_.shape


def test_a_fit_after_pruning_starts_anew(exponential):
    model, X, y = exponential
    small = cut(model).set_params(hidden_layer_sizes=(2,), alpha=1e-3).fit(X, y)
    assert small.network_.shape == (3, 2, 1)
    assert all(layer.active.all() for layer in small.network_.layers)
    with pytest.raises(ValueError, match="or call refit to keep the network"):
        cut(model).set_params(warm_start=True).fit(X, y)


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_unfitted(cls):
    X, y = curved_data()
    model = cls()
    for name in ("edge_scores_", "node_scores_", "feature_importances_", "active_features_"):
        assert not hasattr(model, name)
        with pytest.raises(NotFittedError):
            getattr(model, name)
    for call in (model.prune, model.prune_inputs, lambda: model.feature_interactions(X)):
        with pytest.raises(NotFittedError):
            call()
    with pytest.raises(NotFittedError):
        model.refit(X, target_for(cls, y))


def test_a_pruned_model_is_pickled_and_cloned(exponential):
    model, X, _ = exponential
    small = cut(model)
    copy = pickle.loads(pickle.dumps(small))
    np.testing.assert_array_equal(copy.predict(X), small.predict(X))
    np.testing.assert_array_equal(copy.feature_importances_, small.feature_importances_)
    assert not hasattr(clone(small), "network_")
