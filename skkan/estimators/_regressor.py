"""KANRegressor."""

from typing import Self

from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import Tags

from skkan._typing import FloatArray
from skkan.estimators._base import BaseKAN
from skkan.estimators._fitted_methods import FittedMethodsMixin
from skkan.estimators._partial_fit import RegressorStreamMixin
from skkan.estimators._targets import RealTargets
from skkan.objective._losses import SquaredLoss
from skkan.training._progress import Progress


class KANRegressor(RegressorMixin, RegressorStreamMixin, FittedMethodsMixin, BaseKAN):
    """Kolmogorov-Arnold network for regression.

    Every edge of the network carries a smooth function of one variable, a B-spline on a grid, and
    every node adds up what its edges bring. The functions are fitted by penalised least squares.
    Columns of `X` and targets are scaled inside, so that their units do not matter.

    Parameters
    ----------
    hidden_layer_sizes : "auto", int or array-like, default="auto"
        An entry for every hidden layer: a number of sum nodes, or a pair of the number of sum
        nodes and of product nodes, each of which multiplies two sums. Other products are told by
        their numbers of factors: ``((1, 2),)`` is one layer of one sum and two products of two,
        ``((1, (2, 3)),)`` of one sum, a product of two and a product of three, whereas ``(1, 2)``
        are two layers without products. ``()`` leaves no hidden layer: one function per column
        and output, the additive model. ``"auto"`` is one hidden layer of five sum nodes, or of as
        many as there are outputs if these are more.
    grid_size : int or array-like of int, default=5
        Number of intervals of every grid; an edge function has ``grid_size + degree`` B-splines.
        An increasing sequence is a schedule from coarse to fine: training goes on from one grid to
        the next, starting there from the function found before. It stops short of a grid that does
        not raise the marginal likelihood (``alpha="auto"``) or lower the loss of the held-out
        samples (`early_stopping`).
    degree : int, default=3
        Degree of the splines, at least 1.
    base_function : {"zero", "identity", "silu", "tanh", "sin"}, default="zero"
        Fixed function that every edge adds, with a coefficient of its own, to its spline. It acts
        on the grid coordinate, in which a grid reaches from -1 to 1. ``"zero"`` adds none.
    knots : {"uniform", "quantile"} or float in [0, 1], default="uniform"
        Where the intervals lie, on the inputs and on the hidden nodes: equally long, equally full,
        or, for a number, the mean of both with that weight on the equally full ones. A weight of
        at most 0.98 is used, so that ties never make an interval vanish, and of at least 0.25 on
        hidden nodes where `grid_size` goes beyond 10, so that samples reach their ends.
    solver : {"auto", "lbfgs", "lm", "adam"}, default="auto"
        ``"lm"`` is Levenberg-Marquardt: few iterations, each of which solves a linear system in
        all parameters. ``"lbfgs"`` is L-BFGS on whitened parameters, whose iterations are cheap
        but many. ``"auto"`` takes ``"lm"`` for up to 1,500 parameters, as long as the number of
        samples allows it.
        ``"adam"`` is Adam on mini-batches, whose iterations are passes over all samples: rough, but
        each of them costs no more than a gradient.
    batch_size : "auto" or int, default="auto"
        Number of samples of a mini-batch; ``"auto"`` is 200. Only used with ``solver="adam"``, and
        by `partial_fit` for networks of more than 2,500 parameters.
    learning_rate_init : float, default=0.01
        First step of Adam; it is halved where a pass no longer lowers the objective. Used like
        `batch_size`.
    alpha : "auto" or float, default="auto"
        Weight of the penalty on the roughness of the edge functions. It has no unit: inputs,
        hidden nodes and targets are scaled.

        A number weighs all edges alike. To the mean loss it adds, for every edge function
        ``phi``, about ``alpha / 2`` times the integral of ``phi''(u) ** 2`` over its grid, ``u``
        from -1 to 1, and the square of its mean slope, ``alpha / 2`` times on edges to hidden
        nodes, ``alpha / 2000`` times on edges to outputs.

        ``"auto"`` chooses the weights of bends and slopes from the training data: first one
        for everything, then two for every layer, then two for every edge, as long as the marginal
        likelihood (in the Gauss-Newton approximation) grows enough to pay for them.

        With ``"auto"`` the additive model is fitted, too, and takes the place of the network
        unless the marginal likelihood speaks clearly for the network; ``network_`` then has the
        shape that was asked for, but carries an additive function. This comparison is left out
        with `early_stopping`, on a warm start, and where a hidden layer is narrower than the
        outputs.
    sparsity : float, default=0.0
        Weight of a penalty that makes edges vanish: for every layer the sum of the magnitudes of
        its edges, the standard deviations of their functions on the training data, and the
        entropy of the shares that they have in the sum.
    n_restarts : int, default=2
        Number of random starts. They race on the coarsest grid for a few iterations, the better
        half of them for a few more, and so on; only the last one is trained further. With
        ``alpha="auto"`` and eight or more, one in four is left and compared by the marginal
        likelihood, and half of them race under a weak penalty, which finds more on data with
        little noise.
    max_iter : int, default=1000
        Largest number of solver iterations on all grids together, not counting those of the race.
    tol : float, default=1e-5
        Training has converged when an iteration lowers the objective (``"lbfgs"``; for
        ``"adam"`` several, down to small steps), or is
        predicted to lower it (``"lm"``), by no more than this fraction. With `early_stopping` the
        loss of the held-out samples has to fall by this fraction to count as improved.
    early_stopping : bool, default=False
        Whether to set samples aside, end the training when their loss no longer improves, and keep
        the network with the smallest such loss. The weights of ``alpha="auto"`` are chosen on the
        other samples all the same.
    validation_fraction : float, default=0.1
        Share of the samples to set aside, between 0 and 1. Only used with `early_stopping`.
    n_iter_no_change : int, default=10
        Number of iterations without improvement after which training on a grid ends. Only used
        with `early_stopping`.
    warm_start : bool, default=False
        Whether `fit` goes on from the network of the previous call, in place of random starts. The
        data may differ, but not the shape of the network, `degree` or `base_function`. The weights
        that ``alpha="auto"`` has chosen before are where it goes on from, too, if the columns of
        `X` still have the same ranges.
    n_jobs : int, default=None
        Number of threads that run the starts of the race and, where there is one network left, go
        through the samples block by block, as predictions for many samples do. It changes no
        result. ``None`` means 1 unless in a :obj:`joblib.parallel_config` context, ``-1`` all
        cores. BLAS is kept to one thread during a fit.
    dtype : {"float64", "float32"}, default="float64"
        Precision of what `fit` does for every sample: edge functions, their derivatives, and the
        products of those. Single precision takes half the memory for features and less time where
        there are many samples, and leaves relative errors of about 1e-6, which noise hides but
        formulas do not. Samples, sums over them, parameters and predictions are in double precision
        all the same, and so are the steps of `partial_fit` after the first.
    max_cache_bytes : int, default=2**28
        Memory, in bytes, for what is only kept to save time. Features of the first layer, one
        number per sample, column and spline, are kept if they fit in, or else computed anew
        whenever a block of samples is used, which takes little longer and changes no result. An
        array or a mapped file `X` is copied, sorted and scaled, if the copy, eight bytes a number,
        fits in; or else it stays where it is and is read block by block, which changes results by
        no more than rounding, but for the draw of `early_stopping`. 0 keeps and copies nothing.
    random_state : int, RandomState instance or None, default=None
        Source of the random starts and, with `early_stopping`, of the split. An int makes fits
        repeatable.
    verbose : int or bool, default=0
        Whether to print a line per training phase.

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
                *(inputs, targets, weight, RealTargets(), SquaredLoss(), progress),
                standardise=True,
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

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs. Beyond the range of the training data the splines go on as straight
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
        TypeError
            If `X` is sparse.
        """
        out = self._outputs(X)
        return out[:, 0] if self._single_target else out

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
