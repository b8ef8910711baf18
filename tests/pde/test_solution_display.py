import numpy as np
import pytest
import sympy as sp

from skkan.pde import KANSolver, SolutionDisplay

t, x = sp.symbols("t x")
u = sp.Function("u")


@pytest.fixture(scope="module")
def plane():
    equation = sp.Eq(u(t, x).diff(t), u(t, x).diff(x))
    conditions = [sp.Eq(u(0, x), x**2), sp.Eq(u(t, 1), (1 + t) ** 2)]
    return KANSolver(
        equation, {t: (0, 1), x: (0, 1)}, conditions, hidden_layer_sizes=(2,), grid_size=2,
        degree=3, max_iter=5, n_restarts=1, random_state=0,
    ).fit()  # fmt: skip


@pytest.fixture(scope="module")
def line():
    return KANSolver(sp.Eq(u(t).diff(t), -u(t)), {t: (0, 1)}, sp.Eq(u(0), 1), grid_size=4).fit()


def test_curves_are_the_solution(line):
    display = SolutionDisplay.from_estimator(line, n_sites=30)
    sites, values = display.artists_[0].get_data()
    assert np.array_equal(values, line.predict(sites[:, None]))
    assert display.artists_[0].get_label() == "u"
    assert SolutionDisplay.from_estimator(line, kind="residual").ax_.get_yscale() == "log"


def test_fields_slices_and_fixed_variables(plane):
    display = SolutionDisplay.from_estimator(plane, show_points=True, n_sites=20)
    assert display.values.shape == (20, 20)
    assert display.ax_.get_xlabel() == "t"
    assert len(display.artists_[1].get_xdata()) == len(plane.points_)
    slices = SolutionDisplay.from_estimator(plane, slices=[0.0, 0.5], n_sites=20)
    assert slices.labels == ["t = 0", "t = 0.5"]
    X = np.stack([np.full(20, 0.5), np.linspace(0, 1, 20)], axis=1)
    assert np.allclose(slices.values[1], plane.predict(X))
    cut = SolutionDisplay.from_estimator(plane, fixed={t: 0.5}, n_sites=20)
    assert np.allclose(cut.values[0], slices.values[1])


def test_bad_input(plane):
    with pytest.raises(ValueError, match="kind must be one of"):
        SolutionDisplay.from_estimator(plane, kind="error")
    with pytest.raises(ValueError, match="'y', which is none of t, x"):
        SolutionDisplay.from_estimator(plane, fixed={"y": 0.0})
    with pytest.raises(ValueError, match="output=1 does not exist"):
        SolutionDisplay.from_estimator(plane, output=1)
    with pytest.raises(TypeError, match="must be a KANSolver"):
        SolutionDisplay.from_estimator("u")
