from dataclasses import replace

import numpy as np
import pytest
from networks import TRAITS, assert_close, draw_data, draw_network, draw_penalty

from skkan.data._samples import TrainingData, scaling_of
from skkan.objective._penalties import Penalty
from skkan.objective.losses._squared import SquaredLoss
from skkan.training.streams._memory import StreamObjective
from skkan.training.streams._widening import completed, widened, widened_penalty

INSIDE = np.zeros((1, 2))


def moved_penalty(penalty, network, wide):
    """The penalty on wider grids, where no input varies for the first time."""
    nothing = np.zeros(network.shape[0], dtype=bool)
    return widened_penalty(penalty, network, wide, penalty.carried_to(wide, units(wide)), nothing)


def units(network):
    return [np.ones(layer.n_subnodes) for layer in network.layers]


@pytest.mark.parametrize("traits", [(), TRAITS])
@pytest.mark.parametrize("degree", [1, 3, 4])
@pytest.mark.parametrize("even", [True, False])
def test_wider_grids_keep_the_function_and_what_is_remembered(even, degree, traits):
    for seed in range(3):
        options = {"even": even, "degree": degree, "traits": traits}
        rng, loss = np.random.default_rng(seed), SquaredLoss()
        network = draw_network(rng, (2, 3, 1), **options)
        data = draw_data(rng, "squared", 30, 2)
        # Samples, and hidden nodes, inside of all grids.
        inside = replace(data, inputs=data.inputs / 2.0)
        network.layers[0].coef *= 0.05
        network.layers[0].scale_symbols(np.full(network.layers[0].n_subnodes, 0.05))
        penalty = draw_penalty(np.random.default_rng(seed), network)
        objective = StreamObjective(network, inside, loss, penalty)
        memory = objective.memory(network.get_parameters())
        outside = np.array([[-2.3, 0.5], [1.2, 3.0]])
        wide, places = widened(network, outside, 100, inside.inputs)
        assert wide.layers[0].grid.grid_size > network.layers[0].grid.grid_size
        assert_close(wide.outputs(inside.inputs), network.outputs(inside.inputs), 1e-12)
        assert_close(wide.get_parameters()[places], network.get_parameters(), 0.0)
        nodes = outside
        for layer in wide.layers:
            assert (nodes >= layer.grid.low - 1e-12).all()
            assert (nodes <= layer.grid.high + 1e-12).all()
            nodes = layer.outputs(nodes)
        new_penalty = moved_penalty(penalty, network, wide)
        expected = StreamObjective(wide, inside, loss, new_penalty).memory(wide.get_parameters())
        spread = memory.spread(wide, places)
        assert_close(spread.matrix, expected.matrix, 1e-10)
        assert_close(spread.gradient, expected.gradient, 1e-9)


def test_grids_that_are_not_left_stay_as_they_are():
    network = draw_network(np.random.default_rng(0), (2, 1))
    ends = network.layers[0].grid.breakpoints
    reached = np.stack([ends[:, 0], ends[:, -1]])
    same, places = widened(network, reached, 100, reached)
    np.testing.assert_array_equal(same.layers[0].grid.breakpoints, ends)
    np.testing.assert_array_equal(places, np.arange(network.n_parameters))


def test_grids_do_not_grow_without_bound():
    network = draw_network(np.random.default_rng(0), (2, 2), grid_size=4)
    ends = network.layers[0].grid.breakpoints
    step = ends[0, -1] - ends[0, -2]
    near = np.array([[ends[0, -1] + 5.5 * step, 0.0]])
    wide, _ = widened(network, near, 10, INSIDE)
    assert wide.layers[0].grid.grid_size == 10
    assert wide.layers[0].grid.high[0] >= near[0, 0]
    # What lies farther out than a grid may grow does not widen it, and leaves room for the rest.
    far = np.array([[-1e6, 0.0], [1e6, 1e300], [ends[0, -1] + 1.5 * step, 0.0]])
    wide, _ = widened(network, far, 10, INSIDE)
    assert wide.layers[0].grid.grid_size == 6
    again, _ = widened(wide, far, 10, INSIDE)
    np.testing.assert_array_equal(again.get_parameters(), wide.get_parameters())


