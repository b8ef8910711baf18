"""A table of formulas, from simple to accurate."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, overload

from skkan.symbolic.library._stored_expressions import restored, stored

COLUMNS = ("complexity", "loss", "score", "equation", "shape", "standard_errors")
WIDTH = 60


class EquationTable(Sequence[dict[str, Any]]):
    """Rows of ``complexity, loss, score, equation, shape, standard_errors``, the simplest first.

    ``pandas.DataFrame(table)`` makes a data frame of it.

    Parameters
    ----------
    rows : sequence of dict
        The rows.

    Examples
    --------
    >>> from skkan.symbolic.export._equation_table import EquationTable
    >>> EquationTable([dict(complexity=1, loss=0.5, score=0.0, equation="x0", shape=(1, 1))])
    complexity        loss     score  equation
             1         0.5         0  x0
    """

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self._rows = list(rows)

    def __getstate__(self) -> dict[str, Any]:
        return {"rows": stored(self._rows)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._rows = restored(state["rows"])

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows)

    def __repr__(self) -> str:
        lines = ["{:>10}  {:>10}{:>10}  {}".format(*COLUMNS)]
        for row in self._rows:
            text = _shown(row["equation"])
            lines.append(
                f"{row['complexity']:>10}  {row['loss']:>10.3g}{row['score']:>10.3g}  {text}"
            )
        return "\n".join(lines)


def _shown(equation: Any) -> str:
    if hasattr(equation, "evalf"):
        import sympy  # noqa: PLC0415

        equation = equation.xreplace(
            {own: sympy.Float(f"{float(own):.3e}", 4) for own in equation.atoms(sympy.Float)}
        )
    text = str(equation)
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."


def tree_size(formula: Any) -> int:
    """Return the number of nodes of an expression tree; a fraction or a constant is one node."""
    import sympy  # noqa: PLC0415

    return sum(1 for _ in sympy.preorder_traversal(formula))


def front(rows: Sequence[dict[str, Any]], rounding: float) -> list[dict[str, Any]]:
    """Return the rows that no simpler one beats, with scores."""
    kept: list[dict[str, Any]] = []
    for row in sorted(rows, key=lambda row: (row["complexity"], row["loss"])):
        floor = max(rounding, 1e-300)
        if kept and not max(row["loss"], floor) < max(kept[-1]["loss"], floor):
            continue
        score = 0.0
        if kept:
            gain = math.log(max(kept[-1]["loss"], floor) / max(row["loss"], floor))
            score = gain / (row["complexity"] - kept[-1]["complexity"])
        kept.append({**row, "score": score})
    return kept
