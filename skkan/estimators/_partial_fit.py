"""What the estimators offer for data that come in batches."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from skkan._typing import FloatArray
from skkan.data._samples import TrainingData, canonical_rows
from skkan.data._typical_rows import typical_rows
from skkan.estimators._fitted_state import FittedState
from skkan.estimators._targets import loss_for, memberships
from skkan.inspection._scores import activity_on
from skkan.network._network import Network
from skkan.objective._losses import Loss, SquaredLoss
from skkan.objective._penalties import Penalty
from skkan.solvers._lm import DENSE_MAX_PARAMETERS
from skkan.training._problem import Problem
from skkan.training._progress import Progress
from skkan.training._settings import Settings, State
from skkan.training._streaming import (
    MAX_GROWTH,
    MAX_ROWS,
    Memory,
    StreamObjective,
    completed,
    learn,
    mixed_rows,
    recalled,
    widened,
    widened_penalty,
)

# Sums of weights that differ by this share are the same.
ROUNDING = 1e-9


def _learns_in_batches(estimator: Any) -> bool:
    """Raise an error, as `hasattr` wants it, for a solver that knows no batches."""
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit does not support solver='lbfgs', which works on all samples at once; set "
            "it to 'auto', 'lm' or 'adam'."
        )
    return True


Samples = tuple[FloatArray, FloatArray, FloatArray]


@dataclass(frozen=True)
class Stream:
    """What a stream of batches leaves behind besides the network.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features)
        Inputs of the latest samples, in the order in which they came.
    target : ndarray of shape (n_samples, n_outputs)
        Their targets.
    weight : ndarray of shape (n_samples,)
        Their weights.
    memory : Memory or None
        What all earlier samples say of the parameters.
    parameters : ndarray of shape (n_parameters,)
        Parameters of the network that the memory is for.
    max_grid_size : int
        Number of intervals up to which grids are widened.
    """

    X: FloatArray
    target: FloatArray
    weight: FloatArray
    memory: Memory | None
    parameters: FloatArray
    max_grid_size: int

    @classmethod
    def of(
        cls,
        samples: Samples,
        memory: Memory | None,
        network: Network,
        penalty: Penalty,
        loss: Loss,
        max_grid_size: int,
        remember: bool,
    ) -> "Stream":
        """Keep the latest samples, and remember of the others what they say of the parameters."""
        parameters = network.get_parameters()
        X, target, weight = samples
        count = max(len(X) - MAX_ROWS, 0)
        if count and remember:
            data = TrainingData.of(X[:count], target[:count], weight[:count], network.scaling)
            memory = StreamObjective(network, data, loss, penalty, memory).memory(parameters)
        latest = X[count:], target[count:], weight[count:]
        return cls(*latest, memory, parameters, max_grid_size)


class StreamingMixin:
    """Training on one batch after the other."""

    network_: Network
    _state: FittedState
    solver: str
    n_iter_: int
    loss_curve_: list[float]
    _stream: Stream
    _settings: Callable[..., Settings]
    _train: Callable[..., None]
    _validated: Callable[..., Any]
    _validated_weights: Callable[..., FloatArray]
    _restored_on_failure: Callable[..., Any]

    def _check_stream_parameters(self) -> None:
        """Raise an error for parameters that a stream cannot honour."""
        wanted: dict[str, tuple[Any, ...]] = {
            "early_stopping": (False,),
            "sparsity": (0.0,),
        }
        for name, allowed in wanted.items():
            value = getattr(self, name)
            if value not in allowed:
                raise ValueError(
                    f"partial_fit does not support {name}={value!r}; set it to "
                    + " or ".join(repr(one) for one in allowed)
                    + ", or call fit on all samples at once."
                )

    def _learn_batch(
        self,
        X: FloatArray,
        target: FloatArray,
        weight: FloatArray,
        loss: Loss,
        progress: Progress,
        *,
        standardise: bool,
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
        standardise : bool
            Whether the first batch scales the targets.
        """
        used = weight > 0.0
        samples = X[used], target[used], weight[used]
        if hasattr(self, "network_"):
            self._go_on(samples, loss, progress)
            return
        self._train(*samples, loss, progress, standardise=standardise, streaming=True)
        network = self.network_
        limit = MAX_GROWTH * network.grid_size
        remember = self._stream_solver(network) == "lm"
        self._stream = Stream.of(samples, None, network, self._state.penalty, loss, limit, remember)

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

    def _go_on(self, samples: Samples, loss: Loss, progress: Progress) -> None:
        """Train the network that is there on further samples."""
        X, target, weight = samples
        stream = self._stream_so_far(loss)
        before = self.network_.copy()
        before.scaling = completed(before.scaling, X, target)
        network, places = widened(before, before.scaling.inputs(X), stream.max_grid_size)
        solver = self._stream_solver(network)
        memory = None if stream.memory is None else stream.memory.spread(network, places)
        together = (
            np.concatenate([stream.X, X]),
            np.concatenate([stream.target, target]),
            np.concatenate([stream.weight, weight]),
        )
        data = TrainingData.of(*canonical_rows(*together), network.scaling)
        settings = self._settings(len(data.inputs), X.shape[1], target.shape[1], network)
        settings = replace(settings, solver=solver)
        problem = Problem(data, None, loss, settings, network.scaling)
        if settings.alpha == self._state.alpha:
            penalty = widened_penalty(self._state.penalty, before, network)
        else:
            penalty = problem.first_penalty(network)
        old_total, new_total = self._state.total_weight, float(weight.sum())
        curve: list[float] = []
        with progress.phase("batch", settings.max_iter if solver == "lm" else 1) as phase:

            def callback(value: float, latest: Network) -> bool:
                curve.append(value)
                return phase.step(value, lambda: latest)

            share = new_total / (old_total + new_total)
            state = learn(problem, network, penalty, memory, share, callback)
        if not np.isfinite(state.loss):
            raise ValueError(
                "X or y lies so far beyond the batches before that the loss overflows (largest "
                f"magnitudes {np.abs(X).max():.3g} and {np.abs(target).max():.3g}). Remove or "
                "clip the samples."
            )
        self._stream = Stream.of(
            together,
            memory,
            state.network,
            state.penalty,
            loss,
            stream.max_grid_size,
            solver == "lm",
        )
        rows = mixed_rows(self._state.rows.X, X, old_total, new_total)
        self._store_state(state, rows, curve, old_total + new_total, settings.alpha)
        self.solver_ = solver

    def _store_state(
        self,
        state: State,
        rows: FloatArray,
        curve: list[float],
        total_weight: float,
        alpha: float | None,
    ) -> None:
        """Set the fitted attributes, `rows` standing for all samples."""
        self.network_ = state.network
        weight = np.ones(len(rows))
        self._state = FittedState(
            penalty=state.penalty,
            activity=activity_on(state.network, rows, weight),
            rows=typical_rows(state.network, rows, weight),
            total_weight=total_weight,
            alpha=alpha,
        )
        self.n_iter_ = self.n_iter_ + len(curve)
        self.loss_curve_ = self.loss_curve_ + curve
        self.loss_ = state.loss
        self.best_loss_ = min(self.loss_curve_, default=0.0)
        if hasattr(self, "validation_loss_curve_"):
            del self.validation_loss_curve_

    def _stream_so_far(self, loss: Loss) -> Stream:
        """Return the stream, with a memory of samples that have gone for the present network.

        After `fit`, and after changes of the network, it is recalled from typical inputs.
        """
        network = self.network_
        stream = getattr(self, "_stream", None)
        if stream is None:
            nothing = np.empty((0, network.shape[0])), np.empty((0, network.shape[-1])), np.empty(0)
            stream = Stream(*nothing, None, np.empty(0), MAX_GROWTH * network.grid_size)
        if self._stream_solver(network) == "adam":
            return replace(stream, memory=None)
        gone = self._state.total_weight - float(stream.weight.sum())
        if stream.memory is not None:
            stale = not np.array_equal(stream.parameters, network.get_parameters())
        else:
            stale = gone > ROUNDING * self._state.total_weight
        if not stale:
            return stream
        memory = recalled(network, self._state.rows.X, self._state.penalty, loss, gone)
        return replace(stream, memory=memory)


class RegressorStreamMixin(StreamingMixin):
    """`partial_fit` of the regressor."""

    _single_target: bool
    n_outputs_: int

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
        samples at once. With ``solver="adam"``, or more than 2,500 parameters, a call is one pass
        over its batch and the latest 1,000 samples, and nothing is remembered of others. See
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
            inputs, targets = self._validated(X, y, multi_output=True, y_numeric=True, reset=first)
            weight = self._validated_weights(sample_weight, inputs)
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
                SquaredLoss(),
                progress,
                standardise=True,
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
            inputs, labels = self._validated(X, y, reset=first)
            check_classification_targets(labels)
            weight = self._validated_weights(sample_weight, inputs)
            self._set_classes(classes, first)
            codes = self._known(labels, "partial_fit")
            if self.class_weight is not None:
                factors = compute_class_weight(self.class_weight, classes=self.classes_, y=labels)
                weight = np.multiply(weight, factors[codes])
            target, loss = memberships(codes, len(self.classes_)), loss_for(len(self.classes_))
            progress = Progress(self, lambda network: {"network_": network}, X, y, sample_weight)
            self._learn_batch(inputs, target, weight, loss, progress, standardise=False)
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
