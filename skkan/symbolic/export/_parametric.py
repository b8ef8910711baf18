"""Expressions with free constants: values, least-squares fits, nice constants."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from skkan._typing import FloatArray
from skkan.symbolic.export._rounding import Constant, constants_to_try

# Distances within which nice constants are tried, relative to numbers above 1.
REACHES = (1e-8, 1e-5, 1e-2)
# Before, constants that may be zero.
NEGLIGIBLE = 0.0
SNAP_ITER = 10
# Eigenvalues of scaled slopes that are rounding.
REDUNDANT = 1e-11
# A constant that is not nice costs some bits beside its digits.
FREE_BITS = 4.0
# Standard errors within which nice constants are tried, and the largest numbers of bits to save.
N_ERRORS, MOST_BITS = 3.0, 40.0


@dataclass(frozen=True)
class ParametricFormula:
    """An expression of inputs and of constants that can be fitted.

    Attributes
    ----------
    expression : sympy.Expr
        The expression.
    inputs : tuple of sympy.Symbol
        Its inputs, in the order of the columns of the data.
    constants : tuple of sympy.Symbol
        The constants.
    values : tuple of float
        Their values.

    Examples
    --------
    >>> import numpy as np
    >>> import sympy
    >>> from skkan.symbolic.export._parametric import ParametricFormula
    >>> x, a = sympy.symbols("x a")
    >>> formula = ParametricFormula(sympy.sin(a * x), (x,), (a,), (1.9,))
    >>> X = np.linspace(0.0, 1.0, 50)[:, None]
    >>> fitted, error = formula.fitted(X, np.sin(2.0 * X[:, 0]), np.full(50, 0.02))
    >>> round(fitted.values[0], 9), error < 1e-12
    (2.0, True)
    """

    expression: Any
    inputs: tuple[Any, ...]
    constants: tuple[Any, ...] = ()
    values: tuple[float, ...] = ()

    @cached_property
    def _compiled(self) -> Any:
        import sympy  # noqa: PLC0415

        slopes = [sympy.diff(self.expression, own) for own in self.constants]
        return sympy.lambdify(
            [*self.inputs, *self.constants],
            [self.expression, *slopes],
            modules=["scipy", "numpy"],
            # SymPy's own names for common parts may be those of inputs that do not occur.
            cse=lambda own: sympy.cse(own, sympy.numbered_symbols(cls=sympy.Dummy), list=False),
        )

    def with_values(self, values: Sequence[float] | FloatArray) -> "ParametricFormula":
        """Return the same formula with other constants."""
        other = ParametricFormula(
            self.expression, self.inputs, self.constants, tuple(float(own) for own in values)
        )
        # The slow part of a formula does not depend on the values.
        other.__dict__["_compiled"] = self._compiled
        return other

    def evaluate(
        self, X: FloatArray, values: Sequence[float] | FloatArray | None = None
    ) -> FloatArray:
        """Return the values and their slopes by the constants, shape (1 + n_constants, n)."""
        values = self.values if values is None else values
        with np.errstate(all="ignore"):
            # Python's own numbers would raise an exception where NumPy's are infinite.
            rows = self._compiled(*X.T, *np.asarray(values, dtype=np.float64))
        out = np.empty((len(rows), len(X)))
        for own, row in zip(out, rows, strict=True):
            own[:] = np.real(row) if not np.iscomplexobj(row) else np.nan
        return out

    def error(self, X: FloatArray, y: FloatArray, weight: FloatArray) -> float:
        """Return the root of the weighted mean squared error, infinite where there is none."""
        with np.errstate(all="ignore"):
            error = math.sqrt(float(weight @ (self.evaluate(X)[0] - y) ** 2))
        return error if math.isfinite(error) else math.inf

    def fitted(
        self, X: FloatArray, y: FloatArray, weight: FloatArray, max_iter: int = 50
    ) -> tuple["ParametricFormula", float]:
        """Return the formula with fitted constants, and its error.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_inputs)
            Samples.
        y : ndarray of shape (n_samples,)
            Values.
        weight : ndarray of shape (n_samples,)
            Weights that sum to 1.
        max_iter : int, default=50
            Largest number of evaluations.
        """
        return self._fitted(X, y, weight, max_iter, np.ones(len(self.constants), dtype=bool))

    def _fitted(
        self,
        X: FloatArray,
        y: FloatArray,
        weight: FloatArray,
        max_iter: int,
        free: NDArray[np.bool_],
    ) -> tuple["ParametricFormula", float]:
        """Return the formula with some constants fitted, and its error."""
        before = self.error(X, y, weight)
        if not free.any() or math.isinf(before):
            return self, before
        root = np.sqrt(weight)
        scale = max(before, 1e-300)
        full = np.asarray(self.values, dtype=np.float64)

        def with_free(values: FloatArray) -> FloatArray:
            own = full.copy()
            own[free] = values
            return own

        def residual(values: FloatArray) -> FloatArray:
            left: FloatArray = root * (self.evaluate(X, with_free(values))[0] - y) / scale
            return left

        def jacobian(values: FloatArray) -> FloatArray:
            slopes = (root * self.evaluate(X, with_free(values))[1:][free]).T / scale
            return np.where(np.isfinite(slopes), slopes, 0.0)

        with np.errstate(all="ignore"):
            try:
                result = least_squares(
                    residual,
                    full[free],
                    jacobian,
                    x_scale="jac",
                    xtol=1e-15,
                    ftol=1e-12,
                    gtol=1e-15,
                    max_nfev=max_iter,
                )
            except (ValueError, np.linalg.LinAlgError):
                return self, before
        other = self.with_values(with_free(result.x))
        after = other.error(X, y, weight)
        return (other, after) if after < before else (self, before)

    def _without_redundancy(
        self,
        samples: tuple[FloatArray, FloatArray, FloatArray],
        error: float,
        rounding: float,
        exact: dict[int, Any],
    ) -> tuple["ParametricFormula", float]:
        """Return the formula with units for constants that others can make up for."""
        import sympy  # noqa: PLC0415

        formula = self
        for place in formula._redundant(samples[0], set(exact)):
            if place not in formula._redundant(samples[0], set(exact)):
                continue
            unit = math.copysign(1.0, formula.values[place])
            trial = formula
            # The others follow in steps: linearised, they would leave the domain.
            for share in (0.5, 1.0):
                value = (1.0 - share) * formula.values[place] + share * unit
                trial, new = trial._held_still({*exact, place}, place, value, samples)
            if new <= error * (1.0 + 1e-3) + rounding:
                formula, error = trial, min(new, error)
                exact[place] = sympy.Integer(int(unit))
        return formula, error

    def _redundant(self, X: FloatArray, exact: set[int]) -> list[int]:
        """Return constants that are not determined, factors of the whole at the end."""
        rows = self.evaluate(X)
        left = [place for place in range(len(self.constants)) if place not in exact]
        slopes = np.where(np.isfinite(rows[1:][left]), rows[1:][left], 0.0)
        size = np.linalg.norm(slopes, axis=1)
        moving = size > 0.0
        left = [place for place, own in zip(left, moving, strict=True) if own]
        if len(left) < 2:
            return []
        scaled = slopes[moving] / size[moving, None]
        sizes, rotation = np.linalg.eigh(scaled @ scaled.T)
        null = rotation[:, sizes < REDUNDANT]
        share = np.linalg.norm(null, axis=1)
        whole = rows[0] / max(float(np.linalg.norm(rows[0])), 1e-300)
        factor = np.abs(scaled @ whole) > 1.0 - REDUNDANT
        found = [k for k in range(len(left)) if share[k] > 1e-3]
        return [left[k] for k in sorted(found, key=lambda k: (bool(factor[k]), -share[k]))]

    def _known(self, X: FloatArray, error: float, count: float, exact: set[int]) -> FloatArray:
        """Return the standard errors of the constants that are not exact; of the others none."""
        left = [place for place in range(len(self.constants)) if place not in exact]
        errors = np.zeros(len(self.constants))
        errors[left] = self._errors(self.evaluate(X)[1:][left], error, count)
        return errors

    def standard_errors(self, X: FloatArray, error: float, count: float) -> FloatArray:
        """Return the standard errors of the constants, infinite where nothing is known.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_inputs)
            Samples.
        error : float
            Root of the mean squared error.
        count : float
            Number of independent samples that they stand for.
        """
        return self._errors(self.evaluate(X)[1:], error, count)

    @staticmethod
    def _errors(slopes: FloatArray, error: float, count: float) -> FloatArray:
        slopes = np.where(np.isfinite(slopes), slopes, 0.0)
        size = np.sqrt(np.mean(slopes**2, axis=1))
        known = size > 0.0
        errors = np.full(len(slopes), np.inf)
        if known.any():
            scaled = slopes[known] / size[known, None]
            inverse = np.linalg.pinv(
                scaled @ scaled.T / slopes.shape[1], rcond=1e-13, hermitian=True
            )
            left = max(count - known.sum(), 1.0)
            errors[known] = error * np.sqrt(np.diag(inverse) / left) / size[known]
        return errors

    def snapped(
        self,
        X: FloatArray,
        y: FloatArray,
        weight: FloatArray,
        count: float,
        rounding: float,
    ) -> tuple["ParametricFormula", float]:
        """Return the formula with nice constants where they make the description shorter.

        A constant that is known to one part in a thousand takes about ten bits to write down. A
        nice one is worth it if its own bits and what it adds to the likelihood's are fewer.

        Parameters
        ----------
        X, y, weight : ndarray
            The samples.
        count : float
            Number of independent samples that they stand for.
        rounding : float
            An error that counts as none.
        """
        formula, error = self.fitted(X, y, weight, 200)
        if not self.constants or math.isinf(error):
            return formula, error
        exact: dict[int, Any] = {}
        formula, error = formula._without_redundancy((X, y, weight), error, rounding, exact)
        known = np.array([])
        places = self._exponents_first()
        tried: set[tuple[int, float]] = set()
        for reach in (NEGLIGIBLE, *REACHES, NEGLIGIBLE):
            if reach == NEGLIGIBLE:
                # What is known of a constant depends on those that have been made nice.
                tried.clear()
                known = formula._known(X, max(error, rounding), count, set(exact))
            for place in places:
                if place in exact:
                    continue
                value = formula.values[place]
                price = _price(value, known[place])
                for option in _options(value, known[place], reach, price):
                    if (place, option.value) in tried or option.bits > price:
                        continue
                    tried.add((place, option.value))
                    gain = math.log(2.0) * (price - option.bits)
                    trial, new = formula._held_still(
                        {*exact, place}, place, option.value, (X, y, weight)
                    )
                    if _misfit(new, rounding, count) <= _misfit(error, rounding, count) + gain:
                        formula, error = trial, new
                        exact[place] = option.expression
                        break
        table = {self.constants[place]: own for place, own in exact.items()}
        return formula._with_exact(table), error

    def _exponents_first(self) -> list[int]:
        """Return the places of constants: other nice ones would make exponents crooked."""
        import sympy  # noqa: PLC0415

        powers = self.expression.atoms(sympy.Pow)
        exponents = set().union(*(own.exp.free_symbols for own in powers)) - set(self.inputs)
        return sorted(range(len(self.constants)), key=lambda k: self.constants[k] not in exponents)

    def _held_still(
        self, held: set[int], place: int, value: float, samples: tuple[FloatArray, ...]
    ) -> tuple["ParametricFormula", float]:
        """Return the formula with another value of a constant, those not held fitted to it."""
        values = list(self.values)
        values[place] = value
        free = np.array([k not in held for k in range(len(values))])
        X, y, weight = samples
        return self.with_values(values)._fitted(X, y, weight, SNAP_ITER, free)

    def _with_exact(self, table: dict[Any, Any]) -> "ParametricFormula":
        """Return the formula with exact values in place of constants, and without idle ones."""
        expression = self.expression.xreplace(table)
        left = [
            (own, value)
            for own, value in zip(self.constants, self.values, strict=True)
            if own in expression.free_symbols
        ]
        return ParametricFormula(
            expression, self.inputs, tuple(own for own, _ in left), tuple(own for _, own in left)
        )

    def written(self) -> Any:
        """Return the expression with the values of the constants in it."""
        import sympy  # noqa: PLC0415

        table = zip(self.constants, self.values, strict=True)
        return self.expression.xreplace({own: sympy.Float(value, 15) for own, value in table})


def _options(value: float, error: float, reach: float, price: float) -> list[Constant]:
    """Return the nice constants to try, within a reach or what the data leave open."""
    if reach == NEGLIGIBLE:
        near = abs(value) <= N_ERRORS * error
        return [own for own in constants_to_try(0.0, 0.0, simplest=False) if near]
    far = max(reach, _far(value, error))
    return constants_to_try(value, far, reach == REACHES[-1], price)


def _price(value: float, error: float) -> float:
    """Return the bits of a constant that is known to an error."""
    if not error > 0.0:
        return MOST_BITS
    ratio = abs(value) / error if math.isfinite(error) else 0.0
    return FREE_BITS + min(math.log2(max(ratio, 1.0)), MOST_BITS)


def _far(value: float, error: float) -> float:
    """Return the distance, relative to numbers above 1, within which constants are tried."""
    if not math.isfinite(error):
        return 0.0
    return min(N_ERRORS * error / max(1.0, abs(value)), 0.1)


def _misfit(error: float, rounding: float, count: float) -> float:
    """Return minus the logarithm of the likelihood, errors below rounding being none."""
    if not math.isfinite(error):
        return math.inf
    return 0.5 * count * math.log(max(error**2 + rounding**2, 1e-300))
