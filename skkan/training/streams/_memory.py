"""What is remembered of samples that have gone, and their objective with those that are there."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.data._samples import TrainingData
from skkan.network._network import Network
from skkan.objective._objective import Objective
from skkan.objective._penalties import Penalty
from skkan.objective.losses._loss import Loss
from skkan.training.evidence._smoothing import node_views


@dataclass(frozen=True)
class Memory:
    """The summed loss of all samples so far as a quadratic function of the parameters.

    Attributes
    ----------
    anchor : ndarray of shape (n_parameters,)
        Where value, gradient and matrix have been taken.
    value : float
        Loss there.
    gradient : ndarray of shape (n_parameters,)
        Its gradient.
    matrix : ndarray of shape (n_parameters, n_parameters)
        Its Gauss-Newton matrix.
    total : float
        Sum of the weights of the samples.
    """

    anchor: FloatArray
    value: float
    gradient: FloatArray
    matrix: FloatArray
    total: float

    def at(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        """Return the loss and its gradient."""
        move = parameters - self.anchor
        change = self.matrix @ move
        value = self.value + float(move @ (self.gradient + 0.5 * change))
        return value, self.gradient + change

    @classmethod
    def of_nothing(cls, network: Network) -> "Memory":
        """Return the memory of no samples."""
        anchor = network.get_parameters()
        matrix = np.zeros((len(anchor), len(anchor)))
        return cls(anchor, 0.0, np.zeros_like(anchor), matrix, 0.0)

    def held(self, parameters: FloatArray, precision: FloatArray) -> "Memory":
        """Return the same with a Gaussian around `parameters` besides.

        Parameters
        ----------
        parameters : ndarray of shape (n_parameters,)
            Its mean.
        precision : ndarray of shape (n_parameters,)
            Diagonal of its precision, in units of the loss.
        """
        move = self.anchor - parameters
        return replace(
            self,
            value=self.value + 0.5 * float(precision @ move**2),
            gradient=self.gradient + precision * move,
            matrix=self.matrix + np.diag(precision),
        )

    def spread(self, network: Network, places: NDArray[np.intp]) -> "Memory":
        """Return the memory for a network with more parameters, of which it says nothing.

        Parameters
        ----------
        network : Network
            Gives the new parameters.
        places : ndarray of int of shape (n_parameters,)
            Where the old ones are among them.
        """
        n_parameters = network.n_parameters
        anchor, gradient = np.zeros(n_parameters), np.zeros(n_parameters)
        matrix = np.zeros((n_parameters, n_parameters))
        anchor[places], gradient[places] = self.anchor, self.gradient
        matrix[np.ix_(places, places)] = self.matrix
        return replace(self, anchor=anchor, gradient=gradient, matrix=matrix)


class StreamObjective(Objective):
    """Penalised mean loss of a batch and of all samples before it.

    Parameters
    ----------
    network : Network
        Architecture and grids.
    batch : TrainingData
        Scaled samples, with the weights of a batch by itself.
    loss : Loss
        Data fit.
    penalty : Penalty
        Regularisation.
    memory : Memory, optional
        Of the samples before, for the same parameters.
    ground : float, default=0.0
        Part of the summed loss that no parameters change.
    """

    def __init__(
        self,
        network: Network,
        batch: TrainingData,
        loss: Loss,
        penalty: Penalty,
        memory: Memory | None = None,
        ground: float = 0.0,
    ) -> None:
        total = batch.total + (0.0 if memory is None else memory.total)
        weight = batch.weight * (batch.total / total)
        super().__init__(network, replace(batch, weight=weight, total=total), loss, penalty)
        self._memory = memory
        self._ground = ground

    def data_value(self, parameters: FloatArray) -> float:
        """Return the mean loss of all samples."""
        value = super().data_value(parameters) + self._ground / self.data.total
        if self._memory is not None:
            value += self._memory.at(parameters)[0] / self.data.total
        return value

    def _with_memory(
        self, parameters: FloatArray, value: float, gradient: FloatArray
    ) -> tuple[float, FloatArray]:
        """Add the loss of the samples before, and its gradient."""
        total = self.data.total
        value += self._ground / total
        if self._memory is None:
            return value, gradient
        own, slope = self._memory.at(parameters)
        return value + own / total, gradient + slope / total

    def value_and_gradient(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        """Return objective and gradient for all samples."""
        return self._with_memory(parameters, *super().value_and_gradient(parameters))

    def normal_equations(self, parameters: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return objective, gradient and the Gauss-Newton matrix of the loss of all samples."""
        value, gradient, matrix = super().normal_equations(parameters)
        if self._memory is not None:
            matrix = matrix + self._memory.matrix / self.data.total
        return *self._with_memory(parameters, value, gradient), matrix

    def gauss_newton(
        self, parameters: FloatArray
    ) -> tuple[float, FloatArray, Callable[[FloatArray], FloatArray]]:
        """Return objective, gradient and the product with the matrix, for all samples."""
        value, gradient, of_batch = super().gauss_newton(parameters)

        def product(vector: FloatArray) -> FloatArray:
            found = of_batch(vector)
            if self._memory is not None:
                found = found + self._memory.matrix @ vector / self.data.total
            return found

        return value, gradient, product

    def curvatures(self, parameters: FloatArray) -> tuple[list[FloatArray], FloatArray]:
        """Return the blocks of the Gauss-Newton matrix of the loss of all samples."""
        blocks, tail = super().curvatures(parameters)
        if self._memory is None:
            return blocks, tail
        matrix = self._memory.matrix / self.data.total
        before = node_views(self.network, matrix)
        blocks = [block + own for block, own in zip(blocks, before, strict=True)]
        return blocks, tail + matrix.diagonal()[self.network.n_coefficients :]

    def residual_variances(self, parameters: FloatArray) -> FloatArray:
        """Return those of the batch, as large together as those of all samples.

        The memory does not tell outputs apart.
        """
        variances = super().residual_variances(parameters)
        batch = super().data_value(parameters)
        return variances * (self.data_value(parameters) / batch) if batch > 0.0 else variances

    def memory(self, parameters: FloatArray) -> Memory:
        """Return what is to be kept of all samples, taken at `parameters`."""
        value, gradient, lower = self.normal_equations(parameters)
        penalty, slope = self.penalty.value_and_gradient(self.network, parameters)
        total = self.data.total
        matrix = np.tril(lower) + np.tril(lower, -1).T
        return Memory(
            parameters.copy(),
            total * (value - penalty),
            total * (gradient - slope),
            total * matrix,
            total,
        )
