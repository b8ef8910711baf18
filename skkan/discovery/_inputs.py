"""Tables and names as the functions of this room take them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_array

from skkan._typing import FloatArray
from skkan.network._hidden_layers import is_integer
from skkan.symbolic.export._names import valid_names

MIN_SAMPLES = 30


def checked_table(
    X: ArrayLike, name: str = "X", min_samples: int = MIN_SAMPLES
) -> tuple[FloatArray, list[str]]:
    """Return a table of finite numbers and the names of its columns.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_columns)
        The table; names are those of a data frame, or ``x0, x1, ...``.
    name : str, default="X"
        Name of the argument, for messages.
    min_samples : int, default=30
        Least number of rows.

    Raises
    ------
    ValueError
        If the table cannot be used.
    """
    given: Any = getattr(X, "columns", None)
    table = np.asarray(check_array(X, dtype=np.float64, input_name=name), dtype=np.float64)
    if len(table) < min_samples:
        raise ValueError(
            f"{name} has {len(table)} samples; at least {min_samples} are needed to tell a "
            "structure from chance."
        )
    if given is None:
        return table, [f"x{k}" for k in range(table.shape[1])]
    return table, [str(own) for own in given]


def column_index(column: Any, names: Sequence[str], argument: str) -> int:
    """Return the place of a column given by place or name.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    if isinstance(column, str):
        if column in names:
            return list(names).index(column)
    elif is_integer(column, -len(names)) and column < len(names):
        return int(column) % len(names)
    raise ValueError(
        f"{argument} names column {column!r}, but the columns are {list(names)}; give a name or "
        f"a place from 0 to {len(names) - 1}."
    )


def symbols_of(names: Sequence[str]) -> list[Any]:
    """Return SymPy symbols for columns, with names that are valid in formulas."""
    import sympy  # noqa: PLC0415

    return [sympy.Symbol(name) for name in valid_names(names)]
