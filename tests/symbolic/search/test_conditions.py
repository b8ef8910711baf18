import numpy as np
import pytest
import sympy
from sklearn.base import clone

from skkan import KANSymbolicRegressor
from skkan.symbolic.division._conditions import Conditions

x, y = sympy.symbols("x y")


def conditions(**wanted):
    X = np.random.default_rng(0).uniform(0.5, 2.0, size=(40, 2))
    return Conditions(tuple(wanted.items()), ("x", "y"), X)


def search(**options):
    return KANSymbolicRegressor([()], n_restarts=1, random_state=0, max_time=None, **options)


@pytest.mark.parametrize(
    ("condition", "kept", "refused"),
    [
        ("even", y * sympy.cosh(x) - abs(x), sympy.sqrt(x)),
        ("odd", sympy.sin(x) / y, sympy.sin(x) + y),
        ("zero", x * sympy.log(x) * y, sympy.sin(x) / x),
        (
            "periodic",
            sympy.sin(2 * x + y) / (2 + sympy.cos(3 * x)),
            sympy.sin(x) + sympy.cos(y * x),
        ),
    ],
)
def test_what_conditions_keep(condition, kept, refused):
    own = conditions(x=condition)
    assert own.allows(kept)
    assert not own.allows(refused)
    # What is allowed is left as it is.
    assert own.closest(kept) == kept


@pytest.mark.parametrize(
    ("condition", "formula", "expected"),
    [
        ("even", x**2 + 0.01 * x, x**2),
        ("odd", y * x**3 - 0.01, y * x**3),
        ("zero", 2.5 * sympy.exp(x * y), 2.5 * sympy.exp(x * y) - 2.5),
        # Nothing but zero is left, or nothing that is defined.
        ("odd", sympy.cos(x), None),
        ("even", sympy.log(x), None),
        ("zero", 1 / x, None),
    ],
)
def test_formulas_are_made_to_satisfy_conditions(condition, formula, expected):
    assert conditions(x=condition).closest(formula) == expected


def test_conditions_hold_beyond_the_data():
    X = np.random.default_rng(0).uniform(0.0, 1.2, size=(60, 1))
    target = np.cosh(X[:, 0]) + 0.03 * np.random.default_rng(1).normal(size=60)
    model = search(conditions={"x0": "even"}).fit(X, target)
    for row in model.equations_:
        function = sympy.lambdify(sympy.Symbol("x0"), row["equation"])
        np.testing.assert_allclose(function(-0.7), function(0.7), rtol=1e-6)
    assert clone(model).conditions == {"x0": "even"}


def test_periodic_columns_are_in_waves_alone():
    X = np.random.default_rng(0).uniform(0.2, 2.0, size=(200, 2))
    target = X[:, 1] ** 2 * np.sin(X[:, 0])
    target += 0.02 * np.random.default_rng(1).normal(size=200)
    model = search(conditions={"x0": "periodic"}).fit(X, target)
    fresh = np.array([[0.5, 1.0], [0.5 + 2 * np.pi, 1.0]])
    np.testing.assert_allclose(model.predict(fresh), np.sin(0.5), atol=0.05)


def test_a_constant_is_left_with_a_warning():
    X = np.random.default_rng(0).uniform(1.0, 2.0, size=(60, 1))
    with pytest.warns(UserWarning, match="No formula with the given units and conditions"):
        model = search(conditions={"x0": "periodic"}, symbols=["x"]).fit(X, X[:, 0])
    assert model.sympy().is_number


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"mass": "even"}, "conditions has 'mass', which is no column; the columns are x0, x1"),
        ({"x0": "convex"}, r"conditions\['x0'\] must be one of 'even', 'odd', .* got 'convex'"),
        ({"x0": 3}, r"conditions\['x0'\] must be one of .* got 3"),
        ({"x1": ["even", "odd"]}, r"conditions\['x1'\] has both 'even' and 'odd'"),
        (["even"], "'conditions' parameter of KANSymbolicRegressor must be an instance of 'dict'"),
    ],
)
def test_unusable_conditions(wanted, message):
    X = np.random.default_rng(0).uniform(size=(30, 2))
    with pytest.raises(ValueError, match=message):
        search(conditions=wanted).fit(X, X[:, 0])


@pytest.mark.parametrize("seed", range(2))
def test_conditions_decide_between_polynomials(seed):
    X = np.random.default_rng(seed).uniform(0.0, 1.2, size=(40, 1))
    noise = 0.05 * np.random.default_rng(seed + 10).normal(size=40)
    model = search(conditions={"x0": "odd"}).fit(X, X[:, 0] + X[:, 0] ** 3 / 3 + noise)
    (own,) = model.sympy().free_symbols
    assert sympy.Poly(model.sympy(), own).monoms() == [(3,), (1,)]
