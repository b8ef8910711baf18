import numpy as np
import pytest
import sympy

from skkan.symbolic.library._symbols import LIBRARY, get_symbol
from skkan.symbolic.recognition._parametrizations import parametrizations_of

z = sympy.Symbol("z")
SYMBOLS = [
    *LIBRARY,
    z * sympy.log(z),
    sympy.log(5 - z),
    1 / (z - 1),
    sympy.Max(0, z),
    1 / ((z - 1) * (z + 2)),
]
FORMS = [
    (symbol, form) for symbol in map(get_symbol, SYMBOLS) for form in parametrizations_of(symbol)
]
each = pytest.mark.parametrize(
    ("symbol", "form"),
    FORMS,
    ids=[f"{s.name} {type(c).__name__}" for s, c in FORMS],
)


@each
def test_no_placement_leaves_the_domain(symbol, form):
    p, steps = form.grid()
    assert len(p) == len(steps) > 0
    moved = p + np.random.default_rng(0).normal(size=p.shape)
    for rows in (p, moved):
        alpha, beta, _, _ = form.place(rows)
        # A margin at an open border may be lost to rounding, and far values may overflow.
        t = np.linspace(-0.999, 0.999, 9)
        u = alpha[:, None] * t + beta[:, None]
        inside = np.isfinite(beta)
        assert np.isfinite(symbol.value(u[inside])).mean() > 0.9
        bad = [
            (low, high)
            for low, high in zip(u[inside].min(1), u[inside].max(1), strict=True)
            if symbol.excludes(low, high) and symbol.period is None
        ]
        assert not bad


@each
def test_derivatives_agree_with_differences(symbol, form):
    del symbol
    p = form.grid()[0][::7]
    p = p[np.isfinite(form.place(p)[1])]
    _, _, d_alpha, d_beta = form.place(p)
    for j in range(p.shape[1]):
        step = np.zeros(p.shape[1])
        step[j] = 1e-6
        above, below = form.place(p + step), form.place(p - step)
        for k, exact in enumerate((d_alpha, d_beta)):
            slope = (above[k] - below[k]) / 2e-6
            np.testing.assert_allclose(exact[:, j], slope, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "n_charts", "n_coordinates"),
    [
        ("x", 1, 1),
        ("x^3", 1, 1),
        ("1/x", 2, 1),
        ("sqrt", 2, 1),
        ("exp", 1, 1),
        ("sin", 1, 2),
        ("tan", 1, 2),
        ("asin", 1, 2),
    ],
)
def test_redundant_parameters_are_no_coordinates(name, n_charts, n_coordinates):
    forms = parametrizations_of(get_symbol(name))
    assert len(forms) == n_charts
    assert all(form.grid()[0].shape[1] == n_coordinates for form in forms)
