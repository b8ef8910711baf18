import numpy as np
import pytest
from networks import draw_network

from skkan.pde.training._grids import cut, follow, refine


def test_cut_intervals_nest_and_follow_the_density():
    ends = np.linspace(-1.0, 1.0, 5)
    density = 1.0 + 50.0 * np.exp(-((np.linspace(-1, 1, 201) - 0.25) ** 2) / 0.01)
    fine = cut(ends, 12, density)
    assert len(fine) == 13
    assert set(ends) <= set(fine)
    assert np.all(np.diff(fine) > 0.0)
    assert 0.0 <= fine[np.argmin(np.diff(fine))] <= 0.5
    assert np.allclose(np.diff(cut(ends, 8)), 0.25)


@pytest.mark.parametrize("grid_size", [5, 8])
def test_refined_networks_are_the_same_function(grid_size):
    network = draw_network(np.random.default_rng(0), (2, 3, 1), grid_size=4, degree=5)
    X = np.random.default_rng(1).uniform(-0.9, 0.9, size=(50, 2))
    before = network(X)
    refine(network, grid_size, [np.linspace(1.0, 3.0, 11), None])
    assert network.grid_size == grid_size
    assert np.allclose(network(X), before, rtol=0, atol=1e-9 * np.abs(before).max())


def test_hidden_grids_hold_their_nodes_and_stay_where_they_fit():
    network = draw_network(np.random.default_rng(0), (2, 3, 1), grid_size=4, degree=5)
    X = np.random.default_rng(1).uniform(-0.9, 0.9, size=(50, 2))
    follow(network, X, fresh=True)
    hidden = network.node_values(X)[1]
    grid = network.layers[1].grid
    assert np.all((hidden.min(axis=0) > grid.low) & (hidden.max(axis=0) < grid.high))
    follow(network, X)
    assert network.layers[1].grid is grid
    # A little farther out, edge functions stay what they are.
    before = network(X)
    wide = np.concatenate([X, 1.01 * X])
    follow(network, wide)
    assert np.allclose(network(X), before, rtol=0, atol=1e-9 * np.abs(before).max())
