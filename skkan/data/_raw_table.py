"""Tables as users have them: arrays, and data frames of pandas or polars, column by column.

Frames are told by what they offer, so that neither package has to be there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray

TEXT_DTYPES = ("object", "str", "string")
POLARS_LEVELS = ("Categorical", "Enum", "String", "Utf8")


@dataclass(frozen=True)
class RawColumn:
    """One column, as its different values and their places.

    Attributes
    ----------
    different : ndarray of shape (n_different,)
        Different values, numbers or objects.
    places : ndarray of int of shape (n_samples,)
        Where the value of a sample stands among them, -1 for none.
    """

    different: NDArray[Any]
    places: NDArray[np.intp]

    @classmethod
    def of(cls, values: NDArray[Any]) -> "RawColumn":
        """Take an array, in which None and NaN are no values."""
        missing = missing_among(values)
        known = values[~missing]
        places = np.full(len(values), -1, dtype=np.intp)
        if values.dtype != object:
            different, inverse = np.unique(known, return_inverse=True)
            places[~missing] = inverse.ravel()
            return cls(different, places)
        number: dict[Any, int] = {}
        places[~missing] = [number.setdefault(_plain(own), len(number)) for own in known]
        return cls(_objects(list(number)), places)

    def levels(self, rows: NDArray[np.intp]) -> list[Any]:
        """Return the different values in some rows, sorted where they can be compared."""
        there = np.unique(self.places[rows])
        found = {_plain(own) for own in self.different[there[there >= 0]]}
        try:
            return sorted(found)
        except TypeError:
            return sorted(found, key=lambda own: (type(own).__name__, str(own)))

    def codes(self, labels: Sequence[Any]) -> FloatArray:
        """Return the places of the values among `labels`: -1 for others, NaN for none."""
        place = {label: number for number, label in enumerate(labels)}
        codes = [float(place.get(_plain(own), -1)) for own in self.different]
        found: FloatArray = np.array([*codes, np.nan])[self.places]
        return found


def numbers_of(values: NDArray[Any], missing: NDArray[np.bool_], name: Any) -> FloatArray:
    """Return values as numbers, NaN where there is none."""
    found = np.full(len(values), np.nan)
    known = ~missing
    try:
        found[known] = np.asarray(values[known], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"column {name!r} of X holds {_first_text(values[known])!r} where numbers are "
            "expected. Name the column in categorical_features before fit if its values are "
            "levels, or turn them into numbers."
        ) from error
    return found


def _objects(values: Sequence[Any]) -> NDArray[Any]:
    """Return values as an array of objects, also where they are sequences."""
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def _plain(value: Any) -> Any:
    """Return a value as Python has it, whole numbers as integers."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _first_text(values: NDArray[Any]) -> Any:
    for value in values:
        try:
            float(value)
        except (TypeError, ValueError):
            return value
    return values[0]


