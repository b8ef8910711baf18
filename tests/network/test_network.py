from itertools import cycle, product

import numpy as np
import pytest
from networks import TRAITS, assert_close, directional_differences, draw_network

from skkan.network import _network
from skkan.network._scaling import Scaling
from skkan.network.functions._base_functions import BASE_FUNCTIONS

SHAPES = [(2, 1), (3, 2), (2, 3, 1), (2, 3, 2), (1, 2, 3, 2), (2, 2, 2, 2, 1)]
# Every set of traits with every depth, and with both of these every base function.
KINDS = [(), *((trait,) for trait in TRAITS), TRAITS[:2], TRAITS[1:], TRAITS[::2], TRAITS]
MIXED = [
    (*choice, base)
    for choice, base in zip(product(KINDS, SHAPES), cycle(BASE_FUNCTIONS), strict=False)
]


def draw_scaling(rng, n_inputs, n_outputs):
    return Scaling(
        rng.normal(size=n_inputs),
        rng.uniform(0.5, 3.0, size=n_inputs),
        rng.normal(size=n_outputs),
        rng.uniform(0.5, 3.0, size=n_outputs),
    )


def test_shape_and_sizes():
    network = draw_network(np.random.default_rng(0), (3, 4, 2), grid_size=5, base="silu")
    assert network.shape == (3, 4, 2)
    assert network.grid_size == 5
    assert network.n_parameters == (3 * 4 + 4 * 2) * (5 + 3 + 1)


def test_call_maps_between_the_units_of_data_and_network():
    rng = np.random.default_rng(1)
    network = draw_network(rng, (2, 3, 2))
    network.scaling = draw_scaling(rng, 2, 2)
    X = rng.normal(size=(20, 2))
    scaling = network.scaling
    inputs = (X - scaling.input_shift) / scaling.input_scale
    expected = network.outputs(inputs) * scaling.output_scale + scaling.output_shift
    assert_close(network(X), expected, 1e-13)


@pytest.mark.parametrize("rows", [1, 7, 20, 100])
def test_row_blocks_change_nothing(monkeypatch, rows):
    rng = np.random.default_rng(2)
    network = draw_network(rng, (2, 3, 1))
    X = rng.normal(size=(20, 2))
    whole = network(X)
    monkeypatch.setattr(_network, "ROWS_PER_BLOCK", rows)
    assert_close(network(X), whole, 1e-14)


@pytest.mark.parametrize("traits", [(), ("symbols",), ("products",), TRAITS[1:]])
@pytest.mark.parametrize("shape", SHAPES)
def test_parameters_survive_a_round_trip(shape, traits):
    rng = np.random.default_rng(3)
    network = draw_network(rng, shape, base="silu", traits=traits)
    parameters = network.get_parameters()
    assert parameters.shape == (network.n_parameters,)
    for coef, layer in zip(network.split(parameters), network.layers, strict=True):
        np.testing.assert_array_equal(coef, layer.coef)
    new = rng.normal(size=parameters.shape)
    network.set_parameters(new)
    for coef, layer in zip(network.split(new), network.layers, strict=True):
        expected = np.where(layer.splined[:, None, :], coef, 0.0)
        np.testing.assert_array_equal(layer.coef, expected)
    tail = slice(network.n_coefficients, None)
    np.testing.assert_array_equal(network.get_parameters()[tail], new[tail])


def test_inactive_edges_are_zero_whatever_the_parameters():
    rng = np.random.default_rng(16)
    network = draw_network(rng, (2, 3, 2), base="silu")
    masks = [rng.uniform(size=layer.active.shape) < 0.6 for layer in network.layers]
    masked = network.masked(masks)
    for layer in network.layers:
        assert layer.active.all()
    masked.set_parameters(rng.normal(size=network.n_parameters))
    for layer, mask in zip(masked.layers, masks, strict=True):
        np.testing.assert_array_equal(layer.active, mask)
        values = layer.edge_values(rng.uniform(-2.0, 2.0, size=(10, layer.n_in)))
        np.testing.assert_array_equal(np.abs(values).max(axis=0) > 0.0, mask)
    again = masked.masked([np.ones(mask.shape) for mask in masks])
    np.testing.assert_array_equal(again.get_parameters(), masked.get_parameters())
    np.testing.assert_array_equal(again.layers[0].active, masks[0])


