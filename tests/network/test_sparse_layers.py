"""Layers that are mostly empty or straight are evaluated like all others."""

import numpy as np

from skkan.network._layer import Layer
from skkan.network._sparse_layers import SparseLayer, StraightLayer, step_of
from skkan.network.functions._splines import SplineGrid


def layer_of(active, arities, clamped=True):
    rng = np.random.default_rng(0)
    ends = np.sort(rng.uniform(-1.0, 1.0, (len(active), 8)), axis=1) + 0.1 * np.arange(8)
    grid = SplineGrid(ends, 3, clamped)
    coef = rng.normal(size=(len(active), grid.n_splines, active.shape[1]))
    return Layer(grid, coef, active=active, arities=arities)


def test_products_of_single_edges():
    active = np.zeros((5, 4), dtype=bool)
    active[[3, 1, 0, 2], [0, 1, 2, 3]] = True
    layer = layer_of(active, (2, 2))
    x = np.random.default_rng(1).uniform(-2.0, 3.0, (1100, 5))
    step = step_of(layer)
    assert isinstance(step, SparseLayer)
    np.testing.assert_allclose(step.outputs(x), layer.outputs(x), atol=1e-12)


def test_sums_of_some_edges_and_subnodes_without_any():
    active = np.zeros((6, 5), dtype=bool)
    active[[0, 1, 4, 5], [0, 0, 2, 4]] = True
    layer = layer_of(active, (1, 2, 1, 1), clamped=False)
    x = np.random.default_rng(1).uniform(-2.0, 3.0, (50, 6))
    step = step_of(layer)
    assert isinstance(step, SparseLayer)
    np.testing.assert_allclose(step.outputs(x), layer.outputs(x), atol=1e-12)


def test_straight_lines_are_a_matrix_product_and_clamped_ones_are_not():
    grid = SplineGrid(np.linspace(-1.0, 1.0, 6)[None].repeat(3, axis=0), 3)
    coef = grid.greville()[:, :, None] * np.array([2.0, -1.0]) + 0.5
    x = np.random.default_rng(1).uniform(-4.0, 4.0, (30, 3))
    step = step_of(Layer(grid, coef))
    assert isinstance(step, StraightLayer)
    np.testing.assert_allclose(step.outputs(x), Layer(grid, coef).outputs(x), atol=1e-12)
    clamped = Layer(SplineGrid(grid.breakpoints, 3, clamped=True), coef)
    assert step_of(clamped) is clamped
