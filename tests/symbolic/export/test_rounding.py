import math

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from skkan.symbolic.export._rounding import nice_constants, snap

pi, e, sqrt = sympy.pi, sympy.E, sympy.sqrt


@pytest.mark.parametrize(
    "expected",
    [
        sympy.Integer(0),
        sympy.Integer(-3),
        sympy.Integer(12345),
        sympy.Rational(1, 3),
        sympy.Rational(-7, 12),
        pi,
        -pi / 2,
        5 * pi / 12,
        2 / pi,
        pi**2,
        sqrt(2),
        sqrt(3) / 2,
        -2 * sqrt(5) / 3,
        e,
        1 / e,
        1 / sqrt(2 * pi),
        sqrt(pi) / 2,
    ],
    ids=str,
)
def test_constants_are_found(expected):
    assert snap(float(expected) + 3e-8, 1e-7) == expected


def test_the_simplest_comes_first():
    found = nice_constants(0.5001, 0.01)
    assert found[0].expression == sympy.Rational(1, 2)
    assert [c.complexity for c in found] == sorted(c.complexity for c in found)
    assert len({c.expression for c in found}) == len(found)


def test_nothing_nice_is_none():
    assert snap(0.123456, 1e-7) is None
    assert nice_constants(1e300 * math.pi, 1.0) != []


@settings(max_examples=60)
@given(st.floats(-1e6, 1e6), st.floats(0.0, 0.1))
def test_constants_are_near_and_what_they_say(value, tolerance):
    for constant in nice_constants(value, tolerance):
        assert abs(constant.value - value) <= tolerance
        assert constant.value == pytest.approx(float(constant.expression), rel=1e-14)


@pytest.mark.parametrize(("value", "tolerance"), [(math.nan, 0.1), (math.inf, 0.1), (1.0, -0.1)])
def test_bad_arguments(value, tolerance):
    with pytest.raises(ValueError, match="must"):
        nice_constants(value, tolerance)
