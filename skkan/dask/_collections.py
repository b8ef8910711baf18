"""Dask arrays and data frames as lists of blocks."""

from dataclasses import dataclass
from typing import Any, TypeGuard

import dask.array as da
import numpy as np
from dask.delayed import Delayed
from numpy.typing import ArrayLike
from sklearn.utils.validation import _check_feature_names


def is_array(X: Any) -> TypeGuard[da.Array]:
    """Say whether `X` is a Dask array."""
    return isinstance(X, da.Array)


def is_frame(X: Any) -> bool:
    """Say whether `X` is a data frame or a series of Dask; Dask can be there without them."""
    return hasattr(X, "to_dask_array")


def is_collection(X: Any) -> bool:
    """Say whether `X` lies in blocks."""
    return is_array(X) or is_frame(X)


def check_names(estimator: Any, X: Any, *, reset: bool) -> None:
    """Keep the names of the columns of `X`, or compare them with those that are kept."""
    _check_feature_names(estimator, X._meta, reset=reset)


def as_columns(X: Any) -> da.Array:
    """Return inputs as an array whose blocks have all columns.

    The lengths of the blocks of a data frame may be unknown.
    """
    array = X.to_dask_array() if is_frame(X) else X
    if array.ndim != 2:
        raise ValueError(
            f"X must have two dimensions, samples and columns, got shape {array.shape}. A single "
            "column can be written as X[:, None]."
        )
    return array.rechunk({1: -1})


@dataclass(frozen=True)
class Aligned:
    """Inputs, targets and weights that are cut at the same samples.

    Attributes
    ----------
    inputs : dask.array.Array of shape (n_samples, n_inputs)
        Inputs.
    targets : dask.array.Array of shape (n_samples,) or (n_samples, n_outputs)
        Targets.
    weights : dask.array.Array of shape (n_samples,) or None
        Weights.
    """

    inputs: da.Array
    targets: da.Array
    weights: da.Array | None

    @classmethod
    def of(cls, X: Any, y: Any, sample_weight: Any) -> "Aligned":
        """Leave `X` in its blocks, and cut the others where it is.

        Parameters
        ----------
        X : dask.array.Array or dask.dataframe.DataFrame of shape (n_samples, n_features)
            Inputs.
        y : Dask or other array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : Dask or other array-like of shape (n_samples,), or None
            Weights.
        """
        inputs = as_columns(X.to_dask_array(lengths=True) if is_frame(X) else X)
        _check_chunks("X", inputs)
        targets = _cut("y", y, inputs)
        weights = None if sample_weight is None else _cut("sample_weight", sample_weight, inputs)
        return cls(inputs, targets, weights)

    def blocks(self) -> list[tuple[Delayed, Delayed, Delayed | None]]:
        """Return the blocks that belong together."""
        inputs, targets = _blocks(self.inputs), _blocks(self.targets)
        none = [None] * len(inputs)
        weights = none if self.weights is None else _blocks(self.weights)
        return list(zip(inputs, targets, weights, strict=True))


def _cut(name: str, values: Any, inputs: da.Array) -> da.Array:
    """Return an array whose blocks have the samples of those of `inputs`."""
    if is_frame(values):
        values = values.to_dask_array(lengths=True)
    array = values if is_array(values) else _from_memory(values)
    _check_chunks(name, array)
    if array.ndim not in (1, 2) or array.shape[0] != inputs.shape[0]:
        raise ValueError(
            f"{name} must hold as many samples as X, got shape {array.shape} for X of shape "
            f"{inputs.shape}."
        )
    whole = dict.fromkeys(range(1, array.ndim), -1)
    return array.rechunk({0: inputs.chunks[0], **whole})


def _from_memory(values: ArrayLike) -> da.Array:
    array = np.asarray(values)
    return da.from_array(array, chunks=array.shape or -1)


def _check_chunks(name: str, array: da.Array) -> None:
    if np.isnan(array.shape).any():
        raise ValueError(
            f"{name} has blocks of unknown length, got chunks {array.chunks}. Call "
            f"{name}.compute_chunk_sizes() first."
        )
    if array.shape[:1] == (0,):
        raise ValueError(f"{name} has no samples, got shape {array.shape}.")


def _blocks(array: da.Array) -> list[Any]:
    # Optimised apart from each other, blocks that come from the same file would read it twice.
    return array.to_delayed(optimize_graph=False).ravel().tolist()
