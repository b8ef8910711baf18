import numpy as np
import pytest
from networks import (
    assert_close,
    central_differences,
    draw_network,
    draw_penalty,
    even_grid,
    penalty_matrix,
    uneven_grid,
)

from skkan._base_functions import BASE_FUNCTIONS
from skkan._layer import Layer
from skkan._penalties import HIGHEST_WEIGHT, LOWEST_WEIGHT, LayerPenalty, Penalty

BASES = list(BASE_FUNCTIONS)
DEGREES = range(1, 6)


def draw(base="silu", softmax=False, shape=(2, 3, 2), degree=3, seed=0):
    rng = np.random.default_rng(seed)
    network = draw_network(rng, shape, base=base, degree=degree)
    return network, draw_penalty(rng, network, softmax), network.get_parameters()


def spline_layer(grid, coef):
    """Return a layer of one output without base function."""
    return Layer(grid, coef[:, :, None], None)


def rounding(form, coef):
    """Return what rounding may leave of a quadratic form that is zero."""
    return 1e-14 * np.abs(form).max() * np.abs(coef).max() ** 2


@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize("base", BASES)
def test_gradient_agrees_with_differences(base, softmax):
    network, penalty, parameters = draw(base, softmax)
    _, gradient = penalty.value_and_gradient(network, parameters)
    expected = central_differences(
        lambda at: penalty.value_and_gradient(network, at)[0], parameters, step=1e-3
    )
    assert_close(gradient, expected, 1e-9)


@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("degree", DEGREES)
def test_value_and_gradient_are_those_of_the_hessian(degree, base, softmax):
    network, penalty, parameters = draw(base, softmax, degree=degree)
    matrix = penalty_matrix(penalty, network)
    value, gradient = penalty.value_and_gradient(network, parameters)
    assert_close(matrix, matrix.T, 1e-14)
    assert_close(gradient, matrix @ parameters, 1e-12)
    assert value == pytest.approx(0.5 * parameters @ matrix @ parameters, rel=1e-12)


def test_add_hessian_adds():
    network, penalty, parameters = draw()
    start = np.random.default_rng(1).normal(size=(len(parameters), len(parameters)))
    for order in "CF":
        matrix = np.array(start, order=order)
        penalty.add_hessian(network, matrix)
        assert_close(matrix, start + penalty_matrix(penalty, network), 1e-14)


@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize("base", ["zero", "silu"])
def test_node_blocks_are_the_diagonal_blocks_of_the_hessian(base, softmax):
    network, penalty, parameters = draw(base, softmax)
    matrix = penalty_matrix(penalty, network)
    indices = network.split(np.arange(len(parameters)))
    for blocks, index in zip(penalty.node_blocks(), indices, strict=True):
        assert len(blocks) == index.shape[2]
        for node, block in enumerate(blocks):
            own = index[:, :, node].ravel()
            assert_close(block, matrix[np.ix_(own, own)], 1e-13)


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("even", [True, False])
def test_straight_lines_cost_no_roughness_and_their_slope_squared(even, degree):
    rng = np.random.default_rng(2)
    grid = even_grid(3, 5, degree) if even else uneven_grid(rng, 3, 5, degree)
    slope, constant = rng.normal(size=(2, 3, 1))
    layer = spline_layer(grid, constant + slope * grid.greville())
    own = LayerPenalty.of(layer, 1.0, 1.0)
    energies = own.energies(layer.coef)
    assert np.abs(energies["rough"]).max() < rounding(own.forms["rough"], layer.coef)
    np.testing.assert_allclose(energies["line"], (slope * layer.half_span[:, None]) ** 2, rtol=1e-9)


