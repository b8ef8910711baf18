"""Whole weights and repeated rows are one and the same, in all that an estimator offers."""

import numbers

import matplotlib.pyplot as plt
import numpy as np
import pytest
from estimator_data import labels_of

from skkan import KANClassifier, KANRegressor, KANSymbolicRegressor
from skkan.inspection import EffectsDisplay, KANDisplay, LocalDisplay

# Everything public that a fitted estimator has and that takes nothing, or nothing but X.
WITH_X = ["predict", "predict_proba", "decision_function", "gradient", "feature_interactions"]


def numbers_in(value, path=""):
    """Yield all numbers in what a method returns, with where they are."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        yield path, value.astype(float)
    elif isinstance(value, numbers.Real):
        yield path, np.array(float(value))
    elif isinstance(value, dict):
        for key, own in value.items():
            yield from numbers_in(own, f"{path}[{key}]")
    elif isinstance(value, (list, tuple)) or hasattr(value, "equations"):
        for number, own in enumerate(value):
            yield from numbers_in(own, f"{path}[{number}]")


def assert_same(one, other, what):
    found, expected = list(numbers_in(one)), list(numbers_in(other))
    assert [path for path, _ in found] == [path for path, _ in expected], what
    for (path, a), (_, b) in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10, err_msg=f"{what}{path}")


def assert_all_the_same(one, other, X):
    names = [name for name in dir(type(one)) if name.endswith("_") and not name.startswith("_")]
    names += [name for name in vars(one) if name.endswith("_")]
    for name in sorted(set(names) - {"network_"}):
        assert hasattr(one, name) == hasattr(other, name), name
        if hasattr(one, name):
            assert_same(getattr(one, name), getattr(other, name), name)
    for name in WITH_X:
        if hasattr(one, name):
            assert_same(getattr(one, name)(X), getattr(other, name)(X), name)
    if isinstance(one, KANRegressor) and one._state.posterior is not None:
        ways = [model.predict(X, return_std=True) for model in (one, other)]
        assert_same(*ways, "return_std")
    edges = [
        list(model.suggest_symbolic(0, 0, 0, symbols=["exp", "sin"])) for model in (one, other)
    ]
    assert_same(*edges, "suggestions")


def drawn(model, X):
    """Return what the pictures of an estimator show."""
    effects = EffectsDisplay.from_estimator(model)
    local = LocalDisplay.from_estimator(model, X[:1])
    network = KANDisplay.from_estimator(model, X)
    plt.close("all")
    values = [(own.values, own.importance) for own in effects.effects]
    return values, local.contributions, local.mean, [own.y for own in network.curves]


def two_ways(cls, rng, n_rows=70, n_batch=25):
    """Return X, weights, and targets of a fit and of a batch."""
    X = rng.uniform(-1.0, 1.0, size=(n_rows + n_batch, 2))
    y = np.sin(3.0 * X[:, 0]) * (1.0 + X[:, 1]) + 0.1 * rng.normal(size=len(X))
    y = labels_of(y, 3) if cls is KANClassifier else y
    return X, y, rng.integers(0, 4, len(X)), np.arange(n_rows), np.arange(n_rows, len(X))


EDITS = {
    "fit": lambda model: model,
    "prune": lambda model: model.prune(),
    "refine": lambda model: model.refine(2 * model.network_.grid_size),
    "fix_symbolic": lambda model: model.fix_symbolic(0, 0, 0, "sin"),
    "unfix_symbolic": lambda model: model.fix_symbolic(0, 0, 0, "x^2").unfix_symbolic(0, 0, 0),
    "auto_symbolic": lambda model: model.auto_symbolic(0.5, symbols=["x", "x^2", "exp", "sin"]),
}
MODELS = {
    "additive": (KANRegressor, {"hidden_layer_sizes": ()}),
    "network": (KANRegressor, {"hidden_layer_sizes": (2,), "grid_size": 3, "n_restarts": 1}),
    "analysis": (KANRegressor, {}),
    "classes": (KANClassifier, {"hidden_layer_sizes": (), "class_weight": "balanced"}),
}
# What every kind of model is asked; together they meet every edit.
TRIED = {
    "additive": ["fit", "fix_symbolic", "unfix_symbolic", "auto_symbolic"],
    "network": ["fit", "prune", "refine"],
    "analysis": ["fit"],
    "classes": ["fit", "prune", "fix_symbolic"],
}


@pytest.mark.parametrize("kind", list(MODELS))
def test_whole_weights_are_repetitions_everywhere(kind):
    cls, options = MODELS[kind]
    X, y, weight, first, _ = two_ways(cls, np.random.default_rng(3))
    repeated = np.repeat(first, weight[first])
    one = cls(**options, random_state=0).fit(X[first], y[first], sample_weight=weight[first])
    other = cls(**options, random_state=0).fit(X[repeated], y[repeated])
    np.testing.assert_array_equal(one.network_.get_parameters(), other.network_.get_parameters())
    if kind in ("additive", "network"):
        assert_same(drawn(one, X), drawn(other, X), "pictures")
    for name in TRIED[kind]:
        assert_all_the_same(EDITS[name](one), EDITS[name](other), X)


@pytest.mark.parametrize("kind", ["additive", "network", "classes"])
@pytest.mark.parametrize("begin", ["fit", "partial_fit"])
def test_whole_weights_are_repetitions_in_streams(kind, begin):
    cls, options = MODELS[kind]
    X, y, weight, first, later = two_ways(cls, np.random.default_rng(4))
    models = []
    for repeat in (False, True):
        model = cls(**{**options, "class_weight": None} if cls is KANClassifier else options)
        model.set_params(random_state=0)
        for step, rows in ((begin, first), ("partial_fit", later), ("partial_fit", first[:30])):
            own = np.repeat(rows, weight[rows]) if repeat else rows
            extra = {"classes": [0, 1, 2]} if cls is KANClassifier and step != "fit" else {}
            extra |= {} if repeat else {"sample_weight": weight[rows]}
            getattr(model, step)(X[own], y[own], **extra)
        models.append(model)
    assert_all_the_same(*models, X)


def test_whole_weights_are_repetitions_in_searches():
    X, y, weight, first, _ = two_ways(KANRegressor, np.random.default_rng(5), 60)
    options = {"hidden_layer_sizes": [(1,)], "symbols": ["x", "x^2", "sin"], "n_restarts": 1}
    options |= {"max_iter": 20, "grid_size": 4, "divide": False, "random_state": 0}
    repeated = np.repeat(first, weight[first])
    one = KANSymbolicRegressor(**options).fit(X[first], y[first], sample_weight=weight[first])
    other = KANSymbolicRegressor(**options).fit(X[repeated], y[repeated])
    assert [str(row["equation"]) for row in one.equations_] == [
        str(row["equation"]) for row in other.equations_
    ]
    assert_same(one.predict(X), other.predict(X), "predict")
