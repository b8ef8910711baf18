"""Tests of monotonicity and convexity, by derivatives of splines with their standard errors."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from skkan._typing import FloatArray
from skkan.discovery._evidence import (
    LEVEL,
    SAMPLES_PER_FUNCTION,
    TOLERANCE,
    StructureTest,
    samples_of,
)
from skkan.discovery._inputs import column_index
from skkan.symbolic.division._tensor import TensorBasis

RIDGE = 1e-8
ONE_COLUMN = (5, 8, 12)
LEAST_SLOPE = 1e-9


def monotonicity(X: ArrayLike, y: Any, column: Any) -> StructureTest:
    """Test whether a function goes only up, or only down, along a column.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_columns)
        Inputs, 30 samples or more.
    y : array-like of shape (n_samples,) or estimator
        Targets, noisy or not, or a fitted estimator.
    column : int or str
        The column.

    Returns
    -------
    test : StructureTest
        Of the direction with the better evidence, which `details` names. `violation` is the share
        of the squared slopes that have the other sign, less what chance adds; `p_value` the
        probability of slopes as clearly of the other sign if the true ones are zero there.

    Raises
    ------
    ValueError
        If the data or the column cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.discovery import monotonicity
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, size=(300, 2))
    >>> y = np.exp(X[:, 0]) + X[:, 1] ** 2 + 0.05 * rng.normal(size=300)
    >>> test = monotonicity(X, y, 0)
    >>> test.holds, test.details["direction"], monotonicity(X, y, 1).holds
    (True, 'increasing', False)
    """
    return _test(X, y, column, 1, ("increasing", "decreasing"))


def convexity(X: ArrayLike, y: Any, column: Any) -> StructureTest:
    """Test whether a function is convex, or concave, along a column.

    Parameters
    ----------
    X, y, column
        As for :func:`monotonicity`.

    Returns
    -------
    test : StructureTest
        As that of :func:`monotonicity`, of second derivatives.

    Raises
    ------
    ValueError
        If the data or the column cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.discovery import convexity
    >>> X = np.random.default_rng(0).uniform(-1, 1, size=(300, 2))
    >>> y = np.exp(X[:, 0]) + X[:, 1] ** 3
    >>> convexity(X, y, 0).details["direction"], convexity(X, y, 1).holds
    ('convex', False)
    """
    return _test(X, y, column, 2, ("convex", "concave"))


def _test(
    X: ArrayLike, y: Any, column: Any, order: int, directions: tuple[str, str]
) -> StructureTest:
    table, target, names = samples_of(X, y)
    place = column_index(column, names, "column")
    values, slopes, errors, r2 = _slopes(table, target, place, order)
    tests = []
    for direction, sign in zip(directions, (1.0, -1.0), strict=True):
        own = sign * slopes
        count = max(2.0, len(own) / SAMPLES_PER_FUNCTION)
        p_value = min(1.0, count * float(norm.cdf((own / errors).min())))
        # By chance, slopes of size zero have half their variance on the wrong side.
        wrong = np.minimum(own, 0.0) ** 2 - 0.5 * errors**2
        violation = max(float(wrong[own < 0.0].sum()), 0.0) / float(np.sum(own**2))
        tests.append(
            StructureTest(
                structure=f"{direction} in {names[place]}",
                holds=p_value >= LEVEL or violation <= TOLERANCE,
                p_value=p_value,
                violation=violation,
                r2=r2,
                details={"direction": direction},
                fits=(table[:, place], values),
            )
        )
    return max(tests, key=lambda test: (test.holds, -test.violation, test.p_value))


def _slopes(
    X: FloatArray, y: FloatArray, column: int, order: int
) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    """Return fitted values, derivatives along a column, their standard errors, and the R^2."""
    count = len(y)
    found: list[tuple[float, FloatArray, FloatArray]] = []
    for design, change in _candidates(X, column, order):
        left, sizes, right = np.linalg.svd(design, full_matrices=False)
        kept = sizes > RIDGE * sizes[0]
        left, maps = left[:, kept], (right[kept] / sizes[kept, None]).T
        values = left @ (left.T @ y)
        n_left = count - left.shape[1]
        if n_left < count // 3:
            continue
        # Generalised cross-validation.
        score = float(np.mean((y - values) ** 2)) / (n_left / count) ** 2
        noise = np.sqrt(np.sum((y - values) ** 2) / n_left)
        gradient = change @ maps
        slopes = gradient @ (left.T @ y)
        errors = noise * np.linalg.norm(gradient, axis=1)
        found.append((score, values, np.stack([slopes, errors])))
    chosen = int(np.argmin([score for score, _, _ in found]))
    # What predicts best has slopes that are biased by as much as their standard errors. Those of
    # one basis more have less bias.
    score = found[chosen][0]
    richer = min(chosen + 1, len(found) - 1)
    _, values, (slopes, errors) = found[richer if found[richer][0] < 1.5 * score else chosen]
    floor = LEAST_SLOPE * max(float(np.abs(slopes).max()), np.finfo(float).tiny)
    r2 = 1.0 - score / float(np.var(y))
    return values, slopes, np.maximum(errors, floor), r2


def _candidates(X: FloatArray, column: int, order: int) -> list[tuple[FloatArray, FloatArray]]:
    """Return designs and their derivatives, from few additive functions to products."""
    found = []
    room = len(X) // SAMPLES_PER_FUNCTION
    for size in ONE_COLUMN:
        if size > ONE_COLUMN[0] and size * X.shape[1] > room:
            break
        parts = [TensorBasis(X[:, [k]], size) for k in range(X.shape[1])]
        changes = [
            part.derivative_at(X[:, [k]], 0, order) if k == column else np.zeros_like(part.design)
            for k, part in enumerate(parts)
        ]
        found.append((np.hstack([part.design for part in parts]), np.hstack(changes)))
    if X.shape[1] > 1:
        both = TensorBasis(X, room)
        found.append((both.design, both.derivative_at(X, column, order)))
    return found
