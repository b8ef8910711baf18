"""Fits of ``c f(a x + b) + d`` to samples, over the whole range of ``a`` and ``b``.

In the coordinate of the data ``c`` and ``d`` follow from ``alpha`` and ``beta`` by linear least
squares. A grid over the forms of the symbol gives starts on a few sites; the best go down together
by Levenberg-Marquardt on the projected residual, in Kaufman's approximation, and the very best once
more on all samples.

References
----------
G. H. Golub and V. Pereyra, "Separable nonlinear least squares: the variable projection method and
its applications", Inverse Problems 19, 2003.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from skkan._typing import FloatArray
from skkan.symbolic._watch import look
from skkan.symbolic.library._symbol import Symbol
from skkan.symbolic.library._symbols import get_symbol, get_symbols
from skkan.symbolic.recognition._edge_samples import Samples
from skkan.symbolic.recognition._parametrizations import (
    LARGEST,
    SMALLEST,
    Parametrization,
    parametrizations_of,
)

# Descents that start from the grid, and how many of them go on after a few iterations. A wave that
# changes its shape on the way has many local minima.
N_STARTS, N_SURVIVORS = 10, 3
N_WAVE_STARTS, N_WAVE_SURVIVORS = 32, 8
N_FINALISTS = 2
MAX_ITER = 60
CHUNK = 2**18
# Unexplained shares of the variance below this are rounding.
FLOOR = 1e-12
TIE = 1e-6


class Parameters(NamedTuple):
    """The four numbers of ``c f(a x + b) + d``."""

    a: float
    b: float
    c: float
    d: float


@dataclass(frozen=True)
class SymbolFit:
    """A symbol fitted to samples.

    Attributes
    ----------
    symbol : Symbol
        The function ``f``.
    parameters : Parameters
        The numbers in ``c f(a x + b) + d``.
    r2 : float
        Share of the variance that is explained.
    rmse : float
        Root of the mean squared error.
    """

    symbol: Symbol
    parameters: Parameters
    r2: float
    rmse: float

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return the fitted function of `x`."""
        a, b, c, d = self.parameters
        return c * self.symbol.value(a * np.asarray(x, dtype=np.float64) + b) + d

    def expression(self, argument: Any) -> Any:
        """Return the fitted function of a SymPy expression."""
        a, b, c, d = self.parameters
        inner = argument if a == 1.0 else a * argument
        if b != 0.0:
            inner = inner + b
        outer = self.symbol.expression(inner) * (1 if c == 1.0 else c)
        return outer if d == 0.0 else outer + d


def fit_symbol(
    symbol: Any, x: FloatArray, y: FloatArray, weight: FloatArray | None = None
) -> SymbolFit:
    """Fit ``c f(a x + b) + d`` to samples.

    Parameters
    ----------
    symbol : str, Symbol or sympy.Expr
        The function ``f``.
    x, y : array-like of shape (n,)
        Arguments and values, in any order.
    weight : array-like of shape (n,) or None, default=None
        Weights of the samples. Those of weight 0 are left out and may lie outside the domain.

    Returns
    -------
    fit : SymbolFit
        The best parameters found, with no argument outside the domain and no singularity between
        them. They are unique as far as the function allows: a scale that amounts to a factor is 1
        or -1, such a shift 0, scales of even and odd functions are positive, shifts of periodic
        functions lie within half a period of 0, or a quarter where half a period is a sign.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.symbolic.recognition._fitting import fit_symbol
    >>> x = np.linspace(0.0, 3.0, 50)
    >>> fit = fit_symbol("exp", x, 2.0 * np.exp(-0.5 * x) + 1.0)
    >>> [round(float(p), 9) for p in fit.parameters]
    [-0.5, 0.0, 2.0, 1.0]
    """
    samples = Samples.of(x, y, weight)
    return _fit(get_symbol(symbol), samples, samples.thinned())


