import warnings

import numpy as np
import pandas as pd
import pytest
from estimator_data import (
    ADDITIVE,
    SMALL,
    curved_data,
    interrupt_after,
    labels_of,
    largest_difference,
    product_data,
)
from scipy.special import expit, softmax
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkan import KANClassifier

FIXED = {**ADDITIVE, "alpha": 0.1}


def data(n_classes=2, n_samples=90):
    X, y = curved_data(n_samples)
    return X, labels_of(y, n_classes)


def corners(n_samples=120):
    """Classes that only both columns together tell apart."""
    X, _ = product_data(n_samples)
    return X, (X[:, 0] * X[:, 1] > 0.0).astype(int)


def fit(X, t, weight=None, **options):
    return KANClassifier(**options).fit(X, t, weight)


@pytest.mark.parametrize(
    ("names", "dtype"),
    [
        (["no", "yes"], "<U3"),
        (["no", "yes"], object),
        ([False, True], bool),
        ([-7, 3], np.int64),
        ([-1, 1], np.int8),
        ([0.0, 1.0], np.float64),
        ([2, 250], np.uint8),
        (["a", "b", "c"], "<U1"),
        (["c", "a", "b"], object),
        ([-3, 5, 11], np.int32),
        ([10**12, 0, -(10**12)], np.int64),
    ],
)
def test_labels_of_any_kind(names, dtype):
    X, codes = data(len(names))
    names = np.array(names, dtype=dtype)
    fitted = fit(X, names[codes], **ADDITIVE)
    np.testing.assert_array_equal(fitted.classes_, np.sort(names))
    assert fitted.classes_.dtype == names.dtype
    predicted = fitted.predict(X)
    assert predicted.dtype == names.dtype
    assert set(predicted) == set(names)
    assert fitted.score(X, names[codes]) > 0.6
    np.testing.assert_array_equal(np.sort(names)[fitted.predict_proba(X).argmax(axis=1)], predicted)


def test_labels_as_series_and_lists():
    X, t = data()
    named = np.array(["no", "yes"])[t]
    plain = fit(X, named, **ADDITIVE).predict(X)
    for labels in (named.tolist(), pd.Series(named), pd.Series(named, dtype="category")):
        np.testing.assert_array_equal(fit(X, labels, **ADDITIVE).predict(X), plain)


def test_column_of_labels_warns():
    X, t = data()
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        fit(X, t[:, None], **ADDITIVE)


@pytest.mark.parametrize("options", [ADDITIVE, SMALL])
def test_binary_outputs_are_consistent(options):
    X, t = data()
    fitted = fit(X, t, **options)
    scores, proba = fitted.decision_function(X), fitted.predict_proba(X)
    assert scores.shape == (90,)
    assert proba.shape == (90, 2)
    assert fitted.n_outputs_ == 1
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-15)
    np.testing.assert_allclose(proba[:, 1], expit(scores))
    np.testing.assert_allclose(np.exp(fitted.predict_log_proba(X)), proba)
    np.testing.assert_array_equal(fitted.predict(X), (scores > 0.0).astype(int))


@pytest.mark.parametrize("options", [ADDITIVE, SMALL])
@pytest.mark.parametrize("n_classes", [3, 5])
def test_multinomial_outputs_are_consistent(n_classes, options):
    X, t = data(n_classes)
    fitted = fit(X, t, **options)
    scores, proba = fitted.decision_function(X), fitted.predict_proba(X)
    assert scores.shape == proba.shape == (90, n_classes)
    assert fitted.n_outputs_ == n_classes
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(proba, softmax(scores, axis=1))
    np.testing.assert_allclose(np.exp(fitted.predict_log_proba(X)), proba)
    np.testing.assert_array_equal(fitted.predict(X), scores.argmax(axis=1))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_log_probabilities_far_out_are_finite(n_classes):
    X, t = data(n_classes)
    fitted = fit(X, t, **ADDITIVE)
    far = 1e6 * X
    assert fitted.predict_proba(far).min() == 0.0
    log_proba = fitted.predict_log_proba(far)
    assert np.isfinite(log_proba).all()
    assert log_proba.min() < -1e3


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("options", [FIXED, {**FIXED, "solver": "lbfgs"}])
def test_mean_probability_is_the_share_of_the_class(n_classes, options):
    X, t = data(n_classes)
    weight = np.random.default_rng(0).uniform(0.5, 2.0, size=len(X))
    proba = fit(X, t, weight, **options, tol=1e-12).predict_proba(X)
    shares = np.bincount(t, weights=weight) / weight.sum()
    # Constants are free of the penalty.
    np.testing.assert_allclose(np.average(proba, axis=0, weights=weight), shares, atol=1e-3)


