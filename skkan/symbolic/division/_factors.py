"""Formulas of the function of one variable in a function that falls apart."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.symbolic.division._separability import Split, Splitter
from skkan.symbolic.division._subproblem import SLACK, Problem, is_white
from skkan.symbolic.division._univariate import Strip, UnivariateMatch, find_composite, find_plain
from skkan.symbolic.export._parametric import ParametricFormula
from skkan.symbolic.library._symbol import Symbol

N_KEPT = 2
# Errors of splines fitted to noise, as a share of the noise.
NOISY = 0.3
# Errors of a known function in place of a spline, as multiples, where they are not noise.
WORSE = 3.0


@dataclass(frozen=True)
class Factor:
    """A known function of one variable, and what it makes of the rest.

    Attributes
    ----------
    formula : ParametricFormula
        The function ``v``, without the constants that the rest has.
    values : ndarray of shape (n_samples,)
        Its values.
    rest : ndarray of shape (n_samples,)
        Values of ``u`` in ``u v``, fitted by splines.
    error : float
        Error of the whole with splines for the rest.
    noisy : bool
        Whether the error is noise.
    """

    formula: ParametricFormula
    values: FloatArray
    rest: FloatArray
    error: float
    noisy: bool

    @property
    def floor(self) -> float:
        """The error to allow for in targets that the factor has been taken out of.

        In noise, formulas are told from each other by small differences of their errors.
        """
        return self.error / SLACK if self.noisy else self.error

    @property
    def floor_of_rest(self) -> float:
        """The error of `rest`."""
        return self.error * (NOISY if self.noisy else 1.0)


def find_factors(
    problem: Problem, splitter: Splitter, split: Split, symbols: Sequence[Symbol]
) -> list[Factor]:
    """Return known functions for ``v``, the most promising first.

    Each is judged by the fit of the whole, the rest being splines.

    Parameters
    ----------
    problem : Problem
        The problem.
    splitter : Splitter
        Splines of its inputs.
    split : Split
        How the function falls apart.
    symbols : sequence of Symbol
        The functions to try.
    """
    y, weight = problem.y, problem.weight
    x, variable = problem.X[:, split.column], problem.inputs[split.column]
    _, inner = splitter.given(split, split.factor, y, weight)
    noisy = is_white(problem.X, split.left * np.sqrt(weight))
    # Splines follow noise by a share of it; without noise, what they leave is their own.
    floor = split.error * (NOISY if noisy else 1.0)
    enough = split.error * (math.exp(math.log(len(x)) / len(x)) if noisy else WORSE)
    strip: Strip = "factor" if split.kind == "product" else "both"
    trials: list[tuple[UnivariateMatch, Factor]] = []
    for find in (find_plain, find_composite):
        for piece in find(x, split.factor, weight * inner**2, symbols, floor):
            expression, constants, started = piece.expression(variable, strip)
            formula = ParametricFormula(expression, (variable,), tuple(constants), tuple(started))
            values = formula.evaluate(x[:, None])[0]
            if np.isfinite(values).all():
                fit, rest = splitter.given(split, values, y, weight)
                trials.append((piece, Factor(formula, values, rest, fit.error, noisy)))
        if any(factor.error <= enough for _, factor in trials):
            break

    def order(trial: tuple[UnivariateMatch, Factor]) -> tuple[bool, float, float]:
        piece, factor = trial
        return piece.disguised, max(factor.error, enough), piece.complexity

    limit = max(WORSE * min((own.error for _, own in trials), default=0.0), enough)
    good = [own for own in sorted(trials, key=order) if own[1].error <= limit]
    return [factor for _, factor in good[:N_KEPT]]


def known_summands(
    problem: Problem,
    summands: Sequence[FloatArray],
    error: float,
    symbols_for: Callable[[Any], Sequence[Symbol]],
) -> Iterator[ParametricFormula]:
    """Yield a sum of known functions of one variable each, given what it is made of.

    Parameters
    ----------
    problem : Problem
        The problem.
    summands : sequence of ndarray of shape (n_samples,)
        The values of the terms.
    error : float
        Their error; smaller terms are left out.
    symbols_for : callable
        Functions that a variable may be in.
    """
    import sympy  # noqa: PLC0415

    expression = sympy.Dummy("k", real=True)
    constants, values = [expression], [0.0]
    for variable, x, own in zip(problem.inputs, problem.X.T, summands, strict=True):
        spread = float(problem.weight @ (own - own.mean()) ** 2)
        if math.sqrt(spread) <= error:
            continue
        piece = find_plain(x, own, problem.weight, symbols_for(variable), error)[0]
        part, new, started = piece.expression(variable, "both")
        slope = sympy.Dummy("k", real=True)
        expression += slope * part
        constants += [slope, *new]
        values += [piece.parameters.c, *started]
    formula = ParametricFormula(expression, problem.inputs, tuple(constants), tuple(values))
    left = problem.y - formula.evaluate(problem.X)[0]
    # In place of the constants that the pieces are without.
    values[0] = float(problem.weight @ left) / float(problem.weight.sum())
    yield formula.with_values(values)
