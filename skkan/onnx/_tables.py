"""Columns with levels and gaps as ONNX operators.

A column of levels becomes the place of its level in a table that has the inputs of the network in
its rows: the first row is for unknown levels, the last one for gaps. Numbers are compared with the
levels, texts looked up by ``LabelEncoder``, the only operator that takes texts to numbers.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skkan.data._table_encoder import UNKNOWN, TableColumn, TableEncoder
from skkan.onnx._graph import Graph

# Columns of texts cannot hold "no text" in ONNX.
NO_TEXT = ""
INT64 = 7


def has_texts(column: TableColumn) -> bool:
    """Whether the levels of a column are texts, not numbers.

    Raises
    ------
    ValueError
        If they are neither all texts nor all numbers.
    """
    labels = column.labels or ()
    texts = [isinstance(own, str) for own in labels]
    numbers = [isinstance(own, int | float) for own in labels]
    if not all(texts) and not all(numbers):
        raise ValueError(
            f"ONNX holds levels that are all texts or all numbers, but column {column.name!r} has "
            f"{list(labels[:5])!r}. Turn its levels into texts before fit."
        )
    return bool(labels) and all(texts)


def write_table(graph: Graph, table: TableEncoder, given: str | Sequence[str]) -> str:
    """Write the step from a table to the inputs of a network.

    Parameters
    ----------
    graph : Graph
        The graph.
    table : TableEncoder
        What is known of the columns.
    given : str or sequence of str
        Name of all columns together, shape (n_samples, n_columns), or a name for each, of shape
        (n_samples, 1): texts, or numbers in the graph's precision, NaN where there is none.

    Returns
    -------
    inputs : str
        Name of the inputs, shape (n_samples, n_inputs).

    Raises
    ------
    ValueError
        If ONNX, or the graph's precision, cannot hold the levels.
    """
    found: list[str] = []
    places: list[NDArray[np.intp]] = []
    numbers = [j for j, own in enumerate(table.columns) if own.labels is None]
    if numbers:
        columns = [table.columns[j] for j in numbers]
        x = _picked(graph, given, numbers)
        missing = graph.add("IsNaN", x)
        found.append(graph.add("Where", missing, np.array([own.fill for own in columns]), x))
        starts = np.array([np.flatnonzero(table.owner == j)[0] for j in numbers])
        places.append(starts)
        gaps = np.flatnonzero([own.gaps for own in columns])
        if len(gaps):
            lacks = graph.add("Cast", missing, to=graph.number)
            found.append(graph.add("Gather", lacks, gaps.astype(np.int64), axis=1))
            places.append(starts[gaps] + 1)
    for j, own in enumerate(table.columns):
        if own.labels is not None:
            found.append(_levels(graph, own, _picked(graph, given, [j])))
            places.append(np.flatnonzero(table.owner == j))
    inputs = found[0] if len(found) == 1 else graph.add("Concat", *found, axis=1)
    order = np.argsort(np.concatenate(places))
    if np.array_equal(order, np.arange(len(order))):
        return inputs
    return graph.add("Gather", inputs, order.astype(np.int64), axis=1)


def _picked(graph: Graph, given: str | Sequence[str], columns: list[int]) -> str:
    """Return some columns, shape (n_samples, len(columns))."""
    if isinstance(given, str):
        return graph.add("Gather", given, np.array(columns, np.int64), axis=1)
    names = [given[j] for j in columns]
    return names[0] if len(names) == 1 else graph.add("Concat", *names, axis=1)


def _levels(graph: Graph, column: TableColumn, x: str) -> str:
    """Return the inputs of a column of levels."""
    labels = list(column.labels or ())
    codes = np.array([float(UNKNOWN), *range(len(labels)), np.nan])
    rows = column.inputs(codes)
    gap = len(labels) + 1
    if has_texts(column):
        values = list(range(1, gap))
        if NO_TEXT not in labels:
            labels, values = [*labels, NO_TEXT], [*values, gap]
        place = graph.add(
            "LabelEncoder",
            x,
            domain="ai.onnx.ml",
            keys_strings=labels,
            values_int64s=values,
            default_int64=0,
        )
    else:
        known = np.array(labels, dtype=np.float64).astype(graph.dtype)
        if len(np.unique(known)) < len(known):
            raise ValueError(
                f"column {column.name!r} has levels that are the same number in {graph.dtype}. "
                "Use dtype='float64'."
            )
        there = graph.add("Cast", graph.add("Equal", x, known), to=graph.number)
        # At most one is there, so that this is its place, and 0 where there is none.
        place = graph.add("MatMul", there, np.arange(1.0, gap)[:, None])
        missing = graph.add("IsNaN", x)
        place = graph.add("Cast", graph.add("Where", missing, float(gap), place), to=INT64)
    place = graph.add("Reshape", place, np.array([-1]))
    return graph.add("Gather", rows, place, axis=0)
