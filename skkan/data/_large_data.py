"""Samples that are too many to be copied: they stay where they are and are read block by block.

They may be in a mapped file, in memory, or in anything that NumPy can read by slices. Their rows
are neither sorted nor merged, and no array of their number is made.
"""

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.data._blocks import BLOCK_BYTES, MAX_CACHE_BYTES, Block, RowBlocks
from skkan.data._samples import TrainingData, sampled_rows
from skkan.data._weights import WeightSummary
from skkan.network._layer import Layer
from skkan.network._scaling import Scaling

# Reading a page may map its neighbours on both sides as well, up to a huge page of them.
AROUND = 2**21

Encoding = Callable[[NDArray[Any], FloatArray], tuple[FloatArray, FloatArray]]


def is_stored(X: Any) -> bool:
    """Say whether `X` is an array of real numbers with two axes that can be read by slices."""
    named = all(hasattr(X, name) for name in ("shape", "dtype", "__getitem__"))
    if not named or hasattr(X, "__dask_graph__"):
        return False
    try:
        kind = np.dtype(X.dtype).kind
    except TypeError:
        return False
    return len(X.shape) == 2 and kind in "fiub"


def is_large(X: Any, max_cache_bytes: int) -> bool:
    """Say whether `X` can be read by slices and its copy would not fit into `max_cache_bytes`."""
    return is_stored(X) and 8 * X.shape[0] * X.shape[1] > max_cache_bytes


