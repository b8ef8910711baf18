"""What training takes and gives: settings, states, and the result."""

from dataclasses import dataclass, field

import numpy as np

from skkan.anova._constrained import Shapes
from skkan.anova._uncertainty import AnalysisPosterior
from skkan.data._blocks import MAX_CACHE_BYTES
from skkan.network._hidden_layers import Arities
from skkan.network._network import Network
from skkan.objective._penalties import Penalty, Sites
from skkan.objective.losses._loss import Loss
from skkan.training.evidence._smoothing import Smoothing


@dataclass(frozen=True)
class Interactions:
    """Which inputs may interact.

    Attributes
    ----------
    order : {1, 2, 3}
        How many at once at most.
    allowed : tuple of frozenset of int, optional
        Sets of inputs; those that interact are all in one of them.
    """

    order: int = 3
    allowed: tuple[frozenset[int], ...] | None = None

    @property
    def limited(self) -> bool:
        """Whether not all may interact."""
        return self.order < 3 or self.allowed is not None


@dataclass(frozen=True)
class Settings:
    """How to train; the names are those of the estimators' parameters.

    `shape` has the numbers of nodes from the inputs to the outputs, `arities` for every hidden
    layer the number of factors of each of its nodes: 1 for a sum node. `sites` has, for inputs that
    are codes of levels, where these lie; it is empty if none are. `shapes` is what is asked of the
    inputs, if anything is. With `more_starts` small networks may have more than `n_restarts`; with
    `little_noise` it is known that there is next to none.
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
    sites: Sites = ()
    shapes: Shapes | None = None
    interactions: Interactions = Interactions()
    more_starts: bool = False
    little_noise: bool = False


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
    analysed : bool
        Whether the network is an analysis of variance.
    posterior : AnalysisPosterior or None
        What the data leave open about that, its inputs in the order of training.
    data_fit : Loss or None
        Loss in the objective, if not that of the problem.
    dof : float
        Effective degrees of freedom of all outputs, as far as they are known.
    ended_early : bool
        Whether an interrupt or a callback has ended the training.
    """

    network: Network
    penalty: Penalty
    loss: float
    n_iter: int = 0
    loss_curve: list[float] = field(default_factory=list)
    validation_curve: list[float] = field(default_factory=list)
    converged: bool = True
    analysed: bool = False
    posterior: AnalysisPosterior | None = None
    data_fit: Loss | None = None
    dof: float = 0.0
    ended_early: bool = False


@dataclass
class State:
    """A network with its penalty, the objective, and what the smoothing says of it if known.

    `data_fit` is the loss in the objective, if it is not that of the problem.
    """

    network: Network
    penalty: Penalty
    smoothing: Smoothing | None = None
    loss: float = np.inf
    data_fit: Loss | None = None

    @property
    def next_data_fit(self) -> Loss | None:
        """Loss that goes with the weights of the next step."""
        return self.data_fit if self.smoothing is None else self.smoothing.loss

    @property
    def log_evidence(self) -> float:
        """Evidence for network and penalty."""
        return -np.inf if self.smoothing is None else self.smoothing.log_evidence
