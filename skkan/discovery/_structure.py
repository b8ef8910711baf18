"""Tests of separability and symmetry."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skkan._typing import FloatArray
from skkan.discovery._evidence import (
    MAX_FURTHER,
    MAX_RESTRICTED,
    SAMPLES_PER_FUNCTION,
    StructureTest,
    orthonormal,
    samples_of,
    weigh,
)
from skkan.discovery._inputs import column_index
from skkan.symbolic.division._tensor import TensorBasis, fit_linear

LEAST_SAMPLES_PER_FUNCTION = 3
N_STEPS, N_FIRST_STEPS, CONVERGED = 40, 4, 1e-6
# Splines of a single column.
MAX_OF_ONE = 14
_Quantity = Callable[[FloatArray, FloatArray], FloatArray]
QUANTITIES: dict[str, tuple[str, _Quantity]] = {
    "difference": ("{0} - {1}", lambda a, b: a - b),
    "sum": ("{0} + {1}", lambda a, b: a + b),
    "product": ("{0}*{1}", lambda a, b: a * b),
    "quotient": ("{0}/{1}", lambda a, b: a / b),
    "radius": ("{0}^2 + {1}^2", lambda a, b: a**2 + b**2),
}
ALIASES = {"translation": "difference", "scaling": "quotient", "rotation": "radius"}


def basis(
    X: FloatArray,
    most: int = MAX_RESTRICTED,
    samples_per_function: int = SAMPLES_PER_FUNCTION,
) -> TensorBasis:
    """Return splines of all columns, as many as the samples allow."""
    most = min(most, len(X) // samples_per_function, MAX_OF_ONE ** X.shape[1])
    return TensorBasis(X, most)


def _groups(groups: Any, names: Sequence[str]) -> list[list[int]]:
    """Return the places of the columns of every group; all columns once."""
    if isinstance(groups, str) or len(groups) < 2:
        raise ValueError(f"groups must be two or more lists of columns, got {groups!r}.")
    places = [
        [column_index(own, names, "groups") for own in (g if np.ndim(g) else [g])] for g in groups
    ]
    flat = sorted(itertools.chain.from_iterable(places))
    if flat != list(range(len(names))) or not all(places):
        raise ValueError(
            f"groups must hold every column of X once; got {groups!r} for the columns "
            f"{list(names)}."
        )
    return places


def _written(places: Sequence[Sequence[int]], names: Sequence[str], sign: str) -> str:
    return sign.join(f"f({', '.join(names[k] for k in own)})" for own in places)


def additive_separability(X: ArrayLike, y: Any, groups: Sequence[Any]) -> StructureTest:
    """Test whether a function is a sum of functions of groups of columns.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_columns)
        Inputs, 30 samples or more.
    y : array-like of shape (n_samples,) or estimator
        Targets, noisy or not, or a fitted estimator.
    groups : sequence of lists of int or str
        Two or more groups of columns, by place or name, that together hold every column once.

    Returns
    -------
    test : StructureTest
        The verdict and the evidence.

    Raises
    ------
    ValueError
        If the data or the groups cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.discovery import additive_separability
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, size=(400, 3))
    >>> y = np.sin(X[:, 0] * X[:, 1]) + X[:, 2] ** 2 + 0.05 * rng.normal(size=400)
    >>> additive_separability(X, y, [[0, 1], [2]]).holds
    True
    >>> additive_separability(X, y, [[0], [1, 2]]).holds
    False
    """
    table, target, names = samples_of(X, y)
    places = _groups(groups, names)
    parts = [basis(table[:, own], MAX_RESTRICTED // len(places)).design for own in places]
    name = "sum " + _written(places, names, " + ")
    return weigh(name, np.hstack(parts), basis(table, MAX_FURTHER).design, target)


def multiplicative_separability(X: ArrayLike, y: Any, groups: Sequence[Any]) -> StructureTest:
    """Test whether a function is a product of functions of groups of columns.

    The factors are fitted in turns, and then all functions that change them a little count as
    functions of the structure. Targets of both signs are no obstacle.

    Parameters
    ----------
    X, y, groups
        As for :func:`additive_separability`.

    Returns
    -------
    test : StructureTest
        The verdict and the evidence.

    Raises
    ------
    ValueError
        If the data or the groups cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.discovery import multiplicative_separability
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, size=(400, 2))
    >>> y = np.sin(3 * X[:, 0]) * np.exp(X[:, 1]) + 0.05 * rng.normal(size=400)
    >>> multiplicative_separability(X, y, [[0], [1]]).holds
    True
    """
    table, target, names = samples_of(X, y)
    places = _groups(groups, names)
    designs = [basis(table[:, own], MAX_RESTRICTED // len(places)).design for own in places]
    first = [_factors(designs, target, own, N_FIRST_STEPS) for own in _starts(designs, target)]
    best = min(first, key=lambda own: float(np.sum((target - np.prod(own, axis=0)) ** 2)))
    factors = _factors(designs, target, best, N_STEPS)
    tangent = [
        design * np.prod(np.delete(factors, k, axis=0), axis=0)[:, None]
        for k, design in enumerate(designs)
    ]
    name = "product " + _written(places, names, " ")
    return weigh(name, np.hstack(tangent), basis(table, MAX_FURTHER).design, target)


def _starts(designs: Sequence[FloatArray], y: FloatArray) -> list[FloatArray]:
    """Return factors to start from: of the sizes of the targets, and with their signs."""
    size = np.log(np.maximum(np.abs(y), 1e-3 * float(np.abs(y).mean())))
    stacked = np.hstack(designs)
    weights = np.linalg.lstsq(stacked, size, rcond=1e-8)[0]
    ends = np.cumsum([own.shape[1] for own in designs])[:-1]
    logs = [a @ b for a, b in zip(designs, np.split(weights, ends), strict=True)]
    by_size = np.exp(np.clip([own - own.mean() for own in logs], -20.0, 20.0))
    alone = np.array([own @ np.linalg.lstsq(own, y, rcond=1e-8)[0] for own in designs])
    starts = [by_size, np.ones_like(alone), np.where(alone == 0.0, 1.0, alone)]
    if len(designs) == 2:
        # The leading factors of a fit by products of a few functions of both groups.
        few = [np.linalg.svd(own, full_matrices=False)[0][:, :8] for own in designs]
        both = (few[0][:, :, None] * few[1][:, None, :]).reshape(len(y), -1)
        table = np.linalg.lstsq(both, y, rcond=1e-6)[0].reshape(few[0].shape[1], -1)
        left, _, right = np.linalg.svd(table)
        starts.append(np.array([few[0] @ left[:, 0], few[1] @ right[0]]))
    return starts


def _factors(
    designs: Sequence[FloatArray], y: FloatArray, factors: FloatArray, n_steps: int
) -> FloatArray:
    """Fit factors in turns until the fit no longer improves."""
    factors, before = factors.copy(), np.inf
    weight = np.full(len(y), 1.0 / len(y))
    for _ in range(n_steps):
        for k, design in enumerate(designs):
            others = np.prod(np.delete(factors, k, axis=0), axis=0)
            own = design @ fit_linear(design * others[:, None], y, weight).coefficients
            size = float(np.sqrt(np.mean(own**2)))
            factors[k] = own / size if size > 0.0 and k < len(designs) - 1 else own
        error = float(np.mean((y - np.prod(factors, axis=0)) ** 2))
        if not error < (1.0 - CONVERGED) * before:
            break
        before = error
    return factors


def invariance(X: ArrayLike, y: Any, columns: Sequence[Any], kind: str) -> StructureTest:
    """Test whether two columns matter through one quantity only.

    A function of the difference does not change when both columns are translated, one of the
    quotient when both are scaled, one of the radius when they are rotated.

    Parameters
    ----------
    X, y
        As for :func:`additive_separability`.
    columns : pair of int or str
        The two columns.
    kind : {"difference", "sum", "product", "quotient", "radius"}
        The quantity; ``"translation"``, ``"scaling"`` and ``"rotation"`` are other names of the
        difference, the quotient and the radius.

    Returns
    -------
    test : StructureTest
        The verdict and the evidence.

    Raises
    ------
    ValueError
        If the data, the columns or the kind cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.discovery import invariance
    >>> X = np.random.default_rng(0).uniform(1, 2, size=(400, 3))
    >>> y = np.exp(X[:, 0] - X[:, 2]) * X[:, 1]
    >>> invariance(X, y, [0, 2], "translation").holds, invariance(X, y, [0, 1], "sum").holds
    (True, False)
    """
    table, target, names = samples_of(X, y)
    kind = ALIASES.get(kind, kind)
    if kind not in QUANTITIES:
        raise ValueError(f"kind must be one of {[*QUANTITIES, *ALIASES]}, got {kind!r}.")
    first, second = _pair(columns, names)
    form, quantity = QUANTITIES[kind]
    a, b = table[:, first], table[:, second]
    if kind == "quotient" and np.abs(b).min() < 1e-3 * np.abs(b).max():
        raise ValueError(
            f"column {names[second]!r} comes too near to zero to divide by it; name the columns "
            "in the other order, or leave such samples out."
        )
    others = np.delete(table, (first, second), axis=1)
    inner, room = _fitting_basis(np.column_stack([quantity(a, b), others]), target)
    written = ", ".join(
        [
            form.format(names[first], names[second]),
            *(n for k, n in enumerate(names) if k not in (first, second)),
        ]
    )
    further = basis(table, MAX_FURTHER).design
    return weigh(f"f({written})", inner, further, target, samples_per_function=room)


def _fitting_basis(X: FloatArray, y: FloatArray) -> tuple[FloatArray, int]:
    """Return splines, finer ones where they predict better, and the samples for each at least.

    A quantity has twice the range of its columns, so that the same number of splines misses more of
    a function of it. Where there is little noise, what they miss would be evidence.
    """
    found = []
    for room in (SAMPLES_PER_FUNCTION, LEAST_SAMPLES_PER_FUNCTION):
        design = basis(X, samples_per_function=room).design
        own = orthonormal(design, len(X) // room)
        left = y - own @ (own.T @ y)
        # Generalised cross-validation.
        score = float(left @ left) / (1.0 - own.shape[1] / len(y)) ** 2
        found.append((score, design, room))
    _, design, room = min(found, key=lambda one: one[0])
    return design, room


def _pair(columns: Sequence[Any], names: Sequence[str]) -> tuple[int, int]:
    places = [column_index(own, names, "columns") for own in columns]
    if len(places) != 2 or places[0] == places[1]:
        raise ValueError(f"columns must be two different columns, got {columns!r}.")
    return places[0], places[1]


def permutation_symmetry(X: ArrayLike, y: Any, columns: Sequence[Any]) -> StructureTest:
    """Test whether two columns can be exchanged: ``f(a, b, ...) = f(b, a, ...)``.

    Parameters
    ----------
    X, y
        As for :func:`additive_separability`.
    columns : pair of int or str
        The two columns.

    Returns
    -------
    test : StructureTest
        The verdict and the evidence.

    Raises
    ------
    ValueError
        If the data or the columns cannot be used.
    """
    table, target, names = samples_of(X, y)
    first, second = _pair(columns, names)
    order = list(range(len(names)))
    order[first], order[second] = second, first
    even, odd = _mirrored(table, table[:, order])
    name = f"symmetry in {names[first]}, {names[second]}"
    return weigh(name, even, odd, target)


def parity(
    X: ArrayLike, y: Any, column: Any, kind: str = "even", center: float = 0.0
) -> StructureTest:
    """Test whether a function is even or odd in a column.

    Parameters
    ----------
    X, y
        As for :func:`additive_separability`.
    column : int or str
        The column.
    kind : {"even", "odd"}, default="even"
        Whether ``f(center - u) = f(center + u)`` or ``-f(center + u)``.
    center : float, default=0.0
        Centre of the reflection, within the range of the column.

    Returns
    -------
    test : StructureTest
        The verdict and the evidence.

    Raises
    ------
    ValueError
        If the data cannot be used, or have values on one side of `center` only.
    """
    table, target, names = samples_of(X, y)
    place = column_index(column, names, "column")
    own = table[:, place]
    if kind not in {"even", "odd"}:
        raise ValueError(f"kind must be 'even' or 'odd', got {kind!r}.")
    if not own.min() < center < own.max():
        raise ValueError(
            f"center={center} must lie inside the range of column {names[place]!r}, which is "
            f"{own.min():.6g} to {own.max():.6g}."
        )
    mirror = table.copy()
    mirror[:, place] = 2.0 * center - own
    even, odd = _mirrored(table, mirror)
    restricted, further = (even, odd) if kind == "even" else (odd, even)
    return weigh(f"{kind} in {names[place]} about {center:g}", restricted, further, target)


def _mirrored(X: FloatArray, mirror: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return functions that a reflection keeps, and functions that it turns into their negative."""
    both = np.vstack([X, mirror])
    splines = TensorBasis(both, min(MAX_RESTRICTED, len(X) // SAMPLES_PER_FUNCTION))
    here, there = np.split(splines.design, 2)
    return here + there, here - there
