from itertools import cycle, product

import numpy as np
import pytest
from networks import (
    LOSSES,
    TRAITS,
    altered,
    assert_close,
    central_differences,
    directional_differences,
    draw_objective,
    penalty_matrix,
    symmetric,
)
from scipy.sparse import issparse

from skkan.data import _blocks
from skkan.data._blocks import RowBlocks
from skkan.network import _features
from skkan.network.functions._base_functions import BASE_FUNCTIONS
from skkan.objective._block_sums import NormalEquations, ValueAndGradient
from skkan.objective._objective import Objective

HIDDEN = [(2,), (2, 2), (2, 1, 2)]
BASES = list(BASE_FUNCTIONS)
KINDS = [(), *((trait,) for trait in TRAITS), TRAITS]

# Every pair of loss, degree and depth, and every base function with each of the losses and degrees.
NETWORKS = [
    (*choice, base)
    for choice, base in zip(product(LOSSES, range(1, 6), HIDDEN), cycle(BASES), strict=False)
]


@pytest.mark.parametrize(
    ("loss", "degree", "hidden", "base", "traits"),
    [(*network, ()) for network in NETWORKS]
    + [(*network, traits) for network, traits in zip(NETWORKS, cycle(KINDS[1:]), strict=False)],
)
def test_gradient_agrees_with_differences(loss, degree, hidden, base, traits):
    rng = np.random.default_rng(0)
    objective, parameters = draw_objective(
        rng, loss, hidden, degree=degree, base=base, n_samples=8, traits=traits
    )
    value, gradient = objective.value_and_gradient(parameters)
    # A parameter that is wrong shows in every direction.
    directions = rng.normal(size=(4, len(parameters))) / np.sqrt(len(parameters))
    expected = directional_differences(objective.value, parameters, directions, step=1e-6)
    assert value == pytest.approx(objective.value(parameters), rel=1e-13)
    assert_close(directions @ gradient, expected, 1e-6)


@pytest.mark.parametrize("hidden", [(), *HIDDEN])
@pytest.mark.parametrize("loss", LOSSES)
def test_samples_of_weight_zero_count_for_nothing(loss, hidden):
    rng = np.random.default_rng(1)
    objective, parameters = draw_objective(rng, loss, hidden)
    data = objective.data
    masked = altered(objective, weight=np.where(np.arange(20) % 3 == 0, 0.0, data.weight))
    used = masked.data.weight > 0.0
    without = altered(
        objective, inputs=data.inputs[used], target=data.target[used], weight=data.weight[used]
    )
    for found, expected in zip(
        masked.normal_equations(parameters), without.normal_equations(parameters), strict=True
    ):
        assert_close(found, expected, 1e-12)
    expected = central_differences(masked.value, parameters, step=1e-6)
    assert_close(masked.value_and_gradient(parameters)[1], expected, 1e-6)


@pytest.mark.parametrize("traits", KINDS)
@pytest.mark.parametrize("hidden", [(), *HIDDEN])
@pytest.mark.parametrize("loss", LOSSES)
def test_gauss_newton_matrix_is_the_jacobian_times_its_transpose(loss, hidden, traits):
    objective, parameters = draw_objective(
        np.random.default_rng(2), loss, hidden, base="silu", traits=traits
    )
    network, data = objective.network, objective.data
    network.set_parameters(parameters)
    trace = network.trace(data.inputs)
    factor = objective.loss.curvature_factor(trace.nodes[-1], data.target, data.weight)
    jacobian = network.jacobian(trace, factor)
    value, gradient, matrix = objective.normal_equations(parameters)
    assert_close(symmetric(matrix), jacobian.T @ jacobian, 1e-12)
    expected_value, expected_gradient = objective.value_and_gradient(parameters)
    assert value == pytest.approx(expected_value, rel=1e-13)
    assert_close(gradient, expected_gradient, 1e-12)


@pytest.mark.parametrize("traits", KINDS)
@pytest.mark.parametrize("hidden", [(), *HIDDEN])
@pytest.mark.parametrize("loss", LOSSES)
def test_gauss_newton_product_is_that_of_the_matrix(loss, hidden, traits):
    rng = np.random.default_rng(11)
    objective, parameters = draw_objective(rng, loss, hidden, base="silu", traits=traits)
    expected = objective.normal_equations(parameters)
    matrix = symmetric(expected[2]) + penalty_matrix(objective.penalty, objective.network)
    value, gradient, product = objective.gauss_newton(parameters)
    assert value == pytest.approx(expected[0], rel=1e-13)
    assert_close(gradient, expected[1], 1e-12)
    # What is asked of the objective in between must not change the product.
    objective.value(2.0 * parameters)
    vector = rng.normal(size=parameters.shape)
    assert_close(product(vector), matrix @ vector, 1e-12)


