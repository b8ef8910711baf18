import sys
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from estimator_data import ADDITIVE, curved_data
from networks import FUNCTIONS, draw_network
from pictures import assert_looks_like, estimator_of, sample
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkan import KANClassifier, KANRegressor, KANSymbolicRegressor
from skkan.inspection import EdgeDisplay, KANDisplay, LossCurveDisplay
from skkan.network.functions._symbolic_edge import SymbolicEdge


def draw(shape, *traits):
    return draw_network(np.random.default_rng(0), shape, traits=traits)


def show(network, **options):
    options = {"min_score": 0.0, "max_frames": 1000, **options}
    return KANDisplay.from_estimator(estimator_of(network), sample(network), **options)


@pytest.mark.parametrize(
    ("name", "shape", "traits"),
    [
        ("small", (2, 1, 1), ()),
        ("layered", (4, 5, 3), ()),
        ("several_rows", (10, 10, 5), ()),
        ("traits", (3, 3, 2), ("products", "masks", "symbols")),
    ],
)
def test_picture(name, shape, traits, tmp_path):
    assert_looks_like(show(draw(shape, *traits)).figure_, f"network_{name}", tmp_path)


def test_active_edges_are_drawn_and_no_others():
    network = draw((4, 5, 3))
    full = show(network)
    assert len(full.edges_) == len(full.frames_) == len(full.curves_) == 4 * 5 + 5 * 3
    masks = [np.ones((4, 5), dtype=bool), np.ones((5, 3), dtype=bool)]
    masks[0][2] = masks[1][:, 0] = False
    pruned = show(network.masked(masks))
    assert [(c.layer, c.i, c.j) for c in pruned.curves] == [
        (depth, i, j) for depth, mask in enumerate(masks) for i, j in np.argwhere(mask)
    ]
    assert len(pruned.edges_) == len(pruned.frames_) == len(pruned.curves_) == 15 + 10
    assert [len(level) for level in pruned.nodes_] == [4, 5, 3]


def test_a_network_without_edges_can_be_drawn():
    network = draw((2, 1)).masked([np.zeros((2, 1))])
    assert show(network).edges_ == []


def test_curves_are_the_edge_functions():
    network = draw((3, 2, 2), "symbols", "products")
    display, values = show(network), network.node_values(sample(network))
    for curve in display.curves:
        x, layer = values[curve.layer], network.layers[curve.layer]
        sites = np.zeros((len(curve.x), layer.n_in))
        sites[:, curve.i] = curve.x
        np.testing.assert_allclose(
            curve.y, layer.edge_values(sites)[:, curve.i, curve.j], rtol=1e-10, atol=1e-10
        )
        assert curve.x[0] == x[:, curve.i].min()
        assert curve.x[-1] == pytest.approx(x[:, curve.i].max())


def test_graphs_fill_their_frames():
    display = show(draw((3, 2, 2), "symbols"))
    for curve, graph, frame in zip(display.curves, display.curves_, display.frames_, strict=True):
        x, y = graph.get_data()
        (left, bottom), size = frame.get_xy(), frame.get_width()
        assert left < x.min()
        assert x.max() < left + size
        assert bottom < y.min()
        assert y.max() < bottom + size
        # The graph is the function up to an affine map.
        span = np.ptp(curve.y)
        np.testing.assert_allclose((y - y.min()) / np.ptp(y), (curve.y - curve.y.min()) / span)


def test_constants_and_undefined_values_are_drawn():
    network = draw((2, 1))
    network.layers[0].coef[0] = 1.0 / 3.0
    root = SymbolicEdge(FUNCTIONS["exp"], np.array([1e4, 0.0, 1.0, 0.0]))
    display = show(network.with_symbol(0, 1, 0, root))
    assert np.ptp(display.curves_[0].get_ydata()) == 0.0
    y = display.curves_[1].get_ydata()
    assert np.isnan(y).any()
    assert np.isfinite(y).any()


def test_opacity_follows_the_score():
    network = draw((3, 3, 2))
    display, values = (
        show(network, min_opacity=0.1, score="std"),
        network.node_values(sample(network)),
    )
    for depth, layer in enumerate(network.layers):
        strengths = layer.edge_values(values[depth]).std(axis=0)
        edges = [
            (strengths[c.i, c.j], edge.get_alpha(), graph.get_alpha())
            for c, edge, graph in zip(display.curves, display.edges_, display.curves_, strict=True)
            if c.layer == depth
        ]
        edges.sort()
        alphas = [alpha for _, alpha, _ in edges]
        assert alphas == [alpha for _, _, alpha in edges]
        assert np.all(np.diff(alphas) > 0.0)
        assert alphas[-1] == pytest.approx(1.0)
        assert alphas[0] > 0.1


