"""Penalty weights chosen from the data by maximising the marginal likelihood.

Read as a prior, the penalty makes every edge function's straight line and its bending Gaussian
random variables. Around the fitted parameters the loss is replaced by its Gauss-Newton model; then
the weights ``alpha`` that maximise the marginal likelihood satisfy

    alpha_k = (noise / n) * gamma_k / (c' S_k c),    gamma_k = rank(S_k) - alpha_k tr(A^-1 S_k),

with ``A`` the Gauss-Newton matrix of the objective and ``gamma_k`` the effective degrees of
freedom of group ``k`` (MacKay's fixed point, also the generalised Fellner-Schall step for
penalties with orthogonal ranges). This is the neural network's "evidence", the linear mixed model's
REML.

References
----------
D. MacKay, "A practical Bayesian framework for backpropagation networks", Neural Computation 1992.
S. Wood and M. Fasiolo, "A generalized Fellner-Schall method for smoothing parameter
optimization", Biometrics 2017.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, lapack

from skkan._objective import Objective

FloatArray = NDArray[np.float64]

LOWEST, HIGHEST = 1e-15, 1e3


@dataclass
class SmoothingState:
    noise: float
    dof: float
    log_evidence: float


def update_smoothing(objective, parameters, n_total, per_edge=True, power=1.0):
    value, gradient, H = objective.normal_equations(parameters)
    data = objective.data_value(parameters)
    A = H.copy()
    objective.penalty.add_hessian(objective.network, A)
    A[np.diag_indices_from(A)] += 1e-13 * A.diagonal().max()
    L = cholesky(A, lower=True, check_finite=False)
    logdet = 2 * np.log(np.diag(L)).sum()
    inv, info = lapack.dpotri(L, lower=1)
    inv = np.tril(inv) + np.tril(inv, -1).T
    dof = float((inv * H).sum())
    K = objective.target.shape[1]
    if objective.loss.has_noise_level:
        noise = 2 * data * n_total / max(n_total * K - dof, 0.1 * n_total*K)
    else:
        noise = 1.0
    start = 0
    gains = []
    logev = -0.5 * logdet
    pen = 0.0
    for layer, own, coef in zip(objective.network.layers, objective.penalty.layers, objective.network.split(parameters)):
        n_in, m, n_out = layer.coef.shape
        stop = start + layer.coef.size
        blk = inv[start:stop, start:stop].reshape(n_in, m, n_out, n_in, m, n_out)
        blk = np.einsum("imjinj->ijmn", blk)
        energies = own.energies(coef)
        for name, form in own.forms.items():
            tr = np.einsum("ijmn,imn->ij", blk, form)
            alpha = own.weights[name]
            gamma = np.clip(own.ranks[name] - alpha * tr, 1e-6, None)
            logev += 0.5 * own.ranks[name] * np.log(alpha).sum()
            q = energies[name]
            pen += (alpha * q).sum()
            if not per_edge:
                new = np.full_like(alpha, noise / n_total * gamma.sum() / max(q.sum(),1e-300))
            else:
                new = noise / n_total * gamma / np.maximum(q, 1e-300)
            gains.append((own, name, np.clip(alpha * (new / alpha) ** power, LOWEST, HIGHEST), gamma))
        start = stop
    P = len(parameters)
    # logs: A here in units of mean loss; true precision = A * n/noise
    nullity = P - sum((g[0].ranks[g[1]]) * g[3].size for g in gains)
    logev += 0.5 * (P - nullity) * np.log(n_total / noise) - 0.5 * P * np.log(n_total / noise)
    if objective.loss.has_noise_level:
        logev += -data * n_total / noise - 0.5 * pen * n_total / noise - 0.5 * n_total * K * np.log(noise)
    else:
        logev += -data * n_total - 0.5 * pen * n_total
    for own, name, w, g in gains:
        own.weights[name] = w
    return SmoothingState(noise, dof, logev), [g[3] for g in gains]
