import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from networks import assert_close, central_differences, even_grid, uneven_grid
from scipy.interpolate import BSpline

from skkan.network.functions._splines import (
    SplineGrid,
    gather,
    places,
    scatter,
    uniform_breakpoints,
)

DEGREES = range(1, 6)


@st.composite
def grids(draw, max_ratio=100.0):
    """Uniform and uneven grids of one to three nodes, of any position and scale."""
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 8)))
    if draw(st.booleans()):
        widths = np.ones(shape)
    else:
        widths = draw(arrays(float, shape, elements=st.floats(1.0 / max_ratio, 1.0)))
    ends = np.concatenate([np.zeros((shape[0], 1)), np.cumsum(widths, axis=1)], axis=1)
    scale = draw(st.sampled_from([1e-3, 1.0, 1e3]))
    shift = draw(st.floats(-3.0, 3.0))
    return SplineGrid(scale * (ends + shift), draw(st.sampled_from(DEGREES)))


def points_within_intervals(grid, per_interval=5):
    """Return points off the breakpoints, shape (n_points, n_nodes)."""
    local = np.linspace(0.03, 0.97, per_interval)
    starts, widths = grid.breakpoints[:, :-1, None], np.diff(grid.breakpoints)[:, :, None]
    return (starts + widths * local).reshape(grid.n_nodes, -1).T


def points_around(grid):
    """Return points on both sides of the grid and within it, ends included."""
    fractions = np.concatenate([[-2.0, -0.3], np.linspace(0.0, 1.0, 12), [1.01, 4.0]])[:, None]
    return grid.low + (grid.high - grid.low) * fractions


def reference(grid, x, order):
    """Return what SciPy finds for the derivatives of all splines."""
    columns = [
        BSpline(knots, np.eye(grid.n_splines), grid.degree)(column, nu=order)
        for knots, column in zip(grid.knots, x.T, strict=True)
    ]
    return np.stack(columns, axis=1)


@given(grids())
def test_partition_of_unity(grid):
    x = np.concatenate([points_within_intervals(grid), grid.breakpoints.T])
    np.testing.assert_allclose(grid.dense(x).sum(axis=2), 1.0, rtol=0.0, atol=1e-14)


@given(grids())
def test_derivatives_sum_to_zero_beyond_the_grid_too(grid):
    x = points_around(grid)
    slopes = grid.dense(x, 1)
    assert np.abs(slopes.sum(axis=2)).max() <= 1e-13 * np.abs(slopes).max()


@given(grids())
def test_derivatives_of_every_order_agree_with_scipy(grid):
    x = points_within_intervals(grid)
    for order in range(grid.degree + 2):
        expected = reference(grid, x, order)
        assert_close(grid.dense(x, order), expected, 1e-12)


@given(grids())
def test_values_and_smooth_derivatives_at_breakpoints_agree_with_scipy(grid):
    x = grid.breakpoints.T
    for order in range(grid.degree):
        assert_close(grid.dense(x, order), reference(grid, x, order), 1e-11)


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("inner", [[-0.5, 0.0, 0.5], [-0.75, 0.25, 0.5]])
def test_highest_derivative_is_that_of_the_interval_to_the_right(inner, degree):
    # All of these numbers are binary fractions, and so free of rounding.
    grid = SplineGrid(np.array([[-1.0, *inner, 1.0]] * 2), degree)
    x = np.tile(np.array([-1.0, *inner])[:, None], (1, 2))
    assert_close(grid.dense(x, degree), reference(grid, x, degree), 1e-12)


@pytest.mark.parametrize("n_crowded", [1, 2, 9])
def test_points_are_found_between_crowded_breakpoints(n_crowded):
    crowd = 0.3 + 1e-6 * np.arange(n_crowded)
    even = np.linspace(-1.0, 1.0, n_crowded + 4)
    grid = SplineGrid(np.stack([np.concatenate([[-1.0, 0.1], crowd, [0.7, 1.0]]), even]), 3)
    middles = 0.5 * (grid.breakpoints[:, :-1] + grid.breakpoints[:, 1:])
    expected = np.arange(grid.grid_size)
    for dtype in (np.float64, np.float32):
        first, _ = grid.astype(dtype).local(middles.T.astype(dtype))
        np.testing.assert_array_equal(first, np.stack([expected, expected], axis=1))
    first, _ = grid.local(grid.breakpoints[:, :-1].T)
    np.testing.assert_array_equal(first, np.stack([expected, expected], axis=1))
    first, values = grid.local(np.array([[np.nan, 0.0]]))
    assert 0 <= first[0, 0] < grid.grid_size
    assert np.isnan(values[0, :, 0, 0]).all()


