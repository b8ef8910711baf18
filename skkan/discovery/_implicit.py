"""Sums of known functions that are next to constant, as formulas."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.symbolic.export._rounding import snap
from skkan.symbolic.library._symbol import Symbol
from skkan.symbolic.library._symbols import get_symbol

NAMES = ("x", "x^2", "x^3", "x^4", "sqrt", "log", "exp", "1/x", "1/x^2", "sin", "cos", "abs")
# A variance this many times the smallest is as good.
AS_GOOD = 3.0
ROUNDING = 1e-16
MAX_TERMS = 4


@dataclass(frozen=True)
class Term:
    """A known function of one column."""

    column: int
    symbol: Symbol
    values: FloatArray


def known_terms(x: FloatArray, column: int, names: Iterable[str] = NAMES) -> list[Term]:
    """Return the functions that are defined on a column, the simplest first."""
    found = []
    for symbol in map(get_symbol, names):
        if symbol.excludes(float(x.min()), float(x.max())):
            continue
        with np.errstate(all="ignore"):
            values = symbol.value(x)
        if np.isfinite(values).all() and np.ptp(values) > 0.0:
            found.append(Term(column, symbol, values))
    return sorted(found, key=lambda term: term.symbol.complexity)


def constant_combination(columns: Sequence[FloatArray]) -> tuple[FloatArray, float]:
    """Return the weights of the combination of columns that varies least, and its variance.

    Columns are taken in units of their standard deviations, and the squared weights, in these
    units, sum to 1.
    """
    table = np.column_stack(columns)
    scale = table.std(axis=0)
    scaled = (table - table.mean(axis=0)) / scale
    _, sizes, rows = np.linalg.svd(scaled, full_matrices=False)
    return rows[-1] / scale, float(sizes[-1] ** 2) / len(table)


def implicit_formula(X: FloatArray, symbols: Sequence[Any]) -> tuple[Any, float]:
    """Return an expression that is zero at all samples, one known function of each column.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        Two to four columns that an additive equation ties.
    symbols : sequence of sympy.Symbol
        Their names.

    Returns
    -------
    expression : sympy.Expr
        The simplest of the most accurate ones.
    variance : float
        Its variance, when the terms have variances that sum to 1.
    """
    choices = [known_terms(X[:, k], k) for k in range(X.shape[1])]
    trials = []
    for terms in itertools.product(*choices):
        weights, variance = constant_combination([term.values for term in terms])
        sizes = np.abs(weights) * np.array([term.values.std() for term in terms])
        if sizes.min() > 1e-3:
            trials.append((variance, sum(term.symbol.complexity for term in terms), terms, weights))
    least = min(trial[0] for trial in trials)
    good = [trial for trial in trials if trial[0] <= AS_GOOD * least + ROUNDING]
    variance, _, terms, weights = min(good, key=lambda trial: (trial[1], trial[0]))
    return combination(terms, weights, variance, lambda term: symbols[term.column]), variance


def combination(
    terms: Sequence[Term],
    weights: FloatArray,
    variance: float,
    argument: Callable[[Term], Any],
) -> Any:
    """Return the sum of weighted terms, less its mean, with the first weight 1.

    Constants are made nice within what the variance leaves open.
    """
    weights = weights / weights[0]
    spread = np.array([term.values.std() for term in terms])
    doubt = max(3.0 * np.sqrt(variance), 1e-9)
    total: Any = 0
    values = np.zeros_like(terms[0].values)
    for term, weight, size in zip(terms, weights, spread, strict=True):
        nice = nice_number(float(weight), doubt * float(spread[0] / size))
        values += float(nice) * term.values
        total += nice * term.symbol.expression(argument(term))
    return total - nice_number(float(values.mean()), doubt * float(spread[0]))


def nice_number(value: float, tolerance: float) -> Any:
    """Return a number as exactly as it is known."""
    import sympy  # noqa: PLC0415

    if abs(value) <= tolerance:
        return sympy.S.Zero
    tolerance = min(tolerance, 0.01 * abs(value))
    snapped = snap(value, tolerance)
    if snapped is not None and getattr(snapped, "is_number", False):
        return snapped
    digits = max(1, int(np.ceil(np.log10(abs(value) / tolerance))) + 1)
    return sympy.Float(f"{value:.{min(digits, 15)}g}")
