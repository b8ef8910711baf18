"""What the estimators for Dask share: fits on workers, and lazy predictions."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import dask
import numpy as np
from dask.delayed import Delayed, delayed
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_n_features, check_is_fitted

from skkan._typing import FloatArray
from skkan.dask._collections import Aligned, check_names, is_collection
from skkan.dask._prediction import lazily
from skkan.dask._preparation import Parts, prepared_parts
from skkan.estimators._base import BaseKAN
from skkan.objective.losses._loss import Loss
from skkan.training._progress import Progress


class BaseDaskKAN(BaseKAN):
    """Takes Dask arrays and data frames where the estimator behind it takes arrays."""

    _metric: ClassVar[Callable[..., float]]

    def _aligned(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> Aligned:
        """Check all that is known of data before they are computed."""
        check_names(self, X, reset=reset)
        aligned = Aligned.of(X, y, sample_weight)
        _check_n_features(self, aligned.inputs, reset=reset)
        return aligned

    def _train_blocks(
        self,
        blocks: Sequence[Delayed],
        shape: tuple[int, int],
        loss: Loss,
        progress: Progress,
        *,
        go_on: bool,
        counted: bool = False,
    ) -> None:
        """Fit the network to samples on workers, and store what it found.

        Parameters
        ----------
        blocks : sequence of Delayed
            Inputs, targets and positive weights.
        shape : tuple of int
            Numbers of inputs and of targets.
        loss : Loss
            Data fit.
        progress : Progress
            Receives phases and iterations.
        go_on : bool
            Whether to keep the network that is there and train it further.
        counted : bool, default=False
            Whether weights are numbers of samples already.
        """
        random_state = check_random_state(self.random_state)
        rng = np.random.default_rng(random_state.randint(2**31))
        blocks = dask.persist(*blocks)
        parts = Parts(blocks, np.array(dask.compute(*map(delayed(_length), blocks))), *shape)
        parts = replace(parts, counted=counted)
        if parts.n_samples == 0:
            raise ValueError(
                "sample_weight is zero for all samples; at least one must be positive."
            )
        rows = held_out = None
        if self.early_stopping:
            codes = dask.compute(*map(delayed(_codes), blocks)) if loss.of_classes else ()
            labels = np.concatenate(codes) if codes else None
            rows, held_out = self._split(np.arange(parts.n_samples), labels, random_state)
        given = not self._is_free(streaming=False)
        prepared = prepared_parts(parts, loss.standardises, rows, held_out, given)
        # What is prepared is all that is needed from here on.
        del blocks, parts
        self._train_on(prepared, loss, progress, rng, go_on=go_on)

    def _of_blocks(self, method: str, X: Any) -> Any:
        """Return what a method of the estimator makes of `X`, lazily if that lies in blocks."""
        if is_collection(X):
            return lazily(self, method, X)
        return getattr(super(), method)(X)

    def predict(self, X: Any, *options: Any, **named_options: Any) -> Any:
        """Predict targets or labels.

        Parameters
        ----------
        X : Dask array, Dask data frame or array-like of shape (n_samples, n_features)
            Inputs. Beyond the range of the training data the splines go on as straight lines.
        *options, **named_options
            Those of the ordinary estimator, such as `return_std`; not for Dask's collections.

        Returns
        -------
        y : dask.array.Array or ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions, in the shape of the targets of `fit`. Those for Dask's collections are
            computed when they are asked for, block by block, with the model as it is now.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` has other columns than in `fit`. Values that are not finite, or lie so far
            outside that the prediction overflows, are found when predictions are computed.
        """
        if not (options or named_options):
            return self._of_blocks("predict", X)
        if is_collection(X):
            raise ValueError(
                "return_std, return_cov and include_noise are for samples in memory, but X is a "
                "Dask collection. Call predict with X.compute(), or with its blocks."
            )
        return super().predict(X, *options, **named_options)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the R^2 of predicted targets, or the accuracy of predicted labels.

        Parameters
        ----------
        X : Dask array, Dask data frame or array-like of shape (n_samples, n_features)
            Inputs.
        y : Dask or other array-like of shape (n_samples,) or (n_samples, n_outputs)
            True targets or labels.
        sample_weight : Dask or other array-like of shape (n_samples,), optional
            Weights.

        Returns
        -------
        score : float
            Computed in this process from the predictions, which are brought here.
        """
        check_is_fitted(self)
        found, y, sample_weight = dask.compute(self.predict(X), y, sample_weight)
        return type(self)._metric(y, found, sample_weight=sample_weight)


def _length(block: tuple[Any, ...]) -> int:
    return len(block[0])


def _codes(block: tuple[FloatArray, FloatArray, FloatArray]) -> NDArray[np.intp]:
    """Return the classes of a block of memberships, which have one column for two classes."""
    target = block[1]
    return target[:, 0].astype(int) if target.shape[1] == 1 else target.argmax(axis=1)