@pytest.mark.parametrize("traits", KINDS)
@pytest.mark.parametrize("hidden", [(), *HIDDEN])
@pytest.mark.parametrize("loss", LOSSES)
def test_second_difference_is_what_the_outputs_do_beyond_their_tangent(loss, hidden, traits):
    rng = np.random.default_rng(14)
    objective, parameters = draw_objective(rng, loss, hidden, base="silu", traits=traits)
    change = 0.1 * rng.normal(size=parameters.shape)
    network, inputs = objective.network.copy(), objective.data.inputs
    network.set_parameters(parameters)
    trace = network.trace(inputs)
    factor = objective.loss.curvature_factor(
        trace.nodes[-1], objective.data.target, objective.data.weight
    )
    changed = network.copy()
    changed.set_parameters(parameters + change)
    n_outputs = network.shape[-1]
    unit = np.tile(np.eye(n_outputs), (len(inputs), 1, 1))
    jacobian = network.jacobian(trace, unit).reshape(len(inputs), n_outputs, -1)
    bend = changed.outputs(inputs) - trace.nodes[-1] - jacobian @ change
    weighted = np.einsum("nop,nqp,nq->no", factor, factor, bend)
    expected = np.einsum("nop,no->p", jacobian, weighted)
    found = objective.second_difference(parameters, change)
    size = np.abs(np.einsum("nop,no->p", jacobian, changed.outputs(inputs))).max()
    assert np.abs(found - expected).max() <= 1e-12 * size
    assert objective.bends == (any(expected > 1e-12 * size) and "symbols" not in traits)


@pytest.mark.parametrize("loss", LOSSES)
def test_gauss_newton_matrix_of_an_additive_model_is_the_hessian(loss):
    objective, parameters = draw_objective(np.random.default_rng(3), loss, (), base="silu")
    matrix = symmetric(objective.normal_equations(parameters)[2])
    matrix += penalty_matrix(objective.penalty, objective.network)
    expected = central_differences(lambda at: objective.value_and_gradient(at)[1], parameters)
    assert_close(matrix, expected, 1e-8)


