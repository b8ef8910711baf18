"""Marginal likelihood: its value by brute force, and its gradient."""

import numpy as np
import pytest
from scaled_blocks import block_of
from scipy.stats import multivariate_normal

from skkan.anova._basis import Bases
from skkan.anova._design import Design, Term
from skkan.anova._evidence import Layout, Response, maximised, posterior


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, (80, 3))
    t = X[:, 0] + np.sin(3.0 * X[:, 1]) * X[:, 2] + 0.3 * rng.normal(size=80)
    sample = block_of(X)
    design = Design(Bases.of(sample, 3, 6))
    design = design.with_terms([Term.of(design.bases, (1, 2), 9)])
    matrix = design.matrix(sample.inputs)
    layout = Layout.of(design, noise=True)
    return matrix, t, layout, Response(matrix.T @ matrix, matrix.T @ t, float(t @ t), 80.0)


def test_evidence_is_the_density_of_the_targets(problem):
    matrix, t, layout, response = problem
    logs = layout.first()
    logs[-1] = -2.0
    found, _ = posterior(layout, response, logs)
    covariance = (matrix * layout.variances(found.logs)) @ matrix.T + np.exp(-2.0) * np.eye(80)
    density = multivariate_normal(np.zeros(80), covariance).logpdf(t) + 40.0 * np.log(2.0 * np.pi)
    assert found.evidence + layout.prior(found.logs)[0] == pytest.approx(density, rel=1e-3)


def test_gradient_is_that_of_the_evidence(problem):
    _, _, layout, response = problem
    logs = layout.first() + np.random.default_rng(1).normal(size=len(layout.first()))
    _, gradient = posterior(layout, response, logs)
    for place in range(len(logs)):
        ends = []
        for sign in (1.0, -1.0):
            other = logs.copy()
            other[place] += 1e-5 * sign
            ends.append(posterior(layout, response, other)[0].evidence)
        assert -(ends[0] - ends[1]) / 2e-5 == pytest.approx(gradient[place], rel=1e-2, abs=2e-2)


def test_climbing_raises_the_evidence_and_finds_the_noise(problem):
    _, _, layout, response = problem
    first, _ = posterior(layout, response, layout.first())
    seen = []
    found = maximised(layout, response, layout.first(), 40, lambda own: seen.append(own.evidence))
    assert found.evidence > first.evidence
    assert seen == sorted(seen)
    assert 0.2 < found.noise**0.5 < 0.45


def test_levels_explain_no_more_than_there_is():
    # Codes of ten models, which stand in those of five makers, and unknown ones in the middle.
    rng = np.random.default_rng(0)
    model = rng.integers(0, 10, 200)
    X = np.column_stack([model // 2, model, rng.normal(size=200)]).astype(float)
    sample = block_of((X - X.mean(axis=0)) / np.ptp(X, axis=0))
    sites = tuple(np.unique(own) for own in sample.inputs.T[:2])
    design = Design(Bases.of(sample, 3, 6, sites=(*sites, None)))
    design = design.with_terms([Term.of(design.bases, (0, 1), 9)])
    matrix, t = design.matrix(sample.inputs), rng.normal(size=10)[model]
    layout = Layout.of(design, noise=True)
    response = Response(matrix.T @ matrix, matrix.T @ t, float(t @ t), 200.0)
    logs = maximised(layout, response, layout.first(), 60).logs
    # Both logarithms of the levels', and what interactions have in common.
    assert (logs[[0, 1, 3, 4, 7, 8]] <= 0.0).all()
    assert layout.highest[[2, 5, 6]].min() > 0.0
