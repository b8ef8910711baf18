"""What the data leave open about an analysis of variance: the Gaussian around its coefficients.

References
----------
G. Wahba, "Bayesian 'confidence intervals' for the cross-validated smoothing spline", JRSS B 45
(1983).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, solve_triangular

from skkan._typing import FloatArray
from skkan.anova._design import Design
from skkan.anova._evidence import Posterior
from skkan.anova._families import Solution
from skkan.anova._terms import AnalysisTerm, AnalysisTerms, groups, variance_of, worth
from skkan.network._network import Network

BLOCK_ROWS = 2048


@dataclass(frozen=True)
class Root:
    """Root of the covariance of the coefficients of one output.

    Attributes
    ----------
    live : ndarray of int of shape (n_live,)
        Columns of the design that the data say something of.
    scale : ndarray of shape (n_live,)
        Prior standard deviations of their coefficients.
    packed : ndarray of shape (n_live * (n_live + 1) / 2,)
        Rows of the lower triangle of the factor of their precision, for prior deviations of 1.
    rest : ndarray of shape (n_columns,)
        Variances of the coefficients of the others, zero for these.
    """

    live: NDArray[np.intp]
    scale: FloatArray
    packed: FloatArray
    rest: FloatArray

    @classmethod
    def of(cls, found: Posterior) -> "Root":
        """Take what a fit has found."""
        live = np.flatnonzero(found.live)
        rest = np.where(found.live, 0.0, found.variances)
        packed = found.factor[np.tril_indices(len(live))]
        return cls(live, np.sqrt(found.variances[live]), packed, rest)

    def factor(self) -> FloatArray:
        """Return the factor of the precision."""
        factor = np.zeros((len(self.live),) * 2)
        factor[np.tril_indices(len(factor))] = self.packed
        return factor

    def worth(self, places: NDArray[np.intp], coef: FloatArray) -> float:
        """Return the log of the factor by which the evidence falls without some coefficients."""
        live = np.searchsorted(self.live, places[np.isin(places, self.live)])
        mean = coef[self.live[live]] / self.scale[live]
        return worth(self.factor(), live.tolist(), mean)

    def variances(self, directions: FloatArray) -> FloatArray:
        """Return ``d'R'R d`` for directions ``d`` in the rows."""
        factor = self.factor() / self.scale[:, None]
        half = blas.dtrsm(1.0, factor, directions.take(self.live, axis=1).T, lower=1, overwrite_b=1)
        found: FloatArray = np.einsum("ij,ij->j", half, half)
        others = np.flatnonzero(self.rest)
        return found + directions[:, others] ** 2 @ self.rest[others]

    def half(self, directions: FloatArray) -> FloatArray:
        """Return ``R d`` for directions ``d`` in the rows: ``R'R`` is the covariance."""
        own = (directions[:, self.live] * self.scale).T
        return np.concatenate(
            [
                solve_triangular(self.factor(), own, lower=True, check_finite=False).T,
                directions * np.sqrt(self.rest),
            ],
            axis=1,
        )


