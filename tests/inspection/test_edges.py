import numpy as np
import pytest
from networks import FUNCTIONS, draw_network
from pictures import estimator_of, sample
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from skkan import KANClassifier
from skkan.inspection import _edges
from skkan.inspection._edges import (
    edge_strengths,
    fitted_network,
    in_units,
    input_names,
    output_names,
    relative_scores,
)
from skkan.network.functions._symbolic_edge import SymbolicEdge


@pytest.fixture
def network():
    return draw_network(np.random.default_rng(0), (3, 2, 2), traits=("products", "symbols"))


def test_node_values_are_those_of_the_forward_pass(network):
    X = sample(network)
    values = network.node_values(X)
    assert len(values) == 2
    np.testing.assert_array_equal(network.layers[-1].outputs(values[-1]), network(X))


@pytest.mark.parametrize("rows_per_block", [7, 50, 4096])
def test_strengths_do_not_depend_on_the_blocks(network, rows_per_block, monkeypatch):
    monkeypatch.setattr(_edges, "ROWS_PER_BLOCK", rows_per_block)
    layer, X = network.layers[0], sample(network)
    values = layer.edge_values(X)
    np.testing.assert_allclose(edge_strengths(layer, X, "std"), values.std(axis=0), rtol=1e-12)
    np.testing.assert_array_equal(edge_strengths(layer, X, "range"), np.ptp(values, axis=0))


def test_values_that_are_not_finite_do_not_count(network):
    huge = SymbolicEdge(FUNCTIONS["exp"], np.array([1e4, 0.0, 1.0, 0.0]))
    layer, X = network.with_symbol(0, 1, 0, huge).layers[0], sample(network)
    values = huge.value(X[:, 1])
    assert not np.isfinite(values).all()
    found = edge_strengths(layer, X, "range")
    assert np.isfinite(found).all()
    assert found[1, 0] == np.ptp(values[np.isfinite(values)])
    layer = network.with_symbol(0, 1, 0, huge.raised(np.inf)).layers[0]
    assert edge_strengths(layer, X, "std")[1, 0] == 0.0


def test_scores_are_relative_to_active_edges(network):
    mask = np.array([[True, True, True], [True, False, True], [True, True, True]])
    layer = network.masked([mask, np.ones((2, 2), dtype=bool)]).layers[0]
    strengths = np.arange(9.0).reshape(3, 3)
    strengths[1, 1] = 100.0
    np.testing.assert_allclose(relative_scores(layer, strengths), np.where(mask, strengths, 0) / 8)
    assert not relative_scores(layer, np.zeros((3, 3))).any()


def test_units_of_the_inputs(network):
    network.scaling.input_shift[:] = [10.0, 20.0, 30.0]
    network.scaling.input_scale[:] = [2.0, np.inf, 1.0]
    x = np.array([-1.0, 0.0, 1.0])
    np.testing.assert_array_equal(in_units(network, 0, 0, x), [8.0, 10.0, 12.0])
    np.testing.assert_array_equal(in_units(network, 0, 1, np.zeros(1)), [20.0])
    assert in_units(network, 1, 0, x) is x


def test_names(network):
    estimator = estimator_of(network)
    assert input_names(estimator) == ["x0", "x1", "x2"]
    assert output_names(estimator) == ["y0", "y1"]
    estimator.feature_names_in_ = np.array(["a", "b", "c"], dtype=object)
    assert input_names(estimator) == ["a", "b", "c"]
    assert input_names(estimator, ["u", "v", "w"]) == ["u", "v", "w"]
    estimator.classes_ = np.array(["no", "yes"])
    assert output_names(estimator) == ["no", "yes"]
    with pytest.raises(ValueError, match=r"feature_names must hold 3 names, got 1: u"):
        input_names(estimator, ["u"])
    with pytest.raises(ValueError, match=r"target_names must hold 2 names, got 3"):
        output_names(estimator, ["u", "v", "w"])


def test_the_only_output_of_a_classifier_is_its_second_class():
    X = np.linspace(-1.0, 1.0, 40)[:, None]
    classifier = KANClassifier((), random_state=0).fit(X, np.where(X[:, 0] > 0, "up", "down"))
    assert output_names(classifier) == ["log-odds of up"]


def test_other_estimators_are_refused(network):
    X = sample(network)
    pipeline = make_pipeline(estimator_of(network))
    with pytest.raises(TypeError, match=r"or a pipeline that ends in one, got LinearRegression"):
        fitted_network(LinearRegression().fit(X, X[:, 0]))
    assert fitted_network(pipeline[-1])(X).shape == (50, 2)
