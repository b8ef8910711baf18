"""Prior variances that maximise the marginal likelihood, by its exact gradient.

A main effect of column ``j`` has coefficients ``N(0, theta_j)`` in the basis of
:mod:`skkan.anova._basis`, an interaction of ``j`` and ``k`` products with ``N(0, q2 tau_j tau_k)``,
one of three columns ``N(0, q3 tau_j tau_k tau_l)``; straight lines have one variance in common. So
there are some ``2 d + 5`` variances however many interactions there are. Weak priors keep
``log theta_j`` near a constant and ``log tau_j`` near ``log theta_j``: columns that matter
interact, but a column may act in company only.

With ``V`` the diagonal matrix of prior variances, ``s2`` that of the noise, and
``A = V^1/2 X'X V^1/2 / s2 + I`` the log marginal likelihood is, up to a constant,

    -1/2 (n log s2 + log |A| + rss / s2 + c'c),    c = A^-1 V^1/2 X't / s2,

and its derivative with respect to the logarithm of a group's variance
``1/2 sum_i (leverage_i - 1 + c_i^2)``, ``leverage = diag(A^-1)``.

References
----------
C. Gu, *Smoothing Spline ANOVA Models*, 2nd edition, Springer 2013.
S. Wood, "Fast stable restricted maximum likelihood and marginal likelihood estimation of
semiparametric generalized linear models", JRSS B 73 (2011).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, lapack
from scipy.optimize import minimize

from skkan._typing import FloatArray
from skkan.anova._design import Design

START_MAIN, START_SHARE = -4.0, -1.0
CONSTANT_VARIANCE = np.log(100.0)
# Precisions of the priors of log theta, of the common factors, and of log tau around log theta.
MAIN_PRECISION, SHARE_PRECISION, TIE = 0.1, 0.03, 0.3
LOWEST, HIGHEST = -20.0, 6.0
# All levels without order together explain no more than there is to explain. Where some of them
# stand in others, as models of makers do, nothing else bounds what is added to the ones and taken
# off the others.
HIGHEST_OF_LEVELS = 0.0
# Of a standardised target. Below that, rounding in the sums of squares takes over.
LOWEST_NOISE = np.log(1e-10)
RIDGE = 1e-12
# Ratio of prior variance to that of an estimate from the data alone: columns below are left out of
# the matrix that is factorised.
LEAST_WEIGHT = 3e-3


@dataclass(frozen=True)
class Layout:
    """Which logarithms of variances make up the prior variance of every group of columns.

    The logarithms are ``theta`` and ``tau`` of all used columns, the lines', ``q2``, ``q3``, and
    the noise's.

    Attributes
    ----------
    sizes : ndarray of int of shape (n_groups,)
        Numbers of columns of the groups.
    sums : ndarray of shape (n_groups, n_logs)
        The logarithms that are added up.
    fixed : ndarray of shape (n_groups,)
        What is added to them.
    free : ndarray of bool of shape (n_logs,)
        Logarithms to be chosen.
    highest : ndarray of shape (n_logs,)
        Their upper bounds.
    copies : int, default=1
        How often the columns are there, one block after the other, with the same variances.
    """

    sizes: NDArray[np.intp]
    sums: FloatArray
    fixed: FloatArray
    free: NDArray[np.bool_]
    highest: FloatArray
    copies: int = 1

    @classmethod
    def of(cls, design: Design, noise: bool, copies: int = 1) -> "Layout":
        """Lay out a design; `noise` says whether its variance is to be chosen."""
        used = design.used
        d, sizes = len(used), design.sizes
        place = {int(j): number for number, j in enumerate(used)}
        sums = np.zeros((len(sizes), 2 * d + 4))
        sums[1, 2 * d] = 1.0
        sums[2 + np.arange(d), np.arange(d)] = 1.0
        for number, term in enumerate(design.terms):
            sums[2 + d + number, [d + place[j] for j in term.columns]] = 1.0
            sums[2 + d + number, 2 * d + len(term.columns) - 1] = 1.0
        fixed = np.zeros(len(sizes))
        fixed[0] = CONSTANT_VARIANCE
        free = np.abs(sums).sum(axis=0) > 0.0
        free[d : 2 * d] = bool(design.terms)
        free[-1] = noise
        highest = np.full(2 * d + 4, HIGHEST)
        if noise:
            # The target is standardised. Only levels have no straight line.
            levels = [not design.bases.columns[int(j)].line.any() for j in used]
            if any(levels):
                most = HIGHEST_OF_LEVELS - np.log(sum(levels))
                highest[: 2 * d][np.tile(np.array(levels, dtype=bool), 2)] = most
                highest[2 * d + 1 : 2 * d + 3] = most
        return cls(sizes, sums, fixed, free, highest, copies)

    @property
    def owner(self) -> NDArray[np.intp]:
        """The group of every column."""
        return np.tile(np.repeat(np.arange(len(self.sizes)), self.sizes), self.copies)

    def first(self) -> FloatArray:
        """Return logarithms to start from."""
        d = (self.sums.shape[1] - 4) // 2
        start = np.full(2 * d + 4, START_SHARE)
        start[: 2 * d], start[2 * d] = START_MAIN, 0.0
        if not self.free[-1]:
            start[-1] = 0.0
        return start

    def variances(self, logs: FloatArray) -> FloatArray:
        """Return the prior variance of every column."""
        return np.exp(np.clip(self.sums @ logs + self.fixed, -25.0, 8.0))[self.owner]

    def prior(self, logs: FloatArray) -> tuple[float, FloatArray]:
        """Return minus the log of the logarithms' prior, and its gradient."""
        d = (len(logs) - 4) // 2
        gradient = np.zeros_like(logs)
        weak = logs[:d] - START_MAIN
        common = logs[2 * d : 2 * d + 3] - START_SHARE
        apart = logs[d : 2 * d] - logs[:d]
        gradient[:d] = MAIN_PRECISION * weak - TIE * apart
        gradient[d : 2 * d] = TIE * apart
        gradient[2 * d : 2 * d + 3] = SHARE_PRECISION * common
        value = MAIN_PRECISION * weak @ weak + SHARE_PRECISION * common @ common
        return 0.5 * float(value + TIE * apart @ apart), gradient


