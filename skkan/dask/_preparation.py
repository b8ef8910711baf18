"""From blocks of samples in the user's units to what training starts from.

In memory, rows are sorted and equal ones merged. As long as all samples together are small, one
worker does just that and hands shares of them to the others; so a fit is the one in memory, bit by
bit. Larger data stay where they are: but for rows at the borders of shares, nothing moves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import dask
import numpy as np
from dask.delayed import Delayed, delayed
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.dask._samples import DaskSamples, rows_of_a_share, threads_by_worker
from skkan.dask._validation import block_weights
from skkan.data._blocks import Samples
from skkan.data._samples import TrainingData, column_order, scaling_of
from skkan.data._weights import WeightSummary
from skkan.network._scaling import Scaling
from skkan.training._preparation import Prepared, prepared

SORTED_BYTES = 2**25

Part = tuple[FloatArray, FloatArray, FloatArray]


@dataclass(frozen=True)
class Parts:
    """Samples in the user's units, as they come.

    Attributes
    ----------
    blocks : sequence of Delayed
        Inputs, shape (n_samples, n_inputs), targets, shape (n_samples, n_outputs), and positive
        weights, kept by the workers.
    lengths : ndarray of int of shape (n_blocks,)
        Number of samples of every block.
    n_inputs, n_outputs : int
        Numbers of inputs and targets.
    counted : bool, default=False
        Whether weights are numbers of samples already.
    """

    blocks: Sequence[Delayed]
    lengths: NDArray[np.intp]
    n_inputs: int
    n_outputs: int
    counted: bool = False

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return int(self.lengths.sum())

    def chosen(self, rows: NDArray[np.intp]) -> "Parts":
        """Return some of the samples, in their old order."""
        rows = np.sort(rows)
        starts = np.concatenate([[0], np.cumsum(self.lengths)])
        own = [rows[slice(*np.searchsorted(rows, ends))] - ends[0] for ends in _pairs(starts)]
        blocks = dask.persist(*map(delayed(_taken), self.blocks, own))
        return replace(self, blocks=blocks, lengths=np.array([len(part) for part in own]))

    def in_shares(self, size: int) -> Iterator[list[tuple[Delayed, slice]]]:
        """Yield for every `size` samples in a row where they are."""
        starts = np.concatenate([[0], np.cumsum(self.lengths)])
        for first in range(0, self.n_samples, size):
            end = min(first + size, self.n_samples)
            share = []
            for block, (low, high) in zip(self.blocks, _pairs(starts), strict=True):
                own = slice(max(first - low, 0), min(end, high) - low)
                if own.start < own.stop:
                    share.append((block, own))
            yield share


def _pairs(starts: NDArray[np.intp]) -> list[tuple[int, int]]:
    return list(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True))


def prepared_parts(
    parts: Parts,
    standardise: bool | str,
    rows: NDArray[np.intp] | None = None,
    held_out: NDArray[np.intp] | None = None,
    trimmed: bool = False,
) -> Prepared:
    """Scale samples, and bring them and their columns into an order of their own.

    Parameters
    ----------
    parts : Parts
        Samples.
    standardise : bool or str
        Whether and how to scale the targets, see :func:`scaling_of`.
    rows : ndarray of int, optional
        Samples to train on, by default all.
    held_out : ndarray of int, optional
        Samples of the validation set, if there is to be one.
    trimmed : bool, default=False
        Whether far values are left out of the range of a column.
    """
    if 8 * parts.n_samples * (parts.n_inputs + parts.n_outputs + 1) <= SORTED_BYTES:
        return _sorted(parts, standardise, rows, held_out, trimmed)
    own = parts if rows is None else parts.chosen(rows)
    raw = _raw_samples(own)
    scaling = scaling_of(raw, standardise, trimmed=trimmed)
    order = column_order(raw, scaling)
    scaling = replace(
        scaling,
        input_shift=scaling.input_shift[order],
        input_scale=scaling.input_scale[order],
    )
    validation = None
    if held_out is not None:
        validation = _scaled_samples(_raw_samples(parts.chosen(held_out)), order, scaling)
    return Prepared(_scaled_samples(raw, order, scaling), validation, scaling, order)


def _sorted(
    parts: Parts,
    standardise: bool | str,
    rows: NDArray[np.intp] | None,
    held_out: NDArray[np.intp] | None,
    trimmed: bool,
) -> Prepared:
    """Let one worker prepare all samples, and share them out."""
    options = (standardise, rows, held_out, parts.counted, trimmed)
    (whole,) = dask.persist(delayed(_prepared_together)(list(parts.blocks), *options))
    empty: Prepared = delayed(_without_samples)(whole).compute()
    validation = None
    if empty.validation is not None:
        validation = _shared_out(whole, "validation", empty.validation)
    return replace(empty, data=_shared_out(whole, "data", empty.data), validation=validation)


def _prepared_together(blocks: list[Part], *options: Any) -> Prepared:
    X, target, weight = _together(blocks)
    return prepared(X, target, weight, *options)


def _without_samples(whole: Prepared) -> Prepared:
    def empty(data: Samples) -> DaskSamples:
        return DaskSamples([], 0, data.n_samples, data.n_inputs, data.n_outputs, data.total)

    validation = None if whole.validation is None else empty(whole.validation)
    return replace(whole, data=empty(whole.data), validation=validation)


def _shared_out(whole: Delayed, name: str, samples: Samples) -> DaskSamples:
    """Give every worker a part of the samples that one of them has."""
    size, workers = rows_of_a_share(samples.n_samples), list(threads_by_worker())
    starts, shares = range(0, samples.n_samples, size), []
    for number, start in enumerate(starts):
        # Else they would all stay where they are. Neighbours are added up first.
        with dask.annotate(
            workers=workers[number * len(workers) // len(starts)], allow_other_workers=True
        ):
            shares.append(delayed(_share_of)(whole, name, slice(start, start + size)))
    counts = samples.n_samples, samples.n_inputs, samples.n_outputs
    return DaskSamples(dask.persist(*shares), size, *counts, samples.total)


def _share_of(whole: Prepared, name: str, part: slice) -> TrainingData:
    data = getattr(whole, name)
    block = data.block(part)
    # Copies, which do not keep the whole.
    return TrainingData(block.inputs.copy(), block.target.copy(), block.weight.copy(), data.total)


def _raw_samples(parts: Parts) -> DaskSamples:
    """Return samples in shares, in the user's units."""
    found = dask.compute(*map(delayed(block_weights), parts.blocks))
    seen = reduce(WeightSummary.merged, found)
    unit = 1.0 if parts.counted else seen.unit().unit
    total = seen.total * (seen.highest / unit)
    size, shares = rows_of_a_share(parts.n_samples), []
    for members in parts.in_shares(size):
        pieces = [delayed(_piece)(block, part) for block, part in members]
        shares.append(delayed(_joined)(pieces, unit, total))
    shares = dask.persist(*shares)
    counts = parts.n_samples, parts.n_inputs, parts.n_outputs
    return DaskSamples(shares, size, *counts, total)


def _taken(block: Part, rows: NDArray[np.intp]) -> Part:
    X, target, weight = block
    return X[rows], target[rows], weight[rows]


def _piece(block: Part, part: slice) -> Part:
    X, target, weight = block
    return X[part], target[part], weight[part]


def _joined(pieces: list[Part], unit: float, total: float) -> TrainingData:
    X, target, weight = _together(pieces)
    return TrainingData(X, target, weight / unit / total, total)


def _together(blocks: list[Part]) -> Part:
    X, target, weight = (np.concatenate(column) for column in zip(*blocks, strict=True))
    return X, target, weight


def _scaled_samples(raw: DaskSamples, order: NDArray[np.intp], scaling: Scaling) -> DaskSamples:
    scaled = delayed(_scaled)
    return replace(raw, shares=dask.persist(*(scaled(one, order, scaling) for one in raw.shares)))


def _scaled(raw: TrainingData, order: NDArray[np.intp], scaling: Scaling) -> TrainingData:
    inputs, target = scaling.inputs(raw.inputs[:, order]), scaling.targets(raw.target)
    return replace(raw, inputs=inputs, target=target)
