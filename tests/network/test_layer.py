import numpy as np
import pytest
from networks import (
    TRAITS,
    assert_close,
    central_differences,
    draw_network,
    even_grid,
    uneven_grid,
)

from skkan.network import _layer
from skkan.network._layer import Layer
from skkan.network.functions._base_functions import BASE_FUNCTIONS
from skkan.network.functions._splines import SplineGrid

BASES = list(BASE_FUNCTIONS)


def draw_layer(rng, base="zero", even=False, degree=3, grid_size=4, traits=()):
    network = draw_network(
        rng, (3, 2, 1), base=base, even=even, degree=degree, grid_size=grid_size, traits=traits
    )
    return network.layers[0]


@pytest.mark.parametrize("base", BASES)
def test_outputs_are_the_sums_of_the_edge_functions(base):
    rng = np.random.default_rng(0)
    layer = draw_layer(rng, base)
    x = rng.uniform(-1.5, 1.5, size=(30, 3))
    features = layer.features(x)
    assert features.shape == (30, layer.n_in * layer.n_features)
    assert_close(layer.outputs(x, features), layer.edge_values(x).sum(axis=1), 1e-13)
    np.testing.assert_array_equal(layer.outputs(x), layer.outputs(x, features))


def test_row_blocks_change_nothing(monkeypatch):
    layer = draw_layer(np.random.default_rng(11), "silu", traits=TRAITS)
    x = np.random.default_rng(12).uniform(-1.5, 1.5, size=(30, 3))
    expected = layer.outputs(x, layer.features(x))
    monkeypatch.setattr(_layer, "BLOCK_BYTES", 7 * 8 * layer.n_in * layer.n_features)
    assert_close(layer.outputs(x), expected, 1e-13)
    monkeypatch.setattr(_layer, "BLOCK_BYTES", 1)
    assert_close(layer.outputs(x), expected, 1e-13)


def test_outputs_are_products_of_the_subnodes():
    rng = np.random.default_rng(8)
    layer = draw_layer(rng, traits=TRAITS)
    x = rng.uniform(-1.0, 1.0, size=(30, 3))
    sums = layer.edge_values(x).sum(axis=1)
    expected = np.stack([sums[:, 0], sums[:, 1] * sums[:, 2]], axis=1)
    assert (layer.n_subnodes, layer.n_out) == (3, 2)
    assert_close(layer.subnodes(x), sums, 1e-13)
    assert_close(layer.outputs(x), expected, 1e-13)


@pytest.mark.parametrize("traits", [(), ("masks",), ("symbols",), TRAITS])
def test_constants_are_added_to_the_subnodes(traits):
    rng = np.random.default_rng(9)
    for _ in range(10):
        layer = draw_layer(rng, "silu", traits=traits)
        x = rng.uniform(-1.0, 1.0, size=(30, 3))
        amounts = rng.normal(size=layer.n_subnodes)
        expected = layer.subnodes(x) + amounts
        layer.add_constants(amounts)
        assert_close(layer.subnodes(x), expected, 1e-13)


def test_a_mask_has_to_fit_the_edges_and_is_not_writable():
    layer = draw_layer(np.random.default_rng(10))
    with pytest.raises(ValueError, match=r"active has shape \(2, 3\), not \(3, 2\)"):
        layer.set_edges(np.ones((2, 3)), {})
    with pytest.raises(ValueError, match="read-only"):
        layer.active[0, 0] = False


@pytest.mark.parametrize("base", BASES)
def test_edge_functions_are_splines_plus_base_function_of_the_grid_coordinate(base):
    rng = np.random.default_rng(1)
    layer = draw_layer(rng, base)
    x = rng.uniform(-1.5, 1.5, size=(30, 3))
    splines = layer.grid.dense(x)
    expected = np.einsum("nim,imj->nij", splines, layer.coef[:, : layer.grid.n_splines])
    if layer.base is not None:
        low, high = layer.grid.low, layer.grid.high
        u = (2.0 * x - low - high) / (high - low)
        expected = expected + layer.base.value(u)[:, :, None] * layer.coef[:, -1]
    assert_close(layer.edge_values(x), expected, 1e-13)


