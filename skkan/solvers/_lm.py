"""Levenberg-Marquardt.

Minimises ``F(p)`` by steps that solve ``(H + mu D) s = -g`` with the Gauss-Newton matrix ``H`` of
loss and penalty, the gradient ``g``, and the scaling ``D = diag(H)``. The damping ``mu`` follows
the gain ratio, actual over predicted decrease, by Nielsen's rule. Where outputs bend along ``s``, a
second solution with the same matrix follows the bend ("geodesic acceleration"), which takes fewer
steps through narrow curved valleys.

Up to ``DENSE_MAX_PARAMETERS`` parameters ``H`` is built and factorised. Beyond, the system is
solved by conjugate gradients from products ``H v`` alone, preconditioned by the blocks of ``H``
that belong to one node, and only as exactly as pays (a truncated Newton method).

References
----------
J. J. More, "The Levenberg-Marquardt algorithm: implementation and theory", 1978.
H. B. Nielsen, "Damping parameter in Marquardt's method", IMM-REP-1999-05.
M. Transtrum and J. Sethna, "Improvements to the Levenberg-Marquardt algorithm for nonlinear
least-squares minimization", arXiv:1201.5885.
J. Nocedal and S. Wright, *Numerical Optimization*, Springer 2006, section 7.1.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.sparse.linalg import LinearOperator, cg

from skkan._typing import FloatArray
from skkan.objective._objective import Objective
from skkan.solvers._result import SolverResult

DENSE_MAX_PARAMETERS = 2500
MAX_DAMPING = 1e12
# Share of a step over which the outputs' bend is measured, and the largest correction for it.
BEND_SHARE = 0.1
MOST_BEND = 0.75 / 2.0
CG_TOLERANCE = 0.05
CG_MAX_ITER = 100


class LeastSquares(Protocol):
    """What is asked of an objective whose ``H`` is built as a matrix."""

    @property
    def bends(self) -> bool:
        """Whether a correction of second order may be of use."""
        ...

    def value(self, parameters: FloatArray) -> float:
        """Return the objective."""
        ...

    def normal_equations(self, parameters: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return objective, gradient, and the Gauss-Newton matrix without penalties."""
        ...

    def add_penalty_hessian(self, parameters: FloatArray, matrix: FloatArray) -> None:
        """Add the curvature of the penalties to `matrix`, in place."""
        ...

    def second_difference(self, parameters: FloatArray, change: FloatArray) -> FloatArray:
        """Return what the rows do beyond their tangent, as a gradient."""
        ...


class System(Protocol):
    """The linearised problem at a point: objective, gradient and scaling there, and the steps."""

    value: float
    gradient: FloatArray
    scale: FloatArray

    def move_to(self, parameters: FloatArray) -> None:
        """Linearise at `parameters`."""
        ...

    def step(self, damping: float) -> FloatArray | None:
        """Solve the damped system, or return None where that is not possible."""
        ...

    def bent(self, step: FloatArray) -> FloatArray:
        """Return the latest step with its correction of second order, where that is small."""
        ...


