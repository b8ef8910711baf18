"""KANClassifier for Dask."""

from functools import reduce
from typing import Any, Self

import dask
import numpy as np
from dask.delayed import delayed
from sklearn.metrics import accuracy_score

import skkan
from skkan.dask._base import BaseDaskKAN
from skkan.dask._collections import is_collection
from skkan.dask._validation import (
    block_class_weights,
    block_weights,
    encoded_block,
    labelled_block,
)
from skkan.data._weights import WeightSummary
from skkan.estimators._targets import total_class_weights
from skkan.objective.losses._choice import class_loss
from skkan.training._progress import Progress


class KANClassifier(BaseDaskKAN, skkan.KANClassifier):
    """Kolmogorov-Arnold network for classification, fitted where the samples are.

    Parameters, attributes and methods are those of :class:`skkan.KANClassifier`. Given Dask arrays
    or data frames, `fit` leaves the samples on their workers and exchanges parameters and sums with
    them, and `predict`, `predict_proba`, `predict_log_proba` and `decision_function` return lazy
    arrays. Everything else is taken as by :class:`skkan.KANClassifier`.

    See Also
    --------
    skkan.KANClassifier : Parameters and attributes.
    skkan.dask.KANRegressor : The same for numbers, with notes on how it works.

    Examples
    --------
    >>> import dask
    >>> import dask.array as da
    >>> from skkan.dask import KANClassifier
    >>> X = da.random.default_rng(0).uniform(-1.0, 1.0, size=(400, 2), chunks=(100, 2))
    >>> y = (X**2).sum(axis=1) > 0.5
    >>> with dask.config.set(scheduler="synchronous"):
    ...     model = KANClassifier((), alpha=1e-3, random_state=0).fit(X, y)
    ...     print(model.score(X, y) > 0.95)
    True
    >>> model.predict_proba(X).shape
    (400, 2)
    """

    _metric = staticmethod(accuracy_score)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the network to data.

        Parameters
        ----------
        X : Dask array, Dask data frame or array-like of shape (n_samples, n_features)
            Inputs.
        y : Dask or other array-like of shape (n_samples,)
            Labels of any kind.
        sample_weight : Dask or other array-like of shape (n_samples,), optional
            Non-negative weights; a weight of 2 is the same as a repeated sample, a weight of 0 the
            same as none.

        Returns
        -------
        self : KANClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If parameters or data cannot be used or hold fewer than two classes, or the blocks of a
            Dask array have unknown lengths.

        Warns
        -----
        ConvergenceWarning
            If the last run of the solver was ended by `max_iter`.
        """
        return super().fit(X, y, sample_weight)

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, go_on: bool = False) -> Self:
        if not is_collection(X):
            return super()._fit(X, *dask.compute(y, sample_weight), go_on=go_on)
        with self._restored_on_failure():
            aligned = self._aligned(X, y, sample_weight, reset=not go_on)
            blocks = dask.persist(*(delayed(labelled_block)(*one) for one in aligned.blocks()))
            labels, weights = total_class_weights(
                dask.compute(*map(delayed(block_class_weights), blocks))
            )
            places = self._places(labels, go_on=go_on)
            counts = np.zeros(len(self.classes_))
            counts[places] = weights
            factors = self._class_weights(counts)
            n_outputs = 1 if len(self.classes_) == 2 else len(self.classes_)
            progress = Progress(self, lambda network: {"network_": network}, X, y, sample_weight)
            counted = self.class_weight is not None
            unit = None
            if counted:
                seen = dask.compute(*map(delayed(block_weights), blocks))
                unit = reduce(WeightSummary.merged, seen).unit()
            self._train_blocks(
                [delayed(encoded_block)(block, self.classes_, factors, unit) for block in blocks],
                (aligned.inputs.shape[1], n_outputs),
                class_loss(len(self.classes_)),
                progress,
                go_on=go_on,
                counted=counted,
            )
            progress.close(self.network_)
        return self

    def predict_proba(self, X: Any) -> Any:
        """Return class probabilities.

        Parameters
        ----------
        X : Dask array, Dask data frame or array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        probabilities : dask.array.Array or ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As :meth:`predict` does.
        """
        return self._of_blocks("predict_proba", X)

    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithms of :meth:`predict_proba`.

        Parameters
        ----------
        X : Dask array, Dask data frame or array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        log_probabilities : dask.array.Array or ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As :meth:`predict` does.
        """
        return self._of_blocks("predict_log_proba", X)

    def decision_function(self, X: Any) -> Any:
        """Return the network's outputs: log-odds.

        Parameters
        ----------
        X : Dask array, Dask data frame or array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        scores : dask.array.Array or ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes the log-odds of ``classes_[1]``, else one score per class, whose
            softmax gives the probabilities.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As :meth:`predict` does.
        """
        return self._of_blocks("decision_function", X)
