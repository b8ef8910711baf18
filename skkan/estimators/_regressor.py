"""KANRegressor."""

from typing import Any, Self, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import Tags

from skkan._typing import FloatArray
from skkan.data._large_data import is_large, parts_of
from skkan.estimators._base import BaseKAN
from skkan.estimators._parameter_docs import with_shared_parameters
from skkan.estimators._targets import RealTargets
from skkan.estimators.methods._derivative_methods import DerivativeMixin
from skkan.estimators.methods._fitted_methods import FittedMethodsMixin
from skkan.estimators.methods._from_formula import FromFormulaMixin
from skkan.estimators.methods._partial_fit import RegressorStreamMixin
from skkan.objective.losses._choice import regression_loss
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
    every node adds up what its edges bring. The functions are fitted by penalised least squares.
    Columns of `X` and targets are scaled inside, so that their units do not matter.

    Parameters
    ----------
    {shared_parameters}

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
        Objective of ``network_``.
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
    The loss is half the mean squared error of the standardised targets. Samples with equal rows of
    `X` and `y` are merged, so that weights are exactly repetitions, to the bit where the data are
    copied (see `max_cache_bytes`).

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

    _analysed_loss = True

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
            self._single_target = len(targets.shape) == 1
            self._check_outputs(1 if self._single_target else targets.shape[1], go_on=go_on)
            progress = progress or Progress(
                self, lambda network: {"network_": network}, X, y, sample_weight
            )
            self._train_encoded(
                *(inputs, targets, weight, RealTargets(), regression_loss(), progress),
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
        mean = out[:, 0] if self._single_target else out
        if not (return_std or return_cov):
            return mean
        spread = self._spread(X, return_cov, include_noise)
        return mean, spread[..., 0] if self._single_target else spread

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
