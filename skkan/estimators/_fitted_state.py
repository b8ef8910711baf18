"""What a fit leaves behind besides the network."""

from dataclasses import dataclass, replace
from typing import Self

from skkan._typing import FloatArray
from skkan.anova._uncertainty import AnalysisPosterior
from skkan.data._typical_rows import TypicalRows
from skkan.inspection._scores import LayerActivity, activity_on
from skkan.network._network import Network
from skkan.objective._penalties import Penalty
from skkan.training._posterior import PredictivePosterior


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
        Rows of the training data that stand for all of them.
    total_weight : float
        Sum of the weights of all rows of the training data.
    alpha : float or None
        Parameter `alpha` of the fit; None if the penalty weights were chosen.
    posterior : PredictivePosterior, AnalysisPosterior or None
        What the training data leave open about the network; None if that is not known.
    """

    penalty: Penalty
    activity: list[LayerActivity]
    rows: TypicalRows
    total_weight: float
    alpha: float | None
    posterior: PredictivePosterior | AnalysisPosterior | None = None

    def edited(self, network: Network, penalty: Penalty | None = None) -> Self:
        """Return the state of a network that was changed without training."""
        return replace(
            self,
            penalty=penalty or self.penalty,
            posterior=None,
            activity=activity_on(network, self.rows.X, self.rows.weight),
        )

    def penalty_weights(self) -> list[FloatArray]:
        """Return the roughness weights of the edges of every layer."""
        return [layer.weights["rough"].copy() for layer in self.penalty.layers]
