import subprocess
import sys

import numpy as np
import pytest
from estimator_data import ADDITIVE, SMALL, curved_data, labels_of
from sklearn.base import clone

import skkan
from skkan.data import _blocks

da = pytest.importorskip("dask.array")

import dask  # noqa: E402

from skkan.dask import KANClassifier, KANRegressor  # noqa: E402

QUICK = {**SMALL, "max_iter": 20}
N_SAMPLES = 600
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def small_groups(monkeypatch):
    monkeypatch.setattr(_blocks, "GROUP_ROWS", (200, 200))
    with dask.config.set(scheduler="synchronous"):
        yield


def data(n_classes=0):
    X, y = curved_data(N_SAMPLES)
    y = labels_of(y, n_classes) if n_classes else y
    return X, y, da.from_array(X, chunks=(250, 1)), da.from_array(y, chunks=140)


def assert_same_fit(model, other):
    for own, expected in zip(model.network_.layers, other.network_.layers, strict=True):
        np.testing.assert_array_equal(own.coef, expected.coef)
    names = {name for name in vars(other) if name.endswith("_")}
    assert {name for name in vars(model) if name.endswith("_")} == names
    for name in ("loss_", "n_iter_", "solver_", "loss_curve_"):
        assert getattr(model, name) == getattr(other, name)
    np.testing.assert_array_equal(model.feature_importances_, other.feature_importances_)


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
@pytest.mark.parametrize(
    "options",
    [
        {"alpha": 1e-3},
        {"alpha": "auto"},
        {"early_stopping": True},
        {"alpha": 1e-3, "knots": "quantile", "sparsity": 1e-3},
    ],
    ids=lambda options: next(iter(options)) if len(options) == 1 else "knots",
)
def test_a_regression_is_that_in_memory(solver, options):
    X, y, blocks, targets = data()
    alone = skkan.KANRegressor(**QUICK, solver=solver, **options).fit(X, y)
    model = KANRegressor(**QUICK, solver=solver, **options).fit(blocks, targets)
    assert_same_fit(model, alone)
    np.testing.assert_allclose(model.predict(blocks).compute(), alone.predict(X), rtol=1e-12)
    np.testing.assert_array_equal(model.predict(X), alone.predict(X))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("options", [{"alpha": 1e-3}, {"early_stopping": True}], ids=str)
def test_a_classification_is_that_in_memory(n_classes, options):
    X, y, blocks, targets = data(n_classes)
    options |= {"class_weight": "balanced"}
    weight = np.arange(N_SAMPLES) % 3
    alone = skkan.KANClassifier(**QUICK, **options).fit(X, y, weight)
    model = KANClassifier(**QUICK, **options).fit(blocks, targets, weight)
    assert_same_fit(model, alone)
    np.testing.assert_array_equal(model.classes_, alone.classes_)
    assert model.score(blocks, targets, weight) == alone.score(X, y, weight)
    np.testing.assert_allclose(
        model.predict_proba(blocks).compute(), alone.predict_proba(X), rtol=1e-12
    )
    np.testing.assert_allclose(
        model.predict_log_proba(blocks).compute(), alone.predict_log_proba(X), rtol=1e-12
    )


def test_batches_are_drawn_as_in_memory(monkeypatch):
    monkeypatch.setattr("skkan.dask._samples.SAMPLE_ROWS", 250)
    X, y, blocks, targets = data()
    options = {**ADDITIVE, "solver": "adam", "alpha": 1e-3, "batch_size": 100, "max_iter": 3}
    alone = skkan.KANRegressor(**options).fit(X, y)
    assert_same_fit(KANRegressor(**options).fit(blocks, targets), alone)


