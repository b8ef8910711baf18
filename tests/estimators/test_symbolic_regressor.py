import numpy as np
import pytest
import sympy
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks

from skkan import KANSymbolicRegressor

x0, x1, x2 = sympy.symbols("x0 x1 x2")


def search(*args, **options):
    # What is found must not depend on how fast the machine is.
    return KANSymbolicRegressor(*args, max_time=None, **options)


def sample(n_features=2, n_samples=300, high=1.0):
    return np.random.default_rng(0).uniform(-high, high, size=(n_samples, n_features))


@pytest.fixture(scope="module")
def additive():
    X = sample(4)
    y = X[:, 0] ** 2 + 0.3 * X[:, 1] + 0.1 * X[:, 2] ** 3
    return search(random_state=0).fit(X, y), X, y


@pytest.mark.parametrize(
    "formula",
    [sympy.exp(sympy.sin(sympy.pi * x0) + x1**2), sympy.sqrt(x0**2 + x1**2)],
    ids=str,
)
def test_exact_recovery(formula):
    X = sample(n_samples=400)
    y = sympy.lambdify((x0, x1), formula)(*X.T)
    model = search([(1,)], random_state=0).fit(X, y)
    assert sympy.simplify(model.sympy() - formula) == 0


@pytest.mark.parametrize(
    ("shape", "function"),
    [((1,), lambda a, b: (a + b) / (1 + a * b)), ((2,), lambda a, b: a * b)],
    ids=["velocities", "product"],
)
def test_numerical_recovery(shape, function):
    X, fresh = sample(n_samples=400, high=0.9), sample(n_samples=100, high=0.8) * -1.0
    model = search([shape], random_state=0).fit(X, function(*X.T))
    np.testing.assert_allclose(model.predict(fresh), function(*fresh.T), atol=1e-10)


@pytest.mark.parametrize("formula", [x0 * sympy.exp(x1), sympy.log(x0 * x1 + 2)], ids=str)
def test_product_nodes(formula):
    X = sample(n_samples=300)
    y = sympy.lambdify((x0, x1), formula)(*X.T)
    model = search(
        [((0, (2,)),)],
        symbols=["x", "x^2", "exp", "log"],
        grid_size=5,
        divide=False,
        n_restarts=2,
        random_state=0,
    ).fit(X, y)
    assert sympy.simplify(model.sympy() - formula) == 0


def test_additive_formula_without_an_unused_column(additive):
    expected = x0**2 + sympy.Rational(3, 10) * x1 + x2**3 / 10
    assert sympy.simplify(additive[0].sympy() - expected) == 0


def test_equations_go_from_simple_to_accurate(additive):
    model, X, y = additive
    table = model.equations_
    complexities = [row["complexity"] for row in table]
    losses = [row["loss"] for row in table]
    assert complexities == sorted(set(complexities))
    assert losses == sorted(set(losses), reverse=True)
    for index, row in enumerate(table):
        predicted = model.predict(X, index)
        np.testing.assert_allclose(np.mean((predicted - y) ** 2), row["loss"], atol=1e-25)
        symbols = sympy.symbols("x:4")
        direct = sympy.lambdify(symbols, model.sympy(index))(*X.T)
        np.testing.assert_allclose(predicted, np.broadcast_to(direct, len(X)), rtol=1e-9)
    assert len(repr(table).splitlines()) == len(table) + 1
    assert set(table[0]) == {"complexity", "loss", "score", "equation", "shape", "standard_errors"}
    assert table[:2] == list(table)[:2]


def test_latex(additive):
    assert additive[0].latex() == sympy.latex(additive[0].sympy())
    assert additive[0].latex(0, digits=2).startswith("0.3")


def test_noise_keeps_the_structure():
    X = sample()
    noise = 0.1 * np.random.default_rng(1).normal(size=len(X))
    y = 2.0 * X[:, 0] + X[:, 1] ** 2 + noise
    model = search(random_state=0).fit(X, y)
    network = np.mean((model.network_.predict(X) - y) ** 2)
    assert model.best_["loss"] <= (1.0 + model.tolerance) * network
    assert sympy.degree(model.sympy(), x0) == 1
    assert sympy.degree(model.sympy(), x1) == 2


