"""Data, network, loss and penalty as one function of the parameter vector."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsyrk

from skkan._data import TrainingData
from skkan._losses import Loss
from skkan._network import Network, Trace
from skkan._penalties import Penalty
from skkan._sparsity import Sparsity
from skkan._typing import FloatArray

BLOCK_BYTES = 2**25


class Objective:
    """Penalised mean loss ``sum_n w[n] l(f(x[n]), t[n]) + penalty``.

    Parameters
    ----------
    network : Network
        Architecture and grids; its coefficients are not used.
    data : TrainingData
        Scaled samples.
    loss : Loss
        Data fit.
    penalty : Penalty
        Regularisation, on the same grids; it is left out for edges that are no splines.
    first_features : ndarray, optional
        Features of the first layer at the inputs, if known; they depend on its grid alone.
    sparsity : Sparsity, optional
        Penalty on the magnitudes of the edges.
    """

    def __init__(
        self,
        network: Network,
        data: TrainingData,
        loss: Loss,
        penalty: Penalty,
        first_features: FloatArray | None = None,
        sparsity: Sparsity | None = None,
    ) -> None:
        self.network = network.copy()
        self.data = data
        self.loss = loss
        self.penalty = penalty.for_edges_of(network)
        if first_features is None:
            first_features = network.layers[0].features(data.inputs)
        self.first_features = first_features
        self.sparsity = sparsity
        self._latest: tuple[FloatArray, tuple[float, FloatArray, FloatArray]] | None = None

    def _blocks(self, bytes_per_row: int) -> list[slice]:
        rows = max(1, BLOCK_BYTES // bytes_per_row)
        n_samples = len(self.data.inputs)
        return [slice(start, start + rows) for start in range(0, n_samples, rows)]

    def _trace(self, part: slice) -> Trace:
        return self.network.trace(self.data.inputs[part], self.first_features[part])

    def _penalties(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        """Return what is added to the loss, and its gradient."""
        value, gradient = self.penalty.value_and_gradient(self.network, parameters)
        if self.sparsity is not None:
            own, slope = self.sparsity.value_and_gradient(self.network, parameters)
            value, gradient = value + own, gradient + slope
        return value, gradient

    def add_penalty_hessian(self, parameters: FloatArray, matrix: FloatArray) -> None:
        """Add the curvature of the penalties to `matrix`, in place."""
        self.penalty.add_hessian(self.network, matrix)
        if self.sparsity is not None:
            rates = self.sparsity.rates(self.network, parameters)
            self.sparsity.add_hessian(self.network, rates, matrix)

    def penalty_blocks(self, parameters: FloatArray) -> list[FloatArray]:
        """Return the blocks of that curvature that belong to one subnode.

        As in :meth:`node_curvatures`.
        """
        blocks = self.penalty.node_blocks()
        if self.sparsity is not None:
            own = self.sparsity.node_blocks(self.sparsity.rates(self.network, parameters))
            blocks = [block + more for block, more in zip(blocks, own, strict=True)]
        return blocks

    def data_value(self, parameters: FloatArray) -> float:
        """Return the mean loss alone."""
        self.network.set_parameters(parameters)
        out = self.network.outputs(self.data.inputs, self.first_features)
        return self.loss.value(out, self.data.target, self.data.weight)

    def value(self, parameters: FloatArray) -> float:
        """Return the objective."""
        # A symbolic edge may be undefined or have a pole, and solvers refuse what is not finite.
        with np.errstate(all="ignore"):
            penalty = self._penalties(parameters)[0]
            return self.data_value(parameters) + penalty

    def value_and_gradient(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        """Return the objective and its gradient."""
        self.network.set_parameters(parameters)
        return self._value_and_gradient_at(self._trace(slice(None)), parameters)

    def _value_and_gradient_at(
        self, trace: Trace, parameters: FloatArray
    ) -> tuple[float, FloatArray]:
        network, data, out = self.network, self.data, trace.nodes[-1]
        value, gradient = self._penalties(parameters)
        value += self.loss.value(out, data.target, data.weight)
        residual = self.loss.gradient(out, data.target, data.weight)
        return value, gradient + network.gradient(trace, residual)

    def normal_equations(self, parameters: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return objective, gradient and the Gauss-Newton matrix of the *loss* alone.

        The Jacobian is built and used up in row blocks; it is never held as a whole. Of the matrix
        only the lower triangle is filled. The latest result is kept, because the smoothing asks
        for what the solver has computed last.
        """
        if self._latest is not None and np.array_equal(self._latest[0], parameters):
            return self._latest[1]
        self.network.set_parameters(parameters)
        value, gradient, matrix = self._loss_equations()
        own, slope = self._penalties(parameters)
        self._latest = parameters.copy(), (value + own, gradient + slope, matrix)
        return self._latest[1]

    def _loss_equations(
        self, free: NDArray[np.bool_] | None = None
    ) -> tuple[float, FloatArray, FloatArray]:
        """Return loss, gradient and Gauss-Newton matrix at the network's present parameters.

        Parameters
        ----------
        free : ndarray of bool of shape (n_parameters,), optional
            Parameters by which to differentiate, by default all.
        """
        network, data = self.network, self.data
        n_parameters = network.n_parameters
        chosen = slice(None) if free is None else free
        n_free = n_parameters if free is None else int(free.sum())
        value, gradient = 0.0, np.zeros(n_free)
        matrix = np.zeros((n_free, n_free), order="F")
        for part in self._blocks(8 * n_parameters * data.target.shape[1]):
            trace = self._trace(part)
            out, target, weight = trace.nodes[-1], data.target[part], data.weight[part]
            value += self.loss.value(out, target, weight)
            gradient += network.gradient(trace, self.loss.gradient(out, target, weight))[chosen]
            jacobian = network.jacobian(trace, self.loss.curvature_factor(out, weight))[:, chosen]
            matrix = dsyrk(1.0, jacobian.T, beta=1.0, c=matrix, overwrite_c=True, lower=True)
        return value, gradient, matrix

    def gauss_newton(
        self, parameters: FloatArray
    ) -> tuple[float, FloatArray, Callable[[FloatArray], FloatArray]]:
        """Return objective, gradient and the product of its Gauss-Newton matrix with a vector."""
        network = self.network
        network.set_parameters(parameters)
        trace = self._trace(slice(None))
        value, gradient = self._value_and_gradient_at(trace, parameters)
        factor = self.loss.curvature_factor(trace.nodes[-1], self.data.weight)
        sparsity = self.sparsity
        rates = [] if sparsity is None else sparsity.rates(network, parameters)

        def product(vector: FloatArray) -> FloatArray:
            change = network.tangent(trace, vector)[:, None, :] @ factor
            weighted = (change @ factor.transpose(0, 2, 1))[:, 0, :]
            # The penalty is quadratic, so that its gradient at a vector is its matrix times it.
            own = self.penalty.value_and_gradient(network, vector)[1]
            if sparsity is not None:
                own += sparsity.product(network, rates, vector)
            return network.gradient(trace, weighted) + own

        return value, gradient, product

    def node_curvatures(self, parameters: FloatArray) -> list[FloatArray]:
        """Return the blocks of the Gauss-Newton matrix of the loss that belong to one subnode.

        Couplings of edges that lead to different subnodes are left out, which costs a fraction of
        the whole matrix.

        Returns
        -------
        blocks : list of ndarray of shape (n_subnodes, n_in * n_features, n_in * n_features)
            For every layer, the matrices over the coefficients of all edges into each subnode.
        """
        return self.curvatures(parameters)[0]

    def curvatures(self, parameters: FloatArray) -> tuple[list[FloatArray], FloatArray]:
        """Return :meth:`node_curvatures` and the diagonal that belongs to the symbolic edges.

        Returns
        -------
        blocks : list of ndarray of shape (n_subnodes, n_in * n_features, n_in * n_features)
            For every layer.
        diagonal : ndarray of shape (n_parameters - n_coefficients,)
            Diagonal of the Gauss-Newton matrix over the parameters of symbolic edges.
        """
        network, data = self.network, self.data
        network.set_parameters(parameters)
        widths = [layer.n_in * layer.n_features for layer in network.layers]
        blocks: list[FloatArray] = [
            np.zeros((layer.n_subnodes, width, width))
            for layer, width in zip(network.layers, widths, strict=True)
        ]
        tails = [np.zeros(layer.symbol_parameters.shape) for layer in network.layers]
        for part in self._blocks(16 * sum(widths)):
            trace = self._trace(part)
            factor = self.loss.curvature_factor(trace.nodes[-1], data.weight[part])
            for depth in reversed(range(len(blocks))):
                layer, symbols = network.layers[depth], trace.symbols[depth]
                factor = network.to_subnodes(trace, depth, factor)
                squares = (factor**2).sum(axis=2)
                roots = np.sqrt(squares)
                for node in range(blocks[depth].shape[0]):
                    scaled = trace.features[depth] * roots[:, node, None]
                    blocks[depth][node] += scaled.T @ scaled
                if symbols is not None:
                    by_edge = squares[:, layer.symbol_targets]
                    tails[depth] += np.einsum("nsp,ns->sp", symbols**2, by_edge)
                if depth:
                    factor = trace.slopes[depth - 1] @ factor
        for layer, block in zip(network.layers, blocks, strict=True):
            if not layer.all_splines:
                unused = np.repeat(~layer.splined, layer.n_features, axis=0).T
                block[unused] = 0.0
                block.transpose(0, 2, 1)[unused] = 0.0
        return blocks, np.concatenate([tail.ravel() for tail in tails])
