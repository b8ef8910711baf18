import numpy as np
import pytest
from networks import draw_network, even_grid, unit_scaling

from skkan.inspection._interactions import interactions, meeting_pairs, reaches
from skkan.network._layer import Layer
from skkan.network._network import Network


def line_network(widths, arities=(1, 1), n_inputs=2):
    """Inputs one to one into subnodes along straight lines, then lines to one output."""
    grid = even_grid(n_inputs, 3, 3)
    identity = grid.greville()
    coef = np.zeros((n_inputs, grid.n_splines, n_inputs))
    for i in range(n_inputs):
        coef[i, :, i] = widths[i] * identity[i]
    first = Layer(grid, coef, active=np.eye(n_inputs, dtype=bool), arities=arities)
    second_grid = even_grid(len(arities), 3, 3)
    second = Layer(
        second_grid, np.tile(second_grid.greville()[0][None, :, None], (len(arities), 1, 1))
    )
    return Network([first, second], unit_scaling(n_inputs, 1))


def draw(n_samples, n_inputs, seed=0):
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(-1.0, 1.0, size=(n_samples, n_inputs))
    return inputs, inputs[rng.permutation(n_samples)]


@pytest.mark.parametrize("shape", [(4, 1), (4, 3)])
def test_additive_networks_have_none_at_all(shape):
    network = draw_network(np.random.default_rng(0), shape)
    np.testing.assert_array_equal(interactions(network, *draw(100, 4)), np.zeros((4, 4)))


def test_sums_along_straight_lines_have_none_at_all():
    network = draw_network(np.random.default_rng(1), (3, 4, 1))
    last = network.layers[1]
    last.coef[:] = last.grid.greville()[:, :, None]
    assert len(meeting_pairs(network)) == 3
    np.testing.assert_array_equal(interactions(network, *draw(100, 3)), np.zeros((3, 3)))


def test_a_product_is_all_interaction():
    network = line_network([1.0, 1.0], arities=(2,))
    shares = interactions(network, *draw(20_000, 2))
    assert shares[0, 1] == shares[1, 0] == pytest.approx(1.0, rel=0.05)
    assert not shares.diagonal().any()


def test_the_share_is_that_of_the_analysis_of_variance():
    # x1 x2 + x3, with variances 1/9 and 1/3.
    network = line_network([1.0, 1.0, 1.0], arities=(2, 1), n_inputs=3)
    shares = interactions(network, *draw(20_000, 3))
    assert shares[0, 1] == pytest.approx(0.25, rel=0.05)
    assert not shares[2].any()


def test_only_pairs_that_meet_in_a_hidden_node():
    network = draw_network(np.random.default_rng(2), (4, 2, 1))
    masks = [np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=bool), np.ones((2, 1), dtype=bool)]
    network = network.masked(masks)
    assert meeting_pairs(network).tolist() == [[0, 1], [2, 3]]
    shares = interactions(network, *draw(200, 4))
    assert np.argwhere(shares).tolist() == [[0, 1], [1, 0], [2, 3], [3, 2]]


def test_reaching_goes_through_products():
    network = line_network([1.0, 1.0, 1.0], arities=(2, 1), n_inputs=3)
    first, second, last = reaches(network)
    np.testing.assert_array_equal(first, np.eye(3, dtype=bool))
    assert second.tolist() == [[True, False], [True, False], [False, True]]
    assert last.tolist() == [[True]] * 3


def test_a_constant_network_has_none():
    network = draw_network(np.random.default_rng(3), (2, 2, 1))
    network.layers[-1].coef[:] = 1.0
    np.testing.assert_array_equal(interactions(network, *draw(50, 2)), np.zeros((2, 2)))
