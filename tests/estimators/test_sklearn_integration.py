import io
import pickle

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from estimator_data import (
    ADDITIVE,
    ESTIMATORS,
    SMALL,
    curved_data,
    labels_of,
    outputs,
    target_for,
)
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import (
    ColumnTransformer,
    TransformedTargetRegressor,
    make_column_transformer,
)
from sklearn.ensemble import BaggingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import PartialDependenceDisplay, permutation_importance
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    StratifiedKFold,
    cross_validate,
    learning_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import estimator_html_repr

from skkan import KANClassifier, KANRegressor


@pytest.fixture
def metadata_routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_pipeline_with_scaler(cls):
    X, y = curved_data()
    t = target_for(cls, y)
    pipeline = make_pipeline(StandardScaler(), cls(**ADDITIVE)).fit(X, t)
    alone = cls(**ADDITIVE).fit(X, t)
    np.testing.assert_allclose(outputs(pipeline[-1], pipeline[:-1].transform(X)), outputs(alone, X))
    assert pipeline.score(X, t) == alone.score(X, t)


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_pipeline_with_column_transformer(cls):
    X, y = curved_data(90, 2)
    colour = np.random.default_rng(2).choice(["red", "green", "blue"], size=len(X))
    y = y + 2.0 * (colour == "red")
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "colour": colour})
    t = target_for(cls, y)
    transformer = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["a", "b"]),
            ("names", OneHotEncoder(sparse_output=False), ["colour"]),
        ]
    )
    with_colour = make_pipeline(transformer, cls(**ADDITIVE)).fit(frame, t)
    numbers = make_column_transformer((StandardScaler(), ["a", "b"]))
    without = make_pipeline(numbers, cls(**ADDITIVE)).fit(frame, t)
    assert with_colour.score(frame, t) > without.score(frame, t) + 0.05
    assert with_colour[-1].n_features_in_ == 5


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_grid_search(cls, n_jobs):
    X, y = curved_data()
    t = target_for(cls, y)
    search = GridSearchCV(cls(**ADDITIVE), {"alpha": [1e-3, 1e4]}, cv=3, n_jobs=n_jobs).fit(X, t)
    assert search.best_params_ == {"alpha": 1e-3}
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    np.testing.assert_array_equal(
        search.predict(X), cls(**{**ADDITIVE, "alpha": 1e-3}).fit(X, t).predict(X)
    )


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_halving_grid_search(cls, n_jobs):
    X, y = curved_data(90)
    t = target_for(cls, y)
    search = HalvingGridSearchCV(
        cls(**ADDITIVE),
        {"alpha": [1e-2, 1e4, 1e5], "grid_size": [3, 4]},
        cv=3,
        factor=3,
        n_jobs=n_jobs,
        random_state=0,
    ).fit(X, t)
    assert search.n_iterations_ >= 2
    assert search.best_params_["alpha"] == 1e-2
    assert search.score(X, t) > 0.6


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_halving_grid_search_over_max_iter(cls):
    X, y = curved_data()
    t = target_for(cls, y)
    estimator = cls(**{**ADDITIVE, "solver": "lbfgs"})
    search = HalvingGridSearchCV(
        estimator, {"alpha": [1e-3, 1e4]}, cv=3, factor=2, resource="max_iter", max_resources=60
    ).fit(X, t)
    assert search.best_params_["alpha"] == 1e-3


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_cross_validate(cls):
    X, y = curved_data()
    t = target_for(cls, y)
    result = cross_validate(
        cls(**ADDITIVE), X, t, cv=3, return_estimator=True, return_train_score=True
    )
    assert [type(e) for e in result["estimator"]] == [cls] * 3
    assert result["test_score"].mean() > 0.6
    assert result["train_score"].mean() > 0.6


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_clone_keeps_parameters_only(cls):
    X, y = curved_data()
    fitted = cls(**ADDITIVE, alpha=0.5).fit(X, target_for(cls, y))
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert not hasattr(copy, "network_")
    assert not hasattr(copy, "n_features_in_")


