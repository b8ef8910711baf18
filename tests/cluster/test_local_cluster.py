"""What only a cluster can show: one of two workers, processes of their own, for the whole file."""

import os
import signal

import joblib
import numpy as np
import pytest
from estimator_data import SMALL, curved_data
from networks import draw_objective
from sklearn.model_selection import GridSearchCV

from skkan import KANRegressor
from skkan._blocks import rows_of_a_group
from skkan._data import TrainingData

pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")

import dask  # noqa: E402

from skkan.dask._blocks import DaskRowBlocks  # noqa: E402


@pytest.fixture(scope="module")
def client():
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        dask.config.set({"distributed.nanny.pre-spawn-environ.OMP_NUM_THREADS": 1}),
        distributed.LocalCluster(**options, memory_limit="1GB", silence_logs=50) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def kill_a_worker_with_data(client):
    holders = {worker for workers in client.who_has().values() for worker in workers}
    os.kill(client.run(os.getpid)[min(holders)], signal.SIGKILL)


def test_sums_are_those_of_one_process_and_outlive_a_worker(client):
    objective, parameters = draw_objective(
        np.random.default_rng(0), "two squared", (2,), n_samples=10_000
    )
    data, size = objective.data, rows_of_a_group(10_000)
    expected = (
        *objective.value_and_gradient(parameters),
        *objective.normal_equations(parameters),
        *objective.node_curvatures(parameters),
    )
    groups = dask.persist(
        *(
            dask.delayed(TrainingData)(data.inputs[part], data.target[part], data.weight[part], 1.0)
            for part in (slice(start, start + size) for start in range(0, 10_000, size))
        )
    )
    objective.rows = DaskRowBlocks(groups, objective.network.layers[0])
    for number in range(2):
        objective._latest = None
        found = (
            *objective.value_and_gradient(parameters),
            *objective.normal_equations(parameters),
            *objective.node_curvatures(parameters),
        )
        for own, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(own, other)
        if number == 0:
            kill_a_worker_with_data(client)


def test_grid_search_of_the_ordinary_estimator_runs_on_the_workers(client):
    X, y = curved_data()
    search = GridSearchCV(KANRegressor(**SMALL), {"grid_size": [3, 4]}, cv=2)
    alone = search.fit(X, y).cv_results_["mean_test_score"]
    with joblib.parallel_config(backend="dask"):
        search.fit(X, y)
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], alone, rtol=1e-8)
