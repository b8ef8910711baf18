"""Levenberg-Marquardt.

Minimises ``F(p)`` by steps that solve ``(H + mu D) s = -g`` with the Gauss-Newton matrix ``H`` of
loss and penalty, the gradient ``g``, and the scaling ``D = diag(H)``. The damping ``mu`` follows
the gain ratio, actual over predicted decrease, by Nielsen's rule.

References
----------
J. J. More, "The Levenberg-Marquardt algorithm: implementation and theory", 1978.
H. B. Nielsen, "Damping parameter in Marquardt's method", IMM-REP-1999-05.
"""

from collections.abc import Callable

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from skkan._objective import Objective
from skkan._typing import FloatArray
from skkan.solvers._result import SolverResult

MAX_DAMPING = 1e12


def minimize_lm(
    objective: Objective,
    parameters: FloatArray,
    max_iter: int,
    tol: float,
    callback: Callable[[float, FloatArray], bool] | None = None,
    damping: float = 1e-3,
) -> SolverResult:
    """Minimise `objective` from `parameters`.

    Parameters
    ----------
    objective : Objective
        Gives ``normal_equations``, ``value`` and the penalty's matrix.
    parameters : ndarray of shape (n_parameters,)
        Starting point.
    max_iter : int
        Largest number of accepted steps.
    tol : float
        Stop when a full step is predicted to lower the objective by less than `tol` relatively.
    callback : callable, optional
        Called with value and parameters after every accepted step; stops the run by returning
        True.
    damping : float, default=1e-3
        First ``mu``.
    """
    history: list[float] = []
    growth = 2.0
    converged = False
    value, gradient, matrix = _system(objective, parameters)
    while len(history) < max_iter and not converged:
        scale = np.maximum(np.diag(matrix), 1e-14 * matrix.diagonal().max())
        while damping < MAX_DAMPING:
            step = _damped_step(matrix, gradient, damping * scale)
            if step is None:
                damping *= growth
                growth *= 2.0
                continue
            predicted = 0.5 * float(step @ (damping * scale * step - gradient))
            if predicted <= tol * abs(value) and damping <= 1.0:
                converged = True
            trial = parameters + step
            new_value = objective.value(trial)
            gain = (value - new_value) / predicted if predicted > 0.0 else -1.0
            if np.isfinite(new_value) and gain > 1e-4:
                damping = max(damping * max(1.0 / 3.0, 1.0 - (2.0 * gain - 1.0) ** 3), 1e-15)
                growth = 2.0
                parameters = trial
                break
            if converged:
                break
            damping *= growth
            growth *= 2.0
        else:
            converged = True
        if parameters is not trial:
            break
        value, gradient, matrix = _system(objective, parameters)
        history.append(value)
        if callback is not None and callback(value, parameters):
            break
    return SolverResult(parameters, value, len(history), converged, history, damping)


def _system(objective: Objective, parameters: FloatArray) -> tuple[float, FloatArray, FloatArray]:
    value, gradient, matrix = objective.normal_equations(parameters)
    matrix = matrix.copy(order="F")
    objective.penalty.add_hessian(objective.network, matrix)
    return value, gradient, matrix


def _damped_step(
    matrix: FloatArray, gradient: FloatArray, diagonal: FloatArray
) -> FloatArray | None:
    """Solve the damped system, or return None where it is not positive definite."""
    damped = matrix.copy(order="F")
    damped[np.diag_indices_from(damped)] += diagonal
    try:
        factor = cho_factor(damped, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return None
    step: FloatArray = -cho_solve(factor, gradient, check_finite=False)
    return step if np.all(np.isfinite(step)) else None
