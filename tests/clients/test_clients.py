"""One small test for every package that people use skkan with; needs .ci/clients.txt."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.pipeline import make_pipeline

from skkan import TRUSTED_TYPES, KANClassifier, KANRegressor

pytestmark = [
    pytest.mark.clients,
    pytest.mark.filterwarnings("ignore"),
]
QUICK = {"alpha": 1e-3, "n_restarts": 1, "random_state": 0}
X, Y = load_diabetes(return_X_y=True)
X, Y = X[:200, :4], Y[:200]
IRIS, SPECIES = load_iris(return_X_y=True)


def test_intervals_of_mapie():
    regression = pytest.importorskip("mapie.regression")
    model = KANRegressor((), **QUICK)
    mapie = regression.SplitConformalRegressor(model, confidence_level=0.9, prefit=False)
    mapie.fit(X[:100], Y[:100]).conformalize(X[100:150], Y[100:150])
    _, intervals = mapie.predict_interval(X[150:])
    inside = (intervals[:, 0, 0] <= Y[150:]) & (Y[150:] <= intervals[:, 1, 0])
    assert inside.mean() > 0.7


def test_values_of_shap():
    shap = pytest.importorskip("shap")
    model = KANRegressor((), **QUICK).fit(X, Y)
    values = shap.Explainer(model.predict, X[:50])(X[:5])
    total = values.values.sum(axis=1) + values.base_values
    np.testing.assert_allclose(total, model.predict(X[:5]), rtol=1e-6)


def test_search_of_optuna():
    optuna = pytest.importorskip("optuna")
    integration = pytest.importorskip("optuna_integration")
    alpha = optuna.distributions.FloatDistribution(1e-4, 1e-1, log=True)
    search = integration.OptunaSearchCV(
        KANRegressor((), **QUICK), {"alpha": alpha}, n_trials=3, cv=2, random_state=0
    )
    assert search.fit(X, Y).predict(X).shape == (200,)


def test_selection_of_mlxtend():
    selection = pytest.importorskip("mlxtend.feature_selection")
    model = KANRegressor((), **QUICK)
    found = selection.SequentialFeatureSelector(model, k_features=2, cv=2).fit(X, Y)
    assert len(found.k_feature_idx_) == 2


def test_pipelines_of_imbalanced_learn():
    pipeline = pytest.importorskip("imblearn.pipeline")
    sampling = pytest.importorskip("imblearn.over_sampling")
    model = pipeline.make_pipeline(
        sampling.RandomOverSampler(random_state=0), KANClassifier((), **QUICK)
    )
    rows = np.r_[0:50, 50:60]
    assert model.fit(IRIS[rows], SPECIES[rows]).score(IRIS[:100], SPECIES[:100]) > 0.9


def test_forecasts_of_skforecast():
    pd = pytest.importorskip("pandas")
    recursive = pytest.importorskip("skforecast.recursive")
    series = pd.Series(np.sin(np.arange(120.0) / 5.0), index=pd.RangeIndex(120))
    forecaster = recursive.ForecasterRecursive(KANRegressor((), **QUICK), lags=5)
    forecaster.fit(series)
    ahead = forecaster.predict(steps=10)
    np.testing.assert_allclose(ahead, np.sin(np.arange(120.0, 130.0) / 5.0), atol=0.3)


def test_category_encoders():
    pd = pytest.importorskip("pandas")
    encoders = pytest.importorskip("category_encoders")
    frame = pd.DataFrame({"a": X[:, 0], "kind": np.where(X[:, 1] > 0.0, "up", "down")})
    model = make_pipeline(encoders.TargetEncoder(cols=["kind"]), KANRegressor((), **QUICK))
    assert model.fit(frame, Y).predict(frame).shape == (200,)


def test_models_of_mlflow(tmp_path):
    mlflow = pytest.importorskip("mlflow.sklearn")
    model = KANRegressor((), **QUICK).fit(X, Y)
    path = str(tmp_path / "model")
    mlflow.save_model(
        model, path, serialization_format="skops", skops_trusted_types=list(TRUSTED_TYPES)
    )
    np.testing.assert_array_equal(mlflow.load_model(path).predict(X), model.predict(X))


def test_files_of_skops():
    skops = pytest.importorskip("skops.io")
    model = KANRegressor((), **QUICK).fit(X, Y).auto_symbolic()
    loaded = skops.loads(skops.dumps(model), trusted=list(TRUSTED_TYPES))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_dask_behind_joblib():
    distributed = pytest.importorskip("distributed")
    joblib = pytest.importorskip("joblib")
    from sklearn.model_selection import cross_val_score  # noqa: PLC0415

    model = KANRegressor((), **QUICK)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        found = cross_val_score(model, X, Y, cv=2)
    np.testing.assert_allclose(found, cross_val_score(model, X, Y, cv=2))