class DenseSystem:
    """The linearised problem at a point, with ``H`` as a matrix."""

    def __init__(self, objective: LeastSquares) -> None:
        self._objective = objective

    def move_to(self, parameters: FloatArray) -> None:
        """Linearise at `parameters`."""
        objective = self._objective
        self._parameters = parameters
        self.value, self.gradient, matrix = objective.normal_equations(parameters)
        self._matrix = matrix.copy(order="F")
        objective.add_penalty_hessian(parameters, self._matrix)
        diagonal = self._matrix.diagonal()
        self.scale = np.maximum(diagonal, 1e-14 * diagonal.max())

    def step(self, damping: float) -> FloatArray | None:
        """Solve the damped system, or return None where it is not positive definite."""
        damped = self._matrix.copy(order="F")
        damped[np.diag_indices_from(damped)] += damping * self.scale
        try:
            self._factor = cho_factor(damped, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError:
            return None
        return -cho_solve(self._factor, self.gradient, check_finite=False)

    def bent(self, step: FloatArray) -> FloatArray:
        """Return the latest step with its correction of second order, where that is small."""
        if not self._objective.bends:
            return step
        bend = self._objective.second_difference(self._parameters, BEND_SHARE * step)
        correction = cho_solve(self._factor, -bend / BEND_SHARE**2, check_finite=False)
        lengths = [float(v @ (self.scale * v)) for v in (correction, step)]
        return step + correction if lengths[0] <= MOST_BEND**2 * lengths[1] else step


class KrylovSystem:
    """The linearised problem at a point, with ``H`` as an operator."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective

    def move_to(self, parameters: FloatArray) -> None:
        """Linearise at `parameters`."""
        objective = self._objective
        self.value, self.gradient, self._product = objective.gauss_newton(parameters)
        losses, tail = objective.curvatures(parameters)
        penalties = objective.penalty_blocks(parameters)
        self._blocks = [a + b for a, b in zip(losses, penalties, strict=True)]
        diagonals = [np.einsum("jpp->pj", block).ravel() for block in self._blocks]
        diagonal = np.concatenate([*diagonals, tail])
        self.scale = np.maximum(diagonal, 1e-14 * diagonal.max())

    def _preconditioner(self, damping: float) -> Callable[[FloatArray], FloatArray] | None:
        inverses: list[FloatArray] = []
        network = self._objective.network
        for block, scale in zip(self._blocks, network.split(self.scale), strict=True):
            damped = block.copy()
            size = np.arange(block.shape[1])
            damped[:, size, size] += damping * scale.reshape(-1, scale.shape[2]).T
            try:
                factor = np.linalg.cholesky(damped)
            except np.linalg.LinAlgError:
                return None
            inverses.append(np.linalg.inv(factor))
        n_coefficients = network.n_coefficients
        tail = (1.0 + damping) * self.scale[n_coefficients:]

        def apply(v: FloatArray) -> FloatArray:
            transposed = [inverse.transpose(0, 2, 1) for inverse in inverses]
            solved = network.by_node(transposed, network.by_node(inverses, v))
            solved[n_coefficients:] /= tail
            return solved

        return apply

    def step(self, damping: float) -> FloatArray | None:
        """Solve the damped system roughly; None where it is not positive definite."""
        apply = self._preconditioner(damping)
        if apply is None:
            return None
        square = (len(self.gradient),) * 2
        operator = LinearOperator(
            square, matvec=lambda v: self._product(v) + damping * self.scale * v, dtype=np.float64
        )
        inverse = LinearOperator(square, matvec=apply, dtype=np.float64)
        step, _ = cg(operator, -self.gradient, rtol=CG_TOLERANCE, maxiter=CG_MAX_ITER, M=inverse)
        return step

    def bent(self, step: FloatArray) -> FloatArray:
        """Return the step as it is; a correction would be as rough, and cost as much again."""
        return step


def minimize_lm(
    objective: LeastSquares,
    parameters: FloatArray,
    max_iter: int,
    tol: float,
    callback: Callable[[float, FloatArray], bool] | None = None,
    damping: float = 1e-3,
    system: System | None = None,
    settled: float = 1.0,
) -> SolverResult:
    """Minimise `objective` from `parameters`.

    Parameters
    ----------
    objective : Objective or LeastSquares
        Gives value, gradient and the Gauss-Newton matrix.
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
    system : System, optional
        Solves the linearised problem. By default a :class:`DenseSystem`, or a
        :class:`KrylovSystem` where an :class:`Objective` has many parameters.
    settled : float, default=1.0
        Largest damping with which a step counts as full. Where some rows weigh far more than
        others, steps along what the others decide are short with any damping worth mentioning.
    """
    history: list[float] = []
    growth = 2.0
    converged = False
    if system is None:
        if isinstance(objective, Objective) and len(parameters) > DENSE_MAX_PARAMETERS:
            system = KrylovSystem(objective)
        else:
            system = DenseSystem(objective)
    system.move_to(parameters)
    while len(history) < max_iter and not converged:
        accepted = False
        while not accepted and damping < MAX_DAMPING:
            step = system.step(damping)
            if step is None or not np.all(np.isfinite(step)):
                damping *= growth
                growth *= 2.0
                continue
            predicted = 0.5 * float(step @ (damping * system.scale * step - system.gradient))
            converged = predicted <= tol * abs(system.value) and damping <= settled
            trial = parameters + (step if converged else system.bent(step))
            value = objective.value(trial)
            gain = (system.value - value) / predicted if predicted > 0.0 else -1.0
            accepted = bool(np.isfinite(value)) and gain > 1e-4
            if accepted:
                damping = max(damping * max(1.0 / 3.0, 1.0 - (2.0 * gain - 1.0) ** 3), 1e-15)
                growth = 2.0
                parameters = trial
            elif converged:
                break
            else:
                damping *= growth
                growth *= 2.0
        if not accepted:
            converged = bool(np.isfinite(system.value))
            break
        system.move_to(parameters)
        history.append(system.value)
        if callback is not None and callback(system.value, parameters):
            break
    return SolverResult(parameters, system.value, len(history), converged, history, damping)
