"""Whether an analysis of variance leaves structure, which networks may find."""

import numpy as np
from scipy.spatial import cKDTree

from skkan._typing import FloatArray
from skkan.data._samples import spread_rows
from skkan.network._network import Network
from skkan.training.growth._analysed import Analysed

# Share of the variance of a target: with less noise than that, a formula may be behind it.
FORMULA_NOISE = 1e-3
# With more than that, no structure is looked for; the residuals of neighbours have to be correlated
# by so much, and by so many standard deviations.
MOST_STRUCTURED = 0.1
LEAST_LIKENESS, CLEAR = 0.3, 5.0
NEIGHBOUR_ROWS, LEAST_NEIGHBOURS = 4000, 20
# Inputs that act in a formula that is looked for.
MOST_INPUTS = 10
NOTHING_LEFT = 1e-8
# Inputs of smooth functions among which networks are tried, and noise up to which they are.
FEW_SMOOTH, MOST_NOISY = 5, 0.5


def likeness_of_neighbours(sites: FloatArray, residuals: FloatArray) -> tuple[float, float]:
    """Return how alike residuals of neighbours are: a correlation, and its standard score.

    Parameters
    ----------
    sites : ndarray of shape (n_samples, n_inputs)
        Where the samples are.
    residuals : ndarray of shape (n_samples, n_outputs)
        What a fit has left.
    """
    if len(sites) < LEAST_NEIGHBOURS:
        return 0.0, 0.0
    nearest = cKDTree(sites).query(sites, 2)[1][:, 1]
    products = residuals * residuals[nearest]
    size = float((residuals**2).sum()) or 1.0
    error = float(np.sqrt((products**2).sum())) or 1.0
    total = float(products.sum())
    return total / size, total / error


def leaves_structure(best: Analysed, network: Network, smooth: bool) -> bool:
    """Whether noise is far below the target, or residuals of neighbours are alike.

    Of few inputs whose functions are smooth and interact, a network is always worth a try.

    A formula of many inputs is not looked for, which would take minutes. Where there are too
    few samples to train other networks, that cannot be told.

    Parameters
    ----------
    best : Analysed
        The analysis.
    network : Network
        It as a network.
    smooth : bool
        Whether its functions have a roughness of second order.
    """
    problem, found = best.problem, best.found
    settings = problem.settings
    width = settings.grid_sizes[-1] + settings.degree
    # Networks of few splines an edge have no tables of so many levels.
    coarse = any(codes is not None and len(codes) > width for codes in settings.sites)
    if len(settings.shape) == 2 or coarse:
        return False
    level = max(found.noise)
    spread = best.spread
    acting = np.flatnonzero(spread > FORMULA_NOISE * spread.sum()).tolist()
    if smooth and found.design.terms and len(acting) <= FEW_SMOOTH and level < MOST_NOISY:
        return True
    if level > MOST_STRUCTURED:
        return False
    if len(acting) > MOST_INPUTS:
        return False
    some = problem.data.sample()
    if level < FORMULA_NOISE:
        columns = found.design.bases.columns
        n_values = [len(np.unique(some.inputs[:, j])) for j in acting]
        complete = all(columns[j].size >= n - 1 for j, n in zip(acting, n_values, strict=True))
        # A table of every value that leaves nothing is all there is to be found.
        return not (complete and level < NOTHING_LEFT)
    rows = spread_rows(len(some.inputs), NEIGHBOUR_ROWS)
    inputs = some.inputs[rows]
    residuals = some.target[rows] - network.outputs(inputs)
    likeness, clear = likeness_of_neighbours(inputs * np.sqrt(spread), residuals)
    return likeness > LEAST_LIKENESS and clear > CLEAR
