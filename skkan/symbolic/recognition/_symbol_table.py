"""A small table of fitted symbols."""

from collections.abc import Iterator, Sequence
from typing import Any, overload

from skkan.symbolic.recognition._fitting import SymbolFit

COLUMNS = ("symbol", "r2", "complexity", "a", "b", "c", "d")


class SymbolTable(Sequence[dict[str, Any]]):
    """Rows of ``symbol, r2, complexity, a, b, c, d``, the best first.

    ``pandas.DataFrame(table)`` makes a data frame of it.

    Attributes
    ----------
    fits : list of SymbolFit
        What the rows describe; they can be called.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.symbolic.recognition._fitting import rank_symbols
    >>> from skkan.symbolic.recognition._symbol_table import SymbolTable
    >>> x = np.linspace(1.0, 2.0, 50)
    >>> SymbolTable(rank_symbols(x, 2.0 * np.log(x), ["log", "x"]))
    symbol            r2  complexity            a            b            c            d
    log         1.000000           2            1            0            2            0
    x           0.991816           1            1            0      1.36579     -1.27772
    """

    def __init__(self, fits: Sequence[SymbolFit]) -> None:
        self.fits = list(fits)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        return self.as_dicts()[index]

    def __len__(self) -> int:
        return len(self.fits)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.as_dicts())

    def as_dicts(self) -> list[dict[str, Any]]:
        """Return the rows as dictionaries."""
        return [
            {
                "symbol": fit.symbol.name,
                "r2": fit.r2,
                "complexity": fit.symbol.complexity,
                **{key: float(value) for key, value in fit.parameters._asdict().items()},
            }
            for fit in self.fits
        ]

    def __repr__(self) -> str:
        lines = ["{:<8}  {:>10}  {:>10}{:>13}{:>13}{:>13}{:>13}".format(*COLUMNS)]
        for row in self.as_dicts():
            numbers = "".join(f"{0.0 + round(row[key], 12):>13.6g}" for key in "abcd")
            lines.append(
                f"{row['symbol']:<8}  {row['r2']:>10.6f}  {row['complexity']:>10}{numbers}"
            )
        return "\n".join(lines)