@pytest.mark.parametrize("traits", [(), ("masks",), ("symbols",), TRAITS])
@pytest.mark.parametrize("base", BASES)
def test_pull_and_push_agree_with_differences(base, traits):
    rng = np.random.default_rng(2)
    layer = draw_layer(rng, base, traits=traits)
    x = rng.uniform(-1.5, 1.5, size=(8, 3))
    features, slopes = layer.features_and_slopes(x)
    np.testing.assert_array_equal(features, layer.features(x))
    weights, change = rng.normal(size=(8, layer.n_subnodes)), rng.normal(size=(8, 3))
    pulled, pushed = layer.pull(x, slopes, weights), layer.push(x, slopes, change)
    for n, row in enumerate(x):
        expected = central_differences(lambda at: layer.subnodes(at[None])[0], row)
        assert_close(pulled[n], expected @ weights[n], 1e-8)
        assert_close(pushed[n], change[n] @ expected, 1e-8)


def test_the_grid_ends_are_at_minus_one_and_one():
    layer = draw_layer(np.random.default_rng(3))
    np.testing.assert_allclose(layer.coordinate(layer.grid.low), -1.0, rtol=1e-15)
    np.testing.assert_allclose(layer.coordinate(layer.grid.high), 1.0, rtol=1e-15)


@pytest.mark.parametrize("traits", [(), TRAITS])
@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("degree", range(1, 6))
def test_regrid_to_a_nested_grid_keeps_the_edge_functions(degree, base, traits):
    rng = np.random.default_rng(4)
    layer = draw_layer(rng, base, degree=degree, traits=traits)
    x = rng.uniform(-1.5, 1.5, size=(60, 3))
    before = layer.edge_values(x)
    ends = layer.grid.breakpoints
    middles = 0.5 * (ends[:, 1:] + ends[:, :-1])
    finer = SplineGrid(np.sort(np.concatenate([ends, middles], axis=1)), degree)
    layer.regrid(finer)
    assert layer.grid is finer
    assert layer.coef.shape == (3, finer.n_splines + (base != "zero"), layer.n_subnodes)
    assert not layer.coef.transpose(0, 2, 1)[~layer.splined].any()
    assert_close(layer.edge_values(x), before, 1e-12)


@pytest.mark.parametrize("base", ["zero", "identity"])
@pytest.mark.parametrize("degree", range(1, 6))
def test_regrid_to_part_of_the_grid_keeps_the_edge_functions_there(degree, base):
    rng = np.random.default_rng(5)
    layer = draw_layer(rng, base, even=True, degree=degree, grid_size=8)
    x = rng.uniform(-0.5, 0.75, size=(60, 3))
    before = layer.edge_values(x)
    layer.regrid(SplineGrid(np.tile(np.linspace(-0.5, 0.75, 6), (3, 1)), degree))
    assert_close(layer.edge_values(x), before, 1e-12)


@pytest.mark.parametrize("base", ["silu", "tanh", "sin"])
def test_moved_ends_hand_the_base_function_to_the_splines(base):
    rng = np.random.default_rng(6)
    x = rng.uniform(-0.5, 0.5, size=(200, 1))
    worst = []
    for grid_size in (4, 16):
        layer = Layer(even_grid(1, 2, 3), np.zeros((1, 6, 1)), BASE_FUNCTIONS[base])
        layer.coef[0, -1] = 1.0
        before = layer.edge_values(x)
        layer.regrid(SplineGrid(np.linspace(-0.6, 0.5, grid_size + 1)[None], 3))
        worst.append(np.abs(layer.edge_values(x) - before).max())
    # Cubic splines: a fourth of the spacing, and so about 1/256 of the error.
    assert worst[0] < 1e-3
    assert worst[1] < worst[0] / 64.0


def test_regrid_keeps_straight_lines_on_any_grid():
    rng = np.random.default_rng(7)
    layer = draw_layer(rng)
    layer.coef = layer.grid.greville()[:, :, None] * rng.normal(size=(3, 1, 2))
    x = rng.uniform(-3.0, 3.0, size=(40, 3))
    before = layer.edge_values(x)
    layer.regrid(uneven_grid(rng, 3, 7, 3))
    assert_close(layer.edge_values(x), before, 1e-12)


def test_straight_lines_stay_what_they_are_on_any_grid():
    rng = np.random.default_rng(0)
    old = SplineGrid(np.sort(rng.uniform(-1.0, 1.0, (3, 6)), axis=1), 3)
    values, slopes = rng.normal(size=(2, 3, 2))
    layer = Layer(old, values[:, None] + slopes[:, None] * old.greville()[:, :, None])
    x = rng.uniform(-3.0, 3.0, (20, 3))
    before = layer.outputs(x)
    layer.regrid(SplineGrid(np.sort(rng.uniform(-2.0, 2.0, (3, 9)), axis=1), 3))
    np.testing.assert_allclose(layer.outputs(x), before, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(before, values.sum(axis=0) + x @ slopes, rtol=1e-12, atol=1e-12)
