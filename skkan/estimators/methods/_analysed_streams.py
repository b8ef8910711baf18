"""Batches for an analysis of variance, which learns from them in closed form."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.anova._uncertainty import AnalysisPosterior
from skkan.data._blocks import tuned_for_blocks
from skkan.data._samples import TrainingData
from skkan.data._weighted_rows import WeightedRows
from skkan.estimators._fitted_state import FittedState
from skkan.inspection._scores import activity_on
from skkan.network._network import Network
from skkan.network._scaling import Scaling
from skkan.objective.losses._loss import Loss
from skkan.training._problem import Problem
from skkan.training._progress import Progress
from skkan.training._settings import Settings, State, TrainingResult
from skkan.training.growth._batches import AnalysedStream, extended
from skkan.training.streams._stream import Stream
from skkan.training.streams._streaming import Past
from skkan.training.streams._widening import completed

# In ranges of a column. Such rows lie on straight lines, whose slopes would have to be so small
# that the functions between the samples before bend to them.
FARTHEST = 1e5
# A fit to all samples anew leaves such rows out of the ranges of the columns.
FARTHEST_OF_FIT = 1e8


class AnalysedStreamMixin:
    """Streams of no given shape."""

    network_: Network
    _state: FittedState
    _stream: Stream | AnalysedStream
    n_iter_: int
    loss_curve_: list[float]
    alpha: float | str
    extrapolation: str
    _is_free: Callable[[bool], bool]
    _settings: Callable[..., Settings]
    _sites: Callable[..., Any]
    _start: Callable[..., None]
    _store_training: Callable[..., None]

    @property
    def _streams_freely(self) -> bool:
        """Whether the shape of the network is left to the data of a stream."""
        return self._is_free(True) and self.alpha == "auto"

    def _analysed_stream(self, loss: Loss) -> AnalysedStream | None:
        """Return the stream of the present network, if it is one of no given shape."""
        state, stream = self._state, getattr(self, "_stream", None)
        if not (self._streams_freely and state.alpha is None and loss.is_square):
            return None
        if stream is None and isinstance(state.posterior, AnalysisPosterior):
            return AnalysedStream.started(state.rows, state.rows.complete, self.network_)
        if isinstance(stream, AnalysedStream) and stream.is_of(self.network_):
            return stream
        return None

    def _learns_by_analysis(self, samples: WeightedRows, loss: Loss, progress: Progress) -> bool:
        """Learn from a batch in closed form, or from all samples anew; return whether it can be."""
        stream = self._analysed_stream(loss)
        if stream is None:
            return False
        scaling = completed(self.network_.scaling, samples.X, samples.target)
        check_reach(scaling, samples.X, FARTHEST_OF_FIT if stream.complete else FARTHEST)
        known = self._state.posterior
        analysed = isinstance(known, AnalysisPosterior)
        leaves = stream.grows_out(samples, self.network_.scaling)
        if stream.complete:
            together = stream.joined(samples, self.network_.scaling)
            if leaves or (stream.is_worth_a_fit(together) and not self._explains(samples, loss)):
                curve = self.loss_curve_
                self._start(together.merged(), loss, progress)
                self.loss_curve_ = curve + self.loss_curve_
                self.n_iter_ = len(self.loss_curve_)
                return True
        elif leaves or not analysed:
            return False
        if isinstance(known, AnalysisPosterior):
            self._extend_analysis(known, stream, samples, loss, progress)
            return True
        self._state = self._state_with(samples, self.network_)
        self._stream = stream.with_batch(samples, self.network_)
        return True

    def _explains(self, samples: WeightedRows, loss: Loss) -> bool:
        """Return whether a network that is no analysis leaves no more of a batch than its noise."""
        if isinstance(self._state.posterior, AnalysisPosterior):
            return False
        batch = samples.scaled(self.network_.scaling)
        return Past(expected=self._state.expected).explain(self.network_, batch, loss)

    def _state_with(self, samples: WeightedRows, network: Network, **changes: Any) -> FittedState:
        """Return the state with some rows of a batch."""
        rows = self._state.rows.with_batch(network, samples)
        activity = activity_on(network, rows.X, rows.weight)
        return replace(self._state, rows=rows, activity=activity, **changes)

    def _extend_analysis(
        self,
        known: AnalysisPosterior,
        stream: AnalysedStream,
        samples: WeightedRows,
        loss: Loss,
        progress: Progress,
    ) -> None:
        """Solve for the coefficients again, and store the network."""
        order, scaling = known.order, self.network_.scaling.with_inputs(known.order)

        def in_order(rows: WeightedRows) -> TrainingData:
            own = WeightedRows(rows.X[:, order], rows.target, rows.weight)
            return own.scaled(scaling)

        data = in_order(stream.joined(samples, self.network_.scaling))
        settings = replace(self._settings(data, None), sites=self._sites(scaling, order))
        problem = Problem(data, None, loss, settings, scaling)
        with tuned_for_blocks(), progress.phase("batch", 1) as phase:
            result = extended(problem, known, in_order(samples))
            check_loss(result.loss, samples)
            network = self._in_own_order(result, order)
            phase.step(result.loss, lambda: network)
            posterior = result.posterior
            assert posterior is not None
            penalty = result.penalty.with_inputs(np.argsort(order))
            self._state = self._state_with(
                samples, network, penalty=penalty, posterior=replace(posterior, order=order)
            )
            self._stream = stream.with_batch(samples, network)
            self._store_training(State(network, penalty, loss=result.loss), [result.loss])

    def _in_own_order(self, result: TrainingResult, order: Any) -> Network:
        """Return the network with the columns of the user, bounded as that of a fit."""
        network = result.network.with_inputs(np.argsort(order))
        network.layers[0] = network.layers[0].extrapolating(self.extrapolation != "linear")
        return network


def check_reach(scaling: Scaling, X: FloatArray, farthest: float = FARTHEST) -> None:
    """Raise an error for rows so far out that training on them would ruin what is known."""
    with np.errstate(over="ignore"):
        beyond = np.abs(scaling.inputs(X)).max(axis=0)
    if beyond.max() > farthest:
        column = int(beyond.argmax())
        raise ValueError(
            f"X lies so far beyond the batches before that nothing can be learned from it: column "
            f"{column} has values up to {np.abs(X[:, column]).max():.3g}, more than {farthest:g} "
            "times the range that it had. Remove or clip the samples, or call fit to start anew."
        )


def check_loss(loss: float, samples: WeightedRows) -> None:
    """Raise an error for a loss that overflows."""
    if not np.isfinite(loss):
        raise ValueError(
            "X or y lies so far beyond the batches before that the loss overflows "
            f"(largest magnitudes {np.abs(samples.X).max():.3g} and "
            f"{np.abs(samples.target).max():.3g}). Remove or clip the samples."
        )