def test_trifles_of_noise_are_left_out():
    X = sample(n_samples=200)
    y = X[:, 0] * X[:, 1] + 0.05 * np.random.default_rng(1).normal(size=len(X))
    model = search([(2,)], n_restarts=2, random_state=0).fit(X, y)
    assert float(sympy.simplify(model.sympy() / (x0 * x1))) == pytest.approx(1.0, abs=0.05)


def test_the_network_is_at_hand_by_name():
    X = sample()
    y = np.sin(3.0 * X[:, 0]) + X[:, 1]
    model = search([()], symbols=["x"], divide=False, random_state=0).fit(X, y)
    assert model.sympy().free_symbols <= {x0, x1}
    np.testing.assert_array_equal(model.predict(X, "network"), model.network_.predict(X))
    point = dict(zip(sympy.symbols("x0 x1"), X[0], strict=True))
    network = float(model.sympy("network").evalf(subs=point))
    assert network == pytest.approx(model.predict(X[:1], "network")[0])
    assert model.predict(X, -1).shape == (len(X),)


@pytest.mark.parametrize("seed", range(3))
def test_powers_in_noise_are_powers(seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(0.5, 3.0, size=(300, 1))
    y = X[:, 0] ** 1.5
    y += 0.05 * y.std() * rng.normal(size=300)
    model = search([()], n_restarts=1, random_state=0).fit(X, y)
    factor, power = model.sympy().as_coeff_Mul()
    assert power == sympy.sqrt(x0) ** 3
    assert float(factor) == pytest.approx(1.0, abs=0.02)


def test_cherry_trees():
    # Girth in inches, height in feet and volume in cubic feet: R's table trees.
    girth = [8.3, 8.6, 8.8, 10.5, 10.7, 10.8, 11.0, 11.0, 11.1, 11.2, 11.3, 11.4, 11.4, 11.7]
    girth += [12.0, 12.9, 12.9, 13.3, 13.7, 13.8, 14.0, 14.2, 14.5, 16.0, 16.3, 17.3, 17.5, 17.9]
    height = [70, 65, 63, 72, 81, 83, 66, 75, 80, 75, 79, 76, 76, 69, 75, 74, 85, 86, 71, 64, 78]
    height += [80, 74, 72, 77, 81, 82, 80, 80, 80, 87]
    volume = [10.3, 10.3, 10.2, 16.4, 18.8, 19.7, 15.6, 18.2, 22.6, 19.9, 24.2, 21.0, 21.4, 21.3]
    volume += [19.1, 22.2, 33.8, 27.4, 25.7, 24.9, 34.5, 31.7, 36.3, 38.3, 42.6, 55.4, 55.7, 58.3]
    X = np.column_stack([[*girth, 18.0, 18.0, 20.6], height])
    y = np.array([*volume, 51.5, 51.0, 77.0])
    model = search([(), (2,), (3,)], random_state=0).fit(X, y)
    # What the formula leaves is noise, so no larger network is trained.
    assert len(model.network_.network_.layers) == 1
    constant = model.sympy() / (x0**2 * x1)
    assert float(constant) == pytest.approx(0.0021, rel=0.03)
    (error,) = model.best_["standard_errors"].values()
    assert 1e-5 < error < 1e-4


def test_planets_and_relative_noise():
    # Semi-major axes in astronomical units and years.
    axis = np.array([0.387, 0.723, 1.0, 1.524, 5.203, 9.582, 19.20, 30.05])
    year = np.array([0.2408, 0.6152, 1.0, 1.881, 11.86, 29.46, 84.01, 164.8])
    model = search([()], n_restarts=1, random_state=0).fit(axis[:, None], year)
    assert model.sympy() == x0 ** sympy.Rational(3, 2)


def test_options_of_pysr():
    X = sample()
    y = 2.0 * X[:, 0] + X[:, 1] ** 2 + 0.1 * np.random.default_rng(1).normal(size=len(X))
    model = search([()], n_restarts=1, random_state=0).fit(X, y)
    assert model.get_best() == model.best_
    assert model.get_best(0) == model.equations_[0]
    assert model.to_sympy(0) == model.sympy(0)
    rounded = model.to_sympy(digits=2, X=X)
    assert rounded.max_change < 0.1
    accurate = clone(model).set_params(model_selection="accuracy").fit(X, y)
    assert accurate.best_["loss"] == min(row["loss"] for row in accurate.equations_)


def test_large_integers_are_no_trouble():
    rng = np.random.default_rng(0)
    X = rng.uniform(1.0, 2.0, size=(200, 2))
    y = 3e25 * X[:, 0] / X[:, 1]
    model = search([()], n_restarts=1, random_state=0).fit(X, y)
    np.testing.assert_allclose(model.predict(X), y, rtol=1e-9)


def test_weights_are_repetitions_and_names_are_kept():
    pandas = pytest.importorskip("pandas")
    X = sample(n_samples=100)
    frame = pandas.DataFrame(X, columns=["mass", "lambda"])
    y = X[:, 0] ** 2 + np.where(np.arange(100) < 90, X[:, 1], 100.0)
    weight = np.where(np.arange(100) < 90, 1.0, 0.0)
    model = search([()], random_state=0).fit(frame, y, weight)
    mass, other = sympy.symbols("mass lambda_")
    assert model.sympy() == mass**2 + other


@pytest.mark.parametrize(
    "formula",
    [sympy.exp(-(x0**2) / (2 * (x1 + 2) ** 2)) / (x1 + 2), x0 / sympy.sqrt(1 - x1**2 / 4)],
    ids=str,
)
def test_division_finds_what_networks_do_not(formula):
    X = sample(n_samples=500)
    y = sympy.lambdify((x0, x1), formula)(*X.T)
    model = search([()], n_restarts=1, random_state=0).fit(X, y)
    fresh = np.random.default_rng(1).uniform(-1.1, 1.1, size=(100, 2))
    expected = sympy.lambdify((x0, x1), formula)(*fresh.T)
    np.testing.assert_allclose(model.predict(fresh), expected, atol=1e-9)
    assert model.best_["shape"] is None


def test_constant_target():
    X = sample(n_samples=30)
    model = search([()], random_state=0).fit(X, np.full(30, 2.5))
    np.testing.assert_array_equal(model.predict(X), 2.5)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_layer_sizes": [(0,)]}, r"hidden_layer_sizes must be .* got \[\(0,\)\]"),
        ({"hidden_layer_sizes": [(), ((0, 0),)]}, r"list of shapes .* \(\(0, 0\),\) is no shape"),
        ({"hidden_layer_sizes": [(), 2.5]}, "list of shapes .* 2.5 is no shape"),
        ({"hidden_layer_sizes": []}, "at least one shape"),
        ({"symbols": ["sinn"]}, "unknown symbolic function 'sinn'"),
        ({"symbols": []}, "at least one function"),
        ({"weight_simple": 2.0}, "weight_simple.*2.0"),
        ({"tolerance": -1.0}, "tolerance.*-1.0"),
        ({"max_time": 0.0}, "max_time.*0.0"),
        ({"model_selection": "worst"}, "model_selection.*worst"),
    ],
)
def test_unusable_parameters(parameters, message):
    X = sample(n_samples=30)
    with pytest.raises(ValueError, match=message):
        KANSymbolicRegressor(**parameters).fit(X, X[:, 0])