def rank_symbols(
    x: FloatArray,
    y: FloatArray,
    symbols: Iterable[Any] | None = None,
    weight: FloatArray | None = None,
    top: int = 5,
    weight_simple: float = 0.0,
    uncertainty: float = 0.0,
) -> list[SymbolFit]:
    """Fit several symbols and return the best.

    Parameters
    ----------
    x, y : array-like of shape (n,)
        Arguments and values.
    symbols : iterable of str, Symbol or sympy.Expr, or None, default=None
        The functions to try; by default the library, with one of those that are the same but for
        their parameters, such as sine and cosine.
    weight : array-like of shape (n,) or None, default=None
        Weights of the samples.
    top : int, default=5
        Number of fits returned.
    weight_simple : float, default=0.0
        What simplicity counts, from 0 (accuracy alone) to 1 (simplicity alone).
    uncertainty : float, default=0.0
        Share of the variance of `y` that is in doubt. Fits whose `r2` is less than this below the
        highest count as equally accurate: functions of many shapes follow the errors of the
        samples better than the right one does.

    Returns
    -------
    fits : list of SymbolFit
        The fits in increasing order of :func:`score`; where it is equal but for rounding, the
        simpler function comes first.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.symbolic.recognition._fitting import rank_symbols
    >>> x = np.linspace(-1.0, 1.0, 50)
    >>> rank_symbols(x, np.sin(3.0 * x), top=1)[0].symbol
    <Symbol sin>
    """
    share: Any = weight_simple
    if not isinstance(share, Real) or not 0.0 <= float(share) <= 1.0:
        raise ValueError(f"weight_simple must be in [0, 1], got {weight_simple!r}")
    candidates = get_symbols(symbols)
    number: Any = top
    if not isinstance(number, Integral) or number < 1:
        raise ValueError(f"top must be an integer and at least 1, got {top!r}")
    samples = Samples.of(x, y, weight)
    sites = samples.thinned()
    fits = []
    for symbol in candidates:
        look()
        fits.append(_fit(symbol, samples, sites))
    floor = certain_share(fits, uncertainty)
    scored = sorted(
        ((score(fit, weight_simple, floor), fit) for fit in fits), key=lambda pair: pair[0]
    )
    ranked: list[SymbolFit] = []
    while scored:
        limit = scored[0][0] + TIE
        tied = [fit for value, fit in scored if value <= limit]
        ranked += sorted(tied, key=_simplicity)
        scored = scored[len(tied) :]
    return ranked[:top]


def _simplicity(fit: SymbolFit) -> tuple[int, bool, float]:
    """Return what orders equally good fits: price, number of parameters, and then accuracy."""
    return fit.symbol.complexity, fit.symbol.redundant == "none", max(1.0 - fit.r2, FLOOR)


def certain_share(fits: Sequence[SymbolFit], uncertainty: float) -> float:
    """Return the unexplained share of the variance below which fits count as equally accurate."""
    best = max((fit.r2 for fit in fits), default=1.0)
    return max(1.0 - best + uncertainty, FLOOR)


def score(fit: SymbolFit, weight_simple: float, floor: float = FLOOR) -> float:
    """Return what the ranking minimises.

    It is ``(1 - w) log2(max(1 - r2, floor)) + w complexity``: a halved error is worth as much as a
    step of complexity at ``w = 1/2``.

    Parameters
    ----------
    fit : SymbolFit
        A fit.
    weight_simple : float
        The weight ``w`` of simplicity.
    floor : float, default=1e-12
        Smaller unexplained shares of the variance count as this one.
    """
    accuracy = math.log2(max(1.0 - fit.r2, floor))
    return (1.0 - weight_simple) * accuracy + weight_simple * fit.symbol.complexity


