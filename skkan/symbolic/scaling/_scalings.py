"""Scalings under which a function keeps its form, and the fewer variables that they leave.

Where ``f(s^v1 x1, s^v2 x2, ...) = s^c f(x1, x2, ...)`` for all ``s``, the function is a product of
powers times a function of products of powers, one fewer than there are variables. This is how units
act, whichever they are. In derivatives ``v1 x1 df/dx1 + v2 x2 df/dx2 + ... = c f``: the scalings
are the vectors that a matrix of samples takes to zero. A smooth surrogate gives the derivatives;
the vectors are small integers.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.symbolic._watch import look
from skkan.symbolic.scaling._fractions import Vector, kernel, rank, solved

MIN_COLUMNS, MIN_SAMPLES = 2, 40
# Samples and functions of the surrogate, and its largest degree.
N_SAMPLES, N_FUNCTIONS, MAX_DEGREE = 2500, 500, {1: 30, 2: 18, 3: 11}
USUAL_DEGREE = 8
# Surrogates with larger errors, as shares of the spread, do not tell of powers.
COARSE = 0.05
# Ratios of the ends of columns up to which logarithms serve polynomials well.
WIDE = 50.0
# Samples for derivatives.
N_SLOPES = 400
# Relations that hold worse than this, relative to their largest term, are none.
WORST = 0.25
LARGEST, DENOMINATOR = 6, 2
RIDGE = 1e-12
# Errors of a surrogate in fewer variables, as multiples.
NO_WORSE = 1.15
N_REDUCTIONS = 2
# How far exponents may be off where the rest of the function counts as noise.
N_OFF = 0.25


@dataclass(frozen=True)
class Reduction:
    """``y = prod(x^factor) f(z)`` with ``z_j = prod(x^variables[j])``.

    Attributes
    ----------
    factor : tuple of Fraction
        Exponents of the columns in the factor.
    variables : tuple of tuple of Fraction
        Exponents of the columns in each of the new variables.
    """

    factor: Vector
    variables: tuple[Vector, ...]

    def values(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the factor, shape (n_samples,), and the new variables of samples."""
        table = [_product(X, own) for own in self.variables]
        new = np.stack(table, axis=1) if table else np.empty((len(X), 0))
        return _product(X, self.factor), new


def _product(X: FloatArray, powers: Vector) -> FloatArray:
    out = np.ones(len(X))
    for x, power in zip(X.T, powers, strict=True):
        if power:
            exponent = float(power)
            out = out * (x ** int(power) if power.denominator == 1 else x**exponent)
    return out


