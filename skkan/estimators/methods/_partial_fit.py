"""What the estimators offer for data that come in batches."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from skkan._typing import FloatArray
from skkan.data._blocks import tuned_for_blocks
from skkan.data._weighted_rows import WeightedRows
from skkan.estimators._fitted_state import FittedState
from skkan.estimators._targets import memberships
from skkan.estimators._validation import rows_of
from skkan.estimators.methods._analysed_streams import (
    AnalysedStreamMixin,
    check_loss,
    check_reach,
)
from skkan.inspection._scores import activity_on
from skkan.network._network import Network
from skkan.objective.losses._choice import SQUARED_ERROR, class_loss, regression_loss
from skkan.objective.losses._loss import Loss
from skkan.solvers._lm import DENSE_MAX_PARAMETERS
from skkan.training._problem import Problem
from skkan.training._progress import Progress
from skkan.training._settings import Settings, State
from skkan.training.growth._batches import AnalysedStream
from skkan.training.streams._stream import Stream
from skkan.training.streams._streaming import Past, learn
from skkan.training.streams._widening import completed, widened, widened_penalty

# Of the weights of batches: squares and sums of them are representable.
SMALLEST_WEIGHT, LARGEST_WEIGHT = 1e-100, 1e100


def _learns_in_batches(estimator: Any) -> bool:
    """Raise an error, as `hasattr` wants it, for a solver that knows no batches."""
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit does not support solver='lbfgs', which works on all samples at once; set "
            "it to 'auto', 'lm' or 'adam'."
        )
    return True


class StreamingMixin(AnalysedStreamMixin):
    """Training on one batch after the other."""

    network_: Network
    _state: FittedState
    solver: str
    n_iter_: int
    loss_curve_: list[float]
    _settings: Callable[..., Settings]
    _train: Callable[..., None]
    _validated: Callable[..., Any]
    _validated_weights: Callable[..., FloatArray]
    _restored_on_failure: Callable[..., Any]
    _sites: Callable[..., Any]
    monotonic_cst: Any
    convexity_cst: Any

    def _check_stream_parameters(self) -> None:
        """Raise an error for parameters that a stream cannot honour."""
        wanted: dict[str, tuple[Any, ...]] = {
            "early_stopping": (False,),
            "sparsity": (0.0,),
            "interaction_cst": (None,),
        }
        if self.monotonic_cst is not None or self.convexity_cst is not None:
            raise ValueError(
                "partial_fit does not support monotonic_cst and convexity_cst; set them to None, "
                "or call fit on all samples at once."
            )
        for name, allowed in wanted.items():
            value = getattr(self, name)
            if value not in allowed:
                raise ValueError(
                    f"partial_fit does not support {name}={value!r}; set it to "
                    + " or ".join(repr(one) for one in allowed)
                    + ", or call fit on all samples at once."
                )

    def _batch_weights(self, sample_weight: ArrayLike | None, X: FloatArray) -> FloatArray:
        """Return valid weights of a batch, which are compared with those of the batches before."""
        self._validated_weights(sample_weight, X)
        weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, np.float64)
        weight = np.broadcast_to(weight, len(X))
        largest = float(weight.max())
        if not SMALLEST_WEIGHT <= largest <= LARGEST_WEIGHT:
            raise ValueError(
                f"sample_weight has {largest:.3g} for its largest value, but the weights of all "
                f"batches are added up, and must lie between {SMALLEST_WEIGHT:g} and "
                f"{LARGEST_WEIGHT:g}. Divide those of all batches by the same number."
            )
        # Where a fit has counted its weights in some unit, those of batches are in the same.
        return weight / self._state.weight_unit if hasattr(self, "network_") else weight

    def _learn_batch(
        self,
        X: FloatArray,
        target: FloatArray,
        weight: FloatArray,
        loss: Loss,
        progress: Progress,
    ) -> None:
        """Train on a batch, and store what is to be remembered of it.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Validated inputs.
        target : ndarray of shape (n_samples, n_outputs)
            Targets, or class memberships.
        weight : ndarray of shape (n_samples,)
            Validated weights.
        loss : Loss
            Data fit.
        progress : Progress
            Receives phases and iterations.
        """
        samples = WeightedRows(X, target, weight).weighted().merged()
        if not hasattr(self, "network_"):
            self._start(samples, loss, progress)
        elif not self._learns_by_analysis(samples, loss, progress):
            self._go_on(samples, loss, progress)

    def _start(self, samples: WeightedRows, loss: Loss, progress: Progress) -> None:
        """Train from scratch on all samples so far."""
        own = samples.X, samples.target, samples.weight
        unit = self._state.weight_unit if hasattr(self, "network_") else 1.0
        self._train(*own, loss, progress, streaming=True, unit=unit)
        if self._streams_freely:
            self._stream = AnalysedStream.started(samples, True, self.network_)
            return
        loss = self._state.data_fit or loss
        self._stream_solver(self.network_)
        self._stream = Stream.started(samples, self.network_)
        self._stream = self._stream.with_batch(
            samples,
            *(None, self.network_, self._state.penalty, loss),
            remember=self._stream_solver(self.network_) == "lm",
        )

    def _stream_solver(self, network: Network) -> str:
        """Return "adam" where it is asked for, or for a network too large for a matrix."""
        large = network.n_parameters > DENSE_MAX_PARAMETERS
        if large and self.solver == "lm":
            raise ValueError(
                f"partial_fit with solver='lm' keeps a matrix over all parameters, of which this "
                f"network has {network.n_parameters}, more than {DENSE_MAX_PARAMETERS}. Set "
                "solver='adam', or use smaller hidden_layer_sizes or grid_size."
            )
        return "adam" if large or self.solver == "adam" else "lm"

    def _go_on(self, samples: WeightedRows, loss: Loss, progress: Progress) -> None:
        """Train the network that is there on further samples."""
        X, target = samples.X, samples.target
        stream = self._stream_so_far(loss)
        before = self.network_.copy()
        before.scaling = completed(before.scaling, X, target)
        check_reach(before.scaling, X)
        fresh = np.isfinite(before.scaling.input_scale) & np.isinf(
            self.network_.scaling.input_scale
        )
        moved = before.scaling.output_scale != self.network_.scaling.output_scale
        varies = bool(fresh.any() or moved.any())
        together = stream.latest.joined(samples)
        if stream.starts_anew(len(X), before.n_parameters, varies):
            before_curve = self.loss_curve_
            self._start(together, loss, progress)
            self.loss_curve_ = before_curve + self.loss_curve_
            self.n_iter_ = len(self.loss_curve_)
            return
        network, places = widened(
            before,
            before.scaling.inputs(X),
            stream.max_grid_size,
            before.scaling.inputs(self._state.rows.X),
        )
        solver = self._stream_solver(network)
        memory = None
        if stream.memory is not None and solver == "lm":
            memory = stream.memory.spread(network, places)
        n_new = stream.n_pending + len(X)
        untrained = together.taken(np.arange(len(together) - n_new, len(together)))
        batch, data = untrained.scaled(network.scaling), together.scaled(network.scaling)
        settings = self._settings(data, network)
        settings = replace(settings, solver=solver, sites=self._sites(network.scaling))
        problem = Problem(data, None, loss, settings, network.scaling)
        penalty = problem.first_penalty(network)
        if settings.alpha == self._state.alpha:
            penalty = widened_penalty(self._state.penalty, before, network, penalty, fresh)
        rows = self._state.rows.with_batch(network, samples)
        witness = rows.weighted().scaled(network.scaling)
        past = Past(memory, stream.ground, witness, self._state.expected)
        curve: list[float] = []
        max_iter = settings.max_iter if solver == "lm" else 1
        with tuned_for_blocks(), progress.phase("batch", max_iter) as phase:

            def callback(value: float, latest: Network) -> bool:
                curve.append(value)
                return phase.step(value, lambda: latest)

            state, expected = learn(problem, network, penalty, batch, past, callback)
            check_loss(state.loss, samples)
            remember = solver == "lm"
            self._stream = stream.with_batch(
                together,
                memory,
                *(state.network, state.penalty, loss),
                remember=remember,
                n_pending=0 if curve else n_new,
            )
        activity = activity_on(state.network, rows.X, rows.weight)
        self._state = FittedState(
            state.penalty,
            activity,
            rows,
            settings.alpha,
            expected=expected,
            data_fit=loss,
            weight_unit=self._state.weight_unit,
        )
        self.solver_ = solver
        self._store_training(state, curve)

    def _store_training(self, state: State, curve: list[float]) -> None:
        """Set the fitted attributes that training has changed."""
        self.network_ = state.network
        self.loss_curve_ = self.loss_curve_ + curve
        self.n_iter_ = self.n_iter_ + len(curve)
        self.loss_ = state.loss
        self.best_loss_ = min(self.loss_curve_, default=0.0)
        if hasattr(self, "validation_loss_curve_"):
            del self.validation_loss_curve_

    def _stream_so_far(self, loss: Loss) -> Stream:
        """Return the stream for the present network: after `fit`, and after changes, recalled."""
        network, state = self.network_, self._state
        stream = getattr(self, "_stream", None)
        if not isinstance(stream, Stream):
            return Stream.after_fit(network, state.rows, state.penalty, loss)
        if stream.is_of(network):
            return stream
        return stream.after_edit(network, state.rows, state.penalty, loss)


class RegressorStreamMixin(StreamingMixin):
    """`partial_fit` of the regressor."""

    _analyses_streams = True
    _single_target: bool
    n_outputs_: int
    loss: str

    @available_if(_learns_in_batches)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Go on training with another batch of a stream.

        The first call, unless `fit` has been called before, trains as `fit` does, and fixes the
        scaling of columns and targets; so its batch should be typical of what is to come. Later
        calls minimise the loss of their batch, of the latest 1,000 samples before, and of all
        others as they are remembered: by value, gradient and Gauss-Newton matrix of their loss.
        For an additive model (``hidden_layer_sizes=()``) this is the same as training on all
        samples at once. With the default shape the model is an analysis of variance, solved in
        closed form and fitted anew to all samples when they have grown by a quarter. With
        ``solver="adam"``, or more than 2,500 parameters, a call is one pass over its batch and the
        latest 1,000 samples, and nothing is remembered of others. See
        :ref:`the user guide <streams>` for what is forgotten and what is not.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs, with the same columns in all calls. Where they leave the grids these are
            widened, up to eight times their first number of intervals.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, as many in all calls.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights; all samples of all batches count by their weights.

        Returns
        -------
        self : KANRegressor
            The fitted estimator. If training fails or is interrupted, it is left as it was.

        Raises
        ------
        ValueError
            If parameters or data cannot be used, or the columns or targets are not those of the
            calls before; for `early_stopping`, `sparsity`, and ``solver="lm"`` with more than
            2,500 parameters.
        TypeError
            If `X` is sparse.
        AttributeError
            For ``solver="lbfgs"``, which has no such method.

        Examples
        --------
        >>> import numpy as np
        >>> from skkan import KANRegressor
        >>> rng = np.random.default_rng(0)
        >>> model = KANRegressor((), alpha=1e-6)
        >>> for _ in range(10):
        ...     X = rng.uniform(-1, 1, size=(50, 2))
        ...     model = model.partial_fit(X, np.sin(3 * X[:, 0]) + X[:, 1] ** 2)
        >>> bool(model.score(X, np.sin(3 * X[:, 0]) + X[:, 1] ** 2) > 0.999)
        True
        """
        with self._restored_on_failure():
            first = not hasattr(self, "network_")
            self._check_stream_parameters()
            if self.loss != SQUARED_ERROR:
                raise ValueError(
                    f"partial_fit does not support loss={self.loss!r}; set it to "
                    f"{SQUARED_ERROR!r}, or call fit on all samples at once."
                )
            rows = rows_of(sample_weight) if first else None
            inputs, targets = self._validated(
                *(X, y), multi_output=True, y_numeric=True, reset=first, rows=rows
            )
            weight = self._batch_weights(sample_weight, inputs)
            targets = np.asarray(targets, dtype=np.float64)
            n_targets = 1 if targets.ndim == 1 else targets.shape[1]
            if first:
                self._single_target = targets.ndim == 1
            elif n_targets != self.n_outputs_:
                raise ValueError(
                    f"partial_fit goes on with a network of {self.n_outputs_} outputs, but y has "
                    f"{n_targets} targets. Call fit to start anew."
                )
            progress = Progress(self, lambda network: {"network_": network}, X, y, sample_weight)
            self._learn_batch(
                inputs,
                targets.reshape(len(inputs), -1),
                weight,
                self._state.data_fit or regression_loss() if not first else regression_loss(),
                progress,
            )
            progress.close(self.network_)
        return self


