"""The losses by name: of regressions, and of classes."""

from collections.abc import Callable

from skkan.objective.losses._absolute import AbsoluteLoss
from skkan.objective.losses._binary_log import BinaryLogLoss
from skkan.objective.losses._gamma import GammaLoss
from skkan.objective.losses._huber import HuberLoss
from skkan.objective.losses._loss import Loss
from skkan.objective.losses._multinomial_log import MultinomialLogLoss
from skkan.objective.losses._poisson import PoissonLoss
from skkan.objective.losses._quantile import QuantileLoss
from skkan.objective.losses._squared import SquaredLoss

SQUARED_ERROR, QUANTILE = "squared_error", "quantile"
REGRESSION_LOSSES: dict[str, Callable[[], Loss]] = {
    SQUARED_ERROR: SquaredLoss,
    "absolute_error": AbsoluteLoss,
    "huber": HuberLoss,
    QUANTILE: QuantileLoss,
    "poisson": PoissonLoss,
    "gamma": GammaLoss,
}


def regression_loss(name: str = SQUARED_ERROR, quantile: float | None = None) -> Loss:
    """Return the loss of a regression; the names are scikit-learn's.

    Raises
    ------
    ValueError
        If a quantile is asked for and not given.

    Examples
    --------
    >>> from skkan.objective.losses._choice import regression_loss
    >>> regression_loss("quantile", 0.9).quantile
    0.9
    """
    if name != QUANTILE:
        return REGRESSION_LOSSES[name]()
    if quantile is None:
        raise ValueError("loss='quantile' needs quantile, a number between 0 and 1; got None.")
    return QuantileLoss(quantile=float(quantile))


def class_loss(n_classes: int) -> Loss:
    """Return the log-loss for so many classes."""
    return BinaryLogLoss() if n_classes == 2 else MultinomialLogLoss()