class Surrogate:
    """A polynomial in the columns, in their logarithms where all are positive.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        The columns.
    y : ndarray of shape (n_samples,)
        Targets.
    weight : ndarray of shape (n_samples,)
        Weights.

    Attributes
    ----------
    error : float
        Root of the mean squared error by generalised cross-validation, relative to that of the
        best constant.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.symbolic.scaling._scalings import Surrogate
    >>> X = np.random.default_rng(0).uniform(1.0, 2.0, size=(300, 2))
    >>> surrogate = Surrogate(X, X[:, 0] ** 2 * X[:, 1], np.full(300, 1 / 300))
    >>> surrogate.error < 1e-3
    True
    >>> np.round(surrogate.relations(X[:2]), 3)
    array([[ 2.,  1., -1.],
           [ 2.,  1., -1.]])
    """

    def __init__(self, X: FloatArray, y: FloatArray, weight: FloatArray) -> None:
        low, high = X.min(axis=0), X.max(axis=0)
        # Columns that come near to zero would have long tails.
        self.by_logs = (low > 0.0) & (high < WIDE * low)
        # The logarithm of the target turns powers into straight lines.
        self.of_log = bool(np.abs(y).min() > 1e-3 * np.abs(y).mean() and np.ptp(np.sign(y)) == 0)
        target = np.log(np.abs(y)) if self.of_log else y
        own = weight * y**2 if self.of_log else weight
        own = own / own.sum()
        points = self._points(X)
        self.low, self.high = points.min(axis=0), points.max(axis=0)
        mean = float(own @ target)
        spread = math.sqrt(float(own @ (target - mean) ** 2))
        self.error = math.inf
        count = len(y)
        for degree in range(1, MAX_DEGREE.get(X.shape[1], USUAL_DEGREE) + 1):
            look()
            n_functions = math.comb(X.shape[1] + degree, degree)
            if n_functions > min(N_FUNCTIONS, count // 3) and degree > 1:
                break
            powers = _total_degree(X.shape[1], degree)
            design = _products(self._factors(points, degree), powers)
            scaled = design * np.sqrt(own)[:, None]
            gram = scaled.T @ scaled
            gram.flat[:: len(gram) + 1] += RIDGE * float(np.trace(gram)) / len(gram)
            right = scaled.T @ ((target - mean) * np.sqrt(own))
            values = np.linalg.solve(gram, right)
            left = max(1.0 - n_functions / count, 0.02)
            error = math.sqrt(float(own @ (design @ values + mean - target) ** 2)) / left
            error /= max(spread, 1e-300)
            if error < self.error:
                self.error, self._powers, self._degree = error, powers, degree
                self._values, self._mean = values, mean

    def _points(self, X: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            return np.where(self.by_logs, np.log(np.where(self.by_logs, X, 1.0)), X)

    def _factors(self, points: FloatArray, degree: int) -> list[FloatArray]:
        """Return Chebyshev polynomials of every column, shape (n_samples, degree + 1)."""
        scaled = 2.0 * (points - self.low) / np.maximum(self.high - self.low, 1e-300) - 1.0
        return [np.polynomial.chebyshev.chebvander(x, degree) for x in scaled.T]

    def relations(self, X: FloatArray) -> FloatArray:
        """Return ``x_i dy/dx_i`` for all columns, and ``-y``, at samples.

        Relative to the target where its logarithm is modelled.
        """
        points, degree = self._points(X), self._degree
        factors = self._factors(points, degree)
        scaled = 2.0 * (points - self.low) / np.maximum(self.high - self.low, 1e-300) - 1.0
        columns = []
        for k in range(X.shape[1]):
            slopes = np.stack(
                [
                    np.polynomial.chebyshev.chebval(
                        scaled[:, k], np.polynomial.chebyshev.chebder(np.eye(degree + 1)[m])
                    )
                    for m in range(degree + 1)
                ],
                axis=1,
            )
            slopes = slopes * (2.0 / max(float(self.high[k] - self.low[k]), 1e-300))
            own = [slopes if i == k else factor for i, factor in enumerate(factors)]
            slope = _products(own, self._powers) @ self._values
            columns.append(slope if self.by_logs[k] else slope * X[:, k])
        if self.of_log:
            return np.column_stack([*columns, -np.ones(len(X))])
        value = _products(factors, self._powers) @ self._values + self._mean
        return np.column_stack([*columns, -value])


def _total_degree(n_columns: int, degree: int) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = []
    for total in range(degree + 1):
        table = itertools.combinations_with_replacement(range(n_columns), total)
        found += [tuple(own.count(k) for k in range(n_columns)) for own in table]
    return found


def _products(factors: list[FloatArray], powers: list[tuple[int, ...]]) -> FloatArray:
    design = np.ones((len(factors[0]), len(powers)))
    table = np.array(powers)
    for k, factor in enumerate(factors):
        design *= factor[:, table[:, k]]
    return design


def power_factors(X: FloatArray, y: FloatArray, weight: FloatArray) -> Reduction | None:
    """Return the columns that act as powers alone, taken out of a function.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        Columns.
    y, weight : ndarray of shape (n_samples,)
        Targets and weights.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.symbolic.scaling._scalings import power_factors
    >>> X = np.random.default_rng(0).uniform(1.0, 2.0, size=(500, 3))
    >>> y = X[:, 0] / X[:, 1] ** 2 * np.exp(X[:, 2])
    >>> found = power_factors(X, y, np.full(500, 1 / 500))
    >>> [str(own) for own in found.factor], len(found.variables)
    (['1', '-2', '0'], 1)
    """
    task = _prepared(X, y, weight)
    if task is None:
        return None
    surrogate, table, rows = task
    n_columns = X.shape[1]
    samples = X[rows], y[rows], weight[rows]
    factor = [_ratio(slope, -table[:, -1]) for slope in table[:, :-1].T]
    taken = [k for k in range(n_columns) if factor[k] != 0]
    while taken:
        found = _without(factor, taken)
        if _holds(found, *samples, surrogate.error):
            return found
        # The one whose relation holds worst may be none.
        left = {k: table[:, k] + float(factor[k]) * table[:, -1] for k in taken}
        taken.remove(max(taken, key=lambda k: float(np.std(left[k]))))
    return _by_logarithms(*samples, surrogate.error) if surrogate.error > COARSE else None


def _without(factor: Sequence[Fraction], taken: Sequence[int]) -> Reduction:
    """Return the reduction that takes some columns out of a function."""
    count = len(factor)
    kept = [k for k in range(count) if k not in taken]
    own = tuple(factor[k] if k in taken else Fraction(0) for k in range(count))
    return Reduction(own, tuple(_unit(count, k) for k in kept))


def _by_logarithms(
    X: FloatArray, y: FloatArray, weight: FloatArray, error: float
) -> Reduction | None:
    """Return columns that act as powers in a function without a good surrogate.

    The logarithm of its size is linear in theirs, whatever the others do, if these are independent.
    """
    n_columns = X.shape[1]
    positive = np.flatnonzero(X.min(axis=0) > 0.0).tolist()
    used = np.abs(y) > 0.0
    if not positive or used.mean() < 0.9:
        return None
    logs = np.log(X[np.flatnonzero(used)[:, None], positive])
    design = np.column_stack([np.ones(len(logs)), logs])
    powers = np.linalg.lstsq(design, np.log(np.abs(y[used])), rcond=1e-10)[0][1:]
    factor, taken = [Fraction(0)] * n_columns, list[int]()
    for k, power in zip(positive, powers, strict=True):
        nice = Fraction(round(float(power)))
        if nice == 0 or abs(nice) > LARGEST or abs(float(power - nice)) > N_OFF:
            continue
        factor[k] = nice
        if len(taken) < n_columns - 1 and _holds(
            _without(factor, [*taken, k]), X, y, weight, error
        ):
            taken.append(k)
    return _without(factor, taken) if taken else None


def scalings(X: FloatArray, y: FloatArray, weight: FloatArray) -> Iterator[Reduction]:
    """Yield ways to write a function by fewer products of powers, the fewest first.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        Columns.
    y, weight : ndarray of shape (n_samples,)
        Targets and weights.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.symbolic.scaling._scalings import scalings
    >>> X = np.random.default_rng(0).uniform(1.0, 2.0, size=(500, 2))
    >>> y = np.tanh(X[:, 0] / X[:, 1])
    >>> [[str(own) for own in v] for v in next(scalings(X, y, np.full(500, 1 / 500))).variables]
    [['1', '-1']]
    """
    task = _prepared(X, y, weight)
    if task is None:
        return
    surrogate, table, rows = task
    _, sizes, rotation = np.linalg.svd(
        table / np.linalg.norm(table, axis=0).max(), full_matrices=True
    )
    sizes = np.append(sizes, np.zeros(len(rotation) - len(sizes)))
    most = int(np.sum(sizes < WORST * sizes[0]))
    n_columns = X.shape[1]
    for count in range(min(most, n_columns), 0, -1):
        null = rotation[len(rotation) - count :]
        vectors = _rational_basis(null, table)
        if vectors is None:
            continue
        n_found = 0
        for own in reductions(vectors, n_columns):
            if not _holds(own, X[rows], y[rows], weight[rows], surrogate.error):
                break
            yield own
            n_found += 1
            if n_found == N_REDUCTIONS:
                return
        if n_found:
            return


def _prepared(
    X: FloatArray, y: FloatArray, weight: FloatArray
) -> tuple[Surrogate, FloatArray, NDArray[np.intp]] | None:
    """Return a surrogate, the terms of its relations, and the samples that it has seen."""
    n_samples, n_columns = X.shape
    usable = np.all(np.isfinite(X)) and np.all(np.ptp(X, axis=0) > 0.0)
    if n_columns < MIN_COLUMNS or n_samples < max(MIN_SAMPLES, 10 * n_columns) or not usable:
        return None
    rows = np.unique(np.linspace(0, n_samples - 1, min(n_samples, N_SAMPLES)).astype(np.intp))
    rows = rows[weight[rows] > 0.0]
    if float(np.ptp(y[rows])) == 0.0:
        return None
    surrogate = Surrogate(X[rows], y[rows], weight[rows])
    if not surrogate.error < 0.5:
        return None
    few = rows[:: max(len(rows) // N_SLOPES, 1)]
    return surrogate, surrogate.relations(X[few]), rows


def _ratio(slope: FloatArray, value: FloatArray) -> Fraction:
    """Return the small fraction that one column is of another, or zero."""
    ratio = float(slope @ value) / max(float(value @ value), 1e-300)
    nice = Fraction(round(ratio * DENOMINATOR), DENOMINATOR)
    left = float(np.std(slope - float(nice) * value))
    size = math.sqrt(float(np.mean(value**2)))
    near = abs(ratio - float(nice)) < 0.15 and left < WORST * size * max(abs(float(nice)), 0.5)
    return nice if near and abs(nice) <= LARGEST else Fraction(0)


def _unit(n_columns: int, k: int) -> Vector:
    return tuple(Fraction(int(i == k)) for i in range(n_columns))


def _holds(
    reduction: Reduction, X: FloatArray, y: FloatArray, weight: FloatArray, error: float
) -> bool:
    """Tell whether the function is as smooth in the fewer variables."""
    with np.errstate(all="ignore"):
        factor, new = reduction.values(X)
        left, own = y / factor, weight * factor**2
    if not (np.isfinite(left).all() and np.isfinite(new).all() and np.isfinite(own).all()):
        return False
    total = math.sqrt(float(weight @ (y - float(weight @ y) / weight.sum()) ** 2))
    if new.shape[1] == 0:
        constant = float(own @ left) / float(own.sum())
        return math.sqrt(float(own @ (left - constant) ** 2)) <= max(error, 1e-9) * total
    if np.any(np.ptp(new, axis=0) == 0.0) or np.ptp(left) == 0.0:
        return False
    whole = own @ (left - float(own @ left) / own.sum()) ** 2
    other = Surrogate(new, left, own / own.sum())
    # Errors relative to the whole target, not to what is left of it.
    share = math.sqrt(float(whole)) / max(total, 1e-300)
    return other.error * min(share, 1.0) <= NO_WORSE * error + 1e-9


def _rational_basis(null: FloatArray, table: FloatArray) -> list[Vector] | None:
    """Return vectors of small fractions that span a space, or None."""
    basis = null.copy()
    pivots: list[int] = []
    for row in range(len(basis)):
        # The last entry belongs to the function itself.
        free = [k for k in range(basis.shape[1] - 1) if k not in pivots]
        if not free:
            return None
        block = np.abs(basis[row:][:, free])
        place, column = divmod(int(np.argmax(block)), len(free))
        column, place = free[column], place + row
        basis[[row, place]] = basis[[place, row]]
        if abs(basis[row, column]) < 1e-6:
            return None
        basis[row] /= basis[row, column]
        for other in range(len(basis)):
            if other != row:
                basis[other] -= basis[other, column] * basis[row]
        pivots.append(column)
    vectors = []
    sizes = np.linalg.norm(table, axis=0)
    for own in basis:
        nice = [Fraction(round(value * DENOMINATOR), DENOMINATOR) for value in own]
        numbers = np.array([float(value) for value in nice])
        terms = np.abs(numbers) * sizes
        if np.abs(numbers).max() > LARGEST:
            return None
        if np.linalg.norm(table @ numbers) > WORST * max(float(terms.max()), 1e-300):
            return None
        vectors.append(tuple(nice))
    return vectors


def reductions(vectors: list[Vector], n_columns: int) -> Iterator[Reduction]:
    """Yield ways to write the function that scalings leave, the simplest first."""
    moves = [own[:n_columns] for own in vectors]
    gains = [own[n_columns] for own in vectors]
    variables = _invariants(moves, n_columns)
    if len(variables) != n_columns - len(moves):
        return
    factors: list[Vector] = []
    for chosen in itertools.combinations(range(n_columns), len(moves)):
        solution = solved([[move[k] for k in chosen] for move in moves], gains)
        if solution is not None:
            full = [Fraction(0)] * n_columns
            for k, value in zip(chosen, solution, strict=True):
                full[k] = value
            factors.append(tuple(full))
    seen: set[Vector] = set()
    for factor in sorted(factors, key=_complexity):
        if factor not in seen:
            seen.add(factor)
            yield Reduction(factor, tuple(variables))


def _complexity(vector: Vector) -> tuple[float, int]:
    size = sum(abs(value) + 2 * (value.denominator - 1) for value in vector if value)
    return float(size), sum(value < 0 for value in vector)


def _invariants(moves: list[Vector], n_columns: int) -> list[Vector]:
    """Return products of powers that scalings leave alone, as simple as can be."""
    pool: set[Vector] = set()
    n_new = n_columns - len(moves)
    for dropped in itertools.combinations(range(n_columns), max(n_new - 1, 0)):
        # The vector, unique but for its size, that is orthogonal to all moves and lacks these.
        kept = [k for k in range(n_columns) if k not in dropped]
        own = kernel([[move[k] for k in kept] for move in moves], len(kept))
        if own is None:
            continue
        full = [Fraction(0)] * n_columns
        for k, value in zip(kept, own, strict=True):
            full[k] = value
        pool.add(tuple(full))
    chosen: list[Vector] = []
    for vector in sorted(pool, key=lambda v: (*_complexity(v), v)):
        if len(chosen) < n_new and rank([*chosen, vector]) > len(chosen):
            chosen.append(vector)
    return chosen
