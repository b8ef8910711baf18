"""Random starting points of the training.

No kind of start wins on every problem, so a race mixes them: every edge a random straight line with
some curvature, a random parabola, a random cubic, or independent random coefficients.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.network._layer import Layer
from skkan.network._network import Network
from skkan.network._scaling import Scaling
from skkan.network.functions._base_functions import BaseFunction
from skkan.network.functions._splines import SplineGrid

KINDS = ("line", "rough", "parabola", "cubic")


def random_network(
    scaling: Scaling,
    shape: Sequence[int],
    first_breakpoints: FloatArray,
    degree: int,
    base: BaseFunction | None,
    kind: str,
    rng: np.random.Generator,
    arities: Sequence[Sequence[int]] | None = None,
) -> Network:
    """Draw a network.

    Parameters
    ----------
    scaling : Scaling
        Of the data.
    shape : sequence of int
        Numbers of nodes from the inputs to the outputs.
    first_breakpoints : ndarray of shape (n_inputs, grid_size + 1)
        Grids of the inputs; those of the hidden nodes are uniform.
    degree : int
        Degree of the splines.
    base : BaseFunction or None
        Base function; its coefficients start at zero.
    kind : {"line", "parabola", "cubic", "rough"}
        How the edge functions are drawn.
    rng : numpy.random.Generator
        Source of randomness.
    arities : sequence of sequence of int, optional
        For every hidden layer, the number of factors of each of its nodes: 1 for a sum node. By
        default all are sum nodes.
    """
    layers = []
    if arities is None:
        arities = [(1,) * n_nodes for n_nodes in shape[1:-1]]
    own_arities = [tuple(own) for own in (*arities, (1,) * shape[-1])]
    if [len(own) for own in own_arities] != list(shape[1:]):
        raise ValueError(f"arities {arities} do not fit the hidden layers of shape {shape}")
    uniform = np.linspace(-1.0, 1.0, first_breakpoints.shape[1])
    for depth, (n_in, own) in enumerate(zip(shape[:-1], own_arities, strict=True)):
        ends = first_breakpoints if depth == 0 else np.tile(uniform, (n_in, 1))
        grid = SplineGrid(ends, degree)
        coef = _random_coefficients(grid, sum(own), kind, rng)
        if base is not None:
            coef = np.concatenate([coef, np.zeros((n_in, 1, sum(own)))], axis=1)
        layers.append(Layer(grid, coef, base, arities=own))
    return Network(layers, scaling)


def embedded(additive: Network, arities: Sequence[Sequence[int]]) -> Network:
    """Write an additive model as a network of another shape.

    The first nodes of every hidden layer carry its outputs, along straight lines, and where they
    are products, their other factors are 1. All other edges are zero.

    Parameters
    ----------
    additive : Network
        Of shape (n_inputs, n_outputs).
    arities : sequence of sequence of int
        For every hidden layer, the number of factors of each of its nodes; none has fewer nodes
        than there are outputs.
    """
    first = additive.layers[0]
    n_outputs = first.n_out
    coef = np.zeros((first.n_in, first.n_features, sum(arities[0])))
    coef[:, :, pass_through_subnodes(arities[0], n_outputs)] = first.coef
    layers = [_with_unit_factors(first.grid, coef, first.base, arities[0], n_outputs)]
    uniform = np.linspace(-1.0, 1.0, first.grid.grid_size + 1)
    for before, own in pairwise([*arities, (1,) * n_outputs]):
        grid = SplineGrid(np.tile(uniform, (len(before), 1)), first.grid.degree)
        coef = np.zeros((len(before), first.n_features, sum(own)))
        lines = grid.greville()[:n_outputs]
        coef[np.arange(n_outputs), : grid.n_splines, pass_through_subnodes(own, n_outputs)] = lines
        layers.append(_with_unit_factors(grid, coef, first.base, own, n_outputs))
    return Network(layers, additive.scaling)


def pass_through_subnodes(arities: Sequence[int], n_nodes: int) -> NDArray[np.intp]:
    """Return the first subnode of each of the first `n_nodes` nodes of a layer."""
    starts: NDArray[np.intp] = np.cumsum([0, *arities])[:n_nodes]
    return starts


def _with_unit_factors(
    grid: SplineGrid,
    coef: FloatArray,
    base: BaseFunction | None,
    arities: Sequence[int],
    n_nodes: int,
) -> Layer:
    """Return a layer whose first `n_nodes` nodes are their first subnodes, the rest being 1."""
    layer = Layer(grid, coef, base, arities=arities)
    owner = np.repeat(np.arange(layer.n_out), arities)
    ones = np.where(owner < n_nodes, 1.0, 0.0)
    ones[pass_through_subnodes(arities, n_nodes)] = 0.0
    layer.add_constants(ones)
    return layer


def _random_coefficients(
    grid: SplineGrid, n_out: int, kind: str, rng: np.random.Generator
) -> FloatArray:
    """Return coefficients of shape (n_nodes, n_splines, n_out)."""
    u = grid.greville()[:, :, None]
    edges = (grid.n_nodes, 1, n_out)
    noise = rng.normal(size=(grid.n_nodes, grid.n_splines, n_out))
    if kind == "rough":
        return noise
    slope, bend, twist = (rng.normal(size=edges) for _ in range(3))
    parabola, cubic = 1.5 * (u**2 - 1.0 / 3.0), 2.5 * (u**3 - 0.6 * u)
    if kind == "line":
        return slope * u + 0.3 * bend * parabola + 0.03 * noise
    if kind == "parabola":
        return slope * u + bend * parabola + 0.03 * noise
    if kind == "cubic":
        return slope * u + bend * parabola + twist * cubic + 0.03 * noise
    raise ValueError(f"unknown kind of start {kind!r}; known are {KINDS}")
