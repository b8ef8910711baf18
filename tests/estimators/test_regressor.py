import warnings

import numpy as np
import pytest
from estimator_data import (
    ADDITIVE,
    SMALL,
    curved_data,
    largest_difference,
    product_data,
)
from scipy.integrate import quad
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split

from skkan import KANRegressor
from skkan.training._problem import FIXED_LINE_SHARE

# Every penalised fit of these ends by its tolerance.
FIXED = {**ADDITIVE, "alpha": 1e-2}


def fit(X, y, weight=None, **options):
    return KANRegressor(**options).fit(X, y, weight)


def roughness(function):
    """Integral of the squared second difference over [-1, 1]."""
    u = np.linspace(-1.0, 1.0, 201)
    return np.mean(np.diff(function(u[:, None]), 2) ** 2)


@pytest.mark.parametrize(
    ("sizes", "shape"),
    [((), (2, 1)), (3, (2, 3, 1)), ((4,), (2, 4, 1)), ([2, 3], (2, 2, 3, 1)), ((2, 2, 2), None)],
)
def test_hidden_layer_sizes(sizes, shape):
    X, y = product_data(40)
    fitted = fit(X, y, hidden_layer_sizes=sizes, grid_size=2, alpha=0.1, random_state=0)
    assert fitted.network_.shape == (shape or (2, 2, 2, 2, 1))


@pytest.mark.parametrize(("n_targets", "width"), [(1, 5), (3, 5), (7, 7)])
def test_hidden_layer_sizes_by_default(n_targets, width):
    X, y = product_data(100)
    Y = np.outer(y, np.arange(1.0, n_targets + 1.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = fit(X, Y, alpha=0.1, max_iter=1, random_state=0)
    assert fitted.network_.shape == (2, width, n_targets)


def test_hidden_layer_lets_columns_interact():
    X, y = product_data()
    train, test = slice(50), slice(50, None)
    assert fit(X[train], y[train], **ADDITIVE).score(X[test], y[test]) < 0.3
    assert fit(X[train], y[train], **SMALL).score(X[test], y[test]) > 0.98


def test_additive_model_is_a_sum_over_columns():
    X, y = curved_data()
    predict = fit(X, y, **ADDITIVE).predict
    corners = np.array([[0.3, -0.2], [-0.7, 0.9], [0.3, 0.9], [-0.7, -0.2]])
    a, b, c, d = predict(corners)
    assert a + b == pytest.approx(c + d)


@pytest.mark.parametrize("alpha", ["auto", 1e-3])
@pytest.mark.parametrize("grid_size", [1, 4, [2, 5], np.array([3, 6, 9])])
def test_grid_size(grid_size, alpha):
    X, y = curved_data()
    fitted = fit(X, y, **{**ADDITIVE, "grid_size": grid_size, "alpha": alpha})
    sizes = np.atleast_1d(grid_size)
    # The choice of weights stops short of a grid that the evidence does not call for.
    allowed = sizes if alpha == "auto" else sizes[-1:]
    assert fitted.network_.grid_size in allowed
    assert {layer.grid.grid_size for layer in fitted.network_.layers} == {fitted.network_.grid_size}


def test_schedule_reaches_the_grid_that_a_clean_function_needs():
    X = np.linspace(-1.0, 1.0, 200)[:, None]
    y = np.sin(12.0 * X[:, 0])
    fitted = fit(X, y, **{**ADDITIVE, "grid_size": (2, 5, 12)})
    assert fitted.network_.grid_size == 12
    assert fitted.score(X, y) > 0.99


def test_schedule_stops_at_the_grid_that_noise_allows():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, size=(80, 1))
    y = X[:, 0] + 0.5 * rng.normal(size=80)
    assert fit(X, y, **{**ADDITIVE, "grid_size": (2, 10, 30)}).network_.grid_size < 30


def test_finer_grid_bends_more():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, size=(200, 1))
    y = np.sin(12.0 * X[:, 0])
    scores = [fit(X, y, **{**ADDITIVE, "grid_size": size}).score(X, y) for size in (2, 6, 16)]
    assert scores == sorted(scores)
    assert scores[1] < 0.5
    assert scores[2] > 0.9998


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
def test_degree(degree):
    X, y = curved_data()
    fitted = fit(X, y, **ADDITIVE, degree=degree)
    assert {layer.grid.degree for layer in fitted.network_.layers} == {degree}
    assert fitted.score(X, y) > 0.98


