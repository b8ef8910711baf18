"""KANClassifier."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from skkan._base import BaseKAN, reject_sparse
from skkan._losses import BinaryLogLoss, Loss, MultinomialLogLoss
from skkan._progress import Progress
from skkan._typing import FloatArray


class KANClassifier(ClassifierMixin, BaseKAN):
    """Kolmogorov-Arnold network for classification."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseKAN._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: ArrayLike = (5,),
        *,
        grid_size: int | ArrayLike = 5,
        degree: int = 3,
        base_function: str = "zero",
        knots: str | float = "uniform",
        solver: str = "auto",
        alpha: str | float = "auto",
        n_restarts: int = 2,
        max_iter: int = 1000,
        tol: float = 1e-5,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int | bool = 0,
        class_weight: dict[Any, float] | str | None = None,
    ) -> None:
        super().__init__(
            hidden_layer_sizes,
            grid_size=grid_size,
            degree=degree,
            base_function=base_function,
            knots=knots,
            solver=solver,
            alpha=alpha,
            n_restarts=n_restarts,
            max_iter=max_iter,
            tol=tol,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            warm_start=warm_start,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )
        self.class_weight = class_weight

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the network to data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        y : array-like of shape (n_samples,)
            Labels of any kind.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights; a weight of 2 is the same as a repeated sample.

        Returns
        -------
        self : KANClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If parameters or data cannot be used, or hold fewer than two classes.
        TypeError
            If `X` is sparse.
        """
        with self._all_or_nothing():
            inputs, labels = validate_data(self, reject_sparse(X), y, dtype=np.float64)
            check_classification_targets(labels)
            weight = self._validated_weights(sample_weight, inputs)
            self.classes_, codes = np.unique(labels, return_inverse=True)
            counts = np.bincount(codes, weights=weight).astype(np.float64)
            if np.count_nonzero(counts) < 2:
                raise ValueError(
                    "KANClassifier needs samples of at least two classes, but y has only one "
                    f"class with positive weight: {self.classes_[counts.argmax()]!r}."
                )
            weight = np.multiply(weight, self._class_weights(labels, counts)[codes])
            binary = len(self.classes_) == 2
            target = np.eye(len(self.classes_))[codes]
            loss: Loss = BinaryLogLoss() if binary else MultinomialLogLoss()
            progress = Progress(self, lambda network: {"network_": network}, X, y, sample_weight)
            self._train(
                inputs,
                target[:, 1:] if binary else target,
                weight,
                loss,
                progress,
                standardise=False,
                labels=codes,
            )
            progress.close(self.network_)
        return self

    def _class_weights(self, y: NDArray[Any], counts: FloatArray) -> FloatArray:
        """Return the factor of every class; "balanced" counts weighted samples."""
        if self.class_weight == "balanced":
            return counts.sum() / (len(counts) * np.where(counts > 0.0, counts, np.inf))
        factors: FloatArray = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
        return factors

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """Return the network's outputs: log-odds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes the log-odds of ``classes_[1]``, else one score per class, whose
            softmax gives the probabilities.
        """
        out = self._outputs(X)
        return out[:, 0] if len(self.classes_) == 2 else out

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Return class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        out = self._outputs(X)
        if len(self.classes_) == 2:
            return np.concatenate([expit(-out), expit(out)], axis=1)
        return softmax(out, axis=1)

    def predict_log_proba(self, X: ArrayLike) -> FloatArray:
        """Return the logarithms of :meth:`predict_proba`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        out = self._outputs(X)
        if len(self.classes_) == 2:
            return np.concatenate([log_expit(-out), log_expit(out)], axis=1)
        return log_softmax(out, axis=1)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The most probable label.
        """
        scores = self.decision_function(X)
        found = (scores > 0.0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[found]
