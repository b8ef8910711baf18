"""Cholesky factors of Gram matrices, which rounding may have made indefinite."""

import numpy as np

from skkan._typing import FloatArray

RIDGES = (1e-9, 1e-7, 1e-5, 1e-3, 1e-1, 1e1)


def stable_factors(matrices: FloatArray, mean: FloatArray) -> FloatArray:
    """Return lower factors ``L`` with ``L L' = A + ridge``, the ridge as small as it can be.

    Sums of squares in single precision, or of numbers of very different sizes, may miss being
    positive definite by far more than rounding in double precision.

    Parameters
    ----------
    matrices : ndarray of shape (n_matrices, n, n)
        Positive semidefinite but for rounding.
    mean : ndarray of shape (n_matrices,)
        Positive numbers of the size of their diagonals; the ridge is a share of them.

    Returns
    -------
    factors : ndarray of shape (n_matrices, n, n)
        The identity where a matrix holds what is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.solvers._factors import stable_factors
    >>> indefinite = np.array([[[1.0, 1.0 + 1e-6], [1.0 + 1e-6, 1.0]]])
    >>> bool(np.isfinite(stable_factors(indefinite, np.ones(1))).all())
    True
    """
    try:
        return _factors(matrices, RIDGES[0] * mean)
    except np.linalg.LinAlgError:
        own = [_factor(one, size) for one, size in zip(matrices, mean, strict=True)]
        return np.array(own)


def _factors(matrices: FloatArray, ridge: FloatArray) -> FloatArray:
    damped = matrices.copy()
    diagonal = np.arange(matrices.shape[1])
    damped[:, diagonal, diagonal] += ridge[:, None]
    factors: FloatArray = np.linalg.cholesky(damped)
    if not np.all(np.isfinite(factors)):
        raise np.linalg.LinAlgError
    return factors


def _factor(matrix: FloatArray, mean: float) -> FloatArray:
    for ridge in RIDGES if np.all(np.isfinite(matrix)) and np.isfinite(mean) else ():
        try:
            return _factors(matrix[None], np.array([ridge * mean]))[0]
        except np.linalg.LinAlgError:
            continue
    return np.eye(len(matrix))
