import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from networks import FUNCTIONS, TRAITS, assert_close, draw_network, even_grid, points

from skkan.data._samples import TrainingData
from skkan.network._layer import Layer
from skkan.network._network import Network
from skkan.network.functions._splines import SplineGrid
from skkan.network.functions._symbolic_edge import SymbolicEdge
from skkan.training._grids import (
    LEAST_HIDDEN_SHARE,
    LEAST_OUTERMOST,
    MARGIN,
    MAX_QUANTILE_SHARE,
    MOST_EQUAL,
    breakpoints,
    end_hidden_grids,
    follow_hidden_nodes,
    hidden_quantile_share,
    holds_hidden_nodes,
    input_limit,
    refine_inputs,
    refined,
    stretched,
    subdivided,
    weighted_quantiles,
)

LIMIT = 1.0 + MARGIN


@st.composite
def weighted_columns(draw):
    """Values with many ties, and whole weights."""
    n_samples = draw(st.integers(1, 15))
    values = st.sampled_from([-1.0, -0.25, 0.0, 0.7, 1.0]) | st.floats(-1.0, 1.0)
    x = draw(arrays(float, (n_samples, 2), elements=values))
    return x, draw(arrays(float, n_samples, elements=st.integers(1, 5).map(float)))


@given(weighted_columns(), st.integers(1, 9))
def test_weighted_quantiles_take_weights_as_repetitions(columns, grid_size):
    x, weight = columns
    levels = np.linspace(0.0, 1.0, grid_size + 1)
    repeated = np.repeat(x, weight.astype(int), axis=0)
    np.testing.assert_array_equal(
        weighted_quantiles(x, weight, levels),
        weighted_quantiles(repeated, np.ones(len(repeated)), levels),
    )


@given(weighted_columns(), st.floats(0.001, 0.999))
def test_weighted_quantiles_are_the_smallest_values_that_hold_their_share(columns, level):
    x, weight = columns
    found = weighted_quantiles(x, weight, np.array([level]))[:, 0]
    for column, quantile in zip(x.T, found, strict=True):
        assert weight[column <= quantile].sum() >= level * weight.sum() - 1e-9
        assert weight[column < quantile].sum() < level * weight.sum()


def test_extreme_levels_are_the_ends_of_the_data():
    x = np.random.default_rng(0).normal(size=(30, 2))
    weight = np.random.default_rng(1).uniform(0.1, 1.0, size=30)
    found = weighted_quantiles(x, weight, np.array([0.0, 1.0]))
    np.testing.assert_array_equal(found, np.stack([x.min(axis=0), x.max(axis=0)], axis=1))


@given(weighted_columns(), st.integers(1, 12), st.floats(0.0, 1.0))
def test_breakpoints_cope_with_ties(columns, grid_size, share):
    x, weight = columns
    ends = breakpoints(x, weight, LIMIT, grid_size, share)
    assert ends.shape == (2, grid_size + 1)
    np.testing.assert_allclose(ends[:, 0], -LIMIT, rtol=1e-15)
    np.testing.assert_allclose(ends[:, -1], LIMIT, rtol=1e-15)
    narrowest = (1.0 - MAX_QUANTILE_SHARE) * 2.0 * LIMIT / grid_size
    assert np.diff(ends).min() > narrowest * (1.0 - 1e-9)


@pytest.mark.parametrize(
    "column",
    [
        np.zeros(40),
        np.ones(40),
        np.where(np.arange(40) < 39, -1.0, 1.0),
        np.sign(np.arange(40) - 9.5),
    ],
    ids=["constant", "constant at the border", "one of forty", "binary"],
)
@pytest.mark.parametrize("degree", [1, 3, 5])
def test_quantile_grids_of_poor_columns_carry_splines(degree, column):
    x = column[:, None]
    grid = SplineGrid(breakpoints(x, np.ones(40), LIMIT, 20, 1.0), degree)
    np.testing.assert_allclose(grid.dense(x).sum(axis=2), 1.0, rtol=0.0, atol=1e-14)
    assert np.all(np.isfinite(grid.dense(x, 1)))


