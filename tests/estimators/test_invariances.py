from functools import cache

import numpy as np
import pytest
from estimator_data import (
    ADDITIVE,
    ESTIMATORS,
    SMALL,
    curved_data,
    labels_of,
    largest_difference,
    outputs,
    product_data,
    target_for,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from skkan import KANClassifier, KANRegressor

TOLERANCE = 1e-6
# L-BFGS ends by its tolerance, to which the rounding of changed units shows.
LBFGS_TOLERANCE = 1e-5
OPTIONS = {
    "additive": ADDITIVE,
    "network": SMALL,
    # The way to the minimum may be so long and flat that rounding grows a billionfold before its
    # end.
    "lbfgs": {**SMALL, "solver": "lbfgs", "tol": 1e-11},
    "quantile knots": {**SMALL, "knots": "quantile", "tol": 1e-10},
    "fixed penalty": {**SMALL, "alpha": 0.01},
    "base function": {**SMALL, "base_function": "silu"},
}
exponents = st.floats(-6.0, 6.0)
# Larger shifts than these cost digits of X itself, which no estimator can bring back.
shifts = st.floats(-1e3, 1e3)


@pytest.fixture(params=OPTIONS.values(), ids=OPTIONS.keys())
def options(request):
    return request.param


@pytest.fixture(params=ESTIMATORS)
def cls(request):
    return request.param


def limit(options):
    return LBFGS_TOLERANCE if options.get("solver") == "lbfgs" else TOLERANCE


def data_for(cls, options):
    X, y = curved_data(60, 3) if options is ADDITIVE else product_data()
    return X, target_for(cls, y)


@cache
def plain_fit(cls, name):
    """Return data, targets and the outputs of a fit, which several tests compare with."""
    X, t = data_for(cls, OPTIONS[name])
    return X, t, outputs(cls(**OPTIONS[name]).fit(X, t), X)


def fit_before(cls, options):
    return plain_fit(cls, next(name for name, own in OPTIONS.items() if own is options))


@pytest.mark.parametrize(("scale", "shift"), [(1e-6, 1e3), (1e6, -37.5)])
def test_affine_change_of_columns(cls, options, scale, shift):
    X, t, before = fit_before(cls, options)
    changed = X.copy()
    changed[:, 1] = scale * (changed[:, 1] + shift)
    gap = largest_difference(before, outputs(cls(**options).fit(changed, t), changed))
    assert gap <= limit(options)


@settings(max_examples=8)
@given(exponent=exponents, shift=shifts, column=st.integers(0, 2), seed=st.integers(0, 50))
@example(exponent=6.0, shift=1e3, column=0, seed=0)
@example(exponent=-6.0, shift=-1e3, column=2, seed=0)
def test_any_affine_change_of_a_column(exponent, shift, column, seed):
    X, y = curved_data(50, 3, seed)
    plain = KANRegressor(**ADDITIVE).fit(X, y).predict(X)
    changed = X.copy()
    changed[:, column] = 10.0**exponent * (changed[:, column] + shift)
    assert (
        largest_difference(plain, KANRegressor(**ADDITIVE).fit(changed, y).predict(changed))
        <= TOLERANCE
    )


def test_shift_far_beyond_the_spread(cls, options):
    X, t = data_for(cls, options)
    # Multiples of 2^-10 stay exact under this shift.
    X = np.round(X * 2.0**10) / 2.0**10
    plain = outputs(cls(**options).fit(X, t), X)
    moved = X + 2.0**40
    assert largest_difference(plain, outputs(cls(**options).fit(moved, t), moved)) <= TOLERANCE


def test_all_columns_in_units_of_their_own(cls):
    X, y = curved_data(60, 3)
    t, options = target_for(cls, y), SMALL
    scale = np.logspace(-6.0, 6.0, X.shape[1])
    plain = outputs(cls(**options).fit(X, t), X)
    changed = scale * X
    assert largest_difference(plain, outputs(cls(**options).fit(changed, t), changed)) <= TOLERANCE


@pytest.mark.parametrize(("scale", "shift"), [(1e-6, 0.0), (1e6, -37.5)])
def test_affine_change_of_the_target(options, scale, shift):
    X, y, before = fit_before(KANRegressor, options)
    changed = KANRegressor(**options).fit(X, scale * (y + shift)).predict(X)
    assert largest_difference(before, changed / scale - shift) <= limit(options)


@settings(max_examples=8)
@given(exponent=exponents, shift=shifts, seed=st.integers(0, 50))
def test_any_affine_change_of_the_target(exponent, shift, seed):
    X, y = curved_data(50, 2, seed)
    scale = 10.0**exponent
    plain = KANRegressor(**ADDITIVE).fit(X, y).predict(X)
    changed = KANRegressor(**ADDITIVE).fit(X, scale * (y + shift)).predict(X)
    assert largest_difference(plain, changed / scale - shift) <= TOLERANCE


def test_affine_change_of_one_target_of_two():
    X, y = curved_data()
    Y = np.column_stack([y, X[:, 0] - y**2])
    plain = KANRegressor(**SMALL).fit(X, Y).predict(X)
    changed = KANRegressor(**SMALL).fit(X, Y * [1.0, 1e6] + [0.0, -3e7]).predict(X)
    assert largest_difference(plain, (changed - [0.0, -3e7]) / [1.0, 1e6]) <= TOLERANCE


def test_order_of_the_rows(cls, options):
    X, t, before = fit_before(cls, options)
    order = np.random.default_rng(0).permutation(len(X))
    permuted = outputs(cls(**options).fit(X[order], t[order]), X)
    assert largest_difference(before, permuted) <= TOLERANCE


def test_order_of_the_columns(cls, options):
    X, y = curved_data(60, 3)
    t, order = target_for(cls, y), [1, 2, 0]
    plain = outputs(cls(**options).fit(X, t), X)
    permuted = outputs(cls(**options).fit(X[:, order], t), X[:, order])
    assert largest_difference(plain, permuted) <= TOLERANCE


def test_order_of_columns_with_equal_moments():
    order = [2, 1, 0]
    levels = np.linspace(-1.0, 1.0, 5)
    X = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)
    y = X[:, 0] ** 2 * X[:, 1] ** 2 + 0.5 * X[:, 0] ** 2 * X[:, 2] ** 2
    plain = KANRegressor(**SMALL).fit(X, y).predict(X)
    permuted = KANRegressor(**SMALL).fit(X[:, order], y).predict(X[:, order])
    assert largest_difference(plain, permuted) <= TOLERANCE


