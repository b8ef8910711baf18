"""Which features act together, and how strongly.

For samples ``x`` and independent partners ``x'`` from the same data, the mixed difference

    f(x) - f(x with x'_a) - f(x with x'_b) + f(x with x'_a and x'_b)

is zero wherever the effects of the features ``a`` and ``b`` add up. A quarter of its mean square is
the variance of all terms in the functional analysis of variance that hold both, the *total
interaction index* of the pair; here it is divided by the variance of the outputs.

A difference, unlike the mixed derivative, sees the kinks of splines of degree 1, does not depend on
units, and is as robust where an edge is steep as the network's values are.

References
----------
R. Liu and A. Owen, "Estimating mean dimensionality of analysis of variance decompositions",
JASA 2006.
J. Fruth, O. Roustant and S. Kuhnt, "Total interaction index: A variance-based sensitivity index
for second-order interaction screening", J. Statistical Planning and Inference 2014.
"""

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.network._network import ROWS_PER_BLOCK, Network

# Of the variance; less than that is rounding, of the network or of its training.
ROUNDING = 1e-16


def reaches(network: Network) -> list[NDArray[np.bool_]]:
    """Return which inputs have a way along active edges to which nodes.

    Returns
    -------
    reaches : list of ndarray of bool of shape (n_inputs, n_nodes)
        For the nodes of every layer from the inputs to the outputs. A column that was constant
        in training reaches nothing.
    """
    result: list[NDArray[np.bool_]] = [np.diag(np.isfinite(network.scaling.input_scale))]
    for layer in network.layers:
        into = result[-1] @ layer.active
        starts = np.cumsum([0, *layer.arities[:-1]])
        result.append(np.logical_or.reduceat(into, starts, axis=1))
    return result


def meeting_pairs(network: Network) -> NDArray[np.intp]:
    """Return the pairs of inputs ``a < b`` that meet in a hidden node, shape (n_pairs, 2)."""
    found = np.zeros((network.shape[0],) * 2, dtype=bool)
    for reach in reaches(network)[1:-1]:
        found |= reach @ reach.T
    return np.argwhere(np.triu(found, 1))


def interactions(network: Network, inputs: FloatArray, partners: FloatArray) -> FloatArray:
    """Return the share of the outputs' variance that the interactions of every pair make up.

    Parameters
    ----------
    network : Network
        Fitted network.
    inputs : ndarray of shape (n_samples, n_inputs)
        Scaled inputs.
    partners : ndarray of shape (n_samples, n_inputs)
        The same in another order.

    Returns
    -------
    shares : ndarray of shape (n_inputs, n_inputs)
        Symmetric, with zeros on the diagonal.
    """
    n_inputs = inputs.shape[1]
    shares = np.zeros((n_inputs, n_inputs))
    pairs = meeting_pairs(network)
    if not len(pairs):
        return shares

    def swapped(*columns: int) -> FloatArray:
        mixed = inputs.copy()
        mixed[:, columns] = partners[:, columns]
        blocks = range(0, len(mixed), ROWS_PER_BLOCK)
        return np.concatenate([network.outputs(mixed[i : i + ROWS_PER_BLOCK]) for i in blocks])

    base = swapped()
    variance = float(base.var(axis=0).sum())
    singles = {int(a): swapped(int(a)) for a in np.unique(pairs)}
    for a, b in pairs.tolist():
        mixed = (base - singles[a]) - (singles[b] - swapped(a, b))
        square = 0.25 * float((mixed**2).mean(axis=0).sum())
        if square > ROUNDING * max(variance, float((base**2).mean(axis=0).sum())):
            shares[a, b] = shares[b, a] = square / variance if variance > 0.0 else 0.0
    return shares
