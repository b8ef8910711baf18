import warnings

import numpy as np
import pandas as pd
import pytest
from estimator_data import ADDITIVE, SMALL, curved_data, outputs, target_for

from skkan import KANClassifier, KANRegressor

FAR = np.array([[0.0, 1.5], [0.0, 2.0], [0.0, 2.5]])


@pytest.mark.parametrize("cls", [KANRegressor, KANClassifier])
@pytest.mark.parametrize("options", [ADDITIVE, SMALL])
def test_columns_are_straight_or_constant_beyond_the_data(cls, options):
    X, y = curved_data(60)
    t = target_for(cls, y)
    linear = cls(**options).fit(X, t)
    same = cls(**options, extrapolation="linear").fit(X, t)
    constant = cls(**options, extrapolation="constant").fit(X, t)
    np.testing.assert_array_equal(outputs(same, FAR), outputs(linear, FAR))
    np.testing.assert_array_equal(outputs(constant, X), outputs(linear, X))
    assert np.ptp(outputs(constant, FAR), axis=0).max() == 0.0
    assert np.ptp(outputs(linear, FAR), axis=0).max() > 0.0


@pytest.mark.parametrize(
    "options", [{}, {"alpha": 1e-4}, {"early_stopping": True}, {"sparsity": 0.01}]
)
def test_whatever_a_fit_of_the_default_shape_comes_to_is_constant_far_out(options):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, (200, 2))
    # Without noise and no sum of functions: a network takes the place of the analysis.
    y = np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)
    model = KANRegressor(random_state=0, max_iter=40, **options).fit(X, y)
    assert np.ptp(model.predict(FAR)) == 0.0


def test_formulas_follow():
    X, y = curved_data(60)
    model = KANRegressor(**ADDITIVE, extrapolation="constant").fit(X, y)
    np.testing.assert_allclose(model.to_function()(FAR), model.predict(FAR), rtol=1e-12)
    expression = model.to_sympy()
    values = [float(expression.subs({"x0": a, "x1": b})) for a, b in FAR]
    np.testing.assert_allclose(values, model.predict(FAR), rtol=1e-9)


def test_rows_far_out_are_told_once_with_their_columns():
    X, y = curved_data(60)
    frame = pd.DataFrame(X, columns=["age", "dose"])
    model = KANRegressor(**ADDITIVE).fit(frame, y)
    far = frame.copy()
    far.loc[[3, 5], "dose"] = 10.0
    with pytest.warns(UserWarning, match="in column 'dose'") as caught:
        model.predict(far)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(frame)
        model.predict(frame + 0.5)
    with pytest.warns(UserWarning, match="'dose'"):
        KANRegressor(**ADDITIVE, max_cache_bytes=0).fit(frame, y).predict(far)
    labels = (y > np.median(y)).astype(int)
    with pytest.warns(UserWarning, match="in column 1: ") as caught:
        KANClassifier(**ADDITIVE).fit(X, labels).predict(far.to_numpy())
    assert caught[0].filename == __file__


@pytest.mark.parametrize("far", [1e3, -1e6])
def test_one_far_value_does_not_take_the_grid_from_all_others(far):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    y = np.sin(2.0 * X[:, 0]) + X[:, 1]
    X[0, 0] = far
    model = KANRegressor((), random_state=0).fit(X, y)
    # Without it, 0.989.
    assert model.score(X[1:], y[1:]) > 0.97
    with pytest.warns(UserWarning, match="column 0: little is known"):
        found = model.predict(X)
    np.testing.assert_allclose(model.to_function()(X), found, atol=1e-6)
