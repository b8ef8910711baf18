"""Columns of levels and with gaps as ONNX operators: what the network takes for its inputs."""

from numbers import Real
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.data._table_encoder import TableColumn, TableEncoder
from skkan.onnx._graph import Graph


def write_inputs(graph: Graph, encoder: TableEncoder, X: str) -> str:
    """Write the inputs of a network that has been fitted to a table.

    Parameters
    ----------
    graph : Graph
        The graph.
    encoder : TableEncoder
        Levels and gaps of the table.
    X : str
        Name of the table, numbers of shape (n_samples, n_columns); gaps are NaN.

    Returns
    -------
    inputs : str
        Name of what the network takes, shape (n_samples, n_inputs).

    Raises
    ------
    ValueError
        If levels are no numbers.
    """
    parts: list[str] = []
    for j, column in enumerate(encoder.columns):
        own = graph.add("Gather", X, np.array([j]), axis=1)
        parts += _written(graph, column, own)
    return graph.add("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]


def _written(graph: Graph, column: TableColumn, X: str) -> list[str]:
    missing = graph.add("IsNaN", X)
    if column.labels is None:
        filled = graph.add("Where", missing, column.fill, X)
        return [filled, graph.add("Cast", missing, to=_number(graph))] if column.gaps else [filled]
    levels = _numbers(column, graph)
    # One row a sample, with a 1 at its level, and zeros where that is not known.
    one_hot = graph.add("Cast", graph.add("Equal", X, levels[None, :]), to=_number(graph))
    codes = np.arange(len(levels), dtype=np.float64)
    if not column.parts:
        value = _looked_up(graph, one_hot, codes, column.fill)
        if not column.gaps:
            return [value]
        known = graph.add("ReduceSum", one_hot, np.array([1]), keepdims=1)
        return [value, graph.add("Sub", 1.0, known)]
    found = []
    for k in range(len(column.parts)):
        places = column.inputs(np.concatenate([[-1.0], codes, [np.nan]]))[:, k]
        value = _looked_up(graph, one_hot, places[1:-1], float(places[0]))
        if places[-1] != places[0]:
            value = graph.add("Where", missing, float(places[-1]), value)
        found.append(value)
    return found


def _looked_up(graph: Graph, one_hot: str, values: FloatArray, otherwise: float) -> str:
    """Return the value of the level of every sample."""
    product = graph.add("MatMul", one_hot, (values - otherwise)[:, None])
    return graph.add("Add", product, otherwise)


def _number(graph: Graph) -> int:
    """Return ONNX's number of the graph's precision."""
    return 11 if graph.dtype == np.float64 else 1


def _numbers(column: TableColumn, graph: Graph) -> FloatArray:
    labels: tuple[Any, ...] = column.labels or ()
    if not all(isinstance(own, Real | np.bool_) for own in labels):
        raise ValueError(
            f"column {column.name!r} has levels that are no numbers, such as {labels[0]!r}, but "
            "inputs of an ONNX model are numbers. Put OrdinalEncoder before it, name the "
            "column in categorical_features, and fit again; or use to_code or to_function."
        )
    levels = np.array([float(own) for own in labels])
    if len(np.unique(levels.astype(graph.dtype))) < len(levels):
        raise ValueError(
            f"column {column.name!r} has levels that are the same number in {graph.dtype}. "
            "Use dtype='float64'."
        )
    return levels
