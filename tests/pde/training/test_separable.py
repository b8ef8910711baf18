import numpy as np
import pytest
import sympy as sp

from skkan.pde import KANSolver
from skkan.pde.training._knots import EVEN, by_residual

x, y, z = sp.symbols("x y z")
u = sp.Function("u")


def on_faces(own, domain):
    return [sp.Eq(own.subs(k, end), 0) for k, ends in domain.items() for end in ends]


def test_products_solve_where_random_starts_get_stuck():
    solution = sp.sin(sp.pi * x) * sp.sin(2 * sp.pi * y)
    square, own = {x: (-1, 1), y: (-1, 1)}, u(x, y)
    equation = sp.Eq(own.diff(x, 2) + own.diff(y, 2) + own, (1 - 5 * sp.pi**2) * solution)
    solver = KANSolver(
        equation, square, on_faces(own, square), n_products=1, grid_size=(4, 8), degree=7,
        exact_conditions=True, random_state=0,
    ).fit()  # fmt: skip
    X = np.random.default_rng(0).uniform(-1, 1, size=(300, 2))
    assert (
        np.abs(solver.predict(X) - np.sin(np.pi * X[:, 0]) * np.sin(2 * np.pi * X[:, 1])).max()
        < 1e-3
    )
    assert solver.network_.arities == ((2,),)
    assert solver.network_.layers[0].active.tolist() == [[True, False], [False, True]]


def test_products_of_three_variables():
    cube = dict.fromkeys((x, y, z), (-1, 1))
    own, solution = u(x, y, z), sp.Mul(*(sp.cos(sp.pi * k / 2) for k in (x, y, z)))
    equation = sp.Eq(sum(own.diff(k, 2) for k in cube), -3 * sp.pi**2 / 4 * solution)
    solver = KANSolver(
        equation, cube, on_faces(own, cube), n_products=1, grid_size=3, degree=5,
        exact_conditions=True, random_state=0,
    ).fit()  # fmt: skip
    X = np.random.default_rng(0).uniform(-1, 1, size=(300, 3))
    assert np.abs(solver.predict(X) - np.cos(np.pi * X / 2).prod(axis=1)).max() < 1e-3


def test_products_need_several_variables():
    with pytest.raises(ValueError, match="n_products needs several variables"):
        KANSolver(u(x).diff(x) + u(x), {x: (0, 1)}, sp.Eq(u(0), 1), n_products=1).fit()


def test_knots_are_wanted_where_residuals_are_large():
    ends = np.array([-1.0, -0.5, 0.0, 1.0])
    places = np.linspace(-1, 1, 400)
    density = by_residual(ends, places, np.where(places < -0.5, 1.0, 1e-6), degree=5)
    sites = np.linspace(-1, 1, len(density))
    assert density[sites < -0.5].min() > 2.0 * density[sites > -0.5].max()
    # Equal residuals on intervals of unequal lengths: knots are rather where they are dense.
    density = by_residual(ends, places, np.ones(400), degree=5)
    assert density[0] - EVEN == pytest.approx((density[-1] - EVEN) * 2.0 ** (8 / 9))
    assert density.min() > EVEN
