"""The fit as a network: sums of functions of one column, and products of two or three of them.

The coefficients of an interaction are a matrix between two bases of splines; its singular vectors
are splines again, so that the interaction is a sum of products of two functions, a product node
each. With one sum node an output, and straight lines behind all nodes, the network is the fit.

What the noise hides is left out: of all main effects and products those of least variance, as long
as together they are less than ``HIDDEN`` of the variance of the noise.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.anova._design import Design, Term
from skkan.anova._families import Solution
from skkan.network._layer import Layer
from skkan.network._network import Network
from skkan.network._scaling import Scaling
from skkan.network.functions._splines import SplineGrid

HIDDEN = 2e-3


@dataclass(frozen=True)
class Part:
    """A main effect, or a product of functions of two or three columns.

    Attributes
    ----------
    output : int
        Where it is added.
    columns : tuple of int
        Its columns.
    factors : sequence of ndarray of shape (n_splines,)
        Coefficients of the function of each of them.
    variance : float
        Its variance, where the columns are independent.
    dof : float
        Effective degrees of freedom.
    """

    output: int
    columns: tuple[int, ...]
    factors: Sequence[FloatArray]
    variance: float
    dof: float


def parts_of(solution: Solution, blur: FloatArray) -> list[Part]:
    """Return what the network is made of, by output, main effects first.

    Parameters
    ----------
    solution : Solution
        The fit.
    blur : ndarray of shape (n_outputs,)
        What is too small to be seen, as a variance of every output.
    """
    kept: list[Part] = []
    for k, level in enumerate(blur):
        parts = [*_main_effects(solution, k), *_products(solution, k)]
        order = np.argsort([own.variance for own in parts], kind="stable")
        hidden = np.cumsum([parts[place].variance for place in order]) <= HIDDEN * level
        left_out = set(order[hidden].tolist())
        kept += [own for place, own in enumerate(parts) if place not in left_out]
    return kept


def _main_effects(solution: Solution, k: int) -> Iterator[Part]:
    design, coef = solution.design, solution.coef[:, k]
    used = solution.used[:, k]
    starts, sizes = design.starts, design.sizes
    for place, j in enumerate(design.used):
        basis = design.bases.columns[j]
        slope, spent = coef[starts[1] + place], used[starts[1] + place]
        own = slice(starts[2 + place], starts[2 + place] + sizes[2 + place])
        factor = basis.line * slope + basis.transform @ coef[own]
        # Lines and functions are correlated; this is not below their variance.
        variance = 2.0 * (slope**2 + basis.variances @ coef[own] ** 2)
        yield Part(k, (int(j),), [factor], float(variance), float(spent + used[own].sum()))


def _products(solution: Solution, k: int) -> Iterator[Part]:
    design = solution.design
    first = 2 + len(design.used)
    for number, term in enumerate(design.terms):
        start = design.starts[first + number]
        own = slice(start, start + term.size)
        spent = float(solution.used[own, k].sum())
        found = list(_rank_ones(design, term, solution.coef[own, k]))
        total = sum(variance for variance, _ in found) or 1.0
        for variance, factors in found:
            yield Part(k, term.columns, factors, variance, spent * variance / total)


def _rank_ones(
    design: Design, term: Term, coef: FloatArray
) -> Iterator[tuple[float, list[FloatArray]]]:
    """Yield variance and factors of the products that an interaction is the sum of."""
    bases = [design.bases.columns[j] for j in term.columns]
    sizes = [int(own.max(initial=-1)) + 1 for own in term.functions]
    table = np.zeros(sizes)
    table[term.functions] = coef
    roots = [np.sqrt(own.variances[:size]) for own, size in zip(bases, sizes, strict=True)]
    for axis, root in enumerate(roots):
        table *= root.reshape([-1 if a == axis else 1 for a in range(table.ndim)])
    for vectors in _decomposed(table):
        size = float(np.prod([np.linalg.norm(vector) for vector in vectors]))
        if size > 0.0:
            own = zip(bases, vectors, roots, strict=True)
            yield size**2, [b.transform[:, : len(v)] @ (v / r) for b, v, r in own]


def _decomposed(table: FloatArray) -> Iterator[list[FloatArray]]:
    """Yield vectors whose outer products sum to `table`, of two or three axes."""
    left, values, right = np.linalg.svd(table.reshape(len(table), -1), full_matrices=False)
    for vector, value, other in zip(left.T, values, right, strict=True):
        if table.ndim == 2:
            yield [vector * np.sqrt(value), other * np.sqrt(value)]
            continue
        share = value ** (1.0 / 3.0)
        for second, third in _decomposed(other.reshape(table.shape[1:])):
            yield [vector * share, second * share, third * share]


def as_network(
    design: Design, constant: FloatArray, parts: Sequence[Part], scaling: Scaling
) -> Network:
    """Return the network of some parts; it has no hidden layer where there are no products.

    Parameters
    ----------
    design : Design
        Gives the grids.
    constant : ndarray of shape (n_outputs,)
        Constants of the outputs.
    parts : sequence of Part
        What to add up.
    scaling : Scaling
        Of the data.
    """
    grid, n_outputs = design.bases.grid, len(constant)
    products = [own for own in parts if len(own.columns) > 1]
    arities = [1] * n_outputs + [len(own.columns) for own in products]
    coef = np.zeros((grid.n_nodes, grid.n_splines, sum(arities)))
    active = np.zeros((grid.n_nodes, sum(arities)), dtype=bool)
    for own in parts:
        if len(own.columns) == 1:
            coef[own.columns[0], :, own.output] = own.factors[0]
            active[own.columns[0], own.output] = True
    subnode = n_outputs
    for own in products:
        for j, factor in zip(own.columns, own.factors, strict=True):
            coef[j, :, subnode] = factor
            active[j, subnode] = True
            subnode += 1
    first = Layer(grid, coef, active=active, arities=tuple(arities))
    first.add_constants(np.concatenate([constant, np.zeros(sum(arities) - n_outputs)]))
    if not products:
        return Network([first], scaling)
    outputs = np.concatenate([np.arange(n_outputs), [own.output for own in products]])
    return Network([first, _summing(grid, outputs.astype(np.intp), n_outputs)], scaling)


def _summing(grid: SplineGrid, outputs: NDArray[np.intp], n_outputs: int) -> Layer:
    """Return a layer of straight lines of slope 1 from every node to its output."""
    n_nodes = len(outputs)
    uniform = np.linspace(-1.0, 1.0, grid.grid_size + 1)
    own = SplineGrid(np.tile(uniform, (n_nodes, 1)), grid.degree)
    coef = np.zeros((n_nodes, own.n_splines, n_outputs))
    nodes = np.arange(n_nodes)
    coef[nodes, :, outputs] = own.greville()
    active = np.zeros((n_nodes, n_outputs), dtype=bool)
    active[nodes, outputs] = True
    return Layer(own, coef, active=active)
