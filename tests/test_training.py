from itertools import pairwise

import numpy as np
import pytest
from estimator_data import (
    ADDITIVE,
    curved_data,
    labels_of,
    largest_difference,
    product_data,
)

import skkan._race
from skkan import KANRegressor
from skkan._data import Scaling, TrainingData
from skkan._grids import INPUT_MARGIN
from skkan._losses import BinaryLogLoss, SquaredLoss
from skkan._network import Network
from skkan._problem import Problem
from skkan._progress import Phase, Progress
from skkan._settings import Settings
from skkan._training import Trainer

LARGEST_JUMP = 8.0


@pytest.fixture
def phases(monkeypatch):
    """Names of the phases so far, each with the networks after its iterations."""
    seen = []
    step, phase = Phase.step, Progress.phase

    def entered(self, name, max_iter=None):
        seen.append((name, []))
        return phase(self, name, max_iter)

    def stepping(self, loss, get_network):
        seen[-1][1].append(get_network())
        return step(self, loss, get_network)

    monkeypatch.setattr(Progress, "phase", entered)
    monkeypatch.setattr(Phase, "step", stepping)
    return seen


def own_phases(phases):
    """Return the phases that are not those of the additive model."""
    return [phase for phase in phases if not phase[0].startswith("additive ")]


def n_iterations(phases, label):
    """Count the iterations after the race of the network (label "") or the additive model."""
    kept = own_phases(phases) if label == "" else [p for p in phases if p[0].startswith(label)]
    return sum(len(networks) for name, networks in kept if name != label + "race")


def ridge_data(n_samples=120):
    """Return X and a target whose narrow ridge takes a fine grid behind a hidden node."""
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(n_samples, 2))
    return X, np.exp(-20.0 * (X[:, 0] + X[:, 1] ** 2 - 0.3) ** 2)


def settings(**changes):
    options = {
        "shape": (2, 2, 1),
        "grid_sizes": (3,),
        "degree": 3,
        "base_function": "zero",
        "quantile_share": 0.0,
        "solver": "lm",
        "alpha": 1e-2,
        "n_restarts": 1,
        "max_iter": 200,
        "tol": 1e-6,
        "n_iter_no_change": 5,
        "n_jobs": None,
    }
    return Settings(**{**options, **changes})


def trainer(X, y, validation=None, loss=None, **changes):
    target, weight = y.reshape(len(y), -1).astype(float), np.ones(len(y))
    loss = loss or SquaredLoss()
    scaling = Scaling.of(X, target, weight, standardise=isinstance(loss, SquaredLoss))
    held_out = None
    if validation is not None:
        X_out, y_out = validation
        held_out = TrainingData.of(
            X_out, y_out.reshape(len(y_out), -1).astype(float), np.ones(len(y_out)), scaling
        )
    data = TrainingData.of(X, target, weight, scaling)
    return Trainer(
        Problem(data, held_out, loss, settings(**changes), scaling),
        Progress(KANRegressor(), lambda network: {"network_": network}, X, y),
        np.random.default_rng(0),
    )


@pytest.mark.parametrize("alpha", [None, 1e-2])
@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
def test_grids_go_from_coarse_to_fine(phases, solver, alpha):
    X, y = ridge_data()
    result = trainer(X, y, grid_sizes=(2, 4, 8), alpha=alpha, solver=solver, max_iter=1000).run()
    own = own_phases(phases)
    grids = ["race", "grid size 2", "grid size 4", "grid size 8", "polish"]
    assert [name for name, _ in own] == grids
    for (_, networks), size in zip(own, (2, 2, 4, 8, 8), strict=True):
        assert networks
        assert {layer.grid.grid_size for n in networks for layer in n.layers} == {size}
    assert {layer.grid.grid_size for layer in result.network.layers} == {8}


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
def test_schedule_ends_at_the_grid_of_highest_evidence(monkeypatch, solver):
    X, y = curved_data(80)
    evidence = []
    train_on_grid = Trainer._train_on_grid

    def watched(self, start, grid_size, search):
        better = train_on_grid(self, start, grid_size, search)
        evidence.append((grid_size, better, self.best.log_evidence))
        return better

    monkeypatch.setattr(Trainer, "_train_on_grid", watched)
    sizes = (1, 2, 4, 8, 16, 32)
    run = trainer(X, y, shape=(2, 1), grid_sizes=sizes, alpha=None, solver=solver)
    result = run.run()
    tried, better, values = zip(*evidence, strict=True)
    assert tried == sizes[: len(tried)]
    # Only the last grid tried is not an improvement, and it is not kept.
    assert better == (True,) * (len(tried) - 1) + (False,)
    assert 2 <= len(tried) < len(sizes)
    assert values[:-1] == tuple(sorted(set(values)))
    assert values[-1] == values[-2] == run.best.log_evidence
    assert result.network.grid_size == tried[-2]


