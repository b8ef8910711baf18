import pickle
import threading
import warnings

import numpy as np
import pytest
from networks import assert_close, draw_objective
from threadpoolctl import threadpool_info, threadpool_limits

from skkan.data import _blocks
from skkan.data._blocks import Block, RowBlocks, added_up, rows_of_a_group, tuned_for_blocks
from skkan.data._samples import TrainingData
from skkan.objective._block_sums import NodeValues, NormalEquations, Value, ValueAndGradient


@pytest.fixture
def objective():
    return draw_objective(np.random.default_rng(0), "two squared", (2,), n_samples=23)[0]


@pytest.mark.parametrize("n_jobs", [1, 4])
def test_blocks_follow_each_other_and_hold_every_sample_once(monkeypatch, objective, n_jobs):
    monkeypatch.setattr(_blocks, "BLOCK_BYTES", 5 * 8)
    data = objective.data
    rows = RowBlocks(data, objective.network.layers[0], n_jobs)
    lock, seen = threading.Lock(), []

    def note(block):
        with lock:
            seen.append(block)
        return len(block.inputs), block.weight.sum()

    count, total = rows.sums(note, 8)
    assert count == 23
    assert total == pytest.approx(1.0)
    assert sorted(len(block.inputs) for block in seen) == [3, 5, 5, 5, 5]
    seen.sort(key=lambda block: block.inputs.ctypes.data)
    np.testing.assert_array_equal(np.concatenate([b.inputs for b in seen]), data.inputs)
    np.testing.assert_array_equal(np.concatenate([b.target for b in seen]), data.target)
    np.testing.assert_array_equal(np.concatenate([b.features for b in seen]), rows.features)
    seen.clear()
    rows.sums(note, 8, least_rows=9)
    assert sorted(len(block.inputs) for block in seen) == [11, 12]


def test_blocks_end_where_groups_do(monkeypatch, objective):
    monkeypatch.setattr(_blocks, "BLOCK_BYTES", 5 * 8)
    lengths = []
    rows = RowBlocks(objective.data, objective.network.layers[0], group_rows=8)
    rows.sums(lambda block: (lengths.append(len(block.inputs)) or 1,), 8)
    assert lengths == [4, 4, 4, 4, 4, 3]


@pytest.mark.parametrize("group_rows", [4, 5])
def test_sums_do_not_depend_on_where_the_groups_are(objective, group_rows):
    function = NormalEquations(objective.network, objective.loss)
    layer, data = objective.network.layers[0], objective.data
    whole = RowBlocks(data, layer, group_rows=group_rows).sums(function, 8, 2)
    parts = []
    for start in range(0, 23, group_rows):
        own = slice(start, start + group_rows)
        part = TrainingData(data.inputs[own], data.target[own], data.weight[own], data.total)
        parts.append(RowBlocks(part, layer, group_rows=group_rows).sums(function, 8, 2))
    in_pairs = [added_up(parts[start : start + 2]) for start in range(0, len(parts), 2)]
    for found, expected in zip(added_up(in_pairs), whole, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_groups_are_neither_small_nor_many():
    assert [rows_of_a_group(n) for n in (1, 4096, 10**6, 10**9)] == [4096, 4096, 15625, 2**20]


def test_terms_stay_as_they_are():
    terms = [(float(number), np.full(2, float(number))) for number in range(7)]
    total, array = added_up(iter(terms))
    assert total == 21.0
    np.testing.assert_array_equal(array, [21.0, 21.0])
    assert [value[0] for _, value in terms] == list(range(7))


def test_blocks_are_views_of_the_data(objective):
    data = objective.data
    data.inputs.flags.writeable = False

    def check(block):
        shared = np.shares_memory(block.inputs, data.inputs)
        return (int(shared and np.shares_memory(block.target, data.target)),)

    rows = RowBlocks(data, objective.network.layers[0], max_cache_bytes=0)
    assert rows.features is None
    assert rows.sums(check, 8) == (1,)


def test_other_threads_share_the_features(objective):
    rows = objective.rows
    other = rows.on_threads(3)
    assert other.features is rows.features
    assert (rows.n_jobs, other.n_jobs) == (None, 3)


def test_functions_of_blocks_can_be_pickled_and_hold_no_data(objective):
    function = ValueAndGradient(objective.network, objective.loss)
    data = objective.data
    block = Block(data.inputs, data.target, data.weight)
    clone = pickle.loads(pickle.dumps(function))
    for found, expected in zip(clone(block), function(block), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert Value(objective.network, objective.loss)(block)[0] == function(block)[0]


def test_threads_obey_errstate_and_pass_errors_on(monkeypatch, objective):
    monkeypatch.setattr(_blocks, "BLOCK_BYTES", 1)
    rows = objective.rows.on_threads(2)

    def overflow(block):
        return (np.exp(1e4 + block.weight).max(),)

    with warnings.catch_warnings(), np.errstate(over="ignore"):
        warnings.simplefilter("error")
        assert rows.sums(overflow, 1) == (np.inf,)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError, match="overflow"):
        rows.sums(overflow, 1)


def threads():
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]


def test_blas_is_limited_for_a_while():
    before = threads()
    with tuned_for_blocks():
        assert set(threads()) <= {1}
    assert threads() == before


def test_limits_of_several_threads_end_with_the_last():
    first, second = tuned_for_blocks(), tuned_for_blocks()
    with threadpool_limits(2, user_api="blas"):
        before = threads()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert set(threads()) <= {1}
        second.__exit__(None, None, None)
        assert threads() == before


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_extremes_are_those_of_all_samples(monkeypatch, objective, n_jobs):
    monkeypatch.setattr(_blocks, "BLOCK_BYTES", 4 * 8)
    data = objective.data
    function = NodeValues(objective.network.layers)
    found = data.rows(n_jobs=n_jobs).extremes(pickle.loads(pickle.dumps(function)), 8)
    values = function(Block(data.inputs, data.target, data.weight))
    assert_close(found.low, values.min(axis=0), 1e-14)
    assert_close(found.high, values.max(axis=0), 1e-14)
    np.testing.assert_array_equal(found.at_low, data.inputs[values.argmin(axis=0)])
    np.testing.assert_array_equal(found.at_high, data.inputs[values.argmax(axis=0)])
