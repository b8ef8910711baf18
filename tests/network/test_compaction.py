from itertools import pairwise

import numpy as np
import pytest
from networks import FUNCTIONS, TRAITS, assert_close, draw_network

from skkan.network._compaction import compact
from skkan.network.functions._symbolic_edge import SymbolicEdge

SHAPES = [(2, 4, 1), (2, 3, 3, 2), (1, 2, 4, 3, 1)]


def sparse_network(seed, shape, keep, base, traits):
    rng = np.random.default_rng(seed)
    network = draw_network(rng, shape, base=base, traits=traits)
    masks = [rng.uniform(size=layer.active.shape) < keep for layer in network.layers]
    return network.masked(masks), rng.uniform(-1.0, 1.0, size=(30, shape[0]))


@pytest.mark.parametrize("traits", [(), ("products",), ("symbols",), TRAITS])
@pytest.mark.parametrize("keep", [0.0, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_compacting_keeps_the_function(shape, keep, traits):
    for seed in range(20):
        network, inputs = sparse_network(seed, shape, keep, ("zero", "silu")[seed % 2], traits)
        before = network.outputs(inputs)
        parameters = network.get_parameters()
        small = network.compacted()
        assert_close(small.outputs(inputs), before, 1e-12)
        np.testing.assert_array_equal(network.get_parameters(), parameters)
        assert all(new <= old for new, old in zip(small.shape, shape, strict=True))
        assert (small.shape[0], small.shape[-1]) == (shape[0], shape[-1])
        again = small.compacted()
        assert again.shape == small.shape
        assert_close(again.outputs(inputs), before, 1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_left_is_all_needed(shape):
    for seed in range(20):
        network, _ = sparse_network(seed, shape, 0.5, "zero", TRAITS)
        layers = network.compacted().layers
        if max(layer.n_in for layer in layers[1:]) == 1:
            continue
        for before, layer in pairwise(layers):
            if layer.n_in > 1:
                assert before.active.any(axis=0).all()
                assert layer.active.any(axis=1).all()


def test_a_network_without_idle_nodes_stays_as_it_is():
    network = draw_network(np.random.default_rng(0), (2, 3, 1), base="silu", traits=["products"])
    small = network.compacted()
    np.testing.assert_array_equal(small.get_parameters(), network.get_parameters())
    assert small.layers[0].arities == network.layers[0].arities


def test_nodes_without_edges_on_one_side_go():
    network = draw_network(np.random.default_rng(1), (2, 3, 1))
    first, second = np.ones((2, 3), dtype=bool), np.ones((3, 1), dtype=bool)
    first[:, 0], second[2] = False, False
    small = network.masked([first, second]).compacted()
    assert small.shape == (2, 1, 1)
    np.testing.assert_array_equal(small.layers[0].coef[:, :, 0], network.layers[0].coef[:, :, 1])
    result = compact(network.masked([first, second]).layers)
    np.testing.assert_array_equal(result.nodes[1], [1])
    np.testing.assert_array_equal(result.subnodes[0], [1])


def test_constants_go_to_symbolic_edges_where_there_are_no_splines():
    network = draw_network(np.random.default_rng(2), (2, 2, 1))
    network = network.with_symbol(1, 1, 0, SymbolicEdge(FUNCTIONS["sin"], np.ones(4)))
    first = np.array([[False, True], [False, True]])
    network = network.masked([first, np.ones((2, 1))])
    small = network.compacted()
    inputs = np.random.default_rng(3).uniform(-1.0, 1.0, size=(20, 2))
    assert small.shape == (2, 1, 1)
    assert small.layers[1].symbols[0, 0].parameters[3] != 1.0
    assert_close(small.outputs(inputs), network.outputs(inputs), 1e-13)


def test_a_constant_factor_goes_to_the_other_factors():
    network = draw_network(np.random.default_rng(4), (2, 1, 1, 1), traits=["products"])
    assert [layer.arities for layer in network.layers] == [(2,), (3,), (1,)]
    network = network.masked(
        [np.array([[True, False], [True, True]]), [[True, True, True]], [[True]]]
    )
    zero = network.masked([np.array([[True, False], [True, False]]), [[1, 1, 1]], [[1]]])
    assert zero.compacted().shape == (2, 1, 1, 1)
    inputs = np.random.default_rng(5).uniform(-1.0, 1.0, size=(20, 2))
    assert_close(zero.compacted().outputs(inputs), zero.outputs(inputs), 1e-13)
    wide = draw_network(np.random.default_rng(6), (2, 2, 1, 1), traits=["products"])
    layer = wide.layers[1]
    # Of the three factors of the second layer, one depends on the first node alone, which is zero.
    mask = np.ones(layer.active.shape, dtype=bool)
    mask[1, 0] = False
    first = np.ones(wide.layers[0].active.shape, dtype=bool)
    first[:, 0] = False
    wide = wide.masked([first, mask, [[True]]])
    small = wide.compacted()
    assert small.layers[1].arities == (2,)
    assert_close(small.outputs(inputs), wide.outputs(inputs), 1e-13)


@pytest.mark.parametrize("traits", [(), TRAITS])
def test_without_any_edges_the_outputs_are_zero(traits):
    network = draw_network(np.random.default_rng(7), (2, 3, 3, 2), traits=traits)
    network = network.masked([np.zeros(layer.active.shape) for layer in network.layers])
    small = network.compacted()
    assert small.shape == (2, 1, 1, 2)
    np.testing.assert_array_equal(small.outputs(np.ones((3, 2))), np.zeros((3, 2)))
