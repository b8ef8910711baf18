import pickle

import numpy as np
import pytest
from networks import (
    FUNCTIONS,
    assert_close,
    central_differences,
    draw_network,
    even_grid,
    unit_scaling,
)

from skkan.data._samples import TrainingData
from skkan.network._layer import Layer
from skkan.network._network import Network
from skkan.network.functions._base_functions import BASE_FUNCTIONS, BaseFunction
from skkan.network.functions._symbolic_edge import SymbolicEdge
from skkan.objective._objective import Objective
from skkan.objective._penalties import Penalty
from skkan.objective.losses._squared import SquaredLoss
from skkan.solvers import _lm
from skkan.solvers._lbfgs import minimize_lbfgs
from skkan.solvers._lm import minimize_lm

PARAMETERS = np.array([0.8, -0.3, 1.7, 0.4])
X = np.linspace(-2.0, 2.0, 9)


def _log_curvature(x):
    return -(x**-2.0)


LOG = BaseFunction("log", np.log, np.reciprocal, _log_curvature)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_value_is_the_function_between_affine_maps(name):
    edge = SymbolicEdge(FUNCTIONS[name], PARAMETERS)
    assert_close(edge.value(X), 1.7 * FUNCTIONS[name].value(0.8 * X - 0.3) + 0.4, 1e-15)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_slopes_agree_with_differences(name):
    edge = SymbolicEdge(FUNCTIONS[name], PARAMETERS)
    expected = central_differences(lambda p: edge.with_parameters(p).value(X), PARAMETERS)
    assert_close(edge.parameter_slopes(X), expected.T, 1e-9)
    expected = (edge.value(X + 1e-5) - edge.value(X - 1e-5)) / 2e-5
    assert_close(edge.slope(X), expected, 1e-9)


def test_moves_and_scales_are_exact():
    edge = SymbolicEdge(FUNCTIONS["exp"], PARAMETERS)
    assert_close(edge.of_moved_input(0.7, -1.3).value(X), edge.value(0.7 - 1.3 * X), 1e-14)
    assert_close(edge.scaled(-2.5).value(X), -2.5 * edge.value(X), 1e-15)
    assert_close(edge.raised(-2.5).value(X), edge.value(X) - 2.5, 1e-15)


def test_values_beyond_the_domain_are_not_finite_and_raise_no_warning():
    edge = SymbolicEdge(LOG, np.array([1.0, 0.0, 1.0, 0.0]))
    x = np.array([-1.0, 0.0])
    assert not np.isfinite(edge.value(x)).any()
    assert np.isinf(edge.slope(x)[1])
    assert edge.parameter_slopes(x).shape == (2, 4)
    assert SymbolicEdge(FUNCTIONS["exp"], np.array([1.0, 1e4, 1.0, 0.0])).value(x)[0] == np.inf


def test_a_symbolic_edge_takes_the_place_of_a_spline():
    rng = np.random.default_rng(0)
    network = draw_network(rng, (2, 2, 1), base="silu")
    edge = SymbolicEdge(FUNCTIONS["square"], PARAMETERS)
    other = network.with_symbol(0, 1, 0, edge)
    assert not network.layers[0].symbols
    assert other.n_parameters == network.n_parameters + 4
    assert not other.layers[0].coef[1, :, 0].any()
    x = rng.uniform(-1.0, 1.0, size=(10, 2))
    values = other.layers[0].edge_values(x)
    assert_close(values[:, 1, 0], edge.value(x[:, 1]), 1e-15)
    kept = network.layers[0].edge_values(x)
    kept[:, 1, 0] = edge.value(x[:, 1])
    np.testing.assert_array_equal(values, kept)


def test_a_symbol_activates_its_edge_and_a_mask_removes_it():
    network = draw_network(np.random.default_rng(1), (2, 2, 1))
    mask = np.array([[True, False], [True, True]])
    network = network.masked([mask, np.ones((2, 1))])
    edge = SymbolicEdge(FUNCTIONS["sin"], PARAMETERS)
    other = network.with_symbol(0, 0, 1, edge)
    assert other.layers[0].active.all()
    again = other.masked([mask, np.ones((2, 1))])
    assert not again.layers[0].symbols
    np.testing.assert_array_equal(again.get_parameters(), network.get_parameters())


def test_parameters_come_last_in_sorted_order():
    rng = np.random.default_rng(2)
    network = draw_network(rng, (2, 3, 1))
    for depth, i, j in [(1, 0, 0), (0, 1, 2), (0, 1, 0), (0, 0, 1)]:
        edge = SymbolicEdge(FUNCTIONS["sin"], np.array([depth, i, j, 0.0]))
        network = network.with_symbol(depth, i, j, edge)
    tail = network.get_parameters()[network.n_coefficients :].reshape(-1, 4)
    np.testing.assert_array_equal(tail[:, :3], [[0, 0, 1], [0, 1, 0], [0, 1, 2], [1, 0, 0]])
    for own, layer in zip(
        network.split_symbols(network.get_parameters()), network.layers, strict=True
    ):
        np.testing.assert_array_equal(own, layer.symbol_parameters)


