import numpy as np
import pytest
from networks import draw_network

from skkan.data._typical_rows import MAX_ROWS, TypicalRows, typical_rows
from skkan.data._weighted_rows import WeightedRows


@pytest.fixture
def network():
    return draw_network(np.random.default_rng(0), (1, 2, 1))


def batch(value, count=700):
    return np.full((count, 1), value) + np.linspace(0.0, 0.1, count)[:, None], np.ones((count, 1))


def test_rows_of_all_batches_are_kept_by_their_weight(network):
    X, target = batch(1.0)
    rows = TypicalRows(X, target, np.ones(700), True)
    for number in range(2, 6):
        rows = rows.with_batch(network, WeightedRows(*batch(float(number)), np.ones(700)))
        assert rows.total == pytest.approx(700.0 * number)
        assert len(rows.weighted().X) == min(700 * number, MAX_ROWS)
        assert not rows.complete
    counts = np.bincount(rows.weighted().X[:, 0].astype(int))[1:]
    assert counts.min() >= 198
    assert counts.max() <= 202
    light = rows.with_batch(network, WeightedRows(*batch(9.0), np.full(700, 1e-9)))
    assert len(light.weighted().X) == MAX_ROWS
    assert light.weight[light.X[:, 0] >= 9.0].sum() == pytest.approx(700e-9)


def test_few_rows_are_kept_as_they_are(network):
    X, target = batch(0.0, 30)
    weight = np.arange(1.0, 31.0)
    rows = typical_rows(network, X, target, weight)
    assert rows.complete
    both = rows.with_batch(network, WeightedRows(X + 1.0, target, weight))
    assert both.complete
    np.testing.assert_array_equal(both.X, np.concatenate([X, X + 1.0]))
    np.testing.assert_array_equal(both.weight, np.concatenate([weight, weight]))


def test_rows_where_a_node_is_largest_stay_without_a_weight(network):
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(5000, 1))
    rows = typical_rows(network, X, X, np.full(5000, 2.0))
    assert rows.total == pytest.approx(10_000.0)
    assert rows.X.max() == X.max()
    later = rows.with_batch(network, WeightedRows(0.1 * X, X, np.ones(5000)))
    assert later.X.max() == X.max()
    assert later.total == pytest.approx(15_000.0)


def test_kept_rows_do_not_keep_the_data_alive(network):
    X = np.zeros((20, 1))
    rows = typical_rows(network, X, X, np.ones(20))
    assert not np.shares_memory(rows.X, X)
