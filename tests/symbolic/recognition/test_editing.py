import numpy as np
import pytest
from networks import even_grid, unit_scaling

from skkan.data._weighted_rows import WeightedRows
from skkan.network._layer import Layer
from skkan.network._network import Network
from skkan.symbolic.recognition._editing import all_fixed


def cancelling_nodes():
    """Two nodes that are lines to 99.9 %, and the difference between them as the output."""
    first, last = even_grid(1, 40, 3), even_grid(2, 4, 3)
    sites = first.greville()[0]
    coef = np.stack([0.9 * sites + 0.02 * np.sin(9.0 * sites), 0.9 * sites], axis=1)[None]
    lines = np.stack([10.0 * last.greville()[0], -10.0 * last.greville()[1]])[:, :, None]
    return Network([Layer(first, coef), Layer(last, lines)], unit_scaling(1, 1))


@pytest.mark.parametrize(("threshold", "kept"), [(0.99, True), (0.0, False)])
def test_edges_stay_splines_whose_change_large_nodes_would_magnify(threshold, kept):
    X = np.linspace(-1.0, 1.0, 101)[:, None]
    network, rows = cancelling_nodes(), WeightedRows(X, np.zeros((101, 1)), np.ones(101))
    uncertain = [np.zeros(layer.active.shape) for layer in network.layers]
    other = all_fixed(network, rows, threshold, 0.8, ["x"], uncertain)
    assert other.layers[0].splined[0, 0] == kept
    assert not other.layers[0].splined[0, 1]
    if kept:
        np.testing.assert_allclose(other(X), network(X), atol=1e-6)
