"""Removing the hidden nodes that do nothing, without a change of the function."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.network._layer import Layer


@dataclass(frozen=True)
class Compaction:
    """Layers without idle nodes, and what is left of the old ones.

    Attributes
    ----------
    layers : list of Layer
        The new layers.
    nodes : list of ndarray of int
        Input nodes of every layer that are kept.
    subnodes : list of ndarray of int
        Subnodes of every layer that are kept.
    """

    layers: list[Layer]
    nodes: list[NDArray[np.intp]]
    subnodes: list[NDArray[np.intp]]


def compact(layers: Sequence[Layer]) -> Compaction:
    """Remove the hidden nodes that are constant or lead nowhere.

    A node without active edges into it is zero. What leaves it is constant and goes to the other
    edges into the same subnode; a subnode without any is constant itself, and as a factor of a
    product it goes to the other factors. An output that is constant, but not zero, keeps one edge
    for it. Inputs are never removed, and every hidden layer keeps at least one node.

    Parameters
    ----------
    layers : sequence of Layer
        Of one network; they stay as they are.
    """
    layers = [layer.copy() for layer in layers]
    used, output_constants = _without_constants(layers)
    nodes = [np.ones(layer.n_in, dtype=bool) for layer in layers]
    for depth in reversed(range(1, len(layers))):
        before, layer = layers[depth - 1], layers[depth]
        owner = np.repeat(np.arange(before.n_out), before.arities)
        needed: NDArray[np.bool_] = np.any(layer.active[:, used[depth]], axis=1)
        if not needed.any():
            needed[0] = True
            before.set_edges(before.active & (owner != 0), before.symbols)
        nodes[depth] = needed
        used[depth - 1] &= needed[owner]
    new = [part_of(*parts) for parts in zip(layers, nodes, used, strict=True)]
    new[-1].add_constants(output_constants)
    return Compaction(
        new, [np.flatnonzero(own) for own in nodes], [np.flatnonzero(own) for own in used]
    )


def _without_constants(layers: Sequence[Layer]) -> tuple[list[NDArray[np.bool_]], FloatArray]:
    """Take the edges that leave constant nodes away, in place, and pass on their values.

    Returns
    -------
    used : list of ndarray of bool of shape (n_subnodes,)
        For every layer, False for subnodes that have gone into other factors of their node.
    output_constants : ndarray of shape (n_outputs,)
        What outputs without any edges left have to be.
    """
    used = []
    fixed, value = np.zeros(layers[0].n_in, dtype=bool), np.zeros(layers[0].n_in)
    constants = np.zeros(0)
    for layer in layers:
        amounts = np.where(fixed[:, None], layer.edge_values(value[None])[0], 0.0).sum(axis=0)
        layer.set_edges(layer.active & ~fixed[:, None], layer.symbols)
        idle: NDArray[np.bool_] = ~np.any(layer.active, axis=0)
        layer.add_constants(np.where(idle, 0.0, amounts))
        constants = np.where(idle, amounts, 0.0)
        kept = np.ones(layer.n_subnodes, dtype=bool)
        fixed, value = np.zeros(layer.n_out, dtype=bool), np.zeros(layer.n_out)
        factors = np.ones(layer.n_subnodes)
        ends = np.cumsum([0, *layer.arities])
        for node, (start, stop) in enumerate(pairwise(ends)):
            own = slice(start, stop)
            product = float(np.prod(constants[own][idle[own]]))
            if idle[own].all() or (idle[own].any() and product == 0.0):
                fixed[node], value[node] = True, product
            elif idle[own].any():
                kept[own] = ~idle[own]
                factors[start + int(np.argmin(idle[own]))] = product
        layer.coef *= factors
        layer.scale_symbols(factors)
        used.append(kept)
    return used, constants


def part_of(layer: Layer, nodes: NDArray[np.bool_], subnodes: NDArray[np.bool_]) -> Layer:
    """Return the layer with some of its input nodes and of its subnodes.

    Parameters
    ----------
    layer : Layer
        Stays as it is.
    nodes : ndarray of bool of shape (n_in,)
        Input nodes to keep.
    subnodes : ndarray of bool of shape (n_subnodes,)
        Subnodes to keep; a node goes with the last of its own.
    """
    rows, columns = np.flatnonzero(nodes), np.flatnonzero(subnodes)
    symbols = {
        (int(np.searchsorted(rows, i)), int(np.searchsorted(columns, j))): edge
        for (i, j), edge in layer.symbols.items()
        if nodes[i] and subnodes[j]
    }
    counts = np.add.reduceat(subnodes.astype(int), np.cumsum([0, *layer.arities[:-1]]))
    return Layer(
        layer.grid.on(layer.grid.breakpoints[rows]),
        layer.coef[np.ix_(rows, np.arange(layer.n_features), columns)],
        layer.base,
        layer.active[np.ix_(rows, columns)],
        symbols,
        tuple(int(count) for count in counts if count),
    )