def test_quantile_intervals_hold_equally_many_samples():
    x = np.linspace(-1.0, 1.0, 2001)[:, None] ** 3
    ends = breakpoints(x, np.ones(2001), LIMIT, 8, 1.0)
    counts, _ = np.histogram(x[:, 0], ends[0])
    equal = breakpoints(x, np.ones(2001), LIMIT, 8, 0.0)
    plain, _ = np.histogram(x[:, 0], equal[0])
    assert np.ptp(counts) < 0.2 * counts.mean()
    assert np.ptp(plain) > 2.0 * plain.mean()


def test_share_averages_uniform_and_quantile_breakpoints():
    x = np.random.default_rng(2).uniform(-1.0, 1.0, size=(50, 1)) ** 3
    uniform, half, most = (
        breakpoints(x, np.ones(50), LIMIT, 6, share) for share in (0.0, 0.49, 0.98)
    )
    np.testing.assert_allclose(half, 0.5 * (uniform + most), rtol=1e-12)
    np.testing.assert_allclose(np.diff(uniform), 2.0 * LIMIT / 6, rtol=1e-12)


def draw_samples(rng, n_inputs=2, n_samples=60):
    return rng.uniform(-1.0, 1.0, size=(n_samples, n_inputs)), rng.uniform(0.5, 2.0, size=n_samples)


@pytest.mark.parametrize("base", ["zero", "silu"])
def test_refined_inputs_keep_the_function_where_grids_nest(base):
    rng = np.random.default_rng(3)
    inputs, weight = draw_samples(rng)
    network = draw_network(rng, (2, 3, 1), base=base)
    # Moves the first grid to its place, from which on doubling nests.
    refine_inputs(network, points(inputs, weight), LIMIT, 4, 0.0)
    before = network.outputs(inputs)
    for grid_size in (8, 16):
        refine_inputs(network, points(inputs, weight), LIMIT, grid_size, 0.0)
        assert network.layers[0].grid.grid_size == grid_size
        assert_close(network.outputs(inputs), before, 1e-12)
    assert network.layers[1].grid.grid_size == 4


def test_refined_inputs_lie_where_breakpoints_says():
    rng = np.random.default_rng(4)
    inputs, weight = draw_samples(rng)
    network = draw_network(rng, (2, 1))
    refine_inputs(network, points(inputs**3, weight), LIMIT, 7, 0.6)
    np.testing.assert_array_equal(
        network.layers[0].grid.breakpoints, breakpoints(inputs**3, weight, LIMIT, 7, 0.6)
    )


def hidden_nodes(network, inputs):
    return network.trace(inputs).nodes[1:-1]


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("base", ["zero", "silu"])
def test_hidden_nodes_fill_minus_one_to_one_after_following(base, share):
    rng = np.random.default_rng(5)
    inputs, weight = draw_samples(rng)
    network = draw_network(rng, (2, 3, 2, 1), base=base)
    follow_hidden_nodes(network, points(inputs, weight), 6, share)
    for nodes, layer in zip(hidden_nodes(network, inputs), network.layers[1:], strict=True):
        np.testing.assert_allclose(nodes.min(axis=0), -1.0, rtol=1e-12)
        np.testing.assert_allclose(nodes.max(axis=0), 1.0, rtol=1e-12)
        np.testing.assert_allclose(layer.grid.low, -1.0 - MARGIN, rtol=1e-14)
        np.testing.assert_allclose(layer.grid.high, 1.0 + MARGIN, rtol=1e-14)
        assert layer.grid.grid_size == 6
        assert layer.grid.uniform == (share == 0.0)


