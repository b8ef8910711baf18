"""Validation of samples where they are, block by block."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from skkan._typing import FloatArray
from skkan.data._weights import WeightSummary, WeightUnit
from skkan.estimators._targets import ClassWeights, class_weights, memberships

Samples = tuple[FloatArray, NDArray[Any], FloatArray]


def numeric_block(X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None) -> Samples:
    """Return the samples of a block that count: inputs, targets of two dimensions, weights."""
    targets = check_array(
        y, dtype=np.float64, ensure_2d=False, ensure_min_samples=0, input_name="y"
    )
    return _counting(*_checked(X, targets.reshape(len(targets), -1), sample_weight))


def labelled_block(X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None) -> Samples:
    """Return the samples of a block: inputs, labels, weights."""
    labels = column_or_1d(y, warn=True)
    if len(labels):
        check_array(labels, dtype=None, ensure_2d=False, input_name="y")
        check_classification_targets(labels)
    return _checked(X, labels, sample_weight)


def _numbers(X: Any) -> FloatArray:
    """Return inputs, which are numbers without gaps here."""
    try:
        options: dict[str, Any] = {"ensure_min_samples": 0, "input_name": "X"}
        inputs = check_array(X, dtype=np.float64, ensure_all_finite="allow-nan", **options)
    except (TypeError, ValueError) as error:
        if "convert" not in str(error):
            raise
        raise ValueError(
            f"X must hold real numbers: {error}. Levels have to be encoded before a fit on Dask "
            "collections, for example by dask.dataframe.get_dummies; or use skkan.KANRegressor."
        ) from error
    if np.isnan(inputs).any():
        raise ValueError(
            "Input X contains NaN. Gaps have to be filled before a fit on Dask collections, for "
            "example by fillna; or use skkan.KANRegressor, which takes them as they are."
        )
    return inputs


def _checked(X: ArrayLike, y: NDArray[Any], sample_weight: ArrayLike | None) -> Samples:
    inputs = _numbers(X)
    if sample_weight is None:
        return inputs, y, np.ones(len(inputs))
    weight = check_array(
        sample_weight,
        dtype=np.float64,
        ensure_2d=False,
        ensure_min_samples=0,
        input_name="sample_weight",
    )
    if weight.ndim != 1:
        raise ValueError(
            f"sample_weight must have one dimension, got a block of shape {weight.shape}."
        )
    if weight.min(initial=0.0) < 0.0:
        raise ValueError(
            f"sample_weight must not be negative, got {weight.min():g}. Leave samples out, or "
            "give them weight 0."
        )
    return inputs, y, weight


def _counting(X: FloatArray, target: NDArray[Any], weight: FloatArray) -> Samples:
    used = weight > 0.0
    return (X, target, weight) if used.all() else (X[used], target[used], weight[used])


def encoded_block(
    block: Samples, classes: NDArray[Any], factors: FloatArray, unit: WeightUnit | None = None
) -> Samples:
    """Return the samples of a block that count, with class memberships for labels.

    Parameters
    ----------
    block : tuple
        What :func:`labelled_block` returns.
    classes : ndarray of shape (n_classes,)
        All labels that there are, sorted.
    factors : ndarray of shape (n_classes,)
        Their weights.
    unit : WeightUnit, optional
        Unit in which weights of samples are counted before those of the classes are put on.
    """
    X, labels, weight = block
    if unit is not None:
        weight = unit.counted(weight)
    codes = np.searchsorted(classes, labels)
    return _counting(X, memberships(codes, len(classes)), weight * factors[codes])


def block_class_weights(block: Samples) -> ClassWeights:
    """Return the labels of a block, and the sum of the weights of each."""
    return class_weights(*block[1:])


def block_weights(block: Samples) -> WeightSummary:
    """Return what is to be known of the weights of a block to find their unit."""
    return WeightSummary.of(block[2])