def test_an_edge_into_an_idle_node_is_weak_however_wild():
    network = draw((2, 2, 1))
    network.layers[0].coef[:, 0] *= 100.0
    network.layers[1].coef[0] = 0.0
    weak = {(c.layer, c.i, c.j) for c in show(network).curves if c.score < 1e-6}
    assert weak == {(0, 0, 0), (0, 1, 0), (1, 0, 0)}
    display = show(network, min_score=0.01)
    assert len(display.curves) == 3
    assert display.note_.get_text() == "3 edges too weak to be drawn"
    widths = [line.get_linewidth() for line in show(network).edges_]
    assert max(widths) > 2.0 * min(widths)


def test_scores_are_those_of_the_estimator():
    X, y = curved_data()
    model = KANRegressor((2,), random_state=0).fit(X, y)
    display = KANDisplay.from_estimator(model, X, min_score=0.0)
    for curve in display.curves:
        own = model.edge_scores_[curve.layer]
        assert curve.score == pytest.approx(own[curve.i, curve.j] / own.max(), rel=1e-4, abs=1e-9)


def test_wide_networks_have_frames_for_the_strongest_edges_only():
    display = show(draw((10, 4, 2)), max_frames=12)
    assert len(display.curves) == 12 + 8
    assert len(display.plain) == len(display.plain_) == 28
    weakest = min(curve.score for curve in display.curves if curve.layer == 0)
    assert max(score for _, _, _, score in display.plain) <= weakest
    assert "28 edges without a frame" in display.note_.get_text()
    with pytest.raises(ValueError, match=r"min_score must be a number from 0 to 1, got 2"):
        show(draw((2, 1)), min_score=2)
    with pytest.raises(ValueError, match=r"max_frames must be an integer of at least 1, got 0"):
        show(draw((2, 1)), max_frames=0)


def test_pipelines_are_drawn_with_the_names_of_their_columns():
    X, y = curved_data()
    frame = pd.DataFrame(X, columns=[f"column {k}" for k in range(X.shape[1])])
    steps = make_pipeline(StandardScaler(), KANRegressor((), random_state=0)).fit(frame, y)
    display = KANDisplay.from_estimator(steps, frame)
    assert display.feature_names == [*frame.columns]
    assert repr(display).startswith(f"KANDisplay of a network [{X.shape[1]}, 1]: ")
    edge = EdgeDisplay.from_estimator(steps, frame, layer=0, i="column 1", j=0)
    np.testing.assert_allclose(edge.data, steps[:-1].transform(frame)[:, 1])
    assert repr(edge) == "EdgeDisplay of part of y over column 1: spline"
    with pytest.raises(ValueError, match=r"i='age' is not among the columns: column 0"):
        EdgeDisplay.from_estimator(steps, frame, layer=0, i="age", j=0)


def test_symbolic_regressors_are_drawn():
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(100, 1))
    search = KANSymbolicRegressor([()], divide=False, random_state=0).fit(X, X[:, 0] ** 2)
    display = KANDisplay.from_estimator(search, X, target_names=["area"])
    assert display.target_names == ["area"]
    assert display.feature_names == ["x0"]


def test_scores_may_be_given():
    network = draw((2, 2, 1))
    scores = [[[1.0, 2.0], [0.0, 4.0]], [[3.0], [1.5]]]
    display = show(network, score=scores)
    assert [curve.score for curve in display.curves] == [0.25, 0.5, 0.0, 1.0, 1.0, 0.5]
    spans = show(network, score="range")
    first = [np.ptp(v) for v in network.layers[0].edge_values(sample(network)).reshape(50, 4).T]
    np.testing.assert_allclose([c.score for c in spans.curves[:4]], np.array(first) / max(first))
    with pytest.raises(ValueError, match=r"score must hold arrays of shapes .*got arrays of"):
        show(network, score=scores[:1])
    with pytest.raises(ValueError, match=r"without negative numbers"):
        show(network, score=[np.ones((2, 2)), -np.ones((2, 1))])
    with pytest.raises(ValueError, match=r"score must be one of .*got 'mean'"):
        show(network, score="mean")