@pytest.mark.parametrize("base", ["zero", "identity"])
def test_following_keeps_functions_that_every_grid_can_hold(base):
    """Polynomials of the degree of the splines, on a first grid that covers the hidden nodes."""
    rng = np.random.default_rng(6)
    inputs, weight = draw_samples(rng)
    network = draw_network(rng, (2, 3, 2), base=base, even=True)
    first, last = network.layers
    nodes = first.outputs(inputs)
    reach = np.abs(nodes).max(axis=0)[:, None]
    last.grid = SplineGrid(2.0 * reach * np.linspace(-1.0, 1.0, 5), 3)
    polynomials = rng.normal(size=(3, 4, 2))
    x = last.grid.low + (last.grid.high - last.grid.low) * np.linspace(0.0, 1.0, 40)[:, None]
    values = np.einsum(
        "npi,ipj->nij", (x[:, None, :] / reach.T) ** np.arange(4)[:, None], polynomials
    )
    fit = np.linalg.pinv(last.grid.dense(x).transpose(1, 0, 2)) @ values.transpose(1, 0, 2)
    last.coef[:, : last.grid.n_splines] = fit
    before = network.outputs(inputs)
    shrink = follow_hidden_nodes(network, points(inputs, weight), 7, 0.5)
    assert_close(network.outputs(inputs), before, 1e-11)
    np.testing.assert_allclose(shrink[0], 0.5 * np.ptp(nodes, axis=0), rtol=1e-12)
    np.testing.assert_array_equal(shrink[1], np.ones(2))


@pytest.mark.parametrize("traits", [(), *((trait,) for trait in TRAITS), TRAITS])
@pytest.mark.parametrize("base", ["zero", "silu"])
@pytest.mark.parametrize("grid_size", [5, 10])
def test_following_again_to_a_nested_grid_keeps_the_function(grid_size, base, traits):
    rng = np.random.default_rng(7)
    inputs, weight = draw_samples(rng)
    network = draw_network(rng, (2, 3, 2, 1), base=base, traits=traits)
    follow_hidden_nodes(network, points(inputs, weight), 5, 0.0)
    before = network.outputs(inputs)
    shrink = follow_hidden_nodes(network, points(inputs, weight), grid_size, 0.0)
    assert_close(network.outputs(inputs), before, 1e-11)
    for factor in shrink:
        np.testing.assert_allclose(factor, 1.0, rtol=1e-12)


def test_following_a_constant_node_changes_nothing_and_stays_finite():
    rng = np.random.default_rng(8)
    inputs, weight = draw_samples(rng)
    network = draw_network(rng, (2, 2, 1), even=True)
    network.layers[0].coef[:, :, 0] = 0.125
    network.layers[1].coef[:] = network.layers[1].grid.greville()[:, :, None]
    before = network.outputs(inputs)
    shrink = follow_hidden_nodes(network, points(inputs, weight), 4, 1.0)
    assert shrink[0][0] == 1.0
    assert_close(network.outputs(inputs), before, 1e-12)
    np.testing.assert_allclose(hidden_nodes(network, inputs)[0][:, 0], 0.0, atol=1e-14)


def test_an_additive_model_has_nothing_to_follow():
    rng = np.random.default_rng(9)
    inputs, weight = draw_samples(rng)
    grid = even_grid(2, 4, 3)
    network = Network([Layer(grid, rng.normal(size=(2, 7, 1)))], draw_network(rng, (2, 1)).scaling)
    before = network.get_parameters()
    shrink = follow_hidden_nodes(network, points(inputs, weight), 9, 0.0)
    np.testing.assert_array_equal(shrink, [[1.0]])
    np.testing.assert_array_equal(network.get_parameters(), before)
    assert network.layers[0].grid is grid


@pytest.mark.parametrize("traits", [(), ("products",), TRAITS])
def test_following_keeps_symbolic_edges_wherever_they_start(traits):
    rng = np.random.default_rng(10)
    inputs, weight = draw_samples(rng)
    network = draw_network(rng, (2, 3, 2, 1), base="silu", traits=traits)
    names = list(FUNCTIONS)
    for depth in (1, 2):
        for number, (i, j) in enumerate(np.ndindex(network.layers[depth].active.shape)):
            edge = SymbolicEdge(FUNCTIONS[names[number % 3]], 0.3 * rng.normal(size=4))
            network = network.with_symbol(depth, i, j, edge)
    before = network.outputs(inputs)
    follow_hidden_nodes(network, points(inputs, weight), 7, 0.5)
    assert_close(network.outputs(inputs), before, 1e-10)


