import numpy as np
import pytest
from networks import (
    LOSSES,
    TRAITS,
    altered,
    assert_close,
    central_differences,
    draw_objective,
    linear_minimum,
)

from skkan.objective._penalties import Penalty
from skkan.solvers._lbfgs import Whitening, minimize_lbfgs


@pytest.mark.parametrize("traits", [(), TRAITS])
@pytest.mark.parametrize("hidden", [(), (3,), (2, 2)])
@pytest.mark.parametrize("loss", LOSSES)
def test_colouring_undoes_whitening(loss, hidden, traits):
    objective, parameters = draw_objective(np.random.default_rng(0), loss, hidden, traits=traits)
    whitening = Whitening(objective, parameters)
    other = np.random.default_rng(1).normal(size=parameters.shape)
    assert_close(whitening.colour(whitening.whiten(other)), other, 1e-8)
    assert_close(whitening.whiten(whitening.colour(other)), other, 1e-8)


@pytest.mark.parametrize("traits", [(), TRAITS])
@pytest.mark.parametrize("hidden", [(), (3,), (2, 2)])
def test_pulled_gradient_is_the_gradient_by_the_whitened_parameters(hidden, traits):
    objective, parameters = draw_objective(
        np.random.default_rng(2), "two squared", hidden, traits=traits
    )
    whitening = Whitening(objective, parameters)
    z = whitening.whiten(parameters)
    _, gradient = objective.value_and_gradient(parameters)
    direction = np.random.default_rng(3).normal(size=z.shape)
    along = gradient @ whitening.colour(direction)
    assert whitening.pull_gradient(gradient) @ direction == pytest.approx(along, rel=1e-9)


@pytest.mark.parametrize("loss", ["squared", "two squared", "binary"])
def test_whitened_additive_problem_is_round(loss):
    objective, parameters = draw_objective(np.random.default_rng(4), loss, (), n_samples=60)
    whitening = Whitening(objective, parameters)

    def gradient(z):
        return whitening.pull_gradient(objective.value_and_gradient(whitening.colour(z))[1])

    z = whitening.whiten(parameters)
    hessian = central_differences(gradient, z, step=1e-4)
    np.testing.assert_allclose(hessian, np.eye(len(z)), rtol=0.0, atol=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
def test_whitening_stands_more_coefficients_than_samples(loss):
    objective, parameters = draw_objective(np.random.default_rng(5), loss, (2,), n_samples=3)
    penalty = Penalty(objective.network, 1e-15, 1e-15, softmax=loss == "multinomial")
    poor = altered(objective, penalty)
    whitening = Whitening(poor, parameters)
    assert np.all(np.isfinite(whitening.colour(whitening.whiten(parameters))))
    found = minimize_lbfgs(poor, parameters, 5, 1e-9)
    assert found.value < poor.value(parameters)


def test_whitening_stands_a_node_that_nothing_depends_on():
    objective, _ = draw_objective(np.random.default_rng(7), "squared", (2,), n_inputs=1)
    network = objective.network.copy()
    network.layers[1].coef[1] = 0.0
    weights = [
        {name: np.zeros_like(weight) for name, weight in own.weights.items()}
        for own in objective.penalty.layers
    ]
    free = altered(objective, objective.penalty.with_weights(weights))
    start = network.get_parameters()
    found = minimize_lbfgs(free, start, 5, 1e-9)
    assert found.value < free.value(start)


@pytest.mark.parametrize("weight", [1e-9, 1e-3, 1e3])
def test_ill_conditioned_additive_problem_takes_a_few_iterations(weight):
    objective, start = draw_objective(np.random.default_rng(6), "two squared", (), n_samples=60)
    objective = altered(objective, Penalty(objective.network, weight, weight))
    found = minimize_lbfgs(objective, start, 6, 1e-12)
    assert found.value == pytest.approx(objective.value(linear_minimum(objective)), rel=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_coefficients_of_edges_that_are_no_splines_stay_zero(loss):
    rng = np.random.default_rng(8)
    objective, start = draw_objective(rng, loss, (3,), n_samples=60, base="silu", traits=TRAITS)
    found = minimize_lbfgs(objective, start, 20, 1e-9)
    assert found.value < 0.9 * objective.value(start)
    layers = objective.network.layers
    for layer, coef in zip(layers, objective.network.split(found.parameters), strict=True):
        assert not coef.transpose(0, 2, 1)[~layer.splined].any()
