"""Formulas found by division, with nice constants."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.data._samples import spread_rows
from skkan.symbolic.division._conditions import Conditions
from skkan.symbolic.division._direct import direct_formulas
from skkan.symbolic.division._division import MAX_COLUMNS, Divider
from skkan.symbolic.division._subproblem import Found, Problem, is_white
from skkan.symbolic.export._parametric import ParametricFormula
from skkan.symbolic.library._symbol import Symbol
from skkan.symbolic.scaling._units import Units

# Splines of fewer samples tell next to nothing; of more than many, nothing more.
MIN_ROWS, MIN_ROWS_OF_ONE, MAX_ROWS = 50, 6, 4000
# Errors below this, as shares of the spread, count as none in the search and in the constants.
EXACT, ROUNDING = 1e-11, 1e-9
SMALLEST = 1e-60
# Direct formulas of more constants are certain with errors like this only.
N_CERTAIN, CERTAIN = 4, 1e-13
# Relative differences of constants that are one.
SAME = 1e-10


class Division:
    """A search for formulas of samples by division.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Inputs.
    y : ndarray of shape (n_samples,)
        Targets.
    weight : ndarray of shape (n_samples,)
        Positive weights.
    symbols : sequence of Symbol
        The functions to make formulas of.
    names : sequence of str
        Names of the inputs.
    watch : callable, optional
        Called after every fit. It may raise an exception to end the search.
    units : Units, optional
        Units of the columns, with which formulas must be consistent.
    conditions : Conditions, optional
        What formulas must satisfy.

    Attributes
    ----------
    certain : bool
        Whether one of the direct formulas ends the search.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.symbolic.division._formulas import Division
    >>> from skkan.symbolic.library._symbols import search_symbols
    >>> X = np.random.default_rng(0).uniform(-1.0, 2.0, size=(100, 2))
    >>> y = X[:, 0] * np.sin(X[:, 1]) + 1.0
    >>> Division(X, y, np.ones(100), search_symbols(), ["a", "b"]).formulas()[0]
    a*sin(b) + 1
    """

    def __init__(
        self,
        X: FloatArray,
        y: FloatArray,
        weight: FloatArray,
        symbols: Sequence[Symbol],
        names: Sequence[str],
        watch: Callable[[], None] = lambda: None,
        units: Units | None = None,
        conditions: Conditions | None = None,
    ) -> None:
        import sympy  # noqa: PLC0415

        varying = np.flatnonzero(np.ptp(X, axis=0) > 0.0).tolist()
        few = spread_rows(len(y), MAX_ROWS)
        share = weight[few] / weight[few].sum()
        inputs = tuple(sympy.Symbol(names[k]) for k in varying)
        X, y = X[few][:, varying], y[few]
        spread = _spread(y, share)
        # Squares of other targets would overflow.
        self.certain = False
        self._unit = 1.0 if SMALLEST < spread < 1.0 / SMALLEST or not spread else spread
        y, self._spread = y / self._unit, spread / self._unit
        self._count = max(float(weight.sum()), 2.0)
        self._problem = Problem(inputs, X, y, share, EXACT * self._spread)
        own = None if units is None or not varying else units.without(varying)
        self._divider = Divider(symbols, watch, own, conditions)
        self._usable = 1 <= len(varying) <= MAX_COLUMNS and float(np.ptp(y)) > 0.0

    def direct(self) -> Iterator[Any]:
        """Yield the formulas that need no search: one that is exact, or else the best few."""
        if not self._usable:
            return
        names = {symbol.name for symbol in self._divider.symbols}
        found: list[Found] = []
        for formula in direct_formulas(self._problem, names, self._divider.conditions):
            own = self._divider.fitted(formula, self._problem)
            if not self._divider.allowed(own, self._problem):
                continue
            if own.error <= ROUNDING * self._spread:
                yield self._nice(own)
                # Quotients of many terms come as close to exponentials as that, and are not meant.
                count = len(own.formula.constants)
                self.certain = count <= N_CERTAIN or own.error <= CERTAIN * self._spread
                if self.certain:
                    return
                continue
            if not found:
                # A product of powers, in noise too, if there is one.
                yield self._nice(own)
            found.append(own)
        for own in self._divider.ranked(found[1:], self._problem):
            yield self._nice(own)

    def formulas(self) -> list[Any]:
        """Return formulas, the most promising first; none for few samples or many inputs."""
        few = MIN_ROWS if len(self._problem.inputs) > 1 else MIN_ROWS_OF_ONE
        if not self._usable or len(self._problem.y) < few:
            return []
        return [self._nice(own) for own in self._divider.solve(self._problem)]

    def unfinished(self) -> list[Any]:
        """Return the best formula so far, as it is, of a search that has been ended."""
        found = self._divider.ranked(self._divider.found, self._problem)
        return [self._in_unit(own.formula.written()) for own in found[:1]]

    def _nice(self, found: Found) -> Any:
        problem, formula = self._problem, found.formula
        if found.error > ROUNDING * self._spread:
            # Its constants wait until all of it is known.
            return self._in_unit(formula.written())
        samples = problem.X, problem.y, problem.weight
        return self._in_unit(_nice(formula, *samples, self._count, ROUNDING * self._spread))

    def _in_unit(self, formula: Any) -> Any:
        import sympy  # noqa: PLC0415

        return formula if self._unit == 1.0 else sympy.Float(self._unit, 15) * formula


def _spread(y: FloatArray, share: FloatArray, centre: float | None = None) -> float:
    """Return the root mean square about the mean or another value, without overflow."""
    left = y - (float(share @ y) if centre is None else centre)
    size = float(np.abs(left).max())
    return size * math.sqrt(float(share @ (left / size) ** 2)) if size else 0.0


def _nice(
    formula: ParametricFormula,
    X: FloatArray,
    y: FloatArray,
    weight: FloatArray,
    count: float,
    rounding: float,
) -> Any:
    """Return an expression with nice constants, those too that were made of several."""
    import sympy  # noqa: PLC0415

    expression: Any = formula.expression
    for _ in range(2):
        expression = formula.snapped(X, y, weight, count, rounding)[0].written()
        formula = parametric(sympy.factor_terms(expression), formula.inputs)
        if not formula.constants:
            break
    return expression


def parametric(expression: Any, inputs: Sequence[Any]) -> ParametricFormula:
    """Return an expression with its decimal numbers as constants, equal ones as one.

    Examples
    --------
    >>> import sympy
    >>> from skkan.symbolic.division._formulas import parametric
    >>> x = sympy.Symbol("x")
    >>> parametric(0.3 * x**2 + 0.3, (x,)).values
    (0.3,)
    """
    import sympy  # noqa: PLC0415

    table: dict[Any, Any] = {}
    values: dict[Any, float] = {}
    for own in sorted(expression.atoms(sympy.Float), key=float):
        value = float(own)
        near = [k for k, known in values.items() if abs(known - value) <= SAME * abs(value)]
        constant = near[0] if near else sympy.Dummy("k", real=True)
        values.setdefault(constant, value)
        table[own] = constant
    return ParametricFormula(
        expression.xreplace(table), tuple(inputs), tuple(values), tuple(values.values())
    )


def is_explained(X: FloatArray, y: FloatArray, predicted: FloatArray, weight: FloatArray) -> bool:
    """Tell whether what predictions leave is rounding or noise.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.symbolic.division._formulas import is_explained
    >>> x = np.linspace(0.0, 1.0, 100)
    >>> is_explained(x[:, None], np.exp(x), 1.0 + x + 0.5 * x**2, np.ones(100))
    False
    """
    few = spread_rows(len(y), MAX_ROWS)
    share = weight[few] / weight[few].sum()
    y, left = y[few], (y - predicted)[few]
    if not np.isfinite(left).all():
        return False
    if _spread(left, share, 0.0) <= ROUNDING * _spread(y, share):
        return True
    return len(few) >= MIN_ROWS and is_white(X[few], left)
