"""Losses other than squares: modes, evidence and invariances of Laplace's approximation."""

import numpy as np
import pytest
from scaled_blocks import block_of
from scipy.special import softmax

from skkan.anova._basis import Bases
from skkan.anova._design import Design, Term
from skkan.anova._reweighted import Reweighted
from skkan.data._samples import TrainingData
from skkan.objective.losses._binary_log import BinaryLogLoss
from skkan.objective.losses._multinomial_log import MultinomialLogLoss


def design_of(X, terms=()):
    design = Design(Bases.of(block_of(X), 3, 6))
    return design.with_terms([Term.of(design.bases, own, 6) for own in terms])


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, (300, 3))
    eta = np.column_stack([3.0 * X[:, 0] * X[:, 1], np.sin(3.0 * X[:, 2]), np.zeros(300)])
    shares = softmax(2.0 * eta, axis=1)
    codes = (rng.random(300)[:, None] > shares.cumsum(axis=1)).sum(axis=1)
    return X, np.eye(3)[codes]


def solved(X, target, terms=((0, 1),)):
    loss = BinaryLogLoss() if target.shape[1] == 1 else MultinomialLogLoss()
    data = TrainingData.unscaled(block_of(X).inputs, target, np.ones(len(X)))
    family = Reweighted.of(loss, data.total, target.shape[1])
    return family, data, family.solved(design_of(X, terms), data.rows(), None, None, lambda _: None)


@pytest.mark.parametrize("outputs", [[0], [0, 1, 2]])
def test_coefficients_are_a_mode(case, outputs):
    X, target = case
    family, data, found = solved(X, target[:, outputs])
    matrix = found.design.matrix(data.inputs)
    pull = family.loss.gradient(matrix @ found.coef, data.target, data.weight)
    gradient = data.total * matrix.T @ pull + found.coef / found.posteriors[0].variances[:, None]
    scale = np.sqrt(found.posteriors[0].variances)[:, None]
    assert np.abs(scale * gradient).max() < 0.3


def test_the_evidence_prefers_the_interaction_that_is_there(case):
    X, target = case
    best = {own: solved(X, target, own)[2].evidence for own in ((), ((0, 1),), ((1, 2),))}
    assert best[(0, 1),] > best[()] + 20.0
    assert best[(0, 1),] > best[(1, 2),] + 20.0


def test_outputs_of_a_softmax_sum_to_zero_and_follow_the_order_of_the_classes(case):
    X, target = case
    found = solved(X, target)[2]
    np.testing.assert_allclose(found.coef.sum(axis=1), 0.0, atol=1e-10)
    other = solved(X, target[:, [2, 0, 1]])[2]
    assert other.evidence == pytest.approx(found.evidence, abs=1e-3)
    np.testing.assert_allclose(other.coef, found.coef[:, [2, 0, 1]], atol=1e-4)
