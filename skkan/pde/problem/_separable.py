"""Sums of products of functions of one variable each, as networks of product nodes.

    u = sum_k f_k1(x_1) ... f_kd(x_d)

is a layer of product nodes of `d` factors, each of which sees one variable, and sums of the nodes.
With the factors of all variables but one held still, it is linear in those of that one.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.network._layer import Layer
from skkan.network._network import Network
from skkan.network._scaling import Scaling
from skkan.network.functions._symbolic_edge import N_PARAMETERS, SymbolicEdge
from skkan.symbolic.library._symbols import get_symbol

# Of a symbolic edge's parameters, the one outside of the function.
OUTER_FACTOR = 2
# In place of a variable.
WEIGHTS = -1


def separable(network: Network, variables: Sequence[int], rng: np.random.Generator) -> Network:
    """Return a network whose product nodes have factors of one variable each.

    Parameters
    ----------
    network : Network
        Of one hidden layer, of product nodes with a factor for every variable.
    variables : sequence of int
        The variable that every input belongs to.
    rng : numpy.random.Generator
        Source of the weights of the nodes, where there are several outputs.
    """
    first, last = network.layers
    weights = np.ones((last.n_in, last.n_subnodes))
    if last.n_subnodes > 1:
        weights = rng.normal(size=weights.shape)
    return product_network(first, last, variables, weights, network.scaling)


def product_network(
    first: Layer, last: Layer, variables: Sequence[int], weights: FloatArray, scaling: Scaling
) -> Network:
    """Return a network of product nodes with factors of one variable each.

    Parameters
    ----------
    first, last : Layer
        Product nodes, with a factor for every variable, and sums of them.
    variables : sequence of int
        The variable that every input belongs to.
    weights : ndarray of shape (n_nodes, n_outputs)
        Of the products in the sums.
    scaling : Scaling
        Of the network.
    """
    factor = np.arange(first.n_subnodes) % first.arities[0]
    active = np.asarray(variables)[:, None] == factor
    straight = get_symbol("x")
    symbols = {
        key: SymbolicEdge(straight, np.array([1.0, 0.0, weight, 0.0]))
        for key, weight in np.ndenumerate(weights)
    }
    ends = Layer(last.grid, np.zeros_like(last.coef), None, None, symbols)
    starts = Layer(first.grid, first.coef.copy(), None, active, None, first.arities)
    return Network([starts, ends], scaling)


def sought(network: Network, variable: int | None = None) -> NDArray[np.bool_]:
    """Tell of the parameters of a separable network which are sought.

    Parameters
    ----------
    network : Network
        As :func:`separable` returns it.
    variable : int, optional
        The one whose factors alone are sought, those of the others being held still, or
        ``WEIGHTS`` for the weights of the products.
    """
    first, last = network.layers
    edges = first.active
    if variable is not None:
        edges = edges & (np.arange(first.n_subnodes) % first.arities[0] == variable)
    outer = np.zeros((last.n_in * last.n_subnodes, N_PARAMETERS), dtype=bool)
    outer[:, OUTER_FACTOR] = variable == WEIGHTS or (last.n_subnodes > 1 and variable is None)
    mask = [np.broadcast_to(edges[:, None, :], first.coef.shape).ravel()]
    mask += [np.zeros(last.coef.size, dtype=bool), outer.ravel()]
    return np.concatenate(mask)


def even(network: Network) -> None:
    """Give the factors of every node of a separable network the same size, in place.

    Of two variables and one output, the functions of every variable become orthogonal, too: those
    of terms that nearly cancel would make steps short.
    """
    first, last = network.layers
    if first.n_in == 2 and first.arities[0] == 2 and last.n_subnodes == 1:
        left, right = first.coef[0, :, ::2], first.coef[1, :, 1::2]
        inner, outer = np.linalg.qr(left), np.linalg.qr(right)
        u, sizes, vt = np.linalg.svd(inner.R @ outer.R.T)
        coef = np.zeros_like(first.coef)
        n_kept = min(len(sizes), left.shape[1])
        coef[0, :, : 2 * n_kept : 2] = (inner.Q @ u * np.sqrt(sizes))[:, :n_kept]
        coef[1, :, 1 : 2 * n_kept : 2] = (outer.Q @ vt.T * np.sqrt(sizes))[:, :n_kept]
        first.coef = coef
        return
    sizes = np.sqrt(np.square(first.coef).sum(axis=(0, 1))).reshape(-1, first.arities[0])
    sizes = np.maximum(sizes, 1e-30 * (1e-300 + sizes.max()))
    means = np.exp(np.log(sizes).mean(axis=1, keepdims=True))
    first.coef = first.coef * np.asarray((means / sizes).ravel(), dtype=first.coef.dtype)


def random_factors(layer: Layer, smoothness: float, rng: np.random.Generator) -> FloatArray:
    """Return coefficients of random functions.

    Parameters
    ----------
    layer : Layer
        Of what shape, and on which grid.
    smoothness : float
        Power with which the size of waves falls with their number.
    rng : numpy.random.Generator
        Source of randomness.
    """
    sites = layer.grid.greville()[:, :, None]
    low, high = layer.grid.low[:, None, None], layer.grid.high[:, None, None]
    unit = (sites - low) / (high - low)
    n_in, n_splines, n_subnodes = layer.coef.shape
    found = np.zeros(layer.coef.shape)
    for wave in range(1 + n_splines // 2):
        size = rng.normal(size=(2, n_in, 1, n_subnodes)) / (1.0 + wave) ** smoothness
        angle = np.pi * wave * unit
        found += size[0] * np.cos(angle) + size[1] * np.sin(angle)
    return found


def multilinear_factors(layer: Layer) -> FloatArray:
    """Return coefficients of all products of the variables, each to the power 0 or 1."""
    n_factors = layer.arities[0]
    coef = np.zeros(layer.coef.shape)
    powers = np.array(list(np.ndindex(*(2,) * n_factors))).ravel()
    for i, sites in enumerate(layer.grid.greville()):
        coef[i] = np.where(powers == 1, sites[:, None], 1.0)
    return coef


def largest(network: Network, n_products: int, rng: np.random.Generator) -> FloatArray:
    """Return the factors of the products of largest weight, each with a little of all waves."""
    first, last = network.layers
    n_factors = first.arities[0]
    weights = np.abs(last.symbol_parameters[:, OUTER_FACTOR]).reshape(last.n_in, last.n_subnodes)
    order = np.argsort(-weights.max(axis=1), kind="stable")[:n_products]
    columns = (order[:, None] * n_factors + np.arange(n_factors)).ravel()
    chosen = Layer(first.grid, first.coef[:, :, columns], arities=(n_factors,) * n_products)
    return chosen.coef + 0.1 * random_factors(chosen, 2.0, rng)
