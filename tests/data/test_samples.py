import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from networks import assert_close, unit_scaling

from skkan.data import _samples
from skkan.data._samples import TrainingData, canonical_rows, column_order, scaling_of

EXTREMES = [1e-300, 1e-30, 1.0, 1e30, 1e300]


@st.composite
def weighted_rows(draw):
    """Few distinct rows, so that many are equal, with whole weights."""
    n_samples = draw(st.integers(1, 12))
    values = arrays(float, (n_samples, 3), elements=st.sampled_from([-1.0, 0.0, 0.5]))
    weight = arrays(float, n_samples, elements=st.integers(1, 4).map(float))
    rows = draw(values)
    return rows[:, :2], rows[:, 2:], draw(weight)


def order_of(inputs, target, weight):
    data = TrainingData.unscaled(inputs, target, weight)
    return column_order(data, unit_scaling(data.n_inputs, data.n_outputs))


def assert_same(found, expected):
    for left, right in zip(found, expected, strict=True):
        np.testing.assert_array_equal(left, right)


def test_units_of_one_input():
    X = np.array([[1.0, 7.0], [3.0, 7.0]])
    data = TrainingData.unscaled(X, np.zeros((2, 1)), np.ones(2))
    scaling = scaling_of(data, standardise=False)
    for i in range(2):
        shift, scale = scaling.input_units(i)
        np.testing.assert_allclose(shift + scale * scaling.inputs(X)[:, i], X[:, i])


@given(weighted_rows())
def test_weights_are_repetitions(rows):
    X, target, weight = rows
    times = weight.astype(int)
    repeated = np.repeat(X, times, axis=0), np.repeat(target, times, axis=0)
    assert_same(canonical_rows(X, target, weight), canonical_rows(*repeated, np.ones(times.sum())))


@given(weighted_rows(), st.randoms(use_true_random=False))
def test_canonical_rows_do_not_depend_on_the_order(rows, random):
    order = list(range(len(rows[0])))
    random.shuffle(order)
    assert_same(canonical_rows(*(part[order] for part in rows)), canonical_rows(*rows))


@given(weighted_rows())
def test_canonical_rows_are_distinct_sorted_and_complete(rows):
    X, target, weight = rows
    given = np.concatenate([X, target], axis=1)
    *found, totals = canonical_rows(X, target, weight)
    keys = np.concatenate(found, axis=1)
    np.testing.assert_array_equal(keys, np.unique(given, axis=0))
    for key, total in zip(keys, totals, strict=True):
        assert total == weight[np.all(given == key, axis=1)].sum()


def test_canonical_rows_leave_the_arguments_alone():
    X, target, weight = np.array([[2.0], [1.0], [1.0]]), np.zeros((3, 1)), np.array([1.0, 2.0, 3.0])
    for part in canonical_rows(X, target, weight):
        part[:] = 5.0
    np.testing.assert_array_equal(X[:, 0], [2.0, 1.0, 1.0])
    np.testing.assert_array_equal(target, np.zeros((3, 1)))
    np.testing.assert_array_equal(weight, [1.0, 2.0, 3.0])


def test_rows_of_equal_inputs_and_different_targets_stay_apart():
    X, target = np.zeros((2, 1)), np.array([[1.0], [0.0]])
    found = canonical_rows(X, target, np.array([3.0, 4.0]))
    assert_same(found, (X, np.array([[0.0], [1.0]]), np.array([4.0, 3.0])))


def draw_samples(seed=0, n_samples=50):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 3))
    target = rng.normal(size=(n_samples, 2)) + 3.0
    return X, target, rng.uniform(0.1, 2.0, size=n_samples)


@pytest.mark.parametrize("unit", EXTREMES)
@pytest.mark.parametrize("offset", [0.0, 5.0])
def test_inputs_reach_both_ends_whatever_the_unit(unit, offset):
    X, target, weight = draw_samples()
    X = unit * (X + offset)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        inputs = scaling_of(TrainingData.unscaled(X, target, weight), standardise=True).inputs(X)
    np.testing.assert_allclose(inputs.min(axis=0), -1.0, rtol=1e-13)
    np.testing.assert_allclose(inputs.max(axis=0), 1.0, rtol=1e-13)


