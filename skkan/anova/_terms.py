"""The terms of an analysis of variance as a table.

What a term is worth is the log of the factor by which the marginal likelihood falls without it, its
variance and all others given. With the prior ``N(0, I)`` and the posterior ``N(m, S)`` of its
coefficients in units of their prior deviations that is ``1/2 (log |S| + m' S^-1 m)``, the ratio of
Savage and Dickey.

References
----------
J. Dickey, "The weighted likelihood ratio, linear hypotheses on normal location parameters", Annals
of Mathematical Statistics 42 (1971).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from skkan._typing import FloatArray
from skkan.anova._design import Design


class AnalysisTerm(NamedTuple):
    """A main effect or an interaction.

    Attributes
    ----------
    columns : tuple of str
        Its columns.
    share : float
        Its variance as a share of that of the target, on average over the targets, or of that of
        all terms where the outputs are log-odds; columns that interact are taken to be independent.
    dof : float
        Effective degrees of freedom.
    evidence : float
        By how much the log marginal likelihood would fall without it; about so much where there
        are more than two classes.
    """

    columns: tuple[str, ...]
    share: float
    dof: float
    evidence: float


class AnalysisTerms(list[AnalysisTerm]):
    """Terms, those of most variance first, which print as a table."""

    def __repr__(self) -> str:
        """Return a line for every term."""
        names = [" x ".join(own.columns) for own in self]
        width = max([4, *map(len, names)])
        lines = [f"{'term':{width}}  share    dof  evidence"]
        lines += [
            f"{name:{width}}  {own.share:5.3f}  {own.dof:5.1f}  {own.evidence:8.1f}"
            for name, own in zip(names, self, strict=True)
        ]
        return "\n".join(lines)


def groups(design: Design) -> Iterator[tuple[tuple[int, ...], NDArray[np.intp]]]:
    """Yield the columns of every term, and where its coefficients are."""
    starts, sizes = design.starts, design.sizes
    for place, j in enumerate(design.used):
        own = starts[2 + place] + np.arange(sizes[2 + place])
        yield (int(j),), np.concatenate([[starts[1] + place], own]).astype(np.intp)
    first = 2 + len(design.used)
    for number, term in enumerate(design.terms):
        start = starts[first + number]
        yield term.columns, np.arange(start, start + term.size)


def variance_of(design: Design, columns: tuple[int, ...], coef: FloatArray) -> float:
    """Return the variance of a term, given its coefficients."""
    if len(columns) == 1:
        basis = design.bases.columns[columns[0]]
        slope, own = coef[0], coef[1:]
        return float(slope**2 + 2.0 * slope * (basis.along @ own) + basis.variances @ own**2)
    term = next(one for one in design.terms if one.columns == columns)
    scale: FloatArray = np.ones(term.size)
    for j, functions in zip(term.columns, term.functions, strict=True):
        scale = scale * design.bases.columns[j].variances[functions]
    return float(scale @ coef**2)


def worth(factor: FloatArray, places: Sequence[int], mean: FloatArray) -> float:
    """Return what some coefficients are worth.

    Parameters
    ----------
    factor : ndarray of shape (n_live, n_live)
        Lower Cholesky factor of the precision of all of them.
    places : sequence of int
        Which they are.
    mean : ndarray of shape (n_places,)
        Their means.
    """
    if not len(places):
        return 0.0
    unit = np.zeros((len(factor), len(places)))
    unit[places, np.arange(len(places))] = 1.0
    half = solve_triangular(factor, unit, lower=True, check_finite=False)
    covariance = half.T @ half
    sign, log_det = np.linalg.slogdet(covariance)
    if sign <= 0.0:
        return 0.0
    return 0.5 * float(log_det + mean @ np.linalg.solve(covariance, mean))
