"""A fitted model as a function of the user's own columns, before any step of a pipeline."""

import importlib
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline

from skkan._typing import FloatArray
from skkan.data._samples import spread_rows
from skkan.inspection._edges import fitted_network, output_names
from skkan.inspection._effects import Table
from skkan.inspection._fitted import Fitted, last_step

# Rows that bands are averaged over, at every value and over all data.
BAND_ROWS, MOST_GROUPS = 24, 20


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
        weight = None
        if X is None:
            if isinstance(model, Pipeline):
                raise ValueError("X must be given for a pipeline, in the units before its steps.")
            rows = own._state.rows.weighted()
            X, weight = rows.X, rows.weight
            encoder = getattr(own, "_encoder", None)
            if encoder is not None:
                X = encoder.decoded(X)
            X = _with_names(X, getattr(own, "feature_names_in_", None))
        # Raises where the data do not fit the model.
        Fitted.of(model, X)
        given: Any = X
        frame = _with_names(_columns_of(given), given.columns) if _is_polars(given) else given
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
        encoder = getattr(own, "_encoder", None)
        levels: dict[int, Any] = {}
        if encoder is not None and model is own:
            levels = {j: c.labels for j, c in enumerate(encoder.columns) if c.labels is not None}
        weight = np.ones(data.shape[0]) if weight is None else weight
        return cls(model, Table(data, names, weight, levels), output_names(own, target_names))

    def outputs(self, X: Any) -> FloatArray:
        """Return targets in their units, or log-odds, shape (n_rows, n_outputs)."""
        fitted = Fitted.of(self.model, X)
        return np.asarray(fitted.network(fitted.X), dtype=np.float64).reshape(len(fitted.X), -1)

    def deviations(self, table: Table, j: int, sites: NDArray[Any]) -> FloatArray:
        """Return standard deviations of the effect of a column, shape (n_sites, n_outputs).

        Parameters
        ----------
        table : Table
            Data to average over.
        j : int
            The column.
        sites : ndarray of shape (n_sites,)
            Its values.
        """
        own = last_step(self.model)
        few = table.rows(spread_rows(table.n_rows, BAND_ROWS))
        count = few.n_rows
        repeated = few.rows(np.tile(np.arange(count), len(sites)))
        moved = repeated.with_columns({j: np.repeat(sites, count)})
        # The effect is a difference from the mean over the data.
        data = table.rows(spread_rows(table.n_rows, BAND_ROWS * MOST_GROUPS))
        reference = Fitted.of(self.model, data.X)
        inputs = Fitted.of(self.model, moved.X).X
        found: FloatArray = own._state.posterior.deviations_of_means(
            reference.network, inputs, count, reference.X
        )
        return found

    @property
    def is_additive(self) -> bool:
        """Whether the outputs are sums of functions of one column each."""
        own = last_step(self.model)
        return self.model is own and len(fitted_network(own).layers) == 1

    @property
    def knows_deviations(self) -> bool:
        """Whether training has left what standard deviations are computed from."""
        return getattr(last_step(self.model)._state, "posterior", None) is not None

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


def _with_names(X: Any, names: ArrayLike | None) -> Any:
    """Return samples as a data frame, if their columns have names and pandas is there."""
    if names is None:
        return X
    try:
        pd: Any = importlib.import_module("pandas")
    except ImportError:
        return X
    return pd.DataFrame(X, columns=np.asarray(names)).infer_objects()


def _is_polars(X: Any) -> bool:
    return hasattr(X, "get_columns") and not hasattr(X, "iloc")


def _columns_of(X: Any) -> NDArray[Any]:
    """Return a data frame of polars as an array of objects."""
    found = np.empty((X.shape[0], len(X.columns)), dtype=object)
    for j, name in enumerate(X.columns):
        found[:, j] = X[name].to_list()
    return found
