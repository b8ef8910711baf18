import numpy as np
import pytest
from networks import assert_close, central_differences
from scipy.optimize import minimize_scalar
from sklearn.metrics import mean_gamma_deviance, mean_pinball_loss, mean_poisson_deviance

from skkan.data._samples import TrainingData
from skkan.objective.losses._choice import regression_loss
from skkan.training._constant import best_constant

NAMES = ["absolute_error", "huber", "quantile", "poisson", "gamma"]


def loss_of(name):
    return regression_loss(name, 0.8 if name == "quantile" else None)


def draw(name, n_outputs=2, n_samples=300):
    rng = np.random.default_rng(0)
    out = 0.5 * rng.normal(size=(n_samples, n_outputs))
    if name == "poisson":
        target = rng.poisson(2.0, size=out.shape).astype(float)
    elif name == "gamma":
        target = rng.gamma(2.0, size=out.shape)
    else:
        target = rng.standard_t(2, size=out.shape)
    return loss_of(name), out, target, rng.uniform(0.1, 2.0, size=n_samples)


@pytest.mark.parametrize("name", NAMES)
def test_gradient_agrees_with_differences(name):
    loss, out, target, weight = draw(name, n_samples=8)
    loss = loss.calibrated(out, target, weight)
    expected = central_differences(lambda at: loss.value(at, target, weight), out)
    assert_close(loss.gradient(out, target, weight), expected.reshape(out.shape), 1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_dispersion_is_one_in_the_units_of_a_fit(name):
    loss, out, target, weight = draw(name)
    weight = weight / weight.sum()
    loss = loss.calibrated(out, target, weight)
    slopes = loss.gradient(out, target, np.ones(len(out)))
    factor = loss.curvature_factor(out, target, np.ones(len(out)))
    bends = (factor**2).sum(axis=2)
    np.testing.assert_allclose(weight @ slopes**2, weight @ bends, rtol=1e-12)


def test_losses_are_those_of_scikit_learn():
    # But for the smoothed kink, which is narrow here.
    loss, out, target, weight = draw("quantile", 1, 5000)
    loss = loss.calibrated(out, target, weight)
    times = loss.dispersions[0] / weight.sum()
    pinball = mean_pinball_loss(target, out, sample_weight=weight, alpha=0.8)
    assert times * loss.value(out, target, weight) == pytest.approx(pinball, rel=0.03)
    for name, metric in (("poisson", mean_poisson_deviance), ("gamma", mean_gamma_deviance)):
        loss, out, target, weight = draw(name, 1)
        deviance = metric(target, np.exp(out), sample_weight=weight)
        mean = loss.value(out, target, weight) / weight.sum()
        assert mean == pytest.approx(0.5 * deviance, rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_best_constant(name):
    loss, out, target, weight = draw(name, 1, 2000)
    loss = loss.calibrated(np.zeros_like(out), target, weight)
    data = TrainingData.unscaled(np.zeros((2000, 1)), target, weight)
    found, value = best_constant(data, loss)

    def at(constant):
        return loss.value(np.full_like(target, constant), target, data.weight)

    best = minimize_scalar(at, bounds=(-3.0, 3.0), method="bounded")
    assert value == pytest.approx(best.fun, rel=1e-6)
    mean = np.average(target[:, 0], weights=weight)
    if loss.link == "log":
        assert np.exp(found[0]) == pytest.approx(mean, rel=1e-6)
    if name == "quantile":
        share = np.average(target[:, 0] <= found[0], weights=weight)
        assert share == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize("name", ["absolute_error", "huber"])
def test_outliers_pull_no_more_than_their_number(name):
    loss, out, target, weight = draw(name)
    loss = loss.calibrated(out, target, weight)
    far = target + 1e6
    slope = loss.gradient(out, far, np.ones(len(out)))
    np.testing.assert_allclose(slope, loss.gradient(out, 2.0 * far, np.ones(len(out))))
    assert np.all(loss.curvature_factor(out, far, weight).max(axis=2) > 0.0)
