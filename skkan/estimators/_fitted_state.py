"""What a fit leaves behind besides the network."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from skkan._typing import FloatArray
from skkan.anova._uncertainty import AnalysisPosterior
from skkan.data._typical_rows import TypicalRows
from skkan.inspection._scores import LayerActivity, activity_on
from skkan.network._network import Network
from skkan.objective._objective import Objective
from skkan.objective._penalties import Penalty
from skkan.objective._sparsity import Sparsity
from skkan.objective.losses._loss import Loss
from skkan.training._grids import share_constants
from skkan.training.evidence._posterior import PredictivePosterior

# Times the mean loss before: what an edit may leave of samples that it is meant to explain.
MOST_EDITED = 2.0


@dataclass(frozen=True)
class FittedState:
    """What scores, edits and further training of a fitted network need to know.

    It is replaced as a whole whenever the network is, and never changed in place.

    Attributes
    ----------
    penalty : Penalty
        Penalty of the fit, with a weight for every edge of the network.
    activity : list of LayerActivity
        Mean and standard deviation of every edge function on the training data, by layer.
    rows : TypicalRows
        Rows of the training data that stand for all of them, with targets and weights.
    alpha : float or None
        Parameter `alpha` of the fit; None if the penalty weights were chosen.
    posterior : PredictivePosterior, AnalysisPosterior or None
        What the training data leave open about the network; None if that is not known.
    expected : float or None
        Mean loss of a sample like those of the training, as the latest training has found it
        where it has come to an end.
    data_fit : Loss or None
        Loss of the training, which the penalty weights belong to.
    weight_unit : float
        What the weights of the training have been divided by to be numbers of samples.
    """

    penalty: Penalty
    activity: list[LayerActivity]
    rows: TypicalRows
    alpha: float | None
    posterior: PredictivePosterior | AnalysisPosterior | None = None
    expected: float | None = None
    data_fit: Loss | None = None
    weight_unit: float = 1.0

    def edited(self, network: Network, penalty: Penalty | None = None) -> Self:
        """Return the state of a network that was changed without training."""
        return replace(
            self,
            penalty=penalty or self.penalty,
            posterior=None,
            activity=activity_on(network, self.rows.X, self.rows.weight),
            expected=self._expected_of(network),
        )

    def _expected_of(self, network: Network) -> float | None:
        """Return the mean loss of a sample like those of the training, after an edit.

        An edit that costs little is meant; what one costs that costs much is there to be regained.
        """
        if self.expected is None or self.data_fit is None:
            return self.expected
        rows = self.rows.weighted().scaled(network.scaling)
        with np.errstate(all="ignore"):
            loss = self.data_fit.value(network.outputs(rows.inputs), rows.target, rows.weight)
        return max(self.expected, loss) if loss <= MOST_EDITED * self.expected else self.expected

    def objective_of(self, network: Network, loss: Loss, sparsity: float) -> float:
        """Return the objective of the training at a network, on the rows that stand for all.

        Parameters
        ----------
        network : Network
            The network that this is the state of.
        loss : Loss
            Data fit.
        sparsity : float
            As in the training.
        """
        # How the constants of a node are shared among its edges changes no function.
        network = network.copy()
        share_constants(network, self.penalty.softmax)
        data = self.rows.weighted().scaled(network.scaling)
        rows = data.rows(network.layers[0])
        sparse = Sparsity.of(network, rows, sparsity) if sparsity > 0.0 else None
        objective = Objective(network, data, loss, self.penalty, rows, sparse)
        return objective.value(network.get_parameters())

    def refined(self, before: Network, after: Network) -> Self:
        """Return the state of the same network on other grids."""
        if self.alpha is None:
            penalty = self.penalty.kept_between(before, after)
        else:
            units = [np.ones(layer.n_subnodes) for layer in after.layers]
            penalty = self.penalty.carried_to(after, units)
        return replace(self, penalty=penalty, posterior=None)

    def penalty_weights(self) -> list[FloatArray]:
        """Return the roughness weights of the edges of every layer."""
        return [layer.weights["rough"].copy() for layer in self.penalty.layers]
