"""Formulas that need no search: products of powers, polynomials, and their quotients."""

from collections.abc import Iterator

from skkan.symbolic.division._conditions import Conditions
from skkan.symbolic.division._polynomials import polynomials, quotients
from skkan.symbolic.division._powers import power_products
from skkan.symbolic.division._subproblem import Problem
from skkan.symbolic.export._parametric import ParametricFormula

# Functions without which powers are none.
POWERS = {"x^2", "1/x", "sqrt"}


def direct_formulas(
    problem: Problem, names: set[str], conditions: Conditions | None = None
) -> Iterator[ParametricFormula]:
    """Yield formulas that linear equations give, those without noise first.

    Parameters
    ----------
    problem : Problem
        The problem.
    names : set of str
        Names of the functions that may occur.
    conditions : Conditions, optional
        What formulas must satisfy.

    Examples
    --------
    >>> import numpy as np
    >>> import sympy
    >>> from skkan.symbolic.division._direct import direct_formulas
    >>> from skkan.symbolic.division._subproblem import Problem
    >>> X = np.random.default_rng(0).uniform(1.0, 2.0, size=(100, 2))
    >>> problem = Problem(sympy.symbols("a b"), X, X[:, 0] / X[:, 1], np.full(100, 0.01), 1e-12)
    >>> next(direct_formulas(problem, {"x", "x^2", "1/x", "sqrt"})).written()
    1.0*a/b
    """
    if names >= POWERS:
        yield from power_products(problem)
    if "x" in names:
        yield from polynomials(problem, names, noisy=False, conditions=conditions)
        yield from quotients(problem, names)
        yield from polynomials(problem, names, noisy=True, conditions=conditions)