@pytest.mark.parametrize("degree", DEGREES)
def test_constants_cost_nothing(degree):
    grid = uneven_grid(np.random.default_rng(3), 2, 5, degree)
    layer = spline_layer(grid, np.ones((2, grid.n_splines)))
    own = LayerPenalty.of(layer, 1.0, 1.0)
    for name, energy in own.energies(layer.coef).items():
        assert np.abs(energy).max() < rounding(own.forms[name], layer.coef)
    assert own.constant @ layer.coef[0, :, 0] == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize(
    ("base", "free", "costly"), [("identity", "rough", "line"), ("silu", "line", "rough")]
)
def test_base_function_counts_as_line_only_where_it_is_one(base, free, costly):
    network, _, _ = draw(base)
    layer = network.layers[0]
    layer.coef[:, :-1] = 0.0
    layer.coef[:, -1] = 1.0
    energies = LayerPenalty.of(layer, 1.0, 1.0).energies(layer.coef)
    assert not energies[free].any()
    assert energies[costly].min() > 0.1


@pytest.mark.parametrize("degree", [2, 3, 4, 5])
def test_roughness_approaches_the_integral_of_the_squared_second_derivative(degree):
    errors = []
    for grid_size in (50, 200):
        grid = even_grid(1, grid_size, degree)
        layer = spline_layer(grid, np.sin(3.0 * grid.greville()))
        rough = LayerPenalty.of(layer, 1.0, 1.0).energies(layer.coef)["rough"][0, 0]
        # The integral of (9 sin(3 u))^2 from -1 to 1.
        errors.append(abs(rough / (81.0 * (1.0 - np.sin(6.0) / 6.0)) - 1.0))
    assert errors[1] < 0.02
    assert errors[1] < 0.5 * errors[0]


@pytest.mark.parametrize("degree", DEGREES)
def test_forms_do_not_depend_on_the_position_and_scale_of_the_grid(degree):
    rng = np.random.default_rng(4)
    grid = uneven_grid(rng, 2, 5, degree)
    moved = type(grid)(7.0 + 1e3 * grid.breakpoints, degree)
    coef = rng.normal(size=(2, grid.n_splines))
    before = LayerPenalty.of(spline_layer(grid, coef), 1.0, 1.0)
    after = LayerPenalty.of(spline_layer(moved, coef), 1.0, 1.0)
    for name, form in before.forms.items():
        assert_close(after.forms[name], form, 1e-9)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("degree", DEGREES)
def test_forms_have_orthogonal_ranges_of_the_stated_ranks(degree, base):
    network, _, _ = draw(base, degree=degree)
    own = LayerPenalty.of(network.layers[0], 1.0, 1.0)
    rough, line = own.forms["rough"], own.forms["line"]
    assert np.abs(rough @ line).max() < 1e-10 * np.abs(rough).max() * np.abs(line).max()
    assert own.ranks["rough"] + own.ranks["line"] == network.layers[0].n_features - 1
    for name, form in own.forms.items():
        for node in range(2):
            eigenvalues = np.linalg.eigvalsh(form[node])
            kept = eigenvalues[eigenvalues > 1e-10 * eigenvalues[-1]]
            assert len(kept) == own.ranks[name]
            assert own.log_dets[name][node] == pytest.approx(np.log(kept).sum(), abs=1e-6)


@pytest.mark.parametrize("degree", DEGREES)
def test_smallest_grid_has_forms(degree):
    layer = spline_layer(even_grid(1, 1, degree), np.ones((1, degree + 1)))
    own = LayerPenalty.of(layer, 1.0, 1.0)
    assert own.ranks == {"rough": degree - 1, "line": 1}
    assert all(np.isfinite(values).all() for values in own.log_dets.values())


@pytest.mark.parametrize(("softmax", "costs"), [(False, False), (True, True)])
def test_only_under_a_softmax_a_constant_of_all_outputs_costs(softmax, costs):
    network, _, _ = draw("zero", shape=(3, 2))
    penalty = Penalty(network, 1.0, 1.0, softmax)
    value, _ = penalty.value_and_gradient(network, np.ones(network.n_parameters))
    assert (value > 1e-6) == costs


