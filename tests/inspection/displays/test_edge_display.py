import matplotlib.pyplot as plt
import numpy as np
import pytest
from estimator_data import ADDITIVE, curved_data
from networks import FUNCTIONS, draw_network
from pictures import assert_looks_like, estimator_of, sample

from skkan import KANClassifier, KANRegressor
from skkan.inspection import EdgeDisplay
from skkan.network.functions._symbolic_edge import SymbolicEdge


@pytest.fixture
def network():
    return draw_network(np.random.default_rng(0), (3, 2, 2), traits=("products",))


def show(network, *edge, **options):
    return EdgeDisplay.from_estimator(estimator_of(network), sample(network), *edge, **options)


def test_picture(network, tmp_path):
    assert_looks_like(show(network, 0, 1, 2).figure_, "edge", tmp_path)


def test_line_is_the_edge_function(network):
    display = show(network, 1, 1, 0)
    x, y = display.line_.get_data()
    sites = np.stack([x, x], axis=1)
    np.testing.assert_allclose(y, network.layers[1].edge_values(sites)[:, 1, 0])
    np.testing.assert_array_equal(display.data, network.node_values(sample(network))[1][:, 1])
    assert x[0] < display.data.min()
    assert x[-1] > display.data.max()
    np.testing.assert_array_equal(display.breakpoints, network.layers[1].grid.breakpoints[1])


def test_units_are_those_of_the_data():
    X, y = curved_data()
    X = 100.0 + 10.0 * X
    model = KANRegressor(**ADDITIVE).fit(X, 1000.0 * y)
    displays = [EdgeDisplay.from_estimator(model, X, 0, i, 0) for i in range(2)]
    for i, display in enumerate(displays):
        # Grids reach a little beyond the data.
        ends = [X[:, i].min(), X[:, i].max()]
        np.testing.assert_allclose(display.breakpoints[[0, -1]], ends, atol=0.6)
        np.testing.assert_allclose(display.data, X[:, i])
    parts = sum(np.interp(d.data, d.x, d.y) for d in displays)
    gap = model.predict(X) - parts
    np.testing.assert_allclose(gap, gap.mean(), atol=1e-3 * np.ptp(model.predict(X)))


def test_density(network):
    histogram = show(network, 0, 0, 0)
    heights = [bar.get_height() for bar in histogram.density_]
    counts, _ = np.histogram(sample(network)[:, 0], bins=len(heights))
    np.testing.assert_allclose(np.array(heights) / max(heights), counts / counts.max())
    rug = show(network, 0, 0, 0, density="rug")
    assert len(rug.density_.get_segments()) == 50
    assert show(network, 0, 0, 0, density=None).density_ is None
    with pytest.raises(ValueError, match=r"density must be one of .*got 'violin'"):
        show(network, 0, 0, 0, density="violin")


def test_grid_and_border(network):
    display = show(network, 0, 0, 0)
    ticks = [segment[0, 0] for segment in display.breakpoints_.get_segments()]
    np.testing.assert_allclose(ticks, network.layers[0].grid.breakpoints[0])
    low, high = (patch.get_window_extent() for patch in display.border_)
    inner = display.ax_.transData.transform([[ticks[0], 0.0], [ticks[-1], 0.0]])[:, 0]
    np.testing.assert_allclose([low.x1, high.x0], inner)
    bare = show(network, 0, 0, 0, show_grid=False)
    assert bare.breakpoints_ is None
    assert bare.border_ == []


def test_symbolic_edges_have_a_name_and_no_grid(network):
    edge = SymbolicEdge(FUNCTIONS["square"], np.array([1.0, 0.0, 1.0, 0.0]))
    display = show(network.with_symbol(0, 1, 0, edge), 0, 1, 0)
    assert display.breakpoints_ is None
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["square"]


def test_names(network):
    first = show(network, 0, 2, 1, feature_names=["a", "b", "c"])
    assert (first.ax_.get_xlabel(), first.ax_.get_ylabel()) == ("c", "part of sum 1 of layer 1")
    last = show(network, 1, 0, 1, target_names=["u", "v"])
    assert (last.ax_.get_xlabel(), last.ax_.get_ylabel()) == ("node 0 of layer 1", "part of v")


def test_constant_columns_and_missing_edges_can_be_drawn(network):
    X, y = curved_data()
    X[:, 0] = 5.0
    model = KANRegressor(**ADDITIVE).fit(X, y)
    assert 5.0 in EdgeDisplay.from_estimator(model, X, 0, 0, 0).data
    masked = network.masked([np.zeros((3, 3)), np.ones((2, 2))])
    assert not show(masked, 0, 0, 0).line_.get_ydata().any()
    assert show(masked, 1, 0, 0).data.shape == (50,)


def test_drawing_on_given_axes_and_again(network):
    figure, (left, right) = plt.subplots(1, 2)
    display = show(network, 0, 0, 0, ax=left, line_kw={"linewidth": 4.0})
    assert (display.ax_, display.figure_) == (left, figure)
    assert display.line_.get_linewidth() == 4.0
    assert display.plot(ax=right).ax_ is right


@pytest.mark.parametrize(
    ("edge", "message"),
    [
        ((2, 0, 0), "layer=2 does not exist: the network has 2 layers"),
        ((-1, 0, 0), "layer=-1 does not exist"),
        ((0, 3, 0), "i=3 does not exist: layer 0 has 3 input nodes"),
        ((0, 0, 3), "j=3 does not exist: layer 0 leads to 3 subnodes"),
        ((1, 0, "a"), "j='a' names a class, but layer 1 does not lead to classes"),
    ],
)
def test_edges_out_of_range_are_named(network, edge, message):
    with pytest.raises(ValueError, match=message):
        show(network, *edge)


def test_classes_may_be_named():
    X = np.random.default_rng(0).normal(size=(90, 2))
    labels = np.repeat(["low", "middle", "high"], 30)
    X[labels == "high"] += 2.0
    model = KANClassifier((), alpha=0.1, random_state=0).fit(X, labels)
    named = EdgeDisplay.from_estimator(model, X, layer=0, i=1, j="low")
    numbered = EdgeDisplay.from_estimator(model, X, layer=0, i=1, j=1)
    assert model.classes_.tolist().index("low") == 1
    np.testing.assert_array_equal(named.y, numbered.y)
    assert named.y_name == "part of low"
    best = model.suggest_symbolic(0, 1, "low", top=1)[0]["symbol"]
    assert model.suggest_symbolic(0, 1, 1, top=1)[0]["symbol"] == best
    with pytest.raises(ValueError, match=r"j='none' is not among the outputs: high, low, middle"):
        model.suggest_symbolic(0, 1, "none")
