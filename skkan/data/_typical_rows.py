"""The rows of the training data that an estimator keeps."""

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.data._samples import spread_rows
from skkan.network._network import Network

MAX_ROWS = 1000


def typical_rows(
    network: Network, X: FloatArray, weight: FloatArray
) -> tuple[FloatArray, NDArray[np.float32]]:
    """Return at most about 1,000 rows, with those at which a node is smallest or largest.

    The weights of the latter are zero if they are not among the others. Weights are of single
    precision, as they are kept with the estimator and scores need no more.
    """
    if len(X) <= MAX_ROWS:
        return X.copy(), weight.astype(np.float32)
    chosen = set(spread_rows(len(X), MAX_ROWS).tolist())
    counts = np.zeros(len(X))
    counts[sorted(chosen)] = 1.0
    for values in network.node_values(X):
        chosen |= {int(row) for row in values.argmin(axis=0)}
        chosen |= {int(row) for row in values.argmax(axis=0)}
    rows = sorted(chosen)
    return X[rows], (counts * weight)[rows].astype(np.float32)
