"""Functions of single columns whose sum is next to constant.

Among the functions ``f_j(x_j)`` and ``sum_k g_k(x_k)`` of normalised splines, those with the
largest correlation are found by one eigenvalue decomposition. If it is 1 on samples that have not
been used, the columns are tied by the equation ``f_j(x_j) - sum_k g_k(x_k) = 0``.

References
----------
L. Breiman and J. H. Friedman, "Estimating optimal transformations for multiple regression and
correlation", J. Amer. Statist. Assoc. 80 (1985).
D. J. Donnell, A. Buja and W. Stuetzle, "Analysis of additive dependencies and concurvities using
smallest additive principal components", Ann. Statist. 22 (1994).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from skkan._typing import FloatArray
from skkan.network.functions._splines import SplineGrid, uniform_breakpoints

DEGREE = 3
MAX_SPLINES, SAMPLES_PER_SPLINE = 13, 4
RIDGE = 1e-9
N_GROUPS = 6


@dataclass(frozen=True)
class AdditiveDependence:
    """A function of one column that is a sum of functions of others.

    Attributes
    ----------
    target : int
        The column ``j``.
    others : tuple of int
        The columns ``k``.
    values : ndarray of shape (n_samples, 1 + n_others)
        ``f_j(x_j)``, of mean 0 and variance 1, and ``g_k(x_k)``.
    unexplained : float
        Share of the variance of ``f_j`` that the sum leaves, on samples not used for the fit.
    """

    target: int
    others: tuple[int, ...]
    values: FloatArray
    unexplained: float

    @property
    def sizes(self) -> FloatArray:
        """Standard deviations of the functions ``g_k``."""
        return self.values[:, 1:].std(axis=0)

    def local_shares(self, x: FloatArray) -> FloatArray:
        """Return the unexplained share within groups of samples of similar ``x_j``.

        Clusters of samples alone make a function that takes one value in each of them; an equation
        says something about the samples of one cluster, too.
        """
        order = np.argsort(x, kind="stable")
        left = self.values[:, 0] - self.values[:, 1:].sum(axis=1)
        shares = []
        for rows in np.array_split(order, N_GROUPS):
            within = float(np.var(self.values[rows, 0]))
            shares.append(float(np.var(left[rows])) / within if within > 0.0 else np.inf)
        return np.array(shares)


class RankSplines:
    """Centred splines of the ranks of every column.

    In ranks, a function that only goes up is as good as any other.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        Samples.
    rng : numpy.random.Generator
        Draws the half of the samples that fits are made on.
    """

    def __init__(self, X: FloatArray, rng: np.random.Generator) -> None:
        n_samples, n_columns = X.shape
        room = n_samples // (2 * SAMPLES_PER_SPLINE * max(n_columns, 1))
        n_splines = int(np.clip(room, DEGREE + 1, MAX_SPLINES))
        ranks = (rankdata(X, axis=0) - 0.5) / n_samples
        ends = uniform_breakpoints(np.zeros(n_columns), np.ones(n_columns), n_splines - DEGREE)
        dense = SplineGrid(ends, DEGREE).dense(ranks)
        self.blocks = [self._normalised(dense[:, k]) for k in range(n_columns)]
        order = rng.permutation(n_samples)
        self.halves = order[: n_samples // 2], order[n_samples // 2 :]

    @staticmethod
    def _normalised(block: FloatArray) -> FloatArray:
        """Return an orthonormal basis of the centred functions."""
        left, sizes, _ = np.linalg.svd(block - block.mean(axis=0), full_matrices=False)
        kept = sizes > 1e-6 * sizes[0]
        return left[:, kept] * np.sqrt(len(block))

    def dependence(self, target: int, others: Sequence[int]) -> AdditiveDependence:
        """Return the function of a column that others explain best."""
        own = self.blocks[target]
        sizes = [self.blocks[k].shape[1] for k in others]
        design = np.hstack([self.blocks[k] for k in others])
        errors, totals = 0.0, 0.0
        for train, test in (self.halves, self.halves[::-1]):
            shape, weights = _canonical(own[train], design[train])
            value = own[test] @ shape
            errors += float(np.sum((value - value.mean() - design[test] @ weights) ** 2))
            totals += float(np.sum((value - value.mean()) ** 2))
        shape, weights = _canonical(own, design)
        value = own @ shape
        scale = float(value.std()) or 1.0
        parts = np.split(weights, np.cumsum(sizes)[:-1])
        functions = [self.blocks[k] @ part for k, part in zip(others, parts, strict=True)]
        values = np.column_stack([value, *functions]) / scale
        return AdditiveDependence(target, tuple(others), values, errors / max(totals, 1e-300))

    def smallest(self, target: int, others: Sequence[int]) -> AdditiveDependence:
        """Return the best function, with as few of the others as explain it as well."""
        best = self.dependence(target, others)
        while len(best.others) > 1:
            weakest = best.others[int(np.argmin(best.sizes))]
            fewer = self.dependence(target, [k for k in best.others if k != weakest])
            if fewer.unexplained > 2.0 * best.unexplained + 1e-3:
                break
            best = fewer
        return best


def _canonical(own: FloatArray, design: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the combination of `own` that `design` explains best, and how."""
    own_mean = own.mean(axis=0)
    gram = design.T @ design
    gram.flat[:: len(gram) + 1] += RIDGE * len(design)
    cross = design.T @ (own - own_mean)
    maps = np.linalg.solve(gram, cross)
    total = (own - own_mean).T @ (own - own_mean)
    total.flat[:: len(total) + 1] += RIDGE * len(own)
    root = np.linalg.inv(np.linalg.cholesky(total))
    vectors = np.linalg.eigh(root @ (cross.T @ maps) @ root.T)[1]
    shape = root.T @ vectors[:, -1]
    return shape, maps @ shape