def _fit(symbol: Symbol, samples: Samples, sites: Samples) -> SymbolFit:
    if samples.half == 0.0 or samples.scale == 0.0 or symbol.name == "0":
        return _constant_fit(symbol, samples)
    with np.errstate(all="ignore"):
        if symbol.redundant == "both":
            return _evaluate(symbol, samples, 1.0, 0.0)
        if symbol.name == "sign":
            return _evaluate(symbol, samples, 1.0, -_best_step(samples))
        found: list[_Descent] = []
        for form in parametrizations_of(symbol):
            found += _descents(symbol, form, sites)
        found.sort(key=lambda descent: descent.left)
        fits = []
        for descent in found[:N_FINALISTS]:
            if descent.left > 100.0 * found[0].left:
                break
            final = descent if sites is samples else _polished(symbol, descent, samples)
            alpha, beta, _, _ = final.form.place(final.p)
            a = float(alpha[0]) / samples.half
            fits.append(_canonical_fit(symbol, samples, a, float(beta[0]) - a * samples.middle))
    return max(fits, key=lambda fit: fit.r2) if fits else _constant_fit(symbol, samples)


def _constant_fit(symbol: Symbol, samples: Samples) -> SymbolFit:
    """Return a fit that is the mean, with arguments inside the domain."""
    a, b = 1.0, 0.0
    branch = symbol.branches()[-1]
    if symbol.excludes(samples.x[0], samples.x[-1]):
        low, high = max(branch.low, -1e300), min(branch.high, 1e300)
        inside = low + 1.0 if branch.high == math.inf else high - 1.0
        centre = 0.5 * (low + high) if high - low < 2.0 else inside
        a = min(1.0, 0.25 * (high - low) / samples.half) if samples.half else 1.0
        b = centre - a * samples.middle
        if math.isfinite(branch.low) and branch.high == math.inf:
            b += a * samples.half
        elif branch.low == -math.inf and math.isfinite(branch.high):
            b -= a * samples.half
    r2 = 0.0 if samples.scale else 1.0
    rmse = samples.scale * math.sqrt(samples.spread)
    return SymbolFit(symbol, Parameters(a, b, 0.0, samples.mean), r2, rmse)


def _best_step(samples: Samples) -> float:
    """Return the border between two groups of samples that leaves the least variance."""
    below = np.cumsum(samples.weight)[:-1]
    sums = np.cumsum(samples.weight * samples.residual)[:-1]
    gain = np.where(np.diff(samples.x) > 0.0, sums**2 / (below * (1.0 - below)), -1.0)
    best = int(np.argmax(gain))
    return float(0.5 * samples.x[best] + 0.5 * samples.x[best + 1])


