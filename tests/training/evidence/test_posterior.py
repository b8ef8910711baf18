import pickle

import numpy as np
import pytest
from networks import TRAITS, draw_objective, symmetric

from skkan import KANRegressor
from skkan.training.evidence._posterior import predictive_posterior


def noisy(n_samples=200, n_targets=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2.0, 3.0, size=(n_samples, 2))
    y = np.column_stack([np.sin(X[:, 0]) + 0.3 * X[:, 1] ** 2 * k for k in range(1, n_targets + 1)])
    y += rng.normal(size=y.shape) * 0.2 * np.arange(1, n_targets + 1)
    return X, y[:, 0] if n_targets == 1 else y


def test_additive_models_agree_with_a_dense_computation():
    X, y = noisy()
    model = KANRegressor((), alpha=1e-3, random_state=0).fit(X, y)
    network, penalty = model.network_, model._state.penalty
    layer, scaling = network.layers[0], network.scaling
    features = layer.features(scaling.inputs(X))
    penalty_matrix = np.zeros((features.shape[1],) * 2)
    penalty.add_hessian(network, penalty_matrix)
    n = len(X)
    loss_matrix = features.T @ features / n
    inverse = np.linalg.inv(loss_matrix + symmetric(penalty_matrix))
    dof = np.trace(inverse @ loss_matrix)
    residual = (y - model.predict(X)) / scaling.output_scale
    noise = residual @ residual / (n - dof)
    fresh = np.random.default_rng(1).uniform(-3.0, 4.0, size=(50, 2))
    own = layer.features(scaling.inputs(fresh))
    variance = noise / n * np.einsum("np,pq,nq->n", own, inverse, own)
    _, found = model.predict(fresh, return_std=True, include_noise=False)
    np.testing.assert_allclose(found, scaling.output_scale * np.sqrt(variance), rtol=1e-8)
    _, found = model.predict(fresh, return_std=True)
    np.testing.assert_allclose(found, scaling.output_scale * np.sqrt(variance + noise), rtol=1e-8)


@pytest.mark.parametrize("traits", [(), TRAITS])
def test_deviations_follow_from_slopes_and_the_matrix(traits):
    rng = np.random.default_rng(3)
    objective, parameters = draw_objective(rng, "squared", (2, 2), traits=traits)
    network = objective.network
    network.set_parameters(parameters)
    posterior = predictive_posterior(objective, parameters, np.arange(2), coupled=True)
    X = network.scaling.given_inputs(rng.uniform(-0.9, 0.9, size=(7, 2)))
    slopes = np.empty((7, network.shape[-1], len(parameters)))
    for place in range(len(parameters)):
        ends = []
        for sign in (1.0, -1.0):
            moved, changed = network.copy(), parameters.copy()
            changed[place] += sign * 1e-5
            moved.set_parameters(changed)
            ends.append(moved.outputs(moved.scaling.inputs(X)))
        slopes[:, :, place] = (ends[0] - ends[1]) / 2e-5
    (part,) = posterior.parts
    root = part.root()
    variance = ((slopes[:, :, part.index] @ root.T) ** 2).sum(axis=2)
    expected = network.scaling.output_scale * np.sqrt(posterior.noise * variance)
    found = posterior.deviations(network, X, include_noise=False)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * expected.max())
    covariances = posterior.covariances(network, X, include_noise=True)
    np.testing.assert_allclose(
        np.sqrt(np.einsum("nnk->nk", covariances)), posterior.deviations(network, X, True)
    )


def test_one_node_is_coupled_with_nothing():
    X, y = noisy()
    pair = [KANRegressor((), solver=solver, alpha=1e-3) for solver in ("lm", "lbfgs")]
    found = [
        one.set_params(random_state=0, tol=1e-12).fit(X, y).predict(X, return_std=True)[1]
        for one in pair
    ]
    np.testing.assert_allclose(*found, rtol=1e-4)


@pytest.mark.parametrize("hidden", [(), (2,), ((1, 1),)])
def test_units_targets_columns_and_distance(hidden):
    X, y = noisy(n_targets=2)
    model = KANRegressor(hidden, max_iter=60, tol=1e-3, random_state=0).fit(X, y)
    mean, deviation = model.predict(X, return_std=True)
    assert mean.shape == deviation.shape == y.shape
    assert np.all(deviation[:, 1] > deviation[:, 0])
    np.testing.assert_array_equal(mean, model.predict(X))
    other = KANRegressor(hidden, max_iter=60, tol=1e-3, random_state=0)
    other.fit(X[:, ::-1] * 1024.0, 4096.0 * y + 5.0)
    _, scaled = other.predict(X[:, ::-1] * 1024.0, return_std=True)
    np.testing.assert_allclose(scaled, 4096.0 * deviation, rtol=1e-5)
    line = np.linspace(3.0, 30.0, 20)[:, None] * np.ones(2)
    _, far = model.predict(line, return_std=True, include_noise=False)
    assert np.all(np.diff(far, axis=0) > -1e-12)
    assert np.all(far[-1] > far[0])
    _, covariance = model.predict(X[:5], return_cov=True)
    assert covariance.shape == (5, 5, 2)


def test_what_cannot_be_told_is_refused():
    X, y = noisy(60)
    model = KANRegressor((), random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="return_std and return_cov"):
        model.predict(X, return_std=True, return_cov=True)
    with pytest.raises(ValueError, match="at most 5000 samples, got 6000"):
        model.predict(np.tile(X, (100, 1)), return_cov=True)
    changed = model.refine(10)
    with pytest.raises(ValueError, match=r"Call refit\(X, y\)"):
        changed.predict(X, return_std=True)
    assert changed.refit(X, y).predict(X, return_std=True)[1].shape == (60,)


def test_intervals_cover_what_they_should():
    covered = []
    for seed in range(4):
        X, y = noisy(600, seed=seed)
        model = KANRegressor((), random_state=0).fit(X[:200], y[:200])
        mean, deviation = model.predict(X[200:], return_std=True)
        covered.append(np.abs(mean - y[200:]) < 1.645 * deviation)
    assert 0.87 < np.mean(covered) < 0.93


def test_pickles_keep_it():

    X, y = noisy(80)
    model = KANRegressor((), random_state=0).fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(
        copy.predict(X, return_std=True)[1], model.predict(X, return_std=True)[1]
    )
