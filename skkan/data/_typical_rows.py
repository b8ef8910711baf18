"""The rows of the training data that an estimator keeps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.data._samples import spread_rows
from skkan.network._network import Network

MAX_ROWS = 1000


@dataclass(frozen=True)
class TypicalRows:
    """Rows that stand for all training data.

    Attributes
    ----------
    X : ndarray of shape (n_rows, n_inputs)
        Inputs in the units of the data.
    weight : ndarray of float32 of shape (n_rows,)
        Weights, in single precision, since they are kept with the estimator and scores need no
        more.
    """

    X: FloatArray
    weight: NDArray[np.float32]


def typical_rows(network: Network, X: FloatArray, weight: FloatArray) -> TypicalRows:
    """Return at most about 1,000 rows, with those at which a node is smallest or largest.

    The weights of the latter are zero if they are not among the others.
    """
    if len(X) <= MAX_ROWS:
        return TypicalRows(X.copy(), weight.astype(np.float32))
    chosen = set(spread_rows(len(X), MAX_ROWS).tolist())
    counts = np.zeros(len(X))
    counts[sorted(chosen)] = 1.0
    for values in network.node_values(X):
        chosen |= {int(row) for row in values.argmin(axis=0)}
        chosen |= {int(row) for row in values.argmax(axis=0)}
    rows = sorted(chosen)
    return TypicalRows(X[rows], (counts * weight)[rows].astype(np.float32))
