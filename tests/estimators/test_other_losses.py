"""Other losses than the squared error, from the outside."""

import io
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_friedman1
from sklearn.metrics import d2_tweedie_score

from skkan import KANRegressor
from skkan.onnx import to_onnx

ADDITIVE = {"hidden_layer_sizes": (), "random_state": 0}
LOSSES = ["absolute_error", "huber", "quantile", "poisson", "gamma"]
NOISE = 0.2


def model(loss, **options):
    quantile = 0.8 if loss == "quantile" else None
    return KANRegressor(loss=loss, quantile=quantile, **{**ADDITIVE, **options})


def curve(X):
    return np.sin(3.0 * X[:, 0]) + X[:, 1] ** 2


def sample(loss="huber", n_samples=400, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(n_samples, 2))
    if loss == "poisson":
        return X, rng.poisson(np.exp(1.0 + curve(X))).astype(float)
    if loss == "gamma":
        return X, np.exp(1.0 + curve(X)) * rng.gamma(4.0, 0.25, size=n_samples)
    return X, curve(X) + NOISE * rng.normal(size=n_samples)


@pytest.mark.parametrize("loss", ["huber", "absolute_error"])
def test_outliers_do_not_shift_a_robust_fit(loss):
    X, y = sample(n_samples=1000)
    moved = y.copy()
    moved[np.random.default_rng(1).choice(1000, 50, replace=False)] += 50.0 * NOISE
    before, after = (model(loss).fit(X, own).predict(X) for own in (y, moved))
    assert abs(np.mean(after - before)) < 0.1 * NOISE
    assert np.std(after - curve(X)) < 0.3 * NOISE


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("options", [{}, {"early_stopping": True, "max_cache_bytes": 0}])
def test_targets_that_do_not_vary_are_learned(loss, options):
    X = np.random.default_rng(0).normal(size=(12, 2))
    quantile = 0.8 if loss == "quantile" else None
    model = KANRegressor(loss=loss, quantile=quantile, random_state=0, **options)
    np.testing.assert_allclose(model.fit(X, np.full(12, 3.0)).predict(X), 3.0, rtol=1e-6)


@pytest.mark.parametrize("quantile", [0.1, 0.8])
def test_default_quantiles_cover_their_share_of_new_targets(quantile):
    shares = []
    for seed in range(3):
        X, y = make_friedman1(2400, n_features=5, noise=1.0, random_state=seed)
        model = KANRegressor(loss="quantile", quantile=quantile, random_state=0)
        model.fit(X[:400], y[:400])
        below = model.predict(X[400:])
        shares.append(np.mean(y[400:] <= below))
        assert model.score(X[400:], y[400:]) > 0.6
    assert np.mean(shares) == pytest.approx(quantile, abs=0.045)


@pytest.mark.parametrize("quantile", [0.05, 0.5, 0.9])
def test_quantiles_cover_their_share(quantile):
    X, y = sample(n_samples=1000)
    fresh, new = sample(n_samples=4000, seed=1)
    fitted = KANRegressor(loss="quantile", quantile=quantile, **ADDITIVE).fit(X, y)
    assert np.mean(y <= fitted.predict(X)) == pytest.approx(quantile, abs=0.02)
    assert np.mean(new <= fitted.predict(fresh)) == pytest.approx(quantile, abs=0.05)