def test_network_does_not_keep_the_vector_it_was_given():
    network = draw_network(np.random.default_rng(4), (2, 2, 1))
    before = network.get_parameters()
    given = before.copy()
    network.set_parameters(given)
    given += 1.0
    np.testing.assert_array_equal(network.get_parameters(), before)


@pytest.mark.parametrize("traits", KINDS)
def test_copies_are_independent(traits):
    network = draw_network(np.random.default_rng(5), (2, 2, 1), traits=traits)
    before = network.get_parameters()
    clone = network.copy()
    np.testing.assert_array_equal(clone.get_parameters(), before)
    for layer, own in zip(clone.layers, network.layers, strict=True):
        assert layer.arities == own.arities
        np.testing.assert_array_equal(layer.active, own.active)
    clone.set_parameters(before + 1.0)
    for layer in clone.layers:
        layer.coef += 1.0
    clone.layers[0].grid = clone.layers[1].grid
    np.testing.assert_array_equal(network.get_parameters(), before)
    assert network.layers[0].grid is not network.layers[1].grid


@pytest.mark.parametrize(("traits", "shape", "base"), MIXED)
def test_jacobian_agrees_with_differences(traits, shape, base):
    rng = np.random.default_rng(6)
    network = draw_network(rng, shape, base=base, traits=traits)
    inputs = rng.uniform(-1.3, 1.3, size=(5, shape[0]))
    parameters = network.get_parameters()

    def outputs(at):
        network.set_parameters(at)
        return network.outputs(inputs)

    directions = rng.normal(size=(4, len(parameters)))
    expected = directional_differences(outputs, parameters, directions)
    network.set_parameters(parameters)
    seeds = np.tile(np.eye(shape[-1]), (5, 1, 1))
    found = network.jacobian(network.trace(inputs), seeds)
    assert_close(directions @ found.T, expected.reshape(4, -1), 1e-7)


@pytest.mark.parametrize(("traits", "shape", "base"), MIXED)
def test_gradient_is_the_jacobian_times_the_residual(traits, shape, base):
    rng = np.random.default_rng(7)
    network = draw_network(rng, shape, base=base, traits=traits)
    trace = network.trace(rng.uniform(-1.3, 1.3, size=(9, shape[0])))
    residual = rng.normal(size=(9, shape[-1]))
    jacobian = network.jacobian(trace, np.tile(np.eye(shape[-1]), (9, 1, 1)))
    assert_close(network.gradient(trace, residual), jacobian.T @ residual.ravel(), 1e-13)


@pytest.mark.parametrize("traits", [(), TRAITS])
@pytest.mark.parametrize("shape", [(2, 3, 2), (1, 2, 3, 2)])
def test_jacobian_of_combinations_is_that_of_the_outputs_combined(shape, traits):
    rng = np.random.default_rng(8)
    network = draw_network(rng, shape, traits=traits)
    trace = network.trace(rng.uniform(-1.0, 1.0, size=(6, shape[0])))
    seeds = rng.normal(size=(6, shape[-1], 4))
    plain = network.jacobian(trace, np.tile(np.eye(shape[-1]), (6, 1, 1)))
    plain = plain.reshape(6, shape[-1], -1)
    expected = np.einsum("nkq,nkp->nqp", seeds, plain).reshape(24, -1)
    assert_close(network.jacobian(trace, seeds), expected, 1e-13)


@pytest.mark.parametrize(("traits", "shape", "base"), MIXED)
def test_tangent_is_the_jacobian_times_the_direction(traits, shape, base):
    rng = np.random.default_rng(13)
    network = draw_network(rng, shape, base=base, traits=traits)
    trace = network.trace(rng.uniform(-1.3, 1.3, size=(9, shape[0])))
    direction = rng.normal(size=network.n_parameters)
    jacobian = network.jacobian(trace, np.tile(np.eye(shape[-1]), (9, 1, 1)))
    expected = (jacobian @ direction).reshape(9, shape[-1])
    assert_close(network.tangent(trace, direction), expected, 1e-13)


