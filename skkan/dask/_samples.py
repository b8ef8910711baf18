"""Training samples on the workers of a cluster."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import dask
import numpy as np
from dask.delayed import Delayed, delayed
from joblib import cpu_count
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.dask._blocks import DaskRows
from skkan.data._blocks import MAX_CACHE_BYTES, SAMPLE_ROWS, Block, rows_of_a_group
from skkan.data._samples import TrainingData, sampled_rows
from skkan.network._layer import Layer

# Enough for threads to finish at about the same time; every share is a task of every sum.
SHARES_PER_THREAD = 4


@dataclass(frozen=True)
class DaskSamples:
    """Samples in shares on workers.

    Takes the place of :class:`skkan.data._samples.TrainingData`.

    Parameters
    ----------
    shares : sequence of Delayed
        The shares, as :class:`skkan.data._samples.TrainingData` whose weights sum to 1 over all
        of them; kept by the workers.
    size : int
        Number of samples of every share but the last, see :func:`rows_of_a_share`.
    n_samples, n_inputs, n_outputs : int
        Numbers of samples, inputs and targets.
    total : float
        Sum of the weights as they were given.
    """

    shares: Sequence[Delayed]
    size: int
    n_samples: int
    n_inputs: int
    n_outputs: int
    total: float

    @cached_property
    def _plain(self) -> DaskRows:
        return DaskRows.of(self.shares, rows_of_a_group(self.n_samples))

    @cached_property
    def _sample(self) -> Block:
        return self._at(sampled_rows(self.n_samples))

    def _at(self, rows: NDArray[np.intp]) -> Block:
        """Bring some samples to this process."""
        order = np.argsort(rows)
        wanted = rows[order]
        ends = np.searchsorted(wanted, self.size * np.arange(1, len(self.shares)))
        parts = [own % self.size for own in np.split(wanted, ends)]
        blocks = dask.compute(*map(delayed(_picked), self.shares, parts))
        back = np.argsort(order)
        return Block(*(np.concatenate(column)[back] for column in zip(*blocks, strict=True)))

    def rows(
        self,
        layer: Layer | None = None,
        n_jobs: int | None = None,  # noqa: ARG002
        max_cache_bytes: int = MAX_CACHE_BYTES,
    ) -> DaskRows:
        """Return the samples in blocks, with features of a network's first layer.

        Parameters
        ----------
        layer : Layer, optional
            First layer, if its features may be of use; its grid and base function alone matter.
        n_jobs : int, optional
            Ignored; how many blocks run at a time is for the cluster to say.
        max_cache_bytes : int, default=2**28
            Memory for the features on every worker.
        """
        if layer is None:
            return self._plain
        budget = max_cache_bytes * len(threads_by_worker()) // len(self.shares)
        return DaskRows.of(self.shares, rows_of_a_group(self.n_samples), layer, budget)

    def sample(self) -> Block:
        """Return the samples if they are no more than ``SAMPLE_ROWS``, else so many of them."""
        return self._sample

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[TrainingData]:
        """Yield all samples in batches drawn at random, brought to this process.

        Parameters
        ----------
        size : int
            Number of samples of a batch; the last one may be smaller.
        rng : numpy.random.Generator
            Source of randomness.
        """
        order, many = rng.permutation(self.n_samples), size * max(1, SAMPLE_ROWS // size)
        for start in range(0, self.n_samples, many):
            block = self._at(order[start : start + many])
            for first in range(0, len(block.inputs), size):
                part = slice(first, first + size)
                weight = block.weight[part]
                weight *= self.n_samples / len(weight)
                yield TrainingData(block.inputs[part], block.target[part], weight, self.total)


def threads_by_worker() -> dict[str, int]:
    """Return how many threads every worker has, by address; without a cluster there is one."""
    here = {"": cpu_count()}
    try:
        from distributed import default_client  # noqa: PLC0415

        return default_client().nthreads() or here
    except (ImportError, ValueError):
        return here


def rows_of_a_share(n_samples: int) -> int:
    """Return how many samples make up a share: those of 1, 2, 4, 8, ... groups."""
    n_shares = SHARES_PER_THREAD * sum(threads_by_worker().values())
    size = rows_of_a_group(n_samples)
    while 2 * size * n_shares <= n_samples:
        size *= 2
    return size


def _picked(
    data: TrainingData, rows: NDArray[np.intp]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    return data.inputs[rows], data.target[rows], data.weight[rows]
