"""Streams of no given shape, which are fitted by the analysis of variance."""

import copy

import numpy as np
import pytest
from networks import assert_close

from skkan import KANRegressor
from skkan.anova._uncertainty import AnalysisPosterior
from skkan.training.growth import _batches


def draw(n_samples, seed=0, noise=0.1):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, (n_samples, 3))
    y = np.sin(3.0 * X[:, 0]) * (1.0 + X[:, 1]) + noise * rng.normal(size=n_samples)
    return X, y


@pytest.fixture(scope="module")
def fitted():
    X, y = draw(300)
    return KANRegressor(random_state=0).fit(X, y)


@pytest.mark.parametrize("first", ["fit", "partial_fit"])
def test_five_batches_end_with_the_fit_to_all_of_them(first):
    X, y = draw(400)
    model = KANRegressor(random_state=0)
    for number, rows in enumerate(np.array_split(np.arange(400), 5)):
        getattr(model, first if number == 0 else "partial_fit")(X[rows], y[rows])
    whole = KANRegressor(random_state=0).fit(X, y)
    assert_close(model.predict(X), whole.predict(X), 1e-6)


@pytest.mark.parametrize("n_targets", [1, 2])
def test_small_batches_are_solved_for_in_closed_form(n_targets):
    X, y = draw(320)
    if n_targets > 1:
        y = np.column_stack([y, np.cos(2.0 * X[:, 2]) + y[::-1]])
    model = KANRegressor(random_state=0).fit(X[:300], y[:300])
    known, network = model._state.posterior, model.network_
    one, other = copy.deepcopy(model), copy.deepcopy(model)
    one.partial_fit(X[300:], y[300:])
    for row in range(300, 320, 5):
        other.partial_fit(X[row : row + 5], y[row : row + 5])
    # How rows are dealt into batches does not matter.
    assert_close(one.predict(X), other.predict(X), 1e-9)
    assert not np.allclose(one.predict(X), model.predict(X), rtol=1e-5)
    matrix = known.design.matrix(network.scaling.inputs(X[300:])[:, known.order])
    target = network.scaling.targets(y[300:].reshape(20, -1))
    for k, root in enumerate(known.roots):
        live, count = root.live, len(root.rest)
        factor = root.factor() / root.scale[:, None]
        before = factor @ factor.T
        own = matrix[:, live]
        rest = np.setdiff1d(np.arange(count), live)
        left = target[:, k] - matrix[:, rest] @ known.coef[rest, k]
        right = before @ known.coef[live, k] + own.T @ left / known.noise[k]
        expected = np.linalg.solve(before + own.T @ own / known.noise[k], right)
        found = one._state.posterior.coef[live, k]
        # Columns that only the batch says something of are solved for besides.
        assert_close(found, expected, 1e-2)


def test_predictions_after_batches_have_deviations(fitted):
    X, y = draw(40, seed=1)
    model = copy.deepcopy(fitted)
    before = model.predict(X, return_std=True)[1]
    model.partial_fit(X, y)
    assert isinstance(model._state.posterior, AnalysisPosterior)
    after = model.predict(X, return_std=True)[1]
    assert (after < before * (1.0 + 1e-9)).all()


def test_weights_of_small_batches_are_repetitions(fitted):
    X, y = draw(20, seed=1)
    weight = np.random.default_rng(2).integers(1, 4, 20)
    one = copy.deepcopy(fitted).partial_fit(X, y, sample_weight=weight)
    other = copy.deepcopy(fitted).partial_fit(X.repeat(weight, axis=0), y.repeat(weight))
    assert_close(one.predict(X), other.predict(X), 1e-8)


def test_copies_of_samples_are_no_new_ones(fitted):
    X, y = draw(300)
    model, clean = copy.deepcopy(fitted), draw(1000, seed=3, noise=0.0)
    before = model.score(*clean)
    for _ in range(3):
        model.partial_fit(X[:150], y[:150])
    assert model._stream.n_fitted == 300
    assert model.score(*clean) > before - 0.005


def test_a_stream_longer_than_what_is_kept_goes_on(monkeypatch):
    monkeypatch.setattr(_batches, "MAX_ROWS", 120)
    X, y = draw(400)
    model = KANRegressor(random_state=0)
    for rows in np.array_split(np.arange(400), 10):
        model.partial_fit(X[rows], y[rows])
    assert len(model._stream.rows) == 120
    assert not model._stream.complete
    assert model._stream.rows.total == pytest.approx(400.0)
    assert model.score(*draw(1000, seed=3, noise=0.0)) > 0.98


def test_an_edited_analysis_learns_as_the_network_that_it_is(fitted):
    X, y = draw(60, seed=1)
    model = fitted.prune(1e-3).partial_fit(X, y)
    assert not isinstance(model._state.posterior, AnalysisPosterior)
    assert model.score(*draw(1000, seed=3, noise=0.0)) > 0.98
