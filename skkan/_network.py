"""The layers in a row: forward pass, Jacobian, and one flat parameter vector."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from skkan._data import Scaling
from skkan._layer import Layer
from skkan._splines import SplineGrid
from skkan._typing import FloatArray

ROWS_PER_BLOCK = 4096


@dataclass
class Trace:
    """What a forward pass leaves for the backward pass.

    Attributes
    ----------
    nodes : list of ndarray
        Inputs of every layer, then the outputs of the last.
    features : list of ndarray
        Feature matrix of every layer.
    slopes : list of ndarray
        ``d out_j / d x_i`` of every layer from the second on.
    """

    nodes: list[FloatArray] = field(default_factory=list)
    features: list[FloatArray] = field(default_factory=list)
    slopes: list[FloatArray] = field(default_factory=list)


class Network:
    """A Kolmogorov-Arnold network.

    Parameters
    ----------
    layers : sequence of Layer
        First to last; the outputs of one are the inputs of the next.
    scaling : Scaling
        Maps the data to the inputs of the first layer, and the outputs of the last to the data.

    References
    ----------
    Z. Liu et al., "KAN: Kolmogorov-Arnold Networks", arXiv:2404.19756.
    """

    def __init__(self, layers: Sequence[Layer], scaling: Scaling) -> None:
        self.layers = list(layers)
        self.scaling = scaling

    @property
    def shape(self) -> tuple[int, ...]:
        """Numbers of nodes from the inputs to the outputs."""
        return (*(layer.n_in for layer in self.layers), self.layers[-1].n_out)

    @property
    def grid_size(self) -> int:
        """Number of grid intervals."""
        return self.layers[0].grid.grid_size

    @property
    def n_parameters(self) -> int:
        """Number of coefficients."""
        return sum(layer.coef.size for layer in self.layers)

    def copy(self) -> "Network":
        """Return an independent copy (grids are never changed in place and are shared)."""
        clone = copy.copy(self)
        clone.layers = [Layer(layer.grid, layer.coef.copy(), layer.base) for layer in self.layers]
        return clone

    def split(self, parameters: FloatArray) -> Iterator[FloatArray]:
        """Cut a flat vector into arrays of the shapes of the layers' coefficients."""
        start = 0
        for layer in self.layers:
            stop = start + layer.coef.size
            yield parameters[start:stop].reshape(layer.coef.shape)
            start = stop

    def get_parameters(self) -> FloatArray:
        """Return all coefficients as one vector."""
        return np.concatenate([layer.coef.ravel() for layer in self.layers])

    def set_parameters(self, parameters: FloatArray) -> None:
        """Set all coefficients from one vector."""
        for layer, coef in zip(self.layers, self.split(parameters), strict=True):
            layer.coef = coef.copy()

    def __call__(self, X: FloatArray) -> FloatArray:
        """Evaluate the network in row blocks, shape (n_samples, n_outputs)."""
        scaling = self.scaling
        blocks = [
            self.outputs(scaling.inputs(X[start : start + ROWS_PER_BLOCK]))
            for start in range(0, len(X), ROWS_PER_BLOCK)
        ]
        return scaling.output_shift + scaling.output_scale * np.concatenate(blocks)

    def outputs(self, inputs: FloatArray) -> FloatArray:
        """Return the outputs of the last layer for scaled inputs."""
        out = inputs
        for layer in self.layers:
            out = layer.outputs(layer.features(out))
        return out

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
        first.grid = SplineGrid(ends, first.grid.degree)
        unit = np.where(scaling.output_scale > 0.0, scaling.output_scale, 1.0)
        last.coef *= old.output_scale / unit
        splines = last.coef[:, : last.grid.n_splines]
        splines += (old.output_shift - scaling.output_shift) / unit / last.n_in
        return other

    def with_inputs(self, order: NDArray[np.intp]) -> "Network":
        """Return the network whose input ``i`` is input ``order[i]`` of this one."""
        other = self.copy()
        first, old = other.layers[0], self.scaling
        first.grid = SplineGrid(first.grid.breakpoints[order], first.grid.degree)
        first.coef = first.coef[order]
        other.scaling = replace(
            old, input_shift=old.input_shift[order], input_scale=old.input_scale[order]
        )
        return other

    def trace(self, inputs: FloatArray, first_features: FloatArray | None = None) -> Trace:
        """Run forward on scaled inputs and keep what the backward pass needs.

        Parameters
        ----------
        inputs : ndarray of shape (n_samples, n_inputs)
            Scaled inputs.
        first_features : ndarray, optional
            Features of the first layer at `inputs`, if known.
        """
        trace = Trace(nodes=[inputs])
        for depth, layer in enumerate(self.layers):
            if depth == 0:
                features = layer.features(inputs) if first_features is None else first_features
            else:
                features, slopes = layer.features_and_slopes(trace.nodes[-1])
                trace.slopes.append(layer.edge_slopes(slopes))
            trace.features.append(features)
            trace.nodes.append(layer.outputs(features))
        return trace

    def gradient(self, trace: Trace, residual: FloatArray) -> FloatArray:
        """Return ``sum_n residual[n] . d out[n] / d parameters`` as one vector.

        Parameters
        ----------
        trace : Trace
            Of the same parameters.
        residual : ndarray of shape (n_samples, n_outputs)
            Derivative of the loss with respect to the outputs.
        """
        parts = []
        for depth in reversed(range(len(self.layers))):
            parts.append((trace.features[depth].T @ residual).ravel())
            if depth:
                residual = (trace.slopes[depth - 1] @ residual[:, :, None])[:, :, 0]
        return np.concatenate(parts[::-1])

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
        for depth, part in enumerate(self.split(direction)):
            own = trace.features[depth] @ part.reshape(-1, part.shape[2])
            if depth:
                own += (change[:, None, :] @ trace.slopes[depth - 1])[:, 0, :]
            change = own
        return change

    def by_node(self, maps: Sequence[FloatArray], vector: FloatArray) -> FloatArray:
        """Apply one matrix per node to the coefficients of the edges that lead to it.

        Parameters
        ----------
        maps : sequence of ndarray of shape (n_out, n_in * n_features, n_in * n_features)
            For every layer.
        vector : ndarray of shape (n_parameters,)
            Coefficients.
        """
        parts = []
        for matrices, coef in zip(maps, self.split(vector), strict=True):
            columns = coef.reshape(-1, coef.shape[2]).T[:, :, None]
            parts.append((matrices @ columns)[:, :, 0].T.ravel())
        return np.concatenate(parts)

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
        jacobian = np.empty((n_samples, n_seeds, self.n_parameters))
        stop = self.n_parameters
        for depth in reversed(range(len(self.layers))):
            layer = self.layers[depth]
            start = stop - layer.coef.size
            block = jacobian[:, :, start:stop].reshape(
                n_samples, n_seeds, layer.n_in * layer.n_features, layer.n_out
            )
            np.multiply(
                trace.features[depth][:, None, :, None],
                seeds.transpose(0, 2, 1)[:, :, None, :],
                out=block,
            )
            if depth:
                seeds = trace.slopes[depth - 1] @ seeds
            stop = start
        return jacobian.reshape(n_samples * n_seeds, -1)
