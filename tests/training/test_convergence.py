"""Noise-free test errors fall with the order of the splines as grids become finer."""

from collections.abc import Callable

import numpy as np
import pytest

from skkan import KANRegressor
from skkan._typing import FloatArray
from skkan.datasets import make_formula

N_SAMPLES, N_TEST = 3000, 5000
GRID_SIZES = (5, 10, 20, 40)
FUNCTIONS: dict[str, tuple[int, Callable[[FloatArray], FloatArray]]] = {
    "sine": (1, lambda X: np.sin(3.0 * X[:, 0] + 0.5)),
    "bell": (1, lambda X: 1.0 / (1.0 + 4.0 * X[:, 0] ** 2)),
    "sum": (
        3,
        lambda X: np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2 * np.exp(X[:, 1]) + np.cos(2.0 * X[:, 2]),
    ),
}
# The shallowest slope of log error over log grid size from any grid to the next, and the finest
# grid. Smooth functions give -(degree + 1); on finer grids the quintic is as good as rounding lets
# it be.
SHALLOWEST = {1: (-1.8, 40), 3: (-3.7, 40), 5: (-5.0, 20)}


def slopes(grid_sizes: list[int], errors: list[float]) -> FloatArray:
    return np.diff(np.log(errors)) / np.diff(np.log(grid_sizes))


def spline_errors(name: str, degree: int, alpha: float | str) -> tuple[list[int], list[float]]:
    """Return grids and test errors of a network without hidden layer, which adds up splines."""
    n_columns, function = FUNCTIONS[name]
    rng = np.random.default_rng(0)
    X, X_test = (rng.uniform(-1.0, 1.0, (n, n_columns)) for n in (N_SAMPLES, N_TEST))
    grid_sizes = [size for size in GRID_SIZES if size <= SHALLOWEST[degree][1]]
    errors = []
    for grid_size in grid_sizes:
        model = KANRegressor((), grid_size=grid_size, degree=degree, alpha=alpha, random_state=0)
        residuals = model.fit(X, function(X)).predict(X_test) - function(X_test)
        errors.append(float(np.sqrt(np.mean(residuals**2))))
    return grid_sizes, errors


@pytest.mark.parametrize("degree", SHALLOWEST)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_spline_error_falls_with_the_order(name, degree):
    found = slopes(*spline_errors(name, degree, alpha=0.0))
    assert (found < SHALLOWEST[degree][0]).all(), found


@pytest.mark.parametrize("degree", SHALLOWEST)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_chosen_smoothness_keeps_the_order(name, degree):
    found = slopes(*spline_errors(name, degree, alpha="auto"))
    assert (found < SHALLOWEST[degree][0]).all(), found


# With fewer samples the ends of the hidden node's range, which only corners of the square reach,
# hold too few for the finest grid, and their error dominates.
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_error_of_two_layers_falls_with_the_order(seed):
    X, y = make_formula("exp_sin_sq", N_SAMPLES, random_state=seed)
    X_test, y_test = make_formula("exp_sin_sq", N_TEST, random_state=10**6 + seed)
    errors = []
    for number in range(1, len(GRID_SIZES) + 1):
        model = KANRegressor((1,), grid_size=GRID_SIZES[:number], tol=1e-8, random_state=seed)
        residuals = model.fit(X, y).predict(X_test) - y_test
        errors.append(float(np.sqrt(np.mean(residuals**2))))
    slope = np.polyfit(np.log(GRID_SIZES), np.log(errors), 1)[0]
    assert slope < -3.7, errors
