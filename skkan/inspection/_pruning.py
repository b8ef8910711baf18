"""Networks without the edges that hardly matter, with their penalties and activities."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from skkan.inspection._scores import LayerActivity, propagated
from skkan.network._compaction import compact
from skkan.network._layer import Layer
from skkan.network._network import Network
from skkan.objective._penalties import Penalty

Masks = Sequence[NDArray[np.bool_]]


@dataclass(frozen=True)
class Pruned:
    """A network that has lost edges, and what has belonged to the old one.

    Attributes
    ----------
    network : Network
        The new network.
    penalty : Penalty
        With the weights of the edges that are left.
    activities : list of LayerActivity
        Of the edges that are left, as they have been before.
    """

    network: Network
    penalty: Penalty
    activities: list[LayerActivity]


def pruned(
    network: Network, penalty: Penalty, activities: Sequence[LayerActivity], masks: Masks
) -> Pruned | None:
    """Return the network without some edges, each of which leaves its mean behind.

    Hidden nodes that do nothing any more go as well.

    Parameters
    ----------
    network : Network
        Stays as it is.
    penalty : Penalty
        Its penalty.
    activities : sequence of LayerActivity
        Of its layers on the training data.
    masks : sequence of ndarray of bool of shape (n_in, n_subnodes)
        The edges of every layer that are to stay.

    Returns
    -------
    pruned : Pruned or None
        None if no way from an input to an output is left.
    """
    layers, kept, stays = _without_edges(network.layers, activities, masks)
    result = compact(layers)
    other = Network(result.layers, network.scaling)
    new_penalty = Penalty(
        other, 0.0, 0.0, penalty.softmax, penalty.floors, penalty.order, penalty.sites
    )
    new_activities = []
    for depth, layer in enumerate(other.layers):
        nodes, subnodes = result.nodes[depth], kept[depth][result.subnodes[depth]]
        own, old = activities[depth], penalty.layers[depth].weights
        index = np.ix_(nodes, subnodes)
        new_penalty.layers[depth].weights = {name: old[name][index] for name in old}
        new_activities.append(
            replace(
                own,
                means=own.means[index],
                magnitudes=np.where(stays[depth][index], own.magnitudes[index], 0.0),
                spreads=own.spreads[subnodes],
                shares=own.shares[subnodes],
                owner=np.repeat(np.arange(layer.n_out), layer.arities),
            )
        )
    scores = propagated(new_activities)[1][0]
    return Pruned(other, new_penalty, new_activities) if scores.any() else None


def _without_edges(
    layers: Sequence[Layer], activities: Sequence[LayerActivity], masks: Masks
) -> tuple[list[Layer], list[NDArray[np.intp]], list[NDArray[np.bool_]]]:
    """Take edges away, and those that leave a node which has become constant by that.

    Returns
    -------
    layers : list of Layer
        New layers with the same nodes.
    kept : list of ndarray of int
        Subnodes of every layer that are left: a factor that has become constant goes into the
        other factors of its product.
    edges : list of ndarray of bool of shape (n_in, n_subnodes)
        Edges of the old layers that are left; the new ones may have another for a constant.
    """
    new, kept, edges = [], [], []
    fixed = np.zeros(layers[0].n_in, dtype=bool)
    for number, (old, activity, mask) in enumerate(zip(layers, activities, masks, strict=True)):
        layer = old.copy()
        stays = layer.active & mask & ~fixed[:, None]
        amounts = np.where(layer.active & ~stays, activity.means, 0.0).sum(axis=0)
        layer.set_edges(stays, layer.symbols)
        idle = ~np.asarray(stays.any(axis=0))
        # What is constant in a hidden layer is handed on by the means of the edges behind it.
        last = number == len(layers) - 1
        layer.add_constants(amounts if last else np.where(idle, 0.0, amounts))
        used = np.ones(layer.n_subnodes, dtype=bool)
        fixed = np.zeros(layer.n_out, dtype=bool)
        factors = np.ones(layer.n_subnodes)
        for node, (start, stop) in enumerate(pairwise(np.cumsum([0, *layer.arities]))):
            own = idle[start:stop]
            fixed[node] = own.all()
            if own.any() and not own.all():
                used[start:stop] = ~own
                factors[start + int(own.argmin())] = amounts[start:stop][own].prod()
        layer.coef *= factors
        layer.scale_symbols(factors)
        new.append(layer if used.all() else _with_subnodes(layer, np.flatnonzero(used)))
        kept.append(np.flatnonzero(used))
        edges.append(stays)
    return new, kept, edges


def _with_subnodes(layer: Layer, columns: NDArray[np.intp]) -> Layer:
    """Return the layer with some of its subnodes, at least one of every node."""
    position = {int(column): new for new, column in enumerate(columns)}
    owner = np.repeat(np.arange(layer.n_out), layer.arities)[columns]
    return Layer(
        layer.grid.on(layer.grid.breakpoints),
        layer.coef[:, :, columns],
        layer.base,
        layer.active[:, columns],
        {(i, position[j]): edge for (i, j), edge in layer.symbols.items() if j in position},
        tuple(np.bincount(owner, minlength=layer.n_out).tolist()),
    )
