"""The rows of the training data that an estimator keeps."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.data._samples import canonical_rows, spread_rows
from skkan.data._weighted_rows import WeightedRows
from skkan.network._network import Network

MAX_ROWS = 1000


@dataclass(frozen=True)
class TypicalRows(WeightedRows):
    """Rows that stand for all training data.

    Their weights sum to those of all rows; they are zero for rows that are here only because a node
    is smallest or largest at them.

    Attributes
    ----------
    complete : bool
        Whether these are all rows there have been.
    """

    complete: bool

    def with_inputs(self, order: NDArray[np.intp]) -> "TypicalRows":
        """Return the rows with column ``order[i]`` of these as column ``i``."""
        return replace(self, X=self.X[:, order])

    def _thinned(self, count: int) -> "TypicalRows":
        """Return `count` of the rows, evenly spaced, that stand for all; all if there are fewer."""
        if len(self.X) <= count:
            return self
        few = self.taken(np.linspace(0, len(self.X) - 1, count).round().astype(np.intp))
        return replace(few, weight=few.weight * (self.total / few.total), complete=False)

    def with_batch(self, network: Network, batch: WeightedRows) -> "TypicalRows":
        """Return about ``MAX_ROWS`` rows that stand for these and a batch.

        Parameters
        ----------
        network : Network
            The rows at which one of its nodes is smallest or largest are kept in any case.
        batch : WeightedRows
            New rows, of positive weights.
        """
        own = canonical_rows(batch.X, batch.target, batch.weight)
        old, new = self.weighted(), TypicalRows(*own, True)
        few = old, new
        if len(old.X) + len(new.X) > MAX_ROWS:
            share = new.total / (old.total + new.total)
            # Neither goes without any.
            n_new = int(np.clip(round(share * MAX_ROWS), 1, min(len(new.X), MAX_ROWS - 1)))
            few = old._thinned(MAX_ROWS - n_new), new._thinned(n_new)
        mixed = _together(*few)
        if mixed.complete and self.complete:
            return mixed
        return _together(mixed, _extremes(network, _together(self, new)))


def typical_rows(
    network: Network, X: FloatArray, target: FloatArray, weight: FloatArray, complete: bool = True
) -> TypicalRows:
    """Return at most about 1,000 rows, with those at which a node is smallest or largest.

    The weights of the latter are zero if they are not among the others.

    Parameters
    ----------
    network : Network
        Gives the nodes.
    X, target, weight : ndarray
        Rows, as :class:`TypicalRows` has them; some may be here for their extremes only.
    complete : bool, default=True
        Whether these are all rows there are.
    """
    rows = TypicalRows(X.copy(), target.copy(), weight.copy(), complete)
    own = rows.weighted()
    if len(own.X) <= MAX_ROWS:
        return rows
    few = own.taken(spread_rows(len(own.X), MAX_ROWS))
    few = replace(few, weight=few.weight * (own.total / few.total), complete=False)
    return _together(few, _extremes(network, rows))


def _extremes(network: Network, rows: TypicalRows) -> TypicalRows:
    """Return the rows at which a node is smallest or largest, without weights."""
    chosen: set[int] = set()
    for values in network.node_values(rows.X):
        chosen |= {int(row) for row in values.argmin(axis=0)}
        chosen |= {int(row) for row in values.argmax(axis=0)}
    found = rows.taken(np.array(sorted(chosen), dtype=np.intp))
    return replace(found, weight=np.zeros(len(found.X)))


def _together(one: TypicalRows, other: TypicalRows) -> TypicalRows:
    both = one.joined(other)
    return TypicalRows(both.X, both.target, both.weight, one.complete and other.complete)
