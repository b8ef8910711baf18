"""How far a fitted network can be trusted: the Gaussian around its parameters.

Read as a prior, the penalty makes the parameters Gaussian; around the fit the loss is replaced by
its Gauss-Newton model (Laplace's method). With ``n`` samples and noise of variance ``s^2`` the
parameters then have the covariance ``s^2 (n A)^-1``, where ``A`` is the Gauss-Newton matrix of the
objective, and an output with the derivatives ``J`` has the variance ``s^2 J (n A)^-1 J'``. For an
additive model this is the Bayesian covariance of a penalised regression spline.

References
----------
D. MacKay, "A practical Bayesian framework for backpropagation networks", Neural Computation 1992.
G. Wahba, "Bayesian confidence intervals for the cross-validated smoothing spline", JRSS B 1983.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from skkan._typing import FloatArray
from skkan.network._network import Network
from skkan.objective._objective import Objective
from skkan.training.evidence._smoothing import (
    LOWEST_NOISE,
    node_views,
    shift_precision,
    stable_factor,
)

BLOCK_BYTES = 2**24
# Beyond these numbers of parameters couplings between nodes, and then those between edges, are left
# out.
MOST_COUPLED, MOST_IN_NODE = 2500, 1500


@dataclass(frozen=True)
class CoupledParameters:
    """Parameters that have been found together, and the factor of their precision.

    Attributes
    ----------
    index : ndarray of int of shape (n_own,)
        Their places in the vector of all parameters.
    packed : ndarray of shape (n_own * (n_own + 1) / 2,)
        Rows of the lower triangle of ``L``, where ``L L'`` is the precision for noise of variance
        1.
    """

    index: NDArray[np.intp]
    packed: FloatArray

    @classmethod
    def of(cls, index: NDArray[np.intp], precision: FloatArray) -> "CoupledParameters":
        """Factorise a precision, of which the lower triangle is used."""
        return cls(index, stable_factor(precision)[np.tril_indices(len(index))])

    def root(self) -> FloatArray:
        """Return ``R`` of shape (n_own, n_own): ``R' R`` is the covariance for that noise."""
        factor = np.zeros((len(self.index),) * 2)
        factor[np.tril_indices(len(factor))] = self.packed
        inverse: FloatArray = lapack.dtrtri(factor, lower=1)[0]
        return inverse


