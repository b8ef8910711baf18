"""Penalty weights chosen from the data by maximising the marginal likelihood.

Read as a prior, the penalty makes every edge function's straight line and its bending Gaussian
random variables. Around the fitted parameters the loss is replaced by its Gauss-Newton model; then
the weights ``alpha`` that maximise the marginal likelihood satisfy

    alpha_k = (noise / n) * gamma_k / (c' S_k c),    gamma_k = rank(S_k) - alpha_k tr(A^-1 S_k),

with ``A`` the Gauss-Newton matrix of the objective and ``gamma_k`` the effective degrees of
freedom of group ``k`` (MacKay's fixed point, also the generalised Fellner-Schall step for
penalties with orthogonal ranges). This is the neural network's "evidence" and the mixed model's
REML.

References
----------
D. MacKay, "A practical Bayesian framework for backpropagation networks", Neural Computation 1992.
S. Wood and M. Fasiolo, "A generalized Fellner-Schall method for smoothing parameter
optimization", Biometrics 2017.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cholesky, lapack

from skkan._typing import FloatArray
from skkan.network._network import Network
from skkan.objective._objective import Objective
from skkan.objective._penalties import TINY, Penalty
from skkan.objective.losses._loss import Loss

LOWEST_NOISE = 1e-32


@dataclass(frozen=True)
class Posterior:
    """The Gauss-Newton model of an objective around one point.

    Attributes
    ----------
    covariances : list of ndarray of shape (n_in, n_out, n_features, n_features)
        For every layer and edge, its block of ``A^-1``.
    log_det : float
        Log-determinant of ``A``, less that of the prior of the hidden nodes' constants, with which
        it has been completed.
    dof : float
        Effective degrees of freedom, ``tr(A^-1 H)`` with the loss's part ``H`` of ``A``.
    """

    covariances: list[FloatArray]
    log_det: float
    dof: float


@dataclass(frozen=True)
class Smoothing:
    """What an update of the penalty weights found.

    Attributes
    ----------
    noise : float
        Variance of the residuals (1 for losses without a noise level).
    dof : float
        Effective degrees of freedom of the fit.
    log_evidence : float
        Log marginal likelihood, up to a constant of the data.
    by_edge, by_layer : Penalty
        With the weights of the next step: one for every edge, or one for all edges of a layer.
    loss : Loss
        That of the next step: every output weighs by its own noise.
    """

    noise: float
    dof: float
    log_evidence: float
    by_edge: Penalty
    by_layer: Penalty
    loss: Loss


def full_posterior(objective: Objective, parameters: FloatArray) -> Posterior:
    """Return the Gauss-Newton model with all couplings; costs ``n P^2``."""
    loss_matrix = np.tril(objective.normal_equations(parameters)[2])
    matrix = loss_matrix.copy()
    objective.penalty.add_hessian(objective.network, matrix)
    blocks = node_views(objective.network, matrix)
    log_det = -objective.penalty.add_shift_priors(blocks, shift_precision(objective, parameters))
    live = objective.network.splined
    if not live.all():
        # What is no spline coefficient has nothing to be smoothed; it is taken as given.
        loss_matrix = loss_matrix * np.outer(live, live)
        matrix = matrix[np.ix_(live, live)]
    inverse, part = _inverse(matrix)
    log_det += part
    inverse = _spread(inverse, live)
    covariances: list[FloatArray] = []
    start = 0
    for layer in objective.network.layers:
        n_in, m, n_out = layer.coef.shape
        stop = start + layer.coef.size
        block = inverse[start:stop, start:stop].reshape(n_in, m, n_out, n_in, m, n_out)
        covariances.append(np.einsum("imjinj->ijmn", block))
        start = stop
    below = 2.0 * float((inverse * loss_matrix).sum())
    dof = below - float(inverse.diagonal() @ loss_matrix.diagonal())
    return Posterior(covariances, log_det, dof)


def node_posterior(objective: Objective, parameters: FloatArray) -> Posterior:
    """Return the Gauss-Newton model without couplings between nodes."""
    covariances: list[FloatArray] = []
    log_det, dof = 0.0, 0.0
    losses = objective.node_curvatures(parameters)
    penalties = objective.penalty.node_blocks()
    precision = shift_precision(objective, parameters)
    log_det -= objective.penalty.add_shift_priors(penalties, precision)
    for layer, loss, penalty in zip(objective.network.layers, losses, penalties, strict=True):
        n_in, m, n_out = layer.coef.shape
        covariance = np.empty((n_in, n_out, m, m))
        for node in range(n_out):
            live = np.repeat(layer.splined[:, node], m)
            if not live.any():
                covariance[:, node] = 0.0
                continue
            inverse, part = _inverse((loss[node] + penalty[node])[np.ix_(live, live)])
            inverse = _spread(inverse, live)
            log_det += part
            dof += float((inverse * loss[node]).sum())
            by_edge = inverse.reshape(n_in, m, n_in, m)
            covariance[:, node] = np.einsum("imin->imn", by_edge)
        covariances.append(covariance)
    return Posterior(covariances, log_det, dof)


def _spread(matrix: FloatArray, live: NDArray[np.bool_]) -> FloatArray:
    """Put zeros in the rows and columns of `matrix` that are not `live`."""
    if live.all():
        return matrix
    whole = np.zeros((len(live), len(live)))
    whole[np.ix_(live, live)] = matrix
    return whole


def shift_precision(objective: Objective, parameters: FloatArray) -> float:
    """Precision, in units of the objective, of a hidden node's constant of variance 1."""
    n = objective.data.total
    if not objective.loss.has_noise_level:
        return 1.0 / n
    size = n * objective.data.n_outputs
    return max(2.0 * objective.data_value(parameters) * n / size, LOWEST_NOISE) / n


