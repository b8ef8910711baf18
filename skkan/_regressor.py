"""KANRegressor."""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils.validation import validate_data

from skkan._base import BaseKAN, reject_sparse
from skkan._losses import SquaredLoss
from skkan._progress import Progress
from skkan._typing import FloatArray


class KANRegressor(RegressorMixin, BaseKAN):
    """Kolmogorov-Arnold network for regression."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the network to data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights; a weight of 2 is the same as a repeated sample.

        Returns
        -------
        self : KANRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If parameters or data cannot be used.
        TypeError
            If `X` is sparse.
        """
        with self._all_or_nothing():
            inputs, targets = validate_data(
                self, reject_sparse(X), y, dtype=np.float64, multi_output=True, y_numeric=True
            )
            weight = self._validated_weights(sample_weight, inputs)
            targets = np.asarray(targets, dtype=np.float64)
            self._single_target = targets.ndim == 1
            progress = Progress(self, lambda network: {"network_": network}, X, y, sample_weight)
            self._train(
                inputs,
                targets.reshape(len(inputs), -1),
                weight,
                SquaredLoss(),
                progress,
                standardise=True,
            )
            progress.close(self.network_)
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs. Beyond the range of the training data the edge functions go on as straight
            lines.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions, in the shape of the targets of `fit`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` has other columns than in `fit`, or values that are not finite, or lies so far
            outside that the prediction overflows.
        """
        out = self._outputs(X)
        return out[:, 0] if self._single_target else out

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