@pytest.mark.parametrize("traits", [(), TRAITS])
def test_by_node_applies_every_matrix_to_the_edges_into_its_node(traits):
    rng = np.random.default_rng(14)
    network = draw_network(rng, (2, 3, 2), base="silu", traits=traits)
    sizes = [(layer.n_subnodes, layer.n_in * layer.n_features) for layer in network.layers]
    maps = [rng.normal(size=(n, width, width)) for n, width in sizes]
    vector = rng.normal(size=network.n_parameters)
    whole = np.eye(len(vector))
    for matrices, index in zip(maps, network.split(np.arange(len(vector))), strict=True):
        for node, matrix in enumerate(matrices):
            own = index[:, :, node].ravel()
            whole[np.ix_(own, own)] = matrix
    assert_close(network.by_node(maps, vector), whole @ vector, 1e-13)


@pytest.mark.parametrize("traits", [(), TRAITS])
def test_trace_takes_known_features_of_the_first_layer(traits):
    rng = np.random.default_rng(9)
    network = draw_network(rng, (2, 3, 1), base="silu", traits=traits)
    inputs = rng.uniform(-1.0, 1.0, size=(10, 2))
    features = network.layers[0].features(inputs)
    trace = network.trace(inputs, features)
    assert trace.features[0] is features
    np.testing.assert_array_equal(trace.nodes[-1], network.outputs(inputs))
    np.testing.assert_array_equal(trace.nodes[-1], network.outputs(inputs, features))


@pytest.mark.parametrize("traits", KINDS)
@pytest.mark.parametrize("base", ["zero", "identity", "silu"])
@pytest.mark.parametrize("shape", [(3, 2), (3, 4, 2)])
def test_rescaled_is_the_same_function_of_the_data(shape, base, traits):
    rng = np.random.default_rng(10)
    network = draw_network(rng, shape, base=base, traits=traits)
    network.scaling = draw_scaling(rng, 3, 2)
    other = draw_scaling(rng, 3, 2)
    X = 3.0 * rng.normal(size=(40, 3))
    before = network(X)
    moved = network.rescaled(other)
    assert moved.scaling is other
    assert_close(moved(X), before, 1e-12)
    np.testing.assert_array_equal(network(X), before)


def test_rescaled_gives_an_output_without_edges_one_for_its_constant():
    rng = np.random.default_rng(15)
    network = draw_network(rng, (2, 3, 2))
    network.scaling = draw_scaling(rng, 2, 2)
    network = network.masked([np.ones((2, 3)), np.array([[1, 0], [1, 0], [1, 0]])])
    X = rng.normal(size=(20, 2))
    moved = network.rescaled(draw_scaling(rng, 2, 2))
    assert_close(moved(X), network(X), 1e-12)
    assert moved.layers[1].active[:, 1].tolist() == [True, False, False]


@pytest.mark.parametrize("traits", [(), TRAITS])
@pytest.mark.parametrize(("old", "new"), [(np.inf, np.inf), (np.inf, 2.0), (2.0, np.inf)])
def test_rescaled_stands_columns_that_are_constant_before_or_after(old, new, traits):
    rng = np.random.default_rng(11)
    network = draw_network(rng, (2, 2, 1), traits=traits)
    before, after = draw_scaling(rng, 2, 1), draw_scaling(rng, 2, 1)
    before.input_scale[0], after.input_scale[0] = old, new
    after.input_shift[0] = before.input_shift[0]
    network.scaling = before
    X = rng.normal(size=(20, 2))
    X[:, 0] = before.input_shift[0]
    assert_close(network.rescaled(after)(X), network(X), 1e-12)


@pytest.mark.parametrize("traits", KINDS)
def test_with_inputs_permutes_the_columns(traits):
    rng = np.random.default_rng(12)
    network = draw_network(rng, (4, 3, 2), base="silu", traits=traits)
    network.scaling = draw_scaling(rng, 4, 2)
    X = rng.normal(size=(20, 4))
    order = np.array([2, 0, 3, 1])
    permuted = network.with_inputs(order)
    assert_close(permuted(X[:, order]), network(X), 1e-13)
    back = permuted.with_inputs(np.argsort(order))
    np.testing.assert_array_equal(back.get_parameters(), network.get_parameters())
    np.testing.assert_array_equal(back.scaling.input_shift, network.scaling.input_shift)