def test_products_and_sums_have_their_signs():
    display = show(draw((3, 2, 2, 1), "products"))
    # The last of two hidden nodes is a product of two, and of three.
    assert [len(level) for level in display.subnodes_] == [2, 3, 0]
    assert len(display.marks_) == 2 + 2 + 1 + 2 + 3

    def is_plus(mark):
        return np.isclose(*mark.get_ydata()[:2])

    # By layer: nodes, then factors.
    assert [is_plus(mark) for mark in display.marks_] == [
        *([True, False] + [True] * 2),
        *([True, False] + [True] * 3),
        True,
    ]


def test_symbolic_edges_have_colour_and_name():
    network = draw((2, 1, 1)).with_symbol(
        0, 1, 0, SymbolicEdge(FUNCTIONS["square"], np.array([1.0, 0.0, 1.0, 0.0]))
    )
    display = show(network, symbol_color="C2")
    assert [edge.get_color() for edge in display.edges_] == ["black", "C2", "black"]
    assert [curve.get_color() for curve in display.curves_] == ["black", "C2", "black"]
    assert [text.get_text() for text in display.texts_] == ["x0", "x1", "y", "square"]


def test_names_are_shown():
    X, y = curved_data()
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["length", "width"])
    labels = np.where(y > 1.0, "large", np.where(y > 0.0, "medium", "small"))
    classifier = KANClassifier(**ADDITIVE).fit(frame, labels)
    display = KANDisplay.from_estimator(classifier, frame)
    names = [text.get_text() for text in display.texts_]
    assert names == ["length", "width", "large", "medium", "small"]


def texts_apart(display):
    display.figure_.canvas.draw()
    boxes = [text.get_window_extent() for text in display.texts_]
    apart = all(not a.overlaps(b) for a, b in pairwise(boxes))
    figure = display.figure_.bbox
    inside = all(
        box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.width and box.y1 <= figure.height
        for box in boxes
    )
    return apart and inside


@pytest.mark.parametrize("length", [2, 8, 20, 60])
def test_long_names_do_not_overlap(length):
    names = [letter * length for letter in "abcd"]
    display = show(draw((4, 2, 4)), feature_names=names, target_names=names)
    assert texts_apart(display)


def test_drawing_on_given_axes_and_again():
    figure, (left, right) = plt.subplots(1, 2)
    display = show(draw((2, 2, 1)), ax=left)
    assert display.ax_ is left
    assert display.figure_ is figure
    assert display.plot(ax=right) is display
    assert display.ax_ is right
    assert len(left.lines) == len(right.lines)
    assert show(draw((2, 2, 1))).figure_ is not figure


def test_style_may_be_set():
    display = show(draw((2, 1)), color="C1", curve_kw={"linewidth": 3.0}, text_kw={"fontsize": 5.0})
    assert {edge.get_color() for edge in display.edges_} == {"C1"}
    assert {curve.get_linewidth() for curve in display.curves_} == {3.0}
    assert {text.get_fontsize() for text in display.texts_} == {5.0}


@pytest.mark.parametrize(
    "draw_display",
    [
        KANDisplay.from_estimator,
        lambda model, X: EdgeDisplay.from_estimator(model, X, 0, 0, 0),
        lambda model, _: LossCurveDisplay.from_estimator(model),
    ],
)
def test_what_all_displays_refuse(draw_display, monkeypatch):
    X, y = curved_data()
    with pytest.raises(NotFittedError):
        draw_display(KANRegressor(), X)
    model = KANRegressor(**ADDITIVE).fit(X, y)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install skkan\[plot\]"):
        draw_display(model, X)


def test_wrong_data_raise_the_error_of_scikit_learn():
    model = estimator_of(draw((3, 1)))
    with pytest.raises(ValueError, match=r"X has 2 features, but KANRegressor is expecting 3"):
        KANDisplay.from_estimator(model, np.zeros((4, 2)))
    with pytest.raises(ValueError, match=r"X has 2 features, but KANRegressor is expecting 3"):
        EdgeDisplay.from_estimator(model, np.zeros((4, 2)), 0, 0, 0)


@pytest.mark.parametrize("color", ["none", "yellow"])
def test_frames_hide_what_is_behind_them(color):
    figure = plt.figure(facecolor=color)
    display = show(draw((2, 1)), ax=figure.subfigures(1, 2)[0].subplots())
    expected = (1.0, 1.0, 0.0, 1.0) if color == "yellow" else (1.0, 1.0, 1.0, 1.0)
    assert {frame.get_facecolor() for frame in display.frames_} == {expected}