def test_finer_grid_goes_on_from_the_coarser(phases):
    X, y = product_data()
    trainer(X, y, grid_sizes=(3, 6), alpha=1e-4).run()
    assert [name for name, _ in phases] == ["race", "grid size 3", "grid size 6", "polish"]
    coarse, fine = (networks for _, networks in phases[1:3])
    errors = [np.mean((network(X)[:, 0] - y) ** 2) for network in (coarse[-1], fine[0])]
    assert errors[1] < 2.0 * errors[0] < 0.05 * y.var()


def test_schedule_reaches_what_the_finest_grid_does():
    X, y = curved_data(80)
    schedule = KANRegressor(**{**ADDITIVE, "grid_size": (2, 4, 8), "alpha": 1e-3}).fit(X, y)
    finest = KANRegressor(**{**ADDITIVE, "grid_size": 8, "alpha": 1e-3}).fit(X, y)
    assert largest_difference(finest.predict(X), schedule.predict(X)) < 1e-3


def test_no_finer_grid_once_validation_stops_improving(phases):
    X, y = curved_data(60, 3)
    y = y + 2.0 * np.random.default_rng(3).normal(size=60)
    run = trainer(
        X[:40],
        y[:40],
        validation=(X[40:], y[40:]),
        shape=(3, 2, 1),
        grid_sizes=(1, 4, 8, 16, 32),
        alpha=1e-9,
    )
    result = run.run()
    assert 2 <= len(phases) < 6
    assert min(result.validation_curve) == pytest.approx(
        0.5
        * np.mean(((y[40:] - result.network(X[40:])[:, 0]) / run.problem.scaling.output_scale) ** 2)
    )


@pytest.mark.parametrize("alpha", [None, 1e-6])
@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
def test_validation_keeps_the_best_iteration(solver, alpha):
    X, y = curved_data(70, 3)
    y = y + np.random.default_rng(3).normal(size=70)
    run = trainer(
        X[:40],
        y[:40],
        validation=(X[40:], y[40:]),
        shape=(3, 2, 1),
        grid_sizes=(6,),
        alpha=alpha,
        solver=solver,
    )
    result = run.run()
    residual = (y[40:] - result.network(X[40:])[:, 0]) / run.problem.scaling.output_scale
    assert 0.5 * np.mean(residual**2) == pytest.approx(min(result.validation_curve), rel=1e-4)
    assert len(result.validation_curve) == len(result.loss_curve) == result.n_iter


def test_validation_chooses_the_start(monkeypatch):
    X, y = product_data(60)
    finished = []
    run_start = skkan._race.run_start

    def watched(*arguments):
        finished.append(run_start(*arguments))
        return finished[-1]

    monkeypatch.setattr(skkan._race, "run_start", watched)
    # What is held out contradicts the training samples.
    run = trainer(
        X[:40], y[:40], validation=(X[40:], -y[40:]), shape=(2, 1), n_restarts=3, max_iter=1
    )
    run._race()
    losses = [run.problem.validation_loss(state.network) for state in finished]
    assert [state.loss for state in finished] == pytest.approx(losses)
    assert len(set(losses)) == 3
    assert run.best is finished[int(np.argmin(losses))]


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
@pytest.mark.parametrize("alpha", [1e-3, 1e-2])
def test_moving_hidden_grids_does_not_undo_the_training(solver, alpha):
    X, y = product_data()
    result = trainer(X, y, solver=solver, alpha=alpha).run()
    curve = result.loss_curve
    # Where a function bends beyond its grid, moving that costs something, but not the fit.
    assert max(b / a for a, b in pairwise(curve)) < LARGEST_JUMP
    assert result.loss <= 1.02 * min(curve)
    assert result.loss < 0.9 * curve[0]


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
def test_iterations_lower_a_fixed_objective(solver):
    X, y = curved_data()
    t = labels_of(y)
    run = trainer(X, t, loss=BinaryLogLoss(), shape=(2, 1), solver=solver, grid_sizes=(2, 6))
    curve = run.run().loss_curve
    assert len(curve) >= 2
    assert all(b <= a for a, b in pairwise(curve))


