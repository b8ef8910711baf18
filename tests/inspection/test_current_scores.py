"""Scores are those of the network as it is, however it has come about."""

import numpy as np
import pytest
from estimator_data import ESTIMATORS, SMALL, target_for

from skkan import KANClassifier, KANRegressor
from skkan.data._samples import TrainingData
from skkan.data._typical_rows import typical_rows
from skkan.inspection._scores import network_activity, propagated


def samples(n_samples=300):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, size=(n_samples, 3))
    return X, X[:, 0] * X[:, 1] + np.exp(X[:, 0]) + 0.1 * X[:, 2], rng.uniform(0.1, 2.0, n_samples)


def assert_scores_are_those_of(model, X, weight, rtol=1e-6):
    network = model.network_
    data = TrainingData.unscaled(network.scaling.inputs(X), np.empty((len(X), 0)), weight)
    edges, nodes = propagated(network_activity(network, data))
    for own, expected in zip(model.edge_scores_, edges, strict=True):
        np.testing.assert_allclose(own, expected, rtol=rtol, atol=1e-12)
    for own, expected in zip(model.node_scores_, nodes, strict=True):
        np.testing.assert_allclose(own, expected, rtol=rtol, atol=1e-12)
    np.testing.assert_allclose(model.feature_importances_, nodes[0] / nodes[0].sum(), rtol=rtol)


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_scores_follow_every_change(cls):
    X, y, weight = samples()
    model = cls(**SMALL, alpha=1e-3).fit(X, target_for(cls, y), weight)
    fitted = model.edge_scores_
    assert_scores_are_those_of(model, X, weight)
    threshold = 1.01 * min(scores.min() for scores in fitted)
    small = model.prune(node_threshold=0.0, edge_threshold=threshold)
    assert_scores_are_those_of(small, X, weight)
    by_inputs = model.prune_inputs(1.01 * model.node_scores_[0].min())
    assert_scores_are_those_of(by_inputs, X, weight)
    assert by_inputs.active_features_.sum() == 2
    model.fix_symbolic(0, 0, 0, "x", [0.7, 0.1, 0.4, 0.2])
    assert_scores_are_those_of(model, X, weight)
    assert np.abs(model.edge_scores_[0] - fitted[0]).max() > 1e-3
    model.unfix_symbolic(0, 0, 0)
    assert_scores_are_those_of(model, X, weight)
    model.auto_symbolic(0.5)
    assert_scores_are_those_of(model, X, weight)


def test_an_edge_that_was_made_constant_has_no_score():
    X, y, _ = samples()
    model = KANRegressor((), random_state=0).fit(X, y)
    assert model.active_features_.all()
    model.fix_symbolic(0, 1, 0, "x", [1.0, 0.0, 0.0, 0.0])
    assert model.feature_importances_[1] == 0.0
    assert model.active_features_.tolist() == [True, False, True]
    assert model.feature_importances_.sum() == pytest.approx(1.0)


def test_scores_after_a_change_come_from_a_thousand_typical_rows():
    X, y, _ = samples(3000)
    model = KANClassifier((), random_state=0).fit(X, target_for(KANClassifier, y))
    before = model.edge_scores_[0]
    model.fix_symbolic(0, 0, 0, "x").unfix_symbolic(0, 0, 0)
    # The other edges are what they were, but for the sample.
    np.testing.assert_allclose(model.edge_scores_[0][1], before[1], rtol=0.1)
    line = model.fix_symbolic(0, 0, 0, "x", [1.0, 0.0, 1.0, 0.0])
    assert_scores_are_those_of(line, X, np.ones(3000), rtol=0.1)


def test_rows_kept_for_their_extremes_only_have_no_weight():
    X, y, weight = samples(3000)
    network = KANRegressor((), random_state=0).fit(X, y).network_
    rows = typical_rows(network, X, y[:, None], weight)
    own = rows.weighted()
    assert len(own.X) == 1000
    assert 1000 < len(rows.X) <= 1000 + 2 * 3 * 2
    np.testing.assert_array_equal(rows.X.max(axis=0), X.max(axis=0))
    # They stand for all: their weights are those of the others, too.
    share = own.total / sum(weight[(row == X).all(axis=1)].sum() for row in own.X)
    known = {(*row, t) for row, t in zip(X.tolist(), y, strict=True)}
    assert {(*row, t) for row, t in zip(own.X.tolist(), own.target[:, 0], strict=True)} <= known
    assert rows.total == pytest.approx(weight.sum())
    assert share > 1.0
