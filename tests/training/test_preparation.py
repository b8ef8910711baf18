import numpy as np
import pytest
from networks import assert_close, draw_network

from skkan.data import _samples
from skkan.data._samples import TrainingData
from skkan.training import _preparation
from skkan.training._preparation import prepared, typical_samples


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 4, size=(30, 2)) * [1.0, 1e6]
    return X, X[:, :1] ** 2, rng.integers(1, 3, size=30).astype(float)


def test_blocks_of_the_copy_change_nothing(monkeypatch, samples):
    whole = prepared(*samples, standardise=True)
    monkeypatch.setattr(_preparation, "BLOCK_BYTES", 1)
    parts = prepared(*samples, standardise=True)
    np.testing.assert_array_equal(parts.data.inputs, whole.data.inputs)
    assert whole.data.n_samples == len(np.unique(samples[0], axis=0)) < 30
    assert np.abs(whole.data.inputs).max() == 1.0
    back = whole.scaling.given_inputs(whole.data.inputs)[:, np.argsort(whole.order)]
    assert_close(np.unique(back, axis=0), np.unique(samples[0], axis=0), 1e-15)


def test_rows_that_are_held_out_take_no_part(samples):
    X, target, weight = samples
    rows, held_out = np.arange(0, 30, 2), np.arange(1, 30, 2)
    found = prepared(X, target, weight, True, rows, held_out)
    alone = prepared(X[rows], target[rows], weight[rows], standardise=True)
    np.testing.assert_array_equal(found.data.inputs, alone.data.inputs)
    np.testing.assert_array_equal(found.data.target, alone.data.target)
    other = TrainingData.of(
        X[held_out][:, found.order], target[held_out], weight[held_out], found.scaling
    )
    np.testing.assert_array_equal(found.validation.inputs, other.inputs)
    np.testing.assert_array_equal(found.validation.target, other.target)


def test_the_data_stay_as_they_are(samples):
    before = [own.copy() for own in samples]
    for own in samples:
        own.flags.writeable = False
    prepared(*samples, standardise=True)
    for own, copy in zip(samples, before, strict=True):
        np.testing.assert_array_equal(own, copy)


def test_typical_samples_of_many_hold_the_extremes_of_every_node(monkeypatch):
    network = draw_network(np.random.default_rng(0), (2, 3, 1))
    inputs = np.random.default_rng(1).uniform(-1.0, 1.0, size=(500, 2))
    data = TrainingData.unscaled(inputs, inputs[:, :1], np.ones(500))
    rows = typical_samples(network, data)
    np.testing.assert_array_equal(rows.X, inputs)
    np.testing.assert_allclose(rows.weight, 1.0, rtol=1e-12)
    assert rows.complete
    monkeypatch.setattr(_samples, "SAMPLE_ROWS", 20)
    few = typical_samples(network, data)
    assert not few.complete
    assert len(few.X) == 20 + 2 * 5
    assert np.flatnonzero(few.weight).tolist() == list(range(20))
    assert few.total == pytest.approx(500.0)
    np.testing.assert_array_equal(few.target[:20], few.X[:20, :1])
    for some, every in zip(network.node_values(few.X), network.node_values(inputs), strict=True):
        assert_close(some.min(axis=0), every.min(axis=0), 1e-12)
        assert_close(some.max(axis=0), every.max(axis=0), 1e-12)
