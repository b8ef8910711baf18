"""The formulas of a search so far: which are allowed, and which is the best."""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from skkan.data._samples import spread_rows
from skkan.symbolic._watch import watched
from skkan.symbolic.division._conditions import Conditions
from skkan.symbolic.division._formulas import MIN_ROWS, is_explained
from skkan.symbolic.export._equation_table import COLUMNS, EquationTable, front
from skkan.symbolic.search._description import CONVINCING, Noise
from skkan.symbolic.search._end import MAX_ROWS, is_settled
from skkan.symbolic.search._equation_rows import (
    Samples,
    constant_row,
    function_of,
    tidied_row,
    with_shorter_numerator,
)
from skkan.symbolic.search._settings import SearchSettings, Shape

ROUNDING, SMALLEST = 1e-9, 1e-300
# As in PySR.
AMONG_BEST = 1.5


class FormulaRows:
    """All formulas so far, and what counts as noise.

    Parameters
    ----------
    samples : tuple of ndarray
        Inputs, targets and positive weights.
    settings : SearchSettings
        What is searched for.

    Attributes
    ----------
    rows : list of dict
        A constant, and what has been added.
    noise : Noise
        What counts as noise.
    variance, rounding : float
        Variance of the targets, and mean squares that are rounding.
    """

    def __init__(self, samples: Samples, settings: SearchSettings) -> None:
        self.samples = samples
        self.settings = settings
        _, y, weight = samples
        self.share = weight / weight.sum()
        self.variance = float(self.share @ (y - self.share @ y) ** 2)
        self.rounding = self.variance * ROUNDING**2
        self.noise = Noise()
        self.rows = [constant_row(samples, self.noise)]
        # Numbers may stand for constant columns, whatever their units.
        varying = np.flatnonzero(np.ptp(samples[0], axis=0) > 0.0).tolist()
        units = settings.units if varying else None
        self.units = None if units is None else units.without(varying)
        self.allowed_names = [settings.names[k] for k in varying]
        self.conditions: Conditions | None = None
        if settings.conditions:
            few = spread_rows(len(y), MAX_ROWS)
            names = tuple(settings.names)
            self.conditions = Conditions(tuple(settings.conditions), names, samples[0][few])

    def add(self, formulas: Sequence[Any], shape: Shape | None) -> None:
        """Add rows for formulas that are allowed; `shape` is that of their network, if any."""
        names = self.settings.names
        for own in formulas:
            if self.units is not None and not self.units.allows(own, self.allowed_names):
                continue
            formula = own if self.conditions is None else self.conditions.closest(own)
            if formula is None:
                continue
            # What has been found is worth a moment more.
            with watched(None):
                row = tidied_row(formula, names, self.samples, shape, self.noise)
                found = [row]
                if row["loss"] > self.rounding:
                    short = with_shorter_numerator(row["equation"], names, self.samples[0])
                    found += [
                        tidied_row(other, names, self.samples, shape, self.noise)
                        for other in short
                        if self._allows(other)
                    ]
            for row in found:
                if math.isfinite(row["loss"]) and self._can_be_wrong(row["equation"]):
                    self.rows.append(row)

    def warn_if_none(self) -> None:
        """Warn if units and conditions have left a constant only."""
        left = not any(row["equation"].free_symbols for row in self.rows)
        if self._restricted() and left and self.variance > 0.0:
            message = (
                "No formula with the given units and conditions has been found; a constant is "
                "left. Check units and conditions, or allow more time or functions."
            )
            warnings.warn(message, UserWarning, stacklevel=3)

    def _restricted(self) -> bool:
        return self.units is not None or self.conditions is not None

    def _allows(self, formula: Any) -> bool:
        by_units = self.units is None or self.units.allows(formula, self.allowed_names)
        return by_units and (self.conditions is None or self.conditions.allows(formula))

    def _can_be_wrong(self, formula: Any) -> bool:
        """Tell whether there are more samples than decimal constants, which fit any otherwise."""
        import sympy  # noqa: PLC0415

        return len(formula.atoms(sympy.Float)) < len(self.samples[1])

    def least(self) -> float:
        """Return the least mean squared error."""
        return min(float(row["loss"]) for row in self.rows)

    def likeliest(self) -> dict[str, Any]:
        """Return the row of the shortest description."""
        return min(self.rows, key=self.length)

    def explained(self, row: dict[str, Any]) -> bool:
        """Tell whether a formula leaves nothing but noise."""
        X, y, weight = self.samples
        predicted = function_of(row["equation"], self.settings.names)(X)
        with np.errstate(all="ignore"):
            own = self.noise.target(predicted)
        return len(y) < MIN_ROWS or is_explained(X, self.noise.target(y), own, weight)

    def settled(self, most: int) -> bool:
        """Tell whether the likeliest formula is worth its place and leaves nothing to explain.

        It may have `most` decimal constants.
        """
        best = self.likeliest()
        if len(self.rows) < 2 or self.length(best) > self.length(self.rows[0]) - CONVINCING:
            return False
        predict = function_of(best["equation"], self.settings.names)
        return is_settled(best["equation"], predict, self.samples, self.noise, most)

    def length(self, row: dict[str, Any], noise: Noise | None = None) -> float:
        """Return the length of a description by a formula, in nats."""
        noise = noise or self.noise
        _, y, weight = self.samples
        target = noise.target(y)
        spread = float(self.share @ (target - self.share @ target) ** 2)
        loss = float(row["noise_loss"])
        if not math.isfinite(loss):
            return math.inf
        loss = max(loss, spread * ROUNDING**2, SMALLEST)
        return noise.length(y, loss, weight) + float(row["price"])

    def table(self) -> dict[str, Any]:
        """Return the table of formulas and the best one, as fitted attributes."""
        # The constant comes first; it is left only if there is nothing that is allowed.
        forbidden = self._restricted() and not self._allows(self.rows[0]["equation"])
        candidates = self.rows[1:] if forbidden and len(self.rows) > 1 else self.rows
        rows = front(candidates, self.rounding)
        likely = min(candidates, key=self.length)
        if not any(row["equation"] == likely["equation"] for row in rows):
            # In relative noise the likeliest formula may have a larger squared error than others.
            rows = sorted([*rows, {**likely, "score": 0.0}], key=lambda row: row["complexity"])
        table = EquationTable([{key: row[key] for key in COLUMNS} for row in rows])
        place = selected(rows, self.settings.model_selection, [self.length(row) for row in rows])
        return {"equations_": table, "best_": table[place]}


def selected(rows: Sequence[dict[str, Any]], by: str, lengths: Sequence[float]) -> int:
    """Return which row is the best one.

    Parameters
    ----------
    rows : sequence of dict
        The rows.
    by : {"likelihood", "accuracy", "score", "best"}
        The shortest description, the lowest loss, the highest score, or the highest score among
        the rows whose loss is at most 1.5 times the lowest.
    lengths : sequence of float
        Lengths of the descriptions.

    Examples
    --------
    >>> from skkan.symbolic.search._formula_rows import selected
    >>> rows = [dict(loss=2.0, score=0.0), dict(loss=0.1, score=3.0), dict(loss=0.09, score=0.1)]
    >>> [selected(rows, by, [3.0, 2.0, 1.0]) for by in ("likelihood", "accuracy", "score", "best")]
    [2, 2, 1, 1]
    """
    places = range(len(rows))
    if by == "likelihood":
        return min(places, key=lambda k: lengths[k])
    least = min(float(row["loss"]) for row in rows)
    if by == "accuracy":
        return min(places, key=lambda k: float(rows[k]["loss"]))
    good = [k for k in places if by == "score" or rows[k]["loss"] <= AMONG_BEST * least]
    return max(good, key=lambda k: float(rows[k]["score"]))
