"""Feature matrices of a layer, and their derivatives: dense, or sparse where the grids are fine.

Of the ``G + k`` splines of a node only ``k + 1`` differ from zero, whatever the grid. On coarse
grids products with a dense matrix of all of them are faster all the same, as BLAS does many times
as much in a second; from ``SPARSE_FROM`` features of a node on, the zeros are left out.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, issparse

from skkan._typing import FloatArray
from skkan.network.functions._splines import gather, places, scatter

SPARSE_FROM = 32

# An array or a CSR matrix of shape (n_samples, n_in * n_features).
Features = Any


def leaves_out_zeros(n_features: int) -> bool:
    """Say whether feature matrices are sparse with so many features of a node."""
    return n_features >= SPARSE_FROM


@dataclass(frozen=True)
class LocalFeatures:
    """Those features of some samples, or derivatives of features, that are not zero.

    Attributes
    ----------
    first : ndarray of int of shape (n_samples, n_in)
        Index of the first non-zero spline of every node.
    splines : ndarray of shape (degree + 1, n_samples, n_in)
        Values of the splines from there on.
    base : ndarray of shape (n_samples, n_in) or None
        Value of the base function, the last feature of a node.
    n_features : int
        Number of features of a node.
    """

    first: NDArray[np.intp]
    splines: FloatArray
    base: FloatArray | None
    n_features: int

    def scaled(self, factors: FloatArray) -> "LocalFeatures":
        """Return the features times a factor for every sample and node."""
        base = None if self.base is None else self.base * factors
        return LocalFeatures(self.first, self.splines * factors, base, self.n_features)

    def matrix(self) -> Features:
        """Return all features, a row for every sample."""
        if leaves_out_zeros(self.n_features):
            return self._rows(len(self.first))
        width = self.n_features
        dense = scatter(places(self.first, width), self.splines, width)
        if self.base is not None:
            dense[..., -1] = self.base
        return dense.reshape(len(dense), -1)

    def by_edge(self, coef: FloatArray) -> FloatArray:
        """Return the sum over the features of every node apart.

        Parameters
        ----------
        coef : ndarray of shape (n_in * n_features, n_subnodes)
            Coefficients.

        Returns
        -------
        sums : ndarray of shape (n_samples, n_in, n_subnodes)
            One for every edge.
        """
        n_samples, n_in = self.first.shape
        return (self._rows(n_samples * n_in) @ coef).reshape(n_samples, n_in, -1)

    def _rows(self, n_rows: int) -> Features:
        """Return a CSR matrix that has the features of the samples and nodes in `n_rows` rows."""
        n_in, starts = self.first.shape[1], self.n_features * np.arange(self.first.shape[1])
        columns = (self.first + starts)[..., None] + np.arange(len(self.splines))
        values = np.moveaxis(self.splines, 0, -1)
        if self.base is not None:
            last = np.broadcast_to(starts + self.n_features - 1, self.first.shape)
            columns = np.concatenate([columns, last[..., None]], axis=-1)
            values = np.concatenate([values, self.base[..., None]], axis=-1)
        ends = np.arange(0, values.size + 1, values.size // n_rows, dtype=np.int32)
        return csr_matrix(
            (values.ravel(), columns.astype(np.int32).ravel(), ends),
            shape=(n_rows, n_in * self.n_features),
        )

    def contracted(self, coef: FloatArray, weights: FloatArray) -> FloatArray:
        """Return ``sum_j weights_j sum_m feature_im coef_imj`` for every node ``i``.

        Parameters
        ----------
        coef : ndarray of shape (n_in * n_features, n_subnodes)
            Coefficients.
        weights : ndarray of shape (n_samples, n_subnodes)
            Weights of the subnodes.

        Returns
        -------
        sums : ndarray of shape (n_samples, n_in)
            One for every node.
        """
        if leaves_out_zeros(self.n_features):
            return np.einsum("nij,nj->ni", self.by_edge(coef), weights)
        # BLAS is slow at outer products.
        by_feature = weights * coef.T if coef.shape[1] == 1 else weights @ coef.T
        sums = gather(places(self.first, self.n_features), self.splines, by_feature)
        if self.base is not None:
            sums += self.base * by_feature[:, self.n_features - 1 :: self.n_features]
        return sums


def as_dense(features: Features) -> FloatArray:
    """Return a feature matrix as an array."""
    return features.toarray() if issparse(features) else features