@pytest.mark.parametrize(("loss", "power"), [("poisson", 1), ("gamma", 2)])
def test_log_link(loss, power):
    X, y = sample(loss)
    fitted = model(loss).fit(X, y)
    mean = fitted.predict(X)
    np.testing.assert_allclose(np.log(mean), fitted.network_(X)[:, 0], rtol=1e-12)
    assert np.sqrt(np.mean((np.log(mean) - 1.0 - curve(X)) ** 2)) < 0.12
    assert fitted.score(X, y) == pytest.approx(d2_tweedie_score(y, mean, power=power))
    # The sum of the predictions is that of the targets, as in every fit with a free constant.
    if loss == "poisson":
        assert mean.sum() == pytest.approx(y.sum(), rel=1e-4)
    slopes = fitted.gradient(X[:5])
    step = 1e-6 * np.array([1.0, 0.0])
    differences = (fitted.predict(X[:5] + step) - fitted.predict(X[:5] - step)) / 2e-6
    np.testing.assert_allclose(slopes[:, 0], differences, rtol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_units_of_targets_do_not_matter(loss):
    X, y = sample(loss, 150)
    before, after = (model(loss).fit(X, unit * y).predict(X) / unit for unit in (1.0, 1e9))
    np.testing.assert_allclose(after, before, rtol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_are_repetitions(loss):
    X, y = sample(loss, 80)
    times = np.random.default_rng(0).integers(0, 3, size=80)
    weighted = model(loss).fit(X, y, times)
    repeated = model(loss).fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-8)


def test_rates_with_exposure_for_weights():
    rng = np.random.default_rng(0)
    X, exposure = rng.uniform(-1, 1, size=(600, 1)), rng.uniform(0.1, 3.0, size=600)
    rate = np.exp(np.sin(3.0 * X[:, 0]))
    counts = rng.poisson(rate * exposure)
    fitted = model("poisson").fit(X, counts / exposure, exposure)
    assert np.sqrt(np.mean((np.log(fitted.predict(X) / rate)) ** 2)) < 0.1


@pytest.mark.parametrize("loss", ["gamma"])
def test_formulas_and_codes_have_the_link(loss):
    onnxruntime = pytest.importorskip("onnxruntime")
    X, y = sample(loss, 100)
    fitted = model(loss, grid_size=2).fit(X, y)
    mean = fitted.predict(X)
    np.testing.assert_allclose(fitted.to_function()(X), mean, rtol=1e-10)
    space = {}
    exec(fitted.to_code("python"), space)
    np.testing.assert_allclose(space["formula"](*X.T), mean, rtol=1e-10)
    assert "EXP" in fitted.to_code("sql").upper()
    formula = fitted.to_sympy()
    assert float(formula.subs({"x0": X[0, 0], "x1": X[0, 1]})) == pytest.approx(mean[0], rel=1e-9)
    session = onnxruntime.InferenceSession(to_onnx(fitted).SerializeToString())
    np.testing.assert_allclose(session.run(None, {"X": X})[0][:, 0], mean, rtol=1e-9)
    inner = fitted.to_function(logit=True)(X)
    np.testing.assert_allclose(np.exp(inner), mean, rtol=1e-10)


SOLVERS = {
    "lbfgs": {"hidden_layer_sizes": (1,), "solver": "lbfgs", "max_iter": 40},
    "adam": {"solver": "adam", "max_iter": 30, "alpha": 1e-3},
    "early_stopping": {"hidden_layer_sizes": (1,), "early_stopping": True, "max_iter": 40},
    "alpha": {"alpha": 1e-3},
}


@pytest.mark.parametrize(
    ("loss", "options"),
    [
        *(("gamma", "lbfgs"), ("absolute_error", "lbfgs"), ("huber", "adam"), ("poisson", "adam")),
        *(("poisson", "early_stopping"), ("quantile", "early_stopping"), ("huber", "alpha")),
        *(("gamma", "alpha"), ("quantile", "alpha")),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_solvers(loss, options):
    X, y = sample(loss, 150)
    fitted = model(loss, **SOLVERS[options]).fit(X, y)
    assert fitted.score(X, y) > 0.4
    again = fitted.set_params(warm_start=True).fit(X, y)
    assert again.score(X, y) > 0.4
    assert pickle.loads(pickle.dumps(again)).predict(X) == pytest.approx(again.predict(X))


def test_by_default_the_shape_is_left_to_the_fit():
    X, y = sample("poisson", 80)
    fitted = KANRegressor(loss="poisson", random_state=0).fit(X, y)
    assert fitted.score(X, y) > 0.5
    refitted = fitted.refit(X, y)
    np.testing.assert_allclose(refitted.predict(X), fitted.predict(X), rtol=0.1)


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_not_known_is_said(loss):
    X, y = sample(loss, 60)
    fitted = model(loss).fit(X, y)
    with pytest.raises(ValueError, match="include_noise=True needs loss='squared_error'"):
        fitted.predict(X, return_std=True)
    _, std = fitted.predict(X, return_std=True, include_noise=False)
    assert np.all(std > 0.0)
    with pytest.raises(ValueError, match="partial_fit does not support loss"):
        clone(fitted).partial_fit(X, y)


def test_deviation_of_a_robust_fit_is_that_of_many_fits():
    fits = []
    for seed in range(12):
        X, y = sample(n_samples=150, seed=seed)
        fits.append(model("huber").fit(X, y))
    at = np.array([[0.1, -0.2], [-0.5, 0.4]])
    means = np.array([own.predict(at) for own in fits])
    told = np.array([own.predict(at, return_std=True, include_noise=False)[1] for own in fits])
    ratio = np.sqrt(np.mean(told**2)) / np.sqrt(np.mean((means - curve(at)) ** 2))
    assert 0.6 < ratio < 1.6


@pytest.mark.parametrize(
    ("loss", "y", "message"),
    [
        ("poisson", [-1.0, 2.0, 3.0, 1.0], "at least 0, and not all 0, got a smallest one of -1"),
        ("poisson", [0.0, 0.0, 0.0, 0.0], "not all 0"),
        ("gamma", [0.0, 2.0, 3.0, 1.0], "positive, got a smallest one of 0"),
    ],
)
def test_targets_outside_of_the_domain(loss, y, message):
    with pytest.raises(ValueError, match=message):
        model(loss).fit(np.arange(4.0)[:, None], y)


def test_quantile_has_to_be_given():
    X, y = sample(n_samples=30)
    with pytest.raises(ValueError, match="loss='quantile' needs quantile"):
        KANRegressor(loss="quantile").fit(X, y)


@pytest.mark.parametrize("loss", ["huber", "poisson"])
def test_several_targets(loss):
    X, y = sample(loss, 150)
    Y = np.c_[y, y[::-1]]
    fitted = model(loss).fit(X, Y)
    assert fitted.predict(X).shape == (150, 2)
    assert np.corrcoef(fitted.predict(X)[:, 0], y)[0, 1] > 0.7


def test_skops_files():
    skops = pytest.importorskip("skops.io")
    from skkan.estimators._trusted_types import TRUSTED_TYPES  # noqa: PLC0415

    X, y = sample("gamma", 60)
    fitted = model("gamma").fit(X, y)
    loaded = skops.load(io.BytesIO(skops.dumps(fitted)), trusted=list(TRUSTED_TYPES))
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))
