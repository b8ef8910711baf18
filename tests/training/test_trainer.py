from contextlib import nullcontext
from dataclasses import replace
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
from networks import FUNCTIONS
from problems import problem_of
from sklearn.base import clone

import skkan.training.starts._race
from skkan import KANRegressor
from skkan.datasets import make_formula
from skkan.network._network import Network
from skkan.network.functions._symbolic_edge import SymbolicEdge
from skkan.objective._penalties import BENDING
from skkan.objective.losses._binary_log import BinaryLogLoss
from skkan.solvers._result import SolverResult
from skkan.training._grids import MARGIN
from skkan.training._progress import Phase, Progress
from skkan.training._trainer import LOOK_EVERY, Trainer
from skkan.training.evidence._smoothing import full_posterior, update_smoothing

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


def trainer(X, y, validation=None, loss=None, **changes):
    return Trainer(
        problem_of(X, y, validation, loss, **changes),
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
    run_start = skkan.training.starts._race.run_start

    def watched(*arguments):
        finished.append(run_start(*arguments))
        return finished[-1]

    monkeypatch.setattr(skkan.training.starts._race, "run_start", watched)
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
    np.testing.assert_allclose(ends, np.tile([[-1.0, 1.0]], (2, 1)) * (1.0 + MARGIN))
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
    # Of the solver's tolerance: hidden grids end elsewhere when training is over.
    assert again.loss <= first.loss * (1.0 + 1e-5)
    assert max(again.loss_curve) <= first.loss * (1.0 + 1e-5)


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
    assert result.network.shape == (3, 1)
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


def smooth_trainer(noise=0.0, **changes):
    """Return a trainer for a formula of two layers, with noise relative to its deviation."""
    X, y = make_formula("exp_sin_sq", 300, random_state=0)
    y = y + noise * y.std() * np.random.default_rng(0).normal(size=300)
    return trainer(X, y, **{"shape": (2, 1, 1), "alpha": None, "n_restarts": 2, **changes})


@pytest.mark.parametrize("seed", [2, 3])
def test_next_to_noise_free_data_are_held_at_the_border(monkeypatch, seed):
    X, y = make_formula("exp_sin_sq", 1000, random_state=seed)
    X_test, y_test = make_formula("exp_sin_sq", 5000, random_state=10**6 + seed)
    border = np.abs(X_test).max(axis=1) > 0.95
    model = KANRegressor((1,), grid_size=(5, 10, 20, 40), random_state=seed).fit(X, y)
    assert model._state.penalty.order == 4
    error = model.predict(X_test) - y_test
    assert np.sqrt(np.mean(error**2)) <= 3e-6
    monkeypatch.setattr(Trainer, "_stiffen", lambda self, state, *_: state)  # noqa: ARG005
    bending = clone(model).fit(X, y)
    assert bending._state.penalty.order == BENDING
    worse = bending.predict(X_test[border]) - y_test[border]
    assert np.mean(error[border] ** 2) < 0.8 * np.mean(worse**2)


@pytest.mark.parametrize("degree", [2, 3, 4])
def test_the_stiff_roughness_is_of_the_highest_order(degree):
    run = smooth_trainer(grid_sizes=(5, 10), degree=degree)
    assert run.run().penalty.order == degree + 1


def test_straight_pieces_have_no_stiffer_roughness(phases):
    result = smooth_trainer(grid_sizes=(5,), degree=1).run()
    assert result.penalty.order == BENDING
    assert "grid size 5" in [name for name, _ in phases]


@pytest.mark.parametrize(
    "changes",
    [{"noise": 0.1}, {"alpha": 1e-6}],
    ids=["noise", "fixed weight"],
)
def test_other_fits_are_held_by_their_bending(changes):
    assert smooth_trainer(grid_sizes=(5, 10), **changes).run().penalty.order == BENDING


@pytest.mark.parametrize(
    ("noise", "gain", "stiff"),
    [(1e-6, 1.0, True), (1e-6, -1.0, False), (1e-13, 1.0, True), (1e-13, -1.0, True)],
)
def test_the_stiffer_of_two_fits_is_kept_if_it_is_likelier_or_both_are_exact(
    monkeypatch, noise, gain, stiff
):
    run = smooth_trainer(grid_sizes=(5,))
    state = run._race()[0]
    objective = run.problem.objective(state.network, state.penalty, run.problem.rows(state.network))
    found = update_smoothing(objective, state.network.get_parameters(), full_posterior)
    state = replace(state, smoothing=replace(found, noise=noise))

    def likelier(other, *_):
        level = found.log_evidence + gain
        return replace(other, smoothing=replace(state.smoothing, log_evidence=level))

    monkeypatch.setattr(run, "_with_evidence", likelier)
    monkeypatch.setattr(run, "_climb", lambda one, *_: one)
    run.best = state
    kept = run._stiffen(state, None, None)
    assert kept.penalty.order == (4 if stiff else BENDING)
    # What comes later has to be better than either of them.
    assert kept.log_evidence == found.log_evidence + max(gain, 0.0)


def test_classes_have_no_noise_level_to_be_free_of():
    X, y = curved_data()
    run = trainer(X, np.sign(y) > 0, loss=BinaryLogLoss(), shape=(2, 1), alpha=None)
    assert run.run().penalty.order == BENDING


def test_the_additive_model_hands_on_its_order_when_training_goes_on():
    X, _ = curved_data()
    y = np.sin(3.0 * X[:, 0]) + X[:, 1] ** 2
    first = trainer(X, y, grid_sizes=(5, 10), alpha=None).run()
    assert first.network.shape == (2, 1)
    assert first.penalty.order == 4
    result = trainer(X, y, grid_sizes=(5, 10), alpha=None).run((first.network, first.penalty))
    assert result.network.shape == (2, 2, 1)
    assert result.penalty.order == 4
    layer = result.network.layers[1]
    # Room for polynomials that go on.
    assert (layer.grid.high - layer.grid.low).max() > 2.0 * (1.05 + 0.1)
    assert largest_difference(result.network(X), first.network(X)) < 1e-2


def test_of_several_finalists_the_one_of_highest_evidence_wins(monkeypatch):
    evidence = {}
    for which in (slice(None), slice(None, None, -1), slice(0, 1), slice(1, 2)):
        run = smooth_trainer(0.1, n_restarts=8, max_iter=1000)
        finalists = run._race()
        assert len(finalists) == 2
        monkeypatch.setattr(run, "_polish", lambda: None)
        run._train(finalists[which], search=True)
        evidence[str(which)] = run.best.log_evidence
    both, reversed_order, *alone = evidence.values()
    assert both == pytest.approx(max(alone), rel=1e-12)
    assert reversed_order == pytest.approx(max(alone), rel=1e-12)
    assert abs(alone[0] - alone[1]) > 1e-6


@pytest.mark.parametrize(("n_inside", "interrupted"), [(4, False), (12, False), (12, True)])
def test_polishing_ends_where_nodes_leave_their_grids(n_inside, interrupted):
    """A solver that does nothing but stretch the hidden nodes, by a little every time."""
    X, y = ridge_data()
    run = trainer(X, y, shape=(2, 2, 1), alpha=None, grid_sizes=(3,), n_restarts=1)
    start = run._race()[0]
    start = replace(start, network=start.network.copy())
    run.problem.follow(start.network, 3, fresh=True)
    growth = (1.0 + MARGIN) ** (1.0 / (n_inside + 0.5))

    def stretching(*arguments):
        callback = arguments[-1]
        network = start.network.copy()
        for number in range(1, 101):
            network.layers[0].coef *= growth
            if callback(1.0 / number, network.get_parameters()):
                break
            if interrupted and number == last + LOOK_EVERY - 1:
                raise KeyboardInterrupt
        return SolverResult(network.get_parameters(), 1.0 / number, number, False, [], 0.0)

    run.solver_options = replace(run.solver_options, minimize=stretching)
    run.best = start
    last = n_inside // LOOK_EVERY * LOOK_EVERY
    with pytest.raises(KeyboardInterrupt) if interrupted else nullcontext():
        run._polish()
    assert run.problem.holds(run.best.network)
    assert run.n_iter == last + LOOK_EVERY - interrupted
    assert run.best.loss == (1.0 / last if last else start.loss)
    assert run.converged


def test_networks_without_splines_are_polished_only(phases):
    X, y = curved_data()
    run = trainer(X, y, shape=(2, 1), grid_sizes=(3, 6), alpha=None)
    network = run._race()[0].network
    phases.clear()
    for i, name in enumerate(("sin", "square")):
        network = network.with_symbol(0, i, 0, SymbolicEdge(FUNCTIONS[name], np.ones(4)))
    result = run.run((network, None))
    assert [name for name, _ in phases] == ["polish"]
    assert result.converged
    assert np.mean((result.network(X)[:, 0] - y) ** 2) < 0.01 * y.var()
    assert result.network.grid_size == 3
