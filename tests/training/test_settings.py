import numpy as np
import pytest
from networks import draw_objective

from skkan.training._settings import State, TrainingResult
from skkan.training._solver_choice import LM_MAX_PARAMETERS, LM_MAX_WORK, SOLVERS, choose_solver
from skkan.training.evidence._smoothing import update_smoothing


def test_small_problems_are_for_levenberg_marquardt():
    assert choose_solver((10, 5, 1), 8, 1000) == "lm"
    assert choose_solver((1, 1), 4, 1) == "lm"


def test_solver_by_number_of_parameters():
    n_features = LM_MAX_PARAMETERS // 10
    assert choose_solver((10, 1), n_features, 100) == "lm"
    assert choose_solver((10, 1), n_features + 1, 100) == "lbfgs"
    # Every layer counts: 2 * 20 + 20 * 20 + 20 * 3 edges.
    n_features = LM_MAX_PARAMETERS // 500
    assert choose_solver((2, 20, 20, 3), n_features, 100) == "lm"
    assert choose_solver((2, 20, 20, 3), n_features + 1, 100) == "lbfgs"


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_solver_by_work_of_the_normal_equations(n_outputs):
    n_parameters = 8 * (10 * 5 + 5 * n_outputs)
    n_samples = int(LM_MAX_WORK / n_outputs / n_parameters**2)
    assert choose_solver((10, 5, n_outputs), 8, n_samples) == "lm"
    assert choose_solver((10, 5, n_outputs), 8, n_samples + 1) == "lbfgs"


def test_work_does_not_overflow():
    assert choose_solver((10, 5, 1), 8, 2**62) == "lbfgs"


@pytest.mark.parametrize("name", ["lm", "lbfgs"])
def test_every_solver_has_a_plan_that_runs(name):
    plan = SOLVERS[name]
    objective, start = draw_objective(np.random.default_rng(0), "squared", (2,), n_samples=40)
    found = plan.minimize(objective, start, plan.round_iter, 1e-6)
    assert 1 <= found.n_iter <= plan.round_iter
    assert found.value < objective.value(start)
    smoothing = update_smoothing(objective, found.parameters, plan.posterior)
    assert np.isfinite(smoothing.log_evidence)
    state = State(objective.network, objective.penalty, smoothing)
    assert state.log_evidence == smoothing.log_evidence


def test_evidence_of_a_state_that_has_none_is_the_lowest():
    objective, _ = draw_objective(np.random.default_rng(1), "squared", (2,))
    state = State(objective.network, objective.penalty)
    assert state.log_evidence == -np.inf
    assert state.loss == np.inf


def test_results_do_not_share_their_curves():
    objective, _ = draw_objective(np.random.default_rng(2), "squared", ())
    first, second = (TrainingResult(objective.network, objective.penalty, 1.0) for _ in range(2))
    first.loss_curve.append(1.0)
    assert second.loss_curve == []
