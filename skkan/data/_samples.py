"""Training data in the form in which the mathematics wants it: scaled, merged, in one order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.data._blocks import MAX_CACHE_BYTES, SAMPLE_ROWS, Block, RowBlocks, Samples
from skkan.network._layer import Layer
from skkan.network._scaling import Scaling

# Of a normal distribution, between the quartiles.
NORMAL_QUARTILES = 1.3489795003921634
# Of the standard deviation: a smaller distance of the quartiles is that of ties.
LEAST_SPREAD = 1e-3
# Shares of the samples at both ends of a column that may be far values, and the gap that makes
# them that, as a multiple of the range of all others.
FEW, FAR_GAP = 0.05, 10.0
# Beyond so many ranges of the others straight lines lose all digits.
FARTHEST = 1e15


@dataclass(frozen=True)
class TrainingData:
    """Samples with weights, in memory.

    Attributes
    ----------
    inputs : ndarray of shape (n_samples, n_inputs)
        Inputs, scaled to [-1, 1].
    target : ndarray of shape (n_samples, n_outputs)
        Standardised targets, or class memberships.
    weight : ndarray of shape (n_samples,)
        Positive weights that sum to 1.
    total : float
        Sum of the weights as they were given: the number of samples they stand for.
    """

    inputs: FloatArray
    target: FloatArray
    weight: FloatArray
    total: float

    @classmethod
    def of(
        cls, X: FloatArray, target: FloatArray, weight: FloatArray, scaling: Scaling
    ) -> "TrainingData":
        """Scale samples in the user's units."""
        return cls.unscaled(scaling.inputs(X), scaling.targets(target), weight)

    @classmethod
    def unscaled(cls, X: FloatArray, target: FloatArray, weight: FloatArray) -> "TrainingData":
        """Take samples in the units that they have."""
        total = float(weight.sum())
        return cls(X, target, weight / total, total)

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return len(self.inputs)

    n_rows = n_samples

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        return self.inputs.shape[1]

    @property
    def n_outputs(self) -> int:
        """Number of targets."""
        return self.target.shape[1]

    def block(self, part: slice) -> Block:
        """Return the samples of a slice, as views."""
        return Block(self.inputs[part], self.target[part], self.weight[part])

    def rows(
        self,
        layer: Layer | None = None,
        n_jobs: int | None = None,
        max_cache_bytes: int = MAX_CACHE_BYTES,
    ) -> RowBlocks:
        """Return the samples in blocks, with features of a network's first layer.

        Parameters are those of :class:`RowBlocks`.
        """
        return RowBlocks(self, layer, n_jobs, max_cache_bytes)

    def sample(self) -> Block:
        """Return the samples if they are no more than ``SAMPLE_ROWS``, else so many of them."""
        if self.n_samples <= SAMPLE_ROWS:
            return self.block(slice(None))
        rows = sampled_rows(self.n_samples)
        return Block(self.inputs[rows], self.target[rows], self.weight[rows])

    def batches(self, size: int, rng: np.random.Generator) -> "Iterator[TrainingData]":
        """Yield all samples in batches drawn at random, each with weights that sum to 1 on average.

        Parameters
        ----------
        size : int
            Number of samples of a batch; the last one may be smaller.
        rng : numpy.random.Generator
            Source of randomness.
        """
        order = rng.permutation(self.n_samples)
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            weight = self.weight[rows] * (self.n_samples / len(rows))
            yield TrainingData(self.inputs[rows], self.target[rows], weight, self.total)


def sampled_rows(n_samples: int) -> NDArray[np.intp]:
    """Return which of so many samples make up a sample of them, in their order."""
    if n_samples <= SAMPLE_ROWS:
        return np.arange(n_samples)
    return np.sort(np.random.default_rng(0).choice(n_samples, SAMPLE_ROWS, replace=False))


def spread_rows(n_samples: int, most: int) -> NDArray[np.intp]:
    """Return at most so many rows at equal distances, the first and the last among them."""
    return np.unique(np.linspace(0, n_samples - 1, most).astype(np.intp))


