"""How much every edge, node and feature contributes to what a network makes of its data.

The magnitude of an edge is the standard deviation of its function on the training data. An output
has score 1. A node hands its score on to the edges that enter it, to each in the ratio of the
edge's magnitude to the node's own standard deviation, and a node's score is the sum of the scores
of the edges that leave it. So an edge that is strong, but ends in a node that nothing listens to,
has a low score, and so has one that is weak among the edges of its node.

The standard deviations of the edges of a node need not add up to its own: the ratios of edges that
act independently sum to more than one, and those of edges that cancel to far more.

References
----------
Z. Liu et al., "KAN 2.0: Kolmogorov-Arnold Networks Meet Science", arXiv:2408.10205, section 4.1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skkan._layer import Layer
from skkan._network import Network
from skkan._typing import FloatArray

BLOCK_BYTES = 2**24
# A node whose edges cancel to less than this share of their magnitudes is constant but for
# rounding, and says nothing about them.
CANCELLED = 1e-10
# The splines of a constant edge sum to it up to this share.
ROUNDING = 1e-14


@dataclass(frozen=True)
class LayerActivity:
    """What the training data make of the edges of one layer.

    Attributes
    ----------
    means, magnitudes : ndarray of shape (n_in, n_subnodes)
        Mean and standard deviation of every edge function.
    spreads : ndarray of shape (n_subnodes,)
        Standard deviation of the subnodes.
    shares : ndarray of shape (n_subnodes,)
        What part of its node's standard deviation a subnode stands for: 1 for sum nodes; for a
        factor of a product, the root mean square of the factor's deviation from its mean times
        the other factors, relative to the node. A constant factor gets 0, and so does a constant
        node.
    owner : ndarray of int of shape (n_subnodes,)
        Node that every subnode belongs to.
    """

    means: FloatArray
    magnitudes: FloatArray
    spreads: FloatArray
    shares: FloatArray
    owner: NDArray[np.intp]


def network_activity(
    network: Network, inputs: FloatArray, weight: FloatArray
) -> list[LayerActivity]:
    """Return the activity of every layer, from one forward pass.

    Parameters
    ----------
    network : Network
        Fitted network.
    inputs : ndarray of shape (n_samples, n_inputs)
        Scaled inputs.
    weight : ndarray of shape (n_samples,)
        Positive weights that sum to 1.
    """
    result = []
    nodes = inputs
    for layer in network.layers:
        activity, nodes = _layer_activity(layer, nodes, weight)
        result.append(activity)
    return result


def _layer_activity(
    layer: Layer, nodes: FloatArray, weight: FloatArray
) -> tuple[LayerActivity, FloatArray]:
    """Return the activity of one layer, and its output nodes."""
    subnodes: FloatArray = np.empty((len(nodes), layer.n_subnodes))
    # Differences from some sample, so that an edge or a node without variation has none at all.
    origin = layer.edge_values(nodes[:1])
    first = np.zeros(origin.shape[1:])
    second = np.zeros(origin.shape[1:])
    for part in _blocks(len(nodes), 8 * layer.n_in * (layer.n_subnodes + 2 * layer.n_features)):
        moved = layer.edge_values(nodes[part]) - origin
        share = weight[part]
        total = share.sum()
        subnodes[part] = moved.sum(axis=1)
        mean = np.einsum("n,nij->ij", share, moved) / total
        moved -= mean
        # The update of mean and sum of squares by one block, which never cancels.
        before = float(weight[: part.start].sum())
        gap = mean - first
        second += np.einsum("n,nij,nij->ij", share, moved, moved)
        second += gap**2 * before * total / (before + total)
        first += gap * total / (before + total)
    offset = origin[0].sum(axis=0)
    means = origin[0] + first
    magnitudes = np.sqrt(second)
    magnitudes[magnitudes <= ROUNDING * np.abs(means)] = 0.0
    deviations = subnodes - weight @ subnodes
    spreads = np.sqrt(weight @ deviations**2)
    together = np.sqrt((magnitudes**2).sum(axis=0))
    spreads[(spreads <= CANCELLED * together) | (together == 0.0)] = 0.0
    shares = np.where(spreads > 0.0, 1.0, 0.0)
    subnodes += offset
    owner = np.arange(layer.n_subnodes)
    outputs: FloatArray = subnodes
    if layer.products is not None:
        owner, outputs = layer.products.owner, layer.products.values(subnodes)
        own = outputs - outputs[0]
        own -= weight @ own
        whole = np.sqrt(weight @ own**2)[owner]
        alone = np.sqrt(weight @ (layer.products.partials(subnodes) * deviations) ** 2)
        factors = np.asarray(layer.arities)[owner] > 1
        shares = np.where(factors, shares * _ratio(alone, whole), shares)
    return LayerActivity(means, magnitudes, spreads, shares, owner), outputs


def _blocks(n_samples: int, bytes_per_row: int) -> Iterator[slice]:
    rows = max(1, BLOCK_BYTES // bytes_per_row)
    return (slice(start, start + rows) for start in range(0, n_samples, rows))


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Return ``part / whole``, 0 where `whole` is."""
    return np.where(whole > 0.0, part / np.where(whole > 0.0, whole, 1.0), 0.0)


def propagated(activities: Sequence[LayerActivity]) -> tuple[list[FloatArray], list[FloatArray]]:
    """Hand the scores of the outputs back to the inputs.

    Parameters
    ----------
    activities : sequence of LayerActivity
        Of all layers.

    Returns
    -------
    edges : list of ndarray of shape (n_in, n_subnodes)
        Scores of the edges of every layer.
    nodes : list of ndarray of shape (n_nodes,)
        Scores of the nodes from the inputs to the outputs. That of an output is 1, or 0 if the
        output is constant.
    """
    last = activities[-1]
    nodes = [np.where(last.spreads > 0.0, 1.0, 0.0)]
    edges: list[FloatArray] = []
    for activity in reversed(activities):
        into = nodes[-1][activity.owner] * activity.shares
        edges.append(_ratio(activity.magnitudes, activity.spreads) * into)
        nodes.append(edges[-1].sum(axis=1))
    return edges[::-1], nodes[::-1]


def importances(scores: FloatArray) -> FloatArray:
    """Return the scores of the inputs, made to sum to 1; all zero if nothing is used."""
    total = float(scores.sum())
    return scores / total if total > 0.0 else np.zeros_like(scores)
