import numpy as np
import pytest
from networks import TRAITS, assert_close, central_differences, draw_network, draw_objective, points

from skkan.inspection._scores import network_activity
from skkan.objective._objective import Objective
from skkan.objective._sparsity import Sparsity
from skkan.solvers._lbfgs import minimize_lbfgs
from skkan.solvers._lm import KrylovSystem, minimize_lm


def drawn(seed=0, shape=(2, 3, 2), traits=(), strength=0.7):
    rng = np.random.default_rng(seed)
    network = draw_network(rng, shape, base="tanh", traits=traits)
    inputs = rng.uniform(-1.0, 1.0, size=(60, shape[0]))
    weight = np.full(60, 1.0 / 60)
    return network, inputs, Sparsity.of(network, points(inputs, weight).rows(), strength)


def with_sparsity(objective, strength):
    data = objective.data
    sparsity = Sparsity.of(objective.network, objective.rows, strength)
    return Objective(objective.network, data, objective.loss, objective.penalty, sparsity=sparsity)


@pytest.mark.parametrize("traits", [(), ("products",)])
def test_the_value_is_that_of_the_paper(traits):
    network, inputs, sparsity = drawn(traits=traits)
    sparsity.epsilon = 0.0
    expected = 0.0
    for own in network_activity(network, points(inputs, np.full(60, 1.0 / 60))):
        share = own.magnitudes / own.magnitudes.sum()
        expected += 0.7 * (own.magnitudes.sum() - (share * np.log(share)).sum())
    value = sparsity.value_and_gradient(network, network.get_parameters())[0]
    assert value == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("traits", [(), TRAITS])
@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_gradient(traits, scale):
    network, _, sparsity = drawn(traits=traits)
    parameters = scale * network.get_parameters()
    gradient = sparsity.value_and_gradient(network, parameters)[1]
    expected = central_differences(
        lambda p: sparsity.value_and_gradient(network, p)[0], parameters, 1e-5 * scale
    )
    assert_close(gradient, expected, 1e-6)


@pytest.mark.parametrize("traits", [(), TRAITS])
def test_the_forms_of_the_curvature_agree(traits):
    network, _, sparsity = drawn(traits=traits)
    parameters = network.get_parameters()
    rates = sparsity.rates(network, parameters)
    matrix = np.zeros((len(parameters),) * 2)
    sparsity.add_hessian(network, rates, matrix)
    assert_close(matrix, matrix.T, 1e-14)
    assert np.linalg.eigvalsh(matrix).min() > -1e-12 * matrix.max()
    vector = np.random.default_rng(1).normal(size=len(parameters))
    assert_close(sparsity.product(network, rates, vector), matrix @ vector, 1e-12)
    start = 0
    for layer, blocks in zip(network.layers, sparsity.node_blocks(rates), strict=True):
        n_in, m, n_out = layer.coef.shape
        own = matrix[start : start + layer.coef.size, start : start + layer.coef.size]
        own = own.reshape(n_in * m, n_out, n_in * m, n_out)
        for j in range(n_out):
            assert_close(blocks[j], own[:, j, :, j], 1e-14)
        start += layer.coef.size


def test_the_curvature_bounds_the_magnitudes():
    network, _, sparsity = drawn(strength=1.0)
    coef = network.layers[0].coef
    magnitudes = sparsity._magnitudes(0, coef)[1]
    other = coef + np.random.default_rng(2).normal(size=coef.shape)
    products, moved = sparsity._magnitudes(0, other)
    bound = magnitudes + 0.5 * ((products * other).sum(axis=1) + 1e-8 - magnitudes**2) / magnitudes
    assert np.all(moved <= bound * (1.0 + 1e-12))


def test_inactive_edges_and_constant_features_are_no_trouble():
    network, inputs, _ = drawn()
    masks = [np.zeros((2, 3), dtype=bool), np.ones((3, 2), dtype=bool)]
    network = network.masked(masks)
    sparsity = Sparsity.of(
        network, points(np.zeros_like(inputs), np.full(60, 1.0 / 60)).rows(), 1.0
    )
    parameters = network.get_parameters()
    value, gradient = sparsity.value_and_gradient(network, parameters)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert all(np.isfinite(rate).all() for rate in sparsity.rates(network, parameters))


@pytest.mark.parametrize("loss_name", ["squared", "multinomial"])
def test_the_objective_adds_it(loss_name):
    plain, parameters = draw_objective(np.random.default_rng(3), loss_name, (3,))
    objective = with_sparsity(plain, 0.3)
    own, slope = objective.sparsity.value_and_gradient(objective.network, parameters)
    for evaluate in (
        lambda o: o.value_and_gradient(parameters),
        lambda o: o.normal_equations(parameters)[:2],
        lambda o: o.gauss_newton(parameters)[:2],
    ):
        assert evaluate(objective)[0] == pytest.approx(evaluate(plain)[0] + own)
        assert_close(evaluate(objective)[1], evaluate(plain)[1] + slope, 1e-12)
    assert objective.value(parameters) == pytest.approx(plain.value(parameters) + own)


def test_the_operator_of_the_objective_is_its_matrix():
    plain, parameters = draw_objective(np.random.default_rng(4), "squared", (3,))
    objective = with_sparsity(plain, 0.3)
    loss = np.tril(objective.normal_equations(parameters)[2])
    matrix = loss + np.tril(loss, -1).T
    objective.add_penalty_hessian(parameters, matrix)
    vector = np.random.default_rng(5).normal(size=len(parameters))
    assert_close(objective.gauss_newton(parameters)[2](vector), matrix @ vector, 1e-10)
    system = KrylovSystem(objective)
    system.move_to(parameters)
    assert_close(system.scale, matrix.diagonal(), 1e-10)


@pytest.mark.parametrize("minimize", [minimize_lm, minimize_lbfgs])
def test_solvers_take_it_down(minimize):
    plain, parameters = draw_objective(np.random.default_rng(6), "squared", (3,), n_samples=60)
    objective = with_sparsity(plain, 0.05)
    found = minimize(objective, parameters, 200, 1e-9)
    assert found.value < 0.5 * objective.value(parameters)
    gradient = objective.value_and_gradient(found.parameters)[1]
    assert np.linalg.norm(gradient) < 1e-2 * np.linalg.norm(
        objective.value_and_gradient(parameters)[1]
    )


def test_it_makes_edges_vanish():
    rng = np.random.default_rng(7)
    plain, parameters = draw_objective(rng, "squared", (), n_samples=200, n_inputs=4)
    data = plain.data
    data.target[:, 0] = np.sin(2.0 * data.inputs[:, 0]) + 0.3 * rng.normal(size=200)
    shares = []
    for objective in (plain, with_sparsity(plain, 0.1)):
        found = minimize_lm(objective, parameters, 200, 1e-9)
        network = objective.network.copy()
        network.set_parameters(found.parameters)
        magnitudes = network_activity(network, points(data.inputs, data.weight))[0].magnitudes[:, 0]
        shares.append(magnitudes[1:] / magnitudes[0])
    assert shares[0].max() > 0.05
    assert shares[1].max() < 1e-2
