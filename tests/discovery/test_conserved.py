import numpy as np
import pandas as pd
import pytest
import sympy
from scipy.integrate import solve_ivp

from skkan.discovery import find_conserved

RNG = np.random.default_rng(0)


def kepler(s):
    cube = np.hypot(s[0], s[1]) ** 3
    return np.array([s[2], s[3], -s[0] / cube, -s[1] / cube])


SYSTEMS = {
    "oscillator": (lambda x: np.array([x[1], -4.0 * x[0]]), RNG.uniform(-2, 2, (6, 2))),
    "pendulum": (lambda x: np.array([x[1], -np.sin(x[0])]), RNG.uniform(-1.5, 1.5, (6, 2))),
    "lotka_volterra": (
        lambda x: np.array([x[0] * (1.5 - x[1]), x[1] * (x[0] - 3.0)]),
        RNG.uniform(1, 4, (6, 2)),
    ),
    "kepler": (
        kepler,
        np.array([1.0, 0.0, 0.0, 0.9]) + RNG.uniform(-0.2, 0.2, (8, 4)),
    ),
    "damped": (lambda x: np.array([x[1], -x[0] - 0.3 * x[1]]), RNG.uniform(-2, 2, (6, 2))),
}
LAWS = {
    "oscillator": ["x0**2 + x1**2/4"],
    "pendulum": ["x1**2 - 2*cos(x0)"],
    "lotka_volterra": ["x0 + x1 - 3*log(x0) - 3*log(x1)/2"],
    "kepler": [
        "x0*x3 - x1*x2",
        "x2**2 + x3**2 - 2/sqrt(x0**2 + x1**2)",
        "x0*x3**2 - x0/sqrt(x0**2 + x1**2) - x1*x2*x3",
        "x0*x2*x3 - x1*x2**2 + x1/sqrt(x0**2 + x1**2)",
    ],
    "damped": [],
}


def trajectories(name, n=80):
    """Return trajectories with unequal steps."""
    move, starts = SYSTEMS[name]
    rng = np.random.default_rng(1)
    times = [np.sort(rng.uniform(0.0, 8.0, n)) for _ in starts]
    return [
        solve_ivp(lambda _, x: move(x), (0.0, 8.0), s, t_eval=t, rtol=1e-9, atol=1e-9).y.T
        for s, t in zip(starts, times, strict=True)
    ]


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("with_derivatives", [False, True])
def test_laws_of_mechanics_are_found(name, with_derivatives):
    states = trajectories(name)
    derivatives = [np.apply_along_axis(SYSTEMS[name][0], 1, own) for own in states]
    found = find_conserved(states, derivatives if with_derivatives else None)
    wanted = [sympy.parse_expr(own) for own in LAWS[name]]
    ratios = [any((own.expression / law).simplify().is_number for own in found) for law in wanted]
    assert all(ratios)
    assert len(found) == len(wanted)
    assert found.n_independent == min(len(wanted), 3)


def test_a_little_noise_does_not_hide_the_energy():
    name, rng = "oscillator", np.random.default_rng(2)
    states = [
        own + 3e-3 * own.std(axis=0) * rng.normal(size=own.shape) for own in trajectories(name)
    ]
    found = find_conserved(states, tolerance=0.006)
    assert [str(own.expression) for own in found] == LAWS[name]


def test_names_terms_and_plot():
    q, p = np.random.default_rng(0).uniform(0.5, 1.5, (2, 100))
    states = pd.DataFrame({"beta": q, "E": p})
    # The Hamiltonian p^2/2 + exp(q).
    moves = np.column_stack([p, -np.exp(q)])
    found = find_conserved(states, moves, terms=[f"exp({_name('beta')})"])
    assert found.n_independent == 1
    assert str(found[0].expression).count("exp") == 1
    pytest.importorskip("matplotlib")
    assert found.plot().get_ylabel() == "value"


def _name(name):
    from skkan.symbolic.export._names import valid_names  # noqa: PLC0415

    return valid_names([name])[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((10, 2)),), "10 samples in all; at least 30"),
        (([np.zeros((40, 2)), np.zeros((40, 3))],), "different numbers of columns"),
        ((np.zeros((40, 2)), np.zeros((39, 2))), "one for every state"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        find_conserved(*arguments)
    with pytest.raises(ValueError, match="function of the columns"):
        find_conserved(np.random.default_rng(0).normal(size=(40, 2)), terms=["exp(y)"])
    with pytest.raises(ValueError, match="tolerance"):
        find_conserved(np.zeros((40, 2)), tolerance=0.0)