@dataclass(frozen=True)
class RawTable:
    """A table.

    Attributes
    ----------
    X : ndarray or data frame of shape (n_samples, n_columns)
        The table.
    names : list or None
        Names of the columns, if it is a data frame.
    """

    X: Any
    names: list[Any] | None

    @classmethod
    def of(cls, X: Any) -> "RawTable":
        """Take a table; lists become arrays of objects."""
        if is_frame(X):
            return cls(X, list(X.columns))
        array = X if isinstance(X, np.ndarray) else np.asarray(X, dtype=object)
        if array.ndim != 2:
            raise ValueError(
                f"X must have two dimensions (samples, features), got an array of shape "
                f"{array.shape}. Reshape your data: X.reshape(-1, 1) for a single column."
            )
        return cls(array, None)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.X.shape[0])

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return int(self.X.shape[1])

    def name(self, j: int) -> Any:
        """Return the name of a column, or its number."""
        return j if self.names is None else self.names[j]

    def column(self, j: int) -> RawColumn:
        """Return the different values of a column, and where they are."""
        if self.names is None:
            return RawColumn.of(self.X[:, j])
        if hasattr(self.X, "iloc"):
            places, different = self.X.iloc[:, j].factorize()
            return RawColumn(_objects(list(different)), places.astype(np.intp))
        series = self.X[self.names[j]]
        return RawColumn.of(_objects(series.to_list()))

    def numbers(self, j: int) -> FloatArray:
        """Return a column as numbers, NaN where there is none."""
        if self.names is None:
            values = self.X[:, j]
            return numbers_of(values, missing_among(values), j)
        if hasattr(self.X, "iloc"):
            series = self.X.iloc[:, j]
            values, missing = series.to_numpy(), np.asarray(series.isna(), dtype=bool)
        else:
            series = self.X[self.names[j]]
            values, missing = series.to_numpy(), np.asarray(series.is_null().to_numpy(), dtype=bool)
        return numbers_of(values, missing, self.names[j])

    def has_levels(self, j: int) -> bool:
        """Whether the type of a column says that its values are levels, or text."""
        if self.names is None:
            return False
        if not hasattr(self.X, "iloc"):
            return str(self.X[self.names[j]].dtype).startswith(POLARS_LEVELS)
        kind = str(self.X.dtypes.iloc[j])
        if kind == "object":
            values = self.X.iloc[:, j].dropna()
            return any(isinstance(own, str) for own in values)
        return kind in ("category", "str") or kind.startswith("string")

    def order_of(self, j: int) -> list[Any] | None:
        """Return the levels of a column in the order that its type gives, if it gives one."""
        if self.names is None or not hasattr(self.X, "iloc"):
            return None
        dtype = self.X.dtypes.iloc[j]
        if str(dtype) != "category" or not dtype.ordered:
            return None
        return [_plain(own) for own in dtype.categories]


def is_frame(X: Any) -> bool:
    """Whether `X` is a data frame of pandas or polars."""
    pandas = hasattr(X, "iloc") and hasattr(X, "columns") and hasattr(X, "dtypes")
    return pandas or (hasattr(X, "get_columns") and hasattr(X, "columns"))


def missing_among(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where an array has NaN or None."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype != object:
        return np.zeros(len(values), dtype=bool)
    return np.array(
        [own is None or (isinstance(own, float | np.floating) and np.isnan(own)) for own in values],
        dtype=bool,
    )


def categorical_mask(table: RawTable, wanted: Any) -> NDArray[np.bool_]:
    """Return which columns hold levels.

    Parameters
    ----------
    table : RawTable
        The table.
    wanted : {"from_dtype"}, None or array-like
        As the parameter `categorical_features`: a mask, numbers or names of columns.
    """
    count = table.n_columns
    mask = np.zeros(count, dtype=bool)
    if wanted is None:
        return mask
    if isinstance(wanted, str):
        return np.array([table.has_levels(j) for j in range(count)], dtype=bool)
    given = np.asarray(wanted)
    if given.size == 0:
        return mask
    if given.ndim != 1 or given.dtype.kind not in "biuUOT":
        raise ValueError(
            "categorical_features must be 'from_dtype', None, or one-dimensional: a mask of bool, "
            f"numbers of columns, or their names; got {wanted!r}."
        )
    if given.dtype.kind == "b":
        if len(given) != count:
            raise ValueError(
                f"categorical_features is a mask of {len(given)} columns, but X has {count}."
            )
        return given.copy()
    for own in given.tolist():
        mask[_place(table, own, "categorical_features")] = True
    return mask


def _place(table: RawTable, column: Any, argument: str) -> int:
    """Return the number of a column that is given by number or by name."""
    if isinstance(column, str):
        if table.names is None:
            raise ValueError(
                f"{argument} names the column {column!r}, but X is an array whose columns have no "
                "names. Give numbers of columns, or a data frame."
            )
        if column not in table.names:
            raise ValueError(
                f"{argument} names the column {column!r}, which X does not have; there are: "
                f"{', '.join(map(str, table.names))}."
            )
        return table.names.index(column)
    whole = isinstance(column, int | np.integer) and not isinstance(column, bool)
    if not whole or not -table.n_columns <= column < table.n_columns:
        raise ValueError(
            f"{argument} has {column!r}, which is no column: give names, or numbers from 0 to "
            f"{table.n_columns - 1}."
        )
    return int(column) % table.n_columns
