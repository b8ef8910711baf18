"""Where knots are wanted along a variable."""

import numpy as np

from skkan._typing import FloatArray
from skkan.pde.problem._domain import Domain
from skkan.pde.problem._model import Model

# Share of even knots, beside those by residuals.
EVEN = 0.25
# Of densities by shares of the residuals: even knots, power, least share, that of neighbours.
EVEN_SHARE, POWER, LEAST_PART, NEIGHBOURS = 0.15, 0.125, 1e-12, 0.1
SITES_OF_BENDS, LINES, SITES_OF_RESIDUALS = 201, 40, 4097


def by_residual(
    ends: FloatArray, places: FloatArray, squares: FloatArray, degree: int
) -> FloatArray:
    """Return a density of knots, from the residuals on the intervals there are.

    The squares of residuals of an equation of second order fall as ``h^(2 degree - 2)`` with the
    length ``h`` of an interval. With the factors ``C`` of this in every interval, their integral is
    smallest for a given number of knots where the density is ``C^(1 / (2 degree - 1))``.

    Parameters
    ----------
    ends : ndarray of shape (n_intervals + 1,)
        Breakpoints, from -1 to 1.
    places : ndarray of shape (n_points,)
        Of points along the variable.
    squares : ndarray of shape (n_points,)
        Squares of the residuals there.
    degree : int
        Degree of the splines.

    Returns
    -------
    density : ndarray of shape (n_sites,)
        At equal steps from -1 to 1.

    References
    ----------
    C. de Boor, *A Practical Guide to Splines*, Springer 2001, chapter XII.
    """
    n_intervals = len(ends) - 1
    interval = np.clip(np.searchsorted(ends, places, side="right") - 1, 0, n_intervals - 1)
    counts = np.bincount(interval, minlength=n_intervals)
    means = np.bincount(interval, squares, n_intervals) / np.maximum(counts, 1)
    means = np.maximum(means, 1e-30 * (1e-270 + means.max()))
    power = 1.0 / (2.0 * degree - 1.0)
    density = means**power * np.diff(ends) ** (-(1.0 - power))
    density = density * 2.0 / (density @ np.diff(ends))
    sites = np.linspace(-1.0, 1.0, SITES_OF_RESIDUALS)
    where = np.clip(np.searchsorted(ends, sites, side="right") - 1, 0, n_intervals - 1)
    # Some knots are even: residuals of what is not resolved say little of where it is.
    return np.asarray(density[where] + EVEN)


def by_share(ends: FloatArray, places: FloatArray, squares: FloatArray) -> FloatArray:
    """Return a density of knots that brings residuals of all intervals closer to each other.

    The present density times a root of every interval's part of the sum of squares: where that is
    the same everywhere, knots stay. Unlike :func:`by_residual` nothing is taken for granted of how
    residuals fall, which they do not where a layer is not resolved, or to rounding.

    Parameters
    ----------
    ends : ndarray of shape (n_intervals + 1,)
        Breakpoints, from -1 to 1.
    places, squares : ndarray of shape (n_points,)
        Points, as many in every interval, and the squares of the residuals there.

    Returns
    -------
    density : ndarray of shape (n_sites,)
        At equal steps from -1 to 1.
    """
    widths, n_intervals = np.diff(ends), len(ends) - 1
    interval = np.clip(np.searchsorted(ends, places, side="right") - 1, 0, n_intervals - 1)
    counts = np.bincount(interval, minlength=n_intervals)
    means = np.bincount(interval, squares, n_intervals) / np.maximum(counts, 1)
    # Layers move, and splines reach over their neighbours.
    wide = np.pad(means, 1, "edge")
    means = np.maximum(np.maximum(wide[:-2], wide[2:]) * NEIGHBOURS, means)
    shares = (means / max(means.max(), 1e-300) + LEAST_PART) ** POWER / widths
    shares *= 1.0 / (shares @ widths)
    sites = np.linspace(-1.0, 1.0, SITES_OF_RESIDUALS)
    where = np.clip(np.searchsorted(ends, sites, side="right") - 1, 0, n_intervals - 1)
    return np.asarray(shares[where] + EVEN_SHARE / 2.0)


def by_bend(model: Model, domain: Domain, k: int, rng: np.random.Generator) -> FloatArray:
    """Return a density of knots along a variable, from second derivatives of the unknowns."""
    n_sites, n_lines = SITES_OF_BENDS, 1 if domain.n_variables == 1 else LINES
    X = np.repeat(domain.interior(n_lines, rng), n_sites, axis=0)
    X[:, k] = np.tile(np.linspace(domain.low[k], domain.high[k], n_sites), len(X) // n_sites)
    index = tuple(2 * (i == k) for i in range(domain.n_variables))
    bend = np.abs(model.derivative(X, index)).reshape(-1, n_sites, model.network.shape[-1])
    scale = bend.mean(axis=(0, 1), keepdims=True)
    density = ((bend / np.where(scale > 0.0, scale, 1.0)) ** (1.0 / 3.0)).mean(axis=(0, 2))
    density = np.convolve(np.pad(density, 4, "edge"), np.ones(9) / 9.0, "valid")
    return density / density.mean() + 1.0