@pytest.mark.parametrize("cls", ESTIMATORS)
@pytest.mark.parametrize("how", ["pickle", "joblib"])
def test_saving(cls, how, tmp_path):
    X, y = curved_data()
    fitted = cls(**SMALL).fit(X, target_for(cls, y))
    if how == "pickle":
        again = pickle.loads(pickle.dumps(fitted))
    else:
        joblib.dump(fitted, tmp_path / "kan.joblib")
        again = joblib.load(tmp_path / "kan.joblib")
    np.testing.assert_array_equal(outputs(again, X), outputs(fitted, X))
    assert again.get_params() == fitted.get_params()


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_memory_mapped_model_predicts_and_goes_on(cls, tmp_path):
    X, y = curved_data()
    t = target_for(cls, y)
    fitted = cls(**SMALL, warm_start=True).fit(X, t)
    joblib.dump(fitted, tmp_path / "kan.joblib")
    again = joblib.load(tmp_path / "kan.joblib", mmap_mode="r")
    np.testing.assert_array_equal(outputs(again, X), outputs(fitted, X))
    np.testing.assert_array_equal(outputs(again.fit(X, t), X), outputs(fitted.fit(X, t), X))


def test_saved_model_is_small():
    X, y = curved_data(3000)
    fitted = KANRegressor(**ADDITIVE).fit(X, y)
    file = io.BytesIO()
    pickle.dump(fitted, file)
    # The training data would be 72 kB; a thousand rows are kept with targets and weights.
    assert file.tell() < 48_000


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated_classifier(method):
    X, y = curved_data(120)
    t = labels_of(y, 3)
    calibrated = CalibratedClassifierCV(KANClassifier(**ADDITIVE), method=method, cv=3).fit(X, t)
    proba = calibrated.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert log_loss(t, proba) < 0.9 * np.log(3.0)


def test_bagging_regressor():
    X, y = curved_data()
    bagging = BaggingRegressor(KANRegressor(**ADDITIVE), n_estimators=4, random_state=0)
    assert bagging.fit(X, y).score(X, y) > 0.98
    members = np.array([member.predict(X) for member in bagging.estimators_])
    assert members.std(axis=0).max() > 0.0
    np.testing.assert_allclose(bagging.predict(X), members.mean(axis=0))


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_permutation_importance(cls):
    X, y = curved_data(80, 3)
    t = target_for(cls, y)
    fitted = cls(**ADDITIVE).fit(X, t)
    importance = permutation_importance(fitted, X, t, n_repeats=5, random_state=0)
    assert importance.importances_mean[0] > 0.1
    assert abs(importance.importances_mean[2]) < 0.05


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_partial_dependence(cls):
    X, y = curved_data()
    frame = pd.DataFrame(X, columns=["a", "b"])
    fitted = cls(**ADDITIVE).fit(frame, target_for(cls, y))
    display = PartialDependenceDisplay.from_estimator(
        fitted, frame, ["a", ("a", "b")], grid_resolution=8
    )
    curve = display.pd_results[0]["average"][0]
    plt.close(display.figure_)
    assert np.ptp(curve) > 0.2
    assert display.pd_results[1]["average"][0].shape == (8, 8)


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_learning_curve(cls):
    X, y = curved_data(90)
    sizes, train, test = learning_curve(
        cls(**ADDITIVE),
        X,
        target_for(cls, y),
        cv=3,
        train_sizes=[0.3, 1.0],
        shuffle=True,
        random_state=0,
    )
    assert sizes.tolist() == [18, 60]
    assert np.isfinite(train).all()
    assert test[1].mean() > 0.6


@pytest.mark.usefixtures("metadata_routing")
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_metadata_routing_passes_sample_weight(cls):
    X, y = curved_data()
    t = target_for(cls, y)
    weight = np.where(X[:, 0] > 0.0, 1.0, 0.0)
    requesting = cls(**ADDITIVE).set_fit_request(sample_weight=True)
    pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), requesting)
    routed = pipeline.fit(X, t, sample_weight=weight)
    used = weight > 0.0
    alone = cls(**ADDITIVE).fit(pipeline[:-1].transform(X)[used], t[used])
    np.testing.assert_allclose(outputs(routed[-1], X), outputs(alone, X))