@pytest.mark.parametrize("softmax", [False, True])
def test_constants_traded_between_edges_into_one_node_cost(softmax):
    network, _, parameters = draw("zero", shape=(3, 2), seed=5)
    penalty = Penalty(network, 1e-3, 1e-3, softmax)
    traded = network.copy()
    traded.layers[0].coef[0, :, 1] += 2.0
    traded.layers[0].coef[2, :, 1] -= 2.0
    inputs = np.random.default_rng(6).uniform(-1.0, 1.0, size=(10, 3))
    assert_close(traded.outputs(inputs), network.outputs(inputs), 1e-13)
    shift = traded.get_parameters() - parameters
    assert shift @ penalty_matrix(penalty, network) @ shift > 1e-3


def test_carried_weights_keep_the_cost_of_shrunk_edges():
    network, penalty, _ = draw("silu", seed=7)
    shrink = [np.array([0.3, 2.0, 5.0]), np.array([1.0, 1.0])]
    smaller = network.copy()
    for layer, factor in zip(smaller.layers, shrink, strict=True):
        layer.coef /= factor
    carried = penalty.carried_to(smaller, shrink)
    for depth, own in enumerate(penalty.layers):
        before = own.energies(network.layers[depth].coef)
        after = carried.layers[depth].energies(smaller.layers[depth].coef)
        for name, weight in own.weights.items():
            cost = weight * before[name]
            assert_close(carried.layers[depth].weights[name] * after[name], cost, 1e-12)


def test_carried_weights_stay_within_their_limits():
    network, penalty, _ = draw("zero", shape=(2, 2, 1))
    carried = penalty.carried_to(network, [np.array([1e-12, 1e12]), np.ones(1)])
    for weight in carried.layers[0].weights.values():
        np.testing.assert_array_equal(weight, [[LOWEST_WEIGHT, HIGHEST_WEIGHT]] * 2)


def test_no_weight_falls_below_its_floor():
    network, _, _ = draw("zero", shape=(2, 2, 1))
    floors = {"rough": 1e-2, "line": 1e-4}
    penalty = Penalty(network, 0.0, 1.0, floors=floors)
    carried = penalty.carried_to(network, [np.array([1e-3, 10.0]), np.ones(1)])
    assert carried.floors == floors
    for own, rough, line in (
        (penalty.layers[0], [1e-2, 1e-2], [1.0, 1.0]),
        (carried.layers[0], [1e-2, 1.0], [1e-4, 100.0]),
    ):
        np.testing.assert_allclose(own.weights["rough"], [rough] * 2, rtol=1e-12)
        np.testing.assert_allclose(own.weights["line"], [line] * 2, rtol=1e-12)


def test_shift_priors_hold_the_constants_of_hidden_nodes():
    network, penalty, _ = draw(shape=(2, 3, 2))
    before, blocks = penalty.node_blocks(), penalty.node_blocks()
    log_det = penalty.add_shift_priors(blocks, 0.3)
    np.testing.assert_array_equal(blocks[1], before[1])
    expected = 0.0
    for added, coef in zip(blocks[0] - before[0], network.layers[0].coef.T, strict=True):
        own = coef.T.ravel()
        constant = coef.T[:, : network.layers[0].grid.n_splines].mean(axis=1).sum()
        assert own @ added @ own == pytest.approx(0.3 * constant**2, rel=1e-9)
        expected += np.log(np.linalg.eigvalsh(added)[-1])
    assert log_det == pytest.approx(expected, rel=1e-9)


def test_with_weights_changes_a_copy():
    network, penalty, parameters = draw()
    before, _ = penalty.value_and_gradient(network, parameters)
    weights = [{name: 2.0 * w for name, w in own.weights.items()} for own in penalty.layers]
    other = penalty.with_weights(weights)
    for own, new in zip(penalty.layers, other.layers, strict=True):
        for name in own.weights:
            np.testing.assert_array_equal(new.weights[name], 2.0 * own.weights[name])
    assert other.value_and_gradient(network, parameters)[0] > before
    assert penalty.value_and_gradient(network, parameters)[0] == before


