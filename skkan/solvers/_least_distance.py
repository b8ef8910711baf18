"""The point of a polyhedron that is nearest to another one, in the metric of a Gaussian.

References
----------
C. Lawson and R. Hanson, *Solving Least Squares Problems*, Prentice-Hall 1974, chapter 23.
"""

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import nnls

from skkan._typing import FloatArray

ENOUGH = 1e-12


def nearest_feasible(mean: FloatArray, factor: FloatArray, rows: FloatArray) -> FloatArray:
    """Return the ``x`` nearest to `mean` with ``rows @ x >= 0``.

    Parameters
    ----------
    mean : ndarray of shape (n,)
        A point.
    factor : ndarray of shape (n, n)
        Lower triangular ``L``; the distance is that of ``L' x``.
    rows : ndarray of shape (n_rows, n)
        Linear forms that must not be negative.

    Returns
    -------
    x : ndarray of shape (n,)
        Feasible but for rounding.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.solvers._least_distance import nearest_feasible
    >>> rows = np.array([[-1.0, 1.0]])
    >>> nearest_feasible(np.array([1.0, 0.0]), np.eye(2), rows).round(12)
    array([0.5, 0.5])
    """
    lacks = -(rows @ mean)
    size = np.abs(rows).sum(axis=1) * max(np.abs(mean).max(initial=0.0), 1e-300)
    if not np.any(lacks > ENOUGH * size):
        return mean
    # In z = L' (x - mean) the distance is the usual one.
    moved = solve_triangular(factor, rows.T, lower=True, check_finite=False)
    lengths = np.maximum(np.sqrt((moved**2).sum(axis=0)), 1e-300)
    moved, lacks = moved / lengths, lacks / lengths
    unit = float(lacks.max())
    system = np.concatenate([moved, lacks[None] / unit])
    wanted = np.zeros(len(system))
    wanted[-1] = 1.0
    dual, _ = nnls(system, wanted, maxiter=30 * len(rows) + 100)
    left = system @ dual - wanted
    z = -unit * left[:-1] / left[-1]
    found: FloatArray = mean + solve_triangular(factor, z, lower=True, trans="T")
    return found
