"""Ways in which a function of several variables falls apart, tested by splines.

With ``x`` one of the columns and ``z`` the others, a function may be a sum ``g(z) + v(x)``, a
product ``u(z) v(x)``, or affine in a function of one column, ``g(z) + u(z) v(x)``. All parts are
fitted to the data together, step by step; the first ``v`` is a singular vector of a fit without any
such form.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from skkan._typing import FloatArray
from skkan.symbolic._watch import look
from skkan.symbolic.division._tensor import LinearFit, TensorBasis, fit_linear

Kind = Literal["sum", "product", "affine"]

# Functions of the one column, and of the others, per sample.
N_ONE, N_OTHERS = 24, 144
MAX_STEPS = 10
# Errors of the right form, as a share of the spread, where there is no noise.
CONVINCING = 1e-3
START_RIDGE = 1e-5
N_ROWS = 150


@dataclass(frozen=True)
class Split:
    """A fit of a function that falls apart.

    Attributes
    ----------
    column : int
        The column ``x``.
    kind : {"sum", "product", "affine"}
        The form.
    factor : ndarray of shape (n_samples,)
        Values of ``v``.
    error : float
        Root of the weighted squared error, by generalised cross-validation.
    left : ndarray of shape (n_samples,)
        What the fit leaves of the targets.
    """

    column: int
    kind: Kind
    factor: FloatArray
    error: float
    left: FloatArray


class Splitter:
    """Fits of one table of inputs that fall apart.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        Inputs, two columns or more.
    """

    def __init__(self, X: FloatArray) -> None:
        n_samples, n_columns = X.shape
        self.X = X
        one = min(N_ONE, max(n_samples // 20, 5))
        others = one if n_columns == 2 else min(N_OTHERS, max(n_samples // 20, 5))
        coarse = max(5, round((n_samples / 5) ** (1.0 / n_columns)))
        self.ones = [TensorBasis(X[:, [k]], one) for k in range(n_columns)]
        self.coarse = [TensorBasis(X[:, [k]], min(coarse, one)) for k in range(n_columns)]
        self.others = [TensorBasis(np.delete(X, k, axis=1), others) for k in range(n_columns)]
        limit = max(n_samples // (5 * coarse), 5)
        self.coarse_others = [
            TensorBasis(np.delete(X, k, axis=1), min(limit, others)) for k in range(n_columns)
        ]

    def splits(self, y: FloatArray, weight: FloatArray) -> list[Split]:
        """Return all fits of targets, the best first.

        Parameters
        ----------
        y : ndarray of shape (n_samples,)
            Targets.
        weight : ndarray of shape (n_samples,)
            Weights.
        """
        found = []
        mean = float(weight @ y) / float(weight.sum())
        spread = float(np.sqrt(weight @ (y - mean) ** 2))
        for column in range(self.X.shape[1]):
            look()
            product, affine = self._first_factors(column, y, weight)
            found.append(self._sum(column, y, weight))
            found.append(self._refined(column, y, weight, product, "product"))
            if found[-1].error > CONVINCING * spread:
                starts = self._first_of_logarithms(column, y, weight)
                others = [self._refined(column, y, weight, own, "product") for own in starts]
                found[-1] = min(found[-1], *others, key=lambda own: own.error)
            found.append(self._refined(column, y, weight, affine, "affine"))
            if found[-1].error > CONVINCING * spread:
                plain = self._plain_factors(column)
                others = [self._refined(column, y, weight, own, "affine") for own in plain]
                found[-1] = min(found[-1], *others, key=lambda own: own.error)
        return sorted(found, key=lambda own: own.error)

    def given(
        self,
        split: Split,
        factor: FloatArray,
        y: FloatArray,
        weight: FloatArray,
        n_other: int = 0,
    ) -> tuple[LinearFit, FloatArray]:
        """Return the fit of the other parts for given ``v``, and the values of ``u``.

        ``u`` is constant for sums. With `n_other` the parameters of ``v`` count in the error.
        """
        design = self.others[split.column].design
        if split.kind == "sum":
            fit = fit_linear(np.column_stack([design, factor]), y, weight, n_other)
            return fit, np.full(len(y), fit.coefficients[-1])
        if split.kind == "product":
            fit = fit_linear(design * factor[:, None], y, weight, n_other)
            return fit, design @ fit.coefficients
        fit = fit_linear(np.hstack([design, design * factor[:, None]]), y, weight, n_other)
        return fit, design @ fit.coefficients[design.shape[1] :]

    def _first_factors(
        self, column: int, y: FloatArray, weight: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return the leading functions of `column` in products and in affine forms."""
        one, others = self.coarse[column].design, self.coarse_others[column].design
        design = (others[:, :, None] * one[:, None, :]).reshape(len(y), -1)
        fit = fit_linear(design, y, weight, ridge=START_RIDGE)
        table = fit.coefficients.reshape(others.shape[1], one.shape[1])
        # Rows that count, evenly over the samples.
        rows = np.flatnonzero(weight > 0.01 * weight.mean())
        rows = rows[np.linspace(0, len(rows) - 1, N_ROWS).astype(int)]
        values = others[rows] @ table
        centred = values - (values @ one.T).mean(axis=1)[:, None]
        product = np.linalg.svd(values @ one[rows].T, full_matrices=False)[2][0]
        affine = np.linalg.svd(centred @ one[rows].T, full_matrices=False)[2][0]
        return (
            one @ fit_linear(one[rows], product, np.ones(len(rows))).coefficients,
            one @ fit_linear(one[rows], affine, np.ones(len(rows))).coefficients,
        )

    def _plain_factors(self, column: int) -> list[FloatArray]:
        """Return the column and its logarithm.

        Singular vectors are of no use where samples leave most of a grid empty.
        """
        x = self.X[:, column]
        return [x, np.log(x)] if x.min() > 0.0 else [x]

    def _first_of_logarithms(
        self, column: int, y: FloatArray, weight: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return functions of `column` in products, by sizes first and by signs then.

        The logarithm of the size of a product is a sum. Other than singular vectors, sums do not
        care for domains with corners cut off.
        """
        one, others = self.ones[column].design, self.others[column].design
        size = np.abs(y)
        log_size = np.log(np.maximum(size, 1e-3 * float(size.mean())))
        fit = fit_linear(np.hstack([others, one]), log_size, weight * size**2)
        split = others.shape[1]
        logs = others @ fit.coefficients[:split], one @ fit.coefficients[split:]
        u, v = (np.exp(np.clip(own - own.mean(), -20.0, 20.0)) for own in logs)
        u_signed = others @ fit_linear(others * v[:, None], y, weight).coefficients
        return (
            one @ fit_linear(one * u[:, None], y, weight).coefficients,
            one @ fit_linear(one * u_signed[:, None], y, weight).coefficients,
        )

    def _sum(self, column: int, y: FloatArray, weight: FloatArray) -> Split:
        others, one = self.others[column].design, self.ones[column].design
        fit = fit_linear(np.hstack([others, one]), y, weight)
        factor = one @ fit.coefficients[others.shape[1] :]
        return Split(column, "sum", factor, fit.error, y - fit.values)

    def _refined(
        self, column: int, y: FloatArray, weight: FloatArray, factor: FloatArray, kind: Kind
    ) -> Split:
        """Return a fit whose parts have been made better all together.

        The form is linear in the others for given ``v``; the change of ``v`` is linear for given
        ``u``, and both are found in one least-squares fit.
        """
        one, others = self.ones[column].design, self.others[column].design
        factor = _scaled(factor, kind)
        best = Split(column, kind, factor, np.inf, y)
        fit, inner = self.given(best, factor, y, weight, one.shape[1])
        best = Split(column, kind, factor, fit.error, y - fit.values)
        for _ in range(MAX_STEPS):
            look()
            columns: list[FloatArray] = [others * factor[:, None], one * inner[:, None]]
            if kind == "affine":
                columns.append(others)
            step = fit_linear(np.hstack(columns), y, weight)
            change = one @ step.coefficients[others.shape[1] :][: one.shape[1]]
            factor = _scaled(factor + change, kind)
            fit, inner = self.given(best, factor, y, weight, one.shape[1])
            before = best
            if fit.error < before.error:
                best = Split(column, kind, factor, fit.error, y - fit.values)
            if not fit.error < 0.7 * before.error:
                break
        return best


def _scaled(factor: FloatArray, kind: Kind) -> FloatArray:
    """Return the factor in a scale of about 1, without the constant that is not determined."""
    if kind == "affine":
        factor = factor - factor.mean()
    size = float(np.sqrt(np.mean(factor**2)))
    return factor / size if size > 0.0 else factor
