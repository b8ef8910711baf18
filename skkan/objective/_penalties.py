"""Regularisation of the edge functions.

Every edge function splits into a constant, a straight line and the rest; the penalty

    1/2 sum_e  rough_e * int phi_e''(u)^2 du  +  line_e * slope_e^2

(``u``: grid coordinate) has a weight of its own for the rest ("rough") and for the line of every
edge ``e``. Straight lines are free of the first part, so that a large weight makes an edge linear,
and both together remove it.

The roughness is the penalty on divided differences of neighbouring coefficients that is exact
for the coefficients of the second derivative on any knots. A higher ``order`` adds the same term of
that derivative, up to the jumps of the highest one: where the data are next to free of noise, it
holds an edge function at the border, where samples are few, to the polynomial it has been before.

References
----------
P. Eilers and B. Marx, "Flexible smoothing with B-splines and penalties", Statistical Science 1996.
Z. Li and J. Cao, "General P-splines for non-uniform B-splines", arXiv:2201.06808.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.network._layer import Layer
from skkan.network._network import Network

GROUPS = ("rough", "line")
LOWEST_WEIGHT, HIGHEST_WEIGHT = 1e-20, 1e3
BENDING = 2
TINY = 1e-300
# Of the bending between the codes of levels, where it changes no value, next to their ridge.
BETWEEN_CODES = 1e-3
# Energy of the bending of waves of unit variance, next to which first weights are chosen.
OF_WAVES = 100.0
# For inputs that are codes of levels without order, where these lie, None for others; empty where
# there are no such inputs.
Sites = tuple[FloatArray | None, ...]
# Of the squares of an edge's coefficients.
ROUNDING = 1e-20


@dataclass
class LayerPenalty:
    """Quadratic forms of one layer; a form ``S`` of node ``i`` serves all edges that leave it.

    Attributes
    ----------
    roots : dict of str to ndarray of shape (n_in, n_rows, n_features)
        ``"rough"`` and ``"line"``: their rows are orthogonal.
    forms : dict of str to ndarray of shape (n_in, n_features, n_features)
        ``root' root`` of both.
    ranks : dict of str to int
        Ranks of the forms.
    log_dets : dict of str to ndarray of shape (n_in,)
        Log-determinants of the forms on their ranges.
    constant : ndarray of shape (n_features,)
        Takes the constant part of an edge function from its coefficients.
    weights : dict of str to ndarray of shape (n_in, n_out)
        Weight of every form on every edge.
    """

    roots: dict[str, FloatArray]
    forms: dict[str, FloatArray]
    ranks: dict[str, int]
    log_dets: dict[str, FloatArray]
    constant: FloatArray
    weights: dict[str, FloatArray]

    @classmethod
    def of(
        cls, layer: Layer, rough: float, line: float, order: int = BENDING, sites: Sites = ()
    ) -> "LayerPenalty":
        """Build the forms of `layer` and give all edges the same weights."""
        grid, base = layer.grid, layer.base
        middles = layer.coordinate(grid.greville().T).T
        centred = middles - middles.mean(axis=1, keepdims=True)
        slope = centred / (centred**2).sum(axis=1, keepdims=True)
        rows = {
            "rough": [_derivative_root(layer, m) for m in sorted({BENDING, order})],
            "line": [slope[:, None, :]],
        }
        for i, codes in enumerate(sites):
            if codes is not None:
                _put_ridge(rows["rough"], layer, i, codes)
        ranks = {"rough": grid.n_splines - 2, "line": 1}
        bend = 0.0
        if base is not None:
            bend = 2.0 * float((base.curvature(np.linspace(-1.0, 1.0, 101)) ** 2).mean())
            ranks["rough" if bend > 0.0 else "line"] += 1
        roots, log_dets = {}, {}
        for name, parts in rows.items():
            root = np.concatenate(parts, axis=1)
            if base is not None:
                own = np.sqrt(bend) if name == "rough" else float(bend == 0.0)
                root = np.pad(root, ((0, 0), (0, 1), (0, 1)))
                root[:, -1, -1] = own
            values = np.linalg.svd(root, compute_uv=False)[:, : ranks[name]]
            roots[name], log_dets[name] = root, 2.0 * np.log(values).sum(axis=1)
        forms = {name: root.transpose(0, 2, 1) @ root for name, root in roots.items()}
        constant = np.zeros(layer.n_features)
        constant[: grid.n_splines] = 1.0 / grid.n_splines
        edges = (layer.n_in, layer.n_subnodes)
        weights = {"rough": np.full(edges, rough), "line": np.full(edges, line)}
        return cls(roots, forms, ranks, log_dets, constant, weights)

    def energies(self, coef: FloatArray) -> dict[str, FloatArray]:
        """Return ``c' S c`` of every form and edge, arrays of shape (n_in, n_out)."""
        return {name: ((root @ coef) ** 2).sum(axis=1) for name, root in self.roots.items()}

    def blocks(self) -> FloatArray:
        """Return the weighted sum of the forms, shape (n_in, n_out, n_features, n_features)."""
        total = np.zeros((1, 1, 1, 1))
        for name, form in self.forms.items():
            total = total + self.weights[name][:, :, None, None] * form[:, None]
        return total


