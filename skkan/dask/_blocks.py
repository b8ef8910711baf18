"""Row blocks that stay on the workers of a cluster.

Every group of samples is a :class:`skkan._blocks.RowBlocks` of its own, in the memory of some
worker. A sum sends the function there, once for all groups, and brings back one total: the groups'
sums are added up in the order in which they would be in one process, so that the result is the same
to the bit, whichever worker is done first.

All that lies on workers is the result of tasks, and Dask runs these again when a worker is lost.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any

import dask
import numpy as np
from dask.delayed import Delayed, delayed
from dask.sizeof import sizeof
from scipy.sparse import issparse

from skkan._blocks import Block, Extremes, RowBlocks, added_up, tuned_for_blocks
from skkan._data import TrainingData
from skkan._layer import Layer
from skkan._typing import FloatArray

# A power of 2, so that totals of so many groups can be added up as `added_up` wants it.
FAN_IN = 16


@sizeof.register(TrainingData)
def _bytes_of_data(data: TrainingData) -> int:
    return data.inputs.nbytes + data.target.nbytes + data.weight.nbytes


@sizeof.register(RowBlocks)
def _bytes_of_rows(rows: RowBlocks) -> int:
    features, own = rows.features, 0
    if features is not None:
        own = features.data.nbytes
        own += features.indices.nbytes if issparse(features) else 0
    return _bytes_of_data(rows.data) + own


class DaskRows:
    """Samples in blocks on workers.

    Takes the place of :class:`skkan._blocks.RowBlocks`.

    Parameters
    ----------
    groups : sequence of Delayed
        The groups, as :class:`skkan._blocks.RowBlocks`, kept by the workers.
    """

    def __init__(self, groups: Sequence[Delayed]) -> None:
        self._groups = groups

    @classmethod
    def of(
        cls,
        groups: Sequence[Delayed],
        layer: Layer | None = None,
        max_cache_bytes: Sequence[int] | None = None,
    ) -> "DaskRows":
        """Cut groups into blocks, with features of a network's first layer.

        Parameters
        ----------
        groups : sequence of Delayed
            The groups, as :class:`skkan._data.TrainingData`, kept by the workers.
        layer : Layer, optional
            First layer, if its features may be of use.
        max_cache_bytes : sequence of int, optional
            For every group, how much memory its features may take.
        """
        shared, budgets = as_task(layer), max_cache_bytes or [0] * len(groups)
        rows = map(delayed(_rows_of_group), groups, [shared] * len(groups), budgets)
        return cls(dask.persist(*rows))

    def on_threads(self, n_jobs: int | None) -> "DaskRows":  # noqa: ARG002
        """Return the same blocks; how many run at a time is for the cluster to say."""
        return self

    def sums(
        self,
        function: Callable[[Block], tuple[Any, ...]],
        row_bytes: int,
        least_rows: int = 1,
    ) -> tuple[Any, ...]:
        """Return the sums over all blocks of what `function` returns.

        Parameters
        ----------
        function : callable
            Takes a :class:`skkan._blocks.Block` and returns a tuple of numbers and arrays that are
            its own; it can be pickled.
        row_bytes : int
            Memory that it takes for a sample, from which the length of the blocks follows.
        least_rows : int, default=1
            Length below which blocks are not worth their while, whatever their memory.
        """
        return self._reduced("sums", added_up, function, row_bytes, least_rows)

    def extremes(self, function: Callable[[Block], FloatArray], row_bytes: int) -> Extremes:
        """Return the smallest and the largest value in every column of what `function` returns.

        Parameters
        ----------
        function : callable
            Takes a :class:`skkan._blocks.Block` and returns an array of shape (n_samples,
            n_values); it can be pickled.
        row_bytes : int
            Memory that it takes for a sample.
        """
        return self._reduced("extremes", _merged, function, row_bytes)

    def _reduced(self, method: str, reduction: Callable[[list[Any]], Any], *arguments: Any) -> Any:
        """Call a method of every group, and put the results together, neighbours first."""
        shared = as_task((method, arguments, np.geterr()))
        terms = [delayed(_called)(group, shared) for group in self._groups]
        while len(terms) > 1:
            runs = [terms[start : start + FAN_IN] for start in range(0, len(terms), FAN_IN)]
            terms = [delayed(reduction)(run) for run in runs]
        return dask.compute(terms[0])[0]


def as_task(value: Any) -> Delayed:
    """Return an object that goes to the cluster once, as a task, which can be run again."""
    return delayed(value, pure=False, traverse=False)


def _rows_of_group(data: TrainingData, layer: Layer | None, max_cache_bytes: int) -> RowBlocks:
    with tuned_for_blocks():
        return RowBlocks(data, layer, 1, max_cache_bytes, group_rows=data.n_samples)


def _called(rows: RowBlocks, shared: tuple[Any, ...]) -> Any:
    method, arguments, settings = shared
    with tuned_for_blocks(), np.errstate(**settings):
        return getattr(rows, method)(*arguments)


def _merged(parts: Iterable[Extremes]) -> Extremes:
    return reduce(Extremes.merged, parts)
