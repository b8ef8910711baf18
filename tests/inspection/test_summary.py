import copy

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skkan import KANClassifier, KANRegressor


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, size=(300, 3))
    y = 100.0 * (X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=300))
    model = KANRegressor((2,), grid_size=3, n_restarts=1, random_state=0).fit(X, y)
    return model, X, y


def test_facts(fitted):
    model, X, y = fitted
    facts = model.summary().facts
    assert facts["shape"] == "3 -> 2 -> 1"
    assert facts["edges"] == (8, 8)
    assert facts["samples"] == pytest.approx(300.0)
    assert facts["loss"] == model.loss_
    assert facts["score"] == pytest.approx(model.score(X, y), abs=1e-9)
    assert facts["noise"][0] == pytest.approx(10.0, rel=0.1)
    assert 4.0 < facts["dof"] < facts["parameters"]


def test_edges_and_interactions(fitted):
    model, X, _ = fitted
    summary = model.summary()
    scores = [edge.score for edge in summary.edges]
    assert scores == sorted(scores, reverse=True)
    assert sum(edge.dof for edge in summary.edges) == pytest.approx(summary.facts["dof"])
    assert {edge.source for edge in summary.edges if edge.layer == 0} == {"x0", "x1", "x2"}
    assert {edge.target for edge in summary.edges if edge.layer == 1} == {"y"}
    strongest = summary.interactions[0]
    assert strongest.columns == ("x0", "x1")
    assert strongest.share == pytest.approx(model.feature_interactions(X)[0, 1], abs=0.3)


def test_degrees_of_an_additive_model_are_those_of_its_smoother():
    rng = np.random.default_rng(1)
    X, y = rng.uniform(-1.0, 1.0, size=(80, 1)), rng.normal(size=80)
    model = KANRegressor((), alpha=1e-3).fit(X, y)
    # Least squares with a penalty is linear: the trace of what leads from targets to predictions.
    unit = 1e-3
    moved = [KANRegressor((), alpha=1e-3).fit(X, y + unit * row) for row in np.eye(80)[:80:8]]
    before = model.predict(X)
    slopes = [(own.predict(X) - before)[8 * k] / unit for k, own in enumerate(moved)]
    assert 80 * np.mean(slopes) == pytest.approx(model.summary().facts["dof"], rel=0.35)


def test_print_in_a_terminal_and_in_a_notebook(fitted):
    model, *_ = fitted
    summary = model.summary(max_rows=2)
    text, html = repr(summary), summary._repr_html_()
    assert text.startswith("KANRegressor\nshape")
    assert "(6 more)" in text
    assert "x0 x x1" in text
    assert all(len(line) <= 100 for line in text.splitlines())
    assert html.count("<table>") == 3
    assert "6 more" in html


def test_names_and_symbols():
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    X = pandas.DataFrame(rng.normal(size=(90, 2)), columns=["<age>", "height"])
    labels = np.where(X["<age>"] + 0.5 * rng.normal(size=90) > 0.0, "old", "new")
    model = KANClassifier((), random_state=0).fit(X, labels).fix_symbolic(0, "<age>", 0, "x")
    first = model.summary().edges[0]
    assert first[:4] == (0, "<age>", "log-odds of old", "x")
    assert "&lt;age&gt;" in model.summary()._repr_html_()
    assert model.summary().facts["noise"] is None
    share = 1.0 + np.mean(np.log(model.predict_proba(X)[np.arange(90), (labels == "old") * 1])) / (
        -sum(p * np.log(p) for p in (np.mean(labels == "old"), np.mean(labels == "new")))
    )
    assert model.summary().facts["score"] == pytest.approx(share, abs=1e-6)


def test_terms_of_an_analysis_of_variance(fitted):
    _, X, y = fitted
    model = KANRegressor(random_state=0).fit(X, y)
    summary = model.summary()
    assert list(summary.terms) == list(model.terms_)
    assert "evidence" in repr(summary)
    assert "evidence" in repr(copy.deepcopy(model).summary())


@pytest.mark.parametrize("y", [np.full(40, 2.0), np.column_stack([np.arange(40.0), np.ones(40)])])
def test_constants_and_several_targets(y):
    X = np.linspace(0.0, 1.0, 40)[:, None]
    assert "shape" in repr(KANRegressor((), random_state=0).fit(X, y).summary())


def test_summaries_of_what_has_been_changed(fitted):
    model, X, y = fitted
    for own in (
        model.prune(),
        model.refine(6),
        copy.deepcopy(model).fix_symbolic(0, 0, 0, "x"),
        copy.deepcopy(model).partial_fit(X[:20], y[:20]),
    ):
        assert np.isfinite(own.summary().facts["dof"])


@pytest.mark.parametrize("max_rows", [0, -1, 1.5, True, "a"])
def test_arguments(fitted, max_rows):
    with pytest.raises(ValueError, match="max_rows must be an integer"):
        fitted[0].summary(max_rows=max_rows)
    with pytest.raises(NotFittedError):
        KANRegressor().summary()
