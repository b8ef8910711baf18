import numpy as np
import pytest
from estimator_data import SMALL, curved_data, product_data
from sklearn.exceptions import NotFittedError

from skkan import KANClassifier, KANRegressor


@pytest.mark.parametrize("base_function", ["zero", "silu"])
@pytest.mark.parametrize("knots", ["uniform", "quantile"])
@pytest.mark.parametrize("factor", [2, 3])
def test_nested_grids_keep_the_function(base_function, knots, factor):
    X, y = product_data()
    options = {**SMALL, "alpha": 1e-5, "base_function": base_function, "knots": knots}
    coarse = KANRegressor(**options).fit(X, y)
    before = coarse.predict(X)
    fine = coarse.refine(3 * factor)
    assert fine.network_.grid_size == fine.grid_size == 3 * factor
    np.testing.assert_allclose(fine.predict(X), before, rtol=0, atol=1e-12 * np.ptp(y))
    assert coarse.network_.grid_size == coarse.grid_size == 3
    np.testing.assert_array_equal(coarse.predict(X), before)


def test_grids_that_do_not_nest_come_close():
    X, y = product_data()
    coarse = KANRegressor(**SMALL, alpha=1e-4).fit(X, y)
    error = np.abs(coarse.refine(10).predict(X) - coarse.predict(X)).max()
    assert 0.0 < error < 0.05 * np.ptp(y)


def test_training_goes_on_from_the_finer_grid():
    X = np.linspace(-1.0, 1.0, 200)[:, None]
    y = np.sin(12.0 * X[:, 0])
    coarse = KANRegressor((), grid_size=4, alpha=1e-9, warm_start=True, random_state=0).fit(X, y)
    fine = coarse.refine(16).fit(X, y)
    coarse_error, fine_error = (np.std(e.predict(X) - y) for e in (coarse, fine))
    assert fine_error < 0.05 * coarse_error


def test_probabilities_are_kept():
    X, y = curved_data()
    coarse = KANClassifier(**SMALL).fit(X, y > np.median(y))
    np.testing.assert_allclose(
        coarse.refine(6).predict_proba(X), coarse.predict_proba(X), atol=1e-10
    )


@pytest.mark.parametrize("grid_size", [3, 2, 0, -1, 4.5, "fine", True, None])
def test_unusable_grid_size(grid_size):
    X, y = curved_data()
    fitted = KANRegressor(**SMALL).fit(X, y)
    with pytest.raises(ValueError, match=r"grid_size must be an integer larger than the present 3"):
        fitted.refine(grid_size)


def test_unfitted():
    with pytest.raises(NotFittedError):
        KANRegressor().refine(10)
