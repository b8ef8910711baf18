import numpy as np
import pytest
from networks import (
    LOSSES,
    TRAITS,
    altered,
    assert_close,
    draw_network,
    draw_objective,
    linear_minimum,
    symmetric,
)

from skkan.data._samples import TrainingData
from skkan.objective._objective import Objective
from skkan.objective._penalties import Penalty
from skkan.objective.losses._squared import SquaredLoss
from skkan.solvers import _lm
from skkan.solvers._lm import DenseSystem, KrylovSystem, minimize_lm


def test_one_undamped_step_solves_the_linear_problem():
    objective, start = draw_objective(np.random.default_rng(0), "two squared", (), n_samples=60)
    found = minimize_lm(objective, start, 1, 1e-9, damping=1e-14)
    assert found.n_iter == 1
    assert_close(found.parameters, linear_minimum(objective), 1e-7)


def test_a_damped_step_is_shorter_and_leads_downhill():
    objective, start = draw_objective(np.random.default_rng(1), "squared", (2,), n_samples=60)
    _, gradient = objective.value_and_gradient(start)
    lengths = []
    for damping in (1e-2, 1e2, 1e6):
        found = minimize_lm(objective, start, 1, 1e-9, damping=damping)
        step = found.parameters - start
        assert step @ gradient < 0.0
        lengths.append(np.linalg.norm(step))
    assert lengths[0] > lengths[1] > lengths[2]


def test_no_iterations_leave_the_start():
    objective, start = draw_objective(np.random.default_rng(2), "squared", (2,))
    found = minimize_lm(objective, start, 0, 1e-9)
    assert (found.n_iter, found.converged, found.history) == (0, False, [])
    assert found.value == pytest.approx(objective.value(start), rel=1e-13)
    np.testing.assert_array_equal(found.parameters, start)


def test_tiny_steps_under_heavy_damping_are_not_convergence():
    objective, start = draw_objective(np.random.default_rng(9), "squared", (), n_samples=60)
    found = minimize_lm(objective, start, 2, 1e-6, damping=1e8)
    assert found.value > 0.999 * objective.value(start)
    assert not found.converged


def test_a_stop_by_the_callback_is_not_convergence():
    objective, start = draw_objective(np.random.default_rng(10), "squared", (2,), n_samples=60)
    found = minimize_lm(objective, start, 100, 1e-9, lambda *_: True)
    assert found.n_iter == 1
    assert not found.converged


def test_good_steps_lower_the_damping():
    objective, start = draw_objective(np.random.default_rng(3), "squared", (), n_samples=60)
    found = minimize_lm(objective, start, 3, 0.0)
    assert found.damping == pytest.approx(1e-3 / 27.0, rel=1e-6)


def test_a_run_goes_on_from_its_damping():
    objective, start = draw_objective(np.random.default_rng(4), "squared", (2,), n_samples=60)
    whole = minimize_lm(objective, start, 8, 0.0)
    first = minimize_lm(objective, start, 5, 0.0)
    second = minimize_lm(objective, first.parameters, 3, 0.0, damping=first.damping)
    np.testing.assert_allclose(first.history + second.history, whole.history, rtol=1e-6)


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_unit_of_the_target_does_not_matter(unit):
    objective, start = draw_objective(np.random.default_rng(5), "squared", (), n_samples=60)
    scaled = altered(objective, target=unit * objective.data.target)
    plain = minimize_lm(objective, start, 100, 1e-9)
    found = minimize_lm(scaled, unit * start, 100, 1e-9)
    assert found.converged
    assert found.n_iter == plain.n_iter
    assert found.value == pytest.approx(unit**2 * plain.value, rel=1e-9)


def test_steps_that_lead_uphill_are_refused():
    # A narrow grid and a steep last layer make the quadratic model poor.
    rng = np.random.default_rng(6)
    network = draw_network(rng, (1, 2, 1), grid_size=10, even=True)
    x = rng.uniform(-1.0, 1.0, size=(40, 1))
    data = TrainingData(x, np.sin(9.0 * x), np.full(40, 1.0 / 40.0), 40.0)
    objective = Objective(network, data, SquaredLoss(), Penalty(network, 1e-9, 1e-9))
    start = 3.0 * network.get_parameters()
    found = minimize_lm(objective, start, 20, 1e-9, damping=1e-15)
    assert found.damping > 1e-15
    assert np.all(np.diff([objective.value(start), *found.history]) < 0.0)


