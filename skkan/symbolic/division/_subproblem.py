"""A function of a few variables to be found, given by samples, and what has been found."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from skkan._typing import FloatArray
from skkan.symbolic.export._parametric import ParametricFormula

# Errors that can come of known errors of the targets, as multiples of these.
SLACK = 2.0
# Neighbours of a sample, and correlations with their mean that are chance, in standard deviations.
N_NEIGHBOURS, CHANCE = 10, 4.0
TIE_BREAK = 1e-9


@dataclass(frozen=True)
class Found:
    """A formula, its error in the units of the target, and its size."""

    formula: ParametricFormula
    error: float
    size: int


@dataclass(frozen=True)
class Problem:
    """Samples of a function of a few variables.

    Attributes
    ----------
    inputs : tuple of sympy.Symbol
        The variables.
    X : ndarray of shape (n_samples, n_variables)
        Their values.
    y, weight : ndarray of shape (n_samples,)
        Targets and weights. The weights measure errors in units of the whole problem's target.
    floor : float
        Known error of the targets, as the root of the weighted sum of squares.
    """

    inputs: tuple[Any, ...]
    X: FloatArray
    y: FloatArray
    weight: FloatArray
    floor: float

    @property
    def spread(self) -> float:
        """The error of the best constant."""
        total = float(self.weight.sum())
        mean = float(self.weight @ self.y) / max(total, 1e-300)
        return math.sqrt(float(self.weight @ (self.y - mean) ** 2))

    def without(self, columns: Sequence[int]) -> tuple[tuple[Any, ...], FloatArray]:
        """Return the variables that are left without some, and their values."""
        kept = [k for k in range(len(self.inputs)) if k not in columns]
        return tuple(self.inputs[k] for k in kept), self.X[:, kept]


def is_white(
    X: FloatArray, residual: FloatArray, n_neighbours: int = N_NEIGHBOURS, chance: float = CHANCE
) -> bool:
    """Tell whether residuals are noise: no neighbours are more alike than other samples.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        The samples.
    residual : ndarray of shape (n_samples,)
        What a fit leaves.
    n_neighbours : int
        Number of neighbours of a sample.
    chance : float
        Correlation with their mean that counts as chance, in standard deviations.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.symbolic.division._subproblem import is_white
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(size=(500, 1))
    >>> is_white(X, rng.normal(size=500)), is_white(X, np.sin(20.0 * X[:, 0]))
    (True, False)

    Nor does the order of equal samples matter.

    >>> ties = np.repeat(np.arange(10.0), 20)[:, None]
    >>> is_white(ties, np.sort(rng.normal(size=(10, 20))).ravel(), n_neighbours=2)
    True
    """
    if not np.isfinite(residual).all():
        return False
    spread = X.std(axis=0)
    scaled = X / np.where(spread > 0.0, spread, 1.0)
    # Neighbours among equal samples are chosen by chance, not by the order of their targets.
    scaled += TIE_BREAK * np.random.default_rng(0).normal(size=scaled.shape)
    # By the values themselves, a few outlying samples would decide.
    ranks = np.argsort(np.argsort(residual)).astype(np.float64)
    ranks -= ranks.mean()
    count = min(n_neighbours, len(ranks) - 1)
    neighbours = cKDTree(scaled).query(scaled, count + 1)[1][:, 1:]
    correlation = float(np.mean(ranks * ranks[neighbours].mean(axis=1)) / np.mean(ranks**2))
    return correlation * math.sqrt(count * len(ranks)) < chance
