"""What training takes and gives: settings, the choice of solver, states, and the result."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from skkan._typing import FloatArray
from skkan.data._blocks import MAX_CACHE_BYTES
from skkan.network._hidden_layers import Arities
from skkan.network._network import Network
from skkan.objective._objective import Objective
from skkan.objective._penalties import Penalty
from skkan.solvers._adam import minimize_adam
from skkan.solvers._lbfgs import minimize_lbfgs
from skkan.solvers._lm import minimize_lm
from skkan.solvers._result import SolverResult
from skkan.training._smoothing import Posterior, Smoothing, full_posterior, node_posterior

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


@dataclass(frozen=True)
class Settings:
    """How to train; the names are those of the estimators' parameters.

    `shape` has the numbers of nodes from the inputs to the outputs, `arities` for every hidden
    layer the number of factors of each of its nodes: 1 for a sum node.
    """

    shape: tuple[int, ...]
    arities: Arities
    grid_sizes: tuple[int, ...]
    degree: int
    base_function: str
    quantile_share: float
    solver: str
    alpha: float | None
    n_restarts: int
    max_iter: int
    tol: float
    n_iter_no_change: int
    n_jobs: int | None
    sparsity: float = 0.0
    max_cache_bytes: int = MAX_CACHE_BYTES
    compare_additive: bool = True
    batch_size: int = 200
    learning_rate: float = 0.01
    dtype: str = "float64"


@dataclass
class TrainingResult:
    """Outcome of a fit.

    Attributes
    ----------
    network : Network
        Best network found, on scaled inputs and targets.
    penalty : Penalty
        Its penalty, with the weights of every edge.
    loss : float
        Objective of both.
    n_iter : int
        Solver iterations after the race.
    loss_curve, validation_curve : list of float
        Objective and validation loss after every one of them.
    converged : bool
        Whether the last run of the solver ended by its tolerance.
    """

    network: Network
    penalty: Penalty
    loss: float
    n_iter: int = 0
    loss_curve: list[float] = field(default_factory=list)
    validation_curve: list[float] = field(default_factory=list)
    converged: bool = True


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


@dataclass
class State:
    """A network with its penalty, the objective, and what the smoothing says of it if known."""

    network: Network
    penalty: Penalty
    smoothing: Smoothing | None = None
    loss: float = np.inf

    @property
    def log_evidence(self) -> float:
        """Evidence for network and penalty."""
        return -np.inf if self.smoothing is None else self.smoothing.log_evidence
