"""Expressions with free constants: values, least-squares fits, nice constants."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from skkan._typing import FloatArray
from skkan.symbolic.export._rounding import constants_to_try

# Distances within which nice constants are tried, relative to numbers above 1.
REACHES = (1e-8, 1e-5, 1e-2)
SNAP_ITER = 10


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
    >>> from skkan.symbolic.division._parametric import ParametricFormula
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

    def with_values(self, values: Sequence[float]) -> "ParametricFormula":
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
            rows = self._compiled(*X.T, *values)
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
        before = self.error(X, y, weight)
        if not self.constants or math.isinf(before):
            return self, before
        root = np.sqrt(weight)
        scale = max(before, 1e-300)

        def residual(values: FloatArray) -> FloatArray:
            return root * (self.evaluate(X, values)[0] - y) / scale

        def jacobian(values: FloatArray) -> FloatArray:
            slopes = (root * self.evaluate(X, values)[1:]).T / scale
            return np.where(np.isfinite(slopes), slopes, 0.0)

        with np.errstate(all="ignore"):
            try:
                result = least_squares(
                    residual,
                    np.asarray(self.values),
                    jacobian,
                    x_scale="jac",
                    xtol=1e-15,
                    ftol=1e-12,
                    gtol=1e-15,
                    max_nfev=max_iter,
                )
            except (ValueError, np.linalg.LinAlgError):
                return self, before
        other = self.with_values(result.x)
        after = other.error(X, y, weight)
        return (other, after) if after < before else (self, before)

    def snapped(
        self,
        X: FloatArray,
        y: FloatArray,
        weight: FloatArray,
        worth: float,
        rounding: float,
    ) -> tuple["ParametricFormula", float]:
        """Return the formula with nice constants where the data allow them.

        Parameters
        ----------
        X, y, weight : ndarray
            The samples.
        worth : float
            By how much the logarithm of the mean squared error may grow per constant.
        rounding : float
            An error that counts as none.
        """
        formula, before = self.fitted(X, y, weight, 200)
        n_exact = 0
        tried: set[tuple[Any, float]] = set()
        error = before
        for reach in REACHES:
            for constant in self.constants:
                if constant not in formula.constants:
                    continue
                value = formula.values[formula.constants.index(constant)]
                limit = before * math.exp(0.5 * worth * (n_exact + 1)) + rounding
                for expression, nice in constants_to_try(value, reach, reach == REACHES[-1]):
                    if (constant, nice) in tried:
                        continue
                    tried.add((constant, nice))
                    trial, new = formula.held(constant, expression).fitted(X, y, weight, SNAP_ITER)
                    if new <= limit:
                        formula, error, n_exact = trial, new, n_exact + 1
                        break
        return formula, error

    def held(self, constant: Any, value: Any) -> "ParametricFormula":
        """Return the formula with the exact value in place of a constant."""
        left = [
            pair
            for pair in zip(self.constants, self.values, strict=True)
            if pair[0] is not constant
        ]
        return ParametricFormula(
            self.expression.xreplace({constant: value}),
            self.inputs,
            tuple(own for own, _ in left),
            tuple(own for _, own in left),
        )

    def written(self) -> Any:
        """Return the expression with the values of the constants in it."""
        import sympy  # noqa: PLC0415

        table = zip(self.constants, self.values, strict=True)
        return self.expression.xreplace({own: sympy.Float(value, 17) for own, value in table})
