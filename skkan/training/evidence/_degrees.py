"""How many degrees of freedom every edge of a fitted network has used."""

import numpy as np
from scipy.linalg import cho_solve

from skkan._typing import FloatArray
from skkan.objective._objective import Objective
from skkan.training.evidence._posterior import MOST_COUPLED
from skkan.training.evidence._smoothing import node_views, shift_precision, stable_factor


def edge_degrees(objective: Objective, parameters: FloatArray) -> list[FloatArray] | None:
    """Return the effective degrees of freedom of the edges, arrays (n_in, n_subnodes) by layer.

    With the Gauss-Newton matrix ``A`` of the objective and the loss's part ``H`` of it, they are
    the parts of the trace of ``A^-1 H`` that belong to the parameters of an edge: 1 for one that
    the samples determine, 0 for one that the penalty does. They sum to those of the fit.

    Parameters
    ----------
    objective : Objective
        Gives network, data, loss and penalty.
    parameters : ndarray of shape (n_parameters,)
        A minimum of the objective, or close to one.

    Returns
    -------
    degrees : list of ndarray or None
        None for a network with too many parameters.

    References
    ----------
    T. Hastie and R. Tibshirani, *Generalized Additive Models*, Chapman and Hall 1990, section 3.5.
    """
    network = objective.network
    if network.n_parameters > MOST_COUPLED:
        return None
    lower = np.tril(objective.normal_equations(parameters)[2])
    matrix = lower.copy()
    objective.add_penalty_hessian(parameters, matrix)
    blocks = node_views(network, matrix)
    objective.penalty.add_shift_priors(blocks, shift_precision(objective, parameters))
    live = network.splined
    live[network.n_coefficients :] = True
    used = np.zeros(network.n_parameters)
    if live.any():
        own = np.ix_(live, live)
        loss_matrix = lower[own] + np.tril(lower[own], -1).T
        solved = cho_solve((stable_factor(matrix[own]), True), loss_matrix, check_finite=False)
        used[live] = np.clip(solved.diagonal(), 0.0, 1.0)
    degrees = [np.asarray(part.sum(axis=1)) for part in network.split(used)]
    for layer, own_degrees, tail in zip(
        network.layers, degrees, network.split_symbols(used), strict=True
    ):
        for (i, j), part in zip(layer.symbols, tail, strict=True):
            own_degrees[i, j] = part.sum()
    return degrees
