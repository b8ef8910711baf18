"""Formulas by division of a problem into smaller ones.

A function of several variables is reduced to functions of fewer: where two variables act through
one combination of them, where it is a sum or a product, and where it is affine in a function of
one variable, as it is or under a transform of the target. What is left is looked up among known
functions of one variable; then all constants of the whole are fitted at once.

References
----------
S.-M. Udrescu and M. Tegmark, "AI Feynman: a physics-inspired method for symbolic regression",
Science Advances 6, 2020.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.data._samples import spread_rows
from skkan.symbolic.division._conditions import Conditions
from skkan.symbolic.division._direct import direct_formulas
from skkan.symbolic.division._factors import Factor, find_factors, known_summands
from skkan.symbolic.division._forms import (
    MAX_TRANSFORMED,
    N_FORMS,
    PLAUSIBLE,
    Form,
    Inputs,
    combined,
    convincing,
    inverted,
    over,
    powers_of,
    promising,
    replaced,
    surface,
)
from skkan.symbolic.division._separability import CONVINCING, Split, Splitter
from skkan.symbolic.division._subproblem import SLACK, Found, Problem, is_white
from skkan.symbolic.division._tensor import TensorBasis, fit_linear
from skkan.symbolic.division._transforms import (
    IDENTITY,
    TRANSFORMS,
    Transform,
    combinations,
    transformed,
)
from skkan.symbolic.division._univariate import find_composite, find_plain
from skkan.symbolic.export._equation_table import tree_size
from skkan.symbolic.export._parametric import ParametricFormula
from skkan.symbolic.library._symbol import Symbol
from skkan.symbolic.scaling._scalings import Reduction, power_factors, scalings
from skkan.symbolic.scaling._units import Units

# Largest numbers of variables for a search, for combinations of two of them, and for splits.
MAX_COLUMNS, MAX_REDUCED, MAX_SPLIT = 20, 6, 4
N_KEPT, N_SLOPES = 3, 2
# Values of a factor that are too near to zero to divide by, as a share of the largest.
NEAR_ZERO = 1e-3
# Rows for fits of constants.
N_ROWS = 1000
# Constants of direct formulas in noise, and samples, that end a search.
N_TELLING, MANY = 3, 50
# Weights that are none, as a share of the largest.
NO_WEIGHT = 1e-12
# Ways to leave fewer variables by units.
N_BY_UNITS = 3
# Functions for terms of sums.
N_SUMMAND = 20


@dataclass
class Divider:
    """Search for formulas by division.

    Parameters
    ----------
    symbols : sequence of Symbol
        The functions of one variable.
    watch : callable, optional
        Called after every fit. It may raise an exception to end the search.

    Attributes
    ----------
    units : Units, optional
        Units of the columns of the whole problem, with which formulas must be consistent.
    conditions : Conditions, optional
        What formulas of the whole problem must satisfy.
    found : list of Found
        The formulas of the whole problem so far.

    Examples
    --------
    >>> import numpy as np
    >>> import sympy
    >>> from skkan.symbolic.division._division import Divider, Problem
    >>> from skkan.symbolic.library._symbols import search_symbols
    >>> X = np.random.default_rng(0).uniform(1.0, 2.0, size=(500, 2))
    >>> y = X[:, 0] / (X[:, 1] + 3.0)
    >>> inputs = sympy.symbols("a b")
    >>> problem = Problem(inputs, X, y, np.full(500, 1 / 500), 1e-9 * y.std())
    >>> Divider(search_symbols()).solve(problem)[0].error < 1e-12
    True
    """

    symbols: Sequence[Symbol]
    watch: Callable[[], None] = lambda: None
    units: Units | None = None
    conditions: Conditions | None = None
    found: list[Found] = field(default_factory=list)
    _depth: int = 0

    def solve(self, problem: Problem) -> list[Found]:
        """Return formulas for a problem, the best first.

        Parameters
        ----------
        problem : Problem
            The problem.
        """
        used = problem.weight > NO_WEIGHT * problem.weight.max(initial=0.0)
        if not used.any():
            return [self._constant(problem)]
        problem = Problem(
            problem.inputs, problem.X[used], problem.y[used], problem.weight[used], problem.floor
        )
        constant = np.flatnonzero(np.ptp(problem.X, axis=0) == 0.0).tolist()
        if problem.spread <= SLACK * problem.floor or len(constant) == len(problem.inputs):
            return [self._constant(problem)]
        if constant:
            inputs, X = problem.without(constant)
            return [self.fitted(own, problem) for own in self._reduced(problem, inputs, X)]
        found: list[Found] = []
        if self._depth == 0:
            self.found = found
        self._depth += 1
        try:
            self._find(problem, found)
        finally:
            self._depth -= 1
        return self.ranked(found, problem)

    def _find(self, problem: Problem, found: list[Found]) -> None:
        """Add formulas until one solves the problem."""
        if self._simply(problem, found):
            return
        if len(problem.inputs) == 1:
            self._of_one_variable(problem, found)
            return
        if self._any_solved(self._rescaled(problem), problem, found):
            return
        doubtful: list[Form] = []
        for stage in (self._plain_forms, self._transformed_forms, self._mixed_forms):
            for form in promising(stage(problem), problem):
                if not convincing(form, problem):
                    doubtful.append(form)
                elif self._any_solved(form.find(), problem, found):
                    return
        for form in sorted(doubtful, key=lambda own: own.rank)[:N_FORMS]:
            if self._any_solved(form.find(), problem, found):
                return

    def _simply(self, problem: Problem, found: list[Found]) -> bool:
        """Add formulas by units and those that need no search, and tell whether one solves it."""
        if self._depth == 1:
            for reduction in self._by_units(problem):
                if self._any_solved(self._reduced_by(reduction, problem), problem, found):
                    return True
        names = {symbol.name for symbol in self.symbols}
        conditions = self.conditions if self._depth == 1 else None
        for formula in direct_formulas(problem, names, conditions):
            own = self.fitted(formula, problem)
            found.append(own)
            # Polynomials of many terms follow any curve as far as noise lets anyone see.
            short = len(own.formula.constants) <= N_TELLING and len(problem.y) >= MANY
            if (own.error <= SLACK * problem.floor or short) and self._solved(own, problem):
                return True
        return False

    def _any_solved(
        self, formulas: Iterator[ParametricFormula], problem: Problem, found: list[Found]
    ) -> bool:
        """Add formulas until one solves the problem, and tell whether one does."""
        for formula in formulas:
            own = self.fitted(formula, problem)
            found.append(own)
            if self._solved(own, problem):
                return True
        return False

    def _rescaled(self, problem: Problem) -> Iterator[ParametricFormula]:
        """Yield formulas of fewer products of powers in place of the variables."""
        samples = problem.X, problem.y, problem.weight
        factors = power_factors(*samples)
        if factors is not None:
            yield from self._reduced_by(factors, problem)
            return
        for own in scalings(*samples):
            yield from self._reduced_by(own, problem)

    def _by_units(self, problem: Problem) -> list[Reduction]:
        """Return the first ways to leave fewer variables by units, of those that are defined."""
        found: list[Reduction] = []
        for own in self.units.reductions() if self.units else ():
            with np.errstate(all="ignore"):
                factor, new = own.values(problem.X)
                left = problem.y / factor
            if np.isfinite(left).all() and np.isfinite(new).all():
                found.append(own)
            if len(found) == N_BY_UNITS:
                break
        return found

    def allowed(self, found: Found, problem: Problem) -> bool:
        """Tell whether a formula of the whole problem has the right units and keeps conditions."""
        if self.units is not None:
            names = [own.name for own in problem.inputs]
            if not self.units.allows(found.formula.written(), names):
                return False
        return self.conditions is None or self.conditions.allows(found.formula.written())

    def _may_be(self, found: Found, problem: Problem, *, whole: bool) -> bool:
        """Tell whether a formula may be one of the whole problem, or a part of one."""
        if whole:
            return self.allowed(found, problem)
        return self.conditions is None or self.conditions.allows_part(found.formula.written())

    def _symbols_for(self, column: Any) -> Sequence[Symbol]:
        conditions = self.conditions
        return self.symbols if conditions is None else conditions.symbols_for(column, self.symbols)

    def _reduced_by(self, reduction: Reduction, problem: Problem) -> Iterator[ParametricFormula]:
        import sympy  # noqa: PLC0415

        factor, new = reduction.values(problem.X)
        weight = problem.weight * factor**2
        written = [sympy.Mul(*powers_of(problem.inputs, own)) for own in reduction.variables]
        inputs = tuple(
            own if own.is_Symbol else sympy.Dummy("z", real=True, positive=own.is_positive)
            for own in written
        )
        smaller = Problem(inputs, new, problem.y / factor, weight, problem.floor)
        table = dict(zip(inputs, written, strict=True))
        outside = sympy.Mul(*powers_of(problem.inputs, reduction.factor))
        for own in self.solve(smaller):
            yield over(problem, own.formula, outside * own.formula.expression.xreplace(table))

    def ranked(self, found: list[Found], problem: Problem) -> list[Found]:
        """Return the best formulas of some."""
        rounding = max(problem.floor, 1e-300)
        count = len(problem.y)

        def cost(own: Found) -> float:
            if not math.isfinite(own.error):
                return math.inf
            return count * 2.0 * math.log(max(own.error, rounding)) + own.size * math.log(count)

        found = [own for own in found if self._may_be(own, problem, whole=self._depth == 0)]
        return sorted(found, key=cost)[:N_KEPT]

    def fitted(self, formula: ParametricFormula, problem: Problem) -> Found:
        """Return a formula with fitted constants, and its error."""
        few = spread_rows(len(problem.y), N_ROWS)
        thin = problem.weight[few] * (problem.weight.sum() / problem.weight[few].sum())
        formula, _ = formula.fitted(problem.X[few], problem.y[few], thin)
        error = formula.error(problem.X, problem.y, problem.weight)
        self.watch()
        return Found(formula, error, tree_size(formula.expression))

    def _solved(self, found: Found, problem: Problem) -> bool:
        """Tell whether what a formula leaves is rounding, a known error, or noise."""
        if not self._may_be(found, problem, whole=self._depth == 1):
            return False
        if found.error <= max(SLACK * problem.floor, 1e-300):
            return True
        if found.error > PLAUSIBLE * 10.0 * problem.spread:
            return False
        left = problem.y - found.formula.evaluate(problem.X)[0]
        return is_white(problem.X, left * np.sqrt(problem.weight))

    def _constant(self, problem: Problem) -> Found:
        import sympy  # noqa: PLC0415

        mean = float(problem.weight @ problem.y) / max(float(problem.weight.sum()), 1e-300)
        value = sympy.Dummy("k", real=True)
        formula = ParametricFormula(value, problem.inputs, (value,), (mean,))
        return Found(formula, problem.spread, 1)

    def _of_one_variable(self, problem: Problem, found: list[Found]) -> None:
        symbols = self._symbols_for(problem.inputs[0])
        for find in (find_plain, find_composite):
            for piece in find(problem.X[:, 0], problem.y, problem.weight, symbols, problem.floor):
                expression, constants, values = piece.expression(problem.inputs[0], "none")
                formula = ParametricFormula(
                    expression, problem.inputs, tuple(constants), tuple(values)
                )
                found.append(self.fitted(formula, problem))
            if any(self._solved(own, problem) for own in found):
                return

    def _plain_forms(self, problem: Problem) -> list[Form]:
        n_inputs = len(problem.inputs)
        forms = self._reductions(problem) if n_inputs <= MAX_REDUCED else []
        if n_inputs <= MAX_SPLIT:
            return forms + self._splits(problem, IDENTITY)
        return [*forms, self._sum(problem, IDENTITY)]

    def _transformed_forms(self, problem: Problem) -> list[Form]:
        names = {symbol.name for symbol in self.symbols}
        forms: list[Form] = []
        for transform in TRANSFORMS:
            if transform.symbol in names and transform.allows(problem.y):
                if len(problem.inputs) > MAX_TRANSFORMED:
                    forms.append(self._sum(problem, transform))
                else:
                    forms += self._splits(problem, transform)
        return forms

    def _reductions(self, problem: Problem) -> list[Form]:
        """Return forms with fewer variables: without one, or with one in place of two."""
        forms: list[Form] = []
        for k in range(len(problem.inputs)):
            inputs, X = problem.without([k])
            error, left = surface(X, problem)
            forms.append(Form(error, left, 0.5 * error, partial(self._reduced, problem, inputs, X)))
        for own in combinations(problem.X):
            inputs, X = problem.without([own.first, own.second])
            X = np.column_stack([X, own.value])
            error, left = surface(X, problem)
            form = partial(self._substituted, problem, inputs, X, combined(own, problem))
            forms.append(Form(error, left, 0.5 * error, form))
        return forms

    def _reduced(
        self, problem: Problem, inputs: Inputs, X: FloatArray
    ) -> Iterator[ParametricFormula]:
        smaller = Problem(inputs, X, problem.y, problem.weight, problem.floor)
        for own in self.solve(smaller):
            yield over(problem, own.formula, own.formula.expression)

    def _substituted(
        self,
        problem: Problem,
        inputs: Inputs,
        X: FloatArray,
        combination: Any,
    ) -> Iterator[ParametricFormula]:
        import sympy  # noqa: PLC0415

        z = sympy.Dummy("z", real=True)
        form = partial(self._reduced, problem, (*inputs, z), X)
        return replaced(form, problem, {z: combination})

    def _mixed_forms(self, problem: Problem) -> list[Form]:
        """Return splits with a combination of two variables in place of one of them."""
        import sympy  # noqa: PLC0415

        forms: list[Form] = []
        if len(problem.inputs) > MAX_TRANSFORMED:
            return forms
        for own in combinations(problem.X):
            for column in (own.first, own.second):
                X = problem.X.copy()
                X[:, column] = own.value
                z = sympy.Dummy("z", real=True)
                inputs = tuple(z if k == column else v for k, v in enumerate(problem.inputs))
                other = Problem(inputs, X, problem.y, problem.weight, problem.floor)
                for form in self._splits(other, IDENTITY):
                    written = {z: combined(own, problem)}
                    find = partial(replaced, form.find, problem, written)
                    forms.append(form._replace(find=find))
        return forms

    def _sum(self, problem: Problem, transform: Transform) -> Form:
        """Return the form that is a sum of functions of one variable each."""
        y, weight = transformed(transform, problem.y, problem.weight)
        inner = Problem(problem.inputs, problem.X, y, weight, problem.floor)
        n_functions = min(N_SUMMAND, max(len(y) // (7 * len(problem.inputs)), 5))
        bases = [TensorBasis(x[:, None], n_functions).design for x in problem.X.T]
        fit = fit_linear(np.hstack(bases), y, weight)
        shares = np.split(fit.coefficients, len(bases))
        values = [basis @ share for basis, share in zip(bases, shares, strict=True)]
        form = partial(known_summands, inner, values, fit.error, self._symbols_for)
        left = (y - fit.values) * np.sqrt(weight)
        return Form(fit.error, left, fit.error, partial(inverted, form, problem, transform))

    def _splits(self, problem: Problem, transform: Transform) -> list[Form]:
        """Return forms that fall apart, the target under a transform."""
        y, weight = transformed(transform, problem.y, problem.weight)
        if not weight.any():
            # The inverse of the transform is flat at all targets.
            return []
        inner = Problem(problem.inputs, problem.X, y, weight, problem.floor)
        splitter = Splitter(problem.X)
        forms: list[Form] = []
        for own in splitter.splits(y, weight):
            if math.isfinite(own.error):
                # The simpler forms first where they are about as good; without noise, errors
                # differ by more than that for other reasons.
                exact = own.error < CONVINCING * problem.spread
                price = 1.0 if own.kind != "affine" else 50.0 if exact else 1.1
                form = partial(self._of_split, inner, own)
                find = partial(inverted, form, problem, transform)
                left = own.left * np.sqrt(weight)
                forms.append(Form(own.error, left, price * own.error, find))
        return forms

    def _of_split(self, problem: Problem, split: Split) -> Iterator[ParametricFormula]:
        """Yield formulas of a problem that falls apart."""
        # Forms wait by the hundred; with their splines they would fill gigabytes.
        splitter = Splitter(problem.X)
        complete = {
            "sum": self._with_term,
            "product": self._with_factor,
            "affine": self._with_affine,
        }[split.kind]
        inputs, others = problem.without([split.column])
        symbols = self._symbols_for(problem.inputs[split.column])
        for factor in find_factors(problem, splitter, split, symbols):
            for own in complete(problem, inputs, others, factor):
                yield ParametricFormula(
                    own.expression,
                    problem.inputs,
                    (*factor.formula.constants, *own.constants),
                    (*factor.formula.values, *own.values),
                )

    def _with_term(
        self, problem: Problem, inputs: Inputs, others: FloatArray, factor: Factor
    ) -> Iterator[ParametricFormula]:
        """Yield ``g + k v``, without the constants of ``v``."""
        import sympy  # noqa: PLC0415

        slope = sympy.Dummy("k", real=True)
        size = float(factor.rest[0])
        left = problem.y - size * factor.values
        for own in self.solve(Problem(inputs, others, left, problem.weight, factor.floor)):
            g = own.formula
            yield ParametricFormula(
                g.expression + slope * factor.formula.expression,
                inputs,
                (*g.constants, slope),
                (*g.values, size),
            )

    def _with_factor(
        self, problem: Problem, inputs: Inputs, others: FloatArray, factor: Factor
    ) -> Iterator[ParametricFormula]:
        """Yield ``u v``, without the constants of ``v``."""
        v = factor.values
        safe = np.abs(v) > NEAR_ZERO * np.abs(v).max()
        ratio = np.where(safe, problem.y / np.where(safe, v, 1.0), 0.0)
        weight = np.where(safe, problem.weight * v**2, 0.0)
        for own in self.solve(Problem(inputs, others, ratio, weight, factor.floor)):
            u = own.formula
            product = u.expression * factor.formula.expression
            yield ParametricFormula(product, inputs, u.constants, u.values)

    def _with_affine(
        self, problem: Problem, inputs: Inputs, others: FloatArray, factor: Factor
    ) -> Iterator[ParametricFormula]:
        """Yield ``g + u v``, without the constants of ``v``."""
        v = factor.values
        weight = problem.weight * float(np.mean((v - v.mean()) ** 2))
        slopes = Problem(inputs, others, factor.rest, weight, factor.floor_of_rest)
        for slope in self.solve(slopes)[:N_SLOPES]:
            u = slope.formula
            left = problem.y - u.evaluate(others)[0] * v
            if not np.isfinite(left).all():
                continue
            rest = Problem(inputs, others, left, problem.weight, factor.floor)
            for own in self.solve(rest)[:N_SLOPES]:
                g = own.formula
                yield ParametricFormula(
                    g.expression + u.expression * factor.formula.expression,
                    inputs,
                    (*g.constants, *u.constants),
                    (*g.values, *u.values),
                )
