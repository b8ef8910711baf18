"""The layers in a row: forward pass, Jacobian, and one flat parameter vector."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from skkan._layer import Layer

FloatArray = NDArray[np.float64]


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
    input_shift, input_scale : ndarray of shape (n_inputs,)
        Inputs enter the first layer as ``(x - input_shift) / input_scale``.
    output_shift, output_scale : ndarray of shape (n_outputs,)
        Outputs leave the last layer as ``output_shift + output_scale * out``.

    References
    ----------
    Z. Liu et al., "KAN: Kolmogorov-Arnold Networks", arXiv:2404.19756.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        input_shift: FloatArray,
        input_scale: FloatArray,
        output_shift: FloatArray,
        output_scale: FloatArray,
    ) -> None:
        self.layers = list(layers)
        self.input_shift = input_shift
        self.input_scale = input_scale
        self.output_shift = output_shift
        self.output_scale = output_scale

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

    def scale_inputs(self, X: FloatArray) -> FloatArray:
        """Return the inputs of the first layer for data `X`."""
        return (X - self.input_shift) / self.input_scale

    def __call__(self, X: FloatArray) -> FloatArray:
        """Evaluate the network, shape (n_samples, n_outputs)."""
        out = self.scale_inputs(X)
        for layer in self.layers:
            out = layer.outputs(layer.features(out))
        return self.output_shift + self.output_scale * out

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
                known = first_features is not None
                features = first_features if known else layer.features(inputs)
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