@pytest.mark.parametrize("unit", EXTREMES)
def test_scaled_samples_do_not_depend_on_the_units(unit):
    X, target, weight = draw_samples()
    scaling = scaling_of(TrainingData.unscaled(X, target, weight), standardise=True)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        other = scaling_of(TrainingData.unscaled(unit * X, unit * target, weight), standardise=True)
        inputs, targets = other.inputs(unit * X), other.targets(unit * target)
    assert_close(inputs, scaling.inputs(X), 1e-13)
    assert_close(targets, scaling.targets(target), 1e-13)


def test_inputs_may_span_all_numbers():
    largest = np.finfo(float).max
    X = np.array([[-largest], [0.0], [largest]])
    with np.errstate(over="raise", invalid="raise"):
        inputs = scaling_of(
            TrainingData.unscaled(X, np.zeros((3, 1)), np.ones(3)), standardise=True
        ).inputs(X)
    np.testing.assert_array_equal(inputs[:, 0], [-1.0, 0.0, 1.0])


def test_inputs_may_lie_as_far_outside_as_numbers_go():
    largest = np.finfo(float).max
    X = np.array([[0.5 * largest], [largest]])
    scaling = scaling_of(TrainingData.unscaled(X, np.zeros((2, 1)), np.ones(2)), standardise=True)
    with np.errstate(over="raise"):
        np.testing.assert_allclose(scaling.inputs(np.array([[-largest]])), -7.0, rtol=1e-14)


@pytest.mark.parametrize("value", [0.0, -3.0, 1e-300, 1e300])
def test_a_constant_column_has_no_effect(value):
    X, target, weight = draw_samples()
    X[:, 1] = value
    scaling = scaling_of(TrainingData.unscaled(X, target, weight), standardise=True)
    X[:, 1] = np.linspace(-1e10, 1e10, len(X))
    assert not scaling.inputs(X)[:, 1].any()
    assert np.abs(scaling.inputs(X)[:, [0, 2]]).max() == pytest.approx(1.0)


def test_targets_have_weighted_mean_zero_and_variance_one():
    X, target, weight = draw_samples()
    targets = scaling_of(TrainingData.unscaled(X, target, weight), standardise=True).targets(target)
    np.testing.assert_allclose(np.average(targets, axis=0, weights=weight), 0.0, atol=1e-13)
    np.testing.assert_allclose(np.average(targets**2, axis=0, weights=weight), 1.0, rtol=1e-13)


def test_scaling_takes_weights_as_repetitions():
    X, target, _ = draw_samples()
    times = np.arange(len(X)) % 4 + 1
    once = scaling_of(TrainingData.unscaled(X, target, times.astype(float)), standardise=True)
    ones = np.ones(times.sum())
    repeated = np.repeat(X, times, axis=0), np.repeat(target, times, axis=0)
    many = scaling_of(TrainingData.unscaled(*repeated, ones), standardise=True)
    np.testing.assert_array_equal(many.input_scale, once.input_scale)
    np.testing.assert_allclose(many.output_shift, once.output_shift, rtol=1e-13)
    np.testing.assert_allclose(many.output_scale, once.output_scale, rtol=1e-13)


@pytest.mark.parametrize("value", [0.0, 7.0, 0.1, 1e-300, 1e300])
def test_a_constant_target_is_kept_exactly(value):
    for n_samples in range(2, 30):
        X, target, weight = draw_samples(n_samples=n_samples)
        target[:, 0] = value
        scaling = scaling_of(TrainingData.unscaled(X, target, weight), standardise=True)
        assert scaling.output_shift[0] == value
        assert scaling.output_scale[0] == 0.0
        assert not scaling.targets(target)[:, 0].any()
        assert scaling.targets(target)[:, 1].any()


