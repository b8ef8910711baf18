import pickle

import numpy as np
import pytest
import sympy as sp

from skkan.pde import KANSolver

t, x, y = sp.symbols("t x y")
u = sp.Function("u")
U = u(t, x)
HEAT = sp.Eq(U.diff(t), U.diff(x, 2))
RING = [sp.Eq(u(0, x), sp.cos(x)), sp.Eq(u(t, 0), u(t, 2 * sp.pi))]
SLOPES = sp.Eq(U.diff(x).subs(x, 0), U.diff(x).subs(x, 2 * sp.pi))


@pytest.mark.parametrize("marching", [None, "t"])
def test_heat_on_a_ring_and_its_network(marching):
    solver = KANSolver(
        HEAT,
        {t: (0, 1), x: (0, 2 * sp.pi)},
        [*RING, SLOPES],
        n_products="all",
        grid_size=8,
        degree=7 if marching else 5,
        exact_conditions=True,
        marching=marching,
        random_state=0,
    ).fit()
    X = np.random.default_rng(0).uniform([0, 0], [1, 2 * np.pi], size=(200, 2))
    exact = np.exp(-X[:, 0]) * np.cos(X[:, 1])
    assert np.abs(solver.predict(X) - exact).max() < 1e-3
    assert np.abs(solver.derivative(X, x, 2) + exact).max() < 5e-2
    assert np.array_equal(pickle.loads(pickle.dumps(solver)).predict(X), solver.predict(X))
    if marching is None:
        formula = sp.lambdify((t, x), solver.to_sympy())
        assert abs(formula(0.5, 1.0) - solver.predict([[0.5, 1.0]])[0]) < 1e-9


def test_diffusivity_is_found_with_the_standard_error_of_a_regression():
    rate = sp.Symbol("rate", positive=True)
    rng = np.random.default_rng(0)
    X = rng.uniform([0, 0], [1, np.pi], size=(100, 2))
    exact = np.exp(-0.7 * X[:, 0]) * np.sin(X[:, 1])
    conditions = [sp.Eq(u(0, x), sp.sin(x)), sp.Eq(u(t, 0), 0), sp.Eq(u(t, sp.pi), 0)]
    solver = KANSolver(
        sp.Eq(U.diff(t), rate * U.diff(x, 2)),
        {t: (0, 1), x: (0, sp.pi)},
        conditions,
        parameters={rate: 3.0},
        n_products="all",
        grid_size=5,
        exact_conditions=True,
        random_state=0,
    ).fit(X, exact + 0.02 * rng.normal(size=100))
    # Of the exact solution: d u / d rate = -t u.
    expected = 0.02 / np.linalg.norm(X[:, 0] * exact)
    error = solver.parameter_errors_[rate]
    assert 0.8 * expected < error < 1.2 * expected
    assert abs(solver.parameters_[rate] - 0.7) < 3.0 * error


def test_boundary_layer_of_a_steady_flow():
    own = u(x, y)
    layer = (sp.exp(40 * (x - 1)) - sp.exp(-40)) / (1 - sp.exp(-40)) * sp.sin(y)
    source = -layer.diff(x, 2) - layer.diff(y, 2) + 40 * layer.diff(x)
    solver = KANSolver(
        sp.Eq(-own.diff(x, 2) - own.diff(y, 2) + 40 * own.diff(x), source),
        {x: (0, 1), y: (0, sp.pi)},
        [own.subs(x, 0), sp.Eq(u(1, y), sp.sin(y)), own.subs(y, 0), own.subs(y, sp.pi)],
        n_products="all",
        grid_size=(6, 12),
        exact_conditions=True,
        random_state=0,
    ).fit()
    X = np.random.default_rng(0).uniform([0.9, 0], [1, np.pi], size=(200, 2))
    exact = sp.lambdify((x, y), layer)(*X.T)
    assert np.abs(solver.predict(X) - exact).max() < 1e-4


def test_all_products_need_a_box_of_two_or_three_variables():
    with pytest.raises(ValueError, match="n_products needs several variables"):
        KANSolver(u(t).diff(t), {t: (0, 1)}, sp.Eq(u(0), 1), n_products="all").fit()
    box = {x: (-1, 1), y: (-1, 1)}
    with pytest.raises(ValueError, match="box of two or three variables"):
        KANSolver(
            u(x, y).diff(x, 2) + u(x, y).diff(y, 2) - 4,
            box,
            sp.Eq(u(x, y), 1),
            inside=x**2 + y**2 - 1,
            n_products="all",
        ).fit()


def test_an_interrupted_fit_has_the_network_of_its_solution(monkeypatch):
    from skkan.pde.training import _tensor_schedule  # noqa: PLC0415

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(_tensor_schedule, "cut", interrupted)
    conditions = [sp.Eq(u(0, x), sp.sin(x)), sp.Eq(u(t, 0), 0), sp.Eq(u(t, sp.pi), 0)]
    solver = KANSolver(
        HEAT, {t: (0, 1), x: (0, sp.pi)}, conditions, n_products="all", grid_size=(3, 6)
    )
    with pytest.warns(UserWarning, match="interrupted"):
        solver.fit()
    X = np.random.default_rng(0).uniform([0, 0], [1, np.pi], size=(50, 2))
    assert np.ptp(solver.predict(X)) > 0.5
    assert np.allclose(solver.network_(X)[:, 0], solver.predict(X), rtol=0, atol=1e-9)