@pytest.mark.parametrize("traits", KINDS)
@pytest.mark.parametrize("hidden", [(), *HIDDEN])
@pytest.mark.parametrize("loss", LOSSES)
def test_node_curvatures_are_the_diagonal_blocks(loss, hidden, traits):
    objective, parameters = draw_objective(
        np.random.default_rng(4), loss, hidden, base="silu", traits=traits
    )
    matrix = symmetric(objective.normal_equations(parameters)[2])
    indices = objective.network.split(np.arange(len(parameters)))
    for blocks, index in zip(objective.node_curvatures(parameters), indices, strict=True):
        assert len(blocks) == index.shape[2]
        for node, block in enumerate(blocks):
            own = index[:, :, node].ravel()
            assert_close(block, matrix[np.ix_(own, own)], 1e-12)
    diagonal = objective.curvatures(parameters)[1]
    assert_close(diagonal, matrix.diagonal()[objective.network.n_coefficients :], 1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_row_blocks_change_nothing(monkeypatch, loss):
    objective, parameters = draw_objective(np.random.default_rng(5), loss, (2,))
    whole = objective.normal_equations(parameters)
    nodes = objective.node_curvatures(parameters)
    value, gradient = objective.value_and_gradient(parameters)
    product = objective.gauss_newton(parameters)[2](gradient)
    monkeypatch.setattr(
        _blocks, "BLOCK_BYTES", 3 * ValueAndGradient(objective.network, objective.loss).row_bytes
    )
    monkeypatch.setattr(NormalEquations, "least_rows", 3)
    cut = altered(objective)
    for found, expected in zip(cut.normal_equations(parameters), whole, strict=True):
        assert_close(found, expected, 1e-12)
    for found, expected in zip(cut.node_curvatures(parameters), nodes, strict=True):
        assert_close(found, expected, 1e-12)
    assert cut.value(parameters) == pytest.approx(value, rel=1e-13)
    assert_close(cut.value_and_gradient(parameters)[1], gradient, 1e-12)
    assert_close(cut.gauss_newton(parameters)[2](gradient), product, 1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_threads_and_the_cache_change_nothing(monkeypatch, loss):
    monkeypatch.setattr(_blocks, "BLOCK_BYTES", 1)
    monkeypatch.setattr(NormalEquations, "least_rows", 3)
    plain, parameters = draw_objective(np.random.default_rng(13), loss, (2,), base="silu")
    layer = plain.network.layers[0]
    results = []
    for n_jobs, max_cache_bytes in [(1, 2**20), (3, 2**20), (3, 0)]:
        rows = RowBlocks(plain.data, layer, n_jobs, max_cache_bytes)
        assert (rows.features is None) == (max_cache_bytes == 0)
        one = Objective(plain.network, plain.data, plain.loss, plain.penalty, rows)
        value, gradient = one.value_and_gradient(parameters)
        results.append(
            [
                one.value(parameters),
                value,
                gradient,
                *one.normal_equations(parameters),
                *one.node_curvatures(parameters),
                one.gauss_newton(parameters)[2](gradient),
            ]
        )
    for other in results[1:]:
        for found, expected in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("traits", KINDS)
@pytest.mark.parametrize("loss", LOSSES)
def test_leaving_out_zeros_changes_nothing(monkeypatch, loss, traits):
    def everything(objective, parameters):
        value, gradient, product = objective.gauss_newton(parameters)
        yield from (value, gradient, product(gradient), objective.value(parameters))
        yield from objective.normal_equations(parameters)
        yield from objective.node_curvatures(parameters)

    dense, parameters = draw_objective(
        np.random.default_rng(14), loss, (3, 2), base="silu", traits=traits
    )
    assert isinstance(dense.rows.features, np.ndarray)
    expected = list(everything(dense, parameters))
    monkeypatch.setattr(_features, "SPARSE_FROM", 1)
    monkeypatch.setattr(_blocks, "BLOCK_BYTES", 7 * ValueAndGradient(dense.network, None).row_bytes)
    sparse = altered(dense)
    assert issparse(sparse.rows.features)
    for found, one in zip(everything(sparse, parameters), expected, strict=True):
        assert_close(found, one, 1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_value_is_mean_loss_plus_penalty(loss):
    objective, parameters = draw_objective(np.random.default_rng(6), loss, (2,))
    network, data = objective.network.copy(), objective.data
    network.set_parameters(parameters)
    mean_loss = objective.loss.value(network.outputs(data.inputs), data.target, data.weight)
    penalty, _ = objective.penalty.value_and_gradient(network, parameters)
    assert objective.data_value(parameters) == pytest.approx(mean_loss, rel=1e-13)
    assert objective.value(parameters) == pytest.approx(mean_loss + penalty, rel=1e-13)


def test_results_do_not_depend_on_what_was_asked_before():
    objective, first = draw_objective(np.random.default_rng(7), "squared", (2,))
    second = first + 0.1
    fresh = altered(objective).normal_equations(second)
    asked = first.copy()
    before = objective.normal_equations(asked)
    asked[:] = second
    for found, expected in zip(objective.normal_equations(asked), fresh, strict=True):
        assert_close(found, expected, 1e-14)
    for found, expected in zip(objective.normal_equations(first), before, strict=True):
        assert_close(found, expected, 1e-14)


def test_known_features_of_the_first_layer_change_nothing():
    objective, parameters = draw_objective(np.random.default_rng(8), "squared", (2,), base="silu")
    rows = objective.rows
    layer = objective.network.layers[0]
    np.testing.assert_array_equal(rows.features, layer.features(objective.data.inputs))
    other = Objective(objective.network, objective.data, objective.loss, objective.penalty, rows)
    assert other.rows is rows
    value, gradient = other.value_and_gradient(parameters)
    assert value == objective.value_and_gradient(parameters)[0]
    np.testing.assert_array_equal(gradient, objective.value_and_gradient(parameters)[1])


def test_the_network_given_is_left_alone():
    rng = np.random.default_rng(9)
    objective, parameters = draw_objective(rng, "squared", (2,))
    network = objective.network.copy()
    fresh = Objective(network, objective.data, objective.loss, objective.penalty)
    fresh.value_and_gradient(parameters + 1.0)
    fresh.normal_equations(parameters - 1.0)
    np.testing.assert_array_equal(network.get_parameters(), parameters)


def test_steps_beyond_all_numbers_have_a_value_that_is_not_finite():
    objective, parameters = draw_objective(np.random.default_rng(10), "squared", (2,))
    assert not np.isfinite(objective.value(1e200 * parameters))


def test_edges_that_are_no_splines_have_no_part_in_the_equations():
    rng = np.random.default_rng(12)
    plain, _ = draw_objective(rng, "multinomial", (3,), base="silu")
    masks = [rng.uniform(size=layer.active.shape) < 0.6 for layer in plain.network.layers]
    network = plain.network.masked(masks)
    # The penalty is that of the plain network.
    objective = Objective(network, plain.data, plain.loss, plain.penalty)
    parameters = rng.normal(size=network.n_parameters)
    cleared = np.concatenate(
        [
            np.where(mask[:, None, :], coef, 0.0).ravel()
            for mask, coef in zip(masks, network.split(parameters), strict=True)
        ]
    )
    unused = cleared == 0.0
    value, gradient, matrix = objective.normal_equations(parameters)
    matrix = symmetric(matrix) + penalty_matrix(objective.penalty, network)
    assert objective.value(cleared) == objective.value(parameters) == pytest.approx(value)
    for part in (gradient, matrix, objective.gauss_newton(parameters)[1]):
        assert not part[unused].any()
    assert not matrix[:, unused].any()
    for block, layer in zip(objective.penalty.node_blocks(), network.layers, strict=True):
        rows = np.repeat(~layer.splined, layer.n_features, axis=0).T
        assert not block[rows].any()
        assert not block.transpose(0, 2, 1)[rows].any()
