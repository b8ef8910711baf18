"""Functions of a block of samples, whose sums are the loss, its gradient and its curvature.

Each holds a network with its parameters and a loss, and no data; see :mod:`skkan.data._blocks`.
What it does with the samples, it does in the precision of its network; errors and losses are in
double.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.data._blocks import Block
from skkan.network._features import as_dense
from skkan.network._layer import Layer
from skkan.network._network import Network, Trace
from skkan.objective.losses._loss import Loss


@dataclass(frozen=True)
class NodeValues:
    """The inputs and the output nodes of layers in a row.

    Parameters
    ----------
    layers : sequence of Layer
        First to last.
    """

    layers: Sequence[Layer]

    @property
    def row_bytes(self) -> int:
        """Memory for a sample: features of all layers."""
        return 8 + sum(layer.row_bytes for layer in self.layers)

    def __call__(self, block: Block) -> FloatArray:
        """Return an array of shape (n_samples, n_inputs + number of nodes)."""
        values = [block.inputs]
        for layer in self.layers:
            values.append(layer.outputs(values[-1]))
        return np.concatenate(values, axis=1)


@dataclass(frozen=True)
class OutputMoment:
    """The mean over samples and outputs of a power of their difference from a number.

    Parameters
    ----------
    network : Network
        With its parameters.
    centre : float, default=0.0
        The number.
    power : int, default=1
        The power.
    """

    network: Network
    centre: float = 0.0
    power: int = 1

    @property
    def row_bytes(self) -> int:
        """Memory for a sample: features of all layers."""
        return sum(layer.row_bytes for layer in self.network.layers)

    def __call__(self, block: Block) -> tuple[float]:
        """Return the part of a block."""
        out = self.network.outputs(block.inputs, block.features)
        return (float(block.weight @ ((out - self.centre) ** self.power).mean(axis=1)),)


@dataclass(frozen=True)
class LossFunction:
    """A loss of the outputs of a network.

    Parameters
    ----------
    network : Network
        With its parameters.
    loss : Loss
        Data fit.
    """

    network: Network
    loss: Loss

    @property
    def row_bytes(self) -> int:
        """Memory for a sample: features of all layers, and as much again on the way back."""
        return sum(layer.row_bytes for layer in self.network.layers)

    def trace(self, block: Block) -> Trace:
        """Run forward on a block."""
        return self.network.trace(self.inputs(block), block.features)

    def inputs(self, block: Block) -> FloatArray:
        """Return the inputs in the precision of the network."""
        return block.inputs.astype(self.network.layers[0].dtype, copy=False)

    def curvature_factor(self, trace: Trace, block: Block) -> FloatArray:
        """Return the factor of the loss's curvature at the outputs of a trace."""
        out = trace.nodes[-1]
        factor = self.loss.curvature_factor(out, block.target, block.weight)
        return factor.astype(out.dtype, copy=False)

    def tangent(self, trace: Trace, change: FloatArray) -> FloatArray:
        """Return what a change of the parameters does to the outputs of a trace, linearised."""
        return self.network.tangent(trace, change.astype(trace.nodes[-1].dtype, copy=False))

    def pulled_back(self, trace: Trace, block: Block, change: FloatArray) -> FloatArray:
        """Return a change of the outputs on the parameters, weighed by the loss's curvature."""
        factor = self.curvature_factor(trace, block)
        weighted = ((change[:, None, :] @ factor) @ factor.transpose(0, 2, 1))[:, 0, :]
        return self.network.gradient(trace, weighted)

    def gradient_at(self, trace: Trace, block: Block) -> tuple[float, FloatArray]:
        """Return loss and gradient of a block, given its trace."""
        out = trace.nodes[-1]
        value = self.loss.value(out, block.target, block.weight)
        residual = self.loss.gradient(out, block.target, block.weight)
        return value, self.network.gradient(trace, residual.astype(out.dtype, copy=False))


class Value(LossFunction):
    """The loss."""

    def __call__(self, block: Block) -> tuple[float]:
        """Return the loss of a block."""
        out = self.network.outputs(self.inputs(block), block.features)
        return (self.loss.value(out, block.target, block.weight),)


class SquaredResiduals(LossFunction):
    """The mean squared residual of every output."""

    def __call__(self, block: Block) -> tuple[FloatArray]:
        """Return the part of a block, shape (n_outputs,)."""
        out = self.network.outputs(self.inputs(block), block.features)
        return (block.weight @ (out - block.target) ** 2,)