@pytest.mark.parametrize(
    ("load", "margin"), [(load_breast_cancer, 0.02), (load_wine, 0.03), (load_iris, 0.03)]
)
def test_calibrated_as_well_as_logistic_regression(load, margin):
    X, t = load(return_X_y=True)
    ours, theirs = [], []
    for seed in range(2):
        X_train, X_test, t_train, t_test = train_test_split(
            X, t, test_size=0.5, stratify=t, random_state=seed
        )
        model = fit(X_train, t_train, **ADDITIVE)
        logistic = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, t_train)
        ours.append(log_loss(t_test, model.predict_proba(X_test)))
        theirs.append(log_loss(t_test, logistic.predict_proba(X_test)))
    assert np.mean(ours) <= np.mean(theirs) + margin


def test_calibrated_by_default():
    X, t = load_wine(return_X_y=True)
    X_train, X_test, t_train, t_test = train_test_split(
        X, t, test_size=0.5, stratify=t, random_state=0
    )
    model = fit(X_train, t_train, random_state=0)
    logistic = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, t_train)
    assert model.score(X_test, t_test) >= 0.93
    loss, reference = (log_loss(t_test, m.predict_proba(X_test)) for m in (model, logistic))
    assert loss <= reference + 0.05


def test_noise_gets_the_shares_of_the_classes():
    rng = np.random.default_rng(0)
    X, t = rng.normal(size=(1000, 4)), rng.uniform(size=1000) < 0.25
    proba = fit(X[:200], t[:200], **ADDITIVE).predict_proba(X[200:])
    shares = np.full(800, t[:200].mean())
    assert log_loss(t[200:], proba) < log_loss(t[200:], shares) + 0.03


def test_separable_classes_get_finite_log_odds():
    X = np.linspace(-1.0, 1.0, 40)[:, None]
    fitted = fit(X, X[:, 0] > 0.0, **ADDITIVE)
    assert fitted.score(X, X[:, 0] > 0.0) == 1.0
    assert np.isfinite(fitted.decision_function(X)).all()


def test_hidden_layer_lets_columns_interact():
    X, t = corners()
    train, test = slice(80), slice(80, None)
    assert fit(X[train], t[train], **ADDITIVE).score(X[test], t[test]) < 0.7
    assert fit(X[train], t[train], **SMALL).score(X[test], t[test]) > 0.85


