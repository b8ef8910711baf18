from itertools import pairwise

import numpy as np
import pytest
from estimator_data import product_data
from problems import problem_of

import skkan.training.starts._race
from skkan import KANRegressor
from skkan.training._problem import START_WEIGHTS, Problem
from skkan.training.starts._race import (
    START_SPREAD,
    goes_on,
    race,
    race_weights,
    races,
    random_start,
)

HELD_OUT = product_data(20, seed=1)


def rounds_of(problem, seed=0, n_finalists=1):
    rng, n_starts = np.random.default_rng(seed), problem.settings.n_restarts
    return list(race(problem, rng, START_WEIGHTS[0], n_starts, n_finalists))


@pytest.mark.parametrize(
    ("n_restarts", "expected"), [(1, 1), (2, 1), (7, 1), (8, 2), (11, 2), (12, 3), (40, 10)]
)
def test_a_share_of_the_starts_is_compared_by_evidence(n_restarts, expected):
    weights = race_weights(problem_of(*product_data(), alpha=None, n_restarts=n_restarts))
    assert len(weights) == expected
    assert set(weights) == set(START_WEIGHTS[:expected])


@pytest.mark.parametrize("seed", [1, 3])
def test_small_networks_start_again_while_their_starts_disagree(seed):
    X = np.random.default_rng(seed).uniform(-1.0, 1.0, (500, 2))
    y = np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)
    model = KANRegressor((1,), grid_size=[3, 10], random_state=seed).fit(X, y)
    assert model.score(X, y) > 1.0 - 1e-6


def test_larger_networks_and_numbers_of_starts_are_left_alone():
    free = {"alpha": None, "more_starts": True}
    small = problem_of(*product_data(), **free, shape=(2, 1, 1))
    assert goes_on(small)
    for changes in (
        {"shape": (2, 5, 5, 1), "arities": ((1,) * 5, (1,) * 5)},
        {"more_starts": False},
        {"alpha": 1e-3},
    ):
        options = {**free, "shape": (2, 1, 1), "arities": ((1,),), **changes}
        assert not goes_on(problem_of(*product_data(), **options))


def test_every_weight_has_a_race_of_its_own():
    problem = problem_of(*product_data(), alpha=None, n_restarts=9, max_iter=3)
    rounds = list(races(problem, np.random.default_rng(0)))
    assert [len(runners) for runners in rounds] == [5, 2, 1, 5, 3, 2]
    weights = [state.penalty.layers[0].weights["rough"].max() for state in rounds[-1]]
    assert sorted(weights, reverse=True) == list(START_WEIGHTS)
    assert rounds[2][0] in rounds[-1]


@pytest.mark.parametrize(
    "changes", [{"alpha": 1e-2}, {"alpha": None, "validation": HELD_OUT}], ids=["alpha", "held out"]
)
def test_without_evidence_one_start_is_left(changes):
    weights = race_weights(problem_of(*product_data(), n_restarts=40, **changes))
    assert weights == [START_WEIGHTS[0]]


@pytest.mark.parametrize(
    ("n_finalists", "n_restarts", "expected"),
    [
        (1, 1, [1, 1]),
        (1, 2, [2, 1]),
        (1, 9, [9, 4, 2, 1]),
        (2, 9, [9, 4, 2]),
        (3, 12, [12, 6, 3]),
        (1, 3, [3, 1]),
    ],
)
def test_starts_come_first_and_then_the_better_half_of_them(n_finalists, n_restarts, expected):
    problem = problem_of(*product_data(), n_restarts=n_restarts, max_iter=3)
    starts, *rounds = rounds_of(problem, n_finalists=n_finalists)
    assert [len(runners) for runners in (starts, *rounds)] == expected
    assert all(np.isinf(state.loss) for state in starts)
    for runners in rounds:
        losses = [state.loss for state in runners]
        assert losses == sorted(losses)
        assert np.all(np.isfinite(losses))


def test_the_better_half_runs_on(monkeypatch):
    given, found = [], []
    run_start = skkan.training.starts._race.run_start

    def watched(problem, state, rows, weight):
        given.append(state)
        found.append(run_start(problem, state, rows, weight))
        return found[-1]

    monkeypatch.setattr(skkan.training.starts._race, "run_start", watched)
    problem = problem_of(*product_data(), alpha=1e-2, n_restarts=8, max_iter=3)
    for runners, following in pairwise(rounds_of(problem)):
        number = len(runners)
        assert [id(state) for state in given[:number]] == [id(state) for state in runners]
        best = sorted(found[:number], key=lambda state: state.loss)[: number // 2]
        assert [id(state) for state in best] == [id(state) for state in following]
        del given[:number], found[:number]
    assert not given


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_losses_that_are_not_finite_rank_last(monkeypatch, bad):
    losses = iter([bad, 2.0, bad, 1.0, 3.0, bad])
    monkeypatch.setattr(Problem, "validation_loss", lambda *_: next(losses))
    problem = problem_of(*product_data(), validation=HELD_OUT, n_restarts=4, max_iter=1)
    _, first, second = rounds_of(problem)
    assert [state.loss for state in first] == [1.0, 2.0]
    assert [state.loss for state in second] == [3.0]


def test_a_race_without_any_finite_loss_ends(monkeypatch):
    monkeypatch.setattr(Problem, "validation_loss", lambda *_: np.nan)
    problem = problem_of(*product_data(), validation=HELD_OUT, n_restarts=4, max_iter=1)
    rounds = rounds_of(problem)
    assert len(rounds[-1]) == 1
    assert rounds[-1][0].loss == np.finfo(float).max


def test_the_source_of_randomness_decides():
    problem = problem_of(*product_data(), n_restarts=3, max_iter=2)
    a, b, c = (rounds_of(problem, seed)[-1][0].network.get_parameters() for seed in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize("kind", ["line", "parabola", "cubic", "rough"])
def test_starts_have_the_coarsest_grid_where_their_nodes_are(kind):
    X, y = product_data()
    problem = problem_of(X, y, shape=(2, 3, 1), grid_sizes=(4, 8), base_function="silu")
    network = random_start(problem, kind, 0)
    inputs = problem.data.inputs
    assert network.shape == (2, 3, 1)
    assert network.layers[0].base_name == "silu"
    assert {layer.grid.grid_size for layer in network.layers} == {4}
    nodes = network.trace(inputs).nodes[1]
    np.testing.assert_allclose(nodes.min(axis=0), -1.0, rtol=1e-12)
    np.testing.assert_allclose(nodes.max(axis=0), 1.0, rtol=1e-12)
    assert network.outputs(inputs).std() == pytest.approx(START_SPREAD, rel=1e-12)
