import copy
import pickle

import numpy as np
import pytest
from networks import FUNCTIONS, TRAITS, assert_close, draw_network

from skkan import KANRegressor
from skkan.network import _network
from skkan.network._evaluation import FEW_ROWS, Evaluator
from skkan.network.functions._symbolic_edge import SymbolicEdge

SHAPES = [(1, 1), (3, 2), (2, 4, 1), (2, 3, 3, 2)]


def some_inputs(rng, network, n_samples):
    """Points on the grids, at their breakpoints, and beyond them."""
    inputs = rng.uniform(-1.4, 1.4, size=(n_samples, network.shape[0]))
    ends = network.layers[0].grid.breakpoints.T
    inputs[: len(ends)] = ends[:n_samples]
    return inputs


@pytest.mark.parametrize("traits", [(), ("masks",), ("symbols",), TRAITS])
@pytest.mark.parametrize("degree", [1, 2, 3, 5])
@pytest.mark.parametrize("shape", SHAPES)
def test_few_rows_and_many_rows_agree_with_the_layers(shape, degree, traits):
    for seed, base in enumerate(("zero", "silu")):
        rng = np.random.default_rng(seed)
        network = draw_network(rng, shape, degree=degree, base=base, traits=traits, even=seed == 0)
        inputs = some_inputs(rng, network, 3 * FEW_ROWS)
        expected = network.outputs(inputs)
        evaluator = Evaluator(network.layers)
        assert_close(evaluator.outputs(inputs), expected, 1e-12)
        few = [evaluator.outputs(inputs[i : i + 5]) for i in range(0, len(inputs), 5)]
        assert_close(np.concatenate(few), expected, 1e-12)
        assert_close(evaluator.outputs(inputs[:0]), expected[:0], 0.0)


def test_rows_of_a_call_do_not_depend_on_each_other():
    rng = np.random.default_rng(0)
    network = draw_network(rng, (3, 4, 2))
    inputs = some_inputs(rng, network, FEW_ROWS)
    together = network(inputs)
    alone = np.concatenate([network(row[None]) for row in inputs])
    np.testing.assert_allclose(alone, together, rtol=1e-13)


def test_unused_inputs_are_not_looked_at():
    rng = np.random.default_rng(0)
    network = draw_network(rng, (3, 2, 1))
    network = network.masked([np.array([[1, 0], [0, 0], [1, 1]]), np.ones((2, 1))])
    inputs = rng.uniform(-1.0, 1.0, size=(2 * FEW_ROWS, 3))
    spoiled = inputs.copy()
    spoiled[:, 1] = np.nan
    evaluator = Evaluator(network.layers)
    for rows in (1, 2 * FEW_ROWS):
        expected = network.outputs(inputs[:rows])
        assert_close(evaluator.outputs(spoiled[:rows]), expected, 1e-13)


def test_networks_without_any_edge_are_constant():
    network = draw_network(np.random.default_rng(0), (2, 3, 2))
    network = network.masked([np.zeros((2, 3)), np.zeros((3, 2))])
    for rows in (1, 2 * FEW_ROWS):
        out = network(np.ones((rows, 2)))
        np.testing.assert_array_equal(out, np.zeros((rows, 2)))


def changed_in_place(network):
    network.layers[0].coef[0, 1] += 1.0


def changed_parameters(network):
    network.set_parameters(2.0 * network.get_parameters())


def changed_edges(network):
    layer = network.layers[0]
    active = layer.active.copy()
    active[0, 0] = False
    layer.set_edges(active, layer.symbols)


def changed_symbol(network):
    layer = network.layers[0]
    layer.set_edges(layer.active, {(1, 2): SymbolicEdge(FUNCTIONS["exp"], np.ones(4))})


def changed_symbol_parameters(network):
    layer = network.layers[1]
    layer.symbol_parameters = layer.symbol_parameters + 0.5


def changed_layers(network):
    network.layers = draw_network(np.random.default_rng(9), (2, 3, 1)).layers


@pytest.mark.parametrize(
    "change",
    [
        changed_in_place,
        changed_parameters,
        changed_edges,
        changed_symbol,
        changed_symbol_parameters,
        changed_layers,
    ],
)
def test_a_changed_network_is_prepared_anew(change):
    rng = np.random.default_rng(0)
    network = draw_network(rng, (2, 3, 1))
    edge = SymbolicEdge(FUNCTIONS["sin"], np.array([1.0, 0.0, 1.0, 0.0]))
    network = network.with_symbol(1, 0, 0, edge)
    inputs = rng.uniform(-1.0, 1.0, size=(2 * FEW_ROWS, 2))
    before = network(inputs), network(inputs[:1])
    change(network)
    expected = network.outputs(inputs)
    assert np.abs(expected - before[0]).max() > 1e-3
    assert_close(network(inputs), expected, 1e-12)
    assert_close(network(inputs[:1]), expected[:1], 1e-12)


def test_copies_and_pickles_predict_the_same():
    rng = np.random.default_rng(0)
    network = draw_network(rng, (2, 3, 1), traits=TRAITS)
    x = rng.uniform(-1.0, 1.0, size=(1, 2))
    size = len(pickle.dumps(network))
    expected = network(x)
    assert len(pickle.dumps(network)) == size
    for other in (network.copy(), copy.deepcopy(network)):
        np.testing.assert_array_equal(other(x), expected)
        other.layers[0].coef[...] = 0.0
    np.testing.assert_array_equal(network(x), expected)


def test_threads_change_nothing(monkeypatch):
    monkeypatch.setattr(_network, "ROWS_PER_BLOCK", 50)
    rng = np.random.default_rng(0)
    network = draw_network(rng, (3, 4, 2))
    X = rng.uniform(-1.0, 1.0, size=(501, 3))
    one = network(X, n_jobs=1)
    np.testing.assert_array_equal(network(X, n_jobs=3), one)
    assert_close(one, network.outputs(X), 1e-14)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_predictions_of_single_rows_are_those_of_the_table():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, size=(200, 3))
    y = np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)
    model = KANRegressor((2,), alpha=1e-6, max_iter=30, tol=1e-3, random_state=0, n_jobs=2)
    model.fit(X, y)
    for fitted in (model, model.prune()):
        together = fitted.predict(X)
        alone = np.concatenate([fitted.predict(row[None]) for row in X[:30]])
        np.testing.assert_allclose(alone, together[:30], rtol=1e-10)