@given(grids())
def test_extrapolation_follows_the_tangent_at_the_border(grid):
    excess = (grid.high - grid.low) * np.array([[1e-3], [0.5], [20.0]])
    for border, outside in ((grid.low, grid.low - excess), (grid.high, grid.high + excess)):
        edge = np.tile(border, (3, 1))
        slopes = reference(grid, edge, 1)
        expected = reference(grid, edge, 0) + slopes * (outside - edge)[:, :, None]
        assert_close(grid.dense(outside), expected, 1e-12)
        assert_close(grid.dense(outside, 1), slopes, 1e-12)
        for order in range(2, grid.degree + 1):
            assert not grid.dense(outside, order).any()


@given(grids())
def test_splines_are_non_negative_and_local_within_the_grid(grid):
    x = points_within_intervals(grid)
    first, values = grid.local(x)
    assert values.shape == (1, grid.degree + 1, *x.shape)
    assert values.min() >= 0.0
    starts = np.take_along_axis(grid.breakpoints.T, first, axis=0)
    ends = np.take_along_axis(grid.breakpoints.T, first + 1, axis=0)
    assert np.all((starts < x) & (x < ends))


@given(grids())
def test_greville_abscissae_are_the_coefficients_of_the_identity(grid):
    x = points_around(grid)
    identity = np.einsum("nim,im->ni", grid.dense(x), grid.greville())
    assert_close(identity, x, 1e-12)


@pytest.mark.parametrize("degree", DEGREES)
def test_greville_abscissae_increase(degree):
    grid = uneven_grid(np.random.default_rng(0), 3, 6, degree)
    assert np.all(np.diff(grid.greville()) > 0.0)


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("even", [True, False])
def test_nodes_do_not_affect_each_other(even, order):
    rng = np.random.default_rng(1)
    grid = even_grid(3, 5, 3) if even else uneven_grid(rng, 3, 5, 3)
    x = rng.uniform(-1.5, 1.5, size=(40, 3))
    together = grid.dense(x, order)
    for node in range(3):
        alone = SplineGrid(grid.breakpoints[node : node + 1], 3)
        assert_close(alone.dense(x[:, node : node + 1], order)[:, 0], together[:, node], 1e-13)


@pytest.mark.parametrize("degree", DEGREES)
def test_uniform_node_is_the_same_next_to_an_uneven_one(degree):
    uniform = np.linspace(-1.0, 1.0, 5)
    uneven = np.array([-1.0, -0.9, 0.1, 0.2, 1.0])
    mixed, plain = SplineGrid(np.stack([uniform, uneven]), degree), even_grid(1, 4, degree)
    assert plain.uniform
    assert not mixed.uniform
    x = np.random.default_rng(2).uniform(-1.2, 1.2, size=(50, 1))
    for order in range(degree):
        found = mixed.dense(np.tile(x, (1, 2)), order)[:, 0]
        assert_close(found, plain.dense(x, order)[:, 0], 1e-12)


@pytest.mark.parametrize("even", [True, False])
def test_local_values_do_not_depend_on_the_highest_order(even):
    rng = np.random.default_rng(3)
    grid = even_grid(2, 4, 3) if even else uneven_grid(rng, 2, 4, 3)
    x = rng.uniform(-1.5, 1.5, size=(30, 2))
    first, values = grid.local(x, 3)
    for order in range(4):
        own_first, own = grid.local(x, order)
        np.testing.assert_array_equal(own_first, first)
        assert_close(own, values[: order + 1], 1e-15)


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("even", [True, False])
def test_difference_operators_give_the_coefficients_of_the_derivatives(even, degree):
    rng = np.random.default_rng(4)
    grid = even_grid(2, 5, degree) if even else uneven_grid(rng, 2, 5, degree)
    coef = rng.normal(size=(2, grid.n_splines))
    x = points_within_intervals(grid)
    for order in range(1, degree + 1):
        operator, _ = grid.difference_operator(order)
        assert operator.shape == (2, grid.n_splines - order, grid.n_splines)
        derivative = np.einsum("nim,im->ni", grid.dense(x, order), coef)
        for node in range(2):
            knots = grid.knots[node, order:-order]
            spline = BSpline(knots, operator[node] @ coef[node], degree - order)
            assert_close(spline(x[:, node]), derivative[:, node], 1e-11)


def test_second_differences_of_degree_one_are_exact_for_parabolas():
    grid = uneven_grid(np.random.default_rng(5), 2, 6, 1)
    second = grid.difference_operator(2)[0]
    parabola = (grid.greville() ** 2)[:, :, None]
    np.testing.assert_allclose(second @ parabola, 2.0, rtol=1e-10)