def test_grids_that_earlier_samples_have_left_stay():
    network = draw_network(np.random.default_rng(0), (2, 3, 2))
    left = np.array([[-3.0, 0.0], [3.0, 0.0]])
    same, places = widened(network, 2.0 * left, 100, left)
    np.testing.assert_array_equal(places, np.arange(network.n_parameters))
    np.testing.assert_array_equal(same.outputs(left), network.outputs(left))


def test_grids_with_a_base_function_stay():
    network = draw_network(np.random.default_rng(0), (2, 1), base="silu")
    same, places = widened(network, np.array([[-5.0, 5.0]]), 100, INSIDE)
    np.testing.assert_array_equal(same.get_parameters(), network.get_parameters())
    np.testing.assert_array_equal(places, np.arange(network.n_parameters))


@pytest.mark.parametrize("order", [2, 4])
def test_the_penalty_asks_the_same_of_functions_on_wider_grids(order):
    rng = np.random.default_rng(0)
    network = draw_network(rng, (2, 2), grid_size=9)
    # Zero towards the ends, and so zero beyond them.
    network.layers[0].coef[:, :4] = network.layers[0].coef[:, -4:] = 0.0
    wide, _ = widened(network, np.array([[-2.0, 1.0], [3.0, 1.0]]), 100, INSIDE)
    rough = Penalty(network, 1e-3, 0.0, order=order)
    own = rough.layers[0]
    before = float((own.weights["rough"] * own.energies(network.layers[0].coef)["rough"]).sum())
    moved = moved_penalty(rough, network, wide).layers[0]
    after = float((moved.weights["rough"] * moved.energies(wide.layers[0].coef)["rough"]).sum())
    assert after == pytest.approx(before, rel=1e-10)


def test_straight_lines_cost_the_same_on_wider_grids():
    rng = np.random.default_rng(0)
    network = draw_network(rng, (2, 2), grid_size=5)
    network.layers[0].coef[...] = network.layers[0].grid.greville()[:, :, None] * [2.0, -1.0]
    wide, _ = widened(network, np.array([[-2.0, 1.0], [3.0, 1.0]]), 100, INSIDE)
    penalty = Penalty(network, 1.0, 1e-2)
    penalty.gauge_weight = 0.0
    moved = moved_penalty(penalty, network, wide)
    moved.gauge_weight = 0.0
    before = penalty.value_and_gradient(network, network.get_parameters())[0]
    after = moved.value_and_gradient(wide, wide.get_parameters())[0]
    assert after == pytest.approx(before, rel=1e-10)


def test_what_varies_for_the_first_time_gets_a_unit():
    X = np.array([[1.0, 2.0], [1.0, 4.0]])
    target = np.array([[3.0, 0.0], [3.0, 1.0]])
    scaling = scaling_of(TrainingData.unscaled(X, target, np.ones(2)), standardise=True)
    new = completed(scaling, np.array([[5.0, 3.0], [0.0, 9.0]]), np.array([[4.0, 0.0], [3.0, 9.0]]))
    np.testing.assert_array_equal(new.input_scale, [4.0, scaling.input_scale[1]])
    np.testing.assert_array_equal(new.input_shift, scaling.input_shift)
    assert new.output_scale[0] == 1.0
    assert new.output_scale[1] == scaling.output_scale[1]
    np.testing.assert_array_equal(new.inputs(X)[:, 0], 0.0)
    same = completed(scaling, X, target)
    np.testing.assert_array_equal(same.input_scale, scaling.input_scale)


def test_edges_of_what_varies_for_the_first_time_start_with_weights_of_their_own():
    network = draw_network(np.random.default_rng(0), (2, 2))
    penalty, first = Penalty(network, 1e3, 1e3), Penalty(network, 1e-3, 1e-3)
    moved = widened_penalty(penalty, network, network, first, np.array([False, True]))
    np.testing.assert_array_equal(moved.layers[0].weights["rough"], [[1e3] * 2, [1e-3] * 2])
