"""Data, network, loss and penalty as one function of the parameter vector."""

import numpy as np
from numpy.typing import NDArray

from skkan._losses import Loss
from skkan._network import Network
from skkan._penalties import Penalty

FloatArray = NDArray[np.float64]

BLOCK_BYTES = 2**25


class Objective:
    """Penalised mean loss ``sum_n w[n] l(f(x[n]), t[n]) + penalty``.

    Parameters
    ----------
    network : Network
        Architecture and grids; its coefficients are not used.
    inputs : ndarray of shape (n_samples, n_inputs)
        Scaled inputs.
    target : ndarray of shape (n_samples, n_outputs)
        Scaled targets, or class memberships.
    weight : ndarray of shape (n_samples,)
        Weights of the samples; they sum to 1.
    loss : Loss
        Data fit.
    penalty : Penalty
        Regularisation, on the same grids.
    """

    def __init__(
        self,
        network: Network,
        inputs: FloatArray,
        target: FloatArray,
        weight: FloatArray,
        loss: Loss,
        penalty: Penalty,
    ) -> None:
        self.network = network.copy()
        self.inputs = inputs
        self.target = target
        self.weight = weight
        self.loss = loss
        self.penalty = penalty
        self._features = network.layers[0].features(inputs)

    def data_value(self, parameters: FloatArray) -> float:
        """Return the mean loss alone."""
        network = self.network
        network.set_parameters(parameters)
        out = network.layers[0].outputs(self._features)
        for layer in network.layers[1:]:
            out = layer.outputs(layer.features(out))
        return self.loss.value(out, self.target, self.weight)

    def value(self, parameters: FloatArray) -> float:
        """Return the objective."""
        with np.errstate(over="ignore", invalid="ignore"):
            penalty = self.penalty.value_and_gradient(self.network, parameters)[0]
            return self.data_value(parameters) + penalty

    def value_and_gradient(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        """Return the objective and its gradient."""
        network = self.network
        network.set_parameters(parameters)
        trace = network.trace(self.inputs, self._features)
        out = trace.nodes[-1]
        value, gradient = self.penalty.value_and_gradient(network, parameters)
        value += self.loss.value(out, self.target, self.weight)
        residual = self.loss.gradient(out, self.target, self.weight)
        return value, gradient + network.gradient(trace, residual)

    def normal_equations(self, parameters: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return objective, gradient and the Gauss-Newton matrix of the *loss* alone.

        The Jacobian is built and used up in row blocks; it is never held as a whole.
        """
        network = self.network
        network.set_parameters(parameters)
        n_parameters = network.n_parameters
        value, gradient = self.penalty.value_and_gradient(network, parameters)
        matrix = np.zeros((n_parameters, n_parameters))
        rows = max(1, BLOCK_BYTES // (8 * n_parameters * self.target.shape[1]))
        for start in range(0, len(self.inputs), rows):
            part = slice(start, start + rows)
            trace = network.trace(self.inputs[part], self._features[part])
            out, target, weight = trace.nodes[-1], self.target[part], self.weight[part]
            value += self.loss.value(out, target, weight)
            gradient += network.gradient(trace, self.loss.gradient(out, target, weight))
            jacobian = network.jacobian(trace, self.loss.curvature_factor(out, weight))
            matrix += jacobian.T @ jacobian
        return value, gradient, matrix

    def hidden_nodes(self, parameters: FloatArray) -> list[FloatArray]:
        """Return the inputs of the second and all later layers on the data."""
        self.network.set_parameters(parameters)
        return self.network.trace(self.inputs, self._features).nodes[1:-1]
