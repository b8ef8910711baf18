"""Sums over samples, block by block: the one way in which training sees its data.

Loss, gradient and curvature are sums over samples. :meth:`Rows.sums` takes a function of a block of
samples, applies it to all blocks, on threads if asked to, and adds up what it returns;
:meth:`Rows.extremes` looks for the smallest and largest values of one. The blocks are small enough
to stay in cache, and no temporary is larger than a few of them. Besides, training sees a sample of
some rows, where quantiles are wanted.

A function of a block holds a network and a loss but no data, and can be pickled. So the samples may
be anywhere: :class:`Samples` and :class:`Rows` are what is asked of them, and :class:`RowBlocks`
serves all that this process can read by slices.
"""

import copy
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import reduce
from itertools import groupby, islice
from operator import itemgetter
from threading import Lock
from typing import Any, Protocol

import numpy as np
from joblib import effective_n_jobs
from scipy.sparse import issparse, vstack
from threadpoolctl import ThreadpoolController

from skkan._typing import FloatArray
from skkan.network._features import Features, leaves_out_zeros
from skkan.network._layer import Layer

# Half of that is in use at a time: it should stay near the core, but be worth NumPy's overhead.
BLOCK_BYTES = 2**22
MAX_CACHE_BYTES = 2**28
SAMPLE_ROWS = 2**16
LARGEST_CHUNK = 2**25 - 2**14
# Blocks are added up in groups first, which is as finely as samples can be spread over a cluster.
N_GROUPS = 64
GROUP_ROWS = (2**12, 2**20)


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


@dataclass(frozen=True)
class Extremes:
    """Smallest and largest values of functions of a sample, and where they occur.

    Attributes
    ----------
    low, high : ndarray of shape (n_values,)
        The values.
    at_low, at_high : ndarray of shape (n_values, n_inputs)
        Inputs of the first samples that have them.
    """

    low: FloatArray
    high: FloatArray
    at_low: FloatArray
    at_high: FloatArray

    @classmethod
    def of(cls, values: FloatArray, inputs: FloatArray) -> "Extremes":
        """Take them over the rows of `values`, shape (n_samples, n_values)."""
        columns = np.arange(values.shape[1])
        lowest, highest = values.argmin(axis=0), values.argmax(axis=0)
        return cls(
            values[lowest, columns], values[highest, columns], inputs[lowest], inputs[highest]
        )

    def merged(self, later: "Extremes") -> "Extremes":
        """Return the extremes of these samples and later ones."""
        lower, higher = later.low < self.low, later.high > self.high
        return Extremes(
            np.where(lower, later.low, self.low),
            np.where(higher, later.high, self.high),
            np.where(lower[:, None], later.at_low, self.at_low),
            np.where(higher[:, None], later.at_high, self.at_high),
        )


class Rows(Protocol):
    """Samples in blocks, wherever they are."""

    def on_threads(self, n_jobs: int | None) -> "Rows":
        """Return the same blocks for another number of threads, without a copy."""

    def sums(
        self,
        function: Callable[[Block], tuple[Any, ...]],
        row_bytes: int,
        least_rows: int = 1,
    ) -> tuple[Any, ...]:
        """Return the sums over all blocks of what `function` returns; see :class:`RowBlocks`."""

    def extremes(self, function: Callable[[Block], FloatArray], row_bytes: int) -> Extremes:
        """Return the extremes of the columns of what `function` returns; see :class:`RowBlocks`."""


class Samples(Protocol):
    """What training asks of its data. Weights sum to 1."""

    @property
    def n_samples(self) -> int:
        """Number of samples."""

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""

    @property
    def n_outputs(self) -> int:
        """Number of targets."""

    @property
    def total(self) -> float:
        """Sum of the weights as they were given: the number of samples they stand for."""

    def rows(
        self,
        layer: Layer | None = None,
        n_jobs: int | None = None,
        max_cache_bytes: int = MAX_CACHE_BYTES,
    ) -> Rows:
        """Return the samples in blocks, with features of a layer; see :class:`RowBlocks`."""

    def sample(self) -> Block:
        """Return the samples if they are no more than ``SAMPLE_ROWS``, else so many of them."""

    def batches(self, size: int, rng: np.random.Generator) -> "Iterator[Samples]":
        """Yield all samples in batches drawn at random, each with weights that sum to 1 on average.

        Parameters
        ----------
        size : int
            Number of samples of a batch; the last one may be smaller.
        rng : numpy.random.Generator
            Source of randomness.
        """


