"""Evolutions in slabs of time, each starting where the one before has ended.

A slab whose residuals stay large, or whose fit goes wrong, is cut; after one that was easy the next
may be longer. What the initial conditions fix at the start of the domain is fixed at the start of
every slab, by the values of the solution so far.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from skkan._typing import FloatArray
from skkan.pde.problem._conditions import end_value, read_condition
from skkan.pde.problem._domain import Domain
from skkan.pde.problem._equations import Vocabulary
from skkan.pde.problem._model import Model
from skkan.pde.problem._statement import Statement
from skkan.pde.solution._findings import residual_sizes
from skkan.pde.solution._solution import Solution, joined
from skkan.pde.training._options import Outcome

FIRST_SLABS = 8
LEAST_SHARE = 1e-4
# Of the terms of an equation: residuals below the first are good, below the second easily so.
GOOD, EASY = 1e-3, 1e-5
GOOD_ORDINARY, EASY_ORDINARY = 1e-8, 1e-10
GOOD_TENSOR, EASY_TENSOR = 2e-5, 2e-6
STEPS_DOWN, STEP_UP = 0.5, 1.5
# Residuals of a slab that was cut, over those before, above which cuts do not help.
HELPFUL = 0.6


@dataclass(frozen=True)
class Initial:
    """What a condition fixes at the start: ``d^order u / dt^order = value``."""

    unknown: int
    order: int
    value: Any


def split_conditions(
    conditions: list[Any], variable: int, vocabulary: Vocabulary, domain: Domain
) -> tuple[list[Initial], list[Any]]:
    """Tell conditions at the start from others.

    Raises
    ------
    ValueError
        If there is none, or one that is about the end, or on integrals over all times.
    """
    initial, others = [], []
    name = vocabulary.variables[variable]
    for number, equation in enumerate(conditions):
        condition = read_condition(equation, number, vocabulary, domain)
        found = end_value(condition, vocabulary, domain)
        if found is not None and found.variable == variable and not found.at_high:
            initial.append(Initial(found.unknown, found.order, found.value))
            continue
        places = [] if condition.formula is None else condition.formula.lowered.places
        if condition.is_integral or any(place[variable] != name for place in places):
            raise ValueError(
                f"{condition.name} cannot be met by marching along {name}: conditions must be "
                f"values or slopes at the start, or hold for all {name}."
            )
        others.append(equation)
    if not initial:
        raise ValueError(f"marching along {name} needs conditions at its start.")
    return initial, others


def march(
    domain: Domain,
    variable: int,
    vocabulary: Vocabulary,
    conditions: list[Any],
    solve: Callable[
        [Domain, list[Any], Mapping[Any, Any], Model | None], tuple[Statement, Outcome]
    ],
    *,
    tensor: bool = False,
) -> tuple[Solution, list[Outcome]]:
    """Solve slab by slab.

    Parameters
    ----------
    domain : Domain
        A box.
    variable : int
        Number of the variable along which to march.
    vocabulary : Vocabulary
        Of the equations.
    conditions : list of sympy.Eq
        As the user writes them.
    solve : callable
        ``solve(domain, conditions, known, start)`` solves a slab, starting from a model.
    tensor : bool, default=False
        Whether models are tensor splines, of which smaller residuals are asked.

    Returns
    -------
    solution : Solution
        Of all slabs that could be solved.
    outcomes : list of Outcome
        Of each of them.
    """
    initial, others = split_conditions(conditions, variable, vocabulary, domain)
    start, end = float(domain.low[variable]), float(domain.high[variable])
    whole, step = end - start, (end - start) / FIRST_SLABS
    models: list[Model] = []
    outcomes: list[Outcome] = []
    position = start
    rng = np.random.default_rng(0)
    good, easy = (GOOD, EASY) if domain.n_variables > 1 else (GOOD_ORDINARY, EASY_ORDINARY)
    if tensor:
        good, easy = GOOD_TENSOR, EASY_TENSOR
    kept: tuple[float, Outcome, float] | None = None
    told = GOOD if tensor else 0.0
    while position < end - 1e-12 * whole:
        stop = end if position + 1.001 * step >= end else position + step
        slab = _between(domain, variable, position, stop)
        at_start, known = _start_conditions(initial, variable, vocabulary, models, position)
        before = models[-1] if models else None
        try:
            statement, outcome = solve(slab, [*at_start, *others], known, before)
        except KeyboardInterrupt:
            if not models:
                raise
            warnings.warn(
                f"Fit interrupted; the solution ends at {vocabulary.variables[variable]} = "
                f"{position:.4g}.",
                UserWarning,
                stacklevel=2,
            )
            break
        fresh = slab.interior(400, rng)
        sizes = residual_sizes(statement, Solution.of(outcome.model), fresh, outcome.constants)
        worst = max(own.share for own in sizes)
        if kept is not None and worst > HELPFUL * kept[0]:
            # Shorter slabs are of no use: what is missing is along other variables.
            worst, outcome, stop = kept
            step *= 1.0 / STEPS_DOWN
        elif not worst <= good and step > LEAST_SHARE * whole and not outcome.stopped:
            kept = worst, outcome, stop
            step *= STEPS_DOWN
            continue
        kept = None
        if not worst <= max(good, told) and not outcome.stopped:
            # Once, and again where it is much worse.
            told = 10.0 * worst
            warnings.warn(
                f"Marching came to slabs of {step:.2g} at {vocabulary.variables[variable]} = "
                f"{position:.4g} whose residuals are {100 * worst:.2g} % of the terms. Use finer "
                "grids.",
                UserWarning,
                stacklevel=2,
            )
        models.append(outcome.model)
        outcomes.append(outcome)
        if outcome.stopped:
            break
        position = stop
        if worst <= easy:
            step *= STEP_UP
    return joined(models, variable), outcomes


def _between(domain: Domain, variable: int, low: float, high: float) -> Domain:
    lows, highs = domain.low.copy(), domain.high.copy()
    lows[variable], highs[variable] = low, high
    return replace(domain, low=lows, high=highs)


def _start_conditions(
    initial: list[Initial],
    variable: int,
    vocabulary: Vocabulary,
    models: list[Model],
    position: float,
) -> tuple[list[Any], dict[Any, Any]]:
    """Return the conditions at the start of a slab, and the functions that they are given by."""
    time, place = vocabulary.variables[variable], sp.Float(position, 17)
    others = [own for k, own in enumerate(vocabulary.variables) if k != variable]
    conditions: list[Any] = []
    known: dict[Any, Any] = {}
    for own in initial:
        unknown = vocabulary.unknowns[own.unknown](*vocabulary.variables)
        left = sp.diff(unknown, time, own.order) if own.order else unknown
        left = left.subs(time, place)
        value = own.value
        if models and others:
            name = sp.Function(f"start_{own.unknown}_{own.order}")
            known[name] = StartValues(models[-1], own.unknown, own.order, variable, position)
            value = name(*others)
        elif models:
            values = StartValues(models[-1], own.unknown, own.order, variable, position)
            value = sp.Float(float(values()[0]), 17)
        conditions.append(sp.Eq(left, value, evaluate=False))
    return conditions, known


@dataclass(frozen=True)
class StartValues:
    """A derivative of a model at the end of its slab, as a function of the other variables."""

    model: Model
    unknown: int
    order: int
    variable: int
    position: float

    def __call__(self, *others: FloatArray) -> FloatArray:
        """Return the values, shape (n_points,)."""
        n_points = len(others[0]) if others else 1
        columns = list(others)
        columns.insert(self.variable, np.full(n_points, self.position))
        index = tuple(self.order * (k == self.variable) for k in range(len(self.model.variables)))
        return self.model.derivative(np.stack(columns, axis=1), index)[:, self.unknown]
