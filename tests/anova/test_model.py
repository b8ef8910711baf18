"""Fits: the interactions that are there, and networks that are equal to them."""

import numpy as np
import pytest

from skkan.anova._as_network import as_network, parts_of
from skkan.anova._families import Normal
from skkan.anova._model import Fit, Options
from skkan.data._samples import TrainingData, scaling_of


def fitted(X, Y, **options):
    Y = Y.reshape(len(X), -1)
    weight = np.ones(len(X))
    scaling = scaling_of(TrainingData.unscaled(X, Y, weight), standardise=True)
    data = TrainingData.of(X, Y, weight, scaling)
    fit = Fit(data, Normal(data.total), Options(**options), lambda _: None)
    sample = data.sample()
    fit.start(sample)
    for order in range(2, fit.options.order + 1):
        findings = fit.tested(order, sample)
        if findings:
            fit.grow(findings)
    return fit.best, scaling


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, (500, 5))
    y = np.exp(X[:, 0]) + 2.0 * X[:, 1] * X[:, 2] + 0.2 * rng.normal(size=500)
    return X, y


def test_the_interaction_that_is_there_is_found_and_no_other(case):
    best, _ = fitted(*case)
    assert [term.columns for term in best.design.terms] == [(1, 2)]
    assert best.noise[0] * np.var(case[1]) == pytest.approx(0.04, rel=0.25)


def test_additive_data_stay_additive():
    rng = np.random.default_rng(1)
    X = rng.uniform(-1.0, 1.0, (400, 6))
    best, _ = fitted(X, np.sin(3.0 * X[:, 0]) + X[:, 1] ** 2 + 0.2 * rng.normal(size=400))
    assert best.design.terms == ()


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_the_network_is_the_fit(case, n_outputs):
    X, y = case
    Y = np.column_stack([y, X[:, 0] * X[:, 3] + 0.1 * np.sin(9.0 * X[:, 4])])[:, :n_outputs]
    best, scaling = fitted(X, Y)
    parts = parts_of(best, np.zeros(n_outputs))
    network = as_network(best.design, best.coef[0], parts, scaling)
    far = np.concatenate([X, 3.0 * X])
    expected = scaling.output_shift + scaling.output_scale * (
        best.design.matrix(scaling.inputs(far)) @ best.coef
    )
    np.testing.assert_allclose(network(far), expected, atol=1e-10)


def test_what_the_noise_hides_is_left_out(case):
    best, scaling = fitted(*case)
    every, some = (parts_of(best, share * best.noise) for share in (0.0, 1.0))
    assert len(some) < len(every)
    networks = [as_network(best.design, best.coef[0], own, scaling) for own in (every, some)]
    apart = np.var(networks[0](case[0]) - networks[1](case[0])) / np.var(case[1])
    assert apart < 0.01 * best.noise[0]


def test_three_columns_that_interact_without_any_two_are_found():
    rng = np.random.default_rng(2)
    X = rng.uniform(-1.0, 1.0, (600, 5))
    y = np.sign(X[:, 0] * X[:, 1] * X[:, 3]) + 0.1 * rng.normal(size=600)
    best, _ = fitted(X, y)
    assert (0, 1, 3) in [term.columns for term in best.design.terms]


def test_levels_that_stand_in_others_are_not_tried_with_them():
    rng = np.random.default_rng(0)
    n = 600
    model = rng.integers(0, 20, n)
    maker, colour = model // 4, rng.integers(0, 4, n)
    codes = np.column_stack([model, maker, colour])
    sites = tuple(np.linspace(-1.0, 1.0, k) for k in (20, 5, 4))
    inputs = np.column_stack([own[j] for own, j in zip(sites, codes.T, strict=True)])
    effect = rng.normal(size=(20, 4))
    y = rng.normal(size=20)[model] + effect[model, colour] + 0.1 * rng.normal(size=n)
    data = TrainingData.unscaled(inputs, ((y - y.mean()) / y.std())[:, None], np.ones(n))
    fit = Fit(data, Normal(data.total), Options(2, sites=sites), lambda _: None)
    fit.start(data.sample())
    found = [one.term.columns for one in fit.tested(2, data.sample())]
    assert (0, 2) in found
    assert (0, 1) not in found
