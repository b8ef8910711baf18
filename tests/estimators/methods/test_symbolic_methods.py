import copy

import numpy as np
import pytest
import sympy
from sklearn.datasets import make_moons
from sklearn.exceptions import NotFittedError

from skkan import KANClassifier, KANRegressor
from skkan.data._samples import TrainingData
from skkan.objective.losses._squared import SquaredLoss
from skkan.symbolic.recognition._polish import polish
from skkan.symbolic.recognition._simplify import simplify

x, y = sympy.symbols("x y")


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, size=(1500, 2))
    target = np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)
    return KANRegressor((1,), grid_size=10, n_restarts=4, random_state=0).fit(X, target), X


@pytest.fixture
def model(fitted):
    return copy.deepcopy(fitted[0])


def test_suggestions(model):
    table = model.suggest_symbolic(1, 0, 0, top=3)
    assert len(table) == 3
    assert list(table[0]) == ["symbol", "r2", "complexity", "a", "b", "c", "d"]
    assert "complexity" in repr(table)
    assert [row["symbol"] for row in model.suggest_symbolic(0, 1, 0, symbols=["x^2"])] == ["x^2"]


def test_the_right_function_is_suggested_before_its_mimics(model):
    edges = [(0, 0, 0), (0, 1, 0), (1, 0, 0)]
    first = [model.suggest_symbolic(*edge, top=1)[0]["symbol"] for edge in edges]
    assert first == ["sin", "x^2", "exp"]


@pytest.mark.parametrize("seed", [0, 1])
def test_the_right_function_is_suggested_in_spite_of_noise(seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, size=(1000, 3))
    target = X[:, 0] ** 2 + np.exp(X[:, 1]) + 0.3 * X[:, 2] + 0.1 * rng.normal(size=1000)
    model = KANRegressor((), random_state=0).fit(X, target)
    first = [model.suggest_symbolic(0, i, 0, top=1)[0]["symbol"] for i in range(3)]
    assert first == ["x^2", "exp", "x"]


def test_rows_of_little_weight_have_little_to_say_about_symbols():
    # Where next to no weight is, the curve is no exponential, and the edge follows that.
    rng = np.random.default_rng(0)
    X = np.sort(rng.uniform(-1.0, 3.0, size=(400, 1)), axis=0)
    junk = X[:, 0] > 1.0
    target = np.where(junk, np.cos(4.0 * X[:, 0]), np.exp(X[:, 0]))
    weight = np.where(junk, 1e-9, 1.0)
    model = KANRegressor((), grid_size=20, alpha=1e-9).fit(X, target, sample_weight=weight)
    names = ["exp", "sin", "j0", "x^2"]
    assert model.suggest_symbolic(0, 0, 0, symbols=names)[0]["symbol"] == "exp"
    assert model.auto_symbolic(0.9, symbols=names).network_.layers[0].symbols[0, 0]
    left = model.network_.layers[0].symbols[0, 0]
    assert left.function.name == "exp"


@pytest.mark.parametrize("scale", [1e150, 1e-150])
def test_formulas_of_columns_in_extreme_units(scale):
    X = scale * np.linspace(-1.0, 1.0, 60)[:, None]
    model = KANRegressor((), random_state=0).fit(X, np.sin(3.0 * X[:, 0] / scale))
    np.testing.assert_allclose(model.to_function()(X), model.predict(X), atol=1e-12)
    formula = sympy.lambdify("x0", model.to_sympy())
    np.testing.assert_allclose(formula(X[:, 0]), model.predict(X), atol=1e-9)


@pytest.mark.parametrize("parameters", ["abcd", 5, [1.0, 2.0], [1.0, np.nan, 0.0, 0.0]])
def test_parameters_of_a_symbol_are_named(model, parameters):
    with pytest.raises(ValueError, match="parameters must be four finite numbers"):
        model.fix_symbolic(0, 0, 0, "sin", parameters)


def test_a_language_that_is_no_string_is_named(model):
    with pytest.raises(ValueError, match="language must be one of"):
        model.to_code(["c"])


def test_samples_outside_the_domain_of_a_symbol_are_named():
    X = np.linspace(1.0, 4.0, 200)[:, None]
    model = KANRegressor((), random_state=0).fit(X, np.log(X[:, 0]))
    model.fix_symbolic(0, 0, 0, "log", [1.0, 0.0, 1.0, 0.0])
    with pytest.raises(ValueError, match=r"sample 1 of X.*domain of a symbolic edge"):
        model.predict([[2.0], [-1.0]])


