"""Splines of a few variables, fitted to scattered samples by linear least squares."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from skkan._typing import FloatArray
from skkan.network.functions._splines import SplineGrid, uniform_breakpoints

DEGREE = 4
MAX_COLUMNS = 3
# Relative to the mean of the Gram matrix's diagonal: what bridges cells without samples.
RIDGE = 1e-11


class TensorBasis:
    """Products of B-splines over the columns of a sample.

    Of more than three columns there are the products of two at a time.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        The samples, none of the columns constant.
    n_functions : int
        About how many functions there shall be.

    Attributes
    ----------
    design : ndarray of shape (n_samples, n_functions)
        The functions at the samples.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.symbolic.division._tensor import TensorBasis
    >>> X = np.random.default_rng(0).uniform(size=(100, 2))
    >>> TensorBasis(X, 50).design.shape
    (100, 49)
    """

    def __init__(self, X: FloatArray, n_functions: int) -> None:
        n_columns = X.shape[1]
        self.pairs = n_columns > MAX_COLUMNS
        factors = 2 if self.pairs else n_columns
        n_functions //= math.comb(n_columns, factors)
        self.size = max(int(n_functions ** (1.0 / factors) + 1e-9), DEGREE + 1)
        n_intervals = self.size - DEGREE
        uniform = uniform_breakpoints(X.min(axis=0), X.max(axis=0), n_intervals)
        # Halfway to where the samples are, and with none of the intervals empty.
        quantiles = np.quantile(X, np.linspace(0.0, 1.0, n_intervals + 1), axis=0).T
        breakpoints = 0.5 * (uniform + quantiles)
        self.grid = SplineGrid(breakpoints, DEGREE)
        self.design = self.at(X)

    def at(self, X: FloatArray) -> FloatArray:
        """Return all functions at other points."""
        return self._combined(self.grid.dense(X))

    def derivative_at(self, X: FloatArray, column: int, order: int) -> FloatArray:
        """Return the derivatives of all functions along one column."""
        factors = self.grid.dense(X)
        factors[:, column] = self.grid.dense(X, order)[:, column]
        if not self.pairs:
            return _products(factors)
        # Products of two other columns do not change along this one.
        zeros = np.zeros((len(X), self.size**2))
        parts = [
            _products(factors[:, list(own)]) if column in own else zeros
            for own in itertools.combinations(range(factors.shape[1]), 2)
        ]
        return np.hstack(parts)

    def _combined(self, factors: FloatArray) -> FloatArray:
        if self.pairs:
            pairs = itertools.combinations(range(factors.shape[1]), 2)
            return np.hstack([_products(factors[:, own]) for own in map(list, pairs)])
        return _products(factors)


def _products(factors: FloatArray) -> FloatArray:
    """Return all products with one factor of each column."""
    design = factors[:, 0]
    for k in range(1, factors.shape[1]):
        design = (design[:, :, None] * factors[:, k, None, :]).reshape(len(design), -1)
    return design


@dataclass(frozen=True)
class LinearFit:
    """A linear least-squares fit.

    Attributes
    ----------
    coefficients : ndarray of shape (n_functions,)
        The coefficients.
    values : ndarray of shape (n_samples,)
        The fitted values.
    error : float
        Root of the weighted mean squared error, by generalised cross-validation.
    """

    coefficients: FloatArray
    values: FloatArray
    error: float


def fit_linear(
    design: FloatArray,
    y: FloatArray,
    weight: FloatArray,
    n_other: int = 0,
    ridge: float = RIDGE,
) -> LinearFit:
    """Fit linear combinations of columns.

    Parameters
    ----------
    design : ndarray of shape (n_samples, n_functions)
        The columns.
    y : ndarray of shape (n_samples,)
        The values.
    weight : ndarray of shape (n_samples,)
        Weights that sum to 1.
    n_other : int, default=0
        Parameters fitted elsewhere, which count in the error.
    ridge : float, default=1e-11
        Weight of the squared coefficients, relative to the columns.
    """
    root = np.sqrt(weight)
    scaled, target = design * root[:, None], y * root
    size = np.sqrt(np.einsum("ij,ij->j", scaled, scaled))
    size = np.where(size > 1e-7 * size.max(initial=1e-300), size, np.inf)
    scaled = scaled / size
    gram = scaled.T @ scaled
    gram.flat[:: len(gram) + 1] += ridge
    try:
        factor = cho_factor(gram, check_finite=False)
        solution = cho_solve(factor, scaled.T @ target, check_finite=False)
        if ridge == RIDGE:
            # Once more, for what was lost to the squared condition number.
            solution += cho_solve(
                factor, scaled.T @ (target - scaled @ solution), check_finite=False
            )
    except LinAlgError:
        solution = np.linalg.lstsq(scaled, target, rcond=1e-10)[0]
    coefficients = solution / size
    values = design @ coefficients
    count = int(np.count_nonzero(weight))
    left = max(1.0 - (design.shape[1] + n_other) / max(count, 1), 0.02)
    return LinearFit(coefficients, values, float(np.sqrt(weight @ (values - y) ** 2) / left))