@pytest.mark.parametrize("n_classes", [2, 3])
def test_hidden_layer_sizes(n_classes):
    X, t = data(n_classes)
    outputs = 1 if n_classes == 2 else n_classes
    options = {**FIXED, "hidden_layer_sizes": (3, 2)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert fit(X, t, **options, max_iter=2).network_.shape == (2, 3, 2, outputs)


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_solver(solver, n_classes):
    X, t = data(n_classes)
    fitted = fit(X, t, **ADDITIVE, solver=solver)
    assert fitted.solver_ == solver
    assert fitted.score(X, t) > 0.6


@pytest.mark.parametrize("n_classes", [2, 3])
def test_solvers_agree_on_a_convex_problem(n_classes):
    X, t = data(n_classes)
    lm, lbfgs = (fit(X, t, **FIXED, solver=s, tol=1e-12).predict_proba(X) for s in ("lm", "lbfgs"))
    assert largest_difference(lm, lbfgs) < 1e-4


@pytest.mark.parametrize("degree", [1, 2, 5])
@pytest.mark.parametrize("base_function", ["zero", "silu", "identity"])
def test_degree_and_base_function(degree, base_function):
    X, t = data()
    fitted = fit(X, t, **FIXED, degree=degree, base_function=base_function)
    layer = fitted.network_.layers[0]
    assert layer.grid.degree == degree
    assert layer.n_features == layer.grid.grid_size + degree + (base_function != "zero")
    assert fitted.score(X, t) > 0.7


def test_options_change_the_fit():
    X, t = data()
    plain = fit(X, t, **FIXED).predict_proba(X)
    for change in (
        {"degree": 2},
        {"base_function": "silu"},
        {"knots": "quantile"},
        {"knots": 0.5},
        {"grid_size": 9},
        {"alpha": 1.0},
        {"class_weight": {0: 2.0}},
        {"early_stopping": True},
    ):
        other = fit(X, t, **{**FIXED, **change}).predict_proba(X)
        assert largest_difference(plain, other) > 1e-6, change


def test_alpha_trades_fit_for_smoothness():
    X, t = data()
    losses = [
        log_loss(t, fit(X, t, **{**ADDITIVE, "alpha": alpha}).predict_proba(X))
        for alpha in (1e-3, 1e-1, 1e1, 1e3)
    ]
    assert losses == sorted(losses)
    assert losses[-1] > 1.5 * losses[0]


@pytest.mark.parametrize(("alpha", "reached"), [(1e-3, (8,)), ("auto", (2, 4, 8))])
def test_grid_schedule(alpha, reached):
    X, t = data()
    fitted = fit(X, t, **{**ADDITIVE, "grid_size": (2, 4, 8), "alpha": alpha})
    assert fitted.network_.grid_size in reached
    assert fitted.score(X, t) > 0.7


@pytest.mark.parametrize("n_classes", [2, 3])
def test_fitted_attributes(n_classes):
    X, t = data(n_classes)
    fitted = fit(X, t, **SMALL)
    assert fitted.n_features_in_ == 2
    assert fitted.n_iter_ == len(fitted.loss_curve_) >= 1
    assert fitted.loss_ >= fitted.loss_curve_[-1]
    assert fitted.best_loss_ == min(fitted.loss_curve_)
    assert np.isfinite(fitted.loss_curve_).all()
    outputs = fitted.network_(X)
    np.testing.assert_array_equal(outputs.reshape(len(X), -1), outputs)
    np.testing.assert_array_equal(np.squeeze(outputs), fitted.decision_function(X))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_loss_is_the_log_loss_and_the_penalty(n_classes):
    X, t = data(n_classes)
    # After the race a schedule has something left to do.
    options = {**FIXED, "grid_size": (2, 4)}
    entropy = log_loss(t, np.tile(np.bincount(t) / len(t), (len(t), 1)))
    for alpha in (1e-3, 0.1, 10.0):
        fitted = fit(X, t, **{**options, "alpha": alpha})
        assert log_loss(t, fitted.predict_proba(X)) < fitted.loss_ < entropy


@pytest.mark.parametrize(
    "options",
    [
        ADDITIVE,
        SMALL,
        {**SMALL, "solver": "lbfgs"},
        {**SMALL, "knots": "quantile"},
        {**ADDITIVE, "class_weight": "balanced"},
    ],
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_weights_are_repetitions(options, n_classes):
    X, t = data(n_classes, 60)
    weight = np.random.default_rng(0).integers(0, 4, size=len(X))
    weighted = fit(X, t, weight, **options)
    order = np.random.default_rng(1).permutation(weight.sum())
    repeated = fit(np.repeat(X, weight, axis=0)[order], np.repeat(t, weight)[order], **options)
    proba, repeated_proba = weighted.predict_proba(X), repeated.predict_proba(X)
    assert largest_difference(repeated_proba, proba) <= 1e-7


def test_weights_of_one_are_none():
    X, t = data()
    plain = fit(X, t, **ADDITIVE).predict_proba(X)
    np.testing.assert_array_equal(fit(X, t, np.ones(90), **ADDITIVE).predict_proba(X), plain)


def test_class_without_weight_is_kept_and_improbable():
    X, t = data(3)
    fitted = fit(X, t, (t != 1).astype(float), **ADDITIVE)
    assert fitted.classes_.tolist() == [0, 1, 2]
    proba = fitted.predict_proba(X)
    assert proba[:, 1].max() < 0.1
    assert set(fitted.predict(X)) == {0, 2}


def unbalanced():
    X, y = curved_data(120)
    return X, (labels_of(y, 6) == 5).astype(int)


@pytest.mark.parametrize(
    ("class_weight", "factors"),
    [
        ("balanced", lambda t: len(t) / 2.0 / np.bincount(t)),
        ({0: 1.0, 1: 3.0}, lambda _: np.array([1.0, 3.0])),
        ({1: 3.0}, lambda _: np.array([1.0, 3.0])),
    ],
)
def test_class_weight_multiplies_sample_weight(class_weight, factors):
    # With a penalty to be chosen it matters how many samples weights stand for, and the factors
    # of classes do not change that.
    options = {**ADDITIVE, "alpha": 1e-2}
    X, t = unbalanced()
    by_class = fit(X, t, **options, class_weight=class_weight).predict_proba(X)
    by_sample = fit(X, t, factors(t)[t], **options).predict_proba(X)
    np.testing.assert_allclose(by_class, by_sample, rtol=1e-6)
    assert largest_difference(by_class, fit(X, t, **options).predict_proba(X)) > 1e-2


def test_class_weight_and_sample_weight_together():
    options = {**ADDITIVE, "alpha": 1e-2}
    X, t = unbalanced()
    weight = np.random.default_rng(0).uniform(0.5, 2.0, size=len(X))
    both = fit(X, t, weight, **options, class_weight={0: 1.0, 1: 2.5}).predict_proba(X)
    product = fit(X, t, weight * np.where(t == 1, 2.5, 1.0), **options).predict_proba(X)
    np.testing.assert_allclose(both, product, rtol=1e-6)


def test_balanced_counts_weighted_samples():
    X, t = unbalanced()
    weight = np.random.default_rng(0).integers(0, 3, size=len(X))
    options = {**ADDITIVE, "class_weight": "balanced"}
    weighted = fit(X, t, weight, **options).predict_proba(X)
    repeated = fit(np.repeat(X, weight, axis=0), np.repeat(t, weight), **options).predict_proba(X)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-6)
    np.testing.assert_allclose(
        np.average(weighted[:, 1], weights=weight * (len(t) / np.bincount(t, weight))[t]),
        0.5,
        atol=0.02,
    )


def test_class_weight_with_names():
    X, t = unbalanced()
    named = fit(X, np.array(["no", "yes"])[t], **ADDITIVE, class_weight={"no": 1.0, "yes": 3.0})
    coded = fit(X, t, **ADDITIVE, class_weight={0: 1.0, 1: 3.0})
    np.testing.assert_array_equal(named.predict_proba(X), coded.predict_proba(X))


@pytest.mark.parametrize("options", [SMALL, ADDITIVE, FIXED])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_no_warning_where_it_converges(options, n_classes):
    X, t = data(n_classes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(X, t, **options)


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
@pytest.mark.parametrize("tol", [1e-12, 0.0])
def test_no_warning_at_the_best_that_rounding_allows(solver, tol):
    X, t = data()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(X, t, **FIXED, solver=solver, tol=tol)


@pytest.mark.parametrize("alpha", ["auto", 1e-3])
@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
def test_warning_where_the_limit_cuts_it_short(alpha, solver):
    X, t = corners()
    options = {**SMALL, "alpha": alpha, "solver": solver}
    unlimited = fit(X, t, **options).predict_proba(X)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        limited = fit(X, t, **options, max_iter=3).predict_proba(X)
    warned = any(issubclass(w.category, ConvergenceWarning) for w in caught)
    assert warned or largest_difference(unlimited, limited) < 1e-2


@pytest.mark.parametrize("max_iter", [1, 2, 7])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_max_iter_is_a_limit(max_iter):
    X, t = data(3)
    assert 1 <= fit(X, t, **FIXED, max_iter=max_iter).n_iter_ <= max_iter


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
def test_tol(solver):
    X, t = data(n_classes=3)
    # Convex: the only way to a lower loss is to go on.
    options = {**ADDITIVE, "alpha": 1e-2, "grid_size": (2, 8), "solver": solver}
    rough, fine = (fit(X, t, **options, tol=tol) for tol in (1e-1, 1e-9))
    assert rough.n_iter_ < fine.n_iter_
    assert fine.loss_ < rough.loss_


def test_random_state_and_restarts():
    X, t = corners(60)
    options = {**SMALL, "alpha": 1e-2}
    first, again, other, more = (
        fit(X, t, **{**options, **change}).predict_proba(X)
        for change in ({}, {}, {"random_state": 1}, {"n_restarts": 6})
    )
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)
    assert np.any(first != more)


def test_n_jobs_does_not_change_the_fit():
    X, t = corners(60)
    options = {**SMALL, "alpha": 1e-2, "n_restarts": 5}
    np.testing.assert_array_equal(
        fit(X, t, **options).predict_proba(X), fit(X, t, **options, n_jobs=2).predict_proba(X)
    )


@pytest.mark.parametrize("n_classes", [2, 3])
def test_warm_start_goes_on(n_classes):
    X, t = data(n_classes)
    estimator = KANClassifier(**ADDITIVE, warm_start=True).fit(X, t)
    before, n_iter = estimator.predict_proba(X), estimator.n_iter_
    assert estimator.fit(X, t).n_iter_ < n_iter
    assert largest_difference(before, estimator.predict_proba(X)) < 1e-2


def test_warm_start_on_other_classes_is_refused():
    X, t = data(3)
    estimator = KANClassifier(**ADDITIVE, warm_start=True).fit(X, t)
    before = estimator.predict(X)
    with pytest.raises(ValueError, match=r"warm_start=True .*\(2, 3\).*\(2, 1\)"):
        estimator.fit(X, t > 0)
    np.testing.assert_array_equal(estimator.predict(X), before)


@pytest.mark.parametrize("alpha", ["auto", 1e-6])
def test_early_stopping_keeps_the_best_iteration(alpha):
    X, t = data(3, 80)
    options = {**ADDITIVE, "grid_size": 8, "alpha": alpha, "solver": "lbfgs"}
    fitted = fit(X, t, **options, early_stopping=True, validation_fraction=0.3)
    curve = fitted.validation_loss_curve_
    assert len(curve) == fitted.n_iter_
    state = np.random.RandomState(0)
    state.randint(2**31)
    _, X_out, _, t_out = train_test_split(X, t, test_size=0.3, random_state=state, stratify=t)
    assert log_loss(t_out, fitted.predict_proba(X_out)) == pytest.approx(min(curve), rel=1e-4)


def test_early_stopping_sets_every_class_aside():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 1))
    t = np.repeat(["common", "rare"], [90, 10])
    fitted = fit(X, t, **ADDITIVE, early_stopping=True, validation_fraction=0.2)
    assert np.isfinite(fitted.validation_loss_curve_).all()
    assert fitted.classes_.tolist() == ["common", "rare"]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("n_iter", [0, 2, 10])
def test_interrupt_leaves_a_fitted_estimator(monkeypatch, n_classes, n_iter):
    X, t = data(n_classes)
    interrupt_after(monkeypatch, n_iter)
    with pytest.warns(UserWarning, match="interrupted; the best network so far is kept"):
        fitted = fit(X, t, **SMALL)
    np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1.0)
    assert fitted.n_iter_ == len(fitted.loss_curve_) == n_iter


def test_accuracy_beats_a_line_where_classes_are_nested():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 2))
    t = (np.hypot(*X.T) > 1.2).astype(int)
    fitted = fit(X[:100], t[:100], **SMALL)
    line = LogisticRegression().fit(X[:100], t[:100])
    assert fitted.score(X[100:], t[100:]) > accuracy_score(t[100:], line.predict(X[100:])) + 0.2