def test_order_of_the_columns_permutes_effects_only():
    X, y = curved_data(60, 3)
    order = [2, 0, 1]
    # What is left of a column is its effect on the prediction, the others held at zero.
    fits = [KANRegressor(**SMALL).fit(X[:, o], y) for o in ([0, 1, 2], order)]
    effects = [fit.predict(np.eye(3)) - fit.predict(np.zeros((1, 3))) for fit in fits]
    np.testing.assert_allclose(effects[1], np.array(effects[0])[order], atol=TOLERANCE)


def test_order_of_targets():
    X, y = curved_data()
    Y = np.column_stack([y, X[:, 0] - y**2])
    plain = KANRegressor(**ADDITIVE).fit(X, Y).predict(X)
    swapped = KANRegressor(**ADDITIVE).fit(X, Y[:, ::-1]).predict(X)
    assert largest_difference(plain, swapped[:, ::-1]) <= TOLERANCE


def test_names_of_the_labels():
    X, y = curved_data(90)
    t = labels_of(y, 3)
    plain = KANClassifier(**SMALL).fit(X, t)
    named = KANClassifier(**SMALL).fit(X, np.array(["a", "b", "c"])[t])
    np.testing.assert_array_equal(plain.predict_proba(X), named.predict_proba(X))


@pytest.mark.parametrize("factor", [1 / 40, 100.0, 1e-200, 5e306, 1e-305])
@pytest.mark.parametrize("kind", ["equal", "counts", "importance"])
def test_the_unit_of_weights_does_not_matter(cls, factor, kind):
    rng = np.random.default_rng(0)
    X, y = curved_data(60)
    t = target_for(cls, y)
    weight = {
        "equal": np.ones(60),
        "counts": rng.integers(0, 4, 60).astype(float),
        "importance": rng.lognormal(size=60),
    }[kind]
    model = cls(**ADDITIVE).fit(X, t, sample_weight=weight)
    other = cls(**ADDITIVE).fit(X, t, sample_weight=factor * weight)
    assert largest_difference(outputs(other, X), outputs(model, X)) < TOLERANCE
    for large in (weight, factor * weight):
        other = cls(**ADDITIVE, max_cache_bytes=0).fit(X, t, sample_weight=large)
        assert largest_difference(outputs(other, X), outputs(model, X)) < LBFGS_TOLERANCE


def test_a_copy_of_all_rows_is_a_weight_of_two(cls):
    X, y = curved_data(60)
    t = target_for(cls, y)
    model = cls(**ADDITIVE).fit(X, t, sample_weight=np.full(60, 2.0))
    other = cls(**ADDITIVE).fit(np.repeat(X, 2, axis=0), np.repeat(t, 2, axis=0))
    np.testing.assert_array_equal(outputs(other, X), outputs(model, X))
