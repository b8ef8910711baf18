"""KANRegressor."""

from numbers import Real
from typing import Any, ClassVar, Self, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import d2_tweedie_score
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skkan._typing import FloatArray
from skkan.data._blocks import MAX_CACHE_BYTES
from skkan.data._large_data import is_large, parts_of
from skkan.estimators._base import BaseKAN
from skkan.estimators._parameter_docs import with_shared_parameters
from skkan.estimators._targets import RealTargets
from skkan.estimators.methods._derivative_methods import DerivativeMixin
from skkan.estimators.methods._fitted_methods import FittedMethodsMixin
from skkan.estimators.methods._from_formula import FromFormulaMixin
from skkan.estimators.methods._partial_fit import RegressorStreamMixin
from skkan.objective.losses._choice import REGRESSION_LOSSES, SQUARED_ERROR, regression_loss
from skkan.objective.losses._loss import Loss
from skkan.training._progress import Progress

MOST_COVARIANCES = 5000


@with_shared_parameters
class KANRegressor(
    RegressorMixin,
    RegressorStreamMixin,
    DerivativeMixin,
    FromFormulaMixin,
    FittedMethodsMixin,
    BaseKAN,
):
    """Kolmogorov-Arnold network for regression.

    Every edge of the network carries a smooth function of one variable, a B-spline on a grid, and
    every node adds up what its edges bring. The functions are fitted by penalised least squares, or
    with another `loss`.
    Columns of `X` and targets are scaled inside, so that their units do not matter.

    Parameters
    ----------
    {shared_parameters}
    loss : {"squared_error", "absolute_error", "huber", "quantile", "poisson", "gamma"}, \
            default="squared_error"
        What the fit makes small, in the words of scikit-learn. ``"absolute_error"`` and
        ``"huber"`` stand outliers among the targets; ``"quantile"`` predicts a quantile;
        ``"poisson"`` is for counts and rates, ``"gamma"`` for positive targets whose scatter grows
        with their mean, both with a log link: the network's outputs are logarithms of the means
        that `predict` returns. See :ref:`the user guide <losses>`.
    quantile : float, default=None
        Which quantile to predict, between 0 and 1. Only used, and needed, with ``loss="quantile"``.

    Attributes
    ----------
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
        Number of outputs of the network: the number of targets.

    See Also
    --------
    KANClassifier : The same model for classes.
    sklearn.neural_network.MLPRegressor : Network with fixed functions on the nodes.
    sklearn.preprocessing.SplineTransformer : Spline features for linear models.

    Notes
    -----
    The loss is half the mean squared error of the standardised targets; of several targets each
    counts by the inverse of its noise, as far as ``alpha="auto"`` has found it. Samples with equal
    rows of `X` and `y` are merged, so that weights are exactly repetitions, to the bit where the
    data are copied (see `max_cache_bytes`).

    Beyond the range of the training data the splines go on as straight lines.

    A keyboard interrupt ends the training with a warning and leaves the best network so far.

    References
    ----------
    Z. Liu et al., "KAN: Kolmogorov-Arnold Networks", arXiv:2404.19756.

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> from skkan import KANRegressor
    >>> X, y = make_friedman1(300, noise=0.5, random_state=0)
    >>> model = KANRegressor(random_state=0).fit(X[:200], y[:200])
    >>> model.score(X[200:], y[200:]) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseKAN._parameter_constraints,
        "loss": [StrOptions(set(REGRESSION_LOSSES))],
        "quantile": [Interval(Real, 0, 1, closed="neither"), None],
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
        loss: str = "squared_error",
        quantile: float | None = None,
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
        self.loss = loss
        self.quantile = quantile

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
            Non-negative weights; a weight of 2 is the same as a repeated sample, a weight of 0 the
            same as none.

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
        progress: Progress | None = None,
    ) -> Self:
        """Fit the network, and announce it on the estimator's behalf or as part of another fit."""
        with self._restored_on_failure():
            inputs, targets, weight = self._validated_samples(
                X, y, sample_weight, reset=not go_on, multi_output=True, y_numeric=True
            )
            loss = regression_loss(self.loss, self.quantile)
            loss.check_targets(targets)
            self._single_target = len(targets.shape) == 1
            self._check_outputs(1 if self._single_target else targets.shape[1], go_on=go_on)
            progress = progress or Progress(
                self, lambda network: {"network_": network}, X, y, sample_weight
            )
            self._train_encoded(
                *(inputs, targets, weight, RealTargets(), loss, progress),
                go_on=go_on,
            )
            progress.close(self.network_)
        return self

    def _check_outputs(self, n_targets: int, *, go_on: bool) -> None:
        """Raise an error if the network that is to be kept has another number of outputs."""
        if go_on and n_targets != self.n_outputs_:
            raise ValueError(
                f"refit goes on with a network of {self.n_outputs_} outputs, but y has "
                f"{n_targets} targets. Call fit to start anew."
            )

    @overload
    def predict(self, X: ArrayLike) -> FloatArray: ...

    @overload
    def predict(
        self,
        X: ArrayLike,
        return_std: bool = False,
        return_cov: bool = False,
        *,
        include_noise: bool = True,
    ) -> FloatArray | tuple[FloatArray, FloatArray]: ...

    def predict(
        self,
        X: ArrayLike,
        return_std: bool = False,
        return_cov: bool = False,
        *,
        include_noise: bool = True,
    ) -> FloatArray | tuple[FloatArray, FloatArray]:
        """Predict targets and, on request, how uncertain they are.

        The uncertainty is that of the Gaussian around the fitted parameters which the smoothing
        assumes (Laplace's method), with noise of the same variance everywhere. It grows beyond the
        training data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs. Beyond the range of the training data the splines go on as straight
            lines.
        return_std : bool, default=False
            Whether to return standard deviations.
        return_cov : bool, default=False
            Whether to return the covariances of the samples, for no more than 5,000 of them.
        include_noise : bool, default=True
            Whether both are those of new observations, or of the function alone.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions, in the shape of the targets of `fit`.
        y_std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Standard deviations, in the units of `y`. Only with `return_std`.
        y_cov : ndarray of shape (n_samples, n_samples) or (n_samples, n_samples, n_outputs)
            Covariances. Only with `return_cov`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` has other columns than in `fit`, or values that are not finite, or lies so far
            outside that the prediction overflows. If `return_std` and `return_cov` are both set, or
            the network has been changed after training.
        TypeError
            If `X` is sparse.

        References
        ----------
        D. MacKay, "A practical Bayesian framework for backpropagation networks", Neural
        Computation 1992.

        Examples
        --------
        >>> import numpy as np
        >>> from skkan import KANRegressor
        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(-1, 1, size=(200, 1))
        >>> y = np.sin(3 * X[:, 0]) + 0.1 * rng.normal(size=200)
        >>> model = KANRegressor((), random_state=0).fit(X, y)
        >>> _, std = model.predict([[0.0], [3.0]], return_std=True)
        >>> bool(0.09 < std[0] < 0.12 < std[1])
        True
        """
        if return_std and return_cov:
            raise ValueError("return_std and return_cov cannot both be True: ask for one of them.")
        out = self._outputs(X)
        out = self._data_fit.mean(out)
        mean = out[:, 0] if self._single_target else out
        if not (return_std or return_cov):
            return mean
        self._check_spread(return_cov, include_noise)
        spread = self._spread(X, return_cov, include_noise)
        if self._data_fit.link is not None:
            # To first order.
            spread = out * spread
        return mean, spread[..., 0] if self._single_target else spread

    @property
    def _analysed_loss(self) -> bool:
        return self.loss == SQUARED_ERROR or getattr(self, "_single_target", True)

    @property
    def _data_fit(self) -> Loss:
        # Callbacks meet estimators whose fit has not ended.
        state = getattr(self, "_state", None)
        known = None if state is None else state.data_fit
        return known or regression_loss(self.loss, self.quantile)

    def _check_spread(self, return_cov: bool, include_noise: bool) -> None:
        """Raise an error for what is not known with other losses than the squared error."""
        if include_noise and not self._data_fit.has_noise_level:
            raise ValueError(
                f"include_noise=True needs loss='squared_error', whose noise has a variance; with "
                f"loss={self.loss!r} ask for include_noise=False, or for two quantiles."
            )
        if return_cov and self._data_fit.link is not None:
            raise ValueError(
                f"return_cov=True is not available with loss={self.loss!r}, whose predictions are "
                "exponentials; use return_std=True."
            )

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the share of the targets' variance, or deviance, that predictions explain.

        As in scikit-learn it is R^2, but with ``loss="poisson"`` and ``"gamma"`` the D^2 of
        :class:`~sklearn.linear_model.PoissonRegressor` and
        :class:`~sklearn.linear_model.GammaRegressor`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), optional
            Weights.

        Returns
        -------
        score : float
            1 at best.
        """
        check_is_fitted(self)
        power = self._data_fit.d2_power
        if power is None:
            return float(super().score(X, y, sample_weight))
        predicted = self.predict(X)
        if self._single_target:
            own = d2_tweedie_score(y, predicted, sample_weight=sample_weight, power=power)
            return float(own)
        scores = [
            d2_tweedie_score(one, mean, sample_weight=sample_weight, power=power)
            for one, mean in zip(np.asarray(y).T, predicted.T, strict=True)
        ]
        return float(np.mean(scores))

    def _spread(self, X: Any, covariances: bool, include_noise: bool) -> FloatArray:
        """Return standard deviations or covariances, the outputs on the last axis."""
        posterior = self._state.posterior
        if posterior is None:
            raise ValueError(
                "return_std and return_cov need a network as training has left it, but it has been "
                "changed since, or learned from batches. Call refit(X, y)."
            )
        if not covariances:
            parts = [X[part] for part in parts_of(X)] if is_large(X, self.max_cache_bytes) else [X]
            return np.concatenate(
                [
                    posterior.deviations(
                        self.network_, self._validated(part, reset=False), include_noise
                    )
                    for part in parts
                ]
            )
        inputs = self._validated(X, reset=False)
        if len(inputs) > MOST_COVARIANCES:
            raise ValueError(
                f"return_cov takes at most {MOST_COVARIANCES} samples, got {len(inputs)}. Use "
                "return_std, or ask for parts of X."
            )
        return posterior.covariances(self.network_, inputs, include_noise)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
