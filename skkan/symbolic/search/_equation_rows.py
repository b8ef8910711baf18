"""Formulas with their losses as rows of a table."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.symbolic.export._closed_ends import with_closed_ends
from skkan.symbolic.export._equation_table import plain_constants, tree_size, without_trifles
from skkan.symbolic.export._formula import FormulaFunction
from skkan.symbolic.export._program import Program

Samples = tuple[FloatArray, FloatArray, FloatArray]

# Constants of formulas with larger errors, as shares of the mean square, are known to few digits.
INEXACT = 1e-12


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
    return FormulaFunction(Program(inputs, [], [with_closed_ends(formula)]), True)


def mean_square(residual: FloatArray, share: FloatArray) -> float:
    """Return the mean square by weights that sum to 1, without warnings."""
    with np.errstate(all="ignore"):
        return float(share @ residual**2)


def constant_row(y: FloatArray, share: FloatArray, n_features: int) -> dict[str, Any]:
    """Return the row of the best constant, by weights that sum to 1."""
    import sympy  # noqa: PLC0415

    mean = float(share @ y) if np.ptp(y) > 0.0 else float(y[0])
    return {
        "complexity": 1,
        "loss": mean_square(y - mean, share),
        "score": 0.0,
        "equation": sympy.Float(mean, 17),
        "shape": (n_features, 1),
    }


def tidied_row(
    formula: Any, names: Sequence[str], samples: Samples, shape: tuple[int, ...] | None
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
    """
    X, y, weight = samples
    share, count = weight / weight.sum(), max(float(weight.sum()), 2.0)

    def loss_of(own: Any) -> float:
        return mean_square(function_of(own, names)(X) - y, share)

    loss = loss_of(formula)
    if math.isfinite(loss):
        # A constant less is worth as much as in the likelihood of noise.
        limit = loss * math.exp(math.log(count) / count)
        forms = [own for own in (formula, formula.expand()) if loss_of(own) <= limit]
        lean = [without_trifles(own, loss_of, limit) for own in forms]
        formula = min(lean, key=tree_size, default=formula)
        if loss > INEXACT * float(share @ y**2):
            formula = plain_constants(formula)
        loss = loss_of(formula)
    return {
        "complexity": tree_size(formula),
        "loss": loss,
        "score": 0.0,
        "equation": formula,
        "shape": shape,
    }