def canonical_order(
    columns: Sequence[FloatArray], weight: FloatArray
) -> tuple[NDArray[np.intp], FloatArray]:
    """Return an order of the rows in which equal ones are merged, and their weights.

    After this a weight of 2 and the same row twice are one and the same training set, bit for bit,
    and so are any two orders of the rows.

    Parameters
    ----------
    columns : sequence of ndarray of shape (n_samples,)
        Inputs and targets.
    weight : ndarray of shape (n_samples,)
        Positive weights.

    Returns
    -------
    rows : ndarray of int of shape (n_different,)
        Rows to be taken.
    weight : ndarray of shape (n_different,)
        Their weights.
    """
    order = np.lexsort([weight, *columns[::-1]])
    new = np.zeros(len(order), dtype=bool)
    new[0] = True
    for column in columns:
        values = column[order]
        new[1:] |= values[1:] != values[:-1]
    starts = np.flatnonzero(new)
    return order[starts], np.add.reduceat(weight[order], starts)


def canonical_rows(
    X: FloatArray, target: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Sort the rows and merge equal ones; see :func:`canonical_order`.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_inputs)
        Inputs.
    target : ndarray of shape (n_samples, n_outputs)
        Targets.
    weight : ndarray of shape (n_samples,)
        Positive weights.
    """
    rows, weight = canonical_order([*X.T, *target.T], weight)
    # Zero added makes one zero of the two.
    return X[rows] + 0.0, target[rows] + 0.0, weight


@dataclass(frozen=True)
class Columns:
    """Function of a block: inputs and targets, side by side."""

    def __call__(self, block: Block) -> FloatArray:
        """Return an array of shape (n_samples, n_inputs + n_outputs)."""
        return np.concatenate([block.inputs, block.target], axis=1)


@dataclass(frozen=True)
class TargetMoment:
    """Function of a block: the mean of a power of ``target / unit - centre``."""

    unit: FloatArray
    centre: FloatArray | float = 0.0
    power: int = 1

    def __call__(self, block: Block) -> tuple[FloatArray]:
        """Return the part of a block, shape (n_outputs,)."""
        return (block.weight @ (block.target / self.unit - self.centre) ** self.power,)


def lacks_a_class(data: Samples, n_jobs: int | None = None) -> bool:
    """Return whether there are no samples of some class.

    Parameters
    ----------
    data : Samples
        Samples whose targets are class memberships.
    n_jobs : int, optional
        Number of threads.
    """
    moment = TargetMoment(np.ones(data.n_outputs))
    (shares,) = data.rows(n_jobs=n_jobs).sums(moment, 16 * (data.n_inputs + data.n_outputs))
    return bool(shares.min() <= 0.0 or (data.n_outputs == 1 and shares[0] >= 1.0 - 1e-15))


@dataclass(frozen=True)
class ColumnMoments:
    """Function of a block: mean powers of the scaled inputs, alone and times the targets."""

    scaling: Scaling
    centre: FloatArray

    def __call__(self, block: Block) -> tuple[FloatArray, FloatArray]:
        """Return moments of shapes (4, n_inputs) and (4, n_outputs, n_inputs)."""
        inputs = self.scaling.inputs(block.inputs)
        weighted = (self.scaling.targets(block.target) - self.centre) * block.weight[:, None]
        powers = [inputs**p for p in range(1, 5)]
        alone = np.array([block.weight @ power for power in powers])
        return alone, np.array([weighted.T @ power for power in powers])


def scaling_of(
    data: Samples, standardise: bool | str, n_jobs: int | None = None, trimmed: bool = False
) -> Scaling:
    """Take the range of the inputs, and mean and deviation of the targets if they are wanted.

    Parameters
    ----------
    data : Samples
        In the user's units.
    standardise : bool, "quantiles" or "logarithm"
        Whether to scale the targets by mean and deviation; or by median and quartiles; or to take
        the logarithm of their mean.
    n_jobs : int, optional
        Number of threads.
    trimmed : bool, default=False
        Whether to leave far values out of the range.
    """
    n_inputs, n_outputs = data.n_inputs, data.n_outputs
    row_bytes = 16 * (n_inputs + n_outputs)
    rows = data.rows(n_jobs=n_jobs)
    found = rows.extremes(Columns(), row_bytes)
    low, high = found.low[:n_inputs], found.high[:n_inputs]
    if trimmed:
        low, high = _without_far(data, low, high)
    half = 0.5 * high - 0.5 * low
    # Of large numbers next to each other, the middle is one of them.
    middle = 0.5 * low + 0.5 * high
    longer = np.maximum(high - middle, middle - low)
    half = np.where(longer - half > 1e-9 * half, longer, half)
    half[half < np.finfo(float).tiny] = np.inf
    shift: FloatArray = np.zeros(n_outputs)
    scale: FloatArray = np.ones(n_outputs)
    if standardise:
        least, most = found.low[n_inputs:], found.high[n_inputs:]
        # Squares of the largest numbers would overflow.
        unit = np.maximum(np.maximum(np.abs(least), np.abs(most)), np.finfo(float).tiny)
        (mean,) = rows.sums(TargetMoment(unit), row_bytes)
        (variance,) = rows.sums(TargetMoment(unit, mean, 2), row_bytes)
        varies = most > least
        shift = np.where(varies, unit * mean, least)
        scale = np.where(varies, unit * np.sqrt(variance), 0.0)
        if standardise == "logarithm":
            # Of targets that are zero everywhere there is no logarithm.
            shift = np.log(np.maximum(unit * mean, np.finfo(float).tiny))
            return Scaling(0.5 * low + 0.5 * high, half, shift, np.ones(n_outputs), True)
        if standardise == "quantiles":
            shift, scale = _by_quantiles(data, shift, scale)
    return Scaling(0.5 * low + 0.5 * high, half, shift, scale)


def _without_far(data: Samples, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the ends of the inputs without the few values that lie far from all others.

    One of a million would put all others into one interval. Beyond the ends edges are straight.
    """
    sample = data.sample()
    share = sample.weight / sample.weight.sum()
    least, most = (weighted_quantile(sample.inputs, share, q) for q in (FEW, 1.0 - FEW))
    # Halves, because the difference of two large numbers may not be representable.
    size = 0.5 * most - 0.5 * least
    below, above = 0.5 * least - 0.5 * low, 0.5 * high - 0.5 * most
    low, high = low.copy(), high.copy()
    reach = np.maximum(below, above)
    suspect = (size > 0.0) & (reach / FAR_GAP > size) & (reach / FARTHEST <= size)
    for j in np.flatnonzero(suspect):
        values = np.sort(np.concatenate([[low[j]], sample.inputs[:, j], [high[j]]]))
        gaps = np.flatnonzero((0.5 * values[1:] - 0.5 * values[:-1]) / FAR_GAP > size[j])
        first = gaps[values[gaps + 1] <= least[j]]
        last = gaps[values[gaps] >= most[j]]
        if len(first):
            low[j] = values[first[-1] + 1]
        if len(last):
            high[j] = values[last[0]]
    return low, high


