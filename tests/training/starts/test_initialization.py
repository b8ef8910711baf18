import numpy as np
import pytest
from networks import assert_close, draw_network, uneven_grid, unit_scaling

from skkan.network.functions._base_functions import BASE_FUNCTIONS
from skkan.training.starts._initialization import KINDS, embedded, random_network

N_EDGES = 600


def start(kind, seed=0, shape=(3, 4, 2), base="zero", grid_size=6, degree=3):
    ends = uneven_grid(np.random.default_rng(99), shape[0], grid_size, degree).breakpoints
    rng = np.random.default_rng(seed)
    scaling = unit_scaling(shape[0], shape[-1])
    return random_network(scaling, shape, ends, degree, BASE_FUNCTIONS[base], kind, rng)


def residuals_of_polynomials(kind, order):
    """Return what polynomials of one order leave of many edges' coefficients, per coefficient."""
    layer = start(kind, shape=(2, N_EDGES // 2), grid_size=20).layers[0]
    sites = layer.grid.greville()
    left = []
    for node in range(2):
        powers = np.vander(sites[node], order + 1)
        fit = np.linalg.lstsq(powers, layer.coef[node], rcond=None)[0]
        left.append(layer.coef[node] - powers @ fit)
    return float(np.std(left))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("base", BASE_FUNCTIONS)
def test_networks_have_the_shape_and_grids_asked_for(base, kind):
    network = start(kind, base=base)
    assert network.shape == (3, 4, 2)
    ends = uneven_grid(np.random.default_rng(99), 3, 6, 3).breakpoints
    np.testing.assert_array_equal(network.layers[0].grid.breakpoints, ends)
    np.testing.assert_allclose(
        network.layers[1].grid.breakpoints, np.tile(np.linspace(-1.0, 1.0, 7), (4, 1)), rtol=1e-15
    )
    for layer in network.layers:
        assert layer.base is BASE_FUNCTIONS[base]
        assert layer.n_features == 6 + 3 + (base != "zero")
        if base != "zero":
            assert not layer.coef[:, -1].any()
        assert np.all(layer.coef[:, : layer.grid.n_splines] != 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_starts_follow_the_seed(kind):
    first = start(kind).get_parameters()
    np.testing.assert_array_equal(start(kind).get_parameters(), first)
    assert np.abs(start(kind, seed=1).get_parameters() - first).min() > 0.0


def test_kinds_differ():
    starts = [start(kind).get_parameters() for kind in KINDS]
    for number, parameters in enumerate(starts):
        for other in starts[:number]:
            assert np.abs(parameters - other).max() > 0.1


@pytest.mark.parametrize(("kind", "order"), [("line", 2), ("parabola", 2), ("cubic", 3)])
def test_smooth_starts_are_polynomials_with_a_little_noise(kind, order):
    assert 0.01 < residuals_of_polynomials(kind, order) < 0.04
    assert residuals_of_polynomials(kind, order - 1) > 0.05


def test_lines_are_straighter_than_parabolas():
    assert residuals_of_polynomials("line", 1) < 0.5 * residuals_of_polynomials("parabola", 1)


def test_rough_starts_are_no_polynomials():
    assert residuals_of_polynomials("rough", 3) > 0.8


def test_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="unknown kind of start 'spiral'"):
        start("spiral")


@pytest.mark.parametrize("base", ["zero", "silu"])
@pytest.mark.parametrize(
    ("n_outputs", "hidden"), [(1, (1,)), (1, (4, 3)), (2, (2,)), (2, (3, 2, 5))]
)
def test_embedded_additive_model_is_the_same_function(n_outputs, hidden, base):
    rng = np.random.default_rng(0)
    additive = draw_network(rng, (3, n_outputs), base=base)
    network = embedded(additive, [(1,) * size for size in hidden])
    assert network.shape == (3, *hidden, n_outputs)
    assert network.scaling is additive.scaling
    inputs = rng.uniform(-3.0, 3.0, size=(50, 3))
    assert_close(network.outputs(inputs), additive.outputs(inputs), 1e-12)


def test_embedding_leaves_the_additive_model_alone():
    additive = draw_network(np.random.default_rng(1), (2, 1))
    before = additive.get_parameters()
    network = embedded(additive, [(1, 1)])
    network.layers[0].coef += 1.0
    np.testing.assert_array_equal(additive.get_parameters(), before)