class Source(Protocol):
    """Samples that this process can read by slices."""

    @property
    def n_rows(self) -> int:
        """Number of rows, of which some may not count as samples."""

    def block(self, part: slice) -> Block:
        """Return the samples among the rows of a slice."""


class RowBlocks:
    """Samples in blocks of rows, with the features of a network's first layer.

    Parameters
    ----------
    data : Source
        All samples.
    layer : Layer, optional
        First layer, if its features may be of use; its grid and base function alone matter.
    n_jobs : int or None, default=None
        Number of threads, as joblib understands it.
    max_cache_bytes : int, default=2**28
        Features are kept if they take no more than that; otherwise they are computed whenever a
        block is used.
    group_rows : int, optional
        Number of samples in a group, for part of a larger data set; else what
        :func:`rows_of_a_group` gives.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.data._blocks import RowBlocks
    >>> from skkan.data._samples import TrainingData
    >>> from skkan.network._layer import Layer
    >>> from skkan.network.functions._splines import SplineGrid
    >>> layer = Layer(SplineGrid(np.array([[-1.0, 1.0]]), degree=1), np.zeros((1, 2, 1)))
    >>> inputs = np.linspace(-1.0, 1.0, 101)[:, None]
    >>> data = TrainingData(inputs, inputs**2, np.full(101, 1.0 / 101), 101.0)
    >>> (mean,) = RowBlocks(data, layer).sums(lambda block: (block.weight @ block.inputs,), 8)
    >>> bool(abs(mean[0]) < 1e-15)
    True
    """

    def __init__(
        self,
        data: Source,
        layer: Layer | None = None,
        n_jobs: int | None = None,
        max_cache_bytes: int = MAX_CACHE_BYTES,
        group_rows: int | None = None,
    ) -> None:
        self.data = data
        self.n_jobs = n_jobs
        self.group_rows = group_rows or rows_of_a_group(data.n_rows)
        self.features: Features | None = None
        if layer is not None and feature_bytes(layer) * data.n_rows <= max_cache_bytes:
            self.features = self._all_features(layer)

    def _all_features(self, layer: Layer) -> Features:
        slices = self._parts(_rows(layer.row_bytes))[1]
        dtype = layer.dtype
        parts = self._map(
            lambda part: layer.features(self.data.block(part).inputs.astype(dtype, copy=False)),
            slices,
        )
        if leaves_out_zeros(layer.n_features):
            return vstack(list(parts), format="csr")
        features = np.empty((self.data.n_rows, layer.n_in * layer.n_features), dtype=dtype)
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

        They do not depend on the number of threads: neither the blocks nor their order do. Nor do
        they, to the bit, on where the samples are: blocks never reach over the border of a group,
        and the sums of the groups are added as :func:`added_up` does.

        Parameters
        ----------
        function : callable
            Takes a :class:`Block` and returns a tuple of numbers and arrays that are its own.
        row_bytes : int
            Memory that it takes for a sample, from which the length of the blocks follows.
        least_rows : int, default=1
            Length below which blocks are not worth their while, whatever their memory.
        """
        groups, parts = self._parts(_rows(row_bytes), least_rows)
        found = self._found(function, groups, parts)
        return added_up(
            _sequential_sum(term for _, term in terms)
            for _, terms in groupby(found, key=itemgetter(0))
        )

    def extremes(self, function: Callable[[Block], FloatArray], row_bytes: int) -> Extremes:
        """Return the smallest and the largest value in every column of what `function` returns.

        Parameters
        ----------
        function : callable
            Takes a :class:`Block` and returns an array of shape (n_samples, n_values).
        row_bytes : int
            Memory that it takes for a sample.
        """

        def of_block(block: Block) -> Extremes:
            return Extremes.of(function(block), block.inputs)

        groups, parts = self._parts(_rows(row_bytes))
        return reduce(Extremes.merged, (own for _, own in self._found(of_block, groups, parts)))

    def _found(
        self, function: Callable[[Block], Any], groups: list[int], parts: list[slice]
    ) -> Iterator[tuple[int, Any]]:
        """Yield the group of every block that holds samples, and what `function` returns for it."""

        def apply(part: slice) -> Any:
            block = self._block(part)
            return function(block) if len(block.weight) else None

        for group, found in zip(groups, self._map(apply, parts), strict=True):
            if found is not None:
                yield group, found

    def _parts(self, most: int, least: int = 1) -> tuple[list[int], list[slice]]:
        """Return the group of every block and its samples: at most so many, but at least."""
        n_samples = self.data.n_rows
        groups: list[int] = []
        parts: list[slice] = []
        for number, first in enumerate(range(0, n_samples, self.group_rows)):
            end = min(first + self.group_rows, n_samples)
            rows = end - first
            n_blocks = max(1, min(-(-rows // most), rows // least))
            length = -(-rows // n_blocks)
            own = [slice(a, min(a + length, end)) for a in range(first, end, length)]
            groups += [number] * len(own)
            parts += own
        return groups, parts

    def _block(self, part: slice) -> Block:
        block = self.data.block(part)
        return block if self.features is None else replace(block, features=self.features[part])

    def _map(self, function: Callable[[slice], Any], parts: list[slice]) -> Iterator[Any]:
        """Yield what `function` makes of every block, in their order."""
        # With joblib's Dask backend it takes a message to the scheduler to know.
        n_threads = 1 if len(parts) == 1 else min(effective_n_jobs(self.n_jobs), len(parts))
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


def feature_bytes(layer: Layer) -> int:
    """Return the memory that the features of a sample take."""
    probe = layer.features(np.zeros((1, layer.n_in), dtype=layer.dtype))
    return probe.data.nbytes + probe.indices.nbytes if issparse(probe) else probe.nbytes


def rows_of_a_group(n_samples: int) -> int:
    """Return how many samples make up a group."""
    least, most = GROUP_ROWS
    return min(max(least, -(-n_samples // N_GROUPS)), most)


def _sequential_sum(terms: Iterator[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return the sum of tuples, which are used up, one after the other, in double precision."""
    totals = [_in_double(own) for own in next(terms)]
    for term in terms:
        for number, own in enumerate(term):
            totals[number] += own
    return tuple(totals)


