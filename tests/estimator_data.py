"""Small data sets and a recording callback that the tests of the estimators share."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from skkan import KANClassifier, KANRegressor
from skkan._typing import FloatArray
from skkan.training._progress import Phase

ESTIMATORS = (KANRegressor, KANClassifier)
ADDITIVE: dict[str, Any] = {"hidden_layer_sizes": (), "random_state": 0}
"""Fits in a hundredth of a second."""
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (2,),
    "grid_size": 3,
    "n_restarts": 2,
    "random_state": 0,
}
"""Fits in a tenth of a second."""


def curved_data(
    n_samples: int = 60, n_features: int = 2, seed: int = 0
) -> tuple[FloatArray, FloatArray]:
    """Return X and a target whose first two columns bend; later columns are noise."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, size=(n_samples, n_features))
    y = np.sin(3.0 * X[:, 0]) + X[:, 1] ** 2 + 0.05 * rng.normal(size=n_samples)
    return X, y


def product_data(n_samples: int = 80, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Return X and a target that no sum of functions of single columns comes near."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, size=(n_samples, 2))
    return X, X[:, 0] * X[:, 1] + 0.01 * rng.normal(size=n_samples)


def labels_of(y: FloatArray, n_classes: int = 2) -> np.ndarray:
    """Return noisy classes 0, 1, ..., so that no boundary separates them."""
    noisy = y + np.random.default_rng(1).normal(scale=0.3, size=len(y))
    return np.digitize(noisy, np.quantile(noisy, np.arange(1, n_classes) / n_classes))


def target_for(estimator: Any, y: FloatArray) -> np.ndarray:
    """Return `y` for regressors and classes made of it for classifiers."""
    cls = estimator if isinstance(estimator, type) else type(estimator)
    return labels_of(y) if cls is KANClassifier else y


def outputs(estimator: Any, X: Any) -> FloatArray:
    """Return what shows every difference: predictions, or the log-odds behind them."""
    if isinstance(estimator, KANClassifier):
        return estimator.decision_function(X)
    return estimator.predict(X)


def largest_difference(a: FloatArray, b: FloatArray) -> float:
    """Return the largest difference relative to the largest value."""
    return float(np.abs(a - b).max() / np.abs(a).max())


def interrupt_after(monkeypatch: pytest.MonkeyPatch, n_iter: int) -> list[Callable[[], Any]]:
    """Press Ctrl-C after the `n_iter`-th iteration; the race is iteration 0.

    Returns a list that holds, of every iteration so far, the function that returns its network.
    """
    seen: list[Callable[[], Any]] = []
    step = Phase.step

    def stepping(self: Phase, loss: float, get_network: Callable[[], Any]) -> bool:
        stop = step(self, loss, get_network)
        seen.append(get_network)
        if len(seen) == n_iter + 1:
            raise KeyboardInterrupt
        return stop

    monkeypatch.setattr(Phase, "step", stepping)
    return seen


class Recorder:
    """A callback of scikit-learn that keeps the tasks it is told of, and may ask to stop."""

    def __init__(self, stop: Callable[[Any], bool] = lambda _: False) -> None:
        self.began: list[Any] = []
        self.ended: list[Any] = []
        self.log: list[str] = []
        self.fitted: list[Any] = []
        self.stop = stop

    def setup(self, estimator: Any, context: Any) -> None:  # noqa: ARG002
        self.log.append("setup")

    def teardown(self, estimator: Any, context: Any) -> None:  # noqa: ARG002
        self.log.append("teardown")

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:  # noqa: ARG002
        self.began.append(context)

    def on_fit_task_end(
        self,
        estimator: Any,  # noqa: ARG002
        context: Any,
        *,
        fitted_estimator: Any = None,
    ) -> bool:
        self.ended.append(context)
        self.fitted.append(fitted_estimator)
        return self.stop(context)

    @property
    def phases(self) -> list[Any]:
        """The tasks right below a fit, in order."""
        return [c for c in self.began if c.parent is not None and c.parent.parent is None]

    def iterations(self, phase: Any) -> list[Any]:
        """The tasks below a phase, in order."""
        return [c for c in self.began if c.parent is phase]
