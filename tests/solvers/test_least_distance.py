import numpy as np
import pytest

from skkan.solvers._least_distance import nearest_feasible


@pytest.mark.parametrize("seed", range(5))
def test_solutions_satisfy_the_conditions_of_karush_kuhn_and_tucker(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(9, 6))
    precision = root.T @ root
    mean, rows = 10.0 ** rng.uniform(-6, 6) * rng.normal(size=6), rng.normal(size=(4, 6))
    found = nearest_feasible(mean, np.linalg.cholesky(precision), rows)
    size = np.abs(mean).max()
    assert (rows @ found).min() > -1e-10 * size
    # The gradient is a sum of active rows, none with a negative weight.
    active = rows @ found < 1e-8 * size
    gradient = precision @ (found - mean)
    weights = np.linalg.lstsq(rows[active].T, gradient, rcond=None)[0]
    np.testing.assert_allclose(rows[active].T @ weights, gradient, atol=1e-7 * size)
    assert weights.min(initial=0.0) > -1e-7 * size


def test_feasible_points_stay():
    mean = np.array([1.0, 2.0])
    assert nearest_feasible(mean, np.eye(2), np.array([[-1.0, 1.0]])) is mean