def test_linear_splines_are_straight_between_breakpoints():
    X, y = curved_data()
    options = {**ADDITIVE, "knots": "uniform", "grid_size": 4}
    X[:4] = [[-1.0, 1.0], [1.0, -1.0], [0.5, 0.5], [-0.5, -0.5]]
    inside = np.linspace(-0.4, -0.1, 5)[:, None] * [1.0, 0.0]

    def bend(degree):
        return np.abs(np.diff(fit(X, y, **options, degree=degree).predict(inside), 2)).max()

    assert bend(1) < 1e-12
    assert bend(3) > 1e-6


@pytest.mark.parametrize("name", ["zero", "silu", "identity"])
def test_base_function(name):
    X, y = curved_data()
    fitted = fit(X, y, **ADDITIVE, base_function=name)
    layer = fitted.network_.layers[0]
    assert layer.n_features == layer.grid.n_splines + (name != "zero")
    assert fitted.score(X, y) > 0.98


def test_base_function_changes_the_fit():
    X, y = curved_data()
    plain = fit(X, y, **FIXED).predict(X)
    assert largest_difference(plain, fit(X, y, **FIXED, base_function="silu").predict(X)) > 1e-4


def test_knots():
    rng = np.random.default_rng(0)
    X, y = rng.exponential(size=(100, 1)), rng.normal(size=100)
    ends = {
        knots: fit(X, y, **ADDITIVE, knots=knots).network_.layers[0].grid.breakpoints[0]
        for knots in ("uniform", 0.0, 0.5, 1.0, "quantile")
    }
    np.testing.assert_array_equal(ends["uniform"], ends[0.0])
    np.testing.assert_array_equal(ends["quantile"], ends[1.0])
    np.testing.assert_allclose(np.diff(ends["uniform"]), np.diff(ends["uniform"])[0])
    middle = (1.0 - 0.5) * ends["uniform"] + 0.5 / 0.98 * (ends["quantile"] - 0.02 * ends[0.0])
    np.testing.assert_allclose(ends[0.5], middle)
    scaled = fit(X, y, **ADDITIVE).network_.scaling.inputs(X)[:, 0]
    counts = np.histogram(scaled, ends["quantile"])[0]
    assert counts.max() < 1.5 * counts.min()
    assert np.histogram(scaled, ends["uniform"])[0].max() > 50


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
@pytest.mark.parametrize("hidden_layer_sizes", [(), (2,)])
def test_solver(solver, hidden_layer_sizes):
    X, y = curved_data()
    options = {**ADDITIVE, "hidden_layer_sizes": hidden_layer_sizes, "solver": solver}
    fitted = fit(X, y, **options)
    assert fitted.solver_ == solver
    assert fitted.score(X, y) > 0.98


def test_solvers_agree_on_a_convex_problem():
    X, y = curved_data()
    lm, lbfgs = (fit(X, y, **FIXED, solver=solver, tol=1e-12) for solver in ("lm", "lbfgs"))
    assert largest_difference(lm.predict(X), lbfgs.predict(X)) < 1e-5


