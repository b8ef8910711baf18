"""What the estimators offer for looking into a fitted model and for cutting it down."""

import copy
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skkan._typing import FloatArray
from skkan.anova._terms import AnalysisTerms
from skkan.anova._uncertainty import AnalysisPosterior
from skkan.estimators._fitted_state import FittedState
from skkan.inspection._interactions import interactions
from skkan.inspection._pruning import pruned
from skkan.inspection._scores import importances, propagated
from skkan.inspection._summary import Summary, summary_of
from skkan.network._network import Network
from skkan.objective._penalties import Penalty
from skkan.objective.losses._loss import Loss


class InspectionMixin:
    """Scores of edges, nodes and features; pruning, and training what is left.

    Scores are those of the present network: on all training data after training, and, once the
    network has been changed without any, on about 1,000 of its rows that the estimator keeps.
    """

    network_: Network
    loss_: float
    sparsity: float
    _state: FittedState
    n_features_in_: int
    _validated: Callable[..., Any]
    _input_names: Callable[[], list[str]]
    _input_owners: Callable[[], NDArray[np.intp]]
    _fit: Callable[..., Self]

    @property
    def _data_fit(self) -> Loss:
        """The loss of the training."""
        raise NotImplementedError

    @property
    def edge_scores_(self) -> list[FloatArray]:
        """Scores of the edges of every layer, arrays of shape (n_in, n_subnodes).

        How much of the outputs an edge stands for: the standard deviation of its function on the
        training data relative to that of the node it enters, times the score of that node.
        """
        check_is_fitted(self)
        return propagated(self._state.activity)[0]

    @property
    def node_scores_(self) -> list[FloatArray]:
        """Scores of the nodes from the inputs to the outputs, arrays of shape (n_nodes,).

        The sum of the scores of the edges that leave a node; 1 for an output, or 0 if it is
        constant.
        """
        check_is_fitted(self)
        return propagated(self._state.activity)[1]

    @property
    def feature_importances_(self) -> FloatArray:
        """Scores of the columns, made to sum to 1, shape (n_features,).

        A column of levels or with gaps may have several input nodes, whose scores are added up. All
        are zero where the model is constant.
        """
        return importances(self._by_column(self.node_scores_[0]))

    @property
    def terms_(self) -> AnalysisTerms:
        """Main effects and interactions of a fit of no given shape, those of most variance first.

        A list of named tuples ``(columns, share, dof, evidence)``, which prints as a table: names
        of the columns, share of the target's variance, effective degrees of freedom, and by how
        much the log marginal likelihood would fall without the term. There is none once the network
        has been changed, or where networks of another kind have won.
        """
        check_is_fitted(self)
        posterior = self._state.posterior
        if not isinstance(posterior, AnalysisPosterior):
            raise AttributeError(  # noqa: TRY004
                "terms_ is there after a fit with hidden_layer_sizes='auto' that ended with an "
                "analysis of variance, until its network is changed."
            )
        return posterior.terms(self._input_names())

    @property
    def active_features_(self) -> NDArray[np.bool_]:
        """Whether a column has any effect at all, shape (n_features,).

        False for columns that were constant in `fit` and for those that have been pruned.
        """
        return self._by_column(self.node_scores_[0]) > 0.0

    def _by_column(self, scores: FloatArray) -> FloatArray:
        """Return sums over the input nodes of every column."""
        found = np.bincount(self._input_owners(), scores, self.n_features_in_)
        return found.astype(np.float64)

    def feature_interactions(
        self,
        X: ArrayLike,
        *,
        max_samples: int = 1000,
        random_state: int | np.random.RandomState | None = 0,
    ) -> FloatArray:
        """Return how strongly every two features act together.

        It is the total interaction index of the pair: the share of the outputs' variance that
        belongs to terms of both features in the functional analysis of variance, estimated from
        mixed differences of the network between samples. Where the effects of two features add up,
        it is zero. Features are moved independently of one another, also to combinations that `X`
        does not have.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs to average over, such as those of `fit`.
        max_samples : int, default=1000
            Of more samples, this many are drawn. Every pair that meets in a hidden node takes one
            evaluation of the network on them.
        random_state : int, RandomState instance or None, default=0
            Source of the samples and of their order.

        Returns
        -------
        interactions : ndarray of shape (n_features, n_features)
            Symmetric, with zeros on the diagonal. For classifiers, and for several targets, the
            variances of all outputs (log-odds, standardised targets) are added up.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` or `max_samples` cannot be used.

        References
        ----------
        J. Fruth, O. Roustant and S. Kuhnt, "Total interaction index: A variance-based sensitivity
        index for second-order interaction screening", J. Statistical Planning and Inference 2014.

        Examples
        --------
        >>> import numpy as np
        >>> from skkan import KANRegressor
        >>> X = np.random.default_rng(0).uniform(-1, 1, size=(200, 3))
        >>> y = X[:, 0] * X[:, 1] + X[:, 2]
        >>> model = KANRegressor((2,), alpha=1e-8, random_state=0).fit(X, y)
        >>> model.feature_interactions(X).round(1)
        array([[0. , 0.2, 0. ],
               [0.2, 0. , 0. ],
               [0. , 0. , 0. ]])
        """
        check_is_fitted(self)
        _check_count("max_samples", max_samples)
        inputs = self.network_.scaling.inputs(self._validated(X, reset=False))
        try:
            random = check_random_state(random_state)
        except ValueError as error:
            raise ValueError(
                f"random_state must be an integer, a RandomState or None, got {random_state!r}."
            ) from error
        inputs = inputs[random.permutation(len(inputs))[:max_samples]]
        found = interactions(self.network_, inputs, inputs[random.permutation(len(inputs))])
        owner, count = self._input_owners(), self.n_features_in_
        by_column = np.zeros((count, count))
        np.add.at(by_column, (owner[:, None], owner), found)
        np.fill_diagonal(by_column, 0.0)
        return by_column

    def summary(self, *, max_rows: int = 10) -> Summary:
        """Return structure, quality and strongest parts of the fitted model as tables.

        Parameters
        ----------
        max_rows : int, default=10
            Number of lines of each table that are printed; the summary itself has all.

        Returns
        -------
        summary : Summary
            Prints as text, and in a notebook as tables: shape, effective degrees of freedom,
            samples, noise, log evidence and the share of the loss explained; then the edges by
            score, or the terms of an analysis of variance, and the pairs of columns that act
            together. Its ``facts``, ``edges``, ``terms`` and ``interactions`` are the same as data.
            Where there were more than about 1,000 samples, they are those on the rows that the
            estimator keeps.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `max_rows` is not a positive integer.

        References
        ----------
        T. Hastie and R. Tibshirani, *Generalized Additive Models*, Chapman and Hall 1990.

        Examples
        --------
        >>> import numpy as np
        >>> from skkan import KANRegressor
        >>> X = np.random.default_rng(0).uniform(-1, 1, size=(200, 3))
        >>> model = KANRegressor((), random_state=0).fit(X, X[:, 0] ** 2 + 0.1 * X[:, 2])
        >>> [(edge.source, edge.function) for edge in model.summary().edges[:2]]
        [('x0', 'spline'), ('x2', 'spline')]
        """
        check_is_fitted(self)
        _check_count("max_rows", max_rows, 1)
        return summary_of(self, self._data_fit, int(max_rows))

    def prune(self, node_threshold: float = 1e-2, edge_threshold: float = 3e-2) -> Self:
        """Return a copy of the fitted estimator without the edges and nodes that hardly matter.

        An edge that goes leaves its mean on the training data behind; otherwise the rest of the
        network stays as it is, and :meth:`refit` lets it make up for the loss. The scores of the
        copy are its own.

        Parameters
        ----------
        node_threshold : float, default=1e-2
            Hidden nodes with a smaller score go.
        edge_threshold : float, default=3e-2
            Edges with a smaller score go.

        Returns
        -------
        estimator : estimator
            The smaller copy; this estimator stays as it is. `hidden_layer_sizes` stays, too, and
            does not tell the shape of ``network_`` any more.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If a threshold is not a number of at least 0, or leaves nothing of the network.

        References
        ----------
        Z. Liu et al., "KAN 2.0: Kolmogorov-Arnold Networks Meet Science", arXiv:2408.10205.

        Examples
        --------
        >>> import numpy as np
        >>> from skkan import KANRegressor
        >>> X = np.random.default_rng(0).uniform(-1, 1, size=(200, 3))
        >>> y = np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)
        >>> model = KANRegressor((5,), random_state=0).fit(X, y)
        >>> small = model.prune()
        >>> small.active_features_
        array([ True,  True, False])
        """
        check_is_fitted(self)
        _check_threshold("node_threshold", node_threshold)
        _check_threshold("edge_threshold", edge_threshold)
        edges, nodes = propagated(self._state.activity)
        strong = [scores >= node_threshold for scores in nodes]
        strong[0][:] = strong[-1][:] = True
        masks = [
            (scores >= edge_threshold) & strong[depth][:, None] & strong[depth + 1][own.owner]
            for depth, (scores, own) in enumerate(zip(edges, self._state.activity, strict=True))
        ]
        highest = max(float(scores.max()) for scores in edges)
        if highest == 0.0:
            # A constant has nothing to lose.
            return copy.deepcopy(self)
        hidden = max((float(scores.max()) for scores in nodes[1:-1]), default=None)
        return self._pruned(
            masks,
            f"edge_threshold={edge_threshold:g} and node_threshold={node_threshold:g} leave "
            f"nothing of the network: the largest score of an edge is {highest:.3g}"
            + ("" if hidden is None else f", that of a hidden node {hidden:.3g}")
            + ". Use lower thresholds.",
        )

    def prune_inputs(self, threshold: float = 1e-2) -> Self:
        """Return a copy of the fitted estimator that does not look at features of low score.

        Their edges go, each leaving its mean on the training data behind. `predict` still takes
        all columns.

        Parameters
        ----------
        threshold : float, default=1e-2
            Features go whose score ``node_scores_[0]`` is smaller.

        Returns
        -------
        estimator : estimator
            The copy; this estimator stays as it is. Its ``active_features_`` are the features that
            are left.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `threshold` is not a number of at least 0, or leaves no feature.

        Examples
        --------
        >>> import numpy as np
        >>> from skkan import KANRegressor
        >>> X = np.random.default_rng(0).uniform(-1, 1, size=(200, 3))
        >>> model = KANRegressor((), random_state=0).fit(X, X[:, 0] ** 2 + X[:, 2])
        >>> model.prune_inputs().active_features_
        array([ True, False,  True])
        """
        check_is_fitted(self)
        _check_threshold("threshold", threshold)
        by_column = self._by_column(self.node_scores_[0])
        scores = by_column[self._input_owners()]
        masks = [np.ones(layer.active.shape, dtype=bool) for layer in self.network_.layers]
        if scores.max() == 0.0:
            # A constant has nothing to lose.
            return copy.deepcopy(self)
        masks[0] &= (scores >= threshold)[:, None]
        return self._pruned(
            masks,
            f"threshold={threshold:g} leaves no feature: the largest score is "
            f"{scores.max():.3g}. Use a lower threshold.",
        )

    def _pruned(self, masks: Sequence[NDArray[np.bool_]], message: str) -> Self:
        """Return a copy with some of the edges; raise a ValueError if nothing would be left."""
        result = pruned(self.network_, self._state.penalty, self._state.activity, masks)
        if result is None:
            raise ValueError(message)
        other = copy.deepcopy(self)
        other._set_network(result.network, result.penalty)
        return other

    def _set_network(self, network: Network, penalty: Penalty | None = None) -> None:
        """Put a changed network in the place of the fitted one, and score it."""
        state = self._state.edited(network, penalty)
        loss = state.objective_of(network, self._data_fit, self.sparsity)
        self.network_, self._state, self.loss_ = network, state, loss

    @_fit_context(prefer_skip_nested_validation=True)
    def refit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Go on training the fitted network as it is, in place.

        Shape, edges, symbolic functions and grid size stay those of ``network_``, whatever
        `hidden_layer_sizes`, `grid_size`, `degree` and `base_function` say; nothing is started
        anew. All other parameters count as in `fit`, and all fitted attributes are replaced.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs, with the same columns as in `fit`. The samples may be others.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            As many targets as in `fit`, or labels out of those that were there in `fit`.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights.

        Returns
        -------
        self : estimator
            This estimator, as with `fit`; if training fails, it is left as it was.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If parameters or data cannot be used, or do not match those of `fit`. No column may lie
            more than 1e5 times its range in the previous fit away from it.
        TypeError
            If `X` is sparse.

        Warns
        -----
        ConvergenceWarning
            If the last run of the solver was ended by `max_iter`.

        Examples
        --------
        >>> import numpy as np
        >>> from skkan import KANRegressor
        >>> X = np.random.default_rng(0).uniform(-1, 1, size=(200, 3))
        >>> y = np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)
        >>> model = KANRegressor((5,), alpha=1e-8, random_state=0).fit(X, y)
        >>> small = model.prune().refit(X, y)
        >>> bool(small.score(X, y) > 0.999)
        True
        """
        check_is_fitted(self)
        return self._fit(X, y, sample_weight, go_on=True)


def _check_count(name: str, value: Any, least: int = 2) -> None:
    """Raise an error unless `value` is a number that is large enough."""
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}.")


def _check_threshold(name: str, value: Any) -> None:
    """Raise an error unless `value` is a number that a score can be compared with."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0.0 <= float(value) < np.inf:
        raise ValueError(
            f"{name} must be a finite number of at least 0, got {value!r}. Scores of nodes and "
            "edges are compared with it; that of an output is 1."
        )
