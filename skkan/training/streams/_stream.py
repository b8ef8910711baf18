"""What a stream of batches leaves behind besides the network, and how it goes on."""

from dataclasses import dataclass

import numpy as np

from skkan._typing import FloatArray
from skkan.data._typical_rows import TypicalRows
from skkan.data._weighted_rows import WeightedRows
from skkan.network._network import Network
from skkan.objective._penalties import Penalty
from skkan.objective.losses._loss import Loss
from skkan.training.streams._memory import Memory, StreamObjective
from skkan.training.streams._streaming import recalled

# Samples that are kept as they are.
MAX_ROWS = 1000
# What lies beyond a grid that has grown by this factor is met along tangents.
MAX_GROWTH = 8
# Sums of weights that differ by this share are the same.
ROUNDING = 1e-9
# While all samples are there, and fewer than parameters, training starts anew when there are so
# many times as many as before.
WORTH_A_START = 2.0


@dataclass(frozen=True)
class Stream:
    """What a stream of batches leaves behind besides the network.

    Attributes
    ----------
    latest : WeightedRows
        The latest samples, in the order in which they came.
    memory : Memory or None
        What all earlier samples say of the parameters.
    ground : float
        Part of the summed loss that no parameters change.
    parameters : ndarray of shape (n_parameters,)
        Parameters of the network that this is for.
    max_grid_size : int
        Number of intervals up to which grids are widened.
    n_started : int
        Number of samples that the network was trained on from scratch, with more to come; 0 for one
        that is to be kept.
    """

    latest: WeightedRows
    memory: Memory | None
    ground: float
    parameters: FloatArray
    max_grid_size: int
    n_started: int = 0
    n_pending: int = 0

    @classmethod
    def started(cls, samples: WeightedRows, network: Network) -> "Stream":
        """Return the stream whose first samples a network has just been trained on."""
        limit = MAX_GROWTH * network.grid_size
        return cls(samples, None, 0.0, network.get_parameters(), limit, len(samples))

    @classmethod
    def after_fit(
        cls, network: Network, rows: TypicalRows, penalty: Penalty, loss: Loss
    ) -> "Stream":
        """Return the stream that goes on from a fit, which has left some rows."""
        rows, ground = rows.weighted(), 0.0
        if not rows.complete or len(network.layers) > 1:
            rows, ground = recalled(network, rows, penalty, loss, rows.total)
        # The first are the first to go; they should not all come from one corner.
        own = rows.taken(np.random.default_rng(0).permutation(len(rows)))
        samples = WeightedRows(own.X, own.target, own.weight)
        limit = MAX_GROWTH * network.grid_size
        return cls(samples, None, ground, network.get_parameters(), limit)

    def after_edit(
        self, network: Network, rows: TypicalRows, penalty: Penalty, loss: Loss
    ) -> "Stream":
        """Return the stream for a network that was changed without training.

        A memory belongs to the parameters where it was taken; what it stands for is recalled anew.
        """
        latest = self.latest
        gone, ground = rows.total - latest.total, 0.0
        if gone > ROUNDING * rows.total:
            old, ground = recalled(network, rows, penalty, loss, gone)
            latest = old.joined(latest)
        return Stream(latest, None, ground, network.get_parameters(), self.max_grid_size)

    def is_of(self, network: Network) -> bool:
        """Return whether the network is still the one that this is for."""
        return np.array_equal(self.parameters, network.get_parameters())

    def starts_anew(self, n_samples: int, n_parameters: int, varies: bool) -> bool:
        """Return whether training should start from scratch.

        That takes all samples there have been, and so few before that the network of the first ones
        is no good.

        Parameters
        ----------
        n_samples : int
            Number of samples of the next batch.
        n_parameters : int
            Number of parameters of the network.
        varies : bool
            Whether a column or target varies for the first time.
        """
        if not self.n_started or self.memory is not None:
            return False
        n_all = len(self.latest) + n_samples
        few = self.n_started < n_parameters and n_all >= WORTH_A_START * self.n_started
        return varies or few

    def with_batch(
        self,
        samples: WeightedRows,
        memory: Memory | None,
        network: Network,
        penalty: Penalty,
        loss: Loss,
        *,
        remember: bool,
        n_pending: int = 0,
    ) -> "Stream":
        """Keep the latest samples, and remember of the others what they say of the parameters.

        Parameters
        ----------
        samples : WeightedRows
            The latest samples and those of the batch.
        memory : Memory or None
            Of the samples before, for `network`.
        network : Network
            That has been trained on them.
        penalty : Penalty
            Of the training.
        loss : Loss
            Data fit.
        remember : bool
            Whether to remember at all.
        n_pending : int, default=0
            Number of the latest samples that it has not been trained on.
        """
        parameters = network.get_parameters()
        count = max(len(samples) - MAX_ROWS, 0)
        # Copies, lest a part keep the whole alive.
        gone, latest = samples.split(count)
        if count and remember:
            data = gone.scaled(network.scaling)
            memory = StreamObjective(network, data, loss, penalty, memory).memory(parameters)
        started = 0 if count else self.n_started
        limit, pending = self.max_grid_size, min(n_pending, len(latest))
        return Stream(latest, memory, self.ground, parameters, limit, started, pending)