def test_solver_auto_depends_on_size():
    X, y = product_data(30)
    options = {"alpha": 0.1, "max_iter": 1, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        small = fit(X, y, hidden_layer_sizes=(3,), **options)
        large = fit(X, y, hidden_layer_sizes=(40, 40), **options)
    assert (small.solver_, large.solver_) == ("lm", "lbfgs")


def test_alpha_trades_fit_for_smoothness():
    rng = np.random.default_rng(0)
    X = np.sort(rng.uniform(-1.0, 1.0, size=(60, 1)), axis=0)
    y = np.sin(4.0 * X[:, 0]) + 0.3 * rng.normal(size=60)
    fits = [fit(X, y, **{**ADDITIVE, "alpha": alpha}) for alpha in (1e-6, 1e-3, 1.0)]
    scores = [fitted.score(X, y) for fitted in fits]
    bends = [roughness(fitted.predict) for fitted in fits]
    assert scores == sorted(scores, reverse=True)
    assert bends == sorted(bends, reverse=True)
    assert bends[2] < 0.01 * bends[0]


def test_alpha_is_the_weight_of_the_second_derivative():
    X, y = curved_data(200, 2)
    X, alpha = X[:, :1], 0.3
    fitted = fit(X, y, **{**ADDITIVE, "alpha": alpha, "tol": 1e-8, "grid_size": (3, 6)})
    layer, scaling = fitted.network_.layers[0], fitted.network_.scaling

    def second_derivative(u):
        h = 1e-3
        points = np.array([[u - h], [u], [u + h]])
        return np.diff(layer.outputs(points)[:, 0], 2)[0] / h**2

    reach = layer.grid.breakpoints[0, -1]
    bend = quad(lambda u: second_derivative(u) ** 2, -reach, reach, limit=200, epsabs=1e-4)[0]
    residual = (y - fitted.predict(X)) / scaling.output_scale[0]
    # The remaining share is the penalty on the slope, a thousandth of that on the bend.
    assert fitted.loss_ == pytest.approx(0.5 * np.mean(residual**2) + 0.5 * alpha * bend, rel=2e-2)


def test_alpha_attribute():
    X, y = curved_data(60, 3)
    fixed = fit(X, y, **{**SMALL, "alpha": 0.25})
    assert [weights.shape for weights in fixed.alpha_] == [(3, 2), (2, 1)]
    assert all((weights == 0.25).all() for weights in fixed.alpha_)
    hidden, last = (layer.weights for layer in fixed._state.penalty.layers)
    np.testing.assert_allclose(hidden["line"], hidden["rough"], rtol=1e-12)
    np.testing.assert_allclose(last["line"], FIXED_LINE_SHARE * last["rough"], rtol=1e-12)
    (chosen,) = fit(X, y, **ADDITIVE).alpha_
    # The column without effect is the smoothest.
    assert chosen[2, 0] > 10.0 * chosen[:2, 0].max()


def test_alpha_auto_adapts_to_the_noise():
    rng = np.random.default_rng(1)
    X = rng.uniform(-1.0, 1.0, size=(200, 2))
    signal = np.sin(5.0 * X[:, 0])
    clean = fit(X, signal + 1e-3 * rng.normal(size=200), **ADDITIVE)
    noise = fit(X, rng.normal(size=200), **ADDITIVE)
    assert clean.score(X, signal) > 0.999
    assert noise.score(X, rng.normal(size=200)) > -0.1


def test_alpha_auto_falls_back_on_the_additive_model():
    X, y = curved_data(60, 3)
    network = fit(X, y, **SMALL)
    additive = fit(X, y, **{**SMALL, "hidden_layer_sizes": ()})
    assert network.network_.shape == (3, 1)
    assert largest_difference(network.predict(X), additive.predict(X)) < 1e-3


def test_fitted_attributes():
    X, y = curved_data()
    fitted = fit(X, y, **SMALL)
    assert fitted.n_features_in_ == 2
    assert fitted.n_outputs_ == 1
    assert isinstance(fitted.n_iter_, int)
    assert fitted.n_iter_ == len(fitted.loss_curve_) >= 1
    assert fitted.loss_ == fitted.loss_curve_[-1]
    assert fitted.best_loss_ == min(fitted.loss_curve_)
    assert np.isfinite(fitted.loss_curve_).all()
    assert not hasattr(fitted, "validation_loss_curve_")
    np.testing.assert_array_equal(fitted.network_(X)[:, 0], fitted.predict(X))


def test_fit_returns_self_and_keeps_parameters():
    X, y = curved_data()
    estimator = KANRegressor(**ADDITIVE, n_jobs=1, knots=0.5)
    before = estimator.get_params()
    assert estimator.fit(X, y) is estimator
    assert estimator.get_params() == before


def test_shapes_of_predictions():
    X, y = curved_data()
    assert fit(X, y, **ADDITIVE).predict(X).shape == (60,)
    assert fit(X, y[:, None], **ADDITIVE).predict(X).shape == (60, 1)
    several = fit(X, np.column_stack([y, -y, X[:, 0]]), **ADDITIVE)
    assert several.predict(X).shape == (60, 3)
    assert several.n_outputs_ == 3


@pytest.mark.parametrize("options", [{**ADDITIVE, "alpha": 1e-4}, ADDITIVE, SMALL])
def test_several_targets(options):
    X, y = curved_data()
    Y = np.column_stack([y, np.cos(2.0 * X[:, 1]), 100.0 * X[:, 0] + 5.0])
    fitted = fit(X, Y, **options)
    scores = 1.0 - ((Y - fitted.predict(X)) ** 2).mean(axis=0) / Y.var(axis=0)
    assert scores.min() > 0.9


def test_targets_of_an_additive_model_do_not_interfere():
    X, y = curved_data()
    Y = np.column_stack([y, 1e4 * np.cos(2.0 * X[:, 1])])
    both = fit(X, Y, **FIXED).predict(X)
    for column, target in zip(both.T, Y.T, strict=True):
        assert largest_difference(fit(X, target, **FIXED).predict(X), column) < 1e-6


@pytest.mark.parametrize(
    "options",
    [
        ADDITIVE,
        SMALL,
        {**SMALL, "solver": "lbfgs"},
        {**SMALL, "knots": "quantile"},
        {**SMALL, "alpha": 0.1},
    ],
)
def test_weights_are_repetitions(options):
    X, y = product_data()
    weight = np.random.default_rng(0).integers(0, 4, size=len(X))
    weighted = fit(X, y, weight, **options)
    order = np.random.default_rng(1).permutation(weight.sum())
    repeated = fit(np.repeat(X, weight, axis=0)[order], np.repeat(y, weight)[order], **options)
    assert largest_difference(repeated.predict(X), weighted.predict(X)) <= 1e-7


def test_weights_of_one_are_none():
    X, y = curved_data()
    plain = fit(X, y, **SMALL).predict(X)
    np.testing.assert_array_equal(fit(X, y, np.ones(60), **SMALL).predict(X), plain)
    np.testing.assert_array_equal(fit(X, y, 1.0, **SMALL).predict(X), plain)


def test_weights_matter():
    X, y = curved_data()
    outlying = y + 5.0 * (X[:, 0] > 0.5)
    weight = np.where(X[:, 0] > 0.5, 1e-6, 1.0)
    kept = X[:, 0] <= 0.5
    fitted = fit(X, outlying, weight, **FIXED)
    assert fitted.score(X[kept], y[kept]) > fit(X, outlying, **FIXED).score(X[kept], y[kept])


def test_samples_without_weight_are_ignored():
    X, y = curved_data()
    wide = np.vstack([X, [[1e6, -1e6]]])
    fitted = fit(wide, np.append(y, 1e9), np.append(np.ones(60), 0.0), **SMALL)
    np.testing.assert_array_equal(fitted.predict(X), fit(X, y, **SMALL).predict(X))


def test_extrapolation_is_linear():
    X, y = curved_data()
    predict = fit(X, y, **ADDITIVE).predict
    steps = predict(np.outer(np.arange(3.0, 9.0), [1.0, 0.5]))
    np.testing.assert_allclose(np.diff(steps, 2), 0.0, atol=1e-9)
    assert abs(np.diff(steps)[0]) > 1e-3


def test_many_rows_are_predicted_as_few():
    X, y = curved_data()
    fitted = fit(X, y, **SMALL)
    many = np.tile(X, (150, 1))
    np.testing.assert_allclose(fitted.predict(many), np.tile(fitted.predict(X), 150), rtol=1e-12)


def test_better_than_a_line_and_no_worse_where_it_is_one():
    X, y = load_diabetes(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    line = LinearRegression().fit(X_train, y_train).score(X_test, y_test)
    assert fit(X_train, y_train, random_state=0).score(X_test, y_test) > line - 0.03
    X, y = make_friedman1(300, noise=0.5, random_state=0)
    line = LinearRegression().fit(X[:200], y[:200]).score(X[200:], y[200:])
    assert fit(X[:200], y[:200], random_state=0).score(X[200:], y[200:]) > line + 0.1


def test_pure_noise():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 10)), rng.normal(size=200)
    X_new, y_new = rng.normal(size=(500, 10)), rng.normal(size=500)
    assert fit(X, y, random_state=0).score(X_new, y_new) > -0.15


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("max_iter", "n_fits"), [(1, 25), (5, 10)])
def test_small_portions_end_where_one_long_fit_does(max_iter, n_fits):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (300, 2))
    y = np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)
    model = KANRegressor((2,), random_state=0, warm_start=True, max_iter=max_iter)
    for _ in range(n_fits):
        model.fit(X, y)
    # One long fit comes to an error of 0.0016; weights that stay where they are, to 0.18.
    assert np.sqrt(np.mean((model.predict(X) - y) ** 2)) < 0.004


def test_noisy_target_leaves_the_others_alone():
    rng = np.random.default_rng(0)
    X, fresh = rng.uniform(-1, 1, size=(2, 400, 2))

    def exact(X):
        return np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)

    y = exact(X)
    options = {"hidden_layer_sizes": (1,), "grid_size": 8, "random_state": 0}
    alone = fit(X, y, **options).predict(fresh)
    beside = fit(X, np.c_[y, rng.normal(size=400)], **options).predict(fresh)[:, 0]
    before, after = (np.std(own - exact(fresh)) for own in (alone, beside))
    assert after < 1.5 * before