def parts_of(X: Any) -> Iterator[slice]:
    """Yield slices of the rows of `X`, an array of shape (n_rows, n_columns), of bounded size."""
    rows = max(1, BLOCK_BYTES // (8 * X.shape[1]))
    return (slice(start, start + rows) for start in range(0, X.shape[0], rows))


def release(array: Any, part: slice) -> None:
    """Give back the memory into which a slice of a mapped file has been read.

    It would be taken back anyway where there is little left, but counts as this process's until
    then. Changes that are private to this process would be lost with it; such files stay.
    """
    mapped: Any = getattr(array, "_mmap", None)
    if mapped is None or array.mode == "c" or not hasattr(mmap, "MADV_DONTNEED"):
        return
    own = array[part]
    if not own.size or not own.flags.c_contiguous:
        return
    origin = np.frombuffer(mapped, dtype=np.uint8, count=1).ctypes.data
    start = own.ctypes.data - origin
    first = max(0, (start - AROUND) // mmap.PAGESIZE * mmap.PAGESIZE)
    last = min(len(mapped), start + own.nbytes + AROUND)
    mapped.madvise(mmap.MADV_DONTNEED, first, last - first)


@dataclass(frozen=True)
class RowSplit:
    """A random split of the rows into training and held-out rows, computable row by row.

    Parameters
    ----------
    fraction : float
        Probability that a row is held out.
    seed : int
        Seed of the random numbers.
    held_out : bool
        Whether to select the held-out rows, or all others.
    """

    fraction: float
    seed: int
    held_out: bool

    def __call__(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Return which of the rows from `start` to `stop` are selected."""
        # The generator goes forward in steps of four numbers.
        bits = np.random.Philox(key=self.seed)
        bits.advance(start // 4)
        numbers = np.random.Generator(bits).random(stop - start + start % 4)[start % 4 :]
        return (numbers < self.fraction) == self.held_out


@dataclass(frozen=True)
class LargeData:
    """Samples that are read when they are needed.

    Takes the place of :class:`skkan.data._samples.TrainingData`.

    Attributes
    ----------
    stored_inputs : array-like of shape (n_rows, n_inputs)
        Inputs in the user's units, to be read by slices.
    stored_targets : array-like of shape (n_rows,) or (n_rows, n_targets)
        What the user calls targets.
    stored_weights : array-like of shape (n_rows,)
        Weights; samples of weight zero are left out.
    encode : callable
        Turns slices of the last two into arrays of shapes (n_samples, n_outputs) and (n_samples,).
    split : RowSplit or None
        Which rows count, by default all.
    n_samples, n_outputs : int
        Number of samples that count, and of targets.
    total : float
        Number of samples that their weights stand for.
    scaling : Scaling or None
        Of the samples, their columns in the order of `order`; without it they are as they are.
    order : ndarray of int of shape (n_inputs,) or None
        Input ``i`` of a block is column ``order[i]``.
    unit : float
        What weights are divided by to be numbers of samples.
    """

    stored_inputs: Any
    stored_targets: Any
    stored_weights: Any
    encode: Encoding
    split: RowSplit | None
    n_samples: int
    n_outputs: int
    total: float
    scaling: Scaling | None = None
    order: NDArray[np.intp] | None = None
    unit: float = 1.0

    @classmethod
    def of(
        cls, X: Any, y: Any, weight: Any, encode: Encoding, split: RowSplit | None = None
    ) -> "LargeData":
        """Take samples in the user's units, and count them."""
        data = cls(X, y, weight, encode, split, 0, 0, 0.0)
        count, n_outputs, seen = 0, 0, WeightSummary.of(np.zeros(0))
        for part in parts_of(X):
            keep, target, own = data._targets(part)
            count, n_outputs = count + int(np.count_nonzero(keep)), target.shape[1]
            seen = seen.merged(WeightSummary.of(own[keep]))
        if count == 0:
            return data
        unit = seen.unit().unit
        total = seen.total * (seen.highest / unit)
        return replace(data, n_samples=count, n_outputs=n_outputs, total=total, unit=unit)

    def scaled(self, scaling: Scaling, order: NDArray[np.intp]) -> "LargeData":
        """Return the samples scaled, and with their columns in an order."""
        return replace(self, scaling=scaling, order=order)

    @property
    def n_rows(self) -> int:
        """Number of rows, of which some may not count as samples."""
        return int(self.stored_inputs.shape[0])

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        return int(self.stored_inputs.shape[1])

    def _targets(self, part: slice) -> tuple[NDArray[np.bool_], FloatArray, FloatArray]:
        """Return which rows of a slice count, and targets and weights of all of them."""
        given = np.array(self.stored_weights[part], dtype=np.float64)
        target, weight = self.encode(np.array(self.stored_targets[part]), given)
        release(self.stored_targets, part)
        release(self.stored_weights, part)
        keep = weight > 0.0
        if self.split is not None:
            keep &= self.split(part.start, part.start + len(keep))
        return keep, target, weight

    def block(self, part: slice) -> Block:
        """Return the samples among the rows of a slice."""
        keep, target, weight = self._targets(part)
        inputs: FloatArray = np.array(self.stored_inputs[part], dtype=np.float64)
        release(self.stored_inputs, part)
        if not keep.all():
            inputs, target, weight = inputs[keep], target[keep], weight[keep]
        if self.scaling is not None:
            inputs = self.scaling.inputs(inputs[:, self.order])
            target = self.scaling.targets(target)
        return Block(inputs, target, weight / self.unit / self.total)

    def rows(
        self,
        layer: Layer | None = None,  # noqa: ARG002
        n_jobs: int | None = None,
        max_cache_bytes: int = MAX_CACHE_BYTES,  # noqa: ARG002
    ) -> RowBlocks:
        """Return the samples in blocks; where there is no room for them, features have none."""
        return RowBlocks(self, None, n_jobs)

    def sample(self) -> Block:
        """Return the samples if they are no more than ``SAMPLE_ROWS``, else so many of them."""
        return self._sample

    @cached_property
    def _sample(self) -> Block:
        wanted = sampled_rows(self.n_samples)
        found: list[Block] = []
        first = 0
        for part in parts_of(self.stored_inputs):
            block = self.block(part)
            end = first + len(block.weight)
            rows = wanted[np.searchsorted(wanted, first) : np.searchsorted(wanted, end)] - first
            found.append(Block(block.inputs[rows], block.target[rows], block.weight[rows]))
            first = end
        return Block(
            np.concatenate([block.inputs for block in found]),
            np.concatenate([block.target for block in found]),
            np.concatenate([block.weight for block in found]),
        )

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[TrainingData]:
        """Yield all samples in batches drawn at random, each with weights that sum to 1 on average.

        Samples of a batch are drawn from rows that are next to each other, lest every one be read
        by itself.

        Parameters
        ----------
        size : int
            Number of samples of a batch; there may be smaller ones.
        rng : numpy.random.Generator
            Source of randomness.
        """
        parts = list(parts_of(self.stored_inputs))
        for number in rng.permutation(len(parts)):
            block = self.block(parts[number])
            order = rng.permutation(len(block.weight))
            for start in range(0, len(order), size):
                rows = order[start : start + size]
                weight = block.weight[rows] * (self.n_samples / len(rows))
                yield TrainingData(block.inputs[rows], block.target[rows], weight, self.total)
