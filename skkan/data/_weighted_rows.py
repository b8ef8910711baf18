"""Rows of data with the targets and the weights that belong to them."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skkan._typing import FloatArray
from skkan.data._samples import TrainingData, canonical_rows
from skkan.network._scaling import Scaling

# Of the largest weight; what rows without any count where only the extent of the data matters.
NEXT_TO_NOTHING = 1e-12


@dataclass(frozen=True)
class WeightedRows:
    """Rows in the units of the data, which are passed on as one lest their weights be forgotten.

    Attributes
    ----------
    X : ndarray of shape (n_rows, n_inputs)
        Inputs.
    target : ndarray of shape (n_rows, n_outputs)
        Targets, or class memberships.
    weight : ndarray of shape (n_rows,)
        Weights; zero for rows that only show how far the data reach.
    """

    X: FloatArray
    target: FloatArray
    weight: FloatArray

    @classmethod
    def equal(cls, X: ArrayLike) -> Self:
        """Return rows without targets that all count alike."""
        inputs = np.asarray(X, dtype=np.float64)
        return cls(inputs, np.empty((len(inputs), 0)), np.ones(len(inputs)))

    def __len__(self) -> int:
        return len(self.X)

    @property
    def total(self) -> float:
        """Sum of the weights."""
        return float(self.weight.sum())

    @property
    def reach(self) -> FloatArray:
        """Positive weights of all rows, next to nothing for those that only show the extent."""
        least = NEXT_TO_NOTHING * float(self.weight.max(initial=0.0))
        return np.maximum(self.weight, least if least > 0.0 else 1.0)

    def taken(self, places: NDArray[np.intp]) -> Self:
        """Return some of the rows."""
        return replace(
            self, X=self.X[places], target=self.target[places], weight=self.weight[places]
        )

    def weighted(self) -> Self:
        """Return the rows that have a weight."""
        return self.taken(np.flatnonzero(self.weight > 0.0))

    def split(self, count: int) -> "tuple[WeightedRows, WeightedRows]":
        """Return the first `count` rows and the others, as copies."""
        parts = [
            WeightedRows(self.X[own].copy(), self.target[own].copy(), self.weight[own].copy())
            for own in (slice(count), slice(count, None))
        ]
        return parts[0], parts[1]

    def joined(self, other: "WeightedRows") -> "WeightedRows":
        """Return these rows and others."""
        return WeightedRows(
            np.concatenate([self.X, other.X]),
            np.concatenate([self.target, other.target]),
            np.concatenate([self.weight, other.weight]),
        )

    def merged(self) -> "WeightedRows":
        """Return every row once, with the sum of its weights, where it comes first.

        After this a weight of 2 and the same row twice are one and the same.
        """
        if not len(self):
            return self
        rows = np.concatenate([self.X, self.target], axis=1) + 0.0
        _, first, group = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(first)
        weight = np.bincount(group.ravel(), self.weight, len(first)).astype(np.float64)
        places = first[order]
        return WeightedRows(self.X[places] + 0.0, self.target[places] + 0.0, weight[order])

    def scaled(self, scaling: Scaling) -> TrainingData:
        """Return the rows as training has them: in the units of a network, merged and sorted."""
        return TrainingData.of(*canonical_rows(self.X, self.target, self.weight), scaling)