def _by_quantiles(
    data: Samples, shift: FloatArray, scale: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return median and spread of the targets, the latter as it is where the quartiles are one."""
    sample = data.sample()
    share = sample.weight / sample.weight.sum()
    low, middle, high = (weighted_quantile(sample.target, share, q) for q in (0.25, 0.5, 0.75))
    spread = (high - low) / NORMAL_QUARTILES
    wide = (scale > 0.0) & (spread > LEAST_SPREAD * scale)
    return np.where(scale > 0.0, middle, shift), np.where(wide, spread, scale)


def weighted_quantile(values: FloatArray, share: FloatArray, q: float) -> FloatArray:
    """Return the quantile of every column, for weights that sum to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.data._samples import weighted_quantile
    >>> weighted_quantile(np.array([[3.0], [1.0], [2.0]]), np.array([0.2, 0.2, 0.6]), 0.5)
    array([2.])
    """
    order = np.argsort(values, axis=0, kind="stable")
    below = np.cumsum(share[order], axis=0)
    rows = np.minimum((below < q * (1.0 - 1e-12)).sum(axis=0), len(values) - 1)
    columns = np.arange(values.shape[1])
    found: FloatArray = values[order[rows, columns], columns]
    return found


def column_order(data: Samples, scaling: Scaling, n_jobs: int | None = None) -> NDArray[np.intp]:
    """Return an order of the columns that depends on what they hold and not on where they stand.

    Random starting points are drawn in this order, so that a fit does not depend on the order of
    the columns. The keys are rounded, lest the last digits decide.

    Parameters
    ----------
    data : Samples
        In the user's units.
    scaling : Scaling
        Of the data.
    n_jobs : int, optional
        Number of threads.
    """
    rows, row_bytes = data.rows(n_jobs=n_jobs), 48 * (data.n_inputs + data.n_outputs)
    unit = np.where(scaling.output_scale > 0.0, scaling.output_scale, np.inf)
    (centre,) = rows.sums(TargetMoment(unit, scaling.output_shift / unit), row_bytes)
    alone, joint = rows.sums(ColumnMoments(scaling, centre), row_bytes)
    keys = np.concatenate([alone, joint.reshape(-1, data.n_inputs)])
    return np.lexsort(np.round(keys[::-1], 9))