def _in_double(term: Any) -> Any:
    return term.astype(np.float64) if getattr(term, "dtype", None) == np.float32 else term


def added_up(terms: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return the sum of tuples: pairs of neighbours first, then pairs of pairs, and so on.

    Adding up runs of 2, 4, 8, ... terms first gives the same, to the bit. The terms stay as they
    are.

    Parameters
    ----------
    terms : iterable of tuple of numbers and arrays
        Terms, in their order.

    Examples
    --------
    >>> from skkan.data._blocks import added_up
    >>> added_up([(1.0, 2), (0.5, 3), (0.25, 5)])
    (1.75, 10)
    """
    pending: list[tuple[Any, ...]] = []
    for number, term in enumerate(terms, start=1):
        total, size = term, 1
        while number % (2 * size) == 0:
            total, size = _sum(pending.pop(), total), 2 * size
        pending.append(total)
    total = pending.pop()
    while pending:
        total = _sum(pending.pop(), total)
    return total


def _sum(left: tuple[Any, ...], right: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(a + b for a, b in zip(left, right, strict=True))


class _OneBlasThread:
    """Keeps BLAS to one thread while any thread of the process is within.

    Each for itself would in the end set the limits that it has found, which may be another's.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._controller: ThreadpoolController | None = None
        self._limiter: Any = None

    def __enter__(self) -> None:
        with self._lock:
            self._controller = self._controller or ThreadpoolController()
            if self._inside == 0:
                self._limiter = self._controller.limit(limits=1, user_api="blas")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._limiter.restore_original_limits()


_ONE_BLAS_THREAD = _OneBlasThread()


@contextmanager
def tuned_for_blocks() -> Iterator[None]:
    """Set the process up for many operations on small arrays, as long as a fit lasts.

    BLAS is kept to one thread: blocks are small for it, and threads of ours would compete.
    """
    # Until the C library of Linux has seen a large array go, it returns every block's memory to the
    # system and has it cleared page by page when the next one asks for it, which takes longer than
    # all arithmetic. This is the largest one that counts, and none of its pages is ever touched.
    np.empty(LARGEST_CHUNK, dtype=np.uint8)
    with _ONE_BLAS_THREAD:
        yield
