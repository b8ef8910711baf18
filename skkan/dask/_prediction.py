"""Predictions for Dask arrays and data frames, computed block by block when they are needed."""

import copy
from typing import Any

import dask.array as da
import numpy as np
from dask.delayed import delayed
from sklearn.utils.validation import check_is_fitted

from skkan.dask._collections import as_columns, check_names


def lazily(estimator: Any, method: str, X: Any) -> da.Array:
    """Return what a method of an estimator makes of inputs, without computing it yet.

    Parameters
    ----------
    estimator : estimator
        Fitted; fitting it again changes no prediction that has been asked for before.
    method : str
        Name of a method that takes an array of shape (n_samples, n_features) and returns one of
        shape (n_samples,) or (n_samples, n_columns).
    X : dask.array.Array or dask.dataframe.DataFrame of shape (n_samples, n_features)
        Inputs.

    Returns
    -------
    predictions : dask.array.Array of shape (n_samples,) or (n_samples, n_columns)
        In blocks as `X`.
    """
    check_is_fitted(estimator)
    if hasattr(estimator, "_encoder"):
        raise ValueError(
            "the model has columns of levels or with gaps, which predictions for Dask collections "
            "do not take. Call it on X.compute(), or on its blocks."
        )
    check_names(estimator, X, reset=False)
    inputs = as_columns(X)
    plain = copy.copy(estimator)
    # Blocks are arrays, whose columns have no names to compare any more.
    vars(plain).pop("feature_names_in_", None)
    if inputs.shape[1] != plain.n_features_in_:
        # Says what is wrong.
        getattr(plain, method)(np.zeros((1, inputs.shape[1])))
    example = getattr(plain, method)(plain.network_.scaling.input_shift[None, :])
    return inputs.map_blocks(
        _applied,
        delayed(plain, pure=False, traverse=False),
        method,
        dtype=example.dtype,
        meta=example[:0],
        **_chunks(inputs, example),
    )


def _chunks(inputs: da.Array, example: Any) -> dict[str, Any]:
    if example.ndim == 1:
        return {"drop_axis": 1}
    return {"chunks": (inputs.chunks[0], (example.shape[1],))}


def _applied(inputs: Any, estimator: Any, method: str) -> Any:
    if len(inputs):
        return getattr(estimator, method)(inputs)
    middle = estimator.network_.scaling.input_shift[None, :]
    return getattr(estimator, method)(middle)[:0]