@dataclass(frozen=True)
class Response:
    """One target as sums over samples.

    Attributes
    ----------
    gram : ndarray of shape (n_columns, n_columns)
        ``X'WX``.
    cross : ndarray of shape (n_columns,)
        ``X'Wt``.
    square : float
        ``t'Wt``; up to a constant where the noise is given.
    count : float
        Number of samples; it is asked for where the noise is to be chosen.
    """

    gram: FloatArray
    cross: FloatArray
    square: float
    count: float


@dataclass(frozen=True)
class Posterior:
    """Coefficients given variances, and what the marginal likelihood says of both.

    Attributes
    ----------
    logs : ndarray of shape (n_logs,)
        Logarithms of variances.
    coef : ndarray of shape (n_columns,)
        Coefficients of the design's columns.
    variances : ndarray of shape (n_columns,)
        Their prior variances.
    live : ndarray of bool of shape (n_columns,)
        Columns that the data say something of.
    factor : ndarray of shape (n_live, n_live)
        Lower Cholesky factor of their part of ``A``.
    noise : float
        Variance of the residuals; 1 where it is not to be chosen.
    used : ndarray of shape (n_columns,)
        Effective degrees of freedom of every column.
    evidence : float
        Log marginal likelihood, with the prior of the variances.
    loss : float
        Mean of half the squared residuals, and the penalty.
    log_det : float
        Log-determinant of ``A``.
    """

    logs: FloatArray
    coef: FloatArray
    variances: FloatArray
    live: NDArray[np.bool_]
    factor: FloatArray
    noise: float
    used: FloatArray
    evidence: float
    loss: float
    log_det: float

    @property
    def dof(self) -> float:
        """Effective degrees of freedom."""
        return float(self.used.sum())


