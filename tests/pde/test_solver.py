import pickle
import warnings

import numpy as np
import pytest
import sympy as sp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skkan.pde import KANSolver, normal

t, x, y = sp.symbols("t x y")
u, v = sp.Function("u"), sp.Function("v")
SQUARE = {x: (-1, 1), y: (-1, 1)}
ON_SQUARE = [sp.Eq(u(-1, y), 0), sp.Eq(u(1, y), 0), sp.Eq(u(x, -1), 0), sp.Eq(u(x, 1), 0)]
POISSON = sp.Eq(
    u(x, y).diff(x, 2) + u(x, y).diff(y, 2), -2 * sp.pi**2 * sp.sin(sp.pi * x) * sp.sin(sp.pi * y)
)


def fresh(domain, n=500):
    ends = np.array([[float(sp.sympify(e)) for e in own] for own in domain.values()])
    return np.random.default_rng(9).uniform(*ends.T, size=(n, len(ends)))


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def waves(X):
    return np.sin(np.pi * X[:, 0]) * np.sin(np.pi * X[:, 1])


def boundary_value(**options):
    conditions = [sp.Eq(u(0), 0), sp.Eq(u(1), sp.sin(1))]
    equation = sp.Eq(u(x).diff(x, 2) + u(x), 0)
    return KANSolver(equation, {x: (0, 1)}, conditions, random_state=0, **options)


@pytest.fixture(scope="module")
def line():
    return boundary_value().fit()


@pytest.mark.parametrize("exact", [False, True])
def test_poisson_with_a_product_node(exact):
    solver = KANSolver(
        POISSON,
        SQUARE,
        ON_SQUARE,
        hidden_layer_sizes=((0, 1),),
        grid_size=(4, 8),
        degree=7,
        exact_conditions=exact,
        random_state=1,
    ).fit()
    X = fresh(SQUARE)
    assert relative(solver.predict(X), waves(X)) < 1e-6
    second = solver.derivative(X, "x", 2)
    assert relative(second, -(np.pi**2) * waves(X)) < 1e-4
    assert np.abs(solver.residual(X)).max() < 1e-2
    if exact:
        edge = np.array([[-1.0, 0.3], [0.2, 1.0]])
        assert np.abs(solver.predict(edge)).max() < 1e-12


def test_boundary_values_of_an_ordinary_equation(line):
    X = np.linspace(0.0, 1.0, 50)[:, None]
    assert np.abs(line.predict(X) - np.sin(X[:, 0])).max() < 1e-10
    assert np.abs(line.derivative(X, x) - np.cos(X[:, 0])).max() < 1e-9
    assert line.residual(X).shape == (50,)
    assert line.score(X, np.sin(X[:, 0])) > 1.0 - 1e-12
    assert line.unknowns_ == (u,)
    assert line.feature_names_in_.tolist() == ["x"]


def test_formula_and_function_agree_with_predictions(line):
    X = np.linspace(0.05, 0.95, 7)[:, None]
    assert np.allclose(line.to_function()(X), line.predict(X), rtol=0, atol=1e-14)
    coarse = boundary_value(grid_size=2, exact_conditions=True).fit()
    formula = sp.lambdify(x, coarse.to_sympy())
    assert np.allclose([formula(own) for own in X[:, 0]], coarse.predict(X), rtol=0, atol=1e-9)


def test_pickles_and_clones(line):
    other = pickle.loads(pickle.dumps(line))
    X = np.linspace(0.0, 1.0, 9)[:, None]
    assert np.array_equal(other.predict(X), line.predict(X))
    assert np.allclose(other.residual(X), line.residual(X))
    assert clone(line).get_params()["equations"] == line.equations
    assert np.array_equal(clone(line).fit().predict(X), line.predict(X))


def test_solvers_are_printed():
    given = {sp.Symbol("b"): 1.0, sp.Symbol("a"): 2.0}
    solver = KANSolver(POISSON, SQUARE, ON_SQUARE, parameters=given, known={u: abs, v: abs})
    text = repr(solver)
    assert text.startswith("KANSolver(conditions=[Eq(u(-1, y), 0)")
    assert "parameters={b: 1.0, a: 2.0}" in text
    assert solver.parameters is given
    assert "KANSolver" in solver._repr_html_()
    for outer in (make_pipeline(solver), GridSearchCV(clone(solver), {"grid_size": [5]})):
        assert "{b: 1.0, a: 2.0}" in repr(outer).replace("\n", "")
        assert "KANSolver" in outer._repr_html_()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grid_size": (10, 5)}, "grid_size must be"),
        ({"n_products": 2}, "n_products needs"),
        ({"parameters": {sp.Symbol("a", positive=True): -1.0}}, "must be finite, and positive"),
        ({"marching": "z"}, "none of the variables x"),
        ({"continuation": {sp.Symbol("a"): 3}}, "must be a pair"),
    ],
)
def test_options_are_checked_before_equations_are_read(options, message):
    with pytest.raises(ValueError, match=message):
        KANSolver("no equation", {x: (0, 1)}, sp.Eq(u(0), 1), **options).fit()