def test_large_data_converge_to_the_same(monkeypatch):
    monkeypatch.setattr("skkan.dask._preparation.SORTED_BYTES", 0)
    X, y, blocks, targets = data()
    options = {**ADDITIVE, "alpha": 1e-3, "tol": 1e-12, "solver": "lm"}
    weight = np.arange(N_SAMPLES) % 3
    alone = skkan.KANRegressor(**options).fit(X, y, weight)
    model = KANRegressor(**options).fit(blocks, targets, da.from_array(weight, chunks=100))
    np.testing.assert_allclose(model.predict(X), alone.predict(X), rtol=0, atol=1e-8)


def test_several_targets_refit_and_warm_start():
    X, y, blocks, targets = data()
    both = np.stack([y, -y], axis=1)
    model = KANRegressor(**ADDITIVE, alpha=1e-3).fit(blocks, da.stack([targets, -targets], axis=1))
    alone = skkan.KANRegressor(**ADDITIVE, alpha=1e-3).fit(X, both)
    assert_same_fit(model, alone)
    assert model.predict(blocks).shape == (N_SAMPLES, 2)
    assert_same_fit(model.refit(blocks, both), alone.refit(X, both))
    model.set_params(warm_start=True).fit(blocks, both)
    assert_same_fit(model, alone.set_params(warm_start=True).fit(X, both))
    with pytest.raises(ValueError, match="refit goes on with a network of 2 outputs, but y has 1"):
        model.refit(blocks, targets)


def test_data_in_memory_are_fitted_there():
    X, y, _, targets = data()
    model = KANRegressor(**ADDITIVE).fit(X, targets)
    assert_same_fit(model, skkan.KANRegressor(**ADDITIVE).fit(X, y))
    assert model.score(X, targets) == pytest.approx(model.score(X, y))
    assert clone(model).get_params() == model.get_params()


def test_data_frames():
    frames = pytest.importorskip("dask.dataframe")
    pd = pytest.importorskip("pandas")
    X, y, _, _ = data()
    table = pd.DataFrame(X, columns=["left", "right"]).assign(y=y)
    parts = frames.from_pandas(table, npartitions=3)
    model = KANRegressor(**ADDITIVE).fit(parts[["left", "right"]], parts["y"])
    assert_same_fit(model, skkan.KANRegressor(**ADDITIVE).fit(table[["left", "right"]], y))
    found = model.predict(parts[["left", "right"]])
    np.testing.assert_allclose(found.compute(), model.predict(table[["left", "right"]]), rtol=1e-12)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(parts[["right", "left"]])


def test_errors_leave_the_estimator_as_it_was():
    X, _, blocks, targets = data()
    model = KANRegressor(**ADDITIVE).fit(blocks, targets)
    before = model.network_
    for bad, weight, message in (
        (np.where(X > 0.99, np.nan, X), None, "Input X contains NaN"),
        (X, -np.ones(N_SAMPLES), "sample_weight must not be negative, got -1"),
        (X, np.zeros(N_SAMPLES), "sample_weight is zero for all samples"),
        (X, np.ones((N_SAMPLES, 1)), "sample_weight must have one dimension"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(da.from_array(bad, chunks=100), targets, weight)
        assert model.network_ is before
    with pytest.raises(ValueError, match="grid_size must be a positive integer"):
        clone(model).set_params(grid_size=[3, 2]).fit(blocks, targets)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        model.fit(blocks, np.full(N_SAMPLES, np.nan))
    with pytest.raises(ValueError, match="at least two classes"):
        KANClassifier().fit(blocks, np.zeros(N_SAMPLES))
    with pytest.raises(ValueError, match="Unknown label type"):
        KANClassifier().fit(blocks, targets)


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_dask_is_loaded_on_use():
    code = (
        "import sys, skkan; sys.exit(sum(name in sys.modules for name in ('dask', 'distributed')))"
    )
    assert run(code).returncode == 0


def test_error_without_dask():
    code = "import sys; sys.modules['dask'] = sys.modules['dask.array'] = None; import skkan.dask"
    assert 'pip install "skkan[dask]"' in run(code).stderr