@pytest.mark.parametrize("quantile_share", [0.0, 0.5])
def test_grids_go_where_product_nodes_are(quantile_share):
    rng = np.random.default_rng(11)
    inputs, weight = draw_samples(rng)
    network = draw_network(rng, (2, 2, 1), traits=["products"], even=True)
    network.layers[0].add_constants(np.array([0.0, 20.0, 30.0]))
    before = network.layers[0].outputs(inputs)
    shrink = follow_hidden_nodes(network, points(inputs, weight), 6, quantile_share)
    after = network.layers[0].outputs(inputs)
    assert_close(after[:, 1], 2.0 * before[:, 1] / np.ptp(before[:, 1]), 1e-12)
    np.testing.assert_allclose(shrink[0][1] * shrink[0][2], 0.5 * np.ptp(before[:, 1]), rtol=1e-12)
    grid = network.layers[1].grid
    np.testing.assert_allclose(np.ptp(after, axis=0), 2.0, rtol=1e-12)
    np.testing.assert_allclose(grid.low, after.min(axis=0) - MARGIN, rtol=1e-10)
    np.testing.assert_allclose(grid.high, after.max(axis=0) + MARGIN, rtol=1e-10)
    assert after[:, 1].min() > 1.0
    assert np.all(np.diff(grid.breakpoints, axis=1) > 0.0)


def test_finer_grids_keep_masks_symbols_and_products():
    rng = np.random.default_rng(12)
    network = draw_network(rng, (2, 3, 1), base="silu", traits=TRAITS)
    finer = refined(network, 8)
    inputs, _ = draw_samples(rng)
    assert_close(finer.outputs(inputs), network.outputs(inputs), 1e-12)
    for new, old in zip(finer.layers, network.layers, strict=True):
        assert new.arities == old.arities
        assert new.symbols.keys() == old.symbols.keys()
        np.testing.assert_array_equal(new.active, old.active)


def test_stretching_moves_the_ends_only():
    ends = np.array([[-1.0, 0.25, 0.5, 2.0], [0.0, 1.0, 2.0, 3.0]])
    before = ends.copy()
    longer = stretched(ends, 0.5)
    np.testing.assert_array_equal(longer, [[-1.5, 0.25, 0.5, 2.5], [-0.5, 1.0, 2.0, 3.5]])
    np.testing.assert_array_equal(stretched(longer, -0.5), before)
    np.testing.assert_array_equal(ends, before)


@pytest.mark.parametrize("base", ["zero", "silu"])
@pytest.mark.parametrize("quantile_share", [0.0, 0.6])
def test_nested_grids_of_the_inputs_are_cut_wherever_the_data_are(quantile_share, base):
    rng = np.random.default_rng(13)
    inputs, weight = draw_samples(rng)
    network = draw_network(rng, (2, 3, 1), base=base)
    layer = network.layers[0]
    coarse, before = layer.grid.breakpoints, layer.edge_values(inputs)
    refine_inputs(network, points(inputs, weight), LIMIT, 12, quantile_share)
    assert_close(layer.edge_values(inputs), before, 1e-12)
    np.testing.assert_array_equal(layer.grid.breakpoints, subdivided(coarse, 12))
    np.testing.assert_allclose(layer.grid.breakpoints[:, ::3], coarse, rtol=0.0, atol=1e-15)


def followed_network(rng, inputs, weight, grid_size=5, stretch=0.0, base="silu"):
    """Return a network whose hidden grids have been laid over its nodes."""
    network = draw_network(rng, (2, 3, 2), base=base)
    follow_hidden_nodes(network, points(inputs, weight), grid_size, 0.0, stretch, fresh=True)
    return network


def shrunk(network, factor):
    """Return the network whose hidden nodes reach less far, all edge functions as they are."""
    other = network.copy()
    other.layers[0].coef *= factor
    return other