class ClassifierStreamMixin(StreamingMixin):
    """`partial_fit` of the classifier."""

    class_weight: dict[Any, float] | str | None
    _known: Callable[..., NDArray[np.intp]]

    @available_if(_learns_in_batches)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Go on training with another batch of a stream.

        The first call, unless `fit` has been called before, trains as `fit` does, and fixes the
        scaling of the columns; so its batch should be typical of what is to come. Later calls
        minimise the loss of their batch, of the latest 1,000 samples before, and of all others as
        they are remembered: by value, gradient and Fisher matrix of their loss. With
        ``solver="adam"``, or more than 2,500 parameters, a call is one pass over its batch and the
        latest 1,000 samples, and nothing is remembered of others. See
        :ref:`the user guide <streams>` for what is forgotten and what is not.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs, with the same columns in all calls. Where they leave the grids these are
            widened, up to eight times their first number of intervals.
        y : array-like of shape (n_samples,)
            Labels; a batch need not have all of them.
        classes : array-like of shape (n_classes,), default=None
            All labels there will ever be. Needed in the first call, unless `fit` has been called
            before; the same, if given at all, in later ones.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights; all samples of all batches count by their weights.

        Returns
        -------
        self : KANClassifier
            The fitted estimator. If training fails or is interrupted, it is left as it was.

        Raises
        ------
        ValueError
            If parameters or data cannot be used, or the columns are not those of the calls before,
            or `classes` is missing or another than before, or does not have all labels; for
            `early_stopping`, `sparsity`, ``class_weight="balanced"``, and ``solver="lm"`` with more
            than 2,500 parameters.
        TypeError
            If `X` is sparse.
        AttributeError
            For ``solver="lbfgs"``, which has no such method.

        Examples
        --------
        >>> import numpy as np
        >>> from skkan import KANClassifier
        >>> rng = np.random.default_rng(0)
        >>> model = KANClassifier((), alpha=1e-3)
        >>> for _ in range(5):
        ...     X = rng.uniform(-1, 1, size=(60, 2))
        ...     y = X[:, 0] ** 2 + X[:, 1] ** 2 < 0.6
        ...     model = model.partial_fit(X, y, classes=[False, True])
        >>> bool(model.score(X, y) > 0.95)
        True
        """
        with self._restored_on_failure():
            first = not hasattr(self, "network_")
            self._check_stream_parameters()
            if self.class_weight == "balanced":
                raise ValueError(
                    "partial_fit does not support class_weight='balanced', since the classes of "
                    "later batches are not known. Give a weight by class, or sample_weight."
                )
            rows = rows_of(sample_weight) if first else None
            inputs, labels = self._validated(X, y, reset=first, rows=rows)
            check_classification_targets(labels)
            weight = self._batch_weights(sample_weight, inputs)
            self._set_classes(classes, first)
            codes = self._known(labels, "partial_fit")
            if self.class_weight is not None:
                factors = compute_class_weight(self.class_weight, classes=self.classes_, y=labels)
                weight = np.multiply(weight, factors[codes])
            target, loss = memberships(codes, len(self.classes_)), class_loss(len(self.classes_))
            progress = Progress(self, lambda network: {"network_": network}, X, y, sample_weight)
            self._learn_batch(inputs, target, weight, loss, progress)
            progress.close(self.network_)
        return self

    def _set_classes(self, classes: ArrayLike | None, first: bool) -> None:
        """Store the classes of a stream, or compare them with those of the calls before."""
        if classes is None:
            if first:
                raise ValueError(
                    "classes must be passed on the first call to partial_fit: all labels there "
                    "will ever be, which a single batch need not have."
                )
            return
        given = np.unique(np.asarray(classes))
        if first:
            if len(given) < 2:
                raise ValueError(
                    f"classes must hold at least two classes, got {given.tolist()!r}: a classifier "
                    "of only one class has nothing to learn."
                )
            self.classes_ = given
        elif not np.array_equal(given, self.classes_):
            raise ValueError(
                f"classes={given.tolist()!r} is not the same as on the first call, which were "
                f"{self.classes_.tolist()!r}. Call fit to start anew."
            )
