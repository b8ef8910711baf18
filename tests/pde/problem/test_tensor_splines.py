import numpy as np
import pytest
import sympy as sp
from networks import assert_close

from skkan.network.derivatives._jets import JetOrders
from skkan.pde.problem._domain import domain_of
from skkan.pde.problem._residuals import Residuals
from skkan.pde.problem._statement import statement_of
from skkan.pde.problem._tensor import Axis, Tensor
from skkan.pde.training._options import Options
from skkan.pde.training._tensor_schedule import TensorSchedule

t, x = sp.symbols("t x")
k = sp.Symbol("k", positive=True)
u, v, D = (sp.Function(name) for name in ("u", "v", "D"))
U, V = u(t, x), v(t, x)
UNEVEN = np.array([-1.0, -0.7, -0.1, 0.0, 0.05, 0.3, 0.6, 1.0])


@pytest.mark.parametrize("periodic", [False, True])
def test_splines_of_an_axis_add_up_to_one_and_derivatives_fit_differences(periodic):
    axis = Axis(UNEVEN, 4, periodic)
    z = np.linspace(-0.99, 0.99, 50)
    _, values = axis.local(z, 2)
    assert_close(values.sum(axis=2), np.array([1.0, 0.0, 0.0])[:, None] * np.ones(50), 1e-10)
    step = 1e-6
    rate = (axis.matrix(z + step) - axis.matrix(z - step)) / (2.0 * step)
    slopes = np.zeros_like(rate)
    np.put_along_axis(slopes, axis.local(z, 0)[0], values[1], axis=1)
    assert_close(slopes, rate, 1e-7)


def test_periodic_splines_meet_themselves_at_the_other_end():
    axis = Axis(UNEVEN, 4, True)
    coef = np.random.default_rng(0).normal(size=axis.n_splines)
    places, values = axis.local(np.array([-1.0, 1.0]), 3)
    left, right = np.einsum("onk,nk->no", values, coef[places])
    assert_close(left, right, 1e-9)


@pytest.mark.parametrize("n_variables", [2, 3])
def test_network_and_finer_axes_are_the_same_function(n_variables):
    axes = [Axis(UNEVEN, 3, True), Axis(np.linspace(-1, 1, 3), 3), Axis(UNEVEN[::2], 3)]
    axes = axes[:n_variables] if n_variables == 2 else [Axis(UNEVEN[[0, 4, 7]], 3), *axes[1:]]
    shape = [own.n_splines for own in axes]
    rng = np.random.default_rng(0)
    tensor = Tensor(tuple(axes), rng.normal(size=(2, *shape)))
    X = rng.uniform(-1, 1, size=(40, n_variables))

    def values(own):
        orders = JetOrders([], n_variables)
        points = own.points(X, np.ones(n_variables), orders, [])
        return np.stack([jet[0] for jet in own.jets(points)], axis=1)

    assert_close(tensor.network()(X), values(tensor), 1e-12)
    finer = [Axis(np.sort([*own.ends, -0.33]), 3, own.periodic) for own in axes]
    assert_close(values(tensor.on(finer)), values(tensor), 1e-11)


def test_sparse_dense_and_differences_give_the_same_jacobian():
    conditions = [
        sp.Eq(u(0, x), sp.sin(x) + k),
        sp.Eq(u(t, -1), v(t, 1)),
        sp.Eq(sp.Integral(U**2 * V.diff(x), t, x), k),
    ]
    statement = statement_of(
        [sp.Eq(U.diff(t), (D(U) * U.diff(x)).diff(x) + k), sp.Eq(V.diff(x, 2) * U, k**2 * x)],
        domain_of({t: (0, 2), x: (-1, 1)}),
        conditions,
        parameters=[k],
        constants=[],
        known={},
        exact=True,
        measured=True,
    )
    options = Options((), (2,), 3, 1, 1, 1e-3, 7, starts=(1.5,), positive=(True,), tensor=True)
    Y = np.array([[1.0, np.nan], [np.nan, 2.0]])
    measured = (np.array([[0.5, 0.1], [0.2, -0.3]]), Y)

    class Drawn(TensorSchedule):
        def _minimise(self, model, *_, **__):
            self.model = model
            raise KeyboardInterrupt

    schedule = Drawn(statement, options, None, np.random.default_rng(0), measured)
    with pytest.raises(KeyboardInterrupt):
        schedule._first(2, None)
    model = schedule.model
    model.frozen = False
    groups = schedule._groups(model)
    residuals = Residuals(model, groups, [])
    start = np.random.default_rng(1).normal(size=model.n_parameters)
    rows, dense = residuals.linearised(start)
    sparse_rows, sparse = residuals.sparse(start)
    assert_close(sparse_rows, rows, 1e-12)
    assert_close(sparse.toarray(), dense, 1e-10)
    direction = np.random.default_rng(2).normal(size=len(start))
    step = 1e-6
    change = residuals.residuals(start + step * direction)
    change = (change - residuals.residuals(start - step * direction)) / (2.0 * step)
    assert_close(dense @ direction, change, 1e-6)