@pytest.mark.parametrize("degree", DEGREES)
def test_last_difference_operator_gives_the_jumps_of_the_highest_derivative(degree):
    grid = uneven_grid(np.random.default_rng(5), 2, 6, degree)
    coef = np.random.default_rng(6).normal(size=(2, grid.n_splines, 1))
    operator, lengths = grid.difference_operator(degree + 1)
    jumps = (operator @ coef)[:, :, 0] * lengths
    middles = 0.5 * (grid.breakpoints[:, 1:] + grid.breakpoints[:, :-1])
    highest = np.einsum("nim,imj->in", grid.dense(middles.T, degree), coef)
    assert_close(jumps, np.diff(highest, axis=1), 1e-9)


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("even", [True, False])
def test_refit_to_a_nested_grid_is_exact_everywhere(even, degree):
    rng = np.random.default_rng(6)
    old = even_grid(2, 4, degree) if even else uneven_grid(rng, 2, 4, degree)
    middles = 0.5 * (old.breakpoints[:, 1:] + old.breakpoints[:, :-1])
    new = SplineGrid(np.sort(np.concatenate([old.breakpoints, middles], axis=1)), degree)
    coef = rng.normal(size=(2, old.n_splines, 1))
    x = points_around(new)
    before = np.einsum("nim,imj->ni", old.dense(x), coef)
    after = np.einsum("nim,imj->ni", new.dense(x), old.refit_to(new) @ coef)
    assert_close(after, before, 1e-12)


@pytest.mark.parametrize("degree", DEGREES)
def test_refit_to_part_of_a_grid_is_exact_there(degree):
    old = even_grid(1, 8, degree)
    new = SplineGrid(np.linspace(-0.5, 0.75, 6)[None], degree)
    coef = np.random.default_rng(7).normal(size=(old.n_splines, 1))
    x = points_within_intervals(new)
    before, after = old.dense(x)[:, 0] @ coef, new.dense(x)[:, 0] @ (old.refit_to(new)[0] @ coef)
    assert_close(after, before, 1e-12)


@pytest.mark.parametrize("degree", DEGREES)
def test_refit_to_a_longer_grid_can_extend_the_polynomials(degree):
    old = even_grid(1, 4, degree)
    ends = old.breakpoints.copy()
    ends[:, 0] -= 0.2
    ends[:, -1] += 0.3
    longer = SplineGrid(ends, degree)
    coef = np.random.default_rng(8).normal(size=(longer.n_splines, 1))
    inside = points_within_intervals(old)
    short = longer.refit_to(old)[0] @ coef
    assert_close(old.dense(inside)[:, 0] @ short, longer.dense(inside)[:, 0] @ coef, 1e-11)
    assert_close(old.refit_to(longer, extend=True)[0] @ short, coef, 1e-9)


@given(grids(max_ratio=10.0))
def test_refit_to_the_same_grid_changes_nothing(grid):
    transfer = grid.refit_to(grid)
    identity = np.broadcast_to(np.eye(grid.n_splines), transfer.shape)
    np.testing.assert_allclose(transfer, identity, rtol=0.0, atol=1e-11)


@pytest.mark.parametrize(
    "ends",
    [[0.0, 0.5, 0.5, 1.0], [0.0, 0.6, 0.5, 1.0], [1.0, 0.5, 0.2, 0.0], [0.0, 0.5, np.nan, 1.0]],
)
def test_breakpoints_must_increase(ends):
    good = [0.0, 0.2, 0.4, 1.0]
    with pytest.raises(ValueError, match="increase strictly"):
        SplineGrid(np.array([good, ends]), 3)


def test_slopes_are_the_derivatives_of_the_values():
    grid = uneven_grid(np.random.default_rng(8), 1, 5, 3)
    for x in (-1.4, -0.33, 0.21, 0.8, 1.7):
        differences = central_differences(lambda at: grid.dense(at)[0, 0], np.array([[x]]))
        assert_close(grid.dense(np.array([[x]]), 1)[0, 0], differences[0], 1e-8)


def test_scatter_puts_local_values_in_their_place():
    place = places(np.array([[2, 1], [0, 2]]), 4)
    values = np.array([[[1.0, 5.0], [3.0, 7.0]], [[2.0, 6.0], [4.0, 8.0]]])
    dense = scatter(place, values, 4)
    expected = [
        [[0.0, 0.0, 1.0, 2.0], [0.0, 5.0, 6.0, 0.0]],
        [[3.0, 4.0, 0.0, 0.0], [0.0, 0.0, 7.0, 8.0]],
    ]
    np.testing.assert_array_equal(dense, expected)


def test_gather_is_the_product_with_what_scatter_makes():
    rng = np.random.default_rng(9)
    place = places(rng.integers(0, 4, size=(20, 3)), 6)
    values, other = rng.normal(size=(3, 20, 3)), rng.normal(size=(20, 3, 6))
    expected = (scatter(place, values, 6) * other).sum(axis=2)
    assert_close(gather(place, values, other), expected, 1e-14)


def test_uniform_breakpoints_divide_every_range():
    ends = uniform_breakpoints(np.array([0.0, -2.0]), np.array([1.0, 2.0]), 4)
    np.testing.assert_allclose(ends, [[0.0, 0.25, 0.5, 0.75, 1.0], [-2.0, -1.0, 0.0, 1.0, 2.0]])
    assert SplineGrid(ends, 2).uniform
