"""What edges from columns with levels or gaps add, case by case, in terms of the user's columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.data._table_encoder import UNKNOWN, TableColumn, TableEncoder
from skkan.network._layer import Layer
from skkan.network._scaling import Scaling


def is_text(column: TableColumn) -> bool:
    """Whether the levels of a column are texts."""
    return column.labels is not None and any(isinstance(own, str) for own in column.labels)


@dataclass(frozen=True)
class TableTerms:
    """Columns with levels or gaps as cases.

    Attributes
    ----------
    table : TableEncoder
        What is known of the columns.
    symbols : sequence of sympy.Symbol
        The columns.
    """

    table: TableEncoder
    symbols: Sequence[Any]

    @property
    def texts(self) -> frozenset[str]:
        """Names of the columns that hold texts."""
        pairs = zip(self.symbols, self.table.columns, strict=True)
        return frozenset(str(symbol) for symbol, own in pairs if is_text(own))

    def symbol_of_input(self, i: int) -> Any:
        """Return the column of an input of the network."""
        return self.symbols[int(self.table.owner[i])]

    def has_cases(self, i: int) -> bool:
        """Whether edges from an input are cases."""
        own = self.table.columns[int(self.table.owner[i])]
        return own.labels is not None or own.gaps

    def inputs_of(self, column: int) -> NDArray[np.intp]:
        """Return the inputs of a column."""
        return np.flatnonzero(self.table.owner == column)

    def cases(
        self, layer: Layer, scaling: Scaling
    ) -> Iterator[tuple[int, list[tuple[FloatArray, Any]], FloatArray | None]]:
        """Yield, for every column that has cases, what its edges are together.

        Yields
        ------
        column : int
            The column.
        cases : list of (ndarray of shape (n_subnodes,), sympy.Boolean)
            Values where conditions hold, the first of them that does.
        rest : ndarray of shape (n_subnodes,) or None
            Value elsewhere; None for numbers, whose edge from the first input comes there, and a
            constant that is the last case.
        """
        for column, own in enumerate(self.table.columns):
            inputs = self.inputs_of(column)
            if not self.has_cases(int(inputs[0])):
                continue
            conditions = list(self._conditions(column, own))
            codes = np.array([code for code, _ in conditions])
            if own.labels is None:
                values = self._values(layer, scaling, inputs, own.inputs(np.array([np.nan])))
                at_zero = np.array([[own.fill, 0.0]])
                second = self._values(layer, scaling, inputs[1:], at_zero[:, 1:])
                cases = [(values[0], conditions[0][1]), (second[0], None)]
                yield column, cases, None
                continue
            values = self._values(layer, scaling, inputs, own.inputs(codes))
            last = self._values(layer, scaling, inputs, own.inputs(np.array([float(UNKNOWN)])))
            pairs = zip(values, (condition for _, condition in conditions), strict=True)
            yield column, list(pairs), last[0]

    def _conditions(self, column: int, own: TableColumn) -> Iterator[tuple[float, Any]]:
        """Yield codes of levels, NaN for gaps, and when a column has them."""
        import sympy  # noqa: PLC0415

        from skkan.symbolic.export._texts import NO_TEXT, Text  # noqa: PLC0415

        symbol, text = self.symbols[column], is_text(own)
        if own.gaps:
            # A number that differs from itself is none.
            lacks = (
                sympy.Eq(symbol, NO_TEXT, evaluate=False)
                if text
                else sympy.Ne(symbol, symbol, evaluate=False)
            )
            yield np.nan, lacks
        for code, label in enumerate(own.labels or ()):
            level = Text(str(label)) if text else sympy.sympify(label)
            yield float(code), sympy.Eq(symbol, level, evaluate=False)

    @staticmethod
    def _values(
        layer: Layer, scaling: Scaling, inputs: NDArray[np.intp], given: FloatArray
    ) -> FloatArray:
        """Return sums of edges from some inputs, shape (n_values, n_subnodes)."""
        x = np.tile(scaling.input_shift, (len(given), 1))
        x[:, inputs] = given
        values = layer.edge_values(scaling.inputs(x))
        found: FloatArray = np.where(layer.active, values, 0.0)[:, inputs].sum(axis=1)
        return found