@pytest.mark.parametrize(("alpha", "reach"), [(None, 2.0), (1e-2, 4.0)])
def test_grids_cover_the_data(alpha, reach):
    X, y = product_data()
    run = trainer(X, y, alpha=alpha, shape=(2, 3, 1))
    network = run.run().network
    inputs = network.scaling.inputs(X)
    nodes = network.trace(inputs).nodes
    ends = network.layers[0].grid.breakpoints[:, [0, -1]]
    np.testing.assert_allclose(ends, np.tile([[-1.0, 1.0]], (2, 1)) * (1.0 + INPUT_MARGIN))
    for layer, values in zip(network.layers[1:], nodes[1:-1], strict=True):
        middle = 0.5 * (layer.grid.breakpoints[:, 0] + layer.grid.breakpoints[:, -1])
        half = 0.5 * (layer.grid.breakpoints[:, -1] - layer.grid.breakpoints[:, 0])
        # The last steps of the solver hold the grids still.
        assert np.abs((values - middle) / half).max() < reach


def test_more_starts_than_one_race_in_rounds(phases):
    X, y = product_data()
    trainer(X, y, n_restarts=8, max_iter=5).run()
    name, rounds = phases[0]
    assert name == "race"
    assert len(rounds) == 3


def test_training_goes_on_from_a_start_without_a_race(phases):
    X, y = product_data()
    first = trainer(X, y).run()
    phases.clear()
    again = trainer(X, y).run((first.network, first.penalty))
    assert [name for name, _ in phases] == ["grid size 3", "polish"]
    assert again.loss <= first.loss * (1.0 + 1e-9)
    assert max(again.loss_curve) <= first.loss * (1.0 + 1e-9)


def test_network_is_kept_where_the_evidence_is_clear(phases):
    X, y = product_data()
    result = trainer(X, y, alpha=None).run()
    names = ["race", "grid size 3", "polish"]
    assert [name for name, _ in phases] == [*(f"additive {name}" for name in names), *names]
    assert isinstance(result.network, Network)
    assert np.mean((result.network(X)[:, 0] - y) ** 2) < 0.01 * y.var()
    assert result.n_iter == n_iterations(phases, "") == len(result.loss_curve)


@pytest.mark.parametrize("max_iter", [1, 4, 30])
def test_limit_holds_for_all_phases_together(phases, max_iter):
    X, y = product_data()
    result = trainer(X, y, alpha=None, grid_sizes=(2, 3), max_iter=max_iter, tol=1e-12).run()
    # The network and the additive model have one each.
    assert 1 <= n_iterations(phases, "additive ") <= max_iter
    assert 1 <= n_iterations(phases, "") <= max_iter
    assert 1 <= result.n_iter <= max_iter
    if n_iterations(phases, "") == max_iter and max_iter < 30:
        assert "polish" not in [name for name, _ in phases]
    assert not result.converged


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
def test_additive_model_takes_the_place_of_a_network_without_use(phases, solver):
    X, y = curved_data(60, 3)
    result = trainer(X, y, alpha=None, shape=(3, 2, 1), solver=solver).run()
    seen = list(phases)
    additive = trainer(X, y, alpha=None, shape=(3, 1), solver=solver).run()
    assert largest_difference(additive.network(X), result.network(X)) < 1e-3
    assert result.network.shape == (3, 2, 1)
    # The iterations of the network that was given up do not count.
    assert result.n_iter == len(result.loss_curve) == n_iterations(seen, "additive ")
    assert n_iterations(seen, "") > 0
    assert result.loss == pytest.approx(additive.loss, rel=1e-3)


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
@pytest.mark.parametrize("seed", [0, 3])
def test_network_is_kept_where_only_it_can_fit(solver, seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, size=(80, 2))
    y = X[:, 0] * X[:, 1] + 0.01 * rng.normal(size=80)
    result = trainer(X, y, alpha=None, shape=(2, 5, 1), solver=solver, max_iter=1000).run()
    assert np.mean((result.network(X)[:, 0] - y) ** 2) < 0.01 * np.var(y)


@pytest.mark.parametrize(
    "changes",
    [
        {"alpha": 1e-2},
        {"alpha": None, "shape": (2, 1)},
        {"alpha": None, "shape": (2, 1, 2)},
    ],
    ids=["fixed penalty", "additive", "too narrow"],
)
def test_no_additive_fallback(phases, changes):
    X, y = product_data(40)
    y = np.column_stack([y, -y]) if changes.get("shape", ())[-1:] == (2,) else y
    trainer(X, y, **changes).run()
    assert [name for name, _ in phases] == ["race", "grid size 3", "polish"]


def test_same_generator_same_network():
    X, y = product_data()
    a, b = (trainer(X, y, n_restarts=4).run().network(X) for _ in range(2))
    np.testing.assert_array_equal(a, b)
