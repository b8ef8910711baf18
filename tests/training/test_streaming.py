from dataclasses import replace

import numpy as np
import pytest
from networks import (
    LOSSES,
    TRAITS,
    assert_close,
    central_differences,
    draw_data,
    draw_network,
    draw_penalty,
    linear_minimum,
    symmetric,
)

from skkan.data._samples import TrainingData, scaling_of
from skkan.objective._objective import Objective
from skkan.objective._penalties import Penalty
from skkan.training._streaming import (
    StreamObjective,
    completed,
    mixed_rows,
    recalled,
    widened,
    widened_penalty,
)


def parts_of(data, n_parts):
    """The data in batches, each as it would come by itself."""
    batches = []
    for rows in np.array_split(np.arange(len(data.inputs)), n_parts):
        total = data.weight[rows].sum() * data.total
        weight = data.weight[rows] / data.weight[rows].sum()
        batches.append(replace(data, inputs=data.inputs[rows], target=data.target[rows]))
        batches[-1] = replace(batches[-1], weight=weight, total=total)
    return batches


def draw_problem(seed, loss_name, shape, **options):
    rng = np.random.default_rng(seed)
    loss, n_outputs = LOSSES[loss_name]
    network = draw_network(rng, (*shape, n_outputs), **options)
    data = draw_data(rng, loss_name, 30, shape[0])
    return rng, network, data, loss, draw_penalty(rng, network, loss_name == "multinomial")


@pytest.mark.parametrize("loss_name", ["squared", "two squared"])
def test_additive_models_remember_their_samples_exactly(loss_name):
    rng, network, data, loss, penalty = draw_problem(0, loss_name, (3,), traits=["masks"])
    memory = None
    for batch in parts_of(data, 4):
        objective = StreamObjective(network, batch, loss, penalty, memory)
        memory = objective.memory(rng.normal(size=network.n_parameters))
    whole = Objective(network, data, loss, penalty)
    assert memory.total == pytest.approx(data.total, rel=1e-14)
    for _ in range(3):
        parameters = rng.normal(size=network.n_parameters) * network.splined
        value, gradient = memory.at(parameters)
        own, slope = penalty.value_and_gradient(network, parameters)
        expected, expected_gradient = whole.value_and_gradient(parameters)
        assert value / data.total == pytest.approx(expected - own, rel=1e-11)
        assert_close((gradient / data.total + slope) * network.splined, expected_gradient, 1e-11)
        assert objective.value(parameters) == pytest.approx(expected, rel=1e-11)


def test_the_last_batch_and_the_memory_have_the_minimum_of_all_samples():
    rng, network, data, loss, penalty = draw_problem(1, "squared", (2,))
    memory = None
    for batch in parts_of(data, 3):
        objective = StreamObjective(network, batch, loss, penalty, memory)
        memory = objective.memory(rng.normal(size=network.n_parameters))
    parameters = rng.normal(size=network.n_parameters)
    _, gradient, matrix = objective.normal_equations(parameters)
    objective.add_penalty_hessian(parameters, matrix)
    found = parameters - np.linalg.solve(symmetric(matrix), gradient)
    assert_close(found, linear_minimum(Objective(network, data, loss, penalty)), 1e-9)


@pytest.mark.parametrize("loss_name", LOSSES)
def test_value_and_gradient_go_together(loss_name):
    rng, network, data, loss, penalty = draw_problem(2, loss_name, (2, 2), traits=TRAITS)
    first, second = parts_of(data, 2)
    memory = StreamObjective(network, first, loss, penalty).memory(network.get_parameters())
    objective = StreamObjective(network, second, loss, penalty, memory)
    parameters = network.get_parameters()
    parameters[: network.n_coefficients] += 0.1 * rng.normal(size=network.n_coefficients)
    parameters *= np.where(np.arange(len(parameters)) < network.n_coefficients, network.splined, 1)
    value, gradient, matrix = objective.normal_equations(parameters)
    assert value == pytest.approx(objective.value(parameters), rel=1e-12)
    assert_close(gradient, central_differences(objective.value, parameters), 1e-7)
    whole = symmetric(matrix)
    assert np.linalg.eigvalsh(whole)[0] > -1e-12 * np.abs(whole).max()


@pytest.mark.parametrize("traits", [(), TRAITS])
@pytest.mark.parametrize("degree", [1, 3, 4])
@pytest.mark.parametrize("even", [True, False])
def test_wider_grids_keep_the_function_and_what_is_remembered(even, degree, traits):
    for seed in range(3):
        options = {"even": even, "degree": degree, "traits": traits}
        _, network, data, loss, _ = draw_problem(seed, "squared", (2, 3), **options)
        # Samples, and hidden nodes, inside of all grids.
        inside = replace(data, inputs=data.inputs / 2.0)
        network.layers[0].coef *= 0.05
        network.layers[0].scale_symbols(np.full(network.layers[0].n_subnodes, 0.05))
        penalty = draw_penalty(np.random.default_rng(seed), network)
        objective = StreamObjective(network, inside, loss, penalty)
        memory = objective.memory(network.get_parameters())
        outside = np.array([[-2.3, 0.5], [1.2, 3.0]])
        wide, places = widened(network, outside, 100)
        assert wide.layers[0].grid.grid_size > network.layers[0].grid.grid_size
        assert_close(wide.outputs(inside.inputs), network.outputs(inside.inputs), 1e-12)
        assert_close(wide.get_parameters()[places], network.get_parameters(), 0.0)
        nodes = outside
        for layer in wide.layers:
            assert (nodes >= layer.grid.low - 1e-12).all()
            assert (nodes <= layer.grid.high + 1e-12).all()
            nodes = layer.outputs(nodes)
        new_penalty = widened_penalty(penalty, network, wide)
        expected = StreamObjective(wide, inside, loss, new_penalty).memory(wide.get_parameters())
        spread = memory.spread(wide, places)
        assert_close(spread.matrix, expected.matrix, 1e-10)
        assert_close(spread.gradient, expected.gradient, 1e-9)