@pytest.mark.parametrize("symbols", ["sin", 1.5])
def test_symbols_are_a_list(symbols):
    X = sample(n_samples=30)
    with pytest.raises(TypeError, match="symbols must be a list of names"):
        KANSymbolicRegressor(symbols=symbols).fit(X, X[:, 0])


def test_unusable_index_and_order_of_calls(additive):
    with pytest.raises(ValueError, match=r"index must be None, 'network' or a row .* got 99"):
        additive[0].predict(additive[1], 99)
    with pytest.raises(NotFittedError):
        clone(additive[0]).sympy()


def test_formulas_are_not_continued_beyond_their_domain():
    X = np.random.default_rng(0).uniform(0.1, 1.0, size=(100, 1))
    model = search([()], symbols=["x", "log"], random_state=0).fit(X, np.log(X[:, 0]))
    with pytest.raises(ValueError, match="not finite for sample 0"):
        model.predict([[-1.0]])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@estimator_checks.parametrize_with_checks(
    [KANSymbolicRegressor([()], grid_size=3, n_restarts=1, symbols=["x"])]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("unit", [1e155, 1e-170])
def test_targets_of_any_unit(unit):
    X = sample(1, 60)
    y = 1.5 * X[:, 0] ** 2 + 0.25
    model = search([()], random_state=0).fit(X, unit * y)
    np.testing.assert_allclose(model.predict(X) / unit, y, rtol=1e-9)
    # The formula of the network, if one was needed, has the same unit.
    if hasattr(model, "network_"):
        np.testing.assert_allclose(model.predict(X, "network") / unit, y, rtol=1e-2)
