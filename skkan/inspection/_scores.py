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

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.data._blocks import Block, Samples
from skkan.data._samples import TrainingData
from skkan.network._network import Network

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

    def with_inputs(self, order: NDArray[np.intp]) -> "LayerActivity":
        """Return the activity of the layer whose input ``i`` is input ``order[i]`` of this one."""
        return replace(self, means=self.means[order], magnitudes=self.magnitudes[order])


@dataclass(frozen=True)
class EdgeMoments:
    """Function of a block: moments of what edges, subnodes and product nodes do.

    Without means it returns for every layer the means of the edges and subnodes, and of the nodes
    if some are products. With them it returns the variances about these, and before the last that
    of every subnode's deviation times the other factors of its node.

    Parameters
    ----------
    network : Network
        Fitted network.
    origins : sequence of ndarray of shape (n_in, n_subnodes)
        Values of the edges of every layer at some sample. All is measured from there, so that what
        does not vary has no variance at all.
    means : sequence of ndarray, optional
        What the function returns without.
    """

    network: Network
    origins: Sequence[FloatArray]
    means: Sequence[FloatArray] | None = None

    @property
    def row_bytes(self) -> int:
        """Memory for a sample: edges and features of the largest layer."""
        layers = self.network.layers
        return max(8 * one.n_in * (2 * one.n_subnodes + 2 * one.n_features) for one in layers)

    def __call__(self, block: Block) -> tuple[FloatArray, ...]:
        """Return the part of a block."""
        nodes, weight = block.inputs, block.weight
        found: list[FloatArray] = []
        means = iter(self.means or ())
        for layer, origin in zip(self.network.layers, self.origins, strict=True):
            edges = layer.edge_values(nodes) - origin
            subnodes = edges.sum(axis=1)
            offset = origin.sum(axis=0)
            nodes = absolute = subnodes + offset
            products = layer.products
            moved = [edges, subnodes]
            if products is not None:
                nodes = products.values(absolute)
                moved.append(nodes - products.values(offset[None]))
            if self.means is None:
                found += [np.tensordot(weight, values, 1) for values in moved]
                continue
            for values in moved:
                np.subtract(values, next(means), out=values)
            if products is not None:
                moved.insert(2, products.partials(absolute) * subnodes)
            found += [np.tensordot(weight, values**2, 1) for values in moved]
        return tuple(found)


def network_activity(
    network: Network, data: Samples, n_jobs: int | None = None
) -> list[LayerActivity]:
    """Return the activity of every layer.

    Parameters
    ----------
    network : Network
        Fitted network.
    data : Samples
        Scaled samples.
    n_jobs : int, optional
        Number of threads.
    """
    origins: list[FloatArray] = []
    nodes = data.sample().inputs[:1]
    for layer in network.layers:
        edges = layer.edge_values(nodes)
        nodes = edges.sum(axis=1)
        nodes = nodes if layer.products is None else layer.products.values(nodes)
        origins.append(edges[0])
    rows, function = data.rows(n_jobs=n_jobs), EdgeMoments(network, origins)
    means = rows.sums(function, function.row_bytes)
    variances = rows.sums(EdgeMoments(network, origins, means), function.row_bytes)
    mean, variance = iter(means), iter(variances)
    result: list[LayerActivity] = []
    for layer, origin in zip(network.layers, origins, strict=True):
        edge_means = origin + next(mean)
        next(mean)
        magnitudes, spreads = np.sqrt(next(variance)), np.sqrt(next(variance))
        magnitudes[magnitudes <= ROUNDING * np.abs(edge_means)] = 0.0
        together = np.sqrt((magnitudes**2).sum(axis=0))
        spreads[(spreads <= CANCELLED * together) | (together == 0.0)] = 0.0
        shares = np.where(spreads > 0.0, 1.0, 0.0)
        owner = np.arange(layer.n_subnodes)
        if layer.products is not None:
            next(mean)
            owner = layer.products.owner
            alone, whole = np.sqrt(next(variance)), np.sqrt(next(variance))[owner]
            factors = np.asarray(layer.arities)[owner] > 1
            shares = np.where(factors, shares * _ratio(alone, whole), shares)
        result.append(LayerActivity(edge_means, magnitudes, spreads, shares, owner))
    return result


def activity_on(network: Network, X: FloatArray, weight: NDArray[Any]) -> list[LayerActivity]:
    """Return the activity of every layer on some rows.

    Parameters
    ----------
    network : Network
        Any network.
    X : ndarray of shape (n_rows, n_inputs)
        Inputs in the units of the data.
    weight : ndarray of shape (n_rows,)
        Weights, not negative and not all zero.
    """
    counts = weight > 0.0
    inputs = network.scaling.inputs(X[counts])
    nothing, own = np.empty((len(inputs), 0)), weight[counts].astype(np.float64)
    return network_activity(network, TrainingData.unscaled(inputs, nothing, own))


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
