import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

from skkan.pde import KANSolver

t, x = sp.symbols("t x")
u, v = sp.Function("u"), sp.Function("v")
SHORT = {"grid_size": 8, "degree": 7, "random_state": 0}


def test_slabs_follow_one_another_in_a_nonlinear_evolution():
    equations = [
        sp.Eq(u(t).diff(t), u(t) * (2 - v(t))),
        sp.Eq(v(t).diff(t), v(t) * (u(t) - 1)),
    ]
    start = [sp.Eq(u(0), 1), sp.Eq(v(0), 1)]
    solver = KANSolver(
        equations, {t: (0, 6)}, start, marching=t, exact_conditions=True, **SHORT
    ).fit()
    found = solve_ivp(
        lambda _, z: [z[0] * (2 - z[1]), z[1] * (z[0] - 1)],
        (0, 6), [1, 1], rtol=1e-12, atol=1e-12, dense_output=True,
    )  # fmt: skip
    X = np.linspace(0.0, 6.0, 301)[:, None]
    assert np.abs(solver.predict(X) - found.sol(X[:, 0]).T).max() < 1e-7
    assert np.abs(solver.residual(X)).max() < 1e-5
    assert np.allclose(solver.to_function()(X), solver.predict(X), rtol=0, atol=1e-14)
    with pytest.raises(ValueError, match="slabs, each with a formula"):
        solver.to_sympy()


def test_border_values_go_on_from_slab_to_slab():
    heat = sp.Eq(u(t, x).diff(t), u(t, x).diff(x, 2))
    conditions = [sp.Eq(u(0, x), sp.sin(x)), sp.Eq(u(t, 0), 0), sp.Eq(u(t, sp.pi), 0)]
    solver = KANSolver(
        heat, {t: (0, 0.2), x: (0, sp.pi)}, conditions, marching="t",
        hidden_layer_sizes=((0, 1),), grid_size=3, degree=6, max_iter=10, random_state=0,
    ).fit()  # fmt: skip
    X = np.random.default_rng(0).uniform([0, 0], [0.2, np.pi], size=(200, 2))
    assert np.abs(solver.predict(X) - np.exp(-X[:, 0]) * np.sin(X[:, 1])).max() < 1e-3


def test_slopes_at_the_start_go_on_from_slab_to_slab():
    start = [sp.Eq(u(0), 0), sp.Eq(u(t).diff(t).subs(t, 0), 1)]
    solver = KANSolver(u(t).diff(t, 2) + u(t), {t: (0, 6)}, start, marching="t", **SHORT).fit()
    X = np.linspace(0.0, 6.0, 50)[:, None]
    assert np.abs(solver.predict(X) - np.sin(X[:, 0])).max() < 1e-7


def test_what_cannot_be_marched_gets_a_clear_error():
    def solver(conditions, **options):
        return KANSolver(u(t).diff(t, 2) + u(t), {t: (0, 1)}, conditions, **options)

    values = [sp.Eq(u(0), 0), sp.Eq(u(1), 1)]
    with pytest.raises(ValueError, match="cannot be met by marching along t"):
        solver(values, marching="t").fit()
    with pytest.raises(ValueError, match="marching='s' is none of the variables t"):
        solver(values, marching="s").fit()
    with pytest.raises(ValueError, match="neither measurements nor parameters"):
        solver(values, marching="t").fit([[0.5]], [0.5])


def test_an_interrupt_ends_the_march(monkeypatch):
    from skkan.pde.training import _schedule  # noqa: PLC0415

    calls = []

    def interrupted(*arguments, **options):
        calls.append(1)
        if len(calls) > 3:
            raise KeyboardInterrupt
        return minimize(*arguments, **options)

    minimize = _schedule.minimize_lm
    monkeypatch.setattr(_schedule, "minimize_lm", interrupted)
    solver = KANSolver(
        u(t).diff(t) + u(t),
        {t: (0, 1)},
        sp.Eq(u(0), 1),
        marching="t",
        exact_conditions=True,
        **SHORT,
    )
    with pytest.warns(UserWarning, match="interrupted"):
        solver.fit()
    assert np.allclose(solver.predict([[0.05]]), np.exp(-0.05), atol=1e-4)
