"""Monotone and convex splines, by their coefficients.

The derivative of a spline of degree ``k`` is one of degree ``k - 1``, whose coefficients are the
slopes between neighbouring coefficients at the Greville abscissae. B-splines are never negative: if
the slopes are not, the spline rises, and if they rise, it is convex, everywhere, and beyond the
grid, where it goes on along its tangents.

References
----------
C. de Boor, *A Practical Guide to Splines*, revised edition, Springer 2001, chapter X.
"""

import numpy as np

from skkan._typing import FloatArray


def shape_rows(sites: FloatArray, monotone: int, convex: int) -> FloatArray:
    """Return linear forms of coefficients that must not be negative.

    Parameters
    ----------
    sites : ndarray of shape (n_splines,)
        Greville abscissae.
    monotone : {-1, 0, 1}
        Whether the spline is to fall or to rise.
    convex : {-1, 0, 1}
        Whether it is to be concave or convex.

    Returns
    -------
    rows : ndarray of shape (n_forms, n_splines)
        The forms.
    """
    slopes = np.diff(np.eye(len(sites)), axis=0) / np.diff(sites)[:, None]
    rows = [np.zeros((0, len(sites)))]
    if monotone:
        rows.append(monotone * slopes)
    if convex:
        rows.append(convex * np.diff(slopes, axis=0))
    return np.concatenate(rows)


def of_shape(coef: FloatArray, sites: FloatArray, monotone: int, convex: int) -> FloatArray:
    """Return coefficients near those given that have a shape exactly, with the same mean.

    Parameters
    ----------
    coef : ndarray of shape (n_splines,)
        Coefficients.
    sites : ndarray of shape (n_splines,)
        Greville abscissae.
    monotone, convex : {-1, 0, 1}
        As for :func:`shape_rows`.
    """
    if not shape_rows(sites, monotone, convex).size:
        return coef
    slopes: FloatArray = np.diff(coef) / np.diff(sites)
    if convex:
        slopes = convex * _rising(convex * slopes)
    if monotone:
        slopes = monotone * np.maximum(monotone * slopes, 0.0)
    moved = np.concatenate([[0.0], np.cumsum(slopes * np.diff(sites))])
    if monotone:
        # What rounding leaves, too.
        moved = monotone * np.maximum.accumulate(monotone * moved)
    found: FloatArray = moved + (coef.mean() - moved.mean())
    return found


def _rising(values: FloatArray) -> FloatArray:
    """Return the means of the smallest rising values above and the largest below."""
    above = np.maximum.accumulate(values)
    below = np.minimum.accumulate(values[::-1])[::-1]
    found: FloatArray = 0.5 * (above + below)
    return found
