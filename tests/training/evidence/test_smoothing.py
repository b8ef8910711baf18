from dataclasses import replace

import numpy as np
import pytest
from networks import (
    FUNCTIONS,
    LOSSES,
    TRAITS,
    altered,
    assert_close,
    draw_network,
    draw_objective,
    draw_penalty,
    linear_minimum,
    penalty_matrix,
    symmetric,
)
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal

from skkan.data._samples import TrainingData
from skkan.network.functions._splines import SplineGrid
from skkan.network.functions._symbolic_edge import SymbolicEdge
from skkan.objective._objective import Objective
from skkan.objective._penalties import HIGHEST_WEIGHT, LOWEST_WEIGHT, Penalty
from skkan.objective.losses._squared import SquaredLoss
from skkan.training.evidence._smoothing import (
    full_posterior,
    node_posterior,
    node_views,
    update_smoothing,
)

POSTERIORS = [full_posterior, node_posterior]


def dense_matrices(objective, parameters):
    """Return the whole matrices of loss and penalty."""
    loss = symmetric(objective.normal_equations(parameters)[2])
    return loss, penalty_matrix(objective.penalty, objective.network)


def curve_fit(function, noise, *, seed=0, n_samples=150, weight=1e-3):
    """Return an additive problem of one input, its targets standardised."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.0, 1.0, size=(n_samples, 1))
    y = function(x) + noise * rng.normal(size=x.shape)
    share = np.full(n_samples, 1.0 / n_samples)
    data = TrainingData(x, (y - y.mean()) / y.std(), share, float(n_samples))
    network = draw_network(rng, (1, 1), grid_size=8, even=True)
    return Objective(network, data, SquaredLoss(), Penalty(network, weight, weight))


def smoothed(objective, n_steps=60):
    """Alternate between the exact minimum and the fixed-point step."""
    for _ in range(n_steps):
        found = update_smoothing(objective, linear_minimum(objective), full_posterior)
        objective = altered(objective, found.by_edge)
    return found, objective


def log_marginal(objective, noise):
    """Return the log-density of the targets when coefficients and noise are Gaussian.

    The coefficients' precision is the penalty's matrix, with next to nothing for the mean of the
    outputs, which the penalty leaves free.
    """
    network, data = objective.network, objective.data
    free = np.zeros(network.n_parameters)
    for layer in network.layers:
        coef = np.zeros_like(layer.coef)
        coef[:, : layer.grid.n_splines] = 1.0
        free += coef.ravel() / np.sqrt(coef.sum())
    precision = penalty_matrix(objective.penalty, network) + 1e-6 * np.outer(free, free)
    features = objective.rows.features
    covariance = features @ np.linalg.solve(precision, features.T) + np.diag(1.0 / data.weight)
    covariance *= noise / data.total
    return multivariate_normal(cov=0.5 * (covariance + covariance.T)).logpdf(data.target[:, 0])


def best_log_marginal(objective):
    found = minimize_scalar(lambda t: -log_marginal(objective, np.exp(t)), bounds=(-20, 20))
    return -found.fun


@pytest.mark.parametrize("posterior_of", POSTERIORS)
@pytest.mark.parametrize("base", ["zero", "silu"])
def test_dof_is_the_trace_of_the_derivatives_of_the_fit_by_the_targets(base, posterior_of):
    objective, _ = draw_objective(np.random.default_rng(0), "squared", (), base=base)
    dof = 0.0
    for sample, unit in enumerate(np.eye(20)):
        moved = altered(objective, target=unit[:, None])
        dof += objective.rows.features[sample] @ linear_minimum(moved)
    found = update_smoothing(objective, linear_minimum(objective), posterior_of)
    assert found.dof == pytest.approx(dof, rel=1e-9)


@pytest.mark.parametrize("posterior_of", POSTERIORS)
@pytest.mark.parametrize("base", ["zero", "silu"])
def test_log_evidence_is_the_marginal_likelihood_of_the_linear_model(base, posterior_of):
    rng = np.random.default_rng(1)
    objective, _ = draw_objective(rng, "squared", (), base=base, n_samples=40)
    # As many as there are rows, for a weight is read as repetition, not as precision.
    objective = altered(objective, total=40.0)
    gaps = []
    for _ in range(4):
        objective = altered(objective, draw_penalty(rng, objective.network))
        found = update_smoothing(objective, linear_minimum(objective), posterior_of)
        # Of all noise levels the most likely one.
        gaps.append(found.log_evidence - best_log_marginal(objective))
    np.testing.assert_allclose(gaps, gaps[0], rtol=0.0, atol=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
def test_log_evidence_is_that_of_the_quadratic_model(loss):
    rng = np.random.default_rng(2)
    objective, parameters = draw_objective(rng, loss, (), n_samples=60)
    size = objective.data.total * objective.data.target.shape[1]
    n_free = LOSSES[loss][1] - (loss == "multinomial")
    n_splines = objective.network.layers[0].grid.n_splines
    for _ in range(3):
        penalty = draw_penalty(rng, objective.network, softmax=loss == "multinomial")
        objective = altered(objective, penalty)
        found = update_smoothing(objective, parameters, full_posterior)
        data_matrix, penalty_part = dense_matrices(objective, parameters)
        energy = sum(
            float((own.weights[name] * energies).sum())
            for own, coef in zip(penalty.layers, objective.network.split(parameters), strict=True)
            for name, energies in own.energies(coef).items()
        )
        misfit = objective.data_value(parameters) + 0.5 * energy
        # What the penalty leaves free counts as if it were held like the other constants.
        expected = 0.5 * n_free * np.log(penalty.gauge_weight / n_splines)
        expected += 0.5 * np.log(np.linalg.eigvalsh(penalty_part)[n_free:]).sum()
        expected -= 0.5 * np.linalg.slogdet(data_matrix + penalty_part)[1]
        noise = 1.0
        if objective.loss.has_noise_level:
            noise = 2.0 * misfit * objective.data.total / size
            expected -= 0.5 * size * np.log(noise)
        expected -= objective.data.total * misfit / noise
        assert found.log_evidence == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_full_posterior_is_the_inverse_of_the_whole_matrix(loss):
    objective, parameters = draw_objective(
        np.random.default_rng(3), loss, (), n_samples=60, base="silu"
    )
    data_matrix, penalty_part = dense_matrices(objective, parameters)
    inverse = np.linalg.inv(data_matrix + penalty_part)
    posterior = full_posterior(objective, parameters)
    assert posterior.dof == pytest.approx(np.trace(inverse @ data_matrix), rel=1e-6)
    assert 0.0 < posterior.dof < len(parameters)
    log_det = np.linalg.slogdet(data_matrix + penalty_part)[1]
    assert posterior.log_det == pytest.approx(log_det, abs=1e-5)
    indices = objective.network.split(np.arange(len(parameters)))
    for covariance, index in zip(posterior.covariances, indices, strict=True):
        for i, j in np.ndindex(covariance.shape[:2]):
            own = index[i, :, j]
            assert_close(covariance[i, j], inverse[np.ix_(own, own)], 1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_node_posterior_is_the_inverse_node_by_node(loss):
    objective, parameters = draw_objective(
        np.random.default_rng(4), loss, (), n_samples=60, base="silu"
    )
    data_matrix, penalty_part = dense_matrices(objective, parameters)
    posterior = node_posterior(objective, parameters)
    dof, log_det = 0.0, 0.0
    indices = objective.network.split(np.arange(len(parameters)))
    for covariance, index in zip(posterior.covariances, indices, strict=True):
        n_in, n_features, n_out = index.shape
        for node in range(n_out):
            own = np.ix_(index[:, :, node].ravel(), index[:, :, node].ravel())
            inverse = np.linalg.inv((data_matrix + penalty_part)[own])
            dof += np.trace(inverse @ data_matrix[own])
            log_det -= np.linalg.slogdet(inverse)[1]
            by_edge = inverse.reshape(n_in, n_features, n_in, n_features)
            for i in range(n_in):
                assert_close(covariance[i, node], by_edge[i, :, i], 1e-5)
    assert posterior.dof == pytest.approx(dof, rel=1e-6)
    assert posterior.log_det == pytest.approx(log_det, abs=1e-5)


def every_weight(penalty):
    """Yield layer, form and edge of every weight."""
    for depth, own in enumerate(penalty.layers):
        for name, weight in own.weights.items():
            for edge in np.ndindex(weight.shape):
                yield depth, name, edge


def with_factor(objective, depth, name, edge, factor):
    """Return the objective with one weight multiplied."""
    weights = [
        {key: w.copy() for key, w in own.weights.items()} for own in objective.penalty.layers
    ]
    weights[depth][name][edge] *= factor
    return altered(objective, objective.penalty.with_weights(weights))


def by_factor(function, step=1e-4):
    """Return the derivative of a function of a factor by its logarithm, at 1."""
    return (function(np.exp(step)) - function(np.exp(-step))) / (2.0 * step)


@pytest.mark.parametrize("posterior_of", POSTERIORS)
@pytest.mark.parametrize("hidden", [(), (2,), (1, 2)])
@pytest.mark.parametrize("loss", LOSSES)
def test_covariances_are_the_derivatives_of_the_log_determinant(loss, hidden, posterior_of):
    """``d log det A / d alpha = tr(A^-1 S)`` for every weight ``alpha`` and its form ``S``."""
    objective, parameters = draw_objective(np.random.default_rng(9), loss, hidden, n_samples=60)
    covariances = posterior_of(objective, parameters).covariances
    for depth, name, (i, j) in every_weight(objective.penalty):

        def log_det(factor, depth=depth, name=name, edge=(i, j)):
            return posterior_of(
                with_factor(objective, depth, name, edge, factor), parameters
            ).log_det

        own = objective.penalty.layers[depth]
        trace = np.sum(covariances[depth][i, j] * own.forms[name][i])
        assert own.weights[name][i, j] * trace == pytest.approx(by_factor(log_det), abs=1e-5)


@pytest.mark.parametrize("posterior_of", POSTERIORS)
@pytest.mark.parametrize("hidden", [(), (2,), (1, 2)])
@pytest.mark.parametrize("loss", ["binary", "multinomial"])
def test_dof_is_the_derivative_of_the_log_determinant_by_the_data(loss, hidden, posterior_of):
    objective, parameters = draw_objective(np.random.default_rng(10), loss, hidden, n_samples=60)

    def log_det(factor):
        heavier = altered(objective, weight=factor * objective.data.weight)
        return posterior_of(heavier, parameters).log_det

    dof = posterior_of(objective, parameters).dof
    assert dof == pytest.approx(by_factor(log_det), abs=1e-5)


@pytest.mark.parametrize("posterior_of", POSTERIORS)
@pytest.mark.parametrize("hidden", [(), (2,), (1, 2)])
@pytest.mark.parametrize("loss", ["binary", "multinomial"])
def test_weights_move_where_the_evidence_grows(loss, hidden, posterior_of):
    """The step is the one that would make the derivative of the evidence vanish."""
    objective, parameters = draw_objective(np.random.default_rng(12), loss, hidden, n_samples=60)
    found = update_smoothing(objective, parameters, posterior_of)
    coefs = list(objective.network.split(parameters))
    for depth, name, edge in every_weight(objective.penalty):

        def log_evidence(factor, depth=depth, name=name, edge=edge):
            changed = with_factor(objective, depth, name, edge, factor)
            return update_smoothing(changed, parameters, posterior_of).log_evidence

        own = objective.penalty.layers[depth]
        move = found.by_edge.layers[depth].weights[name][edge] - own.weights[name][edge]
        expected = 0.5 * objective.data.total * own.energies(coefs[depth])[name][edge] * move
        assert by_factor(log_evidence) == pytest.approx(expected, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("posterior_of", POSTERIORS)
@pytest.mark.parametrize("hidden", [(), (2,), (1, 2)])
@pytest.mark.parametrize("loss", ["binary", "multinomial"])
def test_common_weights_move_where_the_evidence_grows(loss, hidden, posterior_of):
    objective, parameters = draw_objective(np.random.default_rng(13), loss, hidden, n_samples=60)
    common = Penalty(objective.network, 1e-3, 1e-2, softmax=loss == "multinomial")
    objective = altered(objective, common)
    found = update_smoothing(objective, parameters, posterior_of)
    layers = zip(common.layers, objective.network.split(parameters), strict=True)
    for depth, (own, coef) in enumerate(layers):
        for name, energies in own.energies(coef).items():
            weight = found.by_layer.layers[depth].weights[name]
            assert np.ptp(weight) == 0.0

            def log_evidence(factor, depth=depth, name=name):
                changed = with_factor(objective, depth, name, ..., factor)
                return update_smoothing(changed, parameters, posterior_of).log_evidence

            move = weight[0, 0] - own.weights[name][0, 0]
            expected = 0.5 * objective.data.total * energies.sum() * move
            assert by_factor(log_evidence) == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_the_only_edge_has_the_weights_of_its_layer():
    objective = curve_fit(np.sin, 0.3)
    found = update_smoothing(objective, linear_minimum(objective), full_posterior)
    for name, weight in found.by_edge.layers[0].weights.items():
        assert_close(found.by_layer.layers[0].weights[name], weight, 1e-13)


@pytest.mark.parametrize("order", ["C", "F"])
def test_node_views_are_the_places_of_the_nodes_in_the_whole_matrix(order):
    rng = np.random.default_rng(14)
    network = draw_network(rng, (2, 3, 1, 2), base="silu")
    size = network.n_parameters
    matrix = np.array(rng.normal(size=(size, size)), order=order)
    expected = matrix.copy()
    indices = network.split(np.arange(size))
    for views, index in zip(node_views(network, matrix), indices, strict=True):
        assert len(views) == index.shape[2]
        for node, view in enumerate(views):
            own = np.ix_(index[:, :, node].ravel(), index[:, :, node].ravel())
            np.testing.assert_array_equal(view, expected[own])
            view[:] = 7.0
            expected[own] = 7.0
    np.testing.assert_array_equal(matrix, expected)


@pytest.mark.parametrize("loss", ["squared", "two squared", "binary"])
def test_posteriors_agree_where_nodes_do_not_meet(loss):
    objective, parameters = draw_objective(np.random.default_rng(5), loss, (), n_samples=60)
    full, by_node = (posterior_of(objective, parameters) for posterior_of in POSTERIORS)
    assert by_node.dof == pytest.approx(full.dof, rel=1e-8)
    assert by_node.log_det == pytest.approx(full.log_det, abs=1e-7)
    assert_close(by_node.covariances[0], full.covariances[0], 1e-7)


@pytest.mark.parametrize("loss", LOSSES)
def test_noise_is_the_residual_variance_per_free_sample(loss):
    objective, parameters = draw_objective(np.random.default_rng(6), loss, (), n_samples=200)
    found = update_smoothing(objective, parameters, full_posterior)
    if not objective.loss.has_noise_level:
        assert found.noise == 1.0
        return
    network, data = objective.network.copy(), objective.data
    network.set_parameters(parameters)
    squares = ((network.outputs(data.inputs) - data.target) ** 2).sum(axis=1)
    free = data.total * data.target.shape[1] - found.dof
    assert found.noise == pytest.approx(data.total * data.weight @ squares / free, rel=1e-10)


@pytest.mark.parametrize("posterior_of", POSTERIORS)
@pytest.mark.parametrize("loss", LOSSES)
def test_weights_are_repetitions(loss, posterior_of):
    objective, parameters = draw_objective(np.random.default_rng(7), loss, (2,), n_samples=30)
    data = objective.data
    times = np.arange(30) % 3 + 1
    total = float(times.sum())
    counted = replace(data, weight=times / total, total=total)
    inputs, target = (np.repeat(part, times, axis=0) for part in (data.inputs, data.target))
    repeated = TrainingData(inputs, target, np.full(len(inputs), 1.0 / total), total)
    first, second = (
        update_smoothing(
            Objective(objective.network, samples, objective.loss, objective.penalty),
            parameters,
            posterior_of,
        )
        for samples in (counted, repeated)
    )
    assert second.noise == pytest.approx(first.noise, rel=1e-8)
    assert second.dof == pytest.approx(first.dof, rel=1e-6)
    assert second.log_evidence == pytest.approx(first.log_evidence, rel=1e-6, abs=1e-5)


def test_fixed_point_maximises_the_marginal_likelihood():
    found, objective = smoothed(curve_fit(lambda x: np.sin(4.0 * x), 0.3))
    weights = {name: float(w[0, 0]) for name, w in found.by_edge.layers[0].weights.items()}
    assert all(1e-6 < weight < 1e-1 for weight in weights.values())
    best = log_marginal(objective, found.noise)
    for name, weight in weights.items():
        for factor in (0.5, 0.8, 1.25, 2.0):
            layer = {key: np.full((1, 1), value) for key, value in weights.items()}
            layer[name] *= factor
            other = altered(objective, objective.penalty.with_weights([layer]))
            assert log_marginal(other, found.noise) < best, (name, factor * weight)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("start", [1e-6, 1e-3, 1.0])
def test_pure_noise_is_smoothed_away(start, seed):
    found, _ = smoothed(curve_fit(np.zeros_like, 1.0, seed=seed, weight=start))
    weights = found.by_edge.layers[0].weights
    assert min(weights["rough"][0, 0], weights["line"][0, 0]) > 1e-2
    assert found.dof < 2.0
    assert found.noise == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_a_noisy_line_becomes_a_line(seed):
    found, _ = smoothed(curve_fit(lambda x: 2.0 * x, 0.5, seed=seed))
    weights = found.by_edge.layers[0].weights
    assert weights["rough"][0, 0] > 1e-2
    assert weights["line"][0, 0] < 1e-2
    assert 1.9 < found.dof < 3.0


@pytest.mark.parametrize("start", [1e-6, 1e-3, 1.0])
def test_a_clean_smooth_curve_is_followed(start):
    found, _ = smoothed(curve_fit(lambda x: np.sin(2.0 * x), 0.0, weight=start))
    weights = found.by_edge.layers[0].weights
    assert max(weights["rough"][0, 0], weights["line"][0, 0]) < 1e-9
    assert found.dof > 10.5
    assert found.noise < 1e-7


def test_noise_level_is_found():
    found, objective = smoothed(curve_fit(lambda x: np.sin(4.0 * x), 0.3, n_samples=600))
    # The targets have been divided by their deviation: sine and noise.
    scale = 0.3 / np.sqrt(0.3**2 + 0.5 * (1.0 - np.sin(8.0) / 8.0))
    assert np.sqrt(found.noise) == pytest.approx(scale, rel=0.1)
    assert found.dof < 0.9 * objective.network.n_parameters


@pytest.mark.parametrize("posterior_of", POSTERIORS)
@pytest.mark.parametrize("weight", [LOWEST_WEIGHT, HIGHEST_WEIGHT])
@pytest.mark.parametrize("loss", LOSSES)
def test_extreme_weights_and_few_samples_give_finite_answers(loss, weight, posterior_of):
    rng = np.random.default_rng(8)
    objective, parameters = draw_objective(rng, loss, (2,), n_samples=6, base="silu")
    before = Penalty(objective.network, weight, weight, softmax=loss == "multinomial")
    found = update_smoothing(altered(objective, before), parameters, posterior_of)
    assert np.all(np.isfinite([found.noise, found.dof, found.log_evidence]))
    assert 0.0 <= found.dof <= len(parameters)
    if posterior_of is full_posterior:
        # A hundredth is what rounding leaves where the matrix is singular but for the ridge.
        assert found.dof <= 6 * (LOSSES[loss][1] - (loss == "multinomial")) + 0.05
    for own, layer in zip(found.by_edge.layers, objective.network.layers, strict=True):
        for weights in own.weights.values():
            assert weights.shape == (layer.n_in, layer.n_out)
            assert weights.min() >= LOWEST_WEIGHT
            assert weights.max() <= HIGHEST_WEIGHT
    for own in before.layers:
        for weights in own.weights.values():
            assert np.all(weights == weight)


def pair_of_masked(rng, loss="squared", base="silu"):
    """Return an objective with edges masked, and that of the network without them.

    The masked network has a third input and a third hidden node that no edge enters or leaves.
    """
    small, _ = draw_objective(rng, loss, (2,), n_samples=60, base=base)
    n_outputs = LOSSES[loss][1]
    large = draw_network(rng, (3, 3, n_outputs), base=base)
    for own, other in zip(large.layers, small.network.layers, strict=True):
        n_in, _, n_out = other.coef.shape
        ends = np.concatenate([other.grid.breakpoints, own.grid.breakpoints[n_in:]])
        own.grid = SplineGrid(ends, 3)
        own.coef[:n_in, :, :n_out] = other.coef
    used = np.array([[True], [True], [False]])
    large = large.masked([used & used.T, np.tile(used, (1, n_outputs))])
    inputs = np.column_stack([small.data.inputs, rng.uniform(-1.0, 1.0, size=60)])
    data = replace(small.data, inputs=inputs)
    penalty = draw_penalty(rng, large, softmax=loss == "multinomial")
    return Objective(large, data, small.loss, penalty), small


def of_small(small, penalty):
    """Return the small objective with the weights that its edges have in the masked network."""
    weights = [
        {name: w[: layer.n_in, : layer.n_subnodes] for name, w in own.weights.items()}
        for own, layer in zip(penalty.layers, small.network.layers, strict=True)
    ]
    return altered(small, small.penalty.with_weights(weights))


@pytest.mark.parametrize("posterior_of", POSTERIORS)
@pytest.mark.parametrize("loss", LOSSES)
def test_edges_that_are_masked_do_not_count(loss, posterior_of):
    rng = np.random.default_rng(15)
    masked, small = pair_of_masked(rng, loss)
    for _ in range(3):
        penalty = draw_penalty(rng, masked.network, softmax=loss == "multinomial")
        masked = altered(masked, penalty)
        small = of_small(small, penalty)
        found, expected = (
            update_smoothing(one, one.network.get_parameters(), posterior_of)
            for one in (masked, small)
        )
        assert found.noise == pytest.approx(expected.noise, rel=1e-9)
        assert found.dof == pytest.approx(expected.dof, rel=1e-7)
        assert found.log_evidence == pytest.approx(expected.log_evidence, abs=1e-6)
        for kind in ("by_edge", "by_layer"):
            layers = zip(
                getattr(found, kind).layers,
                getattr(expected, kind).layers,
                penalty.layers,
                masked.network.layers,
                strict=True,
            )
            for own, other, before, layer in layers:
                for name, weight in other.weights.items():
                    n_in, n_out = weight.shape
                    assert_close(own.weights[name][:n_in, :n_out], weight, 1e-6)
                    dead = ~layer.splined
                    np.testing.assert_array_equal(
                        own.weights[name][dead], before.weights[name][dead]
                    )


@pytest.mark.parametrize("posterior_of", POSTERIORS)
@pytest.mark.parametrize("traits", [("symbols",), TRAITS])
@pytest.mark.parametrize("loss", LOSSES)
def test_only_splines_of_partly_symbolic_networks_are_smoothed(loss, traits, posterior_of):
    objective, parameters = draw_objective(
        np.random.default_rng(18), loss, (3, 2), n_samples=80, base="silu", traits=traits
    )
    network, before = objective.network, objective.penalty
    found = update_smoothing(objective, parameters, posterior_of)
    assert np.all(np.isfinite([found.noise, found.dof, found.log_evidence]))
    n_splined = sum(int(layer.splined.sum()) * layer.n_features for layer in network.layers)
    assert 0.0 < found.dof <= n_splined < network.n_coefficients
    coefs = network.split(parameters)
    layers = zip(found.by_edge.layers, found.by_layer.layers, network.layers, coefs, strict=True)
    for depth, (by_edge, by_layer, layer, coef) in enumerate(layers):
        for name, energy in before.layers[depth].energies(coef).items():
            own, common = by_edge.weights[name], by_layer.weights[name]
            fixed, splined = before.layers[depth].weights[name][~layer.splined], layer.splined
            np.testing.assert_array_equal(own[~splined], fixed)
            np.testing.assert_array_equal(common[~splined], fixed)
            # In units of the noise of each output, where edges lead to one.
            last = depth == len(network.layers) - 1
            unit = found.loss.precision(common.shape[1]) if last else np.ones(common.shape[1])
            equal = (common / unit)[splined]
            np.testing.assert_allclose(equal, equal[:1].repeat(len(equal)), rtol=1e-12)
            # Weight times energy is, but for a factor, the degrees of freedom; they add up.
            total = (own * energy)[splined].sum()
            assert (common * energy)[splined].sum() == pytest.approx(total, rel=1e-10)


@pytest.mark.parametrize("posterior_of", POSTERIORS)
def test_symbolic_edges_are_taken_as_given(posterior_of):
    """To the splines, a symbolic edge into an output is part of the target."""
    rng = np.random.default_rng(17)
    plain, _ = draw_objective(rng, "squared", (), n_samples=60, n_inputs=3)
    edge = SymbolicEdge(FUNCTIONS["sin"], np.array([1.5, 0.3, 0.8, 0.1]))
    network = plain.network.with_symbol(0, 1, 0, edge)
    penalty = plain.penalty.for_edges_of(network)
    symbolic = Objective(network, plain.data, plain.loss, penalty)
    masked = plain.network.masked([[[True], [False], [True]]])
    target = plain.data.target - edge.value(plain.data.inputs[:, [1]])
    without = Objective(masked, replace(plain.data, target=target), plain.loss, penalty)
    found, expected = (
        update_smoothing(one, one.network.get_parameters(), posterior_of)
        for one in (symbolic, without)
    )
    assert found.dof == pytest.approx(expected.dof, rel=1e-9)
    assert found.noise == pytest.approx(expected.noise, rel=1e-9)
    assert found.log_evidence == pytest.approx(expected.log_evidence, rel=1e-9)
