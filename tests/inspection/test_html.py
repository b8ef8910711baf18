import pickle
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import sklearn
from estimator_data import ADDITIVE, curved_data
from networks import FUNCTIONS, draw_network
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkan import KANRegressor
from skkan.inspection._html import MOST_EDGES, n_used_parameters, thumbnail
from skkan.network.functions._symbolic_edge import SymbolicEdge

SVG = "{http://www.w3.org/2000/svg}"
IN_PIPELINES = hasattr(BaseEstimator, "_get_params_html")
"""Whether scikit-learn has a place for pictures there."""


def lines_of(network):
    return ET.fromstring(thumbnail(network)).findall(f"{SVG}line")


@pytest.fixture
def model():
    X, y = curved_data()
    return KANRegressor(**ADDITIVE).fit(X, y)


def test_unfitted_estimators_look_as_in_scikit_learn():
    html = KANRegressor()._repr_html_()
    assert "<svg xmlns" not in html
    assert "parameters</div>" not in html
    assert "KANRegressor" in html


def test_fitted_estimators_show_shape_parameters_and_network(model):
    for html in (model._repr_html_(), model._repr_mimebundle_()["text/html"]):
        assert html.count("<svg xmlns") == 1
        assert "2 \N{RIGHTWARDS ARROW} 1, 16 parameters</div>" in html
        assert "hidden_layer_sizes" in html
    again = pickle.loads(pickle.dumps(model))
    assert "<svg xmlns" in again._repr_html_()
    assert "<svg xmlns" not in clone(model)._repr_html_()


def test_representation_as_text_has_no_html(model):
    with sklearn.config_context(display="text"):
        assert not hasattr(model, "_repr_html_")
        assert list(model._repr_mimebundle_()) == ["text/plain"]


@pytest.mark.parametrize("wrap", [make_pipeline, lambda m: make_pipeline(StandardScaler(), m)])
def test_in_pipelines(wrap):
    X, y = curved_data()
    pipeline = wrap(KANRegressor(**ADDITIVE))
    assert "<svg xmlns" not in pipeline._repr_html_()
    html = pipeline.fit(X, y)._repr_html_()
    assert "16 parameters</div>" in html
    assert html.count("<svg xmlns") == IN_PIPELINES


def test_in_searches():
    X, y = curved_data()
    search = GridSearchCV(KANRegressor(**ADDITIVE), {"alpha": [0.1, 1.0]}, cv=2).fit(X, y)
    assert "16 parameters</div>" in search._repr_html_()


def test_thumbnail_draws_nodes_and_active_edges():
    network = draw_network(np.random.default_rng(0), (4, 3, 2), traits=("masks", "products"))
    picture = ET.fromstring(thumbnail(network))
    assert len(picture.findall(f"{SVG}circle")) == 4 + 3 + 2
    n_edges = sum(int(layer.active.sum()) for layer in network.layers)
    assert len(lines_of(network)) == n_edges


def test_opacity_follows_the_strength_of_edges():
    network = draw_network(np.random.default_rng(0), (2, 1), even=True)
    network.layers[0].coef[0] *= 0.01
    opacity = {line.get("x1"): float(line.get("stroke-opacity")) for line in lines_of(network)}
    weak, strong = (opacity[x] for x in sorted(opacity, key=float))
    assert strong == 1.0
    assert weak < 0.2


def test_symbolic_edges_have_a_colour():
    edge = SymbolicEdge(FUNCTIONS["square"], np.array([1.0, 0.0, 1.0, 0.0]))
    network = draw_network(np.random.default_rng(0), (2, 1)).with_symbol(0, 0, 0, edge)
    assert [line.get("stroke") is not None for line in lines_of(network)].count(True) == 1


def test_large_networks_stay_small():
    network = draw_network(np.random.default_rng(0), (60, 20, 1))
    assert len(lines_of(network)) == MOST_EDGES
    assert len(thumbnail(network)) < 60_000


def test_parameters_of_missing_edges_do_not_count():
    edge = SymbolicEdge(FUNCTIONS["square"], np.array([1.0, 0.0, 1.0, 0.0]))
    network = draw_network(np.random.default_rng(0), (3, 1), grid_size=4, degree=3)
    assert n_used_parameters(network) == network.n_parameters == 21
    network = network.with_symbol(0, 0, 0, edge).masked([[[True], [False], [True]]])
    assert n_used_parameters(network) == 4 + 7


def test_thumbnails_of_estimators_show_the_scores(model):
    assert thumbnail(model.network_, model.edge_scores_) in model._repr_html_()
    network = draw_network(np.random.default_rng(0), (2, 2, 1))
    picture = ET.fromstring(thumbnail(network, [np.eye(2), np.ones((2, 1))]))
    opacity = [line.get("stroke-opacity") for line in picture.findall(f"{SVG}line")]
    assert sorted(opacity) == ["0.10", "0.10", "1.00", "1.00", "1.00", "1.00"]
