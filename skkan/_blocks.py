"""Sums over samples, block by block: the one way in which training sees its data.

Loss, gradient and curvature are sums over samples. :meth:`RowBlocks.sums` takes a function of a
block of samples, applies it to all blocks, on threads if asked to, and adds up what it returns. The
blocks are small enough to stay in cache, and no temporary is larger than a few of them.

A function of a block holds a network and a loss but no data, and can be pickled: another class with
the same method may keep its blocks elsewhere, where only parameters go and sums come from.
"""

import copy
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from scipy.sparse import issparse, vstack
from threadpoolctl import ThreadpoolController

from skkan._data import TrainingData
from skkan._features import Features, leaves_out_zeros
from skkan._layer import Layer
from skkan._typing import FloatArray

# Half of that is in use at a time: it should stay near the core, but be worth NumPy's overhead.
BLOCK_BYTES = 2**22
MAX_CACHE_BYTES = 2**28
LARGEST_CHUNK = 2**25 - 2**14


@dataclass(frozen=True)
class Block:
    """Consecutive samples.

    Attributes
    ----------
    inputs : ndarray of shape (n_samples, n_inputs)
        Scaled inputs.
    target : ndarray of shape (n_samples, n_outputs)
        Standardised targets, or class memberships.
    weight : ndarray of shape (n_samples,)
        Positive weights.
    features : ndarray or CSR matrix of shape (n_samples, n_inputs * n_features) or None
        Features of the first layer, where they are kept.
    """

    inputs: FloatArray
    target: FloatArray
    weight: FloatArray
    features: Features | None = None


class RowBlocks:
    """Samples in blocks of rows, with the features of a network's first layer.

    Parameters
    ----------
    data : TrainingData
        All samples.
    layer : Layer
        First layer; its grid and base function alone matter.
    n_jobs : int or None, default=None
        Number of threads, as joblib understands it.
    max_cache_bytes : int, default=2**28
        Features are kept if they take no more than that; otherwise they are computed whenever a
        block is used.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan._blocks import RowBlocks
    >>> from skkan._data import TrainingData
    >>> from skkan._layer import Layer
    >>> from skkan._splines import SplineGrid
    >>> layer = Layer(SplineGrid(np.array([[-1.0, 1.0]]), degree=1), np.zeros((1, 2, 1)))
    >>> inputs = np.linspace(-1.0, 1.0, 101)[:, None]
    >>> data = TrainingData(inputs, inputs**2, np.full(101, 1.0 / 101), 101.0)
    >>> (mean,) = RowBlocks(data, layer).sums(lambda block: (block.weight @ block.inputs,), 8)
    >>> bool(abs(mean[0]) < 1e-15)
    True
    """

    def __init__(
        self,
        data: TrainingData,
        layer: Layer,
        n_jobs: int | None = None,
        max_cache_bytes: int = MAX_CACHE_BYTES,
    ) -> None:
        self.data = data
        self.n_jobs = n_jobs
        self.features: Features | None = None
        probe = layer.features(data.inputs[:1])
        row_bytes = 12 * probe.nnz if issparse(probe) else probe.nbytes
        if row_bytes * len(data.inputs) <= max_cache_bytes:
            self.features = self._all_features(layer)

    def _all_features(self, layer: Layer) -> Features:
        inputs = self.data.inputs
        parts = self._map(lambda part: layer.features(inputs[part]), _rows(layer.row_bytes))
        if leaves_out_zeros(layer.n_features):
            return vstack(list(parts), format="csr")
        features = np.empty((len(inputs), layer.n_in * layer.n_features))
        start = 0
        for part in parts:
            features[start : start + len(part)] = part
            start += len(part)
        return features

    def on_threads(self, n_jobs: int | None) -> "RowBlocks":
        """Return the same blocks for another number of threads, without a copy."""
        other = copy.copy(self)
        other.n_jobs = n_jobs
        return other

    def sums(
        self,
        function: Callable[[Block], tuple[Any, ...]],
        row_bytes: int,
        least_rows: int = 1,
    ) -> tuple[Any, ...]:
        """Return the sums over all blocks of what `function` returns.

        They do not depend on the number of threads: neither the blocks nor their order do.

        Parameters
        ----------
        function : callable
            Takes a :class:`Block` and returns a tuple of numbers and arrays that are its own.
        row_bytes : int
            Memory that it takes for a sample, from which the length of the blocks follows.
        least_rows : int, default=1
            Length below which blocks are not worth their while, whatever their memory.
        """

        def apply(part: slice) -> tuple[Any, ...]:
            return function(self._block(part))

        totals: list[Any] = []
        for parts in self._map(apply, max(_rows(row_bytes), least_rows)):
            if not totals:
                totals = list(parts)
                continue
            for number, own in enumerate(parts):
                totals[number] += own
        return tuple(totals)

    def _block(self, part: slice) -> Block:
        data = self.data
        features = None if self.features is None else self.features[part]
        return Block(data.inputs[part], data.target[part], data.weight[part], features)

    def _map(self, function: Callable[[slice], Any], rows: int) -> Iterator[Any]:
        """Yield what `function` makes of every block, in their order."""
        n_samples = len(self.data.inputs)
        parts = [slice(start, start + rows) for start in range(0, n_samples, rows)]
        n_threads = min(effective_n_jobs(self.n_jobs), len(parts))
        if n_threads == 1:
            yield from map(function, parts)
            return
        settings = np.geterr()

        def careful(part: slice) -> Any:
            # New threads know nothing of the caller's np.errstate.
            with np.errstate(**settings):
                return function(part)

        # A pool is started in a tenth of what joblib takes to hand out its first task. There are
        # never more results waiting than a few for each thread.
        waiting = iter(parts)
        with ThreadPoolExecutor(n_threads) as pool:
            running = deque(pool.submit(careful, part) for part in islice(waiting, 4 * n_threads))
            while running:
                yield running.popleft().result()
                running.extend(pool.submit(careful, part) for part in islice(waiting, 1))


def _rows(row_bytes: int) -> int:
    return max(1, BLOCK_BYTES // row_bytes)


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def tuned_for_blocks() -> Iterator[None]:
    """Set the process up for many operations on small arrays, as long as a fit lasts.

    BLAS is kept to one thread: blocks are small for it, and threads of ours would compete.
    """
    # Until the C library of Linux has seen a large array go, it returns every block's memory to the
    # system and has it cleared page by page when the next one asks for it, which takes longer than
    # all arithmetic. This is the largest one that counts, and none of its pages is ever touched.
    np.empty(LARGEST_CHUNK, dtype=np.uint8)
    with _controller().limit(limits=1, user_api="blas"):
        yield