@pytest.mark.parametrize("base", ["zero", "silu"])
def test_back_to_a_spline_as_well_as_the_grid_allows(base):
    rng = np.random.default_rng(3)
    network = draw_network(rng, (2, 2, 1), base=base)
    square = SymbolicEdge(FUNCTIONS["square"], PARAMETERS)
    symbolic = network.with_symbol(0, 1, 0, square).with_symbol(
        0, 0, 0, SymbolicEdge(FUNCTIONS["exp"], PARAMETERS)
    )
    grid = network.layers[0].grid
    sites = np.linspace(grid.low[1], grid.high[1], 40)
    back = symbolic.without_symbol(0, 1, 0, sites)
    assert list(back.layers[0].symbols) == [(0, 0)]
    inputs = np.stack([rng.uniform(-1.0, 1.0, 40), sites], axis=1)
    # A parabola is a cubic spline.
    assert_close(back.outputs(inputs), symbolic.outputs(inputs), 1e-11)


def test_a_spline_goes_on_straight_where_there_were_no_sites():
    network = draw_network(np.random.default_rng(4), (1, 1), grid_size=10, even=True)
    line = BASE_FUNCTIONS["identity"]
    symbolic = network.with_symbol(0, 0, 0, SymbolicEdge(line, np.array([1.0, 0.0, 2.0, 5.0])))
    back = symbolic.without_symbol(0, 0, 0, np.append(np.linspace(-0.1, 0.1, 30), np.nan))
    inputs = np.linspace(-1.0, 1.0, 20)[:, None]
    assert_close(back.outputs(inputs), 2.0 * inputs + 5.0, 1e-12)


def known_problem():
    """Return exp(sin(pi x) + y^2) and a symbolic network close to it."""
    rng = np.random.default_rng(5)
    inputs = rng.uniform(-1.0, 1.0, size=(300, 2))
    target = np.exp(np.sin(np.pi * inputs[:, :1]) + inputs[:, 1:] ** 2)
    first = Layer(
        even_grid(2, 4, 3),
        np.zeros((2, 7, 1)),
        symbols={
            (0, 0): SymbolicEdge(FUNCTIONS["sin"], np.array([2.9, 0.1, 0.9, 0.05])),
            (1, 0): SymbolicEdge(FUNCTIONS["square"], np.array([1.1, 0.05, 0.9, 0.0])),
        },
    )
    second = Layer(
        even_grid(1, 4, 3),
        np.zeros((1, 7, 1)),
        symbols={(0, 0): SymbolicEdge(FUNCTIONS["exp"], np.array([0.9, 0.1, 1.1, 0.1]))},
    )
    network = Network([first, second], unit_scaling(2, 1))
    data = TrainingData(inputs, target, np.full(300, 1.0 / 300.0), 300.0)
    return Objective(network, data, SquaredLoss(), Penalty(network, 1e-3, 1e-3)), network


@pytest.mark.parametrize("dense", [True, False])
def test_levenberg_marquardt_finds_a_formula_to_rounding(monkeypatch, dense):
    objective, network = known_problem()
    if not dense:
        monkeypatch.setattr(_lm, "DENSE_MAX_PARAMETERS", 0)
    found = minimize_lm(objective, network.get_parameters(), 100, 1e-12)
    network.set_parameters(found.parameters)
    errors = network.outputs(objective.data.inputs) - objective.data.target
    assert np.sqrt((errors**2).mean()) < 1e-12
    assert found.converged
    assert not found.parameters[: network.n_coefficients].any()


def test_lbfgs_comes_close_to_a_formula():
    objective, network = known_problem()
    found = minimize_lbfgs(objective, network.get_parameters(), 300, 1e-12)
    assert found.value < 1e-8
    assert not found.parameters[: network.n_coefficients].any()


@pytest.mark.parametrize("minimize", [minimize_lm, minimize_lbfgs])
def test_solvers_come_back_from_beyond_the_domain_of_a_function(minimize):
    """The curvature at the start says little, and the first steps are far too long."""
    rng = np.random.default_rng(6)
    inputs = rng.uniform(-1.0, 1.0, size=(100, 1))
    data = TrainingData(inputs, np.log(inputs + 2.0), np.full(100, 0.01), 100.0)
    edge = SymbolicEdge(LOG, np.array([1.0, 10.0, 0.5, 0.0]))
    network = Network(
        [Layer(even_grid(1, 4, 3), np.zeros((1, 7, 1)), symbols={(0, 0): edge})], unit_scaling(1, 1)
    )
    objective = Objective(network, data, SquaredLoss(), Penalty(network, 1e-3, 1e-3))
    start = network.get_parameters()
    for max_iter, factor in [(1, 1.0), (300, 1e-6)]:
        found = minimize(objective, start, max_iter, 1e-12)
        assert found.value < factor * objective.value(start)
        assert found.value == pytest.approx(objective.value(found.parameters), rel=1e-6, abs=1e-20)


def test_networks_with_symbols_are_picklable():
    rng = np.random.default_rng(7)
    network = draw_network(rng, (2, 3, 1), traits=("masks", "symbols", "products"))
    assert any(layer.symbols for layer in network.layers)
    inputs = rng.uniform(-1.0, 1.0, size=(10, 2))
    clone = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(clone.outputs(inputs), network.outputs(inputs))
    np.testing.assert_array_equal(clone.get_parameters(), network.get_parameters())
