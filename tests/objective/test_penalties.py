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

from skkan.network._layer import Layer
from skkan.network.functions._base_functions import BASE_FUNCTIONS
from skkan.objective._penalties import BENDING, HIGHEST_WEIGHT, LOWEST_WEIGHT, LayerPenalty, Penalty

BASES = list(BASE_FUNCTIONS)
DEGREES = range(1, 6)


def stiff(degree):
    """Return the highest order of the roughness, that of the jumps."""
    return degree + 1


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


@pytest.mark.parametrize("order_of", [lambda _: BENDING, stiff], ids=["bending", "stiff"])
@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("degree", DEGREES)
def test_forms_have_orthogonal_ranges_of_the_stated_ranks(degree, base, order_of):
    network, _, _ = draw(base, degree=degree)
    own = LayerPenalty.of(network.layers[0], 1.0, 1.0, order_of(degree))
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


def polynomial_coef(grid, polynomials):
    """Return the coefficients of polynomials of the grid coordinate, one for every node."""
    sites = np.linspace(grid.low, grid.high, 4 * grid.n_splines)
    u = 2.0 * (sites - grid.low) / (grid.high - grid.low) - 1.0
    values = [np.polyval(own, at) for own, at in zip(polynomials, u.T, strict=True)]
    basis = grid.dense(sites).transpose(1, 0, 2)
    return (np.linalg.pinv(basis) @ np.array(values)[:, :, None])[:, :, 0]


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("even", [True, False])
def test_polynomials_cost_their_bending_whatever_the_order(even, degree):
    rng = np.random.default_rng(10)
    grid = even_grid(3, 5, degree) if even else uneven_grid(rng, 3, 5, degree)
    layer = spline_layer(grid, polynomial_coef(grid, rng.normal(size=(3, degree + 1))))
    bending = LayerPenalty.of(layer, 1.0, 1.0).energies(layer.coef)
    with_jumps = LayerPenalty.of(layer, 1.0, 1.0, stiff(degree)).energies(layer.coef)
    for name, energy in bending.items():
        np.testing.assert_allclose(with_jumps[name], energy, rtol=1e-8, atol=1e-15)
    assert degree == 1 or bending["rough"].min() > 1e-3


@pytest.mark.parametrize("degree", range(2, 6))
@pytest.mark.parametrize("even", [True, False])
def test_highest_order_adds_the_jumps_of_the_highest_derivative(even, degree):
    rng = np.random.default_rng(11)
    grid = even_grid(3, 6, degree) if even else uneven_grid(rng, 3, 6, degree)
    layer = spline_layer(grid, rng.normal(size=(3, grid.n_splines)))
    bending, with_jumps = (
        LayerPenalty.of(layer, 1.0, 1.0, order).energies(layer.coef)["rough"][:, 0]
        for order in (BENDING, stiff(degree))
    )
    # The highest derivative, which is constant within an interval, in the grid coordinate.
    middles = 0.5 * (grid.breakpoints[:, 1:] + grid.breakpoints[:, :-1])
    highest = np.einsum("smn,mno->ms", grid.dense(middles.T, degree), layer.coef)
    jumps = np.diff(highest, axis=1) * layer.half_span[:, None] ** degree
    lengths = np.diff(grid.breakpoints, axis=1) / layer.half_span[:, None]
    means = 0.5 * (lengths[:, 1:] + lengths[:, :-1])
    np.testing.assert_allclose(with_jumps - bending, (jumps**2 / means).sum(axis=1), rtol=1e-9)


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("order_of", [lambda _: BENDING, stiff], ids=["bending", "stiff"])
def test_energies_are_never_negative_on_fine_grids(order_of, degree):
    """A quadratic form, multiplied out, loses its sign to rounding."""
    rng = np.random.default_rng(12)
    grid = uneven_grid(rng, 4, 80, degree)
    slope, constant = rng.normal(size=(2, 4, 1))
    layer = spline_layer(grid, constant + slope * grid.greville())
    own = LayerPenalty.of(layer, 1.0, 1.0, order_of(degree))
    energies = own.energies(layer.coef)
    assert min(energy.min() for energy in energies.values()) >= 0.0
    scale = np.abs(own.forms["rough"]).max() * np.abs(layer.coef).max() ** 2
    assert energies["rough"].max() < 1e-20 * scale
    assert np.all(np.isfinite(own.log_dets["rough"]))


@pytest.mark.parametrize("base", ["zero", "silu"])
def test_another_order_keeps_the_cost_of_every_edge(base):
    network, penalty, parameters = draw(base, seed=13)
    other = penalty.of_order(network, 4)
    assert (penalty.order, other.order) == (BENDING, 4)
    for before, after, layer in zip(penalty.layers, other.layers, network.layers, strict=True):
        old, new = before.energies(layer.coef), after.energies(layer.coef)
        assert np.all(new["rough"] > 1.1 * old["rough"])
        for name, weight in before.weights.items():
            assert_close(after.weights[name] * new[name], weight * old[name], 1e-12)
    value, _ = other.value_and_gradient(network, parameters)
    assert value == pytest.approx(penalty.value_and_gradient(network, parameters)[0], rel=1e-12)


def test_another_order_keeps_limits_and_softmax():
    network, _, _ = draw("zero", softmax=True)
    floors = {"rough": 1e-2, "line": 1e-4}
    penalty = Penalty(network, 1e-2, 1e-4, softmax=True, floors=floors)
    other = penalty.of_order(network, 4)
    assert other.softmax
    assert other.floors == floors
    for own in other.layers:
        for name, weight in own.weights.items():
            assert weight.min() >= floors[name]
            assert weight.max() <= HIGHEST_WEIGHT


def test_edges_without_bends_may_have_any_weight_of_another_order():
    network, _, _ = draw("zero")
    for layer in network.layers:
        layer.coef[:] = 0.0
    for own in Penalty(network, 1.0, 1.0).of_order(network, 4).layers:
        for weight in own.weights.values():
            assert np.all((weight >= LOWEST_WEIGHT) & (weight <= HIGHEST_WEIGHT))


def test_order_is_kept_on_other_grids_and_for_other_inputs():
    network, penalty, parameters = draw("silu", seed=14, shape=(3, 3, 2))
    penalty = penalty.of_order(network, 4)
    order = np.array([2, 0, 1])
    moved, permuted = network.with_inputs(order), penalty.with_inputs(order)
    value, _ = permuted.value_and_gradient(moved, moved.get_parameters())
    assert value == pytest.approx(penalty.value_and_gradient(network, parameters)[0], rel=1e-13)
    carried = penalty.carried_to(moved, [np.ones(3), np.ones(2)])
    for other in (permuted, carried, penalty.for_edges_of(network)):
        assert other.order == 4
    for own, layer in zip(carried.layers, moved.layers, strict=True):
        for name, form in LayerPenalty.of(layer, 1.0, 1.0, 4).forms.items():
            np.testing.assert_array_equal(own.forms[name], form)


def test_rounding_does_not_make_the_penalty_negative():
    rng = np.random.default_rng(0)
    network, _, _ = draw(base="zero", shape=(1, 3))
    penalty = Penalty(network, 1e-3, 1e-3)
    for amount in np.logspace(2.0, 12.0, 50):
        network.layers[0].coef[...] = amount * rng.normal(size=(1, 1, 3))
        assert penalty.value_and_gradient(network, network.get_parameters())[0] >= 0.0
