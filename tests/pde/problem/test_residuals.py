import numpy as np
import pytest
import sympy as sp
from networks import assert_close

from skkan.network._hidden_layers import parsed
from skkan.pde.problem._domain import domain_of
from skkan.pde.problem._residuals import Residuals
from skkan.pde.problem._statement import statement_of
from skkan.pde.training._options import Options
from skkan.pde.training._schedule import Schedule
from skkan.pde.training._starts import random_model

t, x = sp.symbols("t x")
k = sp.Symbol("k", positive=True)
u, v, D, F, given = (sp.Function(name) for name in ("u", "v", "D", "F", "given"))
U, V = u(t, x), v(t, x)
SYSTEM = [
    sp.Eq(U.diff(t) + U * U.diff(x), k * U.diff(x, 2) + sp.sin(V) * V.diff(t, x)),
    sp.Eq(V.diff(x, 4) * U, given(x, t) + k**2),
]
LAWS = [
    sp.Eq(U.diff(t), (D(U) * U.diff(x)).diff(x) + k),
    sp.Eq(V, F(U, x * V.diff(x)) ** 2),
]
CONDITIONS = [
    sp.Eq(u(0, x), sp.sin(x) + k),
    sp.Eq(u(t, -1), v(t, 1)),
    sp.Eq(U.diff(x).subs(x, 1) * v(t, 0), t),
    sp.Eq(sp.Integral(U**2 * V.diff(x), t, x), k),
]


def drawn(equations, conditions, exact, hidden, separable=False):
    statement = statement_of(
        equations,
        domain_of({t: (0, 1), x: (-1, 1)}),
        conditions,
        parameters=[k],
        constants=[],
        known={given: lambda x, t: np.cos(x) * t},
        exact=exact,
        measured=True,
    )
    options = Options(
        parsed(hidden), (2,), 5, 1, 1, 1e-3, 7, starts=(1.5,), positive=(True,),
        law_arities=((1, 1),), law_grid_size=3, separable=separable,
    )  # fmt: skip
    Y = np.array([[1.0, np.nan], [np.nan, 2.0]])
    measured = (np.array([[0.5, 0.1], [0.2, -0.3]]), Y)
    schedule = Schedule(statement, options, None, np.random.default_rng(0), measured)
    model = random_model(statement, options, schedule.rng, 2)
    groups = schedule._groups(model)
    for number, group in enumerate(groups):
        group.weights = group.weights * (1.0 + number)
    return model, groups


@pytest.mark.parametrize(
    ("equations", "exact", "hidden", "separable"),
    [
        (SYSTEM, False, (), False),
        (SYSTEM, False, ((1, 1),), False),
        (SYSTEM, False, ((0, 3),), True),
        (SYSTEM, True, (2,), False),
        (LAWS, False, (2,), False),
    ],
)
def test_jacobian_agrees_with_differences(equations, exact, hidden, separable):
    conditions = [*CONDITIONS, sp.Eq(u(t, -1), u(t, 1)), sp.Eq(v(t, -1), v(t, 1))]
    model, groups = drawn(equations, conditions if exact else CONDITIONS, exact, hidden, separable)
    residuals = Residuals(model, groups, [])
    start = model.get_parameters()
    start[: model.sizes[0]] *= 0.5
    directions = np.random.default_rng(1).normal(size=(4, len(start)))
    directions[0] = np.eye(len(start))[-1]
    found = residuals.linearised(start)[1] @ directions.T
    step = 1e-5
    expected = [
        (residuals.residuals(start + step * own) - residuals.residuals(start - step * own))
        / (2.0 * step)
        for own in directions
    ]
    for group in np.array_split(np.arange(len(found)), 4):
        assert_close(found[group], np.transpose(expected)[group], 1e-6)


def test_half_the_sum_of_squares_and_its_second_difference():
    model, groups = drawn(SYSTEM, CONDITIONS, exact=False, hidden=(2,))
    residuals = Residuals(model, groups, [])
    p = model.get_parameters()
    rows, jacobian = residuals.linearised(p)
    value, gradient, matrix = residuals.normal_equations(p)
    assert value == pytest.approx(0.5 * rows @ rows)
    assert np.allclose(gradient, jacobian.T @ rows)
    assert np.allclose(matrix, jacobian.T @ jacobian)
    change = 1e-3 * np.ones(len(p))
    bend = residuals.residuals(p + change) - rows - jacobian @ change
    assert np.allclose(residuals.second_difference(p, change), jacobian.T @ bend)