def _derivative_root(layer: Layer, order: int) -> FloatArray:
    """Return a root of the integral of a squared derivative, in the grid coordinate."""
    operator, lengths = layer.grid.difference_operator(order)
    half = layer.half_span[:, None]
    root: FloatArray = operator * (half**order * np.sqrt(lengths / half))[:, :, None]
    return root


def _put_ridge(roots: list[FloatArray], layer: Layer, i: int, sites: FloatArray) -> None:
    """Let the roughness of a node be the variance of an edge over codes of levels, in place.

    Parameters
    ----------
    roots : list of ndarray of shape (n_in, n_rows, n_splines)
        Roots of the roughness, the first of which has ``n_splines - 2`` rows.
    layer : Layer
        Gives the grid.
    i : int
        The node.
    sites : ndarray of shape (n_codes,)
        Where the codes lie.
    """
    grid = layer.grid.on(layer.grid.breakpoints[[i]])
    values = grid.dense(sites[:, None])[:, 0]
    values -= values.mean(axis=0)
    values *= np.sqrt(OF_WAVES / len(sites))
    middles = grid.greville()[0]
    line = middles - middles.mean()
    line /= np.linalg.norm(line)
    # The line has a weight of its own.
    values -= np.outer(values @ line, line)
    bends = roots[0][i]
    share = BETWEEN_CODES * (values**2).sum() / (bends**2).sum()
    form = values.T @ values + share * bends.T @ bends
    own, vectors = np.linalg.eigh(form)
    rank = len(bends)
    roots[0][i] = np.sqrt(np.maximum(own[-rank:], 0.0))[:, None] * vectors[:, -rank:].T
    for root in roots[1:]:
        root[i] = 0.0


def _masks(network: Network) -> list[NDArray[np.bool_] | None]:
    """Return the edges that are splines, layer by layer; None where all are."""
    return [None if layer.all_splines else layer.splined for layer in network.layers]


