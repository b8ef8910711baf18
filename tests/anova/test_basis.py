"""Bases of columns: orthogonal on the data, of unit roughness, functions of the knots' order."""

import numpy as np
import pytest
from scaled_blocks import block_of

from skkan.anova._basis import Bases, coordinate_of, knots_of


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return np.column_stack(
        [rng.normal(size=300), rng.integers(0, 6, 300), rng.exponential(size=300) ** 4]
    )


@pytest.mark.parametrize("order", [1, 2])
def test_functions_have_mean_zero_are_orthogonal_and_have_their_variances(table, order):
    weight = np.random.default_rng(1).integers(1, 4, len(table)).astype(float)
    sample = block_of(table, weight)
    bases = Bases.of(sample, 3, 20, order)
    for values, own in zip(bases.values(sample.inputs), bases.columns, strict=True):
        functions = values[:, 1:]
        np.testing.assert_allclose(sample.weight @ values, 0.0, atol=1e-10)
        covariance = functions.T @ (functions * sample.weight[:, None])
        np.testing.assert_allclose(covariance, np.diag(own.variances), atol=1e-9)
        assert own.variances.sum() == pytest.approx(1.0)
        assert sample.weight @ values[:, 0] ** 2 == pytest.approx(1.0)


def test_columns_that_bend_one_way_are_as_rough_as_their_second_derivative(table):
    bases = Bases.of(block_of(table), 3, 20, bent=[0])
    own, grid = bases.columns[0], bases.grid
    sites = grid.greville()[0] / np.ptp(grid.greville()[0])
    gaps = np.diff(sites)
    slopes = np.diff(own.transform[:, 1:], axis=0) / gaps[:, None]
    bends = np.diff(slopes, axis=0) / np.sqrt(0.5 * (gaps[1:] + gaps[:-1]))[:, None]
    # The first function is the line, which has none, and the others are alike.
    gram = bends.T @ bends
    np.testing.assert_allclose(gram, gram[0, 0] * np.eye(len(gram)), atol=1e-9 * gram[0, 0])
    first = np.diff(own.transform[:, 0]) / gaps
    np.testing.assert_allclose(first, first[0], rtol=1e-9)


def test_few_values_have_one_function_less_than_values(table):
    sample = block_of(table)
    bases = Bases.of(sample, 3, 20)
    assert [own.size for own in bases.columns] == [20, 5, 20]


def test_two_values_have_a_single_function_and_constant_columns_none():
    X = np.column_stack([np.tile([0.0, 1.0], 20), np.full(40, 3.0)])
    bases = Bases.of(block_of(X), 3, 20)
    assert [own.size for own in bases.columns] == [1, 0]
    assert not bases.columns[1].varies


def test_knots_are_equally_spaced_in_the_coordinate(table):
    values, counts = np.unique(block_of(table).inputs[:, 0], return_counts=True)
    weight = counts / counts.sum()
    inner = knots_of(values, weight, 40)[1:-1]
    found = np.interp(inner, values, coordinate_of(values, weight))
    np.testing.assert_allclose(found, np.linspace(0.0, 1.0, 41), atol=1e-6)


def test_values_next_to_each_other_have_knots_that_increase():
    X = np.concatenate([np.arange(50) * 1e-13, [1.0]])[:, None]
    assert np.all(np.diff(Bases.of(block_of(X), 3, 20).grid.breakpoints) > 0.0)


def test_functions_are_constant_far_from_the_data(table):
    bases = Bases.of(block_of(table), 3, 20)
    far, farther = (np.concatenate(bases.values(np.full((1, 3), x)), 1) for x in (1.3, 50.0))
    np.testing.assert_array_equal(far, farther)
