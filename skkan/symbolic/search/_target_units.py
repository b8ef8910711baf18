"""Targets whose squares are no numbers any more: the search sees them in another unit."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.symbolic.export._equation_table import EquationTable

# Powers of two: within, squares of targets are safe, and sums of many.
MOST_DOUBLINGS = 300


def unit_of_targets(y: FloatArray) -> float:
    """Return the power of two in which targets are of moderate size, 1 where they are already.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.symbolic.search._target_units import unit_of_targets
    >>> unit_of_targets(np.array([-2e6, 3.0])), unit_of_targets(np.array([1e-170])) < 1e-169
    (1.0, True)
    """
    largest = float(np.abs(y).max())
    if largest == 0.0:
        return 1.0
    exponent = int(np.frexp(largest)[1])
    return 1.0 if abs(exponent) <= MOST_DOUBLINGS else float(np.ldexp(1.0, exponent - 1))


def in_units(outcome: dict[str, Any], unit: float) -> dict[str, Any]:
    """Return what a search has found, for targets that were divided by `unit`.

    Standard errors are left out; losses may be infinite or zero.

    Parameters
    ----------
    outcome : dict
        Fitted attributes.
    unit : float
        What the targets have been divided by.
    """
    if unit == 1.0:
        return outcome
    rows = [_row(row, unit) for row in outcome["equations_"]]
    place = outcome["equations_"].index(outcome["best_"])
    found = {**outcome, "equations_": EquationTable(rows), "best_": rows[place]}
    if "network_" in outcome:
        found["network_"] = _model(outcome["network_"], unit)
    return found


def _row(row: dict[str, Any], unit: float) -> dict[str, Any]:
    import sympy  # noqa: PLC0415

    equation = sympy.Float(unit, 15) * row["equation"]
    return {**row, "equation": equation, "loss": row["loss"] * unit * unit, "standard_errors": {}}


def _model(model: Any, unit: float) -> Any:
    """Return a fitted network in the units of the targets."""
    network = model.network_.copy()
    scaling = network.scaling
    network.scaling = replace(
        scaling,
        output_shift=unit * scaling.output_shift,
        output_scale=unit * scaling.output_scale,
    )
    rows = replace(model._state.rows, target=unit * model._state.rows.target)
    moved = copy.copy(model)
    moved.network_, moved._state = network, replace(model._state, rows=rows)
    return moved
