"""Training samples on the workers of a cluster."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import dask
import numpy as np
from dask.delayed import Delayed, delayed
from numpy.typing import NDArray

from skkan._blocks import MAX_CACHE_BYTES, SAMPLE_ROWS, Block, rows_of_a_group
from skkan._data import TrainingData, sampled_rows
from skkan._layer import Layer
from skkan._typing import FloatArray
from skkan.dask._blocks import DaskRows


@dataclass(frozen=True)
class DaskSamples:
    """Samples in groups on workers.

    Takes the place of :class:`skkan._data.TrainingData`.

    Parameters
    ----------
    groups : sequence of Delayed
        The groups, as :class:`skkan._data.TrainingData` whose weights sum to 1 over all of them;
        kept by the workers. All but the last are as large as :func:`rows_of_a_group` says.
    n_samples, n_inputs, n_outputs : int
        Numbers of samples, inputs and targets.
    total : float
        Sum of the weights as they were given.
    """

    groups: Sequence[Delayed]
    n_samples: int
    n_inputs: int
    n_outputs: int
    total: float

    @cached_property
    def _plain(self) -> DaskRows:
        return DaskRows.of(self.groups)

    @cached_property
    def _sample(self) -> Block:
        return self._at(sampled_rows(self.n_samples))

    def _at(self, rows: NDArray[np.intp]) -> Block:
        """Bring some samples to this process."""
        order, size = np.argsort(rows), rows_of_a_group(self.n_samples)
        wanted = rows[order]
        ends = np.searchsorted(wanted, size * np.arange(1, len(self.groups)))
        parts = [own % size for own in np.split(wanted, ends)]
        blocks = dask.compute(*map(delayed(_picked), self.groups, parts))
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
        share = min(1.0, rows_of_a_group(self.n_samples) / self.n_samples)
        budget = int(max_cache_bytes * len(worker_addresses()) * share)
        return DaskRows.of(self.groups, layer, [budget] * len(self.groups))

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


def worker_addresses() -> list[str]:
    """Return where the workers of the cluster in use are; one place that is none without it."""
    try:
        from distributed import default_client  # noqa: PLC0415
    except ImportError:
        return [""]
    try:
        return list(default_client().nthreads()) or [""]
    except ValueError:
        return [""]


def _picked(
    data: TrainingData, rows: NDArray[np.intp]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    return data.inputs[rows], data.target[rows], data.weight[rows]
