"""L-BFGS on whitened parameters.

B-spline coefficients are badly conditioned as parameters. For the coefficients ``c`` of all edges
that lead to one node take the Gauss-Newton block ``A`` of the objective, with ``A = L L'``, and let
the optimiser see ``z = L' c``: at the start the objective is then as round as a change of variables
within nodes can make it. Parameters of symbolic edges are scaled one by one.

References
----------
R. Byrd, P. Lu, J. Nocedal and C. Zhu, "A limited memory algorithm for bound constrained
optimization", SIAM J. Scientific Computing 1995 (through ``scipy.optimize.minimize``).
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

from skkan._typing import FloatArray
from skkan.objective._objective import Objective
from skkan.solvers._factors import stable_factors
from skkan.solvers._result import SolverResult

RELATIVE_RIDGE = 1e-9


class Whitening:
    """The change of variables ``z = L' c`` of every node.

    Parameters
    ----------
    objective : Objective
        Gives the Gauss-Newton blocks of loss and penalty.
    parameters : ndarray of shape (n_parameters,)
        Where they are taken.
    """

    def __init__(self, objective: Objective, parameters: FloatArray) -> None:
        self._network = objective.network
        self._factors: list[FloatArray] = []
        self._inverses: list[FloatArray] = []
        losses, diagonal = objective.curvatures(parameters)
        lowest = RELATIVE_RIDGE * diagonal.max(initial=0.0)
        self._roots = np.sqrt(np.maximum(diagonal, lowest if lowest > 0.0 else 1.0))
        for loss, penalty in zip(losses, objective.penalty_blocks(parameters), strict=True):
            matrix = loss + penalty
            size = np.arange(matrix.shape[1])
            mean = matrix[:, size, size].mean(axis=1)
            # A layer without splines has no scale of its own.
            largest = float(mean.max()) or 1.0
            mean = np.maximum(mean, RELATIVE_RIDGE * largest)
            factor = stable_factors(matrix, mean)
            self._factors.append(factor)
            self._inverses.append(np.linalg.inv(factor))

    def whiten(self, parameters: FloatArray) -> FloatArray:
        """Return ``z`` of `parameters`."""
        z = self._network.by_node([f.transpose(0, 2, 1) for f in self._factors], parameters)
        z[self._network.n_coefficients :] *= self._roots
        return z

    def colour(self, z: FloatArray) -> FloatArray:
        """Return the parameters of `z`."""
        parameters = self._network.by_node([f.transpose(0, 2, 1) for f in self._inverses], z)
        parameters[self._network.n_coefficients :] /= self._roots
        return parameters

    def pull_gradient(self, gradient: FloatArray) -> FloatArray:
        """Return the gradient with respect to ``z`` of one with respect to the parameters."""
        pulled = self._network.by_node(self._inverses, gradient)
        pulled[self._network.n_coefficients :] /= self._roots
        return pulled


def minimize_lbfgs(
    objective: Objective,
    parameters: FloatArray,
    max_iter: int,
    tol: float,
    callback: Callable[[float, FloatArray], bool] | None = None,
) -> SolverResult:
    """Minimise `objective` from `parameters`.

    Parameters
    ----------
    objective : Objective
        Gives value, gradient and the blocks for the whitening.
    parameters : ndarray of shape (n_parameters,)
        Starting point.
    max_iter : int
        Largest number of iterations.
    tol : float
        Stop when an iteration lowers the objective by less than `tol` relatively.
    callback : callable, optional
        Called with value and parameters after every iteration; stops the run by returning True.
    """
    whitening = Whitening(objective, parameters)
    history: list[float] = []
    start = whitening.whiten(parameters)
    reached = np.inf, start
    latest, highest = np.inf, -np.inf
    converged = stopped = False

    def evaluate(z: FloatArray) -> tuple[float, FloatArray]:
        nonlocal highest, reached
        with np.errstate(over="ignore", invalid="ignore"):
            value, gradient = objective.value_and_gradient(whitening.colour(z))
            gradient = whitening.pull_gradient(gradient)
        if np.isfinite(value) and np.all(np.isfinite(gradient)):
            if not np.isfinite(highest):
                reached = value, z.copy()
            highest = max(highest, value)
        elif np.isfinite(highest):
            # SciPy's line search gives up at a number that is not finite, but steps back from a
            # high plateau.
            return 10.0 * highest, np.zeros_like(z)
        return value, gradient

    def after_iteration(intermediate_result):  # type: ignore[no-untyped-def]
        nonlocal latest, reached, converged, stopped
        value = float(intermediate_result.fun)
        history.append(value)
        if callback is not None:
            stopped = callback(value, whitening.colour(intermediate_result.x))
        # SciPy's own tolerance is not relative for objectives below 1.
        converged = latest - value <= tol * abs(value)
        latest = value
        reached = value, intermediate_result.x.copy()
        if stopped or converged:
            raise StopIteration

    result = minimize(
        evaluate,
        start,
        jac=True,
        method="L-BFGS-B",
        callback=after_iteration,
        options={
            "maxiter": max_iter,
            "maxfun": 2 * max_iter + 20,
            "maxcor": 20,
            "ftol": 0.0,
            "gtol": 1e-10,
            "maxls": 30,
        },
    )
    value, z = float(result.fun), result.x
    if not value <= reached[0]:
        # A limit within a line search leaves the value of a trial point.
        value, z = reached
    # Status 1 is a limit; a line search that finds nothing more has arrived at rounding.
    limited = result.status == 1 or not np.isfinite(value)
    converged = not stopped and (converged or not limited)
    return SolverResult(whitening.colour(z), value, len(history), converged, history)
