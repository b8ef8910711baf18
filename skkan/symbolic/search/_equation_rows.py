"""Formulas with their losses as rows of a table."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.data._samples import spread_rows
from skkan.symbolic.division._formulas import parametric
from skkan.symbolic.export._closed_ends import closed_end_program, with_closed_ends
from skkan.symbolic.export._equation_table import tree_size
from skkan.symbolic.export._formula import FormulaFunction
from skkan.symbolic.export._parametric import ParametricFormula
from skkan.symbolic.export._program import Program, replaced
from skkan.symbolic.export._shortest import shortest
from skkan.symbolic.search._description import Noise, formula_price

Samples = tuple[FloatArray, FloatArray, FloatArray]

# Constants of formulas with larger errors, as shares of the mean square, are known to few digits.
INEXACT = 1e-16
# Formulas whose constants are fitted anew, those that are taken apart, and samples for the fit.
MAX_NUMERATOR = 6
MAX_CONSTANTS, MAX_SIZE, MAX_TERMS, N_SAMPLES = 14, 120, 60, 2000
LARGEST_INTEGER = 2**53
# Digits of constants beyond the first of their standard errors.
MORE_DIGITS = 1


def function_of(formula: Any, names: Sequence[str]) -> FormulaFunction:
    """Return the function of the columns with the given names.

    Where rounding leads out of the domain of a root or the like, it is at the border.

    Examples
    --------
    >>> import sympy
    >>> from skkan.symbolic.search._equation_rows import function_of
    >>> function_of(sympy.Symbol("b") ** 2, ["a", "b"])([[1.0, 3.0]])
    array([9.])
    """
    import sympy  # noqa: PLC0415

    inputs = tuple(map(sympy.Symbol, names))
    return FormulaFunction(closed_end_program(with_small_integers(formula), inputs), True)


def with_small_integers(formula: Any) -> Any:
    """Return a formula whose large integers are decimal: NumPy's end at 64 bits.

    Examples
    --------
    >>> import sympy
    >>> from skkan.symbolic.search._equation_rows import with_small_integers
    >>> with_small_integers(10**20 * sympy.Symbol("x"))
    1.0e+20*x
    """
    import sympy  # noqa: PLC0415

    table = {
        own: sympy.Float(float(own), 15)
        for own in formula.atoms(sympy.Rational)
        if max(abs(int(own.p)), int(own.q)) > LARGEST_INTEGER
    }
    return replaced(formula, table) if table else formula


def mean_square(residual: FloatArray, share: FloatArray) -> float:
    """Return the mean square by weights that sum to 1, without warnings."""
    with np.errstate(all="ignore"):
        return float(share @ residual**2)


def constant_row(samples: Samples, noise: Noise) -> dict[str, Any]:
    """Return the row of the best constant."""
    X, y, weight = samples
    share = weight / weight.sum()
    target = noise.target(y)
    mean = float(share @ target) if np.ptp(y) > 0.0 else float(target[0])
    value = noise.sign * math.exp(mean) if noise.relative else mean
    loss = mean_square(y - value, share)
    error = math.sqrt(loss / max(float(weight.sum()) - 1.0, 1.0))
    formula = _rounded_to(value, error)
    return _row(formula, samples, noise, (X.shape[1], 1), {formula: error} if error else {})


def _row(
    formula: Any,
    samples: Samples,
    noise: Noise,
    shape: tuple[Any, ...] | None,
    errors: dict[Any, float],
    predicted: FloatArray | None = None,
) -> dict[str, Any]:
    _, y, weight = samples
    share, count = weight / weight.sum(), float(weight.sum())
    if predicted is None:
        predicted = np.full(len(y), float(formula))
    own = noise.mean_square(y, predicted, share)
    return {
        "complexity": tree_size(formula),
        "loss": mean_square(predicted - y, share),
        "score": 0.0,
        "equation": formula,
        "shape": shape,
        "standard_errors": errors,
        "noise_loss": own,
        "price": formula_price(formula, count, errors),
    }


def tidied_row(
    formula: Any,
    names: Sequence[str],
    samples: Samples,
    shape: tuple[Any, ...] | None,
    noise: Noise | None = None,
) -> dict[str, Any]:
    """Return the row of a formula, in the shortest form that is as accurate.

    Parameters
    ----------
    formula : sympy.Expr
        The formula.
    names : sequence of str
        Names of the columns.
    samples : tuple of ndarray
        Inputs, targets and weights.
    shape : tuple of int or None
        Shape of the network that the formula comes from.
    noise : Noise, optional
        In which scale errors count.
    """
    noise = noise or Noise()
    X, y, weight = samples
    share, count = weight / weight.sum(), max(float(weight.sum()), 2.0)
    exact = INEXACT * float(share @ y**2)

    def loss_of(own: Any) -> float:
        return noise.mean_square(y, function_of(own, names)(X), share)

    loss = loss_of(formula)
    errors: dict[Any, float] = {}
    if math.isfinite(loss) and tree_size(formula) <= MAX_SIZE:
        # A constant less is worth as much as in the likelihood of noise.
        limit = loss * math.exp(math.log(count) / count)
        formula = without_trifles(formula, names, samples, limit, noise)
        if loss_of(formula) > exact:
            formula = _in_noise(formula, names, samples, noise)
        short = shortest(formula, names, X)
        if loss_of(short) <= limit + exact:
            formula = short
        if loss > exact:
            errors = standard_errors(formula, names, samples, noise)
    predicted = function_of(formula, names)(X)
    return _row(formula, samples, noise, shape, errors, predicted)


def without_trifles(
    formula: Any, names: Sequence[str], samples: Samples, limit: float, noise: Noise
) -> Any:
    """Return a formula without the terms that are not needed for a loss of at most `limit`.

    Examples
    --------
    >>> import numpy as np
    >>> import sympy
    >>> from skkan.symbolic.search._description import Noise
    >>> from skkan.symbolic.search._equation_rows import without_trifles
    >>> x, y = sympy.symbols("x y")
    >>> X = np.random.default_rng(0).uniform(size=(20, 2))
    >>> samples = X, X[:, 0], np.ones(20)
    >>> without_trifles(x + 1e-9 * y, ["x", "y"], samples, 1e-12, Noise())
    x
    """
    import sympy  # noqa: PLC0415

    terms = sympy.Add.make_args(formula)
    if not 1 < len(terms) <= MAX_TERMS:
        return formula
    X, y, weight = samples
    share = weight / weight.sum()
    inputs = tuple(map(sympy.Symbol, names))
    program = Program(inputs, [], [with_closed_ends(own) for own in terms])
    values = FormulaFunction(program, False)(X)
    kept = list(range(len(terms)))
    for place in np.argsort(np.abs(values).max(axis=0)).tolist():
        rest = [own for own in kept if own != place]
        if rest and noise.mean_square(y, values[:, rest].sum(axis=1), share) <= limit:
            kept = rest
    return formula if len(kept) == len(terms) else sympy.Add(*(terms[k] for k in kept))


def with_shorter_numerator(formula: Any, names: Sequence[str], X: FloatArray) -> list[Any]:
    """Return a quotient without the smallest term of its numerator, or nothing.

    ``a - b / (c + x)`` has one constant more than ``a x / (c + x)``, which noise does not tell from
    it.

    Parameters
    ----------
    formula : sympy.Expr
        The formula.
    names : sequence of str
        Names of the columns.
    X : ndarray of shape (n_samples, n_columns)
        Samples, which tell which term is the smallest.

    Examples
    --------
    >>> import numpy as np
    >>> import sympy
    >>> from skkan.symbolic.search._equation_rows import with_shorter_numerator
    >>> x = sympy.Symbol("x")
    >>> with_shorter_numerator(3.0 - 2.1 / (x + 0.699), ["x"], np.linspace(0.1, 4.0, 20)[:, None])
    [3.0*x/(x + 0.699)]
    """
    import sympy  # noqa: PLC0415

    below = [own for own in formula.atoms(sympy.Pow) if own.exp.is_negative and own.base.is_Add]
    if not below or not formula.is_Add or tree_size(formula) > MAX_TERMS:
        return []
    # In decimals, so that SymPy does not look for common factors of exact numbers.
    upper, lower = sympy.fraction(sympy.together(with_decimals(formula)))
    terms = sympy.Add.make_args(sympy.expand(upper))
    if not lower.free_symbols or not 1 < len(terms) <= MAX_NUMERATOR:
        return []
    sizes = [float(np.abs(function_of(own, names)(X)).mean()) for own in terms]
    kept = [own for k, own in enumerate(terms) if k != int(np.argmin(sizes))]
    return [sympy.Add(*kept) / lower]


def _in_noise(formula: Any, names: Sequence[str], samples: Samples, noise: Noise) -> Any:
    """Return a formula with the constants that noisy samples know."""
    free = _with_free_constants(with_decimals(formula), names, noise)
    if not 0 < len(free.constants) <= MAX_CONSTANTS:
        return formula
    X, target, share = _thinned(samples, noise)
    count = float(samples[2].sum())
    fitted, error = free.snapped(X, target, share, count, 0.0)
    if not math.isfinite(error):
        return formula
    known = fitted.standard_errors(X, error, count)
    # Only as many digits are written as mean something.
    numbers = {
        own: _rounded_to(value, float(size))
        for own, value, size in zip(fitted.constants, fitted.values, known, strict=True)
    }
    return noise.undone(fitted.expression).xreplace(numbers)


def standard_errors(
    formula: Any, names: Sequence[str], samples: Samples, noise: Noise
) -> dict[Any, float]:
    """Return the standard errors of the decimal constants of a formula.

    They hold to first order, if the formula is right and what it leaves is noise.

    Examples
    --------
    >>> import numpy as np
    >>> import sympy
    >>> from skkan.symbolic.search._description import Noise
    >>> from skkan.symbolic.search._equation_rows import standard_errors
    >>> x = np.linspace(1.0, 2.0, 100)
    >>> samples = x[:, None], 1.94 * x + 0.01 * np.sin(1e3 * x), np.ones(100)
    >>> errors = standard_errors(1.94 * sympy.Symbol("x"), ["x"], samples, Noise())
    >>> {float(own): round(error, 5) for own, error in errors.items()}
    {1.94: 0.00046}
    """
    free = _with_free_constants(formula, names, noise)
    if not 0 < len(free.constants) <= MAX_CONSTANTS:
        return {}
    X, target, share = _thinned(samples, noise)
    known = free.standard_errors(X, free.error(X, target, share), float(samples[2].sum()))
    import sympy  # noqa: PLC0415

    return {
        sympy.Float(value, 15): float(size)
        for value, size in zip(free.values, known, strict=True)
        if math.isfinite(size)
    }


def _with_free_constants(formula: Any, names: Sequence[str], noise: Noise) -> ParametricFormula:
    import sympy  # noqa: PLC0415

    free = parametric(formula, tuple(map(sympy.Symbol, names)))
    expression = noise.expression(free.expression)
    return ParametricFormula(expression, free.inputs, free.constants, free.values)


def _thinned(samples: Samples, noise: Noise) -> Samples:
    X, y, weight = samples
    few = spread_rows(len(y), N_SAMPLES)
    return X[few], noise.target(y)[few], weight[few] / weight[few].sum()


def _rounded_to(value: float, error: float) -> Any:
    """Return a number with the digits that an error leaves, and one more."""
    import sympy  # noqa: PLC0415

    if error > 0.0 and math.isfinite(error) and value != 0.0:
        digits = math.floor(math.log10(abs(value))) - math.floor(math.log10(error)) + MORE_DIGITS
        if digits < 16:
            value = float(f"{value:.{max(digits, 0)}e}")
    return sympy.Float(value, 15)


def with_decimals(formula: Any) -> Any:
    """Return a formula in which all numbers but integers and exponents are decimal.

    Where data are noisy, some multiple of a root or of pi is always near.

    Examples
    --------
    >>> import sympy
    >>> from skkan.symbolic.search._equation_rows import with_decimals
    >>> x = sympy.Symbol("x")
    >>> with_decimals(16 * x ** sympy.Rational(3, 2) / (5 * sympy.pi)).atoms(sympy.Float)
    {1.01859163578814}
    """
    import sympy  # noqa: PLC0415

    if formula.is_number:
        return formula if formula.is_Integer else sympy.Float(float(formula), 15)
    if formula.is_Pow and formula.exp.is_number and not formula.exp.is_Float:
        return with_decimals(formula.base) ** formula.exp
    if formula.is_Mul or formula.is_Add:
        number, rest = formula.as_independent(*formula.free_symbols, as_Add=formula.is_Add)
        parts = [with_decimals(own) for own in formula.func.make_args(rest)]
        return formula.func(with_decimals(number), *parts)
    if not formula.args:
        return formula
    return formula.func(*(with_decimals(own) for own in formula.args))
