"""Products of powers, fitted by a straight line through logarithms.

``y = c x_1^p_1 x_2^p_2 ...`` is linear in the logarithms. The exponents are fitted there, then with
the constant to the targets themselves, and made nice, one after the other, where the samples do
not say otherwise. Signs are those of odd powers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.symbolic.division._subproblem import Problem
from skkan.symbolic.export._parametric import ParametricFormula

# Samples nearer to zero than this, as a share of the largest, tell nothing by their logarithm.
NEAR_ZERO = 1e-8
N_STEPS = 8
# Exponents that are known worse than this are no powers, and larger ones no laws.
LARGEST_POWER = 12.0
DENOMINATORS = (1, 2, 3, 4)
# What a column with an exponent costs, in nats, beside what its digits cost.
COLUMN_PRICE = 3.0
# Laws have nice exponents; another one is believed from about three standard errors on.
FREE_PRICE = 4.0


@dataclass(frozen=True)
class _Fit:
    """A constant and exponents, those that are exact, and the mean squared error."""

    log_size: float
    powers: FloatArray
    exact: dict[int, tuple[int, int]]
    loss: float


def power_products(problem: Problem) -> list[ParametricFormula]:
    """Return the product of powers that is closest to the targets, if there is one.

    Parameters
    ----------
    problem : Problem
        The problem.

    Returns
    -------
    formulas : list of ParametricFormula
        One formula, or none where targets or columns are zero or change their signs otherwise than
        in an odd power. Its constant is free, and exponents that are not nice are.

    Examples
    --------
    >>> import numpy as np
    >>> import sympy
    >>> from skkan.symbolic.division._powers import power_products
    >>> from skkan.symbolic.division._subproblem import Problem
    >>> X = np.random.default_rng(0).uniform(1.0, 2.0, size=(50, 2))
    >>> y = 3.0 * X[:, 0] ** 1.5 / X[:, 1]
    >>> problem = Problem(sympy.symbols("a b"), X, y, np.full(50, 0.02), 1e-12)
    >>> power_products(problem)[0].written()
    3.0*a**(3/2)/b
    """
    columns, parities = _columns(problem)
    if not columns:
        return []
    X, weight = problem.X[:, columns], problem.weight
    logs = np.log(np.abs(np.where(X == 0.0, 1.0, X)))
    signs = np.sign(X)
    flips = _flips(problem, signs, parities)
    if flips is None:
        return []
    task = _Task(logs, np.abs(problem.y) * _agreement(problem, signs, flips), weight, problem.floor)
    fit = task.first()
    if fit is None:
        return []
    allowed = [
        _allowed(bool(np.any(signs[:, k] < 0.0)), bool(flips[k])) for k in range(len(columns))
    ]
    return [_written(task.with_nice_powers(fit, allowed), columns, problem)]


def log_products(
    X: FloatArray, y: FloatArray, weight: FloatArray, names: Sequence[str]
) -> list[Any]:
    """Return the product of powers whose logarithm is closest to that of the targets.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        Inputs.
    y, weight : ndarray of shape (n_samples,)
        Targets of one sign, and weights.
    names : sequence of str
        Names of the columns.

    Returns
    -------
    formulas : list of sympy.Expr
        One formula, or none if no column is positive.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.symbolic.division._powers import log_products
    >>> x = np.array([1.0, 10.0, 100.0, 1e3, 1e4])
    >>> noise = np.array([1.1, 0.9, 1.05, 0.95, 1.0])
    >>> formula = log_products(x[:, None], 2.0 * x**0.75 * noise, np.ones(5), ["x"])[0]
    >>> bool(15.0 < formula.subs("x", 16.0) < 17.0)
    True
    """
    import sympy  # noqa: PLC0415

    inputs = tuple(map(sympy.Symbol, names))
    problem = Problem(inputs, X, y, weight / weight.sum(), 0.0)
    columns = [k for k in _columns(problem)[0] if X[:, k].min() > 0.0]
    if not columns or len(y) < len(columns) + 2:
        return []
    task = _Task(np.log(X[:, columns]), np.abs(y), problem.weight, 0.0, relative=True)
    fit = task.first()
    if fit is None:
        return []
    free = _allowed(signed=False, odd=False)
    fit = task.with_nice_powers(fit, [free] * len(columns))
    return [_written(fit, columns, problem).written()]


def _columns(problem: Problem) -> tuple[list[int], FloatArray]:
    """Return the columns that have logarithms, and where they are negative."""
    size = np.abs(problem.X)
    found = [
        k
        for k in range(problem.X.shape[1])
        if np.ptp(problem.X[:, k]) > 0.0 and size[:, k].min() > 0.0
    ]
    return found, (problem.X[:, found] < 0.0).astype(np.float64)


def _flips(problem: Problem, signs: FloatArray, negative: FloatArray) -> FloatArray | None:
    """Return for each column whether its power is odd, judged by the signs of the targets.

    None where they do not follow the signs of columns; a few may be wrong for noise.
    """
    odd = np.zeros(signs.shape[1])
    varying = np.flatnonzero(np.ptp(negative, axis=0) > 0.0)
    y = problem.y
    for k in varying:
        # The columns are taken one by one: the products of the others' signs average out or agree.
        alone = abs(float(np.sum(y * signs[:, k])))
        odd[k] = float(alone > abs(float(np.sum(y))))
    if len(varying) > 1:
        options = [
            np.array([float(code >> place & 1) for place in range(len(varying))])
            for code in range(2 ** min(len(varying), 6))
        ]
        scores = []
        for own in options:
            product = np.prod(signs[:, varying[: len(own)]] ** own, axis=1)
            scores.append(abs(float(np.sum(y * product))))
        odd[varying] = options[int(np.argmax(scores))]
    agree = np.sum(y * np.prod(signs**odd, axis=1)) / max(float(np.abs(y).sum()), 1e-300)
    return odd if abs(agree) > 0.9 else None


def _agreement(problem: Problem, signs: FloatArray, flips: FloatArray) -> FloatArray:
    """Return the signs of the targets relative to those of the product, 1 for most."""
    own = np.sign(problem.y) * np.prod(signs**flips, axis=1)
    return own * (1.0 if own.sum() >= 0.0 else -1.0)


def _allowed(signed: bool, odd: bool) -> Any:
    """Return a test of exponents: integers of the right parity where a column has both signs."""
    if not signed:
        return lambda *_: True
    return lambda p, q: q == 1 and p % 2 == int(odd)


@dataclass(frozen=True)
class _Task:
    """Targets of positive sizes, but for noise, and logarithms of columns."""

    logs: FloatArray
    y: FloatArray
    weight: FloatArray
    floor: float
    relative: bool = False

    @property
    def count(self) -> int:
        return len(self.y)

    def first(self) -> _Fit | None:
        """Return the fit with all exponents free."""
        size = float(np.abs(self.y).max(initial=0.0))
        usable = self.y > NEAR_ZERO * size
        if size == 0.0 or usable.mean() < 0.7 or usable.sum() < self.logs.shape[1] + 2:
            return None
        start = self._linear(usable)
        return None if start is None else self._polished(start, list(range(len(start) - 1)), {})

    def _linear(self, usable: Any) -> FloatArray | None:
        y = self.y[usable]
        root = np.sqrt(self.weight[usable]) * (1.0 if self.relative else y)
        design = np.column_stack([np.ones(len(y)), self.logs[usable]])
        solution = np.linalg.lstsq(design * root[:, None], np.log(y) * root, rcond=1e-10)[0]
        return solution if np.abs(solution[1:]).max() <= LARGEST_POWER else None

    def _values(self, parameters: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            return np.exp(np.clip(parameters[0] + self.logs @ parameters[1:], -700.0, 700.0))

    def _polished(
        self, start: FloatArray, free: list[int], exact: dict[int, tuple[int, int]]
    ) -> _Fit:
        """Return the fit of constant and free exponents to the targets, by Gauss and Newton."""
        parameters = start.copy()
        places = [0, *(k + 1 for k in free)]
        if self.relative:
            return self._line(parameters, free, exact)
        root = np.sqrt(self.weight)
        values = self._values(parameters)
        # The best constant comes first: nice exponents move it far.
        scale = float(self.weight @ (values * self.y)) / max(float(self.weight @ values**2), 1e-300)
        if scale > 0.0 and math.isfinite(scale):
            parameters[0] += math.log(scale)
            values = self._values(parameters)
        loss = float(self.weight @ (self.y - values) ** 2)
        design = np.column_stack([np.ones(self.count), self.logs[:, free]])
        for _ in range(N_STEPS):
            slopes = design * (values * root)[:, None]
            left = (self.y - values) * root
            # The equations are few and, with logarithms, well scaled.
            step = np.linalg.lstsq(slopes.T @ slopes, slopes.T @ left, rcond=1e-14)[0]
            shrink = 1.0
            while shrink > 1e-3:
                trial = parameters.copy()
                trial[places] += shrink * step
                other = self._values(trial)
                new = float(self.weight @ (self.y - other) ** 2)
                if new < loss:
                    break
                shrink *= 0.3
            else:
                break
            small = loss - new < 1e-10 * loss
            parameters, values, loss = trial, other, new
            if small:
                break
        return _Fit(float(parameters[0]), parameters[1:], exact, loss)

    def _line(
        self, parameters: FloatArray, free: list[int], exact: dict[int, tuple[int, int]]
    ) -> _Fit:
        """Return the fit of logarithms, which is linear."""
        held = [k for k in range(self.logs.shape[1]) if k not in free]
        target = np.log(self.y) - self.logs[:, held] @ parameters[1:][held]
        design = np.column_stack([np.ones(self.count), self.logs[:, free]])
        root = np.sqrt(self.weight)
        solution = np.linalg.lstsq(design * root[:, None], target * root, rcond=1e-12)[0]
        parameters[[0, *(k + 1 for k in free)]] = solution
        loss = float(self.weight @ (target - design @ solution) ** 2)
        return _Fit(float(parameters[0]), parameters[1:], exact, loss)

    def cost(self, fit: _Fit) -> float:
        """Return the length of the description of targets and exponents, in nats."""
        price = 0.0
        for k, power in enumerate(fit.powers):
            if k not in fit.exact:
                price += COLUMN_PRICE + FREE_PRICE + 0.5 * math.log(self.count)
            elif power != 0.0:
                p, q = fit.exact[k]
                price += COLUMN_PRICE + math.log(2.0) * (abs(p).bit_length() - 1 + 2 * (q - 1))
        floor = max(self.floor**2, 1e-300)
        return 0.5 * self.count * math.log(fit.loss + floor) + price

    def with_nice_powers(self, fit: _Fit, allowed: list[Any]) -> _Fit:
        """Return the fit with nice exponents where they make the description shorter."""
        for k in np.argsort(np.abs(fit.powers)).tolist():
            power = float(fit.powers[k])
            signed = not allowed[k](1, 2)
            near = {(0, 1), *((round(power * q), q) for q in DENOMINATORS)}
            if signed:
                near |= {(math.floor(power), 1), (math.ceil(power), 1)}
            near = {(p, q) for p, q in near if math.gcd(p, q) == 1}
            fit = self._held(fit, k, near, allowed[k], only=signed)
        return fit

    def _held(
        self, fit: _Fit, k: int, options: set[tuple[int, int]], allowed: Any, *, only: bool
    ) -> _Fit:
        trials = [] if only else [fit]
        for p, q in sorted(options):
            if not allowed(p, q):
                continue
            start = np.append(fit.log_size, fit.powers)
            start[k + 1] = p / q
            exact = {**fit.exact, k: (p, q)}
            free = [i for i in range(len(fit.powers)) if i not in exact]
            trials.append(self._polished(start, free, exact))
        return min(trials, key=self.cost, default=fit)


def _written(fit: _Fit, columns: list[int], problem: Problem) -> ParametricFormula:
    import sympy  # noqa: PLC0415

    size = sympy.Dummy("k", real=True)
    constants, values, expression = [size], [math.exp(fit.log_size)], size
    sign = 1.0
    for k, column in enumerate(columns):
        variable = problem.inputs[column]
        if k in fit.exact:
            p, q = fit.exact[k]
            expression *= variable ** sympy.Rational(p, q)
            continue
        power = sympy.Dummy("k", real=True)
        constants.append(power)
        values.append(float(fit.powers[k]))
        negative = bool(problem.X[0, column] < 0.0)
        expression *= (-variable if negative else variable) ** power
    formula = ParametricFormula(expression, problem.inputs, tuple(constants), tuple(values))
    if float(problem.weight @ (formula.evaluate(problem.X)[0] * problem.y)) < 0.0:
        sign = -1.0
    return replace(formula, values=(sign * values[0], *values[1:]))
