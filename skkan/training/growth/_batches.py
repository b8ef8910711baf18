"""Streams that the analysis of variance is fitted to: its Gaussian is all that is to be kept.

Given the variances of coefficients and noise, what the samples so far say of an analysis of
variance is a Gaussian. A batch adds its normal equations to the precision, and the coefficients
are solved for again: exactly those of all samples at once (recursive least squares), whatever has
become of the samples.

Variances and interactions are chosen anew from all samples, as long as these are there, each time
their number has grown by a quarter, or when they leave the grids. So five equal batches end with
the fit to all of them. Copies of samples do not count as new ones.

References
----------
C. Gu, *Smoothing Spline ANOVA Models*, 2nd edition, Springer 2013.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.spatial import cKDTree

from skkan._typing import FloatArray
from skkan.anova._evidence import LEAST_WEIGHT, Posterior
from skkan.anova._families import Solution
from skkan.anova._uncertainty import AnalysisPosterior, Root
from skkan.data._samples import TrainingData
from skkan.data._weighted_rows import WeightedRows
from skkan.network._network import Network
from skkan.network._scaling import Scaling
from skkan.training._problem import Problem
from skkan.training._settings import TrainingResult
from skkan.training.growth._analysed import Analysed

# Samples that are kept; with more, variances and interactions stay what they are.
MAX_ROWS = 10_000
# Growth of the number of samples that is worth a fit.
WORTH_A_FIT = 1.25
# Of the range of a column.
BEYOND = 0.02
# Of samples that are the same, in units of the network.
ROUNDING = 1e-9


@dataclass(frozen=True)
class AnalysedStream:
    """What a stream of no given shape leaves behind besides the network.

    Attributes
    ----------
    rows : WeightedRows
        Samples, all of them or some.
    complete : bool
        Whether these are all.
    n_fitted : int
        Number of different samples of the latest fit.
    parameters : ndarray of shape (n_parameters,)
        Parameters of the network that this is for.
    """

    rows: WeightedRows
    complete: bool
    n_fitted: int
    parameters: FloatArray

    @classmethod
    def started(cls, rows: WeightedRows, complete: bool, network: Network) -> "AnalysedStream":
        """Return the stream whose first samples a network has just been fitted to."""
        own = rows.weighted()
        copies = WeightedRows(own.X.copy(), own.target.copy(), own.weight.copy())
        return cls(copies, complete, len(own.merged()), network.get_parameters())._bounded()

    def _bounded(self) -> "AnalysedStream":
        """Return the same with as many rows as are kept."""
        if len(self.rows) <= MAX_ROWS:
            return self
        rows = self.rows.merged()
        places = np.linspace(0, len(rows) - 1, min(len(rows), MAX_ROWS)).round().astype(np.intp)
        few = rows.taken(places)
        few = replace(few, weight=few.weight * (self.rows.total / few.total))
        return replace(self, rows=few, complete=self.complete and len(few) == len(rows))

    def is_of(self, network: Network) -> bool:
        """Return whether the network is still the one that this is for."""
        return np.array_equal(self.parameters, network.get_parameters())

    def with_batch(self, samples: WeightedRows, network: Network) -> "AnalysedStream":
        """Return the stream with a batch more, that `network` has learned from."""
        rows = self.joined(samples, network.scaling)
        return replace(self, rows=rows, parameters=network.get_parameters())._bounded()

    def joined(self, samples: WeightedRows, scaling: Scaling) -> WeightedRows:
        """Return the rows and those of a batch, of which copies are the same to the last digit.

        Rows of a fit have been scaled and scaled back.

        Parameters
        ----------
        samples : WeightedRows
            The batch.
        scaling : Scaling
            Of the network.
        """
        own, new = (
            np.concatenate([scaling.inputs(rows.X), scaling.targets(rows.target)], axis=1)
            for rows in (self.rows, samples)
        )
        distance, place = cKDTree(new).query(own, distance_upper_bound=ROUNDING)
        copies = np.isfinite(distance)
        X, target = samples.X.copy(), samples.target.copy()
        X[place[copies]], target[place[copies]] = self.rows.X[copies], self.rows.target[copies]
        return self.rows.joined(WeightedRows(X, target, samples.weight))

    def grows_out(self, samples: WeightedRows, scaling: Scaling) -> bool:
        """Return whether a batch leaves the ranges that the samples have had.

        Parameters
        ----------
        samples : WeightedRows
            The batch.
        scaling : Scaling
            Of the network.
        """
        own, new = self.rows.X, samples.X
        low, high = own.min(axis=0), own.max(axis=0)
        with np.errstate(over="ignore"):
            room = BEYOND * np.where(np.isfinite(scaling.input_scale), scaling.input_scale, 0.0)
            beyond = ((new < low - room) | (new > high + room)).any()
        flat = (scaling.output_scale == 0.0) & (samples.target != scaling.output_shift).any(axis=0)
        return bool(beyond or flat.any())

    def is_worth_a_fit(self, rows: WeightedRows) -> bool:
        """Return whether there are so many new among all rows that variances may have changed."""
        enough = WORTH_A_FIT * self.n_fitted
        return len(rows) >= enough and len(rows.merged()) >= enough


def extended(problem: Problem, known: AnalysisPosterior, batch: TrainingData) -> TrainingResult:
    """Return the analysis of variance of all samples so far, and of a batch.

    Parameters
    ----------
    problem : Problem
        Samples that are there, which hidden grids are laid over; inputs in the order of training.
    known : AnalysisPosterior
        Of the samples before.
    batch : TrainingData
        Scaled samples, inputs in the order of training.
    """
    design = known.design
    matrix = design.matrix(batch.inputs)
    weight = batch.weight * batch.total
    coef, used = np.zeros_like(known.coef), np.zeros_like(known.used)
    found: list[Posterior] = []
    for k, root in enumerate(known.roots):
        count = len(root.rest)
        own = _extended_root(
            *(root, known.coef[:count, k], float(known.noise[k])),
            *(matrix[:, :count], batch.target[:, k], weight),
        )
        coef[:count, k], used[:count, k] = own.coef, own.used
        found.append(own)
    solution = Solution(design, coef, used, tuple(found), 0.0, 0.0, np.asarray(known.noise))
    result = Analysed.of(problem, solution).result([])
    assert result.posterior is not None
    return replace(result, posterior=replace(result.posterior, standardised=known.standardised))


def _extended_root(
    root: Root,
    coef: FloatArray,
    noise: float,
    matrix: FloatArray,
    target: FloatArray,
    weight: FloatArray,
) -> Posterior:
    """Return the Gaussian of one output with the samples of a batch.

    Parameters
    ----------
    root : Root
        Of the covariance before.
    coef : ndarray of shape (n_columns,)
        Mean before.
    noise : float
        Variance of the noise.
    matrix : ndarray of shape (n_samples, n_columns)
        Columns of the batch.
    target, weight : ndarray of shape (n_samples,)
        Its targets, and weights as numbers of samples.
    """
    variances = root.rest.copy()
    variances[root.live] = root.scale**2
    unit = np.sqrt(variances)
    columns = matrix * unit * np.sqrt(weight / noise)[:, None]
    live = (columns**2).sum(axis=0) > LEAST_WEIGHT
    live[root.live] = True
    own, place = np.flatnonzero(live), np.cumsum(live) - 1
    # What the samples before say, in units of the prior deviations.
    precision = np.eye(len(own))
    before: NDArray[np.intp] = place[root.live]
    factor = root.factor()
    precision[np.ix_(before, before)] = factor @ factor.T
    mean = np.divide(coef, unit, out=np.zeros_like(coef), where=unit > 0.0)
    left = (target - matrix[:, ~live] @ coef[~live]) * np.sqrt(weight / noise)
    right = precision @ mean[own] + columns[:, own].T @ left
    precision += columns[:, own].T @ columns[:, own]
    lower = cholesky(precision, lower=True)
    mean[own] = cho_solve((lower, True), right)
    inverse = solve_triangular(lower, np.eye(len(own)), lower=True)
    used = np.zeros_like(coef)
    used[own] = 1.0 - np.einsum("ij,ij->j", inverse, inverse)
    log_det = 2.0 * float(np.log(lower.diagonal()).sum())
    nothing = np.empty(0)
    return Posterior(nothing, unit * mean, variances, live, lower, noise, used, 0.0, 0.0, log_det)
