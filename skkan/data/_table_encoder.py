"""From tables with levels and gaps to numbers, and back.

Networks are functions of numbers. A column without gaps is one input. One with gaps is two: its
values, the gaps filled by the median, and a second input that is 1 where there is no value, so that
an edge from it is one coefficient for "missing". A categorical column is an input of *codes*, at
which an edge takes one value a level; that of a level that was not there in training is a code of
its own. A gap is a level like any other. Many levels are shared out between several inputs, each of
which has a code for all levels of the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.data._raw_table import RawTable

MOST_LEVELS = 1000
# Codes of an input besides those of its own levels: unknown ones, and those of other inputs.
UNKNOWN, ELSEWHERE = -1, -2


@dataclass(frozen=True)
class TableColumn:
    """What is known of one column of a table.

    Attributes
    ----------
    name : str
        Its name.
    labels : tuple or None
        Levels; None for numbers.
    fill : float
        What stands for a gap: the median, or that of the codes of ordered levels.
    gaps : bool
        Whether there have been gaps.
    parts : tuple of tuple of int
        For levels without order, the codes of every input in the order in which the input has
        them: levels, ``len(labels)`` for a gap, and ``UNKNOWN`` and ``ELSEWHERE``.
    is_empty : bool
        Whether there have been gaps only; the column is a constant then.
    """

    name: str
    labels: tuple[Any, ...] | None
    fill: float
    gaps: bool
    parts: tuple[tuple[int, ...], ...] = ()
    is_empty: bool = False

    @property
    def n_inputs(self) -> int:
        """Number of inputs that it becomes."""
        return len(self.parts) if self.parts else 1 + self.gaps

    def names(self) -> list[str]:
        """Return names of its inputs."""
        if len(self.parts) > 1:
            return [f"{self.name} {k + 1}/{len(self.parts)}" for k in range(len(self.parts))]
        return [self.name, f"{self.name} missing"][: self.n_inputs]

    def n_codes(self) -> list[int]:
        """Return for every input the number of codes of levels without order, 0 for others."""
        return [len(own) for own in self.parts] if self.parts else [0] * self.n_inputs

    def inputs(self, coded: FloatArray) -> FloatArray:
        """Return the inputs of some values.

        Parameters
        ----------
        coded : ndarray of shape (n_samples,)
            Numbers, or codes of levels, -1 for unknown ones; NaN for gaps.

        Returns
        -------
        inputs : ndarray of shape (n_samples, n_inputs)
            Finite.
        """
        missing = np.isnan(coded)
        if not self.parts:
            unknown = missing if self.labels is None else missing | (coded < 0.0)
            value = np.where(unknown, self.fill, coded)
            return np.column_stack([value, unknown] if self.gaps else [value]).astype(np.float64)
        unknown_gap = UNKNOWN if not self.gaps else len(self.labels or ())
        codes = np.where(missing, unknown_gap, coded).astype(np.intp)
        return np.column_stack([self._places(part)[codes + 1] for part in self.parts])

    def _places(self, part: tuple[int, ...]) -> FloatArray:
        """Return where the codes from -1 on stand in an input."""
        n_levels = len(self.labels or ()) + self.gaps
        elsewhere = part.index(ELSEWHERE) if ELSEWHERE in part else 0
        places = np.full(n_levels + 1, float(elsewhere))
        for place, code in enumerate(part):
            if code >= UNKNOWN:
                places[code + 1] = place
        return places

    def coded(self, inputs: FloatArray) -> FloatArray:
        """Return the values that inputs stand for: the inverse of :meth:`inputs`."""
        if not self.parts:
            missing = inputs[:, 1] > 0.5 if self.gaps else np.zeros(len(inputs), dtype=bool)
            return np.where(missing, np.nan, inputs[:, 0])
        found = np.full(len(inputs), float(UNKNOWN))
        for own, part in zip(inputs.T, self.parts, strict=True):
            code = np.array(part)[np.rint(own).astype(np.intp)]
            found = np.where(code >= 0, code, found)
        return np.where(found == len(self.labels or ()), np.nan, found)

    def values(self, coded: FloatArray) -> NDArray[Any]:
        """Return numbers, or levels; unknown ones and gaps become NaN."""
        if self.labels is None:
            return coded
        table = np.array([*self.labels, np.nan], dtype=object)
        known = np.where(np.isnan(coded), -1.0, coded).astype(np.intp)
        return table[known]


def _numbers(name: str, values: FloatArray, rows: NDArray[np.intp]) -> TableColumn:
    own = values[rows]
    known = own[~np.isnan(own)]
    fill = float(np.median(known)) if len(known) else 0.0
    return TableColumn(name, None, fill, 0 < len(known) < len(own), is_empty=not len(known))


def _levels(
    name: str, labels: list[Any], coded: FloatArray, rows: NDArray[np.intp], room: int
) -> TableColumn:
    """Return a column of levels without order, the most frequent ones in the first inputs."""
    codes = coded[rows]
    gaps = bool(np.isnan(codes).any())
    codes = np.where(np.isnan(codes), len(labels), codes).astype(np.intp)
    counts = np.bincount(codes, minlength=len(labels) + gaps)
    there = np.arange(len(labels) + gaps)
    if len(there) + 1 <= room:
        groups = [there]
    else:
        order = there[np.argsort(-counts, kind="stable")]
        groups = np.array_split(order, -(-len(order) // max(room - 2, 1)))
    parts = []
    for own in groups:
        # In the middle, so that the ends of the range are levels that there have been.
        others = [UNKNOWN] if len(groups) == 1 else [UNKNOWN, ELSEWHERE]
        half = len(own) // 2
        parts.append((*own[:half].tolist(), *others, *own[half:].tolist()))
    fill = float(UNKNOWN)
    return TableColumn(name, tuple(labels), fill, gaps, tuple(parts), is_empty=not labels)


def _ordered(
    name: str, labels: list[Any], coded: FloatArray, rows: NDArray[np.intp]
) -> TableColumn:
    own = coded[rows]
    known = own[~np.isnan(own)]
    fill = float(np.floor(np.median(known))) if len(known) else 0.0
    gaps = 0 < len(known) < len(own)
    return TableColumn(name, tuple(labels), fill, gaps, is_empty=not len(known))


@dataclass(frozen=True)
class TableEncoder:
    """What is known of all columns of a table, and how they become inputs.

    Attributes
    ----------
    columns : tuple of TableColumn
        The columns.
    """

    columns: tuple[TableColumn, ...]

    @classmethod
    def of(
        cls,
        table: RawTable,
        categorical: NDArray[np.bool_],
        names: Sequence[str],
        rows: NDArray[np.intp],
        room: int,
    ) -> "TableEncoder":
        """Learn levels and gaps of a table.

        Parameters
        ----------
        table : RawTable
            The table.
        categorical : ndarray of bool of shape (n_columns,)
            Columns of levels.
        names : sequence of str
            Names of the columns.
        rows : ndarray of int
            Rows that count.
        room : int
            Largest number of codes of an input.

        Raises
        ------
        ValueError
            If a column has more than 1,000 levels.
        """
        columns = []
        for j, name in enumerate(names):
            if not categorical[j]:
                columns.append(_numbers(name, table.numbers(j), rows))
                continue
            raw = table.column(j)
            there = raw.levels(rows)
            if len(there) > MOST_LEVELS:
                raise ValueError(
                    f"column {name!r} of X has {len(there)} levels, more than the {MOST_LEVELS} "
                    "that a categorical column may have. Put rare levels together, or use "
                    "sklearn.preprocessing.TargetEncoder."
                )
            order = table.order_of(j)
            if order is None:
                columns.append(_levels(name, there, raw.codes(there), rows, room))
            else:
                known = [own for own in order if own in set(there)]
                columns.append(_ordered(name, known, raw.codes(known), rows))
        return cls(tuple(columns))

    @property
    def is_plain(self) -> bool:
        """Whether inputs are the columns as they are."""
        return all(own.labels is None and not own.gaps for own in self.columns)

    @property
    def reads_objects(self) -> bool:
        """Whether tables may hold what is no number, in columns of levels or ignored ones."""
        return any(own.labels is not None or own.is_empty for own in self.columns)

    @property
    def categorical(self) -> NDArray[np.bool_]:
        """Columns of levels, shape (n_columns,)."""
        return np.array([own.labels is not None for own in self.columns], dtype=bool)

    @property
    def owner(self) -> NDArray[np.intp]:
        """Column of every input, shape (n_inputs,)."""
        return np.repeat(np.arange(len(self.columns)), [own.n_inputs for own in self.columns])

    @property
    def n_codes(self) -> list[int]:
        """For every input the number of codes of levels without order, 0 for others."""
        return [count for own in self.columns for count in own.n_codes()]

    def names(self) -> list[str]:
        """Return names of the inputs."""
        return [name for own in self.columns for name in own.names()]

    def renamed(self, names: Sequence[str]) -> "TableEncoder":
        """Return the same for columns of other names."""
        pairs = zip(self.columns, names, strict=True)
        return TableEncoder(tuple(replace(own, name=name) for own, name in pairs))

    def coded(self, table: RawTable) -> FloatArray:
        """Return a table as numbers and codes, NaN for gaps, shape (n_samples, n_columns)."""
        found = []
        for j, own in enumerate(self.columns):
            if own.labels is not None:
                found.append(table.column(j).codes(own.labels))
            elif own.is_empty:
                # Whatever it holds now, of whatever type.
                found.append(np.full(table.n_rows, np.nan))
            else:
                found.append(table.numbers(j))
        return np.column_stack(found)

    def inputs(self, coded: FloatArray) -> FloatArray:
        """Return the inputs of a table that :meth:`coded` has returned."""
        parts = [own.inputs(coded[:, j]) for j, own in enumerate(self.columns)]
        return np.concatenate(parts, axis=1)

    def decoded(self, inputs: FloatArray) -> NDArray[Any]:
        """Return the table that inputs stand for, of objects if there are levels."""
        starts = np.cumsum([0, *(own.n_inputs for own in self.columns)])
        columns = [
            own.values(own.coded(inputs[:, start : start + own.n_inputs]))
            for own, start in zip(self.columns, starts, strict=False)
        ]
        kind: Any = object if self.categorical.any() else np.float64
        found = np.empty((len(inputs), len(columns)), dtype=kind)
        for j, own in enumerate(columns):
            found[:, j] = own
        return found
