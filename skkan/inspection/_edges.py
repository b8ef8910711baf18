"""Quantities and names that the displays have in common."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skkan._typing import FloatArray
from skkan.network._layer import Layer
from skkan.network._network import ROWS_PER_BLOCK, Network

STRENGTHS = ("std", "range")


def fitted_network(estimator: Any) -> Network:
    """Return the network of a fitted estimator.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it has no network.
    """
    check_is_fitted(estimator)
    network = getattr(estimator, "network_", None)
    if not isinstance(network, Network):
        raise TypeError(
            f"estimator must be a KANRegressor or KANClassifier, or a pipeline that ends in one, "
            f"got {type(estimator).__name__}."
        )
    return network


def in_units(network: Network, depth: int, i: int, x: FloatArray) -> FloatArray:
    """Return values of a layer's input node in the user's units, if it is one of the inputs."""
    if depth:
        return x
    shift, scale = network.scaling.input_units(i)
    return shift + scale * x


def edge_strengths(layer: Layer, x: FloatArray, kind: str) -> FloatArray:
    """Return how much every edge moves its subnode, shape (n_in, n_subnodes).

    Parameters
    ----------
    layer : Layer
        The layer.
    x : ndarray of shape (n_samples, n_in)
        Values of its input nodes.
    kind : {"std", "range"}
        Standard deviation of the edge's values, or their largest difference. Values that are not
        finite do not count.
    """
    shape = (layer.n_in, layer.n_subnodes)
    low, high = np.full(shape, np.inf), np.full(shape, -np.inf)
    count, mean, squares = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    # Symbolic edges may overflow, or be undefined, where their function is.
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(x), ROWS_PER_BLOCK):
            values = layer.edge_values(x[start : start + ROWS_PER_BLOCK])
            usable = np.isfinite(values)
            low = np.minimum(low, values.min(axis=0, where=usable, initial=np.inf))
            high = np.maximum(high, values.max(axis=0, where=usable, initial=-np.inf))
            n = usable.sum(axis=0)
            own = values.sum(axis=0, where=usable) / np.maximum(n, 1)
            total, gap = np.maximum(count + n, 1), own - mean
            # Chan et al.: merging the moments of two sets loses no digits, unlike sums of squares.
            squares += (
                np.square(values - own).sum(axis=0, where=usable) + gap**2 * count * n / total
            )
            mean += gap * n / total
            count += n
    if kind == "range":
        return np.where(count > 0, high - low, 0.0)
    return np.sqrt(squares / np.maximum(count, 1))


def relative_scores(layer: Layer, strengths: FloatArray) -> FloatArray:
    """Return strengths relative to the largest of the layer's active edges, within [0, 1]."""
    strengths = np.where(layer.active, np.nan_to_num(strengths), 0.0)
    largest = strengths.max()
    return strengths / largest if largest > 0.0 else np.zeros_like(strengths)


def _checked(names: ArrayLike | None, default: Sequence[Any], argument: str) -> list[str]:
    given = [str(name) for name in (default if names is None else np.asarray(names).ravel())]
    if len(given) != len(default):
        raise ValueError(
            f"{argument} must hold {len(default)} names, got {len(given)}: {', '.join(given)}."
        )
    return given


def input_names(estimator: Any, names: ArrayLike | None = None) -> list[str]:
    """Return the names of the inputs: `names`, the columns that `fit` has seen, or x0, x1, ..."""
    encoder = getattr(estimator, "_encoder", None)
    if encoder is not None:
        # Names are of columns; some become several inputs.
        seen = [own.name for own in encoder.columns]
        return list(encoder.renamed(_checked(names, seen, "feature_names")).names())
    n_inputs = estimator.network_.shape[0]
    seen = getattr(estimator, "feature_names_in_", [f"x{i}" for i in range(n_inputs)])
    return _checked(names, seen, "feature_names")


def output_names(estimator: Any, names: ArrayLike | None = None) -> list[str]:
    """Return the names of the outputs: `names`, the classes or log-odds, or y or y0, y1, ..."""
    n_outputs = estimator.network_.shape[-1]
    classes = getattr(estimator, "classes_", None)
    if classes is not None:
        default = [str(name) for name in classes]
        if n_outputs == 1:
            default = [f"log-odds of {classes[-1]}"]
    else:
        default = ["y"] if n_outputs == 1 else [f"y{k}" for k in range(n_outputs)]
    return _checked(names, default, "target_names")
