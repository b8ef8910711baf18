import math

import pytest

from skkan.symbolic.library._symbol import Interval
from skkan.symbolic.library._symbols import get_symbol


@pytest.mark.parametrize(
    ("interval", "ends", "expected"),
    [
        (Interval(), (-1e300, 1e300), True),
        (Interval(low=0.0), (0.0, 1.0), False),
        (Interval(low=0.0, low_closed=True), (0.0, 1.0), True),
        (Interval(low=0.0, low_closed=True), (-1e-300, 1.0), False),
        (Interval(-1.0, 1.0, high_closed=True), (-0.9, 1.0), True),
        (Interval(-1.0, 1.0, high_closed=True), (-1.0, 0.0), False),
    ],
)
def test_an_interval_contains(interval, ends, expected):
    assert interval.contains(*ends) is expected


@pytest.mark.parametrize(
    ("name", "ends", "expected"),
    [
        ("1/x", (-1.0, 1.0), True),
        ("1/x", (0.0, 1.0), True),
        ("1/x", (-2.0, -1e-9), False),
        ("log", (0.0, 1.0), True),
        ("sqrt", (0.0, 1.0), False),
        ("asin", (-1.0, 1.0), False),
        ("atanh", (-1.0, 0.0), True),
        ("tan", (-1.5, 1.5), False),
        ("tan", (1.5, 1.6), True),
        ("tan", (-4.8, -4.6), True),
        ("tan", (100.5 * math.pi + 0.01, 101.5 * math.pi - 0.01), False),
        ("tan", (0.0, 1000.0), True),
        ("sin", (-1e9, 1e9), False),
    ],
)
def test_a_symbol_excludes(name, ends, expected):
    assert get_symbol(name).excludes(*ends) is expected


def test_branches_lie_between_poles():
    assert get_symbol("sqrt").branches() == (Interval(low=0.0, low_closed=True),)
    assert get_symbol("1/x^2").branches() == (Interval(high=0.0), Interval(low=0.0))
    (branch,) = get_symbol("tan").branches()
    assert (branch.low, branch.high) == pytest.approx((-0.5 * math.pi, 0.5 * math.pi))
