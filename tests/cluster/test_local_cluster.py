"""What only a cluster can show: one of two workers, processes of their own, for the whole file."""

import os
import signal

import joblib
import numpy as np
import pytest
from estimator_data import SMALL, curved_data, labels_of
from sklearn.model_selection import GridSearchCV

import skkan
from skkan.data import _blocks

da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")

import skkan.dask  # noqa: E402
from skkan.dask._blocks import DaskRows  # noqa: E402

N_SAMPLES = 1_500
QUICK = {**SMALL, "max_iter": 5, "alpha": 1e-3}


@pytest.fixture(scope="module")
def client():
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        distributed.LocalCluster(**options, memory_limit="1GB", silence_logs=50) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(autouse=True)
def small_groups(monkeypatch):
    monkeypatch.setattr(_blocks, "GROUP_ROWS", (500, 500))


def assert_same_network(model, other):
    for own, expected in zip(model.network_.layers, other.network_.layers, strict=True):
        scale = np.abs(expected.coef).max()
        np.testing.assert_allclose(own.coef, expected.coef, rtol=0, atol=1e-8 * scale)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
def test_a_fit_is_that_in_memory_though_a_worker_may_die_in_it(client, monkeypatch, solver):
    X, y = curved_data(N_SAMPLES)
    alone = skkan.KANRegressor(**QUICK, solver=solver).fit(X, y)
    sums, calls = DaskRows.sums, []

    def deadly_sums(rows, *arguments):
        calls.append(1)
        if len(calls) == 20 and solver == "lm":
            holders = {where for every in client.who_has(rows._shares).values() for where in every}
            assert len(holders) == 2
            os.kill(client.run(os.getpid)[min(holders)], signal.SIGKILL)
        return sums(rows, *arguments)

    monkeypatch.setattr(DaskRows, "sums", deadly_sums)
    model = skkan.dask.KANRegressor(**QUICK, solver=solver)
    model.fit(da.from_array(X, chunks=400), da.from_array(y, chunks=700))
    assert len(calls) > 20
    assert_same_network(model, alone)
    client.wait_for_workers(2)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_classifier_and_its_predictions(client):
    X, y = curved_data(N_SAMPLES)
    labels = np.array(["a", "b"])[labels_of(y)]
    alone = skkan.KANClassifier(**QUICK).fit(X, labels)
    blocks = da.from_array(X, chunks=800)
    model = skkan.dask.KANClassifier(**QUICK).fit(blocks, da.from_array(labels, chunks=500))
    assert_same_network(model, alone)
    futures = client.compute(model.predict(blocks))
    np.testing.assert_array_equal(futures.result(), alone.predict(X))
    assert model.score(blocks, labels) == alone.score(X, labels)


def test_grid_search_of_the_ordinary_estimator_runs_on_the_workers(client):
    X, y = curved_data()
    search = GridSearchCV(skkan.KANRegressor(**SMALL, alpha=1e-3), {"grid_size": [3, 4]}, cv=2)
    alone = search.fit(X, y).cv_results_["mean_test_score"]
    with joblib.parallel_config(backend="dask"):
        search.fit(X, y)
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], alone, rtol=1e-8)
    assert search.best_estimator_.score(X, y) > 0.9
    assert client.nthreads()
