"""What a fit starts from: data, loss and settings, and what follows from them for any network."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.linalg import LinAlgError

from skkan._typing import FloatArray
from skkan.anova._uncertainty import AnalysisPosterior
from skkan.data._blocks import Rows, Samples
from skkan.network._network import Network
from skkan.network._scaling import Scaling
from skkan.objective._block_sums import Value
from skkan.objective._objective import Objective
from skkan.objective._penalties import BENDING, Penalty
from skkan.objective._sparsity import Sparsity
from skkan.objective.losses._loss import Loss
from skkan.training._grids import (
    MARGIN,
    ROOM,
    end_hidden_grids,
    fills_hidden_grids,
    follow_hidden_nodes,
    hidden_quantile_share,
    holds_hidden_nodes,
    input_limit,
    share_constants,
)
from skkan.training._settings import Settings, State, TrainingResult
from skkan.training._solver_choice import SOLVERS, SolverOptions
from skkan.training.evidence._posterior import PredictivePosterior, predictive_posterior
from skkan.training.evidence._smoothing import full_posterior
from skkan.training.starts._initialization import embedded, pass_through_subnodes

# Under the first, networks are nearly additive; the second lets them bend from the start, which
# data with little noise bear.
START_WEIGHTS = (1e-3, 1e-6)
FIXED_LINE_SHARE = 1e-3
# Of the distance of a hidden node from zero, the smallest range for a grid.
LEAST_SHARE = {"float64": 1e-12, "float32": 1e-4}
# Of the roughness and of the slope of an edge, where the loss has no noise level to compare with:
# on classes that can be separated, nothing else keeps the log-odds from growing without bound.
LARGEST_VARIANCE = {"rough": 180.0, "line": 10.0}


@dataclass(frozen=True)
class Problem:
    """Data, loss and settings of one fit.

    Parameters
    ----------
    data : Samples
        Training samples.
    validation : Samples or None
        Held-out samples for early stopping.
    loss : Loss
        Data fit.
    settings : Settings
        How to train.
    scaling : Scaling
        Of the data; networks get it.
    """

    data: Samples
    validation: Samples | None
    loss: Loss
    settings: Settings
    scaling: Scaling

    @property
    def solver_options(self) -> SolverOptions:
        """Solver, and how many of its iterations make up a step."""
        plan, settings = SOLVERS[self.settings.solver], self.settings
        if settings.solver == "adam":
            options = {"batch_size": settings.batch_size, "learning_rate": settings.learning_rate}
            plan = replace(plan, minimize=partial(plan.minimize, **options))
        return plan

    @property
    def input_limit(self) -> float:
        """Where the grids of the scaled inputs end."""
        return input_limit(self.settings.grid_sizes[-1])

    def on_threads(self, n_jobs: int | None) -> "Problem":
        """Return the same problem for another number of threads."""
        return replace(self, settings=replace(self.settings, n_jobs=n_jobs))

    def with_room_for_sites(self) -> "Problem":
        """Return the problem on grids fine enough for one value at every code of levels."""
        settings = self.settings
        most = max((len(own) for own in settings.sites if own is not None), default=0)
        if most <= settings.grid_sizes[-1] + settings.degree:
            return self
        return replace(self, settings=replace(settings, grid_sizes=(most - settings.degree,)))

    def rows(self, network: Network) -> Rows:
        """Return the samples with the first layer's features, for all networks on its grid."""
        settings = self.settings
        first = network.layers[0].astype(settings.dtype)
        return self.data.rows(first, settings.n_jobs, settings.max_cache_bytes)

    def objective(
        self, network: Network, penalty: Penalty, rows: Rows, data_fit: Loss | None = None
    ) -> Objective:
        """Return the function to be minimised, by default with the loss of the problem."""
        strength, sparsity = self.settings.sparsity, None
        if strength > 0.0:
            sparsity = Sparsity.of(network, rows, strength)
        dtype = self.settings.dtype
        loss = data_fit or self.loss
        return Objective(network, self.data, loss, penalty, rows, sparsity, dtype)

    def penalty(self, network: Network, rough: float, line: float) -> Penalty:
        """Return a penalty with the same weights for all edges."""
        floors = None
        if self.settings.alpha is None and not self.loss.has_noise_level:
            floors = {name: 1.0 / (self.data.total * v) for name, v in LARGEST_VARIANCE.items()}
        shift, sites = self.loss.shared_shift, self.settings.sites
        return Penalty(network, rough, line, shift, floors, sites=sites)

    def first_penalty(self, network: Network, weight: float = START_WEIGHTS[0]) -> Penalty:
        """Return the penalty that was asked for, or one to begin with."""
        alpha = self.settings.alpha
        if alpha is None:
            return self.penalty(network, weight, weight)
        penalty = self.penalty(network, alpha, FIXED_LINE_SHARE * alpha)
        for layer in penalty.layers[:-1]:
            # Straight lines that lead to a hidden node set its scale, and stretching it far beyond
            # its grid would let the edges behind it escape their penalty.
            layer.weights["line"][:] = alpha
        return penalty

    def follow(
        self, network: Network, grid_size: int, order: int = BENDING, fresh: bool = False
    ) -> list[FloatArray]:
        """Lay the hidden grids of `network` over the data, in place."""
        settings = self.settings
        return follow_hidden_nodes(
            network,
            self.data,
            grid_size,
            hidden_quantile_share(settings.quantile_share, settings.grid_sizes[-1]),
            _stretch(order),
            fresh,
            settings.n_jobs,
            LEAST_SHARE[settings.dtype],
        )

    def followed(self, state: State, grid_size: int, fresh: bool = False) -> State:
        """Return the state with hidden grids that fit the data, and penalty weights for them."""
        network = state.network.copy()
        shrink = self.follow(network, grid_size, state.penalty.order, fresh)
        penalty = (
            state.penalty.carried_to(network, shrink)
            if self.settings.alpha is None
            else self.first_penalty(network)
        )
        return State(network, penalty, data_fit=state.data_fit)

    def embedded(self, state: State) -> State:
        """Return the state of an additive model as one of the shape that is asked for."""
        arities = self.settings.arities
        network, order = embedded(state.network, arities), state.penalty.order
        shrink = self.follow(network, network.grid_size, order, fresh=True)
        penalty = self.first_penalty(network).of_order(network, order)
        columns = pass_through_subnodes(arities[0], self.settings.shape[-1])
        for name, weight in state.penalty.layers[0].weights.items():
            penalty.layers[0].weights[name][:, columns] = weight * shrink[0][columns] ** 2
        return State(network, penalty, loss=state.loss, data_fit=state.data_fit)

    def holds(self, network: Network) -> bool:
        """Return whether no hidden node has left its grid."""
        return len(network.layers) == 1 or holds_hidden_nodes(
            network, self.data, self.settings.n_jobs
        )

    def fills(self, network: Network) -> bool:
        """Return whether every hidden node is within its grid and fills a good part of it."""
        return len(network.layers) == 1 or fills_hidden_grids(
            network, self.data, self.settings.n_jobs
        )

    def ended(self, state: State) -> State:
        """Return the state with hidden grids that end near the data, wherever these lie by now.

        What held-out samples have been asked about stays as it is.
        """
        if self.validation is not None or len(state.network.layers) == 1:
            return state
        network, penalty = state.network.copy(), state.penalty
        room = MARGIN + _stretch(penalty.order)
        end_hidden_grids(network, self.data, room, self.settings.n_jobs)
        if self.settings.alpha is not None:
            return replace(state, network=network, penalty=self.first_penalty(network))
        penalty = penalty.kept_between(state.network, network)
        share_constants(network, penalty.softmax)
        return replace(state, network=network, penalty=penalty)

    def posterior(
        self, result: TrainingResult, order: NDArray[np.intp]
    ) -> PredictivePosterior | None:
        """Return what the data leave open about a trained network, if that can be told.

        Parameters
        ----------
        result : TrainingResult
            Network, penalty and loss.
        order : ndarray of int of shape (n_inputs,)
            Input ``i`` of the network is input ``order[i]`` of the user's.
        """
        network = result.network
        rows = self.rows(network)
        objective = self.objective(network, result.penalty, rows, result.data_fit)
        coupled = self.solver_options.posterior is full_posterior
        with np.errstate(all="ignore"):
            try:
                return predictive_posterior(objective, network.get_parameters(), order, coupled)
            except LinAlgError:
                return None

    def expected_loss(
        self, result: TrainingResult, posterior: PredictivePosterior | AnalysisPosterior | None
    ) -> float | None:
        """Return the mean loss of a sample like those of a training that has come to an end."""
        if posterior is None or not result.converged:
            return None
        if self.loss.has_noise_level:
            loss = result.data_fit or self.loss
            return 0.5 * float(posterior.noise @ loss.precision(self.data.n_outputs))
        return self.loss_on(self.data, result.network)

    def value_of(self, state: State) -> float:
        """Return the objective, which is another one than in training where grids have moved."""
        rows = self.rows(state.network)
        objective = self.objective(state.network, state.penalty, rows, state.data_fit)
        return objective.value(state.network.get_parameters())

    def of_additive_model(self) -> "Problem":
        """Return the problem of the additive model on the same samples."""
        shape = (self.settings.shape[0], self.settings.shape[-1])
        settings = replace(self.settings, shape=shape, arities=(), n_restarts=1)
        return replace(self, settings=settings)

    def validation_loss(self, network: Network) -> float:
        """Return the loss on the held-out samples."""
        assert self.validation is not None
        return self.loss_on(self.validation, network, self.settings.dtype)

    def loss_on(self, data: Samples, network: Network, dtype: DTypeLike = np.float64) -> float:
        """Return the loss on some samples; not finite where outputs overflow."""
        function = Value(network.astype(dtype), self.loss)
        rows = data.rows(n_jobs=self.settings.n_jobs)
        with np.errstate(all="ignore"):
            value: float = rows.sums(function, function.row_bytes)[0]
        return value


def _stretch(order: int) -> float:
    """Return by how much outermost intervals are longer, for a roughness of some order.

    One of higher order lets a polynomial go on where there are no samples, and gets room for it.
    """
    return ROOM if order > BENDING else 0.0
