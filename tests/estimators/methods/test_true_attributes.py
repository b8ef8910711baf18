"""Fitted attributes are those of the network that is there, whatever has been done to it."""

import copy

import numpy as np
import pytest

from skkan import KANClassifier, KANRegressor

CHANGES = {
    "fit": lambda model, *_: model,
    "prune": lambda model, *_: model.prune(0.1, 0.2),
    "prune_inputs": lambda model, *_: model.prune_inputs(0.2),
    "refine": lambda model, *_: model.refine(7),
    "fix_symbolic": lambda model, *_: model.fix_symbolic(0, 0, 0, "x"),
    "unfix_symbolic": lambda model, *_: model.fix_symbolic(0, 0, 0, "x").unfix_symbolic(0, 0, 0),
    "auto_symbolic": lambda model, *_: model.auto_symbolic(0.1, 1.0, ["x", "x^2"]),
    "refit": lambda model, X, y: model.prune().refit(X, y),
    "partial_fit": lambda model, X, y: model.fix_symbolic(0, 1, 0, "x").partial_fit(X, y),
    "warm fit": lambda model, X, y: model.set_params(warm_start=True).fit(X, y),
    "copy": lambda model, *_: copy.deepcopy(model.fix_symbolic(0, 1, 0, "x")),
}


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, size=(150, 3))
    return X, np.sin(3.0 * X[:, 0]) * (1.0 + X[:, 1]) + 0.02 * rng.normal(size=150)


@pytest.fixture(scope="module")
def models(problem):
    X, y = problem
    options = {"grid_size": 4, "alpha": 1e-10, "n_restarts": 1, "random_state": 0}
    return (
        KANRegressor((2,), **options).fit(X, y),
        KANClassifier((), **{**options, "alpha": 1e-4}).fit(X, y > 0.0),
    )


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("which", [0, 1])
def test_all_fitted_attributes_are_those_of_the_network(name, which, problem, models):
    X, y = problem
    t = y > 0.0 if which else y
    model = CHANGES[name](copy.deepcopy(models[which]), X, t)
    network = model.network_
    if which:
        truth = -np.log(model.predict_proba(X)[np.arange(len(X)), t * 1]).mean()
        # The penalty counts, too.
        assert truth - 1e-12 <= model.loss_ <= truth + 0.05
    elif name != "partial_fit":
        truth = 0.5 * np.mean((model.predict(X) - y) ** 2) / y.var()
        assert model.loss_ == pytest.approx(truth, rel=0.02, abs=1e-7)
    shapes = [(layer.n_in, layer.n_subnodes) for layer in network.layers]
    assert [own.shape for own in model.edge_scores_] == shapes
    assert [own.shape for own in model.alpha_] == shapes
    for layer, scores in zip(network.layers, model.edge_scores_, strict=True):
        assert not scores[~layer.active].any()
    assert [len(own) for own in model.node_scores_] == list(network.shape)
    assert model.symbolic_ == (not any(layer.splined.any() for layer in network.layers))
    moved = [network(X + np.eye(3)[i] * 0.1) - network(X) for i in range(3)]
    assert model.active_features_.tolist() == [bool(np.abs(own).max() > 1e-12) for own in moved]
    assert model.feature_importances_.sum() == pytest.approx(1.0)
    assert model.n_outputs_ == network.shape[-1]
    assert model.n_iter_ == len(model.loss_curve_)
    assert model.summary().facts["loss"] == model.loss_