def _starts(symbol: Symbol, form: Parametrization, sites: Samples, n_starts: int) -> FloatArray:
    """Return the best rows of the grid of `form`, no two of them neighbours."""
    p, steps = form.grid()
    alpha, beta, _, _ = form.place(p)
    rows = max(1, CHUNK // len(sites.t))
    gains = np.concatenate(
        [
            _gains(symbol, sites, alpha[i : i + rows], beta[i : i + rows])
            for i in range(0, len(p), rows)
        ]
    )
    chosen = []
    for _ in range(n_starts):
        best = int(np.argmax(gains))
        if not gains[best] > 0.0:
            break
        chosen.append(best)
        gains[np.max(np.abs(steps - steps[best]), axis=1) <= 1.5] = -1.0
    return p[chosen]


def _gains(symbol: Symbol, sites: Samples, alpha: FloatArray, beta: FloatArray) -> FloatArray:
    """Return the variance that each placement explains, -1 where there is none."""
    values = symbol.value(alpha[:, None] * sites.t + beta[:, None])
    moments = values @ np.column_stack([sites.weight, sites.weight * sites.residual])
    values -= moments[:, :1]
    variance = np.square(values, out=values) @ sites.weight
    gains = moments[:, 1] ** 2 / variance
    return np.where(np.isfinite(gains), gains, -1.0)


class _Descent(NamedTuple):
    """A placement, as one row of coordinates, and the variance that it leaves."""

    form: Parametrization
    p: FloatArray
    left: float


def _descents(symbol: Symbol, form: Parametrization, sites: Samples) -> list[_Descent]:
    """Return where the descents end that start from the best rows of the grid."""
    many = symbol.oscillates and symbol.period is None
    n_starts, n_survivors = (N_WAVE_STARTS, N_WAVE_SURVIVORS) if many else (N_STARTS, N_SURVIVORS)
    p = _starts(symbol, form, sites, n_starts)
    if len(p) == 0:
        return []
    p, left = _descend(symbol, form, p, sites, 8)
    p, left = _descend(symbol, form, p[np.argsort(left)[:n_survivors]], sites, MAX_ITER)
    return [_Descent(form, p[i : i + 1], float(left[i])) for i in range(len(p))]


def _polished(symbol: Symbol, descent: _Descent, samples: Samples) -> _Descent:
    p, left = _descend(symbol, descent.form, descent.p, samples, MAX_ITER)
    return _Descent(descent.form, p, float(left[0]))


class _Linearised(NamedTuple):
    """Projected residuals around rows of coordinates, reduced over the samples."""

    left: FloatArray
    gradient: FloatArray
    matrix: FloatArray


def _linearise(
    symbol: Symbol, form: Parametrization, p: FloatArray, samples: Samples
) -> _Linearised:
    t, w, y = samples.t, samples.weight, samples.residual
    alpha, beta, d_alpha, d_beta = form.place(p)
    size = np.abs(alpha)
    allowed = (size >= SMALLEST) & (size <= LARGEST) & (np.abs(beta) <= 4.0 * LARGEST)
    u = alpha[:, None] * t + beta[:, None]
    values, slopes = symbol.value(u), symbol.slope(u)
    values -= (values @ w)[:, None]
    weighted = values * w
    norm = np.einsum("kn,kn->k", weighted, values)
    factor = (weighted @ y) / norm
    residual = y - factor[:, None] * values
    left = np.square(residual) @ w
    left = np.where(allowed & np.isfinite(left), left, np.inf)
    # An infinite slope at a border meets a coordinate that stands still there.
    slopes = np.where(np.isfinite(slopes), slopes, 0.0) * factor[:, None]
    columns = np.stack([slopes * t, slopes], axis=1)
    columns -= (columns @ w)[:, :, None]
    overlap = columns @ weighted[:, :, None] / norm[:, None, None]
    columns -= overlap * values[:, None, :]
    transposed = columns.transpose(0, 2, 1)
    chain = np.stack([d_alpha, d_beta], axis=1)
    gradient = ((residual * w)[:, None, :] @ transposed @ chain)[:, 0]
    matrix = chain.transpose(0, 2, 1) @ ((columns * w) @ transposed) @ chain
    # A row that is off the domain or flat stays where it is.
    gradient[~np.isfinite(gradient)] = 0.0
    matrix[~np.isfinite(matrix)] = 0.0
    return _Linearised(left, gradient, matrix)


def _damped_step(state: _Linearised, damping: FloatArray) -> FloatArray:
    """Solve the damped systems of one or two coordinates, all at once."""
    matrix = state.matrix
    diagonal = np.einsum("kjj->kj", matrix)
    largest = np.max(diagonal, axis=1, keepdims=True)
    damped = diagonal + damping[:, None] * np.maximum(diagonal, 1e-12 * largest)
    damped = np.where(damped > 0.0, damped, 1.0)
    if damped.shape[1] == 1:
        return state.gradient / damped
    off = matrix[:, 0, 1]
    # Scaled to a unit diagonal, or the determinant might underflow.
    root = np.sqrt(damped)
    off = off / (root[:, 0] * root[:, 1])
    g = state.gradient / root
    determinant = np.maximum((1.0 - off) * (1.0 + off), 1e-15)
    step = (g - off[:, None] * g[:, ::-1]) / determinant[:, None]
    return step / root


def _descend(
    symbol: Symbol, form: Parametrization, p: FloatArray, samples: Samples, max_iter: int
) -> tuple[FloatArray, FloatArray]:
    """Return the coordinates after Levenberg-Marquardt and the variance that is left."""
    state = _linearise(symbol, form, p, samples)
    damping, growth = np.full(len(p), 1e-3), np.full(len(p), 2.0)
    enough = 1e-30 * samples.spread
    idle = np.zeros(len(p))
    for _ in range(max_iter):
        trial_p = p + _damped_step(state, damping)
        trial = _linearise(symbol, form, trial_p, samples)
        better = trial.left < state.left
        progress = trial.left < state.left * (1.0 - 1e-6)
        # A step that was refused counts little: a shorter one may follow.
        idle = np.where(progress, 0.0, idle + np.where(better, 1.0, 0.3))
        damping = np.where(better, np.maximum(damping * 0.1, 1e-9), damping * growth)
        growth = np.where(better, 2.0, 2.0 * growth)
        p = np.where(better[:, None], trial_p, p)
        state = _Linearised(
            np.where(better, trial.left, state.left),
            np.where(better[:, None], trial.gradient, state.gradient),
            np.where(better[:, None, None], trial.matrix, state.matrix),
        )
        if np.all((idle >= 2.0) | (state.left <= enough)):
            break
    return p, state.left


def _canonical_fit(symbol: Symbol, samples: Samples, a: float, b: float) -> SymbolFit:
    """Return the fit at a placement in its canonical form, or as it is where that fails."""
    plain = _evaluate(symbol, samples, a, b)
    new_a, new_b = _canonical(symbol, a, b)
    fit = _evaluate(symbol, samples, new_a, new_b)
    if not fit.r2 >= plain.r2 - 1e-9 * (1.0 - plain.r2) - 1e-13:
        return plain
    return fit


def _canonical(symbol: Symbol, a: float, b: float) -> tuple[float, float]:
    """Return the same placement by the conventions of :func:`fit_symbol`."""
    if symbol.redundant == "both":
        return 1.0, 0.0
    if symbol.redundant == "scale":
        a, b = math.copysign(1.0, a), b / abs(a)
    # A larger shift would cost digits, or all of them.
    if symbol.redundant == "shift" and abs(b) < 300.0:
        b = 0.0
    if symbol.parity and a < 0.0:
        a, b = -a, -b
    if symbol.period is not None:
        period = 0.5 * symbol.period if symbol.antiperiodic else symbol.period
        b -= period * math.ceil(b / period - 0.5)
        # Both ends are the same; rounding shall not choose between them.
        if b < -0.5 * period * (1.0 - 1e-9):
            b += period
    return a, b


def _evaluate(symbol: Symbol, samples: Samples, a: float, b: float) -> SymbolFit:
    """Return the fit with the best ``c`` and ``d`` at given ``a`` and ``b``."""
    a, b = _pushed_inside(symbol, samples, a, b)
    values = symbol.value(a * samples.x + b)
    mean = float(values @ samples.weight)
    values = values - mean
    norm = float(np.square(values) @ samples.weight)
    factor = float((values * samples.weight) @ samples.residual) / norm if norm > 0.0 else 0.0
    c = samples.scale * factor
    d = samples.mean - c * mean
    if not (math.isfinite(c) and math.isfinite(d)):
        return _constant_fit(symbol, samples)
    left = float(np.square(samples.residual - factor * values) @ samples.weight)
    rmse = samples.scale * math.sqrt(left)
    return SymbolFit(symbol, Parameters(a, b, c, d), 1.0 - left / samples.spread, rmse)


def _pushed_inside(symbol: Symbol, samples: Samples, a: float, b: float) -> tuple[float, float]:
    """Undo steps over a border of the domain that are due to rounding."""
    low, high = sorted((a * samples.x[0] + b, a * samples.x[-1] + b))
    domain = symbol.domain
    if domain.contains(low, high):
        return a, b
    scale = np.finfo(np.float64).eps * max(1.0, abs(b), abs(low), abs(high))
    for k in range(8):
        slack = scale * 4.0**k
        new_low, new_high = max(low, domain.low + slack), min(high, domain.high - slack)
        shrunk = a * (new_high - new_low) / (high - low)
        shift = 0.5 * (new_low + new_high) - shrunk * samples.middle
        ends = sorted((shrunk * samples.x[0] + shift, shrunk * samples.x[-1] + shift))
        if domain.contains(ends[0], ends[1]):
            return float(shrunk), float(shift)
    return a, b