def test_a_grid_that_its_data_fill_stays():
    rng = np.random.default_rng(14)
    inputs, weight = draw_samples(rng)
    network = shrunk(followed_network(rng, inputs, weight), 0.93)
    before, ends = network.outputs(inputs), network.layers[1].grid.breakpoints
    shrink = follow_hidden_nodes(network, points(inputs, weight), 5, 0.0)
    np.testing.assert_array_equal(shrink[0], np.ones(3))
    np.testing.assert_array_equal(network.layers[1].grid.breakpoints, ends)
    assert_close(network.outputs(inputs), before, 1e-13)


@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_a_grid_that_its_data_do_not_fit_moves(factor):
    rng = np.random.default_rng(15)
    inputs, weight = draw_samples(rng)
    network = shrunk(followed_network(rng, inputs, weight), factor)
    shrink = follow_hidden_nodes(network, points(inputs, weight), 5, 0.0)
    np.testing.assert_allclose(shrink[0], factor, rtol=1e-12)
    np.testing.assert_allclose(hidden_nodes(network, inputs)[0].max(axis=0), 1.0, rtol=1e-12)


def test_grids_stay_or_move_node_by_node():
    rng = np.random.default_rng(16)
    inputs, weight = draw_samples(rng)
    network = shrunk(followed_network(rng, inputs, weight), np.array([0.95, 0.5, 0.95]))
    shrink = follow_hidden_nodes(network, points(inputs, weight), 10, 0.0)
    np.testing.assert_allclose(shrink[0], [1.0, 0.5, 1.0], rtol=1e-12)
    assert shrink[0][0] == shrink[0][2] == 1.0


def test_grids_that_stay_nest_when_they_are_cut():
    rng = np.random.default_rng(17)
    inputs, weight = draw_samples(rng)
    network = shrunk(followed_network(rng, inputs, weight), 0.97)
    before = network.outputs(inputs)
    for grid_size in (10, 20):
        coarse = network.layers[1].grid.breakpoints
        follow_hidden_nodes(network, points(inputs, weight), grid_size, 0.0)
        assert network.layers[1].grid.grid_size == grid_size
        np.testing.assert_allclose(
            network.layers[1].grid.breakpoints[:, ::2], coarse, rtol=0.0, atol=1e-15
        )
        assert_close(network.outputs(inputs), before, 1e-12)


def test_fresh_grids_do_not_stay():
    rng = np.random.default_rng(18)
    inputs, weight = draw_samples(rng)
    network = shrunk(followed_network(rng, inputs, weight), 0.93)
    shrink = follow_hidden_nodes(network, points(inputs, weight), 5, 0.0, fresh=True)
    np.testing.assert_allclose(shrink[0], 0.93, rtol=1e-12)
    nodes = hidden_nodes(network, inputs)[0]
    np.testing.assert_allclose(nodes.min(axis=0), -1.0, rtol=1e-12)
    np.testing.assert_allclose(nodes.max(axis=0), 1.0, rtol=1e-12)


@pytest.mark.parametrize("grid_size", [5, 20])
def test_stretch_lengthens_the_outermost_intervals(grid_size):
    rng = np.random.default_rng(19)
    inputs, weight = draw_samples(rng)
    network = followed_network(rng, inputs, weight, grid_size, stretch=0.15)
    ends = network.layers[1].grid.breakpoints
    limit = 1.0 + MARGIN
    plain = np.tile(np.linspace(-limit, limit, grid_size + 1), (3, 1))
    np.testing.assert_allclose(ends, stretched(plain, 0.15), rtol=0.0, atol=1e-13)


