"""What all solvers have in common."""

import numpy as np
import pytest
from networks import (
    LOSSES,
    assert_close,
    central_differences,
    draw_network,
    draw_objective,
    linear_minimum,
)

from skkan.data._samples import TrainingData
from skkan.objective._objective import Objective
from skkan.objective._penalties import Penalty
from skkan.solvers import _lm
from skkan.solvers._lbfgs import minimize_lbfgs


@pytest.fixture(params=["dense lm", "krylov lm", "lbfgs"])
def minimize(request, monkeypatch):
    monkeypatch.setattr(_lm, "DENSE_MAX_PARAMETERS", 0 if "krylov" in request.param else 10_000)
    return minimize_lbfgs if request.param == "lbfgs" else _lm.minimize_lm


def curved_problem(loss="squared", weight=1e-2):
    """Return a problem with hidden nodes that takes a few dozen iterations, and a start."""
    rng = np.random.default_rng(0)
    network = draw_network(rng, (2, 2, LOSSES[loss][1]), even=True)
    inputs = rng.uniform(-1.0, 1.0, size=(60, 2))
    signal = np.sin(3.0 * inputs[:, :1]) * inputs[:, 1:]
    target = {
        "squared": signal,
        "two squared": np.concatenate([signal, signal**2], axis=1),
        "binary": (signal > 0.0).astype(float),
        "multinomial": np.eye(3)[np.digitize(signal[:, 0], [-0.2, 0.2])],
    }[loss]
    data = TrainingData(inputs, target, np.full(60, 1.0 / 60.0), 60.0)
    penalty = Penalty(network, weight, weight, softmax=loss == "multinomial")
    objective = Objective(network, data, LOSSES[loss][0], penalty)
    return objective, 0.3 * network.get_parameters()


@pytest.mark.parametrize("base", ["zero", "silu"])
@pytest.mark.parametrize("loss", ["squared", "two squared"])
def test_additive_model_ends_at_the_linear_solution(minimize, loss, base):
    objective, start = draw_objective(np.random.default_rng(1), loss, (), n_samples=60, base=base)
    found = minimize(objective, start, 200, 1e-15)
    expected = linear_minimum(objective)
    assert found.converged
    assert found.value == pytest.approx(objective.value(expected), rel=1e-12)
    assert_close(found.parameters, expected, 1e-6)


@pytest.mark.parametrize("loss", ["binary", "multinomial"])
def test_additive_model_ends_at_the_only_stationary_point(minimize, loss):
    objective, start = draw_objective(np.random.default_rng(2), loss, (), n_samples=60)
    ends = [minimize(objective, scale * start, 500, 1e-15) for scale in (0.0, 1.0)]
    for found in ends:
        slope = central_differences(objective.value, found.parameters)
        assert np.abs(slope).max() < 1e-6
    assert ends[0].value == pytest.approx(ends[1].value, rel=1e-12)
    assert_close(ends[0].parameters, ends[1].parameters, 1e-4)


@pytest.mark.parametrize("loss", LOSSES)
def test_result_tells_of_the_run(minimize, loss):
    objective, start = curved_problem(loss)
    found = minimize(objective, start, 30, 1e-9)
    assert found.n_iter == len(found.history) > 3
    assert found.value == pytest.approx(objective.value(found.parameters), rel=1e-12)
    assert found.value == pytest.approx(found.history[-1], rel=1e-12)
    history = np.array([objective.value(start), *found.history])
    assert np.all(np.diff(history) <= 1e-14 * history[0])


@pytest.mark.parametrize("loss", LOSSES)
def test_convergence_means_a_stationary_point(minimize, loss):
    objective, start = curved_problem(loss)
    found = minimize(objective, start, 3000, 1e-13)
    assert found.converged
    _, gradient = objective.value_and_gradient(found.parameters)
    _, first = objective.value_and_gradient(start)
    assert np.abs(gradient).max() < 1e-4 * np.abs(first).max()


@pytest.mark.parametrize("max_iter", [1, 2, 5])
def test_limit_of_iterations_is_kept_and_is_not_convergence(minimize, max_iter):
    objective, start = curved_problem()
    found = minimize(objective, start, max_iter, 1e-9)
    assert found.n_iter == max_iter
    assert not found.converged


def test_callback_sees_every_iteration(minimize):
    objective, start = curved_problem()
    seen = []

    def callback(value, parameters):
        seen.append((value, objective.value(parameters)))
        return False

    found = minimize(objective, start, 10, 1e-9, callback)
    assert [value for value, _ in seen] == found.history
    np.testing.assert_allclose([at for _, at in seen], found.history, rtol=1e-12)


@pytest.mark.parametrize("after", [1, 4])
def test_callback_stops_the_run(minimize, after):
    objective, start = curved_problem()
    seen = []

    def callback(value, parameters):
        seen.append(parameters.copy())
        assert np.isfinite(value)
        return len(seen) == after

    found = minimize(objective, start, 100, 1e-9, callback)
    assert found.n_iter == after
    assert not found.converged
    assert_close(found.parameters, seen[-1], 1e-14)


def test_a_minimum_is_recognised(minimize):
    objective, _ = draw_objective(np.random.default_rng(3), "squared", (), n_samples=60)
    minimum = linear_minimum(objective)
    found = minimize(objective, minimum, 100, 1e-9)
    assert found.converged
    assert found.n_iter <= 1
    assert_close(found.parameters, minimum, 1e-6)


def test_a_second_run_from_the_end_gains_nothing(minimize):
    objective, start = curved_problem()
    first = minimize(objective, start, 1000, 1e-9)
    second = minimize(objective, first.parameters, 1000, 1e-9)
    assert first.converged
    assert first.value * (1.0 - 1e-6) < second.value <= first.value * (1.0 + 1e-14)


def test_start_and_objective_are_left_alone(minimize):
    objective, start = curved_problem()
    before = start.copy()
    value = objective.value(start)
    minimize(objective, start, 5, 1e-9)
    np.testing.assert_array_equal(start, before)
    assert objective.value(start) == value


def test_runs_repeat_exactly(minimize):
    objective, start = curved_problem()
    first, second = (minimize(objective, start, 10, 1e-9) for _ in range(2))
    np.testing.assert_array_equal(first.parameters, second.parameters)
    assert first.history == second.history
