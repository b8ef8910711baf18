from dataclasses import replace

import numpy as np
import pytest
from estimator_data import labels_of, product_data
from networks import assert_close, draw_network, draw_penalty
from problems import problem_of

from skkan.objective._penalties import BENDING, LOWEST_WEIGHT
from skkan.objective.losses._binary_log import BinaryLogLoss
from skkan.objective.losses._multinomial_log import MultinomialLogLoss
from skkan.training._grids import MARGIN
from skkan.training._problem import FIXED_LINE_SHARE, LARGEST_VARIANCE, ROOM, START_WEIGHTS
from skkan.training._settings import State

SHAPE = (2, 3, 2, 1)


def drawn(loss=None, n_classes=2, **changes):
    """Return a problem and a network for it."""
    X, y = product_data()
    if loss is not None:
        y = labels_of(y, n_classes)
        y = y if n_classes == 2 else np.eye(n_classes)[y]
    problem = problem_of(X, y, loss=loss, **changes)
    shape = (*SHAPE[:-1], 1 if n_classes == 2 else n_classes)
    return problem, draw_network(np.random.default_rng(0), shape)


def weights_of(penalty, name):
    """Return the weights of all layers, each of which has only one."""
    found = [np.unique(layer.weights[name]) for layer in penalty.layers]
    assert [len(values) for values in found] == [1] * len(found)
    return [float(values[0]) for values in found]


def test_the_search_begins_with_one_weight():
    problem, network = drawn(alpha=None)
    penalty = problem.first_penalty(network)
    assert weights_of(penalty, "rough") == [START_WEIGHTS[0]] * 3
    assert weights_of(penalty, "line") == [START_WEIGHTS[0]] * 3
    assert penalty.order == BENDING
    assert not penalty.softmax


def test_lines_to_hidden_nodes_weigh_what_was_asked_for_and_others_next_to_nothing():
    problem, network = drawn(alpha=0.3)
    penalty = problem.first_penalty(network)
    assert weights_of(penalty, "rough") == [0.3] * 3
    assert weights_of(penalty, "line") == [0.3, 0.3, 0.3 * FIXED_LINE_SHARE]


def test_lines_of_an_additive_model_lead_to_outputs():
    problem, _ = drawn(alpha=0.3)
    network = draw_network(np.random.default_rng(0), (2, 1))
    assert weights_of(problem.first_penalty(network), "line") == [0.3 * FIXED_LINE_SHARE]


def test_no_penalty_is_the_smallest_one():
    problem, network = drawn(alpha=0.0)
    penalty = problem.first_penalty(network)
    assert weights_of(penalty, "rough") == [LOWEST_WEIGHT] * 3
    assert weights_of(penalty, "line")[-1] == LOWEST_WEIGHT


@pytest.mark.parametrize(
    ("loss", "n_classes"), [(BinaryLogLoss(), 2), (MultinomialLogLoss(), 3)], ids=["two", "three"]
)
def test_log_odds_are_bounded_where_the_weights_are_chosen(loss, n_classes):
    problem, network = drawn(loss, n_classes, alpha=None)
    penalty = problem.first_penalty(network)
    assert penalty.softmax == (n_classes == 3)
    floors = {name: 1.0 / (80 * variance) for name, variance in LARGEST_VARIANCE.items()}
    assert penalty.floors == pytest.approx(floors, rel=1e-14)
    lowest = problem.penalty(network, 0.0, 0.0)
    for name, floor in floors.items():
        assert weights_of(lowest, name) == pytest.approx([floor] * 3, rel=1e-14)


@pytest.mark.parametrize(("loss", "alpha"), [(BinaryLogLoss(), 1e-9), (None, None)])
def test_other_weights_may_be_next_to_nothing(loss, alpha):
    problem, network = drawn(loss, alpha=alpha)
    penalty = problem.penalty(network, 0.0, 0.0)
    assert weights_of(penalty, "rough") == weights_of(penalty, "line") == [LOWEST_WEIGHT] * 3


def test_sparsity_is_absent_unless_asked_for():
    problem, network = drawn()
    penalty = problem.first_penalty(network)
    assert problem.objective(network, penalty, problem.rows(network)).sparsity is None
    asked = replace(problem, settings=replace(problem.settings, sparsity=0.2))
    plain, objective = (
        one.objective(network, penalty, one.rows(network)) for one in (problem, asked)
    )
    assert objective.sparsity.strength == 0.2
    parameters = network.get_parameters()
    expected = plain.value(parameters)
    expected += objective.sparsity.value_and_gradient(network, parameters)[0]
    assert objective.value(parameters) == pytest.approx(expected, rel=1e-13)
    assert objective.value(parameters) > plain.value(parameters)


def test_known_features_change_nothing():
    problem, network = drawn(sparsity=0.2)
    penalty, parameters = problem.first_penalty(network), network.get_parameters()
    with_features = problem.objective(network, penalty, problem.rows(network))
    assert with_features.rows.features is not None
    frugal, _ = drawn(sparsity=0.2, max_cache_bytes=0)
    without = frugal.objective(network, penalty, frugal.rows(network))
    assert without.rows.features is None
    assert with_features.value(parameters) == pytest.approx(without.value(parameters), rel=1e-13)


@pytest.mark.parametrize(("order", "room"), [(BENDING, 0.0), (4, ROOM)])
def test_stiff_edges_get_room_at_the_border(order, room):
    problem, network = drawn()
    problem.follow(network, 5, order)
    for layer in network.layers[1:]:
        np.testing.assert_allclose(layer.grid.high, 1.0 + MARGIN + room, rtol=1e-12)
        np.testing.assert_allclose(layer.grid.low, -1.0 - MARGIN - room, rtol=1e-12)


@pytest.mark.parametrize("order", [BENDING, 4])
def test_chosen_weights_go_with_the_edges(order):
    problem, network = drawn(alpha=None)
    problem.follow(network, network.grid_size, order, fresh=True)
    penalty = draw_penalty(np.random.default_rng(1), network).of_order(network, order)
    larger = network.copy()
    larger.layers[0].coef *= 2.0
    state = problem.followed(State(larger, penalty), network.grid_size)
    assert state.penalty.order == order
    np.testing.assert_array_equal(larger.layers[0].coef, 2.0 * network.layers[0].coef)
    assert_close(state.network.layers[0].coef, network.layers[0].coef, 1e-12)
    for name, weight in penalty.layers[0].weights.items():
        assert_close(state.penalty.layers[0].weights[name], 4.0 * weight, 1e-12)
        assert_close(state.penalty.layers[2].weights[name], penalty.layers[2].weights[name], 1e-12)


def test_weights_asked_for_stay_when_grids_move():
    problem, network = drawn(alpha=0.3)
    other = draw_penalty(np.random.default_rng(1), network)
    state = problem.followed(State(network, other), 6)
    assert weights_of(state.penalty, "rough") == [0.3] * 3
    assert state.network.grid_size == network.grid_size
    assert state.network.layers[1].grid.grid_size == 6


def test_validation_loss_is_that_of_the_held_out_samples():
    X, y = product_data()
    problem = problem_of(X[:60], y[:60], validation=(X[60:], y[60:]))
    network = draw_network(np.random.default_rng(0), (2, 3, 1))
    network.scaling = problem.scaling
    residuals = (network(X[60:])[:, 0] - y[60:]) / problem.scaling.output_scale
    assert problem.validation_loss(network) == pytest.approx(0.5 * np.mean(residuals**2), rel=1e-12)