class ValueAndGradient(LossFunction):
    """The loss and its gradient."""

    def __call__(self, block: Block) -> tuple[float, FloatArray]:
        """Return loss and gradient of a block."""
        return self.gradient_at(self.trace(block), block)


@dataclass(frozen=True)
class NormalEquations(LossFunction):
    """The loss, its gradient and its Gauss-Newton matrix.

    Parameters
    ----------
    free : ndarray of bool of shape (n_parameters,) or None
        Parameters by which to differentiate, by default all.
    """

    free: NDArray[np.bool_] | None = None

    @property
    def row_bytes(self) -> int:
        """Memory for a sample: its rows of the Jacobian."""
        return 8 * self.network.n_parameters * self.network.shape[-1]

    @property
    def least_rows(self) -> int:
        """Samples below which adding up matrices takes longer than making them."""
        return self.network.n_parameters // self.network.shape[-1]

    def __call__(self, block: Block) -> tuple[float, FloatArray, FloatArray]:
        """Return loss, gradient and matrix of a block."""
        trace = self.trace(block)
        value, gradient = self.gradient_at(trace, block)
        factor = self.curvature_factor(trace, block)
        jacobian = self.network.jacobian(trace, factor)
        if self.free is not None:
            gradient, jacobian = gradient[self.free], jacobian[:, self.free]
        # NumPy sees that this is symmetric, takes half the time, and lets other threads run.
        return value, gradient, jacobian.T @ jacobian


@dataclass(frozen=True)
class GaussNewtonProduct(LossFunction):
    """The product of the Gauss-Newton matrix with a vector.

    Parameters
    ----------
    vector : ndarray of shape (n_parameters,)
        The vector.
    """

    vector: FloatArray

    def __call__(self, block: Block) -> tuple[FloatArray]:
        """Return the part of a block."""
        trace = self.trace(block)
        return (self.pulled_back(trace, block, self.tangent(trace, self.vector)),)


@dataclass(frozen=True)
class SecondDifference(LossFunction):
    """What the outputs do beyond their tangent, pulled back to the parameters as a gradient is.

    Parameters
    ----------
    changed : Network
        The network with other parameters.
    change : ndarray of shape (n_parameters,)
        Their difference.
    """

    changed: Network
    change: FloatArray

    def __call__(self, block: Block) -> tuple[FloatArray]:
        """Return the part of a block."""
        trace = self.trace(block)
        bend = self.changed.outputs(self.inputs(block), block.features)
        bend -= trace.nodes[-1]
        bend -= self.tangent(trace, self.change)
        return (self.pulled_back(trace, block, bend),)


class NodeCurvatures(LossFunction):
    """The blocks of the Gauss-Newton matrix that belong to one subnode.

    Called with a block of samples, it returns for every layer an array of shape (n_subnodes,
    n_in * n_features, n_in * n_features), and then for every layer the diagonal of its symbolic
    edges, of shape (n_symbols, 4).
    """

    @property
    def row_bytes(self) -> int:
        """Memory for a sample: features of all layers, zeros included."""
        return 16 * sum(layer.n_in * layer.n_features for layer in self.network.layers)

    @property
    def least_rows(self) -> int:
        """Samples below which adding up matrices takes longer than making them."""
        return max(layer.n_in * layer.n_features for layer in self.network.layers)

    def __call__(self, block: Block) -> tuple[FloatArray, ...]:
        """Return the part of a block of samples."""
        network, trace = self.network, self.trace(block)
        matrices: list[FloatArray] = []
        tails: list[FloatArray] = []
        factor = self.curvature_factor(trace, block)
        for depth in reversed(range(len(network.layers))):
            layer, features = network.layers[depth], as_dense(trace.features[depth])
            symbols = trace.symbols[depth]
            factor = network.to_subnodes(trace, depth, factor)
            squares = (factor**2).sum(axis=2)
            width = features.shape[1]
            own = np.empty((layer.n_subnodes, width, width), dtype=features.dtype)
            for node, roots in enumerate(np.sqrt(squares).T):
                scaled = features * roots[:, None]
                np.matmul(scaled.T, scaled, out=own[node])
            matrices.append(own)
            tail = np.zeros(layer.symbol_parameters.shape)
            if symbols is not None:
                by_edge = squares[:, layer.symbol_targets]
                tail = np.einsum("nsp,ns->sp", symbols**2, by_edge)
            tails.append(tail)
            if depth:
                factor = network.to_inputs(trace, depth, factor)
        return *matrices[::-1], *tails[::-1]
