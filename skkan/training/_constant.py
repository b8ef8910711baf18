"""The best constant: what no fit may be worse than."""

from dataclasses import dataclass, replace

import numpy as np

from skkan._typing import FloatArray
from skkan.data._blocks import Block, Samples
from skkan.network._network import Network
from skkan.objective._penalties import Penalty
from skkan.objective.losses._loss import Loss
from skkan.training._problem import Problem
from skkan.training._settings import State, TrainingResult

MAX_STEPS, MAX_HALVINGS = 50, 40
# Of the loss, relatively.
TOL = 1e-12


@dataclass(frozen=True)
class ConstantLoss:
    """Function of a block: loss, gradient and curvature of outputs that are the same everywhere.

    Parameters
    ----------
    loss : Loss
        Data fit.
    outputs : ndarray of shape (n_outputs,)
        The outputs.
    """

    loss: Loss
    outputs: FloatArray

    def __call__(self, block: Block) -> tuple[float, FloatArray, FloatArray]:
        """Return the part of a block, of shapes (), (n_outputs,) and (n_outputs, n_outputs)."""
        out = np.broadcast_to(self.outputs, block.target.shape)
        factor = self.loss.curvature_factor(out, block.target, block.weight)
        return (
            self.loss.value(out, block.target, block.weight),
            self.loss.gradient(out, block.target, block.weight).sum(axis=0),
            np.einsum("nip,njp->ij", factor, factor),
        )


def best_constant(data: Samples, loss: Loss, n_jobs: int | None = None) -> tuple[FloatArray, float]:
    """Return the outputs that are best if they have to be the same everywhere, and their loss.

    Found by Newton's method, which takes one step where the loss is a square.

    Parameters
    ----------
    data : Samples
        Scaled samples.
    loss : Loss
        Data fit.
    n_jobs : int, optional
        Number of threads.

    Returns
    -------
    outputs : ndarray of shape (n_outputs,)
        The outputs.
    value : float
        Their loss.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.data._samples import TrainingData
    >>> from skkan.objective.losses._binary_log import BinaryLogLoss
    >>> from skkan.training._constant import best_constant
    >>> labels = np.array([[0.0], [1.0], [1.0], [1.0]])
    >>> data = TrainingData(np.zeros((4, 1)), labels, np.full(4, 0.25), 4.0)
    >>> outputs, _ = best_constant(data, BinaryLogLoss())
    >>> bool(np.isclose(outputs[0], np.log(3.0)))
    True
    """
    rows, row_bytes = data.rows(n_jobs=n_jobs), 48 * data.n_outputs**2

    def at(outputs: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        value, gradient, matrix = rows.sums(ConstantLoss(loss, outputs), row_bytes)
        return float(value), gradient, matrix

    outputs = np.zeros(data.n_outputs)
    value, gradient, matrix = at(outputs)
    for _ in range(MAX_STEPS):
        step = -np.linalg.pinv(matrix, hermitian=True) @ gradient
        if not -float(gradient @ step) > TOL * abs(value):
            break
        for _ in range(MAX_HALVINGS):
            found = at(outputs + step)
            if found[0] <= value:
                break
            step = 0.5 * step
        else:
            break
        outputs = outputs + step
        value, gradient, matrix = found
    return outputs, value


def constant_network(network: Network, outputs: FloatArray) -> Network:
    """Return a network of the same structure with constant outputs.

    Parameters
    ----------
    network : Network
        Gives edges and grids.
    outputs : ndarray of shape (n_outputs,)
        In the units of training.
    """
    other = network.copy()
    for layer in other.layers:
        layer.coef = np.zeros_like(layer.coef)
        layer.scale_symbols(np.zeros(layer.n_subnodes))
    other.layers[-1].add_constants(outputs)
    return other


def no_worse_than_constant(
    problem: Problem,
    result: TrainingResult,
    start: tuple[Network, Penalty | None] | None = None,
) -> TrainingResult:
    """Return the result of a fit, or the best constant where that is better on its samples.

    A solver that is stopped early, or learns nothing but one sample, may end anywhere. Where the
    fit has gone on from a network, this is what is gone back to first.

    Parameters
    ----------
    problem : Problem
        Data, loss and settings.
    result : TrainingResult
        What the fit has found.
    start : (Network, Penalty or None), optional
        What it has gone on from.
    """
    n_jobs = problem.settings.n_jobs
    outputs, lowest = best_constant(problem.data, problem.loss, n_jobs)
    held_out = problem.validation

    def is_better(network: Network) -> bool:
        # A part of the samples that was learned at the cost of another is no success either.
        value = problem.loss_on(problem.data, network)
        if not value <= lowest * (1.0 + 1e-9) + np.finfo(float).tiny:
            return False
        if held_out is None:
            return True
        limit = problem.loss_on(held_out, constant_network(network, outputs))
        return problem.loss_on(held_out, network) <= limit * (1.0 + 1e-9)

    if is_better(result.network):
        return result
    if start is not None and is_better(start[0]):
        # Its grids need not be those of the result, nor need its penalty be.
        before, penalty = start
        penalty = penalty or problem.first_penalty(before)
        loss = problem.value_of(State(before, penalty))
        return replace(result, network=before, penalty=penalty, loss=loss)
    constant = constant_network(result.network, outputs)
    return replace(result, network=constant, loss=lowest, posterior=None)
