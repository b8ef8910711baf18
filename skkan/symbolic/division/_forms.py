"""Forms: ways in which a problem may become smaller ones, and which of them are worth a try."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from skkan._typing import FloatArray
from skkan.symbolic._watch import look
from skkan.symbolic.division._separability import CONVINCING
from skkan.symbolic.division._subproblem import Problem, is_white
from skkan.symbolic.division._tensor import TensorBasis, fit_linear
from skkan.symbolic.division._transforms import Combination, Transform, majority
from skkan.symbolic.export._parametric import ParametricFormula

# Largest number of variables for splits under transforms.
MAX_TRANSFORMED = 3
# Errors of forms that are worth a try, as shares of the spread of the target, and how many forms.
PLAUSIBLE, N_FORMS = 0.05, 3
COARSE = 0.6
# Functions for surfaces of one variable and of several.
N_CURVE, N_SURFACE = 40, 400

Inputs = tuple[Any, ...]
Formulas = Callable[[], Iterator[ParametricFormula]]


class Form(NamedTuple):
    """A way to formulas of a problem: a fit by splines, its rank, and what finds formulas."""

    error: float
    left: FloatArray
    rank: float
    find: Formulas


def inverted(form: Formulas, problem: Problem, transform: Transform) -> Iterator[ParametricFormula]:
    """Yield formulas of a problem, given those of its transformed target."""
    sign = majority(problem.y)
    for own in form():
        yield over(problem, own, transform.inverse(own.expression, sign))


def replaced(
    form: Formulas, problem: Problem, written: dict[Any, Any]
) -> Iterator[ParametricFormula]:
    """Yield formulas of a problem, given those with other variables."""
    for own in form():
        yield over(problem, own, own.expression.xreplace(written))


def powers_of(inputs: Inputs, exponents: Sequence[Fraction]) -> list[Any]:
    """Return the variables to given powers."""
    import sympy  # noqa: PLC0415

    return [
        variable ** sympy.Rational(own.numerator, own.denominator)
        for variable, own in zip(inputs, exponents, strict=True)
    ]


def combined(combination: Combination, problem: Problem) -> Any:
    """Return the quantity that two variables make."""
    first, second = combination.first, combination.second
    return combination.expression(problem.inputs[first], problem.inputs[second])


def promising(forms: list[Form], problem: Problem) -> list[Form]:
    """Return the forms worth a try, the best first.

    Examples
    --------
    >>> from skkan.symbolic.division._forms import promising
    >>> promising([], None)
    []
    """
    if not forms:
        return []
    least = min(form.error for form in forms)
    limit = max(PLAUSIBLE * problem.spread, 3.0 * problem.floor)
    if len(problem.inputs) > MAX_TRANSFORMED:
        # Splines of so many variables are coarse; they tell good forms from bad ones all the same.
        limit = max(limit, min(1.1 * least, COARSE * problem.spread))
    limit = min(limit, max(1e3 * least, 10.0 * problem.floor))
    good = [form for form in forms if form.error <= limit]
    return sorted(good, key=lambda own: own.rank)[:N_FORMS]


def convincing(form: Form, problem: Problem) -> bool:
    """Tell whether a form is worth a try before others are known."""
    if form.error <= max(CONVINCING * problem.spread, problem.floor):
        return True
    return len(problem.inputs) > MAX_TRANSFORMED or is_white(problem.X, form.left)


def over(problem: Problem, formula: ParametricFormula, expression: Any) -> ParametricFormula:
    """Return an expression with the constants of a formula, over the inputs of a problem."""
    return ParametricFormula(expression, problem.inputs, formula.constants, formula.values)


def surface(X: FloatArray, problem: Problem) -> tuple[float, FloatArray]:
    """Return the error of splines of `X`, and what they leave."""
    look()
    n_functions = N_CURVE if X.shape[1] == 1 else N_SURFACE
    n_functions = min(n_functions, max(len(X) // 7, 5))
    fit = fit_linear(TensorBasis(X, n_functions).design, problem.y, problem.weight)
    return fit.error, (problem.y - fit.values) * np.sqrt(problem.weight)
