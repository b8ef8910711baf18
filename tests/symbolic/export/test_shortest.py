import numpy as np
import pytest
import sympy

from skkan.symbolic.export._equation_table import tree_size
from skkan.symbolic.export._shortest import shortest

NAMES = ["a", "b", "c", "d"]
X = np.random.default_rng(0).uniform([-1.0, -0.9, 1.0, 1.0], [1.0, 0.9, 2.0, 2.0], size=(100, 4))
a, b, c, d = sympy.symbols(NAMES)

FORMS = [
    (sympy.sqrt((a**2 - 2 * a + 1) / (1 - b**2)), (1 - a) / sympy.sqrt(1 - b**2)),
    (10 * sympy.Abs(c + 2 * sympy.sqrt(3)), 10 * c + 20 * sympy.sqrt(3)),
    (sympy.exp(a) * sympy.exp(b**2), sympy.exp(a + b**2)),
    (c / (a**2 - 2 * a * b + b**2 + d), c / (d + (a - b) ** 2)),
    (c / (sympy.pi**2 * sympy.exp(a) - sympy.pi**2), c / (sympy.pi**2 * (sympy.exp(a) - 1))),
]


@pytest.mark.parametrize(("formula", "expected"), FORMS, ids=[str(own[1]) for own in FORMS])
def test_shortest_forms(formula, expected):
    found = shortest(formula, NAMES, X)
    assert tree_size(found) <= tree_size(expected)
    assert sympy.simplify(found - expected) == 0


def test_signs_that_the_data_do_not_show_stay():
    assert shortest(sympy.Abs(a), NAMES, X) == sympy.Abs(a)
    assert shortest(sympy.sqrt(a**2), NAMES, X).subs(a, -2) == 2


def test_large_formulas_are_left_alone():
    large = sympy.Add(*(sympy.sin(k * a) for k in range(1, 100)))
    assert shortest(large, NAMES, X) is large
    power = (a + b + c + d) ** 40
    assert shortest(power, NAMES, X) == power