class Penalty:
    """The penalty of a whole network.

    The constants of the edges that enter one node can be traded against each other without any
    change of the network, and so can those of all outputs under a softmax. A quadratic term on
    exactly these differences makes the parameters unique and costs no bias.

    Parameters
    ----------
    network : Network
        Gives grids and shapes.
    rough, line : float
        Weights of all edges.
    softmax : bool, default=False
        Whether a constant added to all outputs changes nothing.
    floors : dict of str to float, optional
        Smallest weights of both forms.
    order : int, default=2
        Highest derivative in the roughness.
    sites : tuple of ndarray or None, default=()
        For inputs that are codes of levels without order, where these lie. Roughness of their
        edges is the variance over the codes, so that the edges are tables shrunk by a ridge.
    """

    gauge_weight = 1e-2

    def __init__(
        self,
        network: Network,
        rough: float,
        line: float,
        softmax: bool = False,
        floors: dict[str, float] | None = None,
        order: int = BENDING,
        sites: Sites = (),
    ) -> None:
        self.floors = floors or dict.fromkeys(GROUPS, LOWEST_WEIGHT)
        rough, line = max(rough, self.floors["rough"]), max(line, self.floors["line"])
        self.order = order
        self.sites = sites
        self.layers = [
            LayerPenalty.of(layer, rough, line, order, () if depth else sites)
            for depth, layer in enumerate(network.layers)
        ]
        self.softmax = softmax
        self.masks = _masks(network)

    def for_edges_of(self, network: Network) -> "Penalty":
        """Return the penalty without a say in the edges of `network` that are no splines."""
        other = copy.copy(self)
        other.masks = _masks(network)
        return other

    def bounded(self, name: str, weight: FloatArray) -> FloatArray:
        """Return weights of the form `name`, moved into the range that is allowed."""
        return np.clip(weight, self.floors[name], HIGHEST_WEIGHT)

    def _gauges(self, depth: int, n_in: int, n_out: int) -> FloatArray:
        """Quadratic form on the edges' constants, as a matrix over (n_in, n_out) pairs."""
        mask = self.masks[depth]
        used = np.ones((n_in, n_out)) if mask is None else mask.astype(np.float64)
        by_node = np.zeros((n_in, n_out, n_in, n_out))
        nodes = np.arange(n_out)
        shares = used / np.maximum(used.sum(axis=0), 1.0)
        by_node[:, nodes, :, nodes] = used.T[:, :, None] * (np.eye(n_in) - shares.T[:, None, :])
        within: FloatArray = by_node.reshape(n_in * n_out, n_in * n_out)
        if self._shifts_all_outputs(depth):
            within += used.ravel()[:, None] * used.ravel() / used.sum()
        return self.gauge_weight * within

    def _gauge_gradient(self, depth: int, constants: FloatArray) -> FloatArray:
        """Return the product of :meth:`_gauges` with `constants`, shape (n_in, n_out)."""
        mask = self.masks[depth]
        if mask is None:
            product = constants - constants.mean(axis=0)
            if self._shifts_all_outputs(depth):
                product = product + constants.mean()
        else:
            product = constants - constants.sum(axis=0) / np.maximum(mask.sum(axis=0), 1)
            if self._shifts_all_outputs(depth):
                product = product + constants.sum() / mask.sum()
            product = np.where(mask, product, 0.0)
        return self.gauge_weight * product

    def _shifts_all_outputs(self, depth: int) -> bool:
        """Whether the constants of a layer can shift all outputs alike, which changes nothing."""
        mask = self.masks[depth]
        last = self.softmax and depth == len(self.layers) - 1
        return last and (mask is None or bool(mask.any(axis=0).all()))

    def _restricted(self, depth: int, coef: FloatArray) -> FloatArray:
        """Return `coef` with zeros for edges that are no splines."""
        mask = self.masks[depth]
        return coef if mask is None else np.where(mask[:, None, :], coef, 0.0)

    def _blocks(self, depth: int) -> FloatArray:
        """Return the matrix of every edge, zero for edges that are no splines."""
        blocks, mask = self.layers[depth].blocks(), self.masks[depth]
        return blocks if mask is None else np.where(mask[:, :, None, None], blocks, 0.0)

    def value_and_gradient(
        self, network: Network, parameters: FloatArray
    ) -> tuple[float, FloatArray]:
        """Return the penalty and its gradient, which is zero for symbolic edges."""
        value, parts = 0.0, []
        for depth, (layer, given) in enumerate(
            zip(self.layers, network.split(parameters), strict=True)
        ):
            coef = self._restricted(depth, given)
            gradient = np.zeros_like(coef)
            for name, form in layer.forms.items():
                gradient += layer.weights[name][:, None, :] * (form @ coef)
            constants = np.einsum("imj,m->ij", coef, layer.constant)
            pull = self._gauge_gradient(depth, constants)
            gradient += layer.constant[:, None] * pull[:, None, :]
            # Rounding, which grows with the constants, must not make endless room below zero.
            value += 0.5 * max(float((gradient * coef).sum()), 0.0)
            parts.append(gradient.ravel())
        parts.append(np.zeros(len(parameters) - network.n_coefficients))
        return value, np.concatenate(parts)

    def carried_to(self, network: Network, shrink: Sequence[FloatArray]) -> "Penalty":
        """Return the same penalty for other grids of the same network.

        Parameters
        ----------
        network : Network
            Gives the grids.
        shrink : sequence of ndarray of shape (n_out,)
            By what the edges of every layer have been divided; a weight grows by its square, and
            the value of the penalty stays as it was.
        """
        moved = Penalty(network, 0.0, 0.0, self.softmax, self.floors, self.order, self.sites)
        for new, old, factor in zip(moved.layers, self.layers, shrink, strict=True):
            new.weights = {
                name: self.bounded(name, weight * factor**2) for name, weight in old.weights.items()
            }
        return moved

    def kept_between(self, before: Network, after: Network) -> "Penalty":
        """Return the penalty for other grids that has the same value for every edge.

        Parameters
        ----------
        before, after : Network
            The same network on the grids of this penalty and on others.
        """
        units = [np.ones(layer.n_subnodes) for layer in after.layers]
        other = self.carried_to(after, units)
        parts = zip(self.layers, other.layers, before.layers, after.layers, strict=True)
        for own, new, old_layer, new_layer in parts:
            if old_layer.grid is new_layer.grid:
                continue
            values = own.energies(old_layer.coef), new.energies(new_layer.coef)
            size = (old_layer.coef**2).sum(axis=1)
            for name, weight in own.weights.items():
                had, has = values[0][name], values[1][name]
                # What is zero but for rounding has no ratio.
                known = np.minimum(had, has) > ROUNDING * size
                ratio = np.where(known, had, 1.0) / np.where(known, has, 1.0)
                new.weights[name] = other.bounded(name, weight * ratio)
        return other

    def of_order(self, network: Network, order: int) -> "Penalty":
        """Return the penalty with roughness of another order and the same value at `network`."""
        other = Penalty(network, 0.0, 0.0, self.softmax, self.floors, order, self.sites)
        for new, old, layer in zip(other.layers, self.layers, network.layers, strict=True):
            before, after = old.energies(layer.coef), new.energies(layer.coef)
            new.weights = {
                name: self.bounded(name, weight * before[name] / np.maximum(after[name], TINY))
                for name, weight in old.weights.items()
            }
        return other

    def with_weights(self, weights: Sequence[dict[str, FloatArray]]) -> "Penalty":
        """Return the same forms with other weights, given layer by layer."""
        other = copy.copy(self)
        other.layers = [
            replace(layer, weights=new) for layer, new in zip(self.layers, weights, strict=True)
        ]
        return other

    def with_outputs_times(self, factors: FloatArray) -> "Penalty":
        """Return the penalty with weights of edges into output ``k`` times ``factors[k]``."""
        weights = [layer.weights for layer in self.layers]
        weights[-1] = {
            name: self.bounded(name, weight * factors) for name, weight in weights[-1].items()
        }
        return self.with_weights(weights)

    def with_inputs(self, order: NDArray[np.intp]) -> "Penalty":
        """Return the penalty of the network whose input ``i`` is input ``order[i]`` of this one."""
        other = copy.copy(self)
        first = self.layers[0]

        def reordered(values: dict[str, FloatArray]) -> dict[str, FloatArray]:
            return {name: value[order] for name, value in values.items()}

        moved = replace(
            first,
            roots=reordered(first.roots),
            forms=reordered(first.forms),
            log_dets=reordered(first.log_dets),
            weights=reordered(first.weights),
        )
        other.layers = [moved, *self.layers[1:]]
        mask = self.masks[0]
        other.masks = [None if mask is None else mask[order], *self.masks[1:]]
        if self.sites:
            other.sites = tuple(self.sites[i] for i in order)
        return other

    def add_shift_priors(self, blocks: Sequence[FloatArray], precision: float) -> float:
        """Give the constant of every hidden node a prior, and return its log-determinant.

        Neither data nor penalty need say where a hidden node lies: its grid follows it. A measure
        of volume wants such directions bounded all the same.

        Parameters
        ----------
        blocks : sequence of ndarray
            As :meth:`node_blocks` returns them, or views of these places in a whole matrix; the
            prior's matrix is added in place.
        precision : float
            Of a node's constant.
        """
        log_det = 0.0
        for own, block, mask in zip(self.layers[:-1], blocks[:-1], self.masks[:-1], strict=True):
            splined = np.ones_like(own.weights["line"]) if mask is None else mask.astype(float)
            directions = np.kron(splined.T, own.constant)
            block[...] += precision * directions[:, :, None] * directions[:, None, :]
            lengths = (directions**2).sum(axis=1)
            log_det += float(np.log(precision * lengths[lengths > 0.0]).sum())
        return log_det

    def node_blocks(self) -> list[FloatArray]:
        """Return the blocks of the penalty's matrix that belong to one node.

        As in ``Objective.node_curvatures``: for every layer an array of shape
        (n_out, n_in * n_features, n_in * n_features).
        """
        blocks = []
        for depth, own in enumerate(self.layers):
            edges = self._blocks(depth)
            n_in, n_out, m, _ = edges.shape
            gauge = self._gauges(depth, n_in, n_out).reshape(n_in, n_out, n_in, n_out)
            within = np.einsum("ijkj->jik", gauge)
            outer = own.constant[:, None] * own.constant
            block = np.einsum("jik,mn->jimkn", within, outer)
            np.einsum("jimin->jimn", block)[...] += edges.transpose(1, 0, 2, 3)
            blocks.append(block.reshape(n_out, n_in * m, n_in * m))
        return blocks

    def add_hessian(self, network: Network, matrix: FloatArray) -> None:
        """Add the penalty's matrix to `matrix`, shape (n_parameters, n_parameters), in place."""
        start = 0
        for depth, (layer, own) in enumerate(zip(network.layers, self.layers, strict=True)):
            n_in, m, n_out = layer.coef.shape
            stop = start + layer.coef.size
            block = matrix[start:stop, start:stop].reshape(n_in, m, n_out, n_in, m, n_out)
            np.einsum("imjinj->ijmn", block)[...] += self._blocks(depth)
            gauge = self._gauges(depth, n_in, n_out).reshape(n_in, n_out, n_in, n_out)
            outer = own.constant[:, None] * own.constant
            used = slice(0, np.count_nonzero(own.constant))
            block[:, used, :, :, used, :] += np.einsum("ijkl,mn->imjknl", gauge, outer[used, used])
            start = stop
