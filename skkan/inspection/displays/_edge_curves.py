"""Which edges of a network a picture shows, and their functions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from skkan._typing import FloatArray
from skkan.inspection._edges import STRENGTHS, edge_strengths, in_units, relative_scores
from skkan.inspection._scores import activity_on, propagated
from skkan.network._network import Network

N_POINTS = 101
SCORES = ("contribution", *STRENGTHS)


@dataclass(frozen=True, eq=False)
class EdgeCurve:
    """The function of an active edge, sampled over the values that its input node takes.

    Attributes
    ----------
    layer, i, j : int
        Number of the layer, input node and subnode of the edge.
    x : ndarray of shape (n_points,)
        Values of the input node; for the inputs of the network in the units of `X`.
    y : ndarray of shape (n_points,)
        Values of the edge in the network's units.
    score : float
        Score relative to that of the strongest edge of the layer.
    symbol : str or None
        Name of the function of a symbolic edge.
    """

    layer: int
    i: int
    j: int
    x: FloatArray
    y: FloatArray
    score: float
    symbol: str | None


@dataclass(frozen=True)
class EdgeSelection:
    """The edges of a picture.

    Attributes
    ----------
    curves : list of EdgeCurve
        Edges that get a frame, sorted by layer, input node and subnode.
    plain : list of tuple (layer, i, j, score)
        Edges that are drawn as a line without a frame.
    n_hidden : int
        Number of active edges that are not drawn.
    """

    curves: list[EdgeCurve]
    plain: list[tuple[int, int, int, float]]
    n_hidden: int


def select_edges(
    network: Network,
    X: FloatArray,
    score: str | Sequence[ArrayLike],
    min_score: float,
    max_frames: int,
) -> EdgeSelection:
    """Choose the edges to draw, and sample their functions.

    Parameters
    ----------
    network : Network
        Fitted network.
    X : ndarray of shape (n_samples, n_inputs)
        Inputs in the units of the data.
    score : str or sequence of array-like
        As in :meth:`KANDisplay.from_estimator`.
    min_score : float
        Edges with a smaller relative score are not drawn.
    max_frames : int
        Number of edges of a layer that may have a frame; the strongest have one.
    """
    values = network.node_values(X)
    curves: list[EdgeCurve] = []
    plain: list[tuple[int, int, int, float]] = []
    n_hidden = 0
    for depth, (layer, x, scores) in enumerate(
        zip(network.layers, values, _scores(network, X, values, score), strict=True)
    ):
        sites = np.linspace(x.min(axis=0), x.max(axis=0), N_POINTS)
        y = layer.edge_values(sites)
        edges = np.argwhere(layer.active & (scores >= min_score)).tolist()
        n_hidden += int(layer.active.sum()) - len(edges)
        strongest = sorted(edges, key=lambda edge: -scores[*edge])[:max_frames]
        framed = {tuple(edge) for edge in strongest}
        for i, j in edges:
            if (i, j) not in framed:
                plain.append((depth, i, j, float(scores[i, j])))
                continue
            edge = layer.symbols.get((i, j))
            curve = EdgeCurve(
                *(depth, i, j),
                in_units(network, depth, i, sites[:, i]),
                y[:, i, j],
                float(scores[i, j]),
                None if edge is None else edge.function.name,
            )
            curves.append(curve)
    return EdgeSelection(curves, plain, n_hidden)


def _scores(
    network: Network,
    X: FloatArray,
    values: Sequence[FloatArray],
    score: str | Sequence[ArrayLike],
) -> list[FloatArray]:
    """Return the relative scores of all edges, by layer."""
    layers = network.layers
    if isinstance(score, str):
        if score not in SCORES:
            raise ValueError(f"score must be one of {SCORES} or arrays, got {score!r}.")
        kind = "std" if score == "contribution" else score
        given = [edge_strengths(*pair, kind) for pair in zip(layers, values, strict=True)]
        if score == "contribution":
            # Where symbolic edges overflow there are no contributions, but strengths.
            with np.errstate(over="ignore", invalid="ignore"):
                found = propagated(activity_on(network, X, np.ones(len(X))))[0]
            given = found if all(np.isfinite(own).all() for own in found) else given
    else:
        given = [np.asarray(own, dtype=np.float64) for own in score]
        shapes = [own.shape for own in given]
        wanted = [layer.active.shape for layer in layers]
        if shapes != wanted or any(np.any(own < 0.0) for own in given):
            raise ValueError(
                f"score must hold arrays of shapes {wanted} without negative numbers, got arrays "
                f"of shapes {shapes}."
            )
    return [relative_scores(*pair) for pair in zip(layers, given, strict=True)]