@pytest.mark.parametrize("traits", [(), TRAITS])
def test_grids_are_cut_to_end_near_the_data_and_keep_the_function_there(traits):
    rng = np.random.default_rng(24)
    inputs, weight = draw_samples(rng)
    network = draw_network(rng, (2, 3, 2, 1), grid_size=6, degree=5, traits=traits)
    follow_hidden_nodes(network, points(inputs, weight), 6, 0.0, stretch=0.15, fresh=True)
    before, wide = network.outputs(inputs), network.layers[1].grid
    end_hidden_grids(network, points(inputs, weight), MARGIN)
    assert_close(network.outputs(inputs), before, 1e-12)
    for grid, nodes in zip(
        [layer.grid for layer in network.layers[1:]], hidden_nodes(network, inputs), strict=True
    ):
        low, high = nodes.min(axis=0), nodes.max(axis=0)
        room = 0.5 * MARGIN * (high - low)
        assert np.all(np.abs(grid.low - (low - room)) <= 1e-9 * (high - low))
        assert np.all(np.abs(grid.high - (high + room)) <= 1e-9 * (high - low))
    np.testing.assert_array_equal(
        network.layers[1].grid.breakpoints[:, 1:-1], wide.breakpoints[:, 1:-1]
    )


def test_cutting_leaves_room_in_outermost_intervals_without_data():
    rng = np.random.default_rng(25)
    inputs, weight = draw_samples(rng)
    network = shrunk(followed_network(rng, inputs, weight, base="zero"), 0.3)
    before, old = network.outputs(inputs), network.layers[1].grid.breakpoints
    end_hidden_grids(network, points(inputs, weight), MARGIN)
    new = network.layers[1].grid.breakpoints
    expected = old.copy()
    expected[:, 0] = old[:, 1] - LEAST_OUTERMOST * (old[:, 1] - old[:, 0])
    expected[:, -1] = old[:, -2] + LEAST_OUTERMOST * (old[:, -1] - old[:, -2])
    np.testing.assert_allclose(new, expected, rtol=0.0, atol=1e-14)
    assert_close(network.outputs(inputs), before, 1e-12)


@pytest.mark.parametrize("base", ["zero", "silu"])
def test_ends_that_data_have_left_and_base_functions_stay(base):
    rng = np.random.default_rng(26)
    inputs, weight = draw_samples(rng)
    network = followed_network(rng, inputs, weight, base=base)
    network = shrunk(network, 0.7 if base == "silu" else 1.5)
    ends = network.layers[1].grid.breakpoints
    end_hidden_grids(network, points(inputs, weight), MARGIN)
    np.testing.assert_array_equal(network.layers[1].grid.breakpoints, ends)


@pytest.mark.parametrize("traits", [(), TRAITS])
def test_polynomials_go_on_where_grids_are_lengthened(traits):
    """Cutting a grid and lengthening it again changes nothing, beyond the data either."""
    rng = np.random.default_rng(27)
    inputs, weight = draw_samples(rng)
    data = points(inputs, weight)
    network = draw_network(rng, (2, 3, 2, 1), grid_size=6, degree=5, traits=traits)
    follow_hidden_nodes(network, data, 6, 0.0, stretch=0.15, fresh=True)
    end_hidden_grids(network, data, 0.2)
    cut = network.copy()
    end_hidden_grids(cut, data, 0.02)
    for layer, wide in zip(cut.layers[1:], network.layers[1:], strict=True):
        assert np.all(layer.grid.high < wide.grid.high)
    wider = cut.copy()
    end_hidden_grids(wider, data, 0.2)
    for layer, wide in zip(wider.layers[1:], network.layers[1:], strict=True):
        assert_close(layer.grid.breakpoints, wide.grid.breakpoints, 1e-12)
        assert_close(layer.coef, wide.coef, 1e-9)


def test_grids_are_lengthened_by_an_interval_at_most():
    rng = np.random.default_rng(28)
    inputs, weight = draw_samples(rng)
    network = followed_network(rng, inputs, weight, grid_size=40, base="zero")
    old = network.layers[1].grid.breakpoints
    before = network.outputs(inputs)
    end_hidden_grids(network, points(inputs, weight), 0.5)
    new = network.layers[1].grid.breakpoints
    np.testing.assert_allclose(new[:, 0], 2.0 * old[:, 0] - old[:, 1], rtol=0.0, atol=1e-14)
    np.testing.assert_allclose(new[:, -1], 2.0 * old[:, -1] - old[:, -2], rtol=0.0, atol=1e-14)
    assert_close(network.outputs(inputs), before, 1e-10)


