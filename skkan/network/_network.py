"""The layers in a row: forward pass, Jacobian, and one flat parameter vector."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, DTypeLike, NDArray

from skkan._typing import FloatArray
from skkan.network._compaction import compact
from skkan.network._evaluation import Evaluator
from skkan.network._features import Features, LocalFeatures, as_dense
from skkan.network._layer import Layer
from skkan.network._scaling import Scaling
from skkan.network.functions._symbolic_edge import N_PARAMETERS, SymbolicEdge

ROWS_PER_BLOCK = 4096
FEW_SUBNODES = 4


@dataclass
class Trace:
    """What a forward pass leaves for the backward pass.

    Attributes
    ----------
    nodes : list of ndarray
        Inputs of every layer, then the outputs of the last.
    features : list of ndarray or CSR matrix
        Feature matrix of every layer.
    slopes : list of LocalFeatures
        Derivatives of the features of every layer from the second on.
    symbols : list of ndarray or None
        For every layer the derivatives of its symbolic edges with respect to their parameters.
    partials : list of ndarray or None
        For every layer with product nodes the derivatives of the nodes with respect to the
        subnodes.
    """

    nodes: list[FloatArray] = field(default_factory=list)
    features: list[Features] = field(default_factory=list)
    slopes: list[LocalFeatures] = field(default_factory=list)
    symbols: list[FloatArray | None] = field(default_factory=list)
    partials: list[FloatArray | None] = field(default_factory=list)


class Network:
    """A Kolmogorov-Arnold network.

    Parameters
    ----------
    layers : sequence of Layer
        First to last; the outputs of one are the inputs of the next.
    scaling : Scaling
        Maps the data to the inputs of the first layer, and the outputs of the last to the data.

    Notes
    -----
    The parameter vector holds the coefficients of all layers first and then the parameters of the
    symbolic edges of all layers. Entries for the coefficients of inactive or symbolic edges are
    ignored where they are read and zero where they are written.

    The last layer has sum nodes only: its outputs would not move with the data's units otherwise.

    References
    ----------
    Z. Liu et al., "KAN: Kolmogorov-Arnold Networks", arXiv:2404.19756.
    Z. Liu et al., "KAN 2.0: Kolmogorov-Arnold Networks Meet Science", arXiv:2408.10205.
    """

    _evaluator: Evaluator | None = None

    def __init__(self, layers: Sequence[Layer], scaling: Scaling) -> None:
        self.layers = list(layers)
        if self.layers[-1].products is not None:
            raise ValueError("the outputs of a network cannot be product nodes")
        self.scaling = scaling

    @property
    def shape(self) -> tuple[int, ...]:
        """Numbers of nodes from the inputs to the outputs."""
        return (*(layer.n_in for layer in self.layers), self.layers[-1].n_out)

    @property
    def arities(self) -> tuple[tuple[int, ...], ...]:
        """For every hidden layer, the number of factors of each of its nodes; 1 for a sum."""
        return tuple(layer.arities for layer in self.layers[:-1])

    @property
    def grid_size(self) -> int:
        """Number of grid intervals."""
        return self.layers[0].grid.grid_size

    @property
    def n_parameters(self) -> int:
        """Number of coefficients and of parameters of symbolic edges."""
        n_symbols = sum(len(layer.symbols) for layer in self.layers)
        return self.n_coefficients + N_PARAMETERS * n_symbols

    @property
    def n_coefficients(self) -> int:
        """Number of coefficients, those of inactive and symbolic edges included."""
        return sum(layer.coef.size for layer in self.layers)

    @property
    def splined(self) -> NDArray[np.bool_]:
        """Which parameters are coefficients of an edge that is a spline."""
        used = np.zeros(self.n_parameters, dtype=bool)
        for layer, part in zip(self.layers, self.split(used), strict=True):
            part[...] = layer.splined[:, None, :]
        return used

    def copy(self) -> "Network":
        """Return an independent copy (what is never changed in place is shared)."""
        clone = copy.copy(self)
        clone.layers = [layer.copy() for layer in self.layers]
        return clone

    def astype(self, dtype: DTypeLike) -> "Network":
        """Return the network in another precision, to be evaluated in it on scaled inputs."""
        other = copy.copy(self)
        other.layers = [layer.astype(dtype) for layer in self.layers]
        return other

    def split(self, parameters: FloatArray) -> Iterator[FloatArray]:
        """Cut a flat vector into arrays of the shapes of the layers' coefficients.

        The parameters of symbolic edges, which come after them, are left out.
        """
        start = 0
        for layer in self.layers:
            stop = start + layer.coef.size
            yield parameters[start:stop].reshape(layer.coef.shape)
            start = stop

    def split_symbols(self, parameters: FloatArray) -> Iterator[FloatArray]:
        """Cut the part of the symbolic edges into arrays of shape (n_symbols, 4), by layer."""
        start = self.n_coefficients
        for layer in self.layers:
            stop = start + N_PARAMETERS * len(layer.symbols)
            yield parameters[start:stop].reshape(-1, N_PARAMETERS)
            start = stop

    def get_parameters(self) -> FloatArray:
        """Return all parameters as one vector."""
        parts = [layer.coef.ravel() for layer in self.layers]
        parts += [layer.symbol_parameters.ravel() for layer in self.layers if layer.symbols]
        return np.concatenate(parts)

    def set_parameters(self, parameters: FloatArray) -> None:
        """Set all parameters from one vector."""
        for layer, coef in zip(self.layers, self.split(parameters), strict=True):
            layer.coef = layer.restricted(coef.copy())
        for layer, own in zip(self.layers, self.split_symbols(parameters), strict=True):
            if layer.symbols:
                layer.symbol_parameters = own

    def __call__(self, X: FloatArray, n_jobs: int | None = None) -> FloatArray:
        """Evaluate the network in row blocks, shape (n_samples, n_outputs).

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_inputs)
            Inputs in the units of the data.
        n_jobs : int, optional
            Number of threads for the blocks, as joblib has it. Results do not depend on it.
        """
        evaluator, scaling = self._evaluator, self.scaling
        if evaluator is None or not evaluator.is_of(self.layers):
            evaluator = self._evaluator = Evaluator(self.layers)

        def block(start: int) -> FloatArray:
            return evaluator.outputs(scaling.inputs(X[start : start + ROWS_PER_BLOCK]))

        if len(X) <= ROWS_PER_BLOCK:
            out = block(0)
        else:
            jobs = (delayed(block)(start) for start in range(0, len(X), ROWS_PER_BLOCK))
            out = np.concatenate(Parallel(n_jobs, require="sharedmem")(jobs))
        return scaling.output_shift + scaling.output_scale * out

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is quickly prepared again."""
        return {name: value for name, value in vars(self).items() if name != "_evaluator"}

    def outputs(self, inputs: FloatArray, first_features: Features | None = None) -> FloatArray:
        """Return the outputs of the last layer for scaled inputs.

        Parameters
        ----------
        inputs : ndarray of shape (n_samples, n_inputs)
            Scaled inputs.
        first_features : ndarray or CSR matrix, optional
            Features of the first layer at `inputs`, if known.
        """
        out = self.layers[0].outputs(inputs, first_features)
        for layer in self.layers[1:]:
            out = layer.outputs(out)
        return out

    def node_values(self, X: FloatArray) -> list[FloatArray]:
        """Return for every layer the values of its input nodes, shape (n_samples, n_in).

        Those of the first layer are scaled inputs.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_inputs)
            Inputs in the units of the data.
        """
        values = [self.scaling.inputs(X)]
        for layer in self.layers[:-1]:
            values.append(layer.outputs(values[-1]))
        return values

    def rescaled(self, scaling: Scaling) -> "Network":
        """Return the same function with another scaling of inputs and outputs."""
        other = self.copy()
        other.scaling = scaling
        old, first, last = self.scaling, other.layers[0], other.layers[-1]
        usable = np.isfinite(old.input_scale) & np.isfinite(scaling.input_scale)
        stretch = np.where(usable, old.input_scale, 1.0) / np.where(
            usable, scaling.input_scale, 1.0
        )
        move = np.where(usable, old.input_shift - scaling.input_shift, 0.0) / scaling.input_scale
        ends = first.grid.breakpoints * stretch[:, None] + move[:, None]
        first.grid = first.grid.on(ends)
        first.move_symbols(-move / stretch, 1.0 / stretch)
        unit = np.where(scaling.output_scale > 0.0, scaling.output_scale, 1.0)
        last.coef *= old.output_scale / unit
        last.scale_symbols(old.output_scale / unit)
        last.add_constants((old.output_shift - scaling.output_shift) / unit)
        return other

    def with_inputs(self, order: NDArray[np.intp]) -> "Network":
        """Return the network whose input ``i`` is input ``order[i]`` of this one."""
        other = self.copy()
        first = other.layers[0]
        first.grid = first.grid.on(first.grid.breakpoints[order])
        first.coef = first.coef[order]
        position = np.argsort(order)
        symbols = {(int(position[i]), j): edge for (i, j), edge in first.symbols.items()}
        first.set_edges(first.active[order], symbols)
        other.scaling = self.scaling.with_inputs(order)
        return other

    def trace(self, inputs: FloatArray, first_features: Features | None = None) -> Trace:
        """Run forward on scaled inputs and keep what the backward pass needs.

        Parameters
        ----------
        inputs : ndarray of shape (n_samples, n_inputs)
            Scaled inputs.
        first_features : ndarray or CSR matrix, optional
            Features of the first layer at `inputs`, if known.
        """
        trace = Trace(nodes=[inputs])
        for depth, layer in enumerate(self.layers):
            x = trace.nodes[-1]
            if depth == 0:
                features = layer.features(inputs) if first_features is None else first_features
            else:
                features, slopes = layer.features_and_slopes(x)
                trace.slopes.append(slopes)
            trace.features.append(features)
            trace.symbols.append(layer.symbol_slopes(x))
            nodes = layer.subnodes(x, features)
            partials = None
            if layer.products is not None:
                partials = layer.products.partials(nodes)
                nodes = layer.products.values(nodes)
            trace.partials.append(partials)
            trace.nodes.append(nodes)
        return trace

    def to_subnodes(self, trace: Trace, depth: int, weights: FloatArray) -> FloatArray:
        """Turn derivatives with respect to a layer's nodes into those with respect to subnodes.

        Parameters
        ----------
        trace : Trace
            Of the same parameters.
        depth : int
            Number of the layer.
        weights : ndarray of shape (n_samples, n_out, ...)
            Derivatives with respect to its output nodes.
        """
        products, partials = self.layers[depth].products, trace.partials[depth]
        if products is None or partials is None:
            return weights
        return products.pull(partials, weights)

    def to_inputs(self, trace: Trace, depth: int, weights: FloatArray) -> FloatArray:
        """Turn derivatives with respect to a layer's subnodes into those of its inputs.

        Parameters
        ----------
        trace : Trace
            Of the same parameters.
        depth : int
            Number of the layer, not the first.
        weights : ndarray of shape (n_samples, n_subnodes, n_seeds)
            Derivatives with respect to its subnodes.
        """
        layer, x, slopes = self.layers[depth], trace.nodes[depth], trace.slopes[depth - 1]
        pulled = [layer.pull(x, slopes, weights[:, :, q]) for q in range(weights.shape[2])]
        return np.stack(pulled, axis=2)

    def gradient(self, trace: Trace, residual: FloatArray) -> FloatArray:
        """Return ``sum_n residual[n] . d out[n] / d parameters`` as one vector.

        Parameters
        ----------
        trace : Trace
            Of the same parameters.
        residual : ndarray of shape (n_samples, n_outputs)
            Derivative of the loss with respect to the outputs.
        """
        parts: list[FloatArray] = []
        tails: list[FloatArray] = []
        for depth in reversed(range(len(self.layers))):
            layer, symbols = self.layers[depth], trace.symbols[depth]
            residual = self.to_subnodes(trace, depth, residual)
            by_coef = (trace.features[depth].T @ residual).reshape(layer.coef.shape)
            parts.append(layer.restricted(by_coef).ravel())
            if symbols is not None:
                into = residual[:, layer.symbol_targets]
                tails.append(np.einsum("nsp,ns->sp", symbols, into).ravel())
            if depth:
                residual = layer.pull(trace.nodes[depth], trace.slopes[depth - 1], residual)
        return np.concatenate(parts[::-1] + tails[::-1])

    def tangent(self, trace: Trace, direction: FloatArray) -> FloatArray:
        """Return the derivative of the outputs along `direction`, shape (n_samples, n_outputs).

        Parameters
        ----------
        trace : Trace
            Of the same parameters.
        direction : ndarray of shape (n_parameters,)
            Change of the parameters.
        """
        change: FloatArray = np.zeros(0)
        tails = list(self.split_symbols(direction))
        for depth, part in enumerate(self.split(direction)):
            layer, symbols = self.layers[depth], trace.symbols[depth]
            own: FloatArray = trace.features[depth] @ layer.restricted(part).reshape(
                -1, layer.n_subnodes
            )
            if symbols is not None:
                by_edge = np.einsum("nsp,sp->sn", symbols, tails[depth])
                np.add.at(own.T, layer.symbol_targets, by_edge)
            if depth:
                own += layer.push(trace.nodes[depth], trace.slopes[depth - 1], change)
            partials = trace.partials[depth]
            if layer.products is not None and partials is not None:
                own = layer.products.push(partials, own)
            change = own
        return change

    def by_node(self, maps: Sequence[FloatArray], vector: FloatArray) -> FloatArray:
        """Apply one matrix per subnode to the coefficients of the edges that lead to it.

        Parameters
        ----------
        maps : sequence of ndarray of shape (n_subnodes, n_in * n_features, n_in * n_features)
            For every layer.
        vector : ndarray of shape (n_parameters,)
            Coefficients, and parameters of symbolic edges, which stay as they are.
        """
        parts = []
        for matrices, coef in zip(maps, self.split(vector), strict=True):
            columns = coef.reshape(-1, coef.shape[2]).T[:, :, None]
            parts.append((matrices @ columns)[:, :, 0].T.ravel())
        return np.concatenate([*parts, vector[self.n_coefficients :]])

    def jacobian(self, trace: Trace, seeds: FloatArray) -> FloatArray:
        """Return the derivatives of combinations of the outputs.

        Parameters
        ----------
        trace : Trace
            Of the same parameters.
        seeds : ndarray of shape (n_samples, n_outputs, n_seeds)
            Weights of the outputs in every combination.

        Returns
        -------
        jacobian : ndarray of shape (n_samples * n_seeds, n_parameters)
            Row ``n * n_seeds + q`` is ``sum_k seeds[n, k, q] d out_k[n] / d parameters``.
        """
        n_samples, _, n_seeds = seeds.shape
        jacobian = np.empty((n_samples, n_seeds, self.n_parameters), dtype=seeds.dtype)
        stop, last = self.n_coefficients, self.n_parameters
        for depth in reversed(range(len(self.layers))):
            layer, symbols = self.layers[depth], trace.symbols[depth]
            seeds = self.to_subnodes(trace, depth, seeds)
            start = stop - layer.coef.size
            block = jacobian[:, :, start:stop].reshape(
                n_samples, n_seeds, layer.n_in * layer.n_features, layer.n_subnodes
            )
            _outer(as_dense(trace.features[depth]), seeds, block)
            if not layer.all_splines:
                unused = np.broadcast_to(~layer.splined[:, None, :], layer.coef.shape)
                jacobian[:, :, start + np.flatnonzero(unused)] = 0.0
            if symbols is not None:
                first = last - N_PARAMETERS * len(layer.symbols)
                jacobian[:, :, first:last] = np.einsum(
                    "nsp,nsq->nqsp", symbols, seeds[:, layer.symbol_targets]
                ).reshape(n_samples, n_seeds, -1)
                last = first
            if depth:
                seeds = self.to_inputs(trace, depth, seeds)
            stop = start
        return jacobian.reshape(n_samples * n_seeds, -1)

    def with_symbol(self, depth: int, i: int, j: int, edge: SymbolicEdge) -> "Network":
        """Return the network with a symbolic edge in the place of another.

        Parameters
        ----------
        depth : int
            Number of the layer.
        i, j : int
            Input node and subnode of the edge, which becomes active if it is not.
        edge : SymbolicEdge
            New edge.
        """
        other = self.copy()
        layer = other.layers[depth]
        active = layer.active.copy()
        active[i, j] = True
        layer.set_edges(active, {**layer.symbols, (i, j): edge})
        return other

    def without_symbol(self, depth: int, i: int, j: int, sites: FloatArray) -> "Network":
        """Return the network with a spline in the place of a symbolic edge.

        Parameters
        ----------
        depth : int
            Number of the layer.
        i, j : int
            Input node and subnode of the edge.
        sites : ndarray of shape (n_sites,)
            Values of the input node where the spline is to agree with the edge, by least squares;
            those where the edge is not finite are left out.
        """
        other = self.copy()
        layer = other.layers[depth]
        values = layer.symbols[i, j].value(sites)
        usable = np.isfinite(values)
        sites, values = sites[usable], values[usable]
        grid = layer.grid.on(layer.grid.breakpoints[[i]])
        # What the sites leave open is filled by a straight line and not by zeros.
        line = np.linalg.pinv(np.vander(sites, 2)) @ values
        coef = np.polyval(line, grid.greville()[0])
        basis = grid.dense(sites[:, None])[:, 0]
        coef += np.linalg.pinv(basis) @ (values - np.polyval(line, sites))
        symbols = {key: edge for key, edge in layer.symbols.items() if key != (i, j)}
        layer.set_edges(layer.active, symbols)
        layer.coef[i, : grid.n_splines, j] = coef
        return other

    def masked(self, masks: Sequence[ArrayLike]) -> "Network":
        """Return the network with only some of its edges.

        Parameters
        ----------
        masks : sequence of array-like of bool of shape (n_in, n_subnodes)
            For every layer, the edges that stay; those that are inactive stay so.
        """
        other = self.copy()
        for layer, mask in zip(other.layers, masks, strict=True):
            layer.set_edges(layer.active & np.asarray(mask, dtype=bool), layer.symbols)
        return other

    def compacted(self) -> "Network":
        """Return the same function without the hidden nodes that do nothing.

        See :func:`skkan.network._compaction.compact`.
        """
        other = copy.copy(self)
        other.layers = compact(self.layers).layers
        return other


def _outer(features: FloatArray, seeds: FloatArray, out: FloatArray) -> None:
    """Set ``out[n, q, f, j] = features[n, f] * seeds[n, j, q]``."""
    if seeds.shape[1] > FEW_SUBNODES:
        np.einsum("nf,njq->nqfj", features, seeds, out=out)
        return
    # NumPy's innermost loops would be over the subnodes.
    for j in range(seeds.shape[1]):
        np.multiply(features[:, None, :], seeds[:, j, :, None], out=out[:, :, :, j])
