"""Linear algebra of small fractions, exactly."""

import math
from collections.abc import Sequence
from fractions import Fraction

Vector = tuple[Fraction, ...]


def eliminated(rows: list[list[Fraction]]) -> tuple[list[list[Fraction]], list[int]]:
    """Return the reduced echelon form of a matrix of fractions, and its pivots.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from skkan.symbolic.scaling._fractions import eliminated
    >>> eliminated([[Fraction(2), Fraction(4)]])
    ([[Fraction(1, 1), Fraction(2, 1)]], [0])
    """
    rows = [list(row) for row in rows]
    pivots: list[int] = []
    for column in range(len(rows[0]) if rows else 0):
        place = next((i for i in range(len(pivots), len(rows)) if rows[i][column]), None)
        if place is None:
            continue
        top = len(pivots)
        rows[top], rows[place] = rows[place], rows[top]
        lead = rows[top][column]
        rows[top] = [value / lead for value in rows[top]]
        for i, row in enumerate(rows):
            if i != top and row[column]:
                rows[i] = [a - row[column] * b for a, b in zip(row, rows[top], strict=True)]
        pivots.append(column)
    return rows, pivots


def rank(vectors: Sequence[Vector]) -> int:
    """Return how many vectors are independent."""
    return len(eliminated([list(own) for own in vectors])[1])


def kernel(rows: list[list[Fraction]], width: int) -> list[Fraction] | None:
    """Return the vector of coprime integers that a matrix takes to zero, if there is one."""
    reduced, pivots = eliminated(rows) if rows else ([], [])
    free = [k for k in range(width) if k not in pivots]
    if len(free) != 1:
        return None
    vector = [Fraction(0)] * width
    vector[free[0]] = Fraction(1)
    for row, pivot in zip(reduced, pivots, strict=False):
        vector[pivot] = -row[free[0]]
    common = math.lcm(*(value.denominator for value in vector))
    whole = [int(value * common) for value in vector]
    divisor = math.gcd(*whole)
    lead = next(value for value in whole if value)
    sign = 1 if lead > 0 else -1
    if sum(value > 0 for value in whole) < sum(value < 0 for value in whole):
        sign = -1
    elif sum(value > 0 for value in whole) > sum(value < 0 for value in whole):
        sign = 1
    return [Fraction(sign * value, divisor) for value in whole]


def solved(rows: list[list[Fraction]], right: list[Fraction]) -> list[Fraction] | None:
    """Return the solution of linear equations, or None if they are singular."""
    extended = [[*row, value] for row, value in zip(rows, right, strict=True)]
    reduced, pivots = eliminated(extended)
    size = len(rows)
    return [row[-1] for row in reduced] if pivots == list(range(size)) else None
