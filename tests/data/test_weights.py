import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skkan.data._weights import WeightSummary, unit_of_weights, without_common_factor


@pytest.mark.parametrize("factor", [1.0, 1 / 40, 1 / 400, 100.0, 1e-310, 1e300, np.pi])
@pytest.mark.parametrize("counts", [[1, 1, 1], [1, 0, 9900], [2, 3, 0], [20, 19, 7]])
def test_counts_in_any_unit(counts, factor):
    weight = factor * np.array(counts, dtype=float)
    np.testing.assert_array_equal(unit_of_weights(weight).counted(weight), counts)


@given(st.lists(st.floats(0.01, 100.0), min_size=2, max_size=20), st.floats(1e-8, 1e8))
def test_the_unit_of_weights_does_not_matter(weights, factor):
    weight = np.array(weights)
    counted = unit_of_weights(weight).counted(weight)
    moved = unit_of_weights(factor * weight).counted(factor * weight)
    np.testing.assert_allclose(moved, counted, rtol=1e-8)


def test_other_weights_stand_for_the_effective_number():
    weight = np.random.default_rng(0).lognormal(size=50)
    counted = unit_of_weights(weight).counted(weight)
    assert counted.sum() == pytest.approx(weight.sum() ** 2 / (weight**2).sum())
    np.testing.assert_allclose(counted / counted.sum(), weight / weight.sum())


@pytest.mark.parametrize("weight", [np.arange(6.0), np.random.default_rng(0).random(6)])
def test_parts_make_up_the_whole(weight):
    parts = [WeightSummary.of(part) for part in (weight[:2], np.zeros(3), weight[2:])]
    whole = parts[0].merged(parts[1]).merged(parts[2])
    assert whole.unit().unit == pytest.approx(unit_of_weights(weight).unit, rel=1e-14)
    assert whole.total == pytest.approx(weight.sum() / weight.max())


def test_copies_of_all_rows_are_left_out():
    np.testing.assert_array_equal(without_common_factor(np.array([4.0, 6.0])), [2.0, 3.0])
    np.testing.assert_array_equal(without_common_factor(np.array([4.5, 6.0])), [4.5, 6.0])