def test_suggestions_are_in_the_units_of_the_data():
    X = np.linspace(100.0, 300.0, 200)[:, None]
    model = KANRegressor((), grid_size=20, alpha=1e-10).fit(X, 1000.0 * np.sin(0.03 * X[:, 0]))
    row = model.suggest_symbolic(0, 0, 0, symbols=["x^2", "sin"])[0]
    assert row["symbol"] == "sin"
    assert row["a"] == pytest.approx(0.03, rel=1e-3)
    assert row["c"] == pytest.approx(1000.0, rel=1e-3)
    model.fix_symbolic(0, 0, 0, "sin", [0.03, 0.0, 1000.0, 0.0])
    expected = 1000.0 * np.sin(0.03 * X[:, 0])
    change = model.predict(X) - expected
    assert np.ptp(change) < 1e-9


def test_symbols_of_constant_columns():
    X = np.column_stack([np.linspace(-1.0, 1.0, 60), np.full(60, 5.0)])
    model = KANRegressor((), random_state=0).fit(X, X[:, 0])
    before = model.predict(X)
    # An argument is what the column holds: 5, of which the logarithm exists.
    model.fix_symbolic(0, 1, 0, "log", [1.0, 0.0, 0.0, 0.0]).fix_symbolic(0, 0, 0, "x")
    np.testing.assert_allclose(model.predict(X), before, atol=1e-6)
    np.testing.assert_allclose(model.to_function()(X), model.predict(X), rtol=1e-9, atol=1e-9)


def test_fix_and_unfix(model, fitted):
    X = fitted[1]
    before = model.predict(X)
    assert not model.symbolic_
    assert model.fix_symbolic(0, 0, 0, "sin") is model
    assert (0, 0) in model.network_.layers[0].symbols
    np.testing.assert_allclose(model.predict(X), before, atol=0.05)
    model.unfix_symbolic(0, 0, 0)
    np.testing.assert_allclose(model.predict(X), before, atol=0.05)
    with pytest.raises(ValueError, match=r"layer=0, i=0, j=0.*is a spline already"):
        model.unfix_symbolic(0, 0, 0)


@pytest.mark.parametrize(
    ("edge", "symbol", "parameters", "message"),
    [
        ((2, 0, 0), "sin", None, "layer=2 does not exist"),
        ((0, 2, 0), "sin", None, "i=2 does not exist: layer 0 has 2 input nodes"),
        ((0, 0, 1), "sin", None, "j=1 does not exist"),
        ((0, 0, -1), "sin", None, "j=-1 does not exist"),
        ((0, 0, 0), "sine", None, "unknown symbolic function 'sine'"),
        ((0, 0, 0), "log", [1.0, 0.0, 1.0, 0.0], "'log' on edge .* arguments from -0.99"),
        ((0, 0, 0), "sin", [1.0, 0.0], "four finite numbers"),
        ((0, 0, 0), "exp", [1e4, 0.0, 1.0, 0.0], "not finite"),
    ],
)
def test_errors_leave_the_estimator_as_it_was(model, edge, symbol, parameters, message):
    network = model.network_
    with pytest.raises(ValueError, match=message):
        model.fix_symbolic(*edge, symbol, parameters)
    assert model.network_ is network


def test_pruned_edges_cannot_be_fixed(model):
    model.network_ = model.network_.masked([[[False], [True]], [[True]]])
    with pytest.raises(ValueError, match="has been pruned"):
        model.fix_symbolic(0, 0, 0, "sin")


def test_unfitted_estimators_say_so():
    for method in (KANRegressor().to_sympy, KANRegressor().auto_symbolic):
        with pytest.raises(NotFittedError):
            method()


def test_range_of_parameters(model):
    with pytest.raises(ValueError, match=r"r2_threshold must be in \[0, 1\], got 2"):
        model.auto_symbolic(r2_threshold=2)


def test_constant_edges_become_zero():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.uniform(size=100), np.ones(100)])
    model = KANRegressor((), random_state=0).fit(X, X[:, 0] ** 2).auto_symbolic()
    assert model.network_.layers[0].symbols[1, 0].function.name == "0"
    assert model.symbolic_


def test_what_fits_nothing_stays_a_spline(model):
    model.auto_symbolic(r2_threshold=0.9999, symbols=["x"])
    assert not model.symbolic_


