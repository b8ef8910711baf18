import numpy as np
import pytest
from networks import TRAITS, assert_close, draw_network, points

from skkan.data import _blocks
from skkan.inspection._scores import importances, network_activity, propagated
from skkan.network._product_nodes import ProductNodes


def samples(seed, n_inputs, n_samples=200):
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.1, 1.0, size=n_samples)
    return rng.uniform(-1.0, 1.0, size=(n_samples, n_inputs)), weight / weight.sum()


def weighted_std(values, weight):
    return np.sqrt(weight @ (values - weight @ values) ** 2)


@pytest.mark.parametrize("traits", [(), TRAITS])
@pytest.mark.parametrize("block_bytes", [1, 2**12, 2**24])
def test_activity_is_that_of_the_edges(traits, block_bytes, monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK_BYTES", block_bytes)
    network = draw_network(np.random.default_rng(0), (3, 4, 3, 2), base="silu", traits=traits)
    inputs, weight = samples(1, 3)
    nodes = inputs
    for layer, activity in zip(
        network.layers, network_activity(network, points(inputs, weight)), strict=True
    ):
        values = layer.edge_values(nodes)
        flat = values.reshape(len(values), -1)
        assert_close(activity.means.ravel(), weight @ flat, 1e-12)
        assert_close(activity.magnitudes.ravel(), weighted_std(flat, weight), 1e-12)
        subnodes = layer.subnodes(nodes)
        assert_close(activity.spreads, weighted_std(subnodes, weight), 1e-12)
        nodes = layer.outputs(nodes)


def test_one_edge_per_node_hands_the_whole_score_back():
    network = draw_network(np.random.default_rng(0), (1, 1, 1))
    edges, nodes = propagated(network_activity(network, points(*samples(0, 1))))
    assert_close(np.concatenate([edges[0].ravel(), edges[1].ravel(), *nodes]), np.ones(5), 1e-12)


def test_scores_follow_the_recursion_of_the_paper():
    network = draw_network(np.random.default_rng(2), (3, 4, 2))
    inputs, weight = samples(3, 3)
    activities = network_activity(network, points(inputs, weight))
    edges, nodes = propagated(activities)
    score = np.ones(2)
    for depth in (1, 0):
        own = activities[depth]
        expected = np.array(
            [
                [score[j] * own.magnitudes[i, j] / own.spreads[j] for j in range(len(score))]
                for i in range(len(own.magnitudes))
            ]
        )
        assert_close(edges[depth], expected, 1e-12)
        score = expected.sum(axis=1)
        assert_close(nodes[depth], score, 1e-12)


def product_network(constant):
    """One product node of two factors, the second of which may be constant."""
    network = draw_network(np.random.default_rng(4), (2, 1, 1), traits=["products"])
    first = network.layers[0]
    first.set_edges([[True, False], [False, True]], {})
    assert isinstance(first.products, ProductNodes)
    if constant:
        first.coef[1, :, 1] = 2.0
    return network


def test_a_constant_factor_has_no_score():
    network = product_network(constant=True)
    edges, nodes = propagated(network_activity(network, points(*samples(5, 2))))
    assert nodes[0][1] == 0.0
    assert nodes[0][0] == pytest.approx(nodes[1][0])
    assert edges[0][0, 0] == pytest.approx(nodes[1][0])


def test_factors_without_mean_that_are_independent_get_the_whole_score():
    network = product_network(constant=False)
    rng = np.random.default_rng(6)
    inputs = rng.uniform(-1.0, 1.0, size=(100_000, 2))
    weight = np.full(100_000, 1e-5)
    for _ in range(2):
        means = network_activity(network, points(inputs, weight))[0].means
        network.layers[0].add_constants(-means.diagonal())
    scores = propagated(network_activity(network, points(inputs, weight)))[1]
    assert scores[0] == pytest.approx([scores[1][0]] * 2, rel=0.02)


def test_constant_inputs_and_masked_edges_score_nothing():
    network = draw_network(np.random.default_rng(7), (3, 4, 1), base="tanh")
    masks = [np.ones((3, 4), dtype=bool), np.ones((4, 1), dtype=bool)]
    masks[0][1] = False
    masks[1][2] = False
    inputs, weight = samples(8, 3)
    inputs[:, 2] = 0.1
    edges, nodes = propagated(network_activity(network.masked(masks), points(inputs, weight)))
    assert nodes[0][0] > 0.0
    assert nodes[0][1] == nodes[0][2] == nodes[1][2] == 0.0
    assert not edges[0][:, 2].any()


def test_a_constant_output_is_no_division_by_zero():
    network = draw_network(np.random.default_rng(9), (2, 3, 2))
    network.layers[-1].coef[:] = 0.5
    edges, nodes = propagated(network_activity(network, points(*samples(10, 2))))
    assert not any(scores.any() for scores in edges + nodes)
    np.testing.assert_array_equal(importances(nodes[0]), [0.0, 0.0])


def test_a_node_whose_edges_cancel_says_nothing():
    network = draw_network(np.random.default_rng(11), (2, 1, 1), even=True)
    first = network.layers[0]
    first.coef[1] = -first.coef[0]
    inputs, weight = samples(12, 1)
    nodes = propagated(network_activity(network, points(inputs[:, [0, 0]], weight)))[1]
    assert not nodes[0].any()
    assert np.isfinite(np.concatenate(nodes)).all()


def test_importances_sum_to_one():
    assert importances(np.array([1.0, 0.0, 3.0])).tolist() == [0.25, 0.0, 0.75]
