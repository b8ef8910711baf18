import numpy as np
import pytest
from networks import TRAITS, assert_close, central_differences, draw_network

from skkan.network.derivatives._jet_trace import JetTrace, layer_features
from skkan.network.derivatives._jets import JetOrders
from skkan.network.functions._base_functions import BASE_FUNCTIONS

KINDS = [((), "zero"), *(((trait,), "zero") for trait in TRAITS), (TRAITS, "silu"), ((), "tanh")]
FOURTH = [(4, 0), (1, 1), (2, 2), (1, 3), (0, 3)]


def outputs(network, X, orders, index):
    trace = JetTrace(network.layers, orders.of_variables(X), orders, pull=False)
    alpha = orders.position[index]
    found = trace.outputs[alpha]
    size = (len(X), network.shape[-1])
    return orders.factorials[alpha] * (np.zeros(size) if found is None else found)


def test_orders_hold_everything_below_and_the_lower_first():
    orders = JetOrders([(1, 2)], 2)
    assert orders.indices == [(0, 0), (0, 1), (1, 0), (0, 2), (1, 1), (1, 2)]
    assert orders.max_order == 3
    assert orders.factorials.tolist() == [1, 1, 1, 2, 1, 2]
    assert orders.unit(0) == 2


def test_products_of_jets_are_those_of_polynomials():
    orders = JetOrders([(2, 1)], 2)
    x = np.array([[0.5, -2.0]])
    variables = orders.of_variables(x)
    columns = [[None if own is None else own[:, k] for own in variables] for k in range(2)]
    square = orders.multiplied(columns[0], columns[0])
    found = orders.multiplied(square, columns[1])
    # x^2 y about (0.5, -2)
    expected = {(0, 0): -0.5, (1, 0): -2.0, (0, 1): 0.25, (2, 0): -2.0, (1, 1): 1.0, (2, 1): 1.0}
    assert {index: float(found[k][0]) for index, k in orders.position.items()} == expected


@pytest.mark.parametrize(("traits", "base"), KINDS)
@pytest.mark.parametrize("shape", [(2, 2), (2, 2, 3, 1)])
def test_every_derivative_is_that_of_the_one_below(shape, traits, base):
    network = draw_network(
        np.random.default_rng(3), shape, degree=7, grid_size=3, base=base, traits=traits
    )
    X = np.random.default_rng(4).uniform(-0.9, 0.9, (6, 2))
    orders = JetOrders(FOURTH, 2)
    for index in orders.indices[1:]:
        variable = int(np.argmax(np.array(index) > 0))
        below = tuple(k - (v == variable) for v, k in enumerate(index))
        step = 1e-4 * np.eye(2)[variable]
        ahead, behind, far_ahead, far_behind = (
            outputs(network, X + k * step, orders, below) for k in (1, -1, 2, -2)
        )
        expected = (8 * (ahead - behind) - (far_ahead - far_behind)) / 12e-4
        assert_close(outputs(network, X, orders, index), expected, 1e-6)


@pytest.mark.parametrize(("traits", "base"), KINDS)
@pytest.mark.parametrize("shape", [(2, 2), (2, 3, 1), (2, 2, 2, 1)])
def test_jacobian_agrees_with_differences(shape, traits, base):
    rng = np.random.default_rng(5)
    network = draw_network(rng, shape, degree=6, grid_size=2, base=base, traits=traits)
    X = rng.uniform(-0.9, 0.9, (3, 2))
    orders = JetOrders([(4, 0), (1, 1), (2, 1)], 2)
    inputs = orders.of_variables(X)
    seeds = [rng.normal(size=(3, shape[-1], 2)) for _ in orders.indices]

    directions = rng.normal(size=(6, network.n_parameters))
    parameters = network.get_parameters()

    def combined(amounts):
        network.set_parameters(parameters + amounts @ directions)
        trace = JetTrace(network.layers, inputs, orders, pull=False)
        pairs = zip(seeds, trace.outputs, strict=True)
        return sum(np.einsum("njq,nj->nq", a, o) for a, o in pairs if o is not None)

    expected = np.moveaxis(central_differences(combined, np.zeros(6), 1e-6), 0, 2)
    network.set_parameters(parameters)
    first = layer_features(network.layers[0], inputs, orders, pull=False)
    trace = JetTrace(network.layers, inputs, orders, first)
    found = np.empty((3, 2, network.n_parameters))
    trace.jacobian(seeds, found)
    assert_close(found @ directions.T, expected, 1e-6)
    alone = [seed[:, :, 0] for seed in seeds]
    assert_close(trace.gradient(alone), found[:, 0].sum(axis=0), 1e-12)


@pytest.mark.parametrize("name", [name for name, own in BASE_FUNCTIONS.items() if own])
def test_higher_derivatives_of_base_functions(name):
    base, u = BASE_FUNCTIONS[name], np.linspace(-3.0, 3.0, 7)
    for order in range(5):
        ahead, behind = (base.derivatives(u + s, order)[order] for s in (1e-5, -1e-5))
        assert_close(base.derivatives(u, order + 1)[order + 1], (ahead - behind) / 2e-5, 1e-6)
