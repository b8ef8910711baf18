"""KANClassifier."""

from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from skkan._typing import FloatArray
from skkan.data._blocks import MAX_CACHE_BYTES
from skkan.data._large_data import parts_of, release
from skkan.estimators._base import BaseKAN
from skkan.estimators._parameter_docs import with_shared_parameters
from skkan.estimators._targets import Labels, class_weights, total_class_weights
from skkan.estimators.methods._fitted_methods import FittedMethodsMixin
from skkan.estimators.methods._partial_fit import ClassifierStreamMixin
from skkan.objective.losses._choice import class_loss
from skkan.objective.losses._loss import Loss
from skkan.training._progress import Progress


@with_shared_parameters
class KANClassifier(ClassifierMixin, ClassifierStreamMixin, FittedMethodsMixin, BaseKAN):
    """Kolmogorov-Arnold network for classification.

    Every edge of the network carries a smooth function of one variable, a B-spline on a grid, and
    every node adds up what its edges bring. The outputs are log-odds, fitted by penalised maximum
    likelihood: one for two classes, else one per class. Columns of `X` are scaled inside, so that
    their units do not matter.

    Parameters
    ----------
    {shared_parameters}
    class_weight : dict, "balanced" or None, default=None
        Factors of the sample weights by class. ``"balanced"`` makes the weights of every class sum
        to the same value, sample weights included. ``None`` leaves them as they are.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    network_ : Network
        The fitted network. Called with an array of shape (n_samples, n_features) in the units of
        `X`, it returns its outputs, shape (n_samples, n_outputs).
    alpha_ : list of ndarray of shape (n_in, n_out)
        For every layer, the roughness weights of the edges between its ``n_in`` input and
        ``n_out`` output nodes.
    edge_scores_ : list of ndarray of shape (n_in, n_subnodes)
        For every layer, how much of the outputs its edges stand for, by the standard deviations of
        the edge functions on the training data.
    node_scores_ : list of ndarray of shape (n_nodes,)
        The same for the nodes from the inputs to the outputs; 1 for an output, unless it is
        constant.
    feature_importances_ : ndarray of shape (n_features,)
        Scores of the columns, made to sum to 1; all zero for a constant model.
    terms_ : list of AnalysisTerm
        Main effects and interactions, where ``hidden_layer_sizes="auto"`` has ended with an
        analysis of variance.
    active_features_ : ndarray of bool of shape (n_features,)
        False for columns without any effect: those that were constant in `fit` or have been
        pruned.
    solver_ : {"lbfgs", "lm", "adam"}
        The solver used.
    n_iter_ : int
        Number of solver iterations after the race, on all grids together; those of the additive
        model alone where it has taken the place of the network.
    loss_curve_ : list of float
        Objective, loss plus penalty, after every one of them. It may rise where a grid moves or,
        with ``alpha="auto"``, where the weights change.
    loss_ : float
        Objective of ``network_``; once it has been changed without training, that on the rows which
        the estimator keeps.
    best_loss_ : float
        Smallest value of ``loss_curve_``. With ``alpha="auto"`` this may be the objective of a
        network that was given up for a smoother one.
    validation_loss_curve_ : list of float
        Loss of the held-out samples, without penalty, after every iteration. Only with
        `early_stopping`.
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if `X` has names that are all strings.
    n_outputs_ : int
        Number of outputs of the network: 1 for two classes, else the number of classes.

    See Also
    --------
    KANRegressor : The same model for numbers.
    sklearn.neural_network.MLPClassifier : Network with fixed functions on the nodes.
    sklearn.linear_model.LogisticRegression : Log-odds that are linear in the columns.

    Notes
    -----
    The loss is the mean log-loss of the training samples, in nats. Equal samples are merged, so
    that weights are exactly repetitions, to the bit where the data are copied (see
    `max_cache_bytes`).

    Beyond the range of the training data the splines go on as straight lines.

    A keyboard interrupt ends the training with a warning and leaves the best network so far.

    References
    ----------
    Z. Liu et al., "KAN: Kolmogorov-Arnold Networks", arXiv:2404.19756.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skkan import KANClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = KANClassifier(random_state=0).fit(X[::2], y[::2])
    >>> model.score(X[1::2], y[1::2]) > 0.9
    True
    >>> model.predict_proba(X[:1]).shape
    (1, 3)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseKAN._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: ArrayLike | str = "auto",
        *,
        grid_size: int | ArrayLike = 5,
        degree: int = 3,
        base_function: str = "zero",
        knots: str | float = "uniform",
        extrapolation: str = "auto",
        solver: str = "auto",
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.01,
        alpha: str | float = "auto",
        sparsity: float = 0.0,
        interaction_cst: Any = None,
        n_restarts: int | str = "auto",
        max_iter: int = 1000,
        tol: float = 1e-5,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        n_jobs: int | None = None,
        dtype: DTypeLike = "float64",
        max_cache_bytes: int = MAX_CACHE_BYTES,
        categorical_features: ArrayLike | str | None = "from_dtype",
        monotonic_cst: ArrayLike | dict[Any, int] | None = None,
        convexity_cst: ArrayLike | dict[Any, int] | None = None,
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
            extrapolation=extrapolation,
            solver=solver,
            batch_size=batch_size,
            learning_rate_init=learning_rate_init,
            alpha=alpha,
            sparsity=sparsity,
            interaction_cst=interaction_cst,
            n_restarts=n_restarts,
            max_iter=max_iter,
            tol=tol,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            warm_start=warm_start,
            n_jobs=n_jobs,
            dtype=dtype,
            max_cache_bytes=max_cache_bytes,
            categorical_features=categorical_features,
            monotonic_cst=monotonic_cst,
            convexity_cst=convexity_cst,
            random_state=random_state,
            verbose=verbose,
        )
        self.class_weight = class_weight

    @property
    def _analysed_loss(self) -> bool:
        return True

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
            Non-negative weights; a weight of 2 is the same as a repeated sample, a weight of 0 the
            same as none.

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

        Warns
        -----
        ConvergenceWarning
            If the last run of the solver was ended by `max_iter`.
        UserWarning
            If a keyboard interrupt has ended the training.
        """
        return self._fit(X, y, sample_weight)

    def _fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        *,
        go_on: bool = False,
    ) -> Self:
        with self._restored_on_failure():
            inputs, labels, weight = self._validated_samples(
                X, y, sample_weight, check_classification_targets, reset=not go_on
            )
            parts = []
            for part in parts_of(inputs):
                parts.append(class_weights(labels[part], weight[part]))
                release(labels, part)
            classes, sums = total_class_weights(parts)
            places = self._places(classes, go_on=go_on)
            counts = np.bincount(places, sums, len(self.classes_)).astype(np.float64)
            encode = Labels(self.classes_, self._class_weights(counts))
            loss = class_loss(len(self.classes_))
            progress = Progress(self, lambda network: {"network_": network}, X, y, sample_weight)
            self._train_encoded(
                *(inputs, labels, weight, encode, loss, progress),
                stratify=True,
                go_on=go_on,
                counted=self.class_weight is not None,
            )
            progress.close(self.network_)
        return self

    def _places(self, labels: NDArray[Any], *, go_on: bool) -> NDArray[np.intp]:
        """Return the places of all labels that there are among the classes of the network."""
        if not go_on:
            self.classes_ = labels
        return self._known(labels)

    def _known(self, labels: NDArray[Any], method: str = "refit") -> NDArray[np.intp]:
        """Return the places of `labels` among the classes of the fitted network."""
        unknown = labels[~np.isin(labels, self.classes_)]
        if len(unknown):
            raise ValueError(
                f"{method} goes on with the classes {self.classes_.tolist()!r}, but y has "
                f"{_plain(unknown[0])!r}. Call fit to start anew."
            )
        places: NDArray[np.intp] = np.searchsorted(self.classes_, labels)
        return places

    def _class_weights(self, counts: FloatArray) -> FloatArray:
        """Return the factor of every class, given the sums of the weights of its samples."""
        if np.count_nonzero(counts) < 2:
            raise ValueError(
                "KANClassifier needs samples of at least two classes, but y has only one "
                f"class with positive weight: {_plain(self.classes_[counts.argmax()])!r}."
            )
        if self.class_weight == "balanced":
            return counts.sum() / (len(counts) * np.where(counts > 0.0, counts, np.inf))
        _check_class_weight(self.class_weight)
        factors: FloatArray = compute_class_weight(
            self.class_weight, classes=self.classes_, y=self.classes_
        )
        if np.count_nonzero(counts * factors) < 2:
            raise ValueError(
                f"class_weight={self.class_weight!r} leaves fewer than two of the classes "
                f"{self.classes_.tolist()!r} with samples of positive weight."
            )
        return factors

    @property
    def _data_fit(self) -> Loss:
        return self._state.data_fit or class_loss(len(self.classes_))

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

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` has other columns than in `fit`, or values that are not finite, or lies so far
            outside that the prediction overflows.
        TypeError
            If `X` is sparse.
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

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` has other columns than in `fit`, or values that are not finite, or lies so far
            outside that the prediction overflows.
        TypeError
            If `X` is sparse.
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

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` has other columns than in `fit`, or values that are not finite, or lies so far
            outside that the prediction overflows.
        TypeError
            If `X` is sparse.
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

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` has other columns than in `fit`, or values that are not finite, or lies so far
            outside that the prediction overflows.
        TypeError
            If `X` is sparse.
        """
        scores = self.decision_function(X)
        found = (scores > 0.0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[found]


def _plain(label: Any) -> Any:
    """Return a label as Python has it."""
    return label.item() if isinstance(label, np.generic) else label


def _check_class_weight(class_weight: Any) -> None:
    """Raise an error for weights of classes that cannot be multiplied with those of samples."""
    for label, weight in (class_weight or {}).items():
        number = isinstance(weight, Real) and not isinstance(weight, bool)
        if not number or not 0.0 <= float(weight) < np.inf:
            raise ValueError(
                "class_weight must have finite numbers of at least 0, got "
                f"{weight!r} for class {label!r}."
            )