def posterior(layout: Layout, response: Response, logs: FloatArray) -> tuple[Posterior, FloatArray]:
    """Return the posterior for given variances, and the gradient of minus the evidence."""
    d = (len(logs) - 4) // 2
    logs = logs.copy()
    if not layout.free[d : 2 * d].any():
        logs[d : 2 * d] = logs[:d]
    noise = float(np.exp(logs[-1]))
    variances = layout.variances(logs)
    root = np.sqrt(variances)
    weight = variances * response.gram.diagonal() / noise
    live = weight > LEAST_WEIGHT
    own = root[live]
    gram = response.gram if live.all() else response.gram[np.ix_(live, live)]
    factor = _factor(gram, own / np.sqrt(noise))
    inverse = lapack.dtrtri(factor, lower=1)[0]
    c = np.zeros(len(root))
    c[live] = lapack.dpotrs(factor, own * response.cross[live] / noise, lower=1)[0]
    left = response.cross - response.gram @ (root * c)
    # The others are next to uncorrelated with all there is: each has a prior and a score.
    rest = ~live
    c[rest] = root[rest] * left[rest] / noise / (1.0 + weight[rest])
    leverage = 1.0 / (1.0 + weight)
    leverage[live] = np.einsum("ij,ij->j", inverse, inverse)
    coef = root * c
    fitted = np.where(live, response.cross + left, 2.0 * left) @ coef
    rss = response.square - float(fitted) + float(weight[rest] @ c[rest] ** 2) * noise
    if layout.free[-1]:
        rss = max(rss, np.finfo(float).tiny)
    size = float(c @ c)
    log_det = 2.0 * float(np.log(factor.diagonal()).sum())
    log_det += float(np.log1p(weight[rest]).sum())
    prior, gradient = layout.prior(logs)
    value = 0.5 * (response.count * logs[-1] + log_det + rss / noise + size) + prior
    by_group = np.bincount(layout.owner, 0.5 * (1.0 - leverage - c**2), len(layout.sizes))
    gradient += layout.sums.T @ by_group
    used = 1.0 - leverage
    gradient[-1] = 0.5 * (response.count - used.sum() - rss / noise)
    loss = 0.5 * (rss + noise * size) / response.count
    found = Posterior(logs, coef, variances, live, factor, noise, used, -value, loss, log_det)
    return found, gradient


def _factor(gram: FloatArray, scale: FloatArray) -> FloatArray:
    """Return the lower Cholesky factor of ``scale gram scale + I``; rounding gets a ridge."""
    matrix = np.asfortranarray(gram * scale)
    matrix *= scale[:, None]
    places = np.diag_indices_from(matrix)
    own = matrix[places] + 1.0
    ridge = RIDGE * float(own.max(initial=1.0))
    for _ in range(6):
        matrix[places] = own + ridge
        factor, failed = lapack.dpotrf(matrix, lower=1)
        if not failed:
            return factor
        ridge *= 10.0
    raise LinAlgError("the matrix of the marginal likelihood is not positive definite")


def maximised(
    layout: Layout,
    response: Response,
    logs: FloatArray,
    max_iter: int,
    watch: Callable[[Posterior], None] | None = None,
) -> Posterior:
    """Climb to variances of high marginal likelihood by L-BFGS.

    Parameters
    ----------
    layout : Layout
        Of the design.
    response : Response
        The target.
    logs : ndarray of shape (n_logs,)
        Where to start.
    max_iter : int
        Largest number of iterations.
    watch : callable, optional
        Called with the posterior after every iteration.
    """
    free = layout.free
    best: Posterior | None = None

    def cost(part: FloatArray) -> tuple[float, FloatArray]:
        nonlocal best
        own = logs.copy()
        own[free] = part
        found, gradient = posterior(layout, response, own)
        if best is None or found.evidence > best.evidence:
            best = found
        return -found.evidence, gradient[free]

    def after(_: FloatArray) -> None:
        if watch is not None and best is not None:
            watch(best)

    bounds = np.column_stack([np.full(len(logs), LOWEST), layout.highest])
    bounds[-1, 0] = LOWEST_NOISE
    minimize(
        cost,
        np.clip(logs, *bounds.T)[free],
        jac=True,
        method="L-BFGS-B",
        bounds=bounds[free],
        options={"maxiter": max_iter},
        callback=after,
    )
    assert best is not None
    return best
