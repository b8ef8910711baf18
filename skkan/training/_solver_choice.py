"""The solvers that training knows, and the choice between them."""

from collections.abc import Callable
from dataclasses import dataclass

from skkan._typing import FloatArray
from skkan.network._hidden_layers import Arities
from skkan.objective._objective import Objective
from skkan.solvers._adam import minimize_adam
from skkan.solvers._lbfgs import minimize_lbfgs
from skkan.solvers._lm import minimize_lm
from skkan.solvers._result import SolverResult
from skkan.training.evidence._smoothing import Posterior, full_posterior, node_posterior

LM_MAX_PARAMETERS = 1500
LM_MAX_WORK = 3e10


@dataclass(frozen=True)
class SolverOptions:
    """A solver and how many of its iterations make up the steps of the schedule.

    Where rounding sends it another way to the same minimum, as line searches do, its path is not
    `repeatable`, and only the minimum counts.
    """

    minimize: Callable[..., SolverResult]
    posterior: Callable[[Objective, FloatArray], Posterior]
    race_iter: int
    round_iter: int
    settle_iter: int
    repeatable: bool = False


SOLVERS = {
    "lm": SolverOptions(
        minimize_lm, full_posterior, race_iter=15, round_iter=30, settle_iter=4, repeatable=True
    ),
    "lbfgs": SolverOptions(
        minimize_lbfgs, node_posterior, race_iter=40, round_iter=15, settle_iter=10
    ),
    "adam": SolverOptions(
        minimize_adam, node_posterior, race_iter=10, round_iter=10, settle_iter=5
    ),
}


def choose_solver(
    shape: tuple[int, ...], n_features: int, n_samples: int, arities: Arities | None = None
) -> str:
    """Return "lm" where its normal equations are cheap, else "lbfgs".

    Parameters
    ----------
    shape : tuple of int
        Numbers of nodes from the inputs to the outputs.
    n_features : int
        Number of coefficients of an edge.
    n_samples : int
        Number of samples.
    arities : tuple of tuple of int, optional
        For every hidden layer, the number of factors of each of its nodes; by default all are
        sum nodes.
    """
    n_subnodes = shape[1:] if arities is None else (*map(sum, arities), shape[-1])
    n_parameters = n_features * sum(a * b for a, b in zip(shape[:-1], n_subnodes, strict=True))
    work = float(n_samples) * shape[-1] * n_parameters**2
    return "lm" if n_parameters <= LM_MAX_PARAMETERS and work <= LM_MAX_WORK else "lbfgs"
