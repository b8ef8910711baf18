"""From samples in the user's units to what training starts from."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.data._blocks import BLOCK_BYTES, Samples
from skkan.data._large_data import LargeData
from skkan.data._samples import TrainingData, canonical_order, column_order, scaling_of
from skkan.data._typical_rows import TypicalRows, typical_rows
from skkan.data._weights import unit_of_weights, without_common_factor
from skkan.network._network import Network
from skkan.network._scaling import Scaling
from skkan.objective._block_sums import NodeValues


@dataclass(frozen=True)
class Prepared:
    """What training starts from.

    Attributes
    ----------
    data : Samples
        Training samples, scaled.
    validation : Samples or None
        Samples held out, scaled alike.
    scaling : Scaling
        Of the training samples.
    order : ndarray of int of shape (n_inputs,)
        Input ``i`` of the samples is column ``order[i]`` of the user's.
    """

    data: Samples
    validation: Samples | None
    scaling: Scaling
    order: NDArray[np.intp]


def prepared(
    X: FloatArray,
    target: FloatArray,
    weight: FloatArray,
    standardise: bool | str,
    rows: NDArray[np.intp] | None = None,
    held_out: NDArray[np.intp] | None = None,
    as_given: bool = False,
    trimmed: bool = False,
) -> Prepared:
    """Scale samples, merge equal ones, and put rows and columns into an order of their own.

    The one copy of `X` that is made is the scaled one.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_inputs)
        Inputs.
    target : ndarray of shape (n_samples, n_outputs)
        Targets, or class memberships.
    weight : ndarray of shape (n_samples,)
        Weights, positive for the rows that count.
    standardise : bool or str
        Whether and how to scale the targets, see :func:`scaling_of`.
    rows : ndarray of int, optional
        Rows to train on, by default all.
    held_out : ndarray of int, optional
        Rows of the validation set, if there is to be one.
    as_given : bool, default=False
        Whether weights are numbers of samples already, and not to be counted.
    trimmed : bool, default=False
        Whether far values are left out of the range of a column.
    """
    if rows is None:
        rows = np.arange(len(X))
    own = X if len(rows) == len(X) else X[rows]
    counts = weight[rows]
    if not as_given:
        counts = unit_of_weights(counts).counted(counts)
    given = TrainingData.unscaled(own, target[rows], counts)
    order = column_order(given, scaling_of(given, standardise))
    kept, merged = canonical_order([*own.T[order], *given.target.T], counts)
    if not as_given:
        merged = without_common_factor(merged)
    kept = rows[kept]
    del own, given, counts
    # Sums over rows in this order do not depend on the order that they had.
    raw = TrainingData.unscaled(_gathered(X, kept, order), target[kept] + 0.0, merged)
    scaling = scaling_of(raw, standardise, trimmed=trimmed)
    validation = None
    if held_out is not None:
        others = _gathered(X, held_out, order)
        validation = _scaled(
            TrainingData.unscaled(others, target[held_out], weight[held_out]), scaling
        )
    return Prepared(_scaled(raw, scaling), validation, scaling, order)


def prepared_where_it_is(
    data: LargeData,
    held_out: LargeData | None,
    standardise: bool | str,
    n_jobs: int | None = None,
    trimmed: bool = False,
) -> Prepared:
    """Scale samples as they are read; only the columns get an order of their own.

    Parameters
    ----------
    data : LargeData
        Samples to train on, in the user's units.
    held_out : LargeData or None
        Those of the validation set.
    standardise : bool or str
        Whether and how to scale the targets, see :func:`scaling_of`.
    n_jobs : int, optional
        Number of threads.
    trimmed : bool, default=False
        Whether far values are left out of the range of a column.
    """
    scaling = scaling_of(data, standardise, n_jobs, trimmed)
    order = column_order(data, scaling, n_jobs)
    scaling = scaling.with_inputs(order)
    validation = None if held_out is None else held_out.scaled(scaling, order)
    return Prepared(data.scaled(scaling, order), validation, scaling, order)


def _parts(n_samples: int, n_inputs: int) -> Iterator[slice]:
    rows = max(1, BLOCK_BYTES // (8 * n_inputs))
    return (slice(start, start + rows) for start in range(0, n_samples, rows))


def _gathered(X: FloatArray, rows: NDArray[np.intp], order: NDArray[np.intp]) -> FloatArray:
    """Return some rows of `X` with their columns in another order, and without negative zeros."""
    inputs = np.empty((len(rows), X.shape[1]))
    for part in _parts(*inputs.shape):
        np.add(X[rows[part]][:, order], 0.0, out=inputs[part])
    return inputs


def _scaled(raw: TrainingData, scaling: Scaling) -> TrainingData:
    """Return samples scaled; their inputs are overwritten."""
    for part in _parts(*raw.inputs.shape):
        raw.inputs[part] = scaling.inputs(raw.inputs[part])
    return replace(raw, target=scaling.targets(raw.target))


def typical_samples(network: Network, data: Samples, n_jobs: int | None = None) -> TypicalRows:
    """Return rows that stand for all, with those at which a node is smallest or largest.

    Parameters
    ----------
    network : Network
        Fitted network.
    data : Samples
        Scaled samples.
    n_jobs : int, optional
        Number of threads.
    """
    block = data.sample()
    inputs, target, weight = block.inputs, block.target, block.weight
    complete = len(inputs) == data.n_samples
    weight = weight * (data.total / weight.sum())
    if not complete:
        values = NodeValues(network.layers[:-1])
        found = data.rows(n_jobs=n_jobs).extremes(values, values.row_bytes)
        ends = np.concatenate([found.at_low, found.at_high])
        inputs = np.concatenate([inputs, ends])
        # They have no weight, and so no say in anything.
        target = np.concatenate([target, np.zeros((len(ends), target.shape[1]))])
        weight = np.concatenate([weight, np.zeros(len(ends))])
    scaling = network.scaling
    X, given = scaling.given_inputs(inputs), scaling.given_targets(target)
    return typical_rows(network, X, given, weight, complete)
