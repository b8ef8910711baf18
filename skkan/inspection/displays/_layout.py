"""Where the parts of a drawn network lie; in inches, as long as the figure is of its own size."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from skkan._typing import FloatArray

NODE_RADIUS = 0.1
SUBNODE_RADIUS = 0.07
SUBNODE_DROP = 0.34
LARGEST_FRAME = 0.8
SMALLEST_FRAME = 0.4
FRAME_SHARE = 0.8
"""Of the room that a frame has in its row."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Positions of nodes and frames.

    Attributes
    ----------
    width, height : float
        Extent without names; the origin is the lower left corner.
    nodes : list of ndarray of shape (n_nodes, 2)
        Centres of the nodes of every level, the inputs first.
    subnodes : list of ndarray of shape (n_subnodes, 2)
        For every layer the ends of its edges: its output nodes, or, below product nodes, their
        factors.
    frames : list of ndarray of shape (n_edges, 2)
        For every layer the centres of the frames of the edges that are drawn.
    frame_sizes : list of float
        For every layer the side of a frame.
    """

    width: float
    height: float
    nodes: list[FloatArray]
    subnodes: list[FloatArray]
    frames: list[FloatArray]
    frame_sizes: list[float]


def spread(n: int, width: float) -> FloatArray:
    """Return the middles of `n` equal parts of a width."""
    return width * (np.arange(n) + 0.5) / n


def layout(n_inputs: int, arities: Sequence[Sequence[int]], n_edges: Sequence[int]) -> Layout:
    """Arrange a network.

    The frames of a layer follow each other from left to right. Where a single row would make them
    too small they zigzag over several, every frame between its neighbours of the other rows.

    Parameters
    ----------
    n_inputs : int
        Number of inputs.
    arities : sequence of sequence of int
        For every layer the number of factors of its output nodes.
    n_edges : sequence of int
        For every layer the number of edges to draw.
    """
    widest = max(n_inputs, *(sum(own) for own in arities))
    width = float(np.clip(max(0.9 * widest, 0.6 * max(n_edges)), 2.0, max(10.0, 0.7 * widest)))
    nodes = [np.stack([spread(n_inputs, width), np.full(n_inputs, NODE_RADIUS)], axis=1)]
    subnodes, frames, sizes = [], [], []
    level = NODE_RADIUS
    for own, count in zip(arities, n_edges, strict=True):
        rows = ceil(SMALLEST_FRAME * count / (FRAME_SHARE * width)) if count else 1
        size = min(LARGEST_FRAME, FRAME_SHARE * rows * width / max(count, 1))
        # Lines need the more room the farther they fan out.
        clearance = 0.25 + 0.06 * width
        first = level + clearance + size / 2
        row_of = np.arange(count) % rows
        step = 1.25 * size
        # A single row keeps to its parts of the width; several rows reach to its ends.
        x = spread(max(count, 1), width)[:count]
        if rows > 1:
            x = np.linspace(size / 2, width - size / 2, count)
        frames.append(np.stack([x, first + step * row_of], axis=1))
        sizes.append(size)
        level = first + step * (rows - 1) + size / 2 + clearance
        x = spread(len(own), width)
        gap = min(0.35, 0.8 * width / sum(own))
        shifts = [gap * (np.arange(a) - (a - 1) / 2) if a > 1 else np.zeros(1) for a in own]
        drop = SUBNODE_DROP if max(own) > 1 else 0.0
        level += drop
        heights = np.repeat([level - drop if a > 1 else level for a in own], own)
        subnodes.append(np.stack([np.repeat(x, own) + np.concatenate(shifts), heights], axis=1))
        nodes.append(np.stack([x, np.full(len(own), level)], axis=1))
    return Layout(width, level + NODE_RADIUS, nodes, subnodes, frames, sizes)
