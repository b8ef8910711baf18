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

from skkan.data._samples import TrainingData
from skkan.data._typical_rows import TypicalRows
from skkan.objective._objective import Objective
from skkan.training.evidence._smoothing import node_views
from skkan.training.streams._memory import StreamObjective
from skkan.training.streams._streaming import recalled


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
    both = objective.value_and_gradient(parameters)
    assert both[0] == pytest.approx(value, rel=1e-12)
    assert_close(both[1], gradient, 1e-10)
    other, slope, product = objective.gauss_newton(parameters)
    assert other == pytest.approx(value, rel=1e-12)
    assert_close(slope, gradient, 1e-10)
    objective.add_penalty_hessian(parameters, matrix)
    vector = rng.normal(size=len(parameters))
    vector[: network.n_coefficients] *= network.splined[: network.n_coefficients]
    assert_close(product(vector), symmetric(matrix) @ vector, 1e-9)
    blocks, tail = objective.curvatures(parameters)
    for block, own in zip(blocks, node_views(network, whole), strict=True):
        assert_close(block, own, 1e-9)
    assert_close(tail, whole.diagonal()[network.n_coefficients :], 1e-9)
    assert np.linalg.eigvalsh(whole)[0] > -1e-12 * np.abs(whole).max()


@pytest.mark.parametrize("loss_name", LOSSES)
@pytest.mark.parametrize("shape", [(2,), (2, 2)])
def test_what_is_recalled_is_the_loss_where_training_has_ended(loss_name, shape):
    _, network, data, loss, penalty = draw_problem(3, loss_name, shape)
    rows = TypicalRows(data.inputs, data.target, data.weight, False)
    found, ground = recalled(network, rows, penalty, loss, 50.0)
    assert found.total == pytest.approx(50.0)
    samples = TrainingData.of(found.X, found.target, found.weight, network.scaling)
    objective = StreamObjective(network, samples, loss, penalty, None, ground)
    here = network.get_parameters()
    true = Objective(network, data, loss, penalty).data_value(here)
    assert objective.data_value(here) == pytest.approx(true, rel=1e-12)
    # Elsewhere it is no less than the part that no parameters change, and never negative.
    rng = np.random.default_rng(0)
    for _ in range(20):
        away = here + rng.normal(size=len(here))
        assert objective.data_value(away) >= max(0.0, ground / 50.0)


def test_the_penalty_finds_nothing_to_shrink_in_what_is_recalled():
    _, network, data, loss, penalty = draw_problem(3, "squared", (2,))
    network.set_parameters(linear_minimum(Objective(network, data, loss, penalty)))
    rows = TypicalRows(data.inputs, data.target, data.weight, False)
    found, ground = recalled(network, rows, penalty, loss, data.total)
    samples = TrainingData.of(found.X, found.target, found.weight, network.scaling)
    objective = StreamObjective(network, samples, loss, penalty, None, ground)
    assert ground >= 0.0
    again = linear_minimum(objective)
    change = network.copy()
    change.set_parameters(again)
    assert_close(change.outputs(data.inputs), network.outputs(data.inputs), 1e-6)