def test_grids_that_are_not_left_stay_as_they_are():
    network = draw_network(np.random.default_rng(0), (2, 1))
    ends = network.layers[0].grid.breakpoints
    same, places = widened(network, np.stack([ends[:, 0], ends[:, -1]]), 100)
    np.testing.assert_array_equal(same.layers[0].grid.breakpoints, ends)
    np.testing.assert_array_equal(places, np.arange(network.n_parameters))


def test_grids_do_not_grow_without_bound():
    network = draw_network(np.random.default_rng(0), (2, 2), grid_size=4)
    far = np.array([[-1e6, 0.0], [1e6, 1e300]])
    wide, _ = widened(network, far, 10)
    assert wide.layers[0].grid.grid_size == 10
    low, high = wide.layers[0].grid.low, wide.layers[0].grid.high
    assert low[0] < -1.5
    assert high[0] > 1.5
    assert high[1] > 2.0
    again, _ = widened(wide, far, 10)
    np.testing.assert_array_equal(again.get_parameters(), wide.get_parameters())


def test_grids_with_a_base_function_stay():
    network = draw_network(np.random.default_rng(0), (2, 1), base="silu")
    same, places = widened(network, np.array([[-5.0, 5.0]]), 100)
    np.testing.assert_array_equal(same.get_parameters(), network.get_parameters())
    np.testing.assert_array_equal(places, np.arange(network.n_parameters))


def test_the_penalty_asks_the_same_of_functions_on_wider_grids():
    rng = np.random.default_rng(0)
    network = draw_network(rng, (2, 2), grid_size=9)
    # Zero towards the ends, and so zero beyond them.
    network.layers[0].coef[:, :4] = network.layers[0].coef[:, -4:] = 0.0
    wide, _ = widened(network, np.array([[-2.0, 1.0], [3.0, 1.0]]), 100)
    rough = Penalty(network, 1e-3, 0.0)
    own = rough.layers[0]
    before = float((own.weights["rough"] * own.energies(network.layers[0].coef)["rough"]).sum())
    moved = widened_penalty(rough, network, wide).layers[0]
    after = float((moved.weights["rough"] * moved.energies(wide.layers[0].coef)["rough"]).sum())
    assert after == pytest.approx(before, rel=1e-10)


def test_straight_lines_cost_the_same_on_wider_grids():
    rng = np.random.default_rng(0)
    network = draw_network(rng, (2, 2), grid_size=5)
    network.layers[0].coef[...] = network.layers[0].grid.greville()[:, :, None] * [2.0, -1.0]
    wide, _ = widened(network, np.array([[-2.0, 1.0], [3.0, 1.0]]), 100)
    penalty = Penalty(network, 1.0, 1e-2)
    penalty.gauge_weight = 0.0
    moved = widened_penalty(penalty, network, wide)
    moved.gauge_weight = 0.0
    before = penalty.value_and_gradient(network, network.get_parameters())[0]
    after = moved.value_and_gradient(wide, wide.get_parameters())[0]
    assert after == pytest.approx(before, rel=1e-10)


def test_samples_that_were_not_kept_are_recalled_from_their_inputs():
    _, network, data, loss, penalty = draw_problem(3, "squared", (2,))
    data = replace(data, weight=np.full(len(data.weight), 1.0 / len(data.weight)))
    network.set_parameters(linear_minimum(Objective(network, data, loss, penalty)))
    expected = StreamObjective(network, data, loss, penalty).memory(network.get_parameters())
    memory = recalled(network, data.inputs, penalty, loss, data.total)
    assert_close(memory.matrix, expected.matrix, 1e-12)
    assert_close(memory.gradient, expected.gradient, 1e-6)


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


def test_rows_of_all_batches_are_kept_by_their_weight():
    rows = np.zeros((0, 1))
    for batch in range(1, 6):
        rows = mixed_rows(rows, np.full((700, 1), batch), 700.0 * (batch - 1), 700.0)
        assert len(rows) == min(700 * batch, 1000)
    counts = np.bincount(rows[:, 0].astype(int))[1:]
    assert counts.min() >= 198
    assert counts.max() <= 202
    assert len(mixed_rows(rows, np.ones((5000, 1)), 1.0, 1e9)) == 1000
    assert len(mixed_rows(rows, np.ones((1, 1)), 1e9, 1.0)) == 1000