@pytest.mark.usefixtures("metadata_routing")
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_metadata_routing_in_cross_validation(cls):
    X, y = curved_data()
    t = target_for(cls, y)
    weight = np.random.default_rng(3).integers(1, 5, size=len(X)).astype(float)
    estimator = cls(**{**ADDITIVE, "alpha": 0.1})
    estimator.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    folds = StratifiedKFold(3) if cls is KANClassifier else KFold(3)
    result = cross_validate(estimator, X, t, cv=folds, params={"sample_weight": weight})
    expected = [
        clone(estimator)
        .fit(X[train], t[train], weight[train])
        .score(X[test], t[test], weight[test])
        for train, test in folds.split(X, t)
    ]
    np.testing.assert_allclose(result["test_score"], expected)


@pytest.mark.parametrize("cls", ESTIMATORS)
@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_data_frames(cls, frame):
    X, y = curved_data()
    t = target_for(cls, y)
    data = frame({"a": X[:, 0], "b": X[:, 1]})
    fitted = cls(**ADDITIVE).fit(data, t)
    assert fitted.feature_names_in_.tolist() == ["a", "b"]
    np.testing.assert_array_equal(outputs(fitted, data), outputs(cls(**ADDITIVE).fit(X, t), X))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_wrong_column_names(frame):
    X, y = curved_data()
    fitted = KANRegressor(**ADDITIVE).fit(frame({"a": X[:, 0], "b": X[:, 1]}), y)
    with pytest.raises(ValueError, match=r"(?s)names.*- c\n.*- b"):
        fitted.predict(frame({"a": X[:, 0], "c": X[:, 1]}))
    with pytest.raises(ValueError, match="same order"):
        fitted.predict(frame({"b": X[:, 1], "a": X[:, 0]}))


def test_array_for_a_model_fitted_on_a_frame_warns():
    X, y = curved_data()
    fitted = KANRegressor(**ADDITIVE).fit(pd.DataFrame(X, columns=["a", "b"]), y)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        fitted.predict(X)


def test_names_are_forgotten_by_a_refit_without():
    X, y = curved_data()
    fitted = KANRegressor(**ADDITIVE).fit(pd.DataFrame(X, columns=["a", "b"]), y)
    assert not hasattr(fitted.fit(X, y), "feature_names_in_")


@pytest.mark.parametrize("series", [pd.Series, pl.Series])
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_series_as_target_and_weight(cls, series):
    X, y = curved_data()
    t = target_for(cls, y)
    weight = np.linspace(0.5, 2.0, len(X))
    fitted = cls(**ADDITIVE).fit(X, series(t), series(weight))
    plain = cls(**ADDITIVE).fit(X, t, weight)
    np.testing.assert_array_equal(outputs(fitted, X), outputs(plain, X))


def test_frame_of_targets():
    X, y = curved_data()
    Y = np.column_stack([y, -y])
    fitted = KANRegressor(**ADDITIVE).fit(X, pd.DataFrame(Y, columns=["up", "down"]))
    np.testing.assert_array_equal(fitted.predict(X), KANRegressor(**ADDITIVE).fit(X, Y).predict(X))


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_html_representation(cls):
    X, y = curved_data()
    estimator = cls(**ADDITIVE, alpha=0.25)
    assert "Not fitted" in estimator._repr_html_()
    page = estimator_html_repr(make_pipeline(StandardScaler(), estimator))
    assert cls.__name__ in page
    assert "alpha" in page
    fitted = estimator.fit(X, target_for(cls, y))
    assert "Not fitted" not in fitted._repr_html_()


def test_text_representation_shows_changed_parameters_only():
    assert repr(KANRegressor(alpha=0.25)) == "KANRegressor(alpha=0.25)"


def test_kinds():
    assert is_regressor(KANRegressor())
    assert is_classifier(KANClassifier())


def test_transformed_target():
    X, y = curved_data()
    model = TransformedTargetRegressor(KANRegressor(**ADDITIVE), func=np.log, inverse_func=np.exp)
    model.fit(X, np.exp(y))
    plain = KANRegressor(**ADDITIVE).fit(X, y)
    np.testing.assert_allclose(model.predict(X), np.exp(plain.predict(X)))


def test_string_labels_in_cross_validation():
    X, y = curved_data(90)
    t = np.array(["low", "middle", "high"])[labels_of(y, 3)]
    result = cross_validate(
        KANClassifier(**ADDITIVE), X, t, cv=StratifiedKFold(3), scoring=["accuracy", "neg_log_loss"]
    )
    assert result["test_accuracy"].min() > 0.4
    assert result["test_neg_log_loss"].min() > -np.log(3.0)
