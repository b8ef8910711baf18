"""Row blocks that stay on the workers of a cluster.

Samples lie in shares, runs of groups, each a :class:`skkan.data._blocks.RowBlocks` of its own in
the memory of some worker. A sum sends the function there and brings back one total: the shares'
sums are added up in the order in which they would be in one process, so that the result is the
same to the bit, whichever worker is done first.

All that lies on workers is the result of tasks, and Dask runs these again when a worker is lost.
The function is part of every task. Were it a task of its own, or scattered, it could be lost with
the worker that has it, or draw shares to that worker.
"""

import ctypes
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache, partial, reduce
from typing import Any

import dask
import numpy as np
from dask.delayed import Delayed, delayed
from dask.sizeof import sizeof
from scipy.sparse import issparse

from skkan._typing import FloatArray
from skkan.data._blocks import (
    LARGEST_CHUNK,
    Block,
    Extremes,
    RowBlocks,
    added_up,
    tuned_for_blocks,
)
from skkan.data._samples import TrainingData
from skkan.network._layer import Layer

# A power of 2, so that totals of so many shares can be added up as `added_up` wants it.
FAN_IN = 4
# Names in malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


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

    Takes the place of :class:`skkan.data._blocks.RowBlocks`.

    Parameters
    ----------
    shares : sequence of Delayed
        The shares, as :class:`skkan.data._blocks.RowBlocks`, kept by the workers.
    """

    def __init__(self, shares: Sequence[Delayed]) -> None:
        self._shares = shares

    @classmethod
    def of(
        cls,
        shares: Sequence[Delayed],
        group_rows: int,
        layer: Layer | None = None,
        max_cache_bytes: int = 0,
    ) -> "DaskRows":
        """Cut shares into blocks, with features of a network's first layer.

        Parameters
        ----------
        shares : sequence of Delayed
            The shares, as :class:`skkan.data._samples.TrainingData`, kept by the workers.
        group_rows : int
            Number of samples of a group; a share has 1, 2, 4, 8, ... groups.
        layer : Layer, optional
            First layer, if its features may be of use.
        max_cache_bytes : int, default=0
            Memory that the features of a share may take.
        """
        cut = delayed(partial(_rows_of_share, layer, max_cache_bytes, group_rows))
        return cls(dask.persist(*map(cut, shares)))

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
            Takes a :class:`skkan.data._blocks.Block` and returns a tuple of numbers and arrays
            that are its own; it can be pickled.
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
            Takes a :class:`skkan.data._blocks.Block` and returns an array of shape (n_samples,
            n_values); it can be pickled.
        row_bytes : int
            Memory that it takes for a sample.
        """
        return self._reduced("extremes", _merged, function, row_bytes)

    def _reduced(self, method: str, reduction: Callable[[list[Any]], Any], *arguments: Any) -> Any:
        """Call a method of every share, and put the results together, neighbours first."""
        call = delayed(partial(_called, method, arguments, np.geterr()))
        terms = [call(share) for share in self._shares]
        while len(terms) > 1:
            runs = [terms[start : start + FAN_IN] for start in range(0, len(terms), FAN_IN)]
            terms = [delayed(reduction)(run) for run in runs]
        return dask.compute(terms[0])[0]


def _rows_of_share(
    layer: Layer | None, max_cache_bytes: int, group_rows: int, data: TrainingData
) -> RowBlocks:
    _keep_memory()
    with tuned_for_blocks():
        return RowBlocks(data, layer, 1, max_cache_bytes, group_rows)


@cache
def _keep_memory() -> None:
    """Undo what Dask asks of the C library of Linux where it starts workers.

    There memory goes back to the system at once, and clearing it for the next block takes three
    times as long as all arithmetic. :func:`tuned_for_blocks` cannot change that any more; these are
    the limits that it leads to elsewhere.
    """
    if "MALLOC_TRIM_THRESHOLD_" in os.environ:
        with suppress(AttributeError, OSError, TypeError):
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(M_MMAP_THRESHOLD, LARGEST_CHUNK)
            mallopt(M_TRIM_THRESHOLD, 2 * LARGEST_CHUNK)


def _called(method: str, arguments: tuple[Any, ...], settings: Any, rows: RowBlocks) -> Any:
    with tuned_for_blocks(), np.errstate(**settings):
        return getattr(rows, method)(*arguments)


def _merged(parts: Iterable[Extremes]) -> Extremes:
    return reduce(Extremes.merged, parts)
