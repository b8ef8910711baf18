import re
from fractions import Fraction

import numpy as np
import pytest
import sympy

from skkan import KANSymbolicRegressor
from skkan.symbolic.scaling._units import Units, parsed_units

pytest.importorskip("pint")
NAMES = ["m", "g", "h", "v"]
UNITS = {"m": "kg", "g": "m/s^2", "h": "m", "v": "km/hour"}
m, g, h, v = sympy.symbols("m g h v")


@pytest.mark.parametrize(
    ("formula", "right"),
    [
        (m * g * h + m * v**2 / 2, True),
        (m * v * sympy.sqrt(2 * g * h), True),
        (m * sympy.Max(g * h, v**2) * sympy.exp(-v / sympy.sqrt(g * h)), True),
        (m * g * h * sympy.atan2(v**2, g * h), True),
        (m * g * h + v, False),
        (m * g * h * sympy.exp(h), False),
        (m * v**2.1, False),
        (m * g, False),
        (sympy.Integer(3), False),
    ],
    ids=str,
)
def test_consistent_formulas(formula, right):
    assert parsed_units(UNITS, "J", NAMES).allows(formula, NAMES) is right


def test_any_unit_of_the_target():
    units = parsed_units(UNITS, None, NAMES)
    assert units.allows(m * g, NAMES)
    assert not units.allows(m + g, NAMES)


def test_reductions_are_buckingham():
    for own in parsed_units(UNITS, "J", NAMES).reductions():
        # Four columns of three units leave one variable without a unit.
        assert len(own.variables) == 1
        written = [
            sympy.Mul(*(x ** sympy.Rational(p) for x, p in zip((m, g, h, v), powers, strict=True)))
            for powers in (own.factor, *own.variables)
        ]
        assert parsed_units(UNITS, "J", NAMES).allows(written[0], NAMES)
        assert parsed_units(UNITS, "", NAMES).allows(written[1], NAMES)


def test_a_number_stands_for_a_constant_column():
    one, none = Fraction(1), Fraction(0)
    units = Units(((one, none), (none, one), (one, one)), (one, none)).without([0, 1])
    b = sympy.Symbol("b")
    # The constant third column has the unit of the product of both.
    assert units.allows(2 / b, ["a", "b"])
    assert not units.allows(2 / b**2, ["a", "b"])


def test_noise_does_not_lead_to_other_units():
    rng = np.random.default_rng(0)
    X = rng.uniform([1.0, 9.0, 1.0, 2.0], [3.0, 11.0, 2.0, 4.0], size=(200, 4))
    y = X[:, 0] * (X[:, 1] * X[:, 2] + X[:, 3] ** 2 / 2)
    y += 0.01 * y.std() * rng.normal(size=200)
    names = [f"x{k}" for k in range(4)]
    given = dict(zip(names, UNITS.values(), strict=True))
    model = KANSymbolicRegressor(
        [()], units=given, target_unit="J", n_restarts=1, random_state=0
    ).fit(X, y)
    units = parsed_units(given, "J", names)
    assert all(units.allows(row["equation"], names) for row in model.equations_[1:])
    assert units.allows(model.sympy(), names)
    assert model.score(X, y) > 0.999


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": {"x7": "m"}}, "units has 'x7', which is no column; the columns are x0, x1."),
        ({"units": {"x0": "smoot2"}}, "units['x0'] must be a unit that pint knows"),
        ({"units": {"x0": "m"}, "target_unit": "kg"}, "cannot be made of the units"),
        ({"target_unit": "kg"}, "target_unit='kg' needs units"),
    ],
)
def test_unusable_units(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        KANSymbolicRegressor([()], **options).fit(np.eye(20)[:, :2], np.arange(20.0))
