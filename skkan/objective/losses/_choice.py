"""The losses by name: of regressions, and of classes."""

from collections.abc import Callable

from skkan.objective.losses._binary_log import BinaryLogLoss
from skkan.objective.losses._loss import Loss
from skkan.objective.losses._multinomial_log import MultinomialLogLoss
from skkan.objective.losses._squared import SquaredLoss

SQUARED_ERROR = "squared_error"
REGRESSION_LOSSES: dict[str, Callable[[], Loss]] = {SQUARED_ERROR: SquaredLoss}


def regression_loss(name: str = SQUARED_ERROR) -> Loss:
    """Return the loss of a regression; the names are scikit-learn's."""
    return REGRESSION_LOSSES[name]()


def class_loss(n_classes: int) -> Loss:
    """Return the log-loss for so many classes."""
    return BinaryLogLoss() if n_classes == 2 else MultinomialLogLoss()