@pytest.mark.parametrize("grid_size", [1, 2, 3, 6])
@pytest.mark.parametrize("factor", [1.0, 0.3, 0.01])
def test_ending_grids_again_changes_nothing(grid_size, factor):
    rng = np.random.default_rng(30)
    inputs, weight = draw_samples(rng)
    data = points(inputs, weight)
    network = followed_network(rng, inputs, weight, grid_size=grid_size, base="zero")
    network = shrunk(network, factor)
    end_hidden_grids(network, data, MARGIN)
    once = [layer.grid.breakpoints for layer in network.layers]
    for _ in range(20):
        end_hidden_grids(network, data, MARGIN)
    for layer, ends in zip(network.layers, once, strict=True):
        assert_close(layer.grid.breakpoints, ends, 1e-9)


def test_nodes_are_held_until_one_has_left():
    rng = np.random.default_rng(29)
    inputs, weight = draw_samples(rng)
    data = points(inputs, weight)
    network = followed_network(rng, inputs, weight)
    assert holds_hidden_nodes(network, data)
    assert holds_hidden_nodes(shrunk(network, 0.5), data)
    network.layers[0].coef[:, :, 1] *= 1.5
    assert not holds_hidden_nodes(network, data)


@pytest.mark.parametrize("stretch", [0.0, 0.15])
def test_outermost_intervals_of_fine_hidden_grids_hold_samples(stretch):
    """The ends of a sum of many inputs are reached by few samples."""
    rng = np.random.default_rng(23)
    inputs = rng.uniform(-1.0, 1.0, size=(1000, 6))
    data, grid_size = points(inputs, np.ones(1000)), 40
    network = draw_network(rng, (6, 3, 1))
    lowest = {}
    for share in (0.0, hidden_quantile_share(0.0, grid_size)):
        other = network.copy()
        follow_hidden_nodes(other, data, grid_size, share, stretch)
        nodes, ends = hidden_nodes(other, inputs)[0], other.layers[1].grid.breakpoints
        below = (nodes < ends[:, 1]).sum(axis=0)
        lowest[share] = np.minimum(below, (nodes > ends[:, -2]).sum(axis=0)).min()
        np.testing.assert_allclose(ends[:, 0], -1.0 - MARGIN - stretch, rtol=1e-14)
        np.testing.assert_allclose(ends[:, -1], 1.0 + MARGIN + stretch, rtol=1e-14)
    assert lowest[LEAST_HIDDEN_SHARE] > lowest[0.0]


def test_hidden_grids_have_a_share_of_quantiles_where_they_get_fine():
    assert hidden_quantile_share(0.0, MOST_EQUAL) == 0.0
    assert hidden_quantile_share(0.0, MOST_EQUAL + 1) == LEAST_HIDDEN_SHARE
    assert hidden_quantile_share(0.7, MOST_EQUAL + 1) == 0.7


@pytest.mark.parametrize("grid_size", [1, 5, 20, 21, 40, 160])
def test_the_outermost_intervals_of_inputs_are_half_full(grid_size):
    limit = input_limit(grid_size)
    assert 1.0 < limit <= 1.0 + MARGIN
    assert limit - 1.0 <= 0.5 * (2.0 * limit / grid_size)


@pytest.mark.parametrize("offset", [-3.0, 3.0])
def test_a_grid_of_one_interval_that_data_have_left_stays(offset):
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(50, 2))
    network = draw_network(np.random.default_rng(1), [2, 1, 1], grid_size=1)
    network.layers[0].add_constants(np.array([offset]))
    data = TrainingData.of(X, X[:, :1], np.ones(50), network.scaling)
    before = network(X)
    end_hidden_grids(network, data, 0.1)
    assert np.all(np.diff(network.layers[1].grid.breakpoints, axis=1) > 0.0)
    np.testing.assert_allclose(network(X), before, rtol=1e-9, atol=1e-12)