def test_conditions_on_slopes_and_at_two_places():
    # u'' = -sin(x) + 1 with u' fixed at one end and u(0) + u(1) fixed
    conditions = [
        sp.Eq(u(x).diff(x).subs(x, 1), sp.cos(1) + 1),
        sp.Eq(u(0) + u(1), sp.sin(1) + sp.Rational(1, 2)),
    ]
    solver = KANSolver(sp.Eq(u(x).diff(x, 2), 1 - sp.sin(x)), {x: (0, 1)}, conditions).fit()
    X = np.linspace(0.0, 1.0, 20)[:, None]
    assert np.allclose(solver.predict(X), np.sin(X[:, 0]) + 0.5 * X[:, 0] ** 2, atol=1e-9)


def test_fourth_order():
    conditions = [sp.Eq(u(0), 0), sp.Eq(u(1), 0)]
    conditions += [sp.Eq(u(x).diff(x).subs(x, end), 0) for end in (0, 1)]
    solver = KANSolver(sp.Eq(u(x).diff(x, 4), 24), {x: (0, 1)}, conditions, grid_size=5).fit()
    X = np.linspace(0.0, 1.0, 20)[:, None]
    assert np.allclose(solver.predict(X), X[:, 0] ** 2 * (1 - X[:, 0]) ** 2, atol=1e-9)
    with pytest.raises(ValueError, match="degree=4 is too low for derivatives of order 4"):
        solver.set_params(degree=4).fit()


def test_system_with_a_measured_parameter():
    # u' = v, v' = -k u with k = 4
    k = sp.Symbol("k", positive=True)
    equations = [sp.Eq(u(t).diff(t), v(t)), sp.Eq(v(t).diff(t), -k * u(t))]
    solver = KANSolver(
        equations, {t: (0, 2)}, [sp.Eq(u(0), 0), sp.Eq(v(0), 2)], parameters={k: 2.0}
    )
    times = np.linspace(0.1, 2.0, 40)
    noise = 0.01 * np.random.default_rng(0).normal(size=40)
    Y = np.stack([np.sin(2.0 * times) + noise, np.full(40, np.nan)], axis=1)
    solver.fit(times[:, None], Y)
    assert abs(solver.parameters_[k] - 4.0) < 4.0 * solver.parameter_errors_[k] < 0.2
    assert solver.predict(times[:, None]).shape == (40, 2)
    other = pickle.loads(pickle.dumps(solver))
    assert other.parameters_ == solver.parameters_


def test_disc_by_a_level_set_with_normals():
    disc = {"domain": {x: (-1, 1), y: (-1, 1)}, "inside": x**2 + y**2 - 1}
    slope = normal(x) * u(x, y).diff(x) + normal(y) * u(x, y).diff(y)
    solver = KANSolver(
        sp.Eq(u(x, y).diff(x, 2) + u(x, y).diff(y, 2) - u(x, y), 4 - x**2 - y**2),
        conditions=sp.Eq(slope, 2),
        hidden_layer_sizes=(),
        grid_size=4,
        **disc,
    ).fit()
    X = fresh(SQUARE)
    X = X[(X**2).sum(axis=1) < 1.0]
    assert np.allclose(solver.predict(X), (X**2).sum(axis=1), atol=1e-8)


def test_border_of_a_predicate_and_of_given_points():
    equation = sp.Eq(u(x, y).diff(x, 2) + u(x, y).diff(y, 2), 4)
    angle = np.linspace(0.0, 2.0 * np.pi, 100)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    cloud = np.random.default_rng(0).normal(size=(400, 2)) * 0.4
    cloud = cloud[(cloud**2).sum(axis=1) < 1.0]
    for options in (
        {"inside": lambda X: (X**2).sum(axis=1) < 1.0},
        {"points": cloud, "boundary": ring},
    ):
        solver = KANSolver(
            equation, SQUARE, sp.Eq(u(x, y), 1), hidden_layer_sizes=(), grid_size=3, **options
        ).fit()
        assert np.allclose(solver.predict(cloud), (cloud**2).sum(axis=1), atol=1e-7)


def test_interrupted_fits_keep_the_best_so_far(monkeypatch):
    from skkan.pde.training import _schedule  # noqa: PLC0415

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(_schedule, "refine", interrupted)
    with pytest.warns(UserWarning, match="interrupted"):
        solver = boundary_value().fit()
    assert np.allclose(solver.predict([[0.5]]), np.sin(0.5), atol=1e-6)


