import numpy as np
import pytest

da = pytest.importorskip("dask.array")

import dask  # noqa: E402

from skkan.dask._collections import Aligned, is_collection  # noqa: E402


@pytest.fixture(autouse=True)
def in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


X = np.arange(14.0).reshape(7, 2)
Y = np.arange(7.0)


def test_targets_and_weights_are_cut_where_inputs_are():
    aligned = Aligned.of(da.from_array(X, chunks=(3, 1)), da.from_array(Y, chunks=4), list(Y))
    (blocks,) = dask.compute(aligned.blocks())
    inputs, targets, weights = zip(*blocks, strict=True)
    assert [len(block) for block in inputs] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(inputs), X)
    for own in (targets, weights):
        assert [len(block) for block in own] == [3, 3, 1]
        np.testing.assert_array_equal(np.concatenate(own), Y)


def test_weights_may_be_missing_and_targets_many():
    aligned = Aligned.of(da.from_array(X, chunks=4), da.from_array(X, chunks=1), None)
    _, targets, weights = zip(*dask.compute(aligned.blocks())[0], strict=True)
    assert weights == (None, None)
    np.testing.assert_array_equal(np.concatenate(targets), X)


def test_collections_are_told_from_arrays():
    assert is_collection(da.ones(3))
    assert not is_collection(X)


def test_errors():
    array = da.from_array(X, chunks=3)
    unknown = array[array[:, 0] > 2.0]
    with pytest.raises(ValueError, match=r"X has blocks of unknown .* X.compute_chunk_sizes\(\)"):
        Aligned.of(unknown, Y, None)
    with pytest.raises(ValueError, match=r"y has blocks of unknown .* y.compute_chunk_sizes\(\)"):
        Aligned.of(array, unknown[:, 0], None)
    with pytest.raises(ValueError, match=r"X must have two dimensions.*X\[:, None\]"):
        Aligned.of(array[:, 0], Y, None)
    with pytest.raises(ValueError, match=r"y must hold as many samples as X, got shape \(6,\)"):
        Aligned.of(array, Y[:6], None)
    with pytest.raises(ValueError, match="sample_weight must hold as many samples as X"):
        Aligned.of(array, Y, 1.0)
    with pytest.raises(ValueError, match="X has no samples"):
        Aligned.of(array[:0], Y[:0], None)
