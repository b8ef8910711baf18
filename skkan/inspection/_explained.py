"""A fitted model as a function of the user's own columns, before any step of a pipeline."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline

from skkan._typing import FloatArray
from skkan.inspection._edges import fitted_network, output_names
from skkan.inspection._effects import Table
from skkan.inspection._fitted import Fitted, last_step


@dataclass(frozen=True)
class Explained:
    """A model and the data that it is looked at with.

    Attributes
    ----------
    model : estimator
        Fitted estimator, pipeline or search.
    table : Table
        Data as `model` takes them.
    output_names : list of str
        Names of the outputs: targets, or log-odds of classes.
    """

    model: Any
    table: Table
    output_names: list[str]

    @classmethod
    def of(
        cls,
        model: Any,
        X: ArrayLike | None,
        feature_names: ArrayLike | None,
        target_names: ArrayLike | None,
    ) -> Self:
        """Check the model and its data.

        `X` may be left out for an estimator by itself, which keeps some rows of its training data.
        """
        model = getattr(model, "best_estimator_", model)
        own = last_step(model)
        fitted_network(own)
        if X is None:
            if isinstance(model, Pipeline):
                raise ValueError("X must be given for a pipeline, in the units before its steps.")
            X = own._state.rows.X
        # Raises where the data do not fit the model.
        Fitted.of(model, X)
        given: Any = X
        frame = given.to_pandas() if hasattr(given, "to_pandas") else given
        data: Any = frame if hasattr(frame, "iloc") else np.asarray(frame)
        n_columns = data.shape[1]
        if feature_names is not None:
            names = [str(name) for name in np.asarray(feature_names).ravel()]
            if len(names) != n_columns:
                raise ValueError(
                    f"feature_names must hold {n_columns} names, got {len(names)}: "
                    f"{', '.join(names)}."
                )
        elif hasattr(data, "columns"):
            names = [str(name) for name in data.columns]
        else:
            seen = getattr(model, "feature_names_in_", None)
            names = [f"x{j}" for j in range(n_columns)] if seen is None else list(seen)
        return cls(model, Table(data, names), output_names(own, target_names))

    def outputs(self, X: Any) -> FloatArray:
        """Return targets in their units, or log-odds, shape (n_rows, n_outputs)."""
        fitted = Fitted.of(self.model, X)
        return np.asarray(fitted.network(fitted.X), dtype=np.float64).reshape(len(fitted.X), -1)

    def output_number(self, target: int | str) -> int:
        """Return the number of an output that is given by number or by name."""
        names = self.output_names
        if isinstance(target, str) and target in names:
            return names.index(target)
        labels = getattr(last_step(self.model), "classes_", None)
        if labels is not None and len(names) > 1 and target in labels.tolist():
            return int(labels.tolist().index(target))
        if not isinstance(target, (int, np.integer)) or not 0 <= target < len(names):
            raise ValueError(f"target={target!r} is no output; there are: {', '.join(names)}.")
        return int(target)