@dataclass(frozen=True)
class PredictivePosterior:
    """The Gaussian around the parameters of a fitted network, and what it says of its outputs.

    Parameters
    ----------
    parts : list of CoupledParameters
        Parameters by what is known of them together; other couplings are left out.
    noise : ndarray of shape (n_outputs,)
        Variance of the noise of every output, in the units of training.
    order : ndarray of int of shape (n_inputs,)
        Input ``i`` in training is input ``order[i]`` of the network.
    precision : ndarray of shape (n_outputs,)
        What the loss multiplies its outputs by.
    """

    parts: list[CoupledParameters]
    noise: FloatArray
    order: NDArray[np.intp]
    precision: FloatArray

    def deviations(self, network: Network, X: FloatArray, include_noise: bool) -> FloatArray:
        """Return the standard deviation of every output, shape (n_samples, n_outputs).

        Parameters
        ----------
        network : Network
            The fitted network.
        X : ndarray of shape (n_samples, n_inputs)
            Inputs in the units of the data.
        include_noise : bool
            Whether of a new observation, or of the function.
        """
        found = np.empty((len(X), len(self.noise)))
        roots = [part.root() for part in self.parts]
        for rows, jacobian in self._jacobians(network, X):
            variance = np.zeros(jacobian.shape[:2])
            for part, root in zip(self.parts, roots, strict=True):
                variance += _squares(jacobian, part.index, root)
            found[rows] = np.sqrt(self.noise * (self.precision * variance + float(include_noise)))
        return network.scaling.output_scale * found

    def covariances(self, network: Network, X: FloatArray, include_noise: bool) -> FloatArray:
        """Return the covariances of samples, shape (n_samples, n_samples, n_outputs).

        Parameters are those of :meth:`deviations`.
        """
        found = np.zeros((len(X), len(X), len(self.noise)))
        jacobian = np.concatenate([own for _, own in self._jacobians(network, X)])
        for part in self.parts:
            moved = jacobian[:, :, part.index] @ part.root().T
            found += np.einsum("nkp,mkp->nmk", moved, moved, optimize=True)
        found *= self.precision
        if include_noise:
            found[np.arange(len(X)), np.arange(len(X))] += 1.0
        return network.scaling.output_scale**2 * self.noise * found

    def deviations_of_means(
        self, network: Network, X: FloatArray, size: int, reference: FloatArray
    ) -> FloatArray:
        """Return the standard deviation of mean outputs, less a mean over other samples.

        Parameters
        ----------
        network : Network
            The fitted network.
        X : ndarray of shape (n_groups * size, n_inputs)
            Inputs in the units of the data.
        size : int
            Number of samples of every mean, which are next to each other.
        reference : ndarray of shape (n_others, n_inputs)
            Samples whose mean is taken off.

        Returns
        -------
        deviations : ndarray of shape (n_groups, n_outputs)
            In the units of the outputs.
        """
        sums = sum(own.sum(axis=0) for _, own in self._jacobians(network, reference))
        centre: FloatArray = np.asarray(sums) / len(reference)
        groups = np.zeros((len(X) // size, *centre.shape))
        for rows, jacobian in self._jacobians(network, X):
            np.add.at(groups, np.arange(rows.start, rows.stop) // size, jacobian / size)
        groups -= centre
        variance = np.zeros(groups.shape[:2])
        for part in self.parts:
            variance += ((groups[:, :, part.index] @ part.root().T) ** 2).sum(axis=2)
        return network.scaling.output_scale * np.sqrt(self.noise * self.precision * variance)

    def edge_deviations(
        self, network: Network, depth: int, i: int, j: int, features: FloatArray
    ) -> FloatArray:
        """Return the standard deviation of combinations of the features of a spline.

        Parameters
        ----------
        network : Network
            The fitted network.
        depth : int
            Number of the layer.
        i, j : int
            Input node and subnode of the edge.
        features : ndarray of shape (n_samples, n_features)
            The combinations.

        Returns
        -------
        deviations : ndarray of shape (n_samples,)
            In the units of training.
        """
        layers = network.layers
        if depth == 0:
            i = int(np.flatnonzero(self.order == i)[0])
        places = _places(network)[depth][i, :, j]
        variance = np.zeros(len(features))
        for part in self.parts:
            own = np.searchsorted(part.index, places)
            if np.array_equal(part.index.take(own, mode="clip"), places):
                variance += ((features @ part.root()[:, own].T) ** 2).sum(axis=1)
        levels = self.noise * self.precision
        noise = levels[j] if depth == len(layers) - 1 else levels.mean()
        return np.sqrt(noise * variance)

    def _jacobians(self, network: Network, X: FloatArray) -> Iterator[tuple[slice, FloatArray]]:
        """Yield derivatives of the outputs, shape (n_rows, n_outputs, n_parameters), by rows."""
        # Where a grid ends, what is known ends, although a prediction may stay what it is.
        own = network.with_inputs(self.order)
        own.layers[0] = own.layers[0].extrapolating(clamped=False)
        n_outputs = len(self.noise)
        length = max(1, BLOCK_BYTES // (8 * own.n_parameters * n_outputs))
        for start in range(0, len(X), length):
            rows = slice(start, min(start + length, len(X)))
            trace = own.trace(own.scaling.inputs(X[rows][:, self.order]))
            seeds = np.tile(np.eye(n_outputs), (rows.stop - start, 1, 1))
            yield rows, own.jacobian(trace, seeds).reshape(rows.stop - start, n_outputs, -1)


def predictive_posterior(
    objective: Objective, parameters: FloatArray, order: NDArray[np.intp], coupled: bool
) -> PredictivePosterior:
    """Return the Gaussian around some parameters.

    Parameters
    ----------
    objective : Objective
        Gives network, data, loss and penalty.
    parameters : ndarray of shape (n_parameters,)
        A minimum of the objective, or close to one.
    order : ndarray of int of shape (n_inputs,)
        As for :class:`PredictivePosterior`.
    coupled : bool
        Whether to keep the couplings between nodes, which takes ``n P^2`` operations, unless there
        are too many parameters.
    """
    network, n = objective.network, objective.data.total
    parts: list[CoupledParameters] = []
    dof = 0.0
    if not _live(network).any():
        # A constant has no parameters.
        pass
    elif coupled and network.n_parameters <= MOST_COUPLED:
        parts, dof = _coupled_parts(objective, parameters)
    else:
        parts, dof = _node_parts(objective, parameters)
    noise: FloatArray = np.ones(objective.data.n_outputs)
    if objective.loss.has_noise_level:
        squares = objective.residual_variances(parameters)
        noise = squares * n / max(n - dof / len(squares), 0.1 * n)
    precision = objective.loss.precision(len(noise))
    return PredictivePosterior(parts, np.maximum(noise, LOWEST_NOISE), order, precision)


def _squares(jacobian: FloatArray, index: NDArray[np.intp], root: FloatArray) -> FloatArray:
    """Return ``|R j|^2`` of some columns of a Jacobian, for a lower triangle ``R``."""
    some = jacobian if len(index) == jacobian.shape[2] else jacobian[:, :, index]
    rows = np.ascontiguousarray(some.reshape(-1, len(index)))
    moved = blas.dtrmm(1.0, root, rows.T, lower=1)
    squares: FloatArray = np.einsum("ij,ij->j", moved, moved).reshape(jacobian.shape[:2])
    return squares


def _live(network: Network) -> NDArray[np.bool_]:
    """Return which parameters count: coefficients of splines, and those of symbolic edges."""
    live = network.splined
    live[network.n_coefficients :] = True
    return live


def _places(network: Network) -> list[NDArray[np.intp]]:
    """Return where the coefficients of every layer stand among the parameters."""
    places, start = [], 0
    for layer in network.layers:
        places.append(start + np.arange(layer.coef.size).reshape(layer.coef.shape))
        start += layer.coef.size
    return places


def _coupled_parts(
    objective: Objective, parameters: FloatArray
) -> tuple[list[CoupledParameters], float]:
    """Return one part with all parameters, and the effective degrees of freedom."""
    loss_matrix = np.tril(objective.normal_equations(parameters)[2])
    matrix = loss_matrix.copy()
    objective.add_penalty_hessian(parameters, matrix)
    blocks = node_views(objective.network, matrix)
    objective.penalty.add_shift_priors(blocks, shift_precision(objective, parameters))
    live = np.flatnonzero(_live(objective.network))
    part = CoupledParameters.of(live, objective.data.total * matrix[np.ix_(live, live)])
    return [part], _dof(part, loss_matrix[np.ix_(live, live)], objective.data.total)


def _dof(part: CoupledParameters, loss_matrix: FloatArray, n: float) -> float:
    """Return the trace of covariance times loss matrix, of which the lower triangle is used."""
    root = part.root()
    covariance = root.T @ root
    below = 2.0 * float((covariance * np.tril(loss_matrix, -1)).sum())
    return n * (below + float(covariance.diagonal() @ loss_matrix.diagonal()))


def _node_parts(
    objective: Objective, parameters: FloatArray
) -> tuple[list[CoupledParameters], float]:
    """Return a part for every subnode, or for every edge where it has many, and the degrees."""
    network, n = objective.network, objective.data.total
    losses, tail = objective.curvatures(parameters)
    penalties = objective.penalty_blocks(parameters)
    objective.penalty.add_shift_priors(penalties, shift_precision(objective, parameters))
    live = _live(network)
    places = _places(network)
    parts: list[CoupledParameters] = []
    dof = 0.0
    for own, loss, penalty in zip(places, losses, penalties, strict=True):
        n_in, m, n_out = own.shape
        for node in range(n_out):
            columns = np.arange(n_in * m)
            few = len(columns) <= MOST_IN_NODE
            for group in [columns] if few else columns.reshape(n_in, m):
                some = group[live[own.reshape(-1, n_out)[group, node]]]
                if not len(some):
                    continue
                index, square = own.reshape(-1, n_out)[some, node], np.ix_(some, some)
                part = CoupledParameters.of(index, n * (loss[node] + penalty[node])[square])
                parts.append(part)
                dof += _dof(part, loss[node][square], n)
    for place, curvature in enumerate(tail, start=network.n_coefficients):
        parts.append(CoupledParameters.of(np.array([place]), n * np.array([[curvature]])))
        dof += 1.0
    return parts, dof
