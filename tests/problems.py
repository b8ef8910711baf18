"""Training problems as the estimators hand them to the trainer."""

from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.data._samples import TrainingData, scaling_of
from skkan.objective.losses._loss import Loss
from skkan.objective.losses._squared import SquaredLoss
from skkan.training._problem import Problem
from skkan.training._settings import Settings


def settings(**changes: Any) -> Settings:
    """Return settings of a small and quick fit."""
    options: dict[str, Any] = {
        "shape": (2, 2, 1),
        "grid_sizes": (3,),
        "degree": 3,
        "base_function": "zero",
        "quantile_share": 0.0,
        "solver": "lm",
        "alpha": 1e-2,
        "n_restarts": 1,
        "max_iter": 200,
        "tol": 1e-6,
        "n_iter_no_change": 5,
        "n_jobs": None,
    }
    options |= changes
    options.setdefault("arities", tuple((1,) * n_nodes for n_nodes in options["shape"][1:-1]))
    return Settings(**options)


def problem_of(
    X: FloatArray,
    y: FloatArray,
    validation: tuple[FloatArray, FloatArray] | None = None,
    loss: Loss | None = None,
    **changes: Any,
) -> Problem:
    """Return the problem of unweighted samples, with changes of the settings."""
    target, weight = y.reshape(len(y), -1).astype(float), np.ones(len(y))
    loss = loss or SquaredLoss()
    raw = TrainingData.unscaled(X, target, weight)
    scaling = scaling_of(raw, standardise=loss.standardises)
    held_out = None
    if validation is not None:
        X_out, y_out = validation
        held_out = TrainingData.of(
            X_out, y_out.reshape(len(y_out), -1).astype(float), np.ones(len(y_out)), scaling
        )
    data = TrainingData.of(X, target, weight, scaling)
    return Problem(data, held_out, loss, settings(**changes), scaling)