@dataclass(frozen=True)
class AnalysisPosterior:
    """The Gaussian around an analysis of variance, and what it says of its outputs.

    Attributes
    ----------
    design : Design
        Columns of the model.
    roots : sequence of Root
        Of every output.
    noise : ndarray of shape (n_outputs,)
        Variance of the noise of every output, in the units of training.
    order : ndarray of int of shape (n_inputs,)
        Input ``i`` in training is input ``order[i]`` of the network.
    units : ndarray of shape (n_outputs,)
        What the sum nodes of the network have been divided by.
    coef, used : ndarray of shape (n_columns, n_outputs)
        Coefficients, and their effective degrees of freedom.
    standardised : bool
        Whether the variance of every target is 1, or the outputs are log-odds.
    """

    design: Design
    roots: Sequence[Root]
    noise: FloatArray
    order: NDArray[np.intp]
    units: FloatArray
    coef: FloatArray
    used: FloatArray
    standardised: bool = True

    @classmethod
    def of(
        cls, found: Solution, order: NDArray[np.intp], units: FloatArray, standardised: bool
    ) -> "AnalysisPosterior":
        """Take what a fit has found; every output has used the first columns of the design."""
        roots = [Root.of(own) for own in found.posteriors]
        return cls(
            *(found.design, roots, found.noise, order, units, found.coef, found.used, standardised)
        )

    def terms(self, names: Sequence[str]) -> AnalysisTerms:
        """Return all terms, those of most variance first.

        Parameters
        ----------
        names : sequence of str
            Names of the inputs of the network.
        """
        found = AnalysisTerms()
        n_outputs = len(self.roots)
        total, independent = float(n_outputs), 1.0
        if not self.standardised:
            # Outputs of a softmax are known up to a common one.
            independent = (n_outputs - 1.0) / n_outputs if n_outputs > 1 else 1.0
            total = sum(
                variance_of(self.design, columns, self.coef[places, k])
                for columns, places in groups(self.design)
                for k in range(n_outputs)
            )
        for columns, places in groups(self.design):
            share = evidence = 0.0
            for k, root in enumerate(self.roots):
                share += variance_of(self.design, columns, self.coef[places, k])
                evidence += root.worth(places, self.coef[:, k])
            own = sorted(int(self.order[j]) for j in columns)
            dof = float(self.used[places].sum())
            label = tuple(str(names[j]) for j in own)
            found.append(AnalysisTerm(label, share / (total or 1.0), dof, independent * evidence))
        found.sort(key=lambda one: (-one.share, one.columns))
        return found

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
        variance = np.empty((len(X), len(self.noise)))
        for start in range(0, len(X), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            matrix = self.design.matrix(network.scaling.inputs(X[rows])[:, self.order])
            for k, root in enumerate(self.roots):
                variance[rows, k] = root.variances(matrix[:, : len(root.rest)])
        return network.scaling.output_scale * np.sqrt(variance + self.noise * include_noise)

    def covariances(self, network: Network, X: FloatArray, include_noise: bool) -> FloatArray:
        """Return the covariances of samples, shape (n_samples, n_samples, n_outputs).

        Parameters are those of :meth:`deviations`.
        """
        found = np.stack([half @ half.T for half in self._halves(network, X)], axis=2)
        if include_noise:
            found[np.arange(len(X)), np.arange(len(X))] += self.noise
        return network.scaling.output_scale**2 * found

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
        scaling = network.scaling

        def means(inputs: FloatArray, length: int) -> FloatArray:
            matrix = self.design.matrix(scaling.inputs(inputs)[:, self.order])
            return matrix.reshape(-1, length, matrix.shape[1]).mean(axis=1)

        step = size * max(1, BLOCK_ROWS // size)
        parts = [means(X[start : start + step], size) for start in range(0, len(X), step)]
        directions = np.concatenate(parts) - means(reference, len(reference))
        found = [root.half(directions[:, : len(root.rest)]) for root in self.roots]
        variance = np.stack([(half**2).sum(axis=1) for half in found], axis=1)
        return scaling.output_scale * np.sqrt(variance)

    def edge_deviations(
        self,
        network: Network,  # noqa: ARG002
        depth: int,
        i: int,
        j: int,
        features: FloatArray,
    ) -> FloatArray:
        """Return the standard deviation of combinations of the features of a spline.

        The factors of a product are known up to a factor only, and lines behind a node are given:
        theirs are zero.

        Parameters
        ----------
        network : Network
            The fitted network; its splines are those of the analysis.
        depth : int
            Number of the layer.
        i, j : int
            Input node and subnode of the edge.
        features : ndarray of shape (n_samples, n_features)
            The combinations.
        """
        column = int(np.flatnonzero(self.order == i)[0]) if depth == 0 else -1
        used = self.design.used.tolist()
        basis = self.design.bases.columns[column]
        fits = features.shape[1] == self.design.bases.grid.n_splines
        if column not in used or j >= len(self.noise) or not fits:
            return np.zeros(len(features))
        place, starts = used.index(column), self.design.starts
        directions = np.zeros((len(features), self.design.n_columns))
        directions[:, starts[1] + place] = features @ basis.line
        own = slice(starts[2 + place], starts[2 + place] + basis.size)
        directions[:, own] = features @ basis.transform
        root = self.roots[j]
        half = root.half(directions[:, : len(root.rest)])
        return np.sqrt((half**2).sum(axis=1)) / self.units[j]

    def _halves(self, network: Network, X: FloatArray) -> list[FloatArray]:
        matrix = self.design.matrix(network.scaling.inputs(X)[:, self.order])
        return [root.half(matrix[:, : len(root.rest)]) for root in self.roots]
