import numpy as np
import pytest
from networks import assert_close, central_differences, draw_network, unit_scaling

from skkan.data._samples import TrainingData
from skkan.network._layer import Layer
from skkan.network._network import Network
from skkan.network._product_nodes import ProductNodes
from skkan.objective._objective import Objective
from skkan.objective._penalties import Penalty
from skkan.objective.losses._squared import SquaredLoss
from skkan.solvers._lbfgs import minimize_lbfgs
from skkan.solvers._lm import minimize_lm
from skkan.training.starts._initialization import random_network

ARITIES = [(2,), (1, 2), (3, 1), (1, 1, 4, 2, 1)]


@pytest.mark.parametrize("arities", ARITIES)
def test_nodes_are_products_of_consecutive_subnodes(arities):
    subnodes = np.random.default_rng(0).normal(size=(7, sum(arities)))
    parts = np.split(subnodes, np.cumsum(arities)[:-1], axis=1)
    expected = np.stack([part.prod(axis=1) for part in parts], axis=1)
    assert_close(ProductNodes(arities).values(subnodes), expected, 1e-14)


@pytest.mark.parametrize("zeros", [0, 1, 2])
@pytest.mark.parametrize("arities", ARITIES)
def test_partials_agree_with_differences_where_factors_are_zero(arities, zeros):
    products = ProductNodes(arities)
    row = np.random.default_rng(1).normal(size=sum(arities))
    row[-1 - zeros : -1] = 0.0
    expected = central_differences(lambda at: products.values(at[None])[0], row)
    partials = products.partials(row[None])[0]
    owners = np.arange(len(row)), products.owner
    assert_close(partials, expected[owners], 1e-9)
    pulled = products.pull(partials[None], np.eye(len(arities))[None])[0]
    assert_close(pulled, expected, 1e-9)
    change = np.random.default_rng(2).normal(size=row.shape)
    assert_close(products.push(partials[None], change[None])[0], change @ expected, 1e-9)


@pytest.mark.parametrize("arities", [(1, 1), (3,), (2, 2), (0, 3)])
def test_arities_have_to_fit_the_coefficients(arities):
    layer = draw_network(np.random.default_rng(3), (2, 3)).layers[0]
    if sum(arities) == 3 and min(arities) > 0:
        assert Layer(layer.grid, layer.coef, arities=arities).n_out == len(arities)
        return
    with pytest.raises(ValueError, match="must be positive and sum to 3"):
        Layer(layer.grid, layer.coef, arities=arities)


def test_outputs_are_no_products():
    layer = draw_network(np.random.default_rng(4), (2, 2)).layers[0]
    product = Layer(layer.grid, layer.coef, arities=(2,))
    with pytest.raises(ValueError, match="cannot be product nodes"):
        Network([product], unit_scaling(2, 1))


def start(arities, kind="line", shape=(2, 2, 1)):
    ends = np.tile(np.linspace(-1.0, 1.0, 4), (shape[0], 1))
    rng = np.random.default_rng(5)
    scaling = unit_scaling(shape[0], shape[-1])
    return random_network(scaling, shape, ends, 3, None, kind, rng, arities)


def test_random_networks_have_the_products_asked_for():
    network = start([(1, 2)])
    assert network.shape == (2, 2, 1)
    assert network.layers[0].arities == (1, 2)
    assert network.layers[0].coef.shape[2] == 3
    np.testing.assert_array_equal(start([(1, 1)]).get_parameters(), start(None).get_parameters())


@pytest.mark.parametrize("arities", [[], [(1,)], [(1, 1), (1,)]])
def test_arities_have_to_fit_the_shape(arities):
    with pytest.raises(ValueError, match="do not fit the hidden layers"):
        start(arities)


@pytest.mark.parametrize("minimize", [minimize_lm, minimize_lbfgs])
def test_a_product_needs_one_node(minimize):
    """The function x * y, of which one hidden sum node is not capable."""
    rng = np.random.default_rng(6)
    inputs = rng.uniform(-1.0, 1.0, size=(200, 2))
    data = TrainingData(inputs, inputs[:, :1] * inputs[:, 1:], np.full(200, 1.0 / 200.0), 200.0)
    values = []
    for arities in [(2,), (1,)]:
        network = start([arities], shape=(2, 1, 1))
        objective = Objective(network, data, SquaredLoss(), Penalty(network, 1e-9, 1e-9))
        values.append(minimize(objective, network.get_parameters(), 200, 1e-9).value)
    assert values[0] < 1e-5
    assert values[1] > 1e-3