def node_views(network: Network, matrix: FloatArray) -> list[FloatArray]:
    """Return the blocks of `matrix` that belong to one node, as writable views.

    As in ``Objective.node_curvatures``.
    """
    views, start = [], 0
    for layer in network.layers:
        stop = start + layer.coef.size
        block = matrix[start:stop, start:stop]
        rows, n_out = layer.n_in * layer.n_features, layer.n_subnodes
        view = np.lib.stride_tricks.as_strided(
            block,
            (n_out, rows, rows),
            ((n_out > 1) * sum(block.strides), n_out * block.strides[0], n_out * block.strides[1]),
        )
        views.append(view)
        start = stop
    return views


def stable_factor(matrix: FloatArray) -> FloatArray:
    """Return the lower Cholesky factor of a positive semidefinite matrix (its lower triangle).

    Rounding may leave directions that neither data nor penalty determine; a ridge at the level of
    rounding stands for them.
    """
    ridge = 1e-13 * max(float(matrix.diagonal().max()), 1e-300)
    for _ in range(14):
        try:
            factor: FloatArray = cholesky(
                matrix + ridge * np.eye(len(matrix)), lower=True, check_finite=False
            )
            break
        except LinAlgError:
            ridge *= 10.0
    else:
        raise LinAlgError("the Gauss-Newton matrix is not positive definite")
    return factor


def _inverse(matrix: FloatArray) -> tuple[FloatArray, float]:
    """Return inverse and log-determinant of a matrix as :func:`stable_factor` takes it."""
    factor = stable_factor(matrix)
    half = lapack.dtrtri(factor, lower=1)[0]
    inverse = half.T @ half
    return inverse, 2.0 * float(np.log(factor.diagonal()).sum())


