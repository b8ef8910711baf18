from itertools import pairwise

import numpy as np
import pytest

from skkan.data import _blocks
from skkan.training._preparation import prepared

da = pytest.importorskip("dask.array")

import dask  # noqa: E402
from dask.delayed import delayed  # noqa: E402

from skkan.dask import _preparation, _samples  # noqa: E402
from skkan.dask._preparation import Parts, prepared_parts  # noqa: E402


@pytest.fixture(autouse=True)
def small_groups(monkeypatch):
    monkeypatch.setattr(_blocks, "GROUP_ROWS", (7, 7))
    monkeypatch.setattr(_samples, "threads_by_worker", lambda: {"": 1})
    with dask.config.set(scheduler="synchronous"):
        yield


def drawn(n_samples=50):
    rng = np.random.default_rng(0)
    X = rng.integers(5, size=(n_samples, 3)) * np.array([1.0, 100.0, 1e-3])
    y = rng.integers(3, size=(n_samples, 2)).astype(float)
    return X, y, rng.uniform(0.5, 2.0, size=n_samples)


def in_parts(X, y, weight, lengths):
    starts = np.cumsum([0, *lengths])
    blocks = [delayed((X[a:b], y[a:b], weight[a:b])) for a, b in pairwise(starts)]
    return Parts(blocks, np.array(lengths), X.shape[1], y.shape[1])


def collected(samples):
    parts = dask.compute(*samples.shares)
    assert all(len(part.inputs) == samples.size for part in parts[:-1])
    assert all(part.total == samples.total for part in parts)
    return [np.concatenate([getattr(p, n) for p in parts]) for n in ("inputs", "target", "weight")]


@pytest.mark.parametrize("split", [False, True])
def test_small_data_are_prepared_as_in_memory(split):
    X, y, weight = drawn()
    rows, held_out = (np.arange(10, 50), np.arange(10)) if split else (None, None)
    expected = prepared(X, y, weight, True, rows, held_out)
    found = prepared_parts(in_parts(X, y, weight, [20, 0, 30]), True, rows, held_out)
    np.testing.assert_array_equal(found.order, expected.order)
    assert found.data.n_samples == len(expected.data.inputs)
    assert found.data.total == expected.data.total
    for own, other in zip(
        collected(found.data),
        (expected.data.inputs, expected.data.target, expected.data.weight),
        strict=True,
    ):
        np.testing.assert_array_equal(own, other)
    assert (found.validation is not None) == split
    if split:
        np.testing.assert_array_equal(collected(found.validation)[0], expected.validation.inputs)


@pytest.mark.parametrize("split", [False, True])
def test_large_data_are_scaled_where_they_are(monkeypatch, split):
    monkeypatch.setattr(_preparation, "SORTED_BYTES", 0)
    X, y, weight = drawn()
    rows, held_out = (np.arange(49, 9, -1), np.arange(10)) if split else (None, None)
    expected = prepared(X, y, weight, True, rows, held_out)
    found = prepared_parts(in_parts(X, y, weight, [20, 0, 1, 29]), True, rows, held_out)
    scaling, order = found.scaling, found.order
    np.testing.assert_array_equal(order, expected.order)
    for name in ("input_shift", "input_scale", "output_shift", "output_scale"):
        np.testing.assert_allclose(
            getattr(scaling, name), getattr(expected.scaling, name), rtol=1e-12
        )
    own = slice(10, None) if split else slice(None)
    inputs, target, shares = collected(found.data)
    np.testing.assert_array_equal(inputs, scaling.inputs(X[own][:, order]))
    np.testing.assert_array_equal(target, scaling.targets(y[own]))
    np.testing.assert_allclose(shares, weight[own] / weight[own].sum(), rtol=1e-14)
    assert found.data.total == pytest.approx(expected.data.total)
    if split:
        np.testing.assert_array_equal(
            collected(found.validation)[0], scaling.inputs(X[:10][:, order])
        )


def test_sums_extremes_and_samples_are_those_in_memory(monkeypatch):
    monkeypatch.setattr("skkan.data._samples.SAMPLE_ROWS", 20)
    X, y, weight = drawn(200)
    X += np.random.default_rng(1).uniform(size=X.shape)
    expected = prepared(X, y, weight, True).data
    samples = prepared_parts(in_parts(X, y, weight, [200]), True).data
    assert (samples.size, len(samples.shares)) == (28, 8)
    total = samples.rows().sums(_products, 32)
    for own, other in zip(total, expected.rows().sums(_products, 32), strict=True):
        np.testing.assert_array_equal(own, other)
    extremes, others = (data.rows().extremes(_inputs, 32) for data in (samples, expected))
    for name in ("low", "high", "at_low", "at_high"):
        np.testing.assert_array_equal(getattr(extremes, name), getattr(others, name))
    assert len(samples.sample().inputs) == 20
    np.testing.assert_array_equal(samples.sample().inputs, expected.sample().inputs)
    np.testing.assert_array_equal(samples.sample().weight, expected.sample().weight)


def _products(block):
    return block.weight.sum(), block.inputs.T @ (block.weight[:, None] * block.target)


def _inputs(block):
    return block.inputs