@pytest.mark.parametrize("weight_simple", [0.0, 0.8, 1.0])
def test_no_threshold_makes_a_classifier_constant(weight_simple):
    X, labels = make_moons(300, noise=0.1, random_state=0)
    model = KANClassifier((), random_state=0).fit(X, labels)
    model.auto_symbolic(r2_threshold=0.0, weight_simple=weight_simple)
    assert model.symbolic_
    assert "0" not in {edge.function.name for edge in model.network_.layers[0].symbols.values()}
    assert (model.edge_scores_[0] > 0.1).all()
    assert model.score(X, labels) > 0.7


@pytest.mark.parametrize("symbols", [["0", "x"], ["0"]])
def test_no_threshold_flattens_an_edge_that_varies(symbols):
    X = np.linspace(-1.0, 1.0, 201)[:, None]
    model = KANRegressor((), random_state=0).fit(X, X[:, 0] ** 2)
    before = model.predict(X)
    model.auto_symbolic(r2_threshold=0.0, weight_simple=1.0, symbols=symbols)
    np.testing.assert_array_equal(model.predict(X), before)
    model.auto_symbolic(r2_threshold=0.0, weight_simple=1.0, symbols=[*symbols, "x^2"])
    assert model.network_.layers[0].symbols[0, 0].function.name == "x^2"


def polished(model, X, target):
    data = TrainingData.of(X, target[:, None], np.ones(len(X)), model.network_.scaling)
    network, loss = polish(model.network_, data, SquaredLoss())
    model.network_ = network
    return float(np.sqrt(np.mean((model.predict(X) - target) ** 2))), loss


def simplified(model, X, target):
    return simplify(model.network_, X, target[:, None], SquaredLoss(), ["x", "y"])


def samples():
    return np.random.default_rng(0).uniform(-1.0, 1.0, size=(3000, 2))


@pytest.mark.parametrize(
    ("function", "formula", "tolerance"),
    [
        (
            lambda X: np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2),
            sympy.exp(sympy.sin(sympy.pi * x) + y**2),
            1e-12,
        ),
        (lambda X: np.hypot(X[:, 0], X[:, 1]), sympy.sqrt(x**2 + y**2), 1e-8),
    ],
)
def test_formulas_are_found_again(function, formula, tolerance):
    X = samples()
    target = function(X)
    model = KANRegressor((1,), grid_size=(5, 10, 20), n_restarts=8, random_state=0).fit(X, target)
    error, _ = polished(model.auto_symbolic(), X, target)
    assert model.symbolic_
    assert error < tolerance
    result = simplified(model, X, target)
    assert sympy.simplify(result.expression - formula) == 0
    np.testing.assert_allclose(result.network(X)[:, 0], target, atol=1e-9)


def test_product_of_two_squares():
    X = samples()
    target = X[:, 0] * X[:, 1]
    model = KANRegressor((2,), alpha=1e-3, n_restarts=1, random_state=0).fit(X, target)
    for i, row in enumerate([[1.1, 0.8], [0.9, -1.2]]):
        for j, slope in enumerate(row):
            model.fix_symbolic(0, i, j, "x", [1.0, 0.0, slope, 0.1])
        model.fix_symbolic(1, i, 0, "x^2", [1.0, 0.1, 0.3 - 0.6 * i, 0.0])
    error, _ = polished(model, X, target)
    assert error < 1e-12
    assert sympy.simplify(simplified(model, X, target).expression - x * y) == 0


def test_partly_symbolic_networks_are_polished(model, fitted):
    X = fitted[1]
    target = np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)
    model.fix_symbolic(0, 0, 0, "sin")
    before = np.sqrt(np.mean((model.predict(X) - target) ** 2))
    assert polished(model, X, target)[0] <= before


def test_noise_leaves_nice_constants():
    rng = np.random.default_rng(1)
    X = rng.uniform(-1.0, 1.0, size=(500, 2))
    target = 2.0 * X[:, 0] + X[:, 1] ** 2 + 0.01 * rng.normal(size=500)
    model = KANRegressor((), random_state=0).fit(X, target)
    model.fix_symbolic(0, 0, 0, "x").fix_symbolic(0, 1, 0, "x^2")
    result = simplified(model, X, target)
    assert sympy.simplify(result.expression - (2 * x + y**2)) == 0
    assert result.loss < result.loss_before * 1.1


def test_splines_cannot_be_simplified(model, fitted):
    with pytest.raises(ValueError, match=r"edge \(layer=0, i=0, j=0\) is a spline"):
        simplified(model, fitted[1], fitted[1][:, 0])
