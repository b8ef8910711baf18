"""Fitted estimators as ONNX operators."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from skkan.estimators._symbolic_regressor import KANSymbolicRegressor
from skkan.onnx._expressions import ExpressionWriter
from skkan.onnx._graph import Graph
from skkan.onnx._layers import write_network
from skkan.onnx._tables import has_texts, write_table
from skkan.symbolic.export._closed_ends import with_closed_ends


def named_columns(model: Any) -> list[tuple[str, bool]] | None:
    """Return the names of columns and whether they hold texts, if any does; else None."""
    encoder = getattr(model, "_encoder", None)
    if encoder is None:
        return None
    found = [(own.name, has_texts(own)) for own in encoder.columns]
    return found if any(text for _, text in found) else None


def write_model(graph: Graph, model: Any, X: str | Sequence[str]) -> list[str]:
    """Write a fitted estimator into a graph.

    Parameters
    ----------
    graph : Graph
        The graph.
    model : estimator
        A fitted estimator of skkan.
    X : str or sequence of str
        Name of the columns, shape (n_samples, n_features), in the graph's precision. Where a column
        holds texts, a name for each column, of shape (n_samples, 1).

    Returns
    -------
    outputs : list of str
        Predictions of a regressor, shape (n_samples, n_outputs), or labels and probabilities.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If it has a part that ONNX has no operators for.
    """
    check_is_fitted(model)
    if isinstance(model, KANSymbolicRegressor):
        return [_write_formula(graph, model, str(X))]
    if hasattr(model, "_encoder"):
        X = write_table(graph, model._encoder, X)
    outputs = write_network(graph, model.network_, str(X))
    if not is_classifier(model):
        loss = model._state.data_fit
        return [graph.add("Exp", outputs) if loss is not None and loss.link == "log" else outputs]
    if len(model.classes_) == 2:
        both = graph.add("Concat", graph.add("Neg", outputs), outputs, axis=1)
        probabilities = graph.add("Sigmoid", both)
        positive = graph.add("Greater", outputs, 0.0)
        place = graph.add("Reshape", graph.add("Cast", positive, to=7), np.array([-1]))
    else:
        probabilities = graph.add("Softmax", outputs, axis=1)
        place = graph.add("ArgMax", outputs, axis=1, keepdims=0)
    labels = graph.add("Gather", stored_labels(model.classes_), place, axis=0)
    return [labels, probabilities]


def stored_labels(classes: NDArray[Any]) -> NDArray[Any]:
    """Return the classes as ONNX can hold them: whole numbers or strings.

    Raises
    ------
    ValueError
        If they are something else.
    """
    if classes.dtype.kind in "biu" or all(isinstance(own, int | np.integer) for own in classes):
        return classes.astype(np.int64)
    if all(isinstance(own, str) for own in classes):
        return np.array(classes.tolist(), dtype=object)
    if classes.dtype.kind == "f" and np.all(classes == np.round(classes)):
        return classes.astype(np.int64)
    raise ValueError(
        f"ONNX holds labels that are whole numbers or strings, but the classes are "
        f"{classes.tolist()!r}. Encode them, for example with LabelEncoder."
    )


def _write_formula(graph: Graph, model: KANSymbolicRegressor, X: str) -> str:
    import sympy  # noqa: PLC0415

    formula = model.get_best()["equation"]
    columns = {
        sympy.Symbol(name): graph.add("Gather", X, np.array([i]), axis=1)
        for i, name in enumerate(model._names())
        if sympy.Symbol(name) in formula.free_symbols
    }
    if not columns:
        first = graph.add("Gather", X, np.array([0]), axis=1)
        return graph.add("Add", graph.add("Mul", first, 0.0), float(formula))
    return ExpressionWriter(graph, columns).write(with_closed_ends(formula))
