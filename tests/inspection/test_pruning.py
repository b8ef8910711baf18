import numpy as np
import pytest
from networks import TRAITS, assert_close, draw_network, draw_penalty, points

from skkan.inspection._pruning import pruned
from skkan.inspection._scores import network_activity

SHAPES = [(2, 4, 1), (2, 3, 3, 2), (3, 1)]


def drawn(seed, shape, traits=()):
    rng = np.random.default_rng(seed)
    network = draw_network(rng, shape, traits=traits)
    inputs = rng.uniform(-1.0, 1.0, size=(100, shape[0]))
    activities = network_activity(network, points(inputs, np.full(100, 0.01)))
    return network, draw_penalty(rng, network), activities, inputs


def everything(network):
    return [np.ones(layer.active.shape, dtype=bool) for layer in network.layers]


@pytest.mark.parametrize("traits", [(), ("products",), TRAITS])
@pytest.mark.parametrize("shape", SHAPES)
def test_keeping_all_edges_keeps_the_function(shape, traits):
    for seed in range(10):
        network, penalty, activities, inputs = drawn(seed, shape, traits)
        result = pruned(network, penalty, activities, everything(network))
        if result is not None:
            assert_close(result.network.outputs(inputs), network.outputs(inputs), 1e-10)


@pytest.mark.parametrize("traits", [(), ("products",), TRAITS])
@pytest.mark.parametrize("shape", SHAPES)
def test_constant_edges_go_without_a_change(shape, traits):
    for seed in range(20):
        network, penalty, _, inputs = drawn(seed, shape, traits)
        rng = np.random.default_rng(seed)
        masks = [rng.uniform(size=layer.active.shape) < 0.6 for layer in network.layers]
        for layer, mask in zip(network.layers, masks, strict=True):
            symbols = {key: edge for key, edge in layer.symbols.items() if mask[key]}
            layer.set_edges(layer.active, symbols)
            constants = rng.normal(size=mask.shape)
            layer.coef = layer.restricted(np.where(mask[:, None], layer.coef, constants[:, None]))
        activities = network_activity(network, points(inputs, np.full(100, 0.01)))
        result = pruned(network, penalty, activities, masks)
        if result is not None:
            assert_close(result.network.outputs(inputs), network.outputs(inputs), 1e-9)


@pytest.mark.parametrize("traits", [(), TRAITS])
def test_weights_and_activities_are_those_of_the_edges_that_are_left(traits):
    network, penalty, activities, _ = drawn(3, (3, 4, 2), traits)
    masks = everything(network)
    masks[0][:, 1] = False
    masks[1][1] = False
    result = pruned(network, penalty, activities, masks)
    assert result.network.shape == (3, 3, 2)
    rows = [0, 2, 3]
    for name, weight in penalty.layers[1].weights.items():
        np.testing.assert_array_equal(result.penalty.layers[1].weights[name], weight[rows])
        own = penalty.layers[0].weights[name]
        kept = np.delete(np.arange(own.shape[1]), 1)
        np.testing.assert_array_equal(result.penalty.layers[0].weights[name], own[:, kept])
        np.testing.assert_array_equal(
            result.activities[0].magnitudes, activities[0].magnitudes[:, kept]
        )


def test_nothing_left():
    network, penalty, activities, _ = drawn(0, (2, 3, 2))
    masks = everything(network)
    masks[1][:] = False
    assert pruned(network, penalty, activities, masks) is None


def test_the_network_stays_as_it_is():
    network, penalty, activities, inputs = drawn(1, (2, 3, 1), TRAITS)
    before, parameters = network.outputs(inputs), network.get_parameters()
    masks = everything(network)
    masks[0][0] = False
    pruned(network, penalty, activities, masks)
    np.testing.assert_array_equal(network.get_parameters(), parameters)
    np.testing.assert_array_equal(network.outputs(inputs), before)
