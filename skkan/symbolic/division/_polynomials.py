"""Sparse polynomials, and quotients of them, under a few functions of the target.

A polynomial is linear in its coefficients, and ``y = P / Q`` says that ``P - y Q`` vanishes. Both
are solved at once for all monomials up to a degree. Without noise the ones that are not there have
coefficients of nothing but rounding; with noise monomials are taken in one by one as long as they
shorten the description.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.symbolic._watch import look
from skkan.symbolic.division._conditions import Conditions
from skkan.symbolic.division._subproblem import Problem
from skkan.symbolic.division._transforms import (
    IDENTITY,
    TRANSFORMS,
    Transform,
    majority,
    transformed,
)
from skkan.symbolic.export._parametric import ParametricFormula

Powers = tuple[int, ...]

# Largest numbers of monomials, of those to select from, of unknowns of quotients, and of terms.
MAX_MONOMIALS, MAX_CANDIDATES, MAX_UNKNOWNS = 220, 70, 160
MAX_TERMS, MAX_NOISY, MAX_PATH = 24, 7, 12
N_SAMPLES = 1000
MAX_DEGREE = 6
# Errors of exact relations, relative to the sizes of their terms.
EXACT, NEGLIGIBLE = 1e-9, 1e-7
# What a monomial costs, in nats, beside the digits of its coefficient.
TERM_PRICE = 4.0
USEFUL = 0.6
TRANSFORMED = ("1/x", "x^2", "1/x^2", "sqrt", "log")


def polynomials(
    problem: Problem, names: set[str], *, noisy: bool, conditions: Conditions | None = None
) -> Iterator[ParametricFormula]:
    """Yield polynomials whose values, or functions of whose values, are the targets.

    Parameters
    ----------
    problem : Problem
        The problem.
    names : set of str
        Names of the functions that may occur.
    noisy : bool
        Whether to look for those that leave noise, not for those that leave nothing.
    conditions : Conditions, optional
        What polynomials themselves, not functions of them, must satisfy.

    Examples
    --------
    >>> import numpy as np
    >>> import sympy
    >>> from skkan.symbolic.division._polynomials import polynomials
    >>> from skkan.symbolic.division._subproblem import Problem
    >>> X = np.random.default_rng(0).uniform(1.0, 2.0, size=(100, 2))
    >>> y = np.sqrt(X[:, 0] ** 2 + X[:, 0] * X[:, 1])
    >>> problem = Problem(sympy.symbols("a b"), X, y, np.full(100, 0.01), 1e-12)
    >>> found = next(polynomials(problem, {"x^2", "sqrt"}, noisy=False))
    >>> len(found.constants), found.error(X, y, problem.weight) < 1e-12
    (2, True)
    """
    rows = _rows(problem)
    n_columns = len(problem.inputs)
    most = MAX_CANDIDATES if noisy else MAX_MONOMIALS
    every = _monomials(n_columns, _degree(n_columns, min(len(rows) // 3, most), names))
    places = list(range(len(every)))
    if conditions is not None:
        places = [k for k in places if conditions.allows_power(problem.inputs, every[k])]
    scale = _sizes(problem.X[rows])
    design = _design(problem.X[rows] / scale, every)
    find = _selected if noisy else _exact
    for transform in _transforms(problem, names):
        look()
        y, weight = transformed(transform, problem.y[rows], problem.weight[rows])
        if not (weight > 0.0).mean() > 0.9:
            continue
        usable = places if transform is IDENTITY else list(range(len(every)))
        found = find(design[:, usable], y, weight) if usable else None
        if found is not None:
            chosen, values = found
            yield _written([every[usable[k]] for k in chosen], values, scale, problem, transform)


def quotients(problem: Problem, names: set[str]) -> Iterator[ParametricFormula]:
    """Yield quotients of polynomials that leave nothing but rounding, of targets or their squares.

    Parameters
    ----------
    problem : Problem
        The problem.
    names : set of str
        Names of the functions that may occur.

    Examples
    --------
    >>> import numpy as np
    >>> import sympy
    >>> from skkan.symbolic.division._polynomials import quotients
    >>> from skkan.symbolic.division._subproblem import Problem
    >>> X = np.random.default_rng(0).uniform(1.0, 2.0, size=(100, 2))
    >>> y = (1.0 + X[:, 0]) / (X[:, 0] + 3.0 * X[:, 1])
    >>> problem = Problem(sympy.symbols("a b"), X, y, np.full(100, 0.01), 1e-12)
    >>> found = next(quotients(problem, {"1/x", "x^2"}))
    >>> found.error(X, y, np.full(100, 0.01)) < 1e-12
    True
    """
    if "1/x" not in names:
        return
    rows = _rows(problem)
    scale = _sizes(problem.X[rows])
    X = problem.X[rows] / scale
    transforms = [IDENTITY]
    transforms += [own for own in _transforms(problem, names) if own.name == "x^2"]
    for transform in transforms:
        y, weight = transformed(transform, problem.y[rows], problem.weight[rows])
        size = float(np.abs(y).max(initial=0.0))
        if size == 0.0 or not (weight > 0.0).all():
            continue
        found = _relation(X, y / size, len(rows) // 3)
        if found is not None:
            above, below = found
            above = {key: size * value for key, value in above.items()}
            yield _quotient(above, below, scale, problem, transform)
            return


def _rows(problem: Problem) -> NDArray[np.intp]:
    """Return rows evenly over the samples."""
    count = len(problem.y)
    return np.unique(np.linspace(0, count - 1, min(count, N_SAMPLES)).astype(np.intp))


def _sizes(X: FloatArray) -> FloatArray:
    sizes: FloatArray = np.abs(X).max(axis=0)
    return np.where(sizes > 0.0, sizes, 1.0)


def _degree(n_columns: int, limit: int, names: set[str]) -> int:
    """Return the largest total degree whose monomials are at most `limit`."""
    if "x^2" not in names:
        return 1
    degree = 1
    while degree < MAX_DEGREE and math.comb(n_columns + degree + 1, degree + 1) <= limit:
        degree += 1
    return degree


def _monomials(n_columns: int, degree: int) -> list[Powers]:
    """Return the powers of all monomials, the lowest degrees first."""
    found: list[Powers] = []
    for total in range(degree + 1):
        table = itertools.combinations_with_replacement(range(n_columns), total)
        found += [tuple(own.count(k) for k in range(n_columns)) for own in table]
    return found


def _design(X: FloatArray, powers: Sequence[Powers]) -> FloatArray:
    """Return the monomials, shape (n_samples, n_monomials)."""
    table = [np.ones_like(X)]
    for _ in range(max((max(own, default=0) for own in powers), default=0)):
        table.append(table[-1] * X)
    design = np.ones((len(X), len(powers)))
    for place, own in enumerate(powers):
        for k, power in enumerate(own):
            if power:
                design[:, place] *= table[power][:, k]
    return design


def _transforms(problem: Problem, names: set[str]) -> list[Transform]:
    known = [own for own in TRANSFORMS if own.name in TRANSFORMED and own.symbol in names]
    return [IDENTITY, *(own for own in known if own.allows(problem.y))]


def _exact(
    design: FloatArray, y: FloatArray, weight: FloatArray
) -> tuple[list[int], FloatArray] | None:
    """Return the monomials that leave nothing but rounding, and their coefficients."""
    root = np.sqrt(weight)
    chosen = list(range(design.shape[1]))
    size = math.sqrt(float(weight @ y**2))
    for _ in range(4):
        scaled = design[:, chosen] * root[:, None]
        values = np.linalg.lstsq(scaled, y * root, rcond=1e-14)[0]
        left = float(np.linalg.norm(scaled @ values - y * root))
        if not left <= EXACT * size:
            return None
        shares = np.abs(values) * np.linalg.norm(scaled, axis=0)
        kept = [k for k, share in zip(chosen, shares, strict=True) if share > NEGLIGIBLE * size]
        if len(kept) == len(chosen):
            break
        chosen = kept
    return (chosen, values) if len(chosen) <= MAX_TERMS else None


def _selected(
    design: FloatArray, y: FloatArray, weight: FloatArray
) -> tuple[list[int], FloatArray] | None:
    """Return the monomials that shorten the description in noise, and their coefficients."""
    count = len(y)
    total = float(weight.sum())
    root = np.sqrt(weight / total)
    scaled, target = design * root[:, None], y * root
    norms = np.linalg.norm(scaled, axis=0)
    scaled = scaled / norms
    gram, moments = scaled.T @ scaled, scaled.T @ target
    power = float(target @ target)
    spread = power - float(target @ root) ** 2
    price = TERM_PRICE + 0.5 * math.log(count)

    def fitted(own: list[int]) -> tuple[FloatArray, float]:
        values = np.linalg.lstsq(gram[np.ix_(own, own)], moments[own], rcond=1e-13)[0]
        return values, max(power - float(values @ moments[own]), 1e-15 * power)

    def cost(loss: float, size: int) -> float:
        return 0.5 * count * math.log(loss) + price * size

    chosen: list[int] = []
    best, loss = math.inf, power
    while len(chosen) < MAX_PATH:
        left = moments - (gram[:, chosen] @ fitted(chosen)[0] if chosen else 0.0)
        left[chosen] = 0.0
        near = np.argsort(-np.abs(left))[:8]
        trials = [(fitted([*chosen, int(k)])[1], int(k)) for k in near if k not in chosen]
        if not trials:
            break
        loss, new = min(trials)
        grown = [*chosen, new]
        # Those taken in before may not be needed any more.
        while len(grown) > 1:
            losses = [(fitted([own for own in grown if own != k])[1], k) for k in grown[:-1]]
            least, idle = min(losses)
            if cost(least, len(grown) - 1) >= cost(loss, len(grown)):
                break
            grown.remove(idle)
            loss = least
        if cost(loss, len(grown)) >= best:
            break
        chosen, best = grown, cost(loss, len(grown))
    # As many as that stand for another function.
    if not 0 < len(chosen) <= MAX_NOISY or not loss < USEFUL**2 * max(spread, 1e-300):
        return None
    return chosen, fitted(chosen)[0] / norms[chosen]


def _relation(
    X: FloatArray, y: FloatArray, limit: int
) -> tuple[dict[Powers, float], dict[Powers, float]] | None:
    """Return the coefficients of the simplest quotient that leaves nothing."""
    n_columns = X.shape[1]
    pairs = [(p, q) for p in range(1, 7) for q in range(1, 5)]
    pairs.sort(key=lambda own: sum(math.comb(n_columns + degree, degree) for degree in own))
    for above, below in pairs:
        look()
        n_above, n_below = (math.comb(n_columns + own, own) for own in (above, below))
        if n_above + n_below > min(MAX_UNKNOWNS, limit):
            break
        upper, lower = _monomials(n_columns, above), _monomials(n_columns, below)
        design = np.hstack([_design(X, upper), -_design(X, lower) * y[:, None]])
        found = _null_vector(design)
        if found is not None and np.any(found[n_above:] != 0.0):
            return (
                {own: v for own, v in zip(upper, found[:n_above], strict=True) if v},
                {own: v for own, v in zip(lower, found[n_above:], strict=True) if v},
            )
    return None


def _null_vector(design: FloatArray) -> FloatArray | None:
    """Return the sparsest of the vectors that a matrix takes to nothing, or None.

    Exact relations have exact multiples; columns at the end, of high degree, are eliminated from
    all but one of them.
    """
    norms = np.linalg.norm(design, axis=0)
    if not norms.all():
        return None
    triangle: FloatArray = np.linalg.qr(design / norms)[1]
    _, sizes, rotation = np.linalg.svd(triangle)
    null = rotation[sizes < EXACT * 1e-2 * sizes[0]]
    if not 1 <= len(null) <= 12:
        return None
    # Reduced row echelon form with full pivoting.
    pivots: list[int] = []
    for row in range(len(null)):
        free = [k for k in range(null.shape[1]) if k not in pivots]
        block = np.abs(null[row:][:, free])
        place, column = divmod(int(np.argmax(block)), len(free))
        column, place = free[column], place + row
        null[[row, place]] = null[[place, row]]
        null[row] /= null[row, column]
        for other in range(len(null)):
            if other != row:
                null[other] -= null[other, column] * null[row]
        pivots.append(column)
    sparse = np.where(np.abs(null) > NEGLIGIBLE, null, 0.0)
    best = sparse[int(np.argmin(np.count_nonzero(sparse, axis=1)))]
    chosen = np.flatnonzero(best)
    if len(chosen) > MAX_TERMS:
        return None
    _, own, refined = np.linalg.svd(triangle[:, chosen], full_matrices=False)
    if not own[-1] < EXACT * own[0]:
        return None
    found = np.zeros(len(best))
    found[chosen] = refined[-1]
    result: FloatArray = found / norms
    return result


def _monomial(inputs: Sequence[Any], powers: Powers) -> Any:
    import sympy  # noqa: PLC0415

    return sympy.Mul(*(v**p for v, p in zip(inputs, powers, strict=True) if p))


def _written(
    terms: Sequence[Powers],
    values: FloatArray,
    scale: FloatArray,
    problem: Problem,
    transform: Transform,
) -> ParametricFormula:
    import sympy  # noqa: PLC0415

    constants = [sympy.Dummy("k", real=True) for _ in terms]
    parts = [k * _monomial(problem.inputs, own) for k, own in zip(constants, terms, strict=True)]
    expression = transform.inverse(sympy.Add(*parts), majority(problem.y))
    own = [float(v / np.prod(scale**p)) for v, p in zip(values, terms, strict=True)]
    return ParametricFormula(expression, problem.inputs, tuple(constants), tuple(own))


def _quotient(
    above: dict[Powers, float],
    below: dict[Powers, float],
    scale: FloatArray,
    problem: Problem,
    transform: Transform,
) -> ParametricFormula:
    import sympy  # noqa: PLC0415

    upper = {own: v / float(np.prod(scale ** np.array(own))) for own, v in above.items()}
    lower = {own: v / float(np.prod(scale ** np.array(own))) for own, v in below.items()}
    # One coefficient is the unit of the others: the one of which most others are multiples.
    lead = max(lower, key=lambda own: (sum(own) == 0, abs(below[own])))
    unit = lower[lead]
    constants, values = [], []

    def polynomial(terms: dict[Powers, float], fixed: Powers | None) -> Any:
        parts = []
        for own, value in terms.items():
            if own == fixed:
                parts.append(_monomial(problem.inputs, own))
                continue
            constants.append(sympy.Dummy("k", real=True))
            values.append(value / unit)
            parts.append(constants[-1] * _monomial(problem.inputs, own))
        return sympy.Add(*parts)

    quotient = polynomial(upper, None) / polynomial(lower, lead)
    expression = transform.inverse(quotient, majority(problem.y))
    return ParametricFormula(expression, problem.inputs, tuple(constants), tuple(values))
