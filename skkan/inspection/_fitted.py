"""The fitted estimator behind what a display is given: a pipeline, a search, or an estimator."""

from dataclasses import dataclass
from typing import Any, Self

from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skkan._typing import FloatArray
from skkan.inspection._edges import fitted_network, input_names
from skkan.network._network import Network


def last_step(estimator: Any) -> Any:
    """Return the estimator that has the network: the last step, the best, or the inner one."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    if isinstance(estimator, Pipeline):
        return last_step(estimator[-1])
    inner = getattr(estimator, "network_", None)
    return estimator if inner is None or isinstance(inner, Network) else inner


@dataclass(frozen=True)
class Fitted:
    """A fitted estimator with its data and the names of its columns.

    Attributes
    ----------
    estimator : KANRegressor or KANClassifier
        The last step of a pipeline, the best estimator of a search, or the network of a
        `KANSymbolicRegressor`.
    X : ndarray of shape (n_samples, n_features)
        Validated data as this estimator gets them.
    feature_names : list of str
        Names of the columns of `X`.
    """

    estimator: Any
    X: FloatArray
    feature_names: list[str]

    @property
    def network(self) -> Network:
        """The fitted network."""
        return fitted_network(self.estimator)

    @classmethod
    def of(cls, estimator: Any, X: ArrayLike, names: ArrayLike | None = None) -> Self:
        """Look into pipelines and searches.

        Parameters
        ----------
        estimator : estimator
            Fitted estimator, pipeline, search over parameters or symbolic regressor.
        X : array-like of shape (n_samples, n_features)
            Data in the form that `estimator` takes.
        names : array-like of str, optional
            Names of the columns that the last step gets; by default those that it has seen, or
            that the steps before it give them.
        """
        estimator = getattr(estimator, "best_estimator_", estimator)
        if isinstance(estimator, Pipeline):
            check_is_fitted(estimator)
            before = estimator[:-1]
            if names is None and len(before) > 0:
                names = _output_columns(before)
            data = before.transform(X) if len(before) > 0 else X
            return cls.of(estimator[-1], data, names)
        if names is None:
            names = getattr(estimator, "feature_names_in_", None)
        own = last_step(estimator)
        fitted_network(own)
        # The network of a symbolic regressor has not seen the names of the columns.
        checker = estimator if hasattr(estimator, "_validated") else own
        return cls(own, checker._validated(X, reset=False), input_names(own, names))


def _output_columns(steps: Pipeline) -> ArrayLike | None:
    try:
        names: ArrayLike = steps.get_feature_names_out()
    except (AttributeError, ValueError):
        # A step does not tell; columns are numbered then.
        return None
    return names