def update_smoothing(
    objective: Objective,
    parameters: FloatArray,
    posterior_of: Callable[[Objective, FloatArray], Posterior],
) -> Smoothing:
    """Compute the evidence, and the penalty with the weights of one fixed-point step.

    Parameters
    ----------
    objective : Objective
        Gives data, network and penalty.
    parameters : ndarray of shape (n_parameters,)
        A minimum of the objective, or close to one.
    posterior_of : callable
        :func:`full_posterior` or :func:`node_posterior`.
    """
    posterior = posterior_of(objective, parameters)
    loss_value = objective.data_value(parameters)
    n = objective.data.total
    size = n * objective.data.n_outputs
    noise = 1.0
    if objective.loss.has_noise_level:
        noise = 2.0 * loss_value * n / max(size - posterior.dof, 0.1 * size)
        noise = max(noise, LOWEST_NOISE)
    loss, unit = _next_loss(objective, parameters, noise)
    network, penalty = objective.network, objective.penalty
    energy_sum, prior_log_det, rank_sum = 0.0, 0.0, 0
    by_edge: list[dict[str, FloatArray]] = []
    by_layer: list[dict[str, FloatArray]] = []
    coefs, covariances = network.split(parameters), posterior.covariances
    parts = zip(network.layers, penalty.layers, coefs, covariances, strict=True)
    for depth, (layer, own, coef, covariance) in enumerate(parts):
        energies, splined = own.energies(coef), layer.splined
        # One weight for all edges into the outputs is one in units of each output's noise.
        shares: FloatArray = np.ones(1)
        if depth == len(network.layers) - 1:
            shares = loss.precision(objective.data.n_outputs)
        by_edge.append({})
        by_layer.append({})
        for name, form in own.forms.items():
            rank, weight, energy = own.ranks[name], own.weights[name], energies[name]
            trace = np.einsum("ijmn,imn->ij", covariance, form)
            gamma = np.where(splined, np.clip(rank - weight * trace, 1e-6, None), 0.0)
            energy_sum += float((weight * energy)[splined].sum())
            prior_log_det += rank * float(np.log(weight[splined]).sum())
            prior_log_det += float(splined.sum(axis=1) @ own.log_dets[name])
            rank_sum += rank * int(splined.sum())
            best = unit / n * gamma / np.maximum(energy, TINY)
            common = unit / n * gamma.sum() / max(float((energy * shares).sum()), TINY)
            equal = np.broadcast_to(common * shares, weight.shape)
            for found, value in ((by_edge, best), (by_layer, equal)):
                found[-1][name] = np.where(splined, penalty.bounded(name, value), weight)
    # The prior of the constants, which cancels the same part of the posterior.
    per_feature = penalty.gauge_weight / network.layers[0].grid.n_splines
    n_shifts = sum(int(layer.splined.any(axis=0).sum()) for layer in network.layers[:-1])
    n_live = np.count_nonzero(network.splined)
    prior_log_det += (n_live - rank_sum - n_shifts) * np.log(per_feature)
    log_evidence = 0.5 * (prior_log_det - posterior.log_det)
    # Of all noise levels the most likely one, lest the evidence be distorted far from the optimum.
    level = 1.0
    if objective.loss.has_noise_level:
        level = max((2.0 * loss_value + energy_sum) * n / size, LOWEST_NOISE)
        log_evidence -= 0.5 * size * np.log(level)
    log_evidence -= (loss_value + 0.5 * energy_sum) * n / level
    return Smoothing(
        noise,
        posterior.dof,
        log_evidence,
        penalty.with_weights(by_edge),
        penalty.with_weights(by_layer),
        loss,
    )


def _next_loss(objective: Objective, parameters: FloatArray, noise: float) -> tuple[Loss, float]:
    """Return the loss with every output's own noise, and the noise level in its units."""
    before, n_outputs = objective.loss, objective.data.n_outputs
    if n_outputs == 1 or not before.has_noise_level:
        return before, noise
    variances = objective.residual_variances(parameters)
    after = before.for_noise(variances)
    was, now = (float(variances @ loss.precision(n_outputs)) for loss in (before, after))
    return after, max(noise * now / was, LOWEST_NOISE) if was > 0.0 else noise
