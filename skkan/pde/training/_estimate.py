"""Numbers from measurements, with the unknowns solved for whatever the numbers are.

The unknowns ``c`` are those that make the rows of equations and conditions least for given numbers
``q``. They follow ``dc = -(J_c' J_c)^-1 J_c' J_q dq``, and with them what was measured; numbers
move by the steps of Gauss and Newton that this gives. Equations hold as well as without
measurements, whatever their noise, and the standard errors of the numbers are those of a
regression.

References
----------
G. Golub and V. Pereyra, "Separable nonlinear least squares: the variable projection method and its
applications", Inverse Problems 2003.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.sparse.linalg import splu

from skkan._typing import FloatArray
from skkan.pde.problem._model import Model
from skkan.pde.problem._residuals import Residuals

MAX_STEPS, HALVES = 30, 8
# Of the sum of squares: steps that promise less are the last.
LEAST_GAIN = 1e-7
# Of positive numbers, which are sought by their logarithm, and of others beside one and their size.
LONGEST = 1.0


def estimate(
    model: Model,
    groups: Sequence[Any],
    measured: Sequence[Any],
    constants: Sequence[float],
    solved: Callable[[Model], Model],
) -> tuple[Model, FloatArray]:
    """Return the model with the numbers that suit measurements best, and standard errors of them.

    Parameters
    ----------
    model : Model
        To start from, of tensor splines and without laws.
    groups : sequence of Group or IntegralGroup
        All rows; those of the measurements weigh next to nothing.
    measured : sequence of Group
        Rows of the measurements.
    constants : sequence of float
        Values of the constants.
    solved : callable
        ``solved(model)`` returns the model with the unknowns solved for its numbers.
    """
    model = solved(model)
    rows = _rows(model, measured, constants)
    for _ in range(MAX_STEPS):
        follow, slopes = _slopes(model, groups, measured, constants)
        step = np.linalg.lstsq(slopes, -rows, rcond=None)[0]
        total = float(rows @ rows)
        if float(np.square(slopes @ step).sum()) <= LEAST_GAIN * total:
            break
        bound = np.where(model.positive, LONGEST, LONGEST * (1.0 + np.abs(model.scalars)))
        step *= min(1.0, float(np.min(bound / np.maximum(np.abs(step), 1e-300))))
        for _ in range(HALVES):
            other = model.copy()
            change = np.concatenate([follow @ step, step])
            other.set_parameters(model.get_parameters() + change)
            other = solved(other)
            trial = _rows(other, measured, constants)
            if float(trial @ trial) < total:
                break
            step = 0.5 * step
        else:
            break
        model, rows = other, trial
    _, slopes = _slopes(model, groups, measured, constants)
    return model, _errors(model, slopes, rows, measured)


def _rows(model: Model, measured: Sequence[Any], constants: Sequence[float]) -> FloatArray:
    """Return what is predicted less what was measured."""
    parts = []
    for group in measured:
        scale = np.sqrt(len(group.X)) / group.weights[0]
        parts += [scale * own for own, _ in group.rows(model, constants, want_jacobian=False)]
    return np.concatenate(parts)


def _slopes(
    model: Model, groups: Sequence[Any], measured: Sequence[Any], constants: Sequence[float]
) -> tuple[FloatArray, FloatArray]:
    """Return the derivatives of coefficients, and of what is measured, by the numbers."""
    n_own = model.sizes[0]
    _, jacobian = Residuals(model, groups, constants).sparse(model.get_parameters())
    own, tail = jacobian[:, :n_own], jacobian[:, n_own:].toarray()
    scale = np.sqrt(np.asarray(own.multiply(own).sum(axis=0)).ravel())
    scale = np.maximum(scale, 1e-14 * scale.max())
    own = (own / scale).tocsr()
    matrix = (own.T @ own).tocsc()
    matrix.setdiag(matrix.diagonal() + 1e-14)
    follow = -splu(matrix).solve(own.T @ tail) / scale[:, None]
    parts = []
    for group in measured:
        size = np.sqrt(len(group.X)) / group.weights[0]
        for _, rows in group.sparse_rows(model, constants):
            parts.append(size * (rows[:, :n_own] @ follow + rows[:, n_own:].toarray()))
    return follow, np.concatenate(parts)


def _errors(
    model: Model, slopes: FloatArray, rows: FloatArray, measured: Sequence[Any]
) -> FloatArray:
    """Return standard errors, with a variance of the noise for every unknown."""
    influence, start = np.linalg.pinv(slopes), 0
    variances = np.zeros(len(slopes[0]))
    share = len(model.scalars) / len(rows)
    for group in measured:
        part = slice(start, start + group.n_rows)
        start += group.n_rows
        own = rows[part]
        variance = float(own @ own) / max(1.0, len(own) * (1.0 - share))
        variances += variance * np.square(influence[:, part]).sum(axis=1)
    return np.asarray(np.sqrt(variances) * np.abs(model.number_slopes()))
