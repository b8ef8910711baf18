"""Constants of symbolic edges, fitted to machine precision."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.data._samples import TrainingData
from skkan.network._network import Network
from skkan.objective._objective import Objective
from skkan.objective._penalties import Penalty
from skkan.objective.losses._loss import Loss
from skkan.solvers._lm import minimize_lm


class _NoPenalty:
    """Stands for a penalty where there is none."""

    def add_hessian(self, network: Network, matrix: FloatArray) -> None:
        """Leave `matrix` as it is."""


class FreeObjective(Objective):
    """The loss alone, as a function of some of the parameters.

    Parameters
    ----------
    network : Network
        Gives the architecture and the parameters that are held still.
    data : TrainingData
        Scaled samples.
    loss : Loss
        Data fit.
    free : ndarray of bool of shape (n_parameters,)
        Parameters that vary.
    """

    def __init__(
        self, network: Network, data: TrainingData, loss: Loss, free: NDArray[np.bool_]
    ) -> None:
        super().__init__(network, data, loss, Penalty(network, 0.0, 0.0))
        nothing: Any = _NoPenalty()
        self.penalty = nothing
        self.free = free
        self.parameters = network.get_parameters()

    def full(self, parameters: FloatArray) -> FloatArray:
        """Return all parameters, given those that vary."""
        result = self.parameters.copy()
        result[self.free] = parameters
        return result

    @property
    def bends(self) -> bool:
        """False, as for all networks with symbolic edges."""
        return False

    def value(self, parameters: FloatArray) -> float:
        """Return the loss, infinite where the network is not finite."""
        with np.errstate(all="ignore"):
            value = self.data_value(self.full(parameters))
        return value if np.isfinite(value) else np.inf

    def normal_equations(self, parameters: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return loss, gradient and the Gauss-Newton matrix over the parameters that vary."""
        with np.errstate(all="ignore"):
            return self._loss_equations(self.full(parameters), self.free)


def polish(
    network: Network,
    data: TrainingData,
    loss: Loss,
    max_iter: int = 200,
    free: NDArray[np.bool_] | None = None,
) -> tuple[Network, float]:
    """Fit all constants of a network, without penalty.

    Parameters
    ----------
    network : Network
        Fully or partly symbolic; what splines there are follow.
    data : TrainingData
        Samples in the scaling of the network.
    loss : Loss
        Data fit.
    max_iter : int, default=200
        Largest number of steps.
    free : ndarray of bool of shape (n_parameters,), optional
        Parameters that may change; by default all that have an effect.

    Returns
    -------
    network : Network
        The fitted network; the one given, where no step is an improvement.
    loss : float
        Its mean loss.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan import KANRegressor
    >>> from skkan.data._samples import TrainingData
    >>> from skkan.objective.losses._squared import SquaredLoss
    >>> from skkan.symbolic.recognition._polish import polish
    >>> X = np.linspace(-1.0, 1.0, 100)[:, None]
    >>> y = np.exp(2.0 * X[:, 0])
    >>> model = KANRegressor((), random_state=0).fit(X, y).fix_symbolic(0, 0, 0, "exp")
    >>> scaling = model.network_.scaling
    >>> data = TrainingData.of(X, y[:, None], np.ones(100), scaling)
    >>> polish(model.network_, data, SquaredLoss())[1] < 1e-28
    True
    """
    if free is None:
        free = network.splined
        free[network.n_coefficients :] = True
    objective = FreeObjective(network, data, loss, free)
    start = objective.parameters[free]
    before = objective.value(start)
    if not free.any() or not np.isfinite(before):
        return network, before
    result = minimize_lm(objective, start, max_iter, 1e-10)
    if not result.value < before:
        return network, before
    other = network.copy()
    other.set_parameters(objective.full(result.parameters))
    return other, result.value