def test_class_memberships_are_not_standardised():
    X, _, weight = draw_samples()
    memberships = np.eye(2)[np.arange(len(X)) % 2]
    scaling = scaling_of(TrainingData.unscaled(X, memberships, weight), standardise=False)
    np.testing.assert_array_equal(scaling.targets(memberships), memberships)


def test_training_weights_sum_to_one_and_their_total_is_kept():
    X, target, weight = draw_samples()
    scaling = scaling_of(TrainingData.unscaled(X, target, weight), standardise=True)
    data = TrainingData.of(X, target, weight, scaling)
    assert data.total == pytest.approx(weight.sum(), rel=1e-14)
    assert data.weight.sum() == pytest.approx(1.0, rel=1e-14)
    assert_close(data.weight * data.total, weight, 1e-14)
    np.testing.assert_array_equal(data.inputs, scaling.inputs(X))
    np.testing.assert_array_equal(data.target, scaling.targets(target))


@given(st.permutations(range(4)), st.integers(0, 1000))
def test_column_order_depends_on_the_content_alone(permutation, seed):
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(-1.0, 1.0, size=(15, 4))
    target = rng.normal(size=(15, 2))
    weight = rng.uniform(0.1, 2.0, size=15)
    ordered = inputs[:, order_of(inputs, target, weight)]
    shuffled = inputs[:, permutation]
    np.testing.assert_array_equal(shuffled[:, order_of(shuffled, target, weight)], ordered)


def test_column_order_tells_mirrored_columns_by_the_target():
    # Equal means and squares; only the product with the target differs.
    x = np.array([-1.0, -0.5, 0.5, 1.0])
    inputs = np.stack([x, -x], axis=1)
    target, weight = x[:, None] + 2.0, np.ones(4)
    first = inputs[:, order_of(inputs, target, weight)]
    second = inputs[:, ::-1][:, order_of(inputs[:, ::-1], target, weight)]
    np.testing.assert_array_equal(first, second)


def test_a_sample_is_everything_or_some_rows(monkeypatch):
    inputs = np.arange(20.0)[:, None]
    data = TrainingData.unscaled(inputs, 2.0 * inputs, np.arange(1.0, 21.0))
    np.testing.assert_array_equal(data.sample().inputs, inputs)
    monkeypatch.setattr(_samples, "SAMPLE_ROWS", 8)
    some = data.sample()
    rows = some.inputs[:, 0].astype(int)
    assert len(np.unique(rows)) == 8
    np.testing.assert_array_equal(some.target, data.target[rows])
    np.testing.assert_array_equal(some.weight, data.weight[rows])


def test_large_numbers_next_to_each_other_stay_within_the_range():
    X = 1e18 + 128.0 * np.array([0.0, 1.0, 2.0, 3.0, 9.0])[:, None]
    scaling = scaling_of(TrainingData.unscaled(X, X, np.ones(5)), standardise=True)
    inputs = scaling.inputs(X)
    assert np.abs(inputs).max() == 1.0
    assert np.all(np.diff(inputs[:, 0]) > 0.0)


def test_a_range_ends_before_far_values_only_where_it_is_asked_to():
    x = np.concatenate([np.linspace(-1.0, 1.0, 98), [1e6, -40.0]])
    levels, zeros = np.arange(100.0), np.r_[np.zeros(97), 1.0, 2.0, 1e6]
    data = TrainingData.unscaled(np.stack([x, levels, zeros], axis=1), x[:, None], np.ones(100))
    whole, trimmed = scaling_of(data, True), scaling_of(data, True, trimmed=True)
    np.testing.assert_allclose(whole.input_scale, [500020.0, 49.5, 5e5])
    # Of a column that is zero but for a few rows these are what there is to see.
    np.testing.assert_allclose(trimmed.input_scale, [1.0, 49.5, 5e5])
    np.testing.assert_allclose(trimmed.input_shift, [0.0, 49.5, 5e5], atol=1e-12)