def test_a_perfect_fit_is_reached_to_the_last_digits():
    objective, start = draw_objective(np.random.default_rng(7), "squared", (2,), n_samples=60)
    target = objective.network.outputs(objective.data.inputs)
    clean = altered(objective, Penalty(objective.network, 1e-15, 1e-15), target=target)
    nearby = start + 0.05 * np.random.default_rng(8).normal(size=start.shape)
    assert clean.data_value(nearby) > 1e-4
    found = minimize_lm(clean, nearby, 100, 1e-6)
    assert clean.data_value(found.parameters) < 1e-12


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("hidden", [(), (2,)])
def test_conjugate_gradients_reach_the_minimum_of_the_dense_solver(monkeypatch, hidden, loss):
    objective, start = draw_objective(np.random.default_rng(11), loss, hidden, n_samples=60)
    if hidden and "squared" in loss:
        # Large residuals would make the last digits slow for both.
        clean = objective.network.outputs(objective.data.inputs)
        objective = altered(objective, target=clean + 0.1 * objective.data.target)
    # Close enough to a minimum that both end at the same one.
    start = minimize_lm(objective, 0.3 * start, 20, 1e-12).parameters
    rng = np.random.default_rng(12)
    start = start * (1.0 + 0.02 * rng.normal(size=start.shape))
    dense = minimize_lm(objective, start, 1000, 1e-12)
    built = []

    class Watched(KrylovSystem):
        def move_to(self, parameters):
            built.append(len(parameters))
            super().move_to(parameters)

    monkeypatch.setattr(_lm, "DENSE_MAX_PARAMETERS", 0)
    monkeypatch.setattr(_lm, "KrylovSystem", Watched)
    krylov = minimize_lm(objective, start, 1000, 1e-12)
    assert set(built) == {len(start)}
    assert dense.converged
    assert krylov.converged
    assert dense.value < objective.value(start)
    assert krylov.value == pytest.approx(dense.value, rel=1e-7)
    assert_close(krylov.parameters, dense.parameters, 1e-3)


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_coefficients_of_edges_that_are_no_splines_stay_zero(monkeypatch, loss, dense):
    rng = np.random.default_rng(14)
    objective, start = draw_objective(rng, loss, (3,), n_samples=60, base="silu", traits=TRAITS)
    if not dense:
        monkeypatch.setattr(_lm, "DENSE_MAX_PARAMETERS", 0)
    found = minimize_lm(objective, start, 20, 1e-9)
    assert found.value < 0.9 * objective.value(start)
    moved = 0
    layers = objective.network.layers
    for layer, coef in zip(layers, objective.network.split(found.parameters), strict=True):
        assert not coef.transpose(0, 2, 1)[~layer.splined].any()
        moved += np.count_nonzero(~layer.splined)
    assert moved > 0


@pytest.mark.parametrize("traits", [(), TRAITS])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("hidden", [(), (2,), (2, 2)])
def test_systems_agree(monkeypatch, hidden, loss, traits):
    objective, start = draw_objective(
        np.random.default_rng(13), loss, hidden, n_samples=60, traits=traits
    )
    monkeypatch.setattr(_lm, "CG_TOLERANCE", 1e-10)
    monkeypatch.setattr(_lm, "CG_MAX_ITER", 1000)
    dense, krylov = DenseSystem(objective), KrylovSystem(objective)
    for system in (dense, krylov):
        system.move_to(start)
    assert krylov.value == pytest.approx(dense.value, rel=1e-12)
    assert_close(krylov.gradient, dense.gradient, 1e-12)
    assert_close(np.sort(krylov.scale), np.sort(dense.scale), 1e-12)
    for damping in (1e-3, 1.0, 1e3):
        # Parameters of symbolic edges can be next to redundant.
        tolerance = 1e-4 if traits else 1e-6
        assert_close(krylov.step(damping), dense.step(damping), tolerance)


@pytest.mark.parametrize("loss", ["squared", "multinomial"])
def test_corrected_steps_bend_with_the_outputs(loss):
    """Without its correction what is left of a step falls with its square, with it by its cube."""
    objective, start = draw_objective(np.random.default_rng(15), loss, (2,), n_samples=200)
    objective = altered(objective, penalty=Penalty(objective.network, 0.0, 0.0))
    system = DenseSystem(objective)
    system.move_to(start)
    full = system.step(1e-8)
    scales = np.array([1e-2, 1e-3])
    plain, bent = [], []
    for scale in scales:
        step = scale * full
        corrected = system.bent(step)
        tangent = symmetric(objective.normal_equations(start)[2]) @ (corrected - step)
        plain.append(np.linalg.norm(objective.second_difference(start, step)))
        left = objective.second_difference(start, corrected) + tangent
        bent.append(np.linalg.norm(left))
    orders = [np.log10(pair[0] / pair[1]) for pair in (plain, bent)]
    assert orders[0] == pytest.approx(2.0, abs=0.2)
    assert orders[1] > 2.7


def test_steps_along_which_outputs_bend_much_are_left_as_they_are():
    objective, start = draw_objective(np.random.default_rng(16), "squared", (2, 2), n_samples=60)
    system = DenseSystem(objective)
    system.move_to(start)
    same = [system.bent(step) is step for step in map(system.step, (1e-6, 1e8))]
    assert same == [True, False]


def test_additive_models_need_no_correction():
    objective, start = draw_objective(np.random.default_rng(17), "squared", (), n_samples=60)
    system = DenseSystem(objective)
    system.move_to(start)
    step = system.step(1e-3)
    assert system.bent(step) is step