def test_with_inputs_goes_with_the_network():
    network, penalty, parameters = draw(shape=(4, 3, 2))
    order = np.array([2, 0, 3, 1])
    permuted = network.with_inputs(order)
    value, _ = penalty.with_inputs(order).value_and_gradient(permuted, permuted.get_parameters())
    assert value == pytest.approx(penalty.value_and_gradient(network, parameters)[0], rel=1e-13)
    np.testing.assert_array_equal(
        penalty.with_inputs(order).layers[0].log_dets["rough"],
        penalty.layers[0].log_dets["rough"][order],
    )


def test_first_weights_are_those_asked_for():
    network, _, _ = draw()
    for own, layer in zip(Penalty(network, 0.5, 0.25).layers, network.layers, strict=True):
        np.testing.assert_array_equal(own.weights["rough"], np.full((layer.n_in, layer.n_out), 0.5))
        np.testing.assert_array_equal(own.weights["line"], np.full((layer.n_in, layer.n_out), 0.25))


@pytest.mark.parametrize("softmax", [False, True])
def test_edges_that_are_no_splines_cost_nothing_and_do_not_bias_the_others(softmax):
    rng = np.random.default_rng(8)
    network, _, _ = draw("zero", shape=(4, 3), seed=8)
    mask = np.array([[1, 0, 1], [0, 1, 1], [1, 0, 1], [0, 0, 1]], dtype=bool)
    network = network.masked([mask])
    penalty = Penalty(network, 1e-3, 1e-3, softmax)
    shifts = rng.normal(size=3)
    if softmax:
        shifts -= (mask.sum(axis=0) @ shifts) / mask.sum()
    layer = network.layers[0]
    coef = np.where(mask[:, None, :], np.broadcast_to(shifts, layer.coef.shape), 0.0)
    value, gradient = penalty.value_and_gradient(network, coef.ravel())
    assert value == pytest.approx(0.0, abs=1e-15)
    assert_close(gradient + 1.0, np.ones(layer.coef.size), 1e-14)
    parameters = rng.normal(size=layer.coef.size)
    value, gradient = penalty.value_and_gradient(network, parameters)
    matrix = penalty_matrix(penalty, network)
    assert value == pytest.approx(0.5 * parameters @ matrix @ parameters, rel=1e-12)
    assert_close(gradient, matrix @ parameters, 1e-12)
    unused = np.broadcast_to(~mask[:, None, :], layer.coef.shape).ravel()
    assert not gradient[unused].any()
    assert not matrix[unused].any()
    assert not matrix[:, unused].any()


def test_masks_go_with_the_inputs():
    rng = np.random.default_rng(9)
    network, _, _ = draw(shape=(4, 3, 2))
    network = network.masked(
        [rng.uniform(size=layer.active.shape) < 0.6 for layer in network.layers]
    )
    penalty = Penalty(network, 1e-3, 1e-2)
    order = np.array([2, 0, 3, 1])
    permuted = network.with_inputs(order)
    value, _ = penalty.with_inputs(order).value_and_gradient(permuted, permuted.get_parameters())
    expected = penalty.value_and_gradient(network, network.get_parameters())[0]
    assert value == pytest.approx(expected, rel=1e-13)


def test_an_output_without_splines_leaves_the_others_their_constants():
    """Under a softmax a constant of all outputs is then no longer free."""
    network, _, _ = draw("zero", shape=(2, 2))
    penalty = Penalty(network.masked([np.array([[1, 0], [1, 0]])]), 1.0, 1.0, softmax=True)
    value, _ = penalty.value_and_gradient(network, np.ones(network.n_parameters))
    assert value == pytest.approx(0.0, abs=1e-12)