def test_large_residuals_are_announced():
    equation = sp.Eq(u(x).diff(x) ** 2, -1)
    with pytest.warns(ConvergenceWarning, match="residual of equation 0 stays large"):
        KANSolver(equation, {x: (0, 1)}, sp.Eq(u(0), 0), grid_size=3).fit()


@pytest.mark.parametrize(("square", "announced"), [(1e-15, False), (1e-13, True)])
def test_residuals_of_rounding_are_not_announced(square, announced):
    # No real solution either, so that the residual is most of the terms whatever its size.
    equation = sp.Eq(u(x).diff(x) ** 2, -square)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        solver = KANSolver(equation, {x: (0, 1)}, sp.Eq(u(0), 0), grid_size=3).fit()
    assert solver.relative_residual_[0] > 0.1
    assert (solver.residual_[0] > 1e-14) == announced
    assert any("stays large" in str(own.message) for own in caught) == announced


LAPLACE = u(x, y).diff(x, 2) + u(x, y).diff(y, 2)
k = sp.Symbol("k")
SCALED = {"equations": k * LAPLACE - 1}
BAD = [
    ({"equations": sp.Eq(v(x), 0)}, "no unknown"),
    ({"equations": LAPLACE + sp.Symbol("k")}, "symbols of no meaning: k"),
    ({"equations": sp.I * LAPLACE}, "complex coefficients"),
    ({"equations": LAPLACE + sp.log(x)}, "not finite"),
    ({"equations": []}, "equations is empty"),
    ({"equations": u(x, y).diff(x, 5)}, "derivative of order 5"),
    ({"degree": 2}, "degree=2 is too low"),
    ({"conditions": [sp.Eq(u(2, y), 0)]}, "outside the domain"),
    ({"conditions": [sp.Eq(v(0, y), 0)]}, "none of the functions sought"),
    ({"conditions": [sp.Eq(u(-1, y), 0), sp.Eq(u(x, 1), 1)]}, "contradict each other at x = -1"),
    ({"domain": {x: (-1, 1), y: (1, 1)}}, "empty or not finite"),
    ({"domain": {}}, "domain is empty"),
    ({"inside": lambda X: X[:, 0] > 2}, "domain is empty, or next to it"),
    ({"domain": {x: (-1, 1), y: ("-1", "1")}}, "Strings are not evaluated"),
    ({**SCALED, "continuation": {k: "__import__('os').getpid()"}}, "Strings are not"),
    ({**SCALED, "continuation": {k: ("pi", 1)}}, "Strings are not evaluated"),
    ({"grid_size": (10, 5)}, "increasing sequence"),
    ({"parameters": {sp.Symbol("k"): 1.0}}, "which is in no equation"),
    ({"boundary": [[0.0]]}, "boundary must have shape"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_bad_input_gets_a_clear_error(changes, message):
    given = {"equations": LAPLACE, "domain": SQUARE, "conditions": ON_SQUARE, "grid_size": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with pytest.raises(ValueError, match=message):
            KANSolver(**{**given, **changes}).fit()


def test_points_where_an_equation_is_undefined_are_named():
    solver = KANSolver(u(x).diff(x) + sp.log(x), {x: (-1, 1)}, sp.Eq(u(1), 0))
    with pytest.raises(ValueError, match="residual 0 is not finite at x = -1"):
        solver.fit()


def test_too_few_conditions():
    with pytest.raises(ValueError, match="2 conditions are needed, and there are 1"):
        KANSolver(u(x).diff(x, 2) + u(x), {x: (0, 1)}, sp.Eq(u(0), 0)).fit()
    with pytest.raises(ValueError, match="derivatives alone"):
        KANSolver([u(x).diff(x), v(x) - 1], {x: (0, 1)}, [sp.Eq(v(0), 1)]).fit()
    heat = KANSolver(LAPLACE - u(x, y), SQUARE, ON_SQUARE[:2], hidden_layer_sizes=(), grid_size=3)
    with pytest.warns(UserWarning, match="0 conditions at values of y"):
        heat.fit()


def test_types_and_measurements_are_checked(line):
    with pytest.raises(TypeError, match="domain must map SymPy symbols"):
        KANSolver(u(x).diff(x), {"x": (0, 1)}, sp.Eq(u(0), 0)).fit()
    with pytest.raises(TypeError, match=r"must be a sympy\.Eq"):
        KANSolver("u' = 0", {x: (0, 1)}, sp.Eq(u(0), 0)).fit()
    with pytest.raises(ValueError, match="given together"):
        boundary_value().fit([[0.5]])
    with pytest.raises(ValueError, match="points outside the domain"):
        boundary_value().fit([[1.5]], [1.0])
    with pytest.raises(ValueError, match="no variable 'z'"):
        line.derivative([[0.5]], "z")
    with pytest.raises(ValueError, match="above the degree 5"):
        line.derivative([[0.5]], "x", 6)
    with pytest.raises(ValueError, match=r"shape \(n_samples, 1\)"):
        line.predict([[0.5, 0.5]])


def test_unknown_function_in_the_equation_is_found():
    # u' = -F(u) with F(u) = u^2 / 2 has the solution 2 / (1 + t)
    law = sp.Function("F")
    solver = KANSolver(
        sp.Eq(u(t).diff(t), -law(u(t))), {t: (0, 3)}, sp.Eq(u(0), 2), grid_size=10, random_state=0
    )
    times = np.linspace(0.0, 3.0, 60)
    solver.fit(times[:, None], 2.0 / (1.0 + times))
    found = solver.functions_[law]
    sizes = np.linspace(0.6, 1.9, 14).reshape(2, 7)
    assert np.allclose(found(sizes), sizes**2 / 2, atol=0.02)
    X, values = found.samples(20)
    assert X.shape == (20, 1)
    assert np.allclose(values, found(X[:, 0]))
    assert found.low < 0.6
    assert found.high > 1.9
    assert "x^2" in [row["symbol"] for row in found.suggest_symbolic(top=4, symbols=["x^2", "sin"])]
    with pytest.raises(ValueError, match="takes 1 arguments, got 2"):
        found(1.0, 2.0)
    assert list(pickle.loads(pickle.dumps(solver)).functions_) == [law]


def test_standard_errors_allow_for_a_coarse_grid():
    # Noise of 0.001 would allow 0.001, and the grid moves the rate by 0.03.
    rate = sp.Symbol("rate", positive=True)
    times = np.linspace(0.0, 4.0, 50)
    noise = 1e-3 * np.random.default_rng(0).normal(size=50)
    solver = KANSolver(
        u(t).diff(t) + rate * u(t), {t: (0, 4)}, sp.Eq(u(0), 1), parameters={rate: 1.0},
        grid_size=10, degree=3, random_state=0,
    ).fit(times[:, None], np.exp(-1.5 * times) + noise)  # fmt: skip
    error = solver.parameter_errors_[rate]
    assert 0.01 < abs(solver.parameters_[rate] - 1.5) < 3.0 * error < 0.2


def test_unknown_function_that_is_positive():
    law = sp.Function("F")
    rate = sp.exp(law(u(t)))
    times = np.linspace(0.0, 3.0, 60)
    solver = KANSolver(
        u(t).diff(t) + rate, {t: (0, 3)}, sp.Eq(u(0), 2), grid_size=10, random_state=0
    ).fit(times[:, None], 2.0 / (1.0 + times))
    sizes = np.linspace(0.6, 1.9, 14)
    assert np.allclose(np.exp(solver.functions_[law](sizes)), sizes**2 / 2, atol=0.02)


@pytest.mark.parametrize("seed", [0, 2, 4])
def test_the_state_nearest_to_the_start_value_is_found(seed):
    energy, own = sp.Symbol("e", positive=True), u(x)
    norm = sp.Eq(sp.Integral(own**2, (x, -8, 8)), 1)
    solver = KANSolver(
        sp.Eq(-own.diff(x, 2) + x**2 * own, energy * own),
        {x: (-8, 8)},
        [sp.Eq(u(-8), 0), sp.Eq(u(8), 0), norm],
        parameters={energy: 7.3},
        grid_size=(30, 60),
        degree=9,
        random_state=seed,
    ).fit()
    assert solver.parameters_[energy] == pytest.approx(7.0, rel=1e-7)


def test_lowest_states_of_a_well():
    # -u'' = e u on (0, 1) with u = 0 at the ends, of norm one: e = (k pi)^2
    energy = sp.Symbol("e", positive=True)
    first = KANSolver(
        sp.Eq(-u(x).diff(x, 2), energy * u(x)),
        {x: (0, 1)},
        [sp.Eq(u(0), 0), sp.Eq(u(1), 0), sp.Eq(sp.Integral(u(x) ** 2, (x, 0, 1)), 1)],
        parameters={energy: 8.0},
        grid_size=20,
        degree=7,
        random_state=0,
    ).fit()
    assert first.parameters_[energy] == pytest.approx(np.pi**2, rel=1e-7)
    below = sp.Function("below")
    second = clone(first).set_params(
        conditions=[*first.conditions, sp.Eq(sp.Integral(u(x) * below(x), (x, 0, 1)), 0)],
        known={below: lambda x: first.predict(x[:, None])},
        parameters={energy: 30.0},
    )
    assert second.fit().parameters_[energy] == pytest.approx(4 * np.pi**2, rel=1e-7)
