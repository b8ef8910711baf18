"""What a fit tells the outside while it runs: callbacks of scikit-learn and printed lines.

scikit-learn 1.9 lets an estimator announce its work as a tree of tasks to callbacks such as
``sklearn.callback.ProgressBar``. Here the tree has three levels: the fit, one task per training
phase, and one task per iteration of a phase. Before 1.9 the same calls announce nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stand-in for scikit-learn before 1.9, which has no callbacks to support."""


__all__ = ["CallbackSupportMixin", "Phase", "Progress", "RelayedProgress"]


class Progress:
    """Announces the phases of one fit.

    Parameters
    ----------
    estimator : estimator
        The estimator being fitted.
    fitted_attributes : callable
        ``fitted_attributes(network)`` returns what makes a copy of the estimator predict with
        this network, or whatever else the phases announce. Called only if a callback asks for it.
    X, y : array-like
        Training data as ``estimator.score`` takes them.
    sample_weight : array-like of shape (n_samples,), optional
        Weights that callbacks pass to their scorers.

    Attributes
    ----------
    input_order : ndarray of shape (n_inputs,) or None
        The networks that phases announce have their inputs in another order than the estimator;
        this takes them back.
    """

    def __init__(
        self,
        estimator: Any,
        fitted_attributes: Callable[[Any], dict[str, Any]],
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        self._estimator = estimator
        self._fitted_attributes = fitted_attributes
        self.input_order: NDArray[np.intp] | None = None
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._arguments = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._context: Any = None
        # Without callbacks no context is made at all, so that an iteration costs nothing more.
        if getattr(estimator, "_skl_callbacks", None):
            self._context = estimator._init_callback_context(max_subtasks=None)
            self._context.call_on_fit_task_begin(**self._arguments)

    def close(self, network: Any) -> None:
        """Announce the end of the fit, with the estimator's own network."""
        self.input_order = None
        self._end(self._context, lambda: network)

    @contextmanager
    def phase(self, name: str, max_iter: int | None = None) -> Iterator["Phase"]:
        """Open the task of one training phase.

        Parameters
        ----------
        name : str
            Shown to the user, such as ``"grid size 5"``.
        max_iter : int, optional
            Upper bound on the number of iterations, if known.
        """
        start = perf_counter()
        phase = Phase(self, self._begin(self._context, name, max_iter))
        try:
            yield phase
        finally:
            self._end(phase._context, phase._get_network)
            if self._estimator.verbose:
                print(
                    f"[{type(self._estimator).__name__}] {name}: {phase.n_iter} iterations, "
                    f"loss {phase.loss:.4g}, {perf_counter() - start:.2f} s"
                )

    def _begin(self, parent: Any, name: str, max_subtasks: int | None) -> Any:
        if parent is None:
            return None
        context = parent.subcontext(task_name=name, max_subtasks=max_subtasks)
        context.call_on_fit_task_begin(**self._arguments)
        return context

    def _restored(self, network: Any) -> Any:
        return network if self.input_order is None else network.with_inputs(self.input_order)

    def _end(self, context: Any, get_network: Callable[[], Any] | None) -> bool:
        if context is None:
            return False
        attributes = None
        if get_network is not None:
            attributes = lambda: self._fitted_attributes(self._restored(get_network()))  # noqa: E731
        return bool(
            context.call_on_fit_task_end(**self._arguments, reconstruction_attributes=attributes)
        )


class Phase:
    """One training phase, opened by :meth:`Progress.phase`.

    Attributes
    ----------
    n_iter : int
        Number of iterations so far.
    loss : float
        Objective after the latest iteration, NaN before the first.
    """

    def __init__(self, progress: Progress, context: Any) -> None:
        self.n_iter = 0
        self.loss = float("nan")
        self._progress = progress
        self._context = context
        self._get_network: Callable[[], Any] | None = None

    def step(self, loss: float, get_network: Callable[[], Any]) -> bool:
        """Announce the end of an iteration, and return whether a callback asks to stop.

        Parameters
        ----------
        loss : float
            Objective after this iteration.
        get_network : callable
            Returns the network that a stop here would leave; called only if a callback asks for
            the fitted estimator.
        """
        self.n_iter += 1
        self.loss = loss
        self._get_network = get_network
        iteration = self._progress._begin(self._context, "iteration", 0)
        return self._progress._end(iteration, get_network)


class RelayedProgress(Progress):
    """Passes the iterations of a fit that is part of another one on to that, and prints nothing.

    Parameters
    ----------
    watch : callable
        ``watch(loss, get_network)`` takes what :meth:`Phase.step` takes, the networks with their
        inputs in the estimator's order, and returns whether to stop.

    Attributes
    ----------
    stopped : bool
        Whether `watch` has asked to stop; from then on every phase is.
    interrupted : bool
        Whether a keyboard interrupt has ended a phase.
    """

    def __init__(self, watch: Callable[[float, Callable[[], Any]], bool]) -> None:
        self.input_order = None
        self.stopped = self.interrupted = False
        self._watch = watch

    def close(self, network: Any) -> None:
        """Announce nothing: the other fit goes on."""

    @contextmanager
    def phase(self, name: str, max_iter: int | None = None) -> Iterator["Phase"]:  # noqa: ARG002
        """Open a phase whose iterations are passed on."""
        try:
            yield _RelayedPhase(self)
        except KeyboardInterrupt:
            self.interrupted = True
            raise

    def _passed_on(self, loss: float, get_network: Callable[[], Any]) -> bool:
        if not self.stopped:
            self.stopped = self._watch(loss, lambda: self._restored(get_network()))
        return self.stopped


class _RelayedPhase(Phase):
    def __init__(self, progress: RelayedProgress) -> None:
        super().__init__(progress, None)
        self._relay = progress

    def step(self, loss: float, get_network: Callable[[], Any]) -> bool:
        """Pass the end of an iteration on, and return whether to stop."""
        self.n_iter += 1
        self.loss = loss
        return self._relay._passed_on(loss, get_network)
