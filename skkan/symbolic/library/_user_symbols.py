"""Symbols made of a user's SymPy expressions.

What the fits want to know of a function, its domain, poles and symmetries, is asked of SymPy where
SymPy is quick to answer, and otherwise found out from values.
"""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.symbolic.library._stored_expressions import restored, stored
from skkan.symbolic.library._symbol import REAL_LINE, Interval, Redundancy, Symbol

# Domains and poles are looked for at arguments up to this size.
WINDOW = 50.0
MAX_POLES = 8


class ExpressionFunction:
    """A SymPy expression of one symbol as a quiet elementwise function of floats.

    Parameters
    ----------
    expression : sympy.Expr
        The expression.
    variable : sympy.Symbol
        Its symbol.
    domain : Interval, default=REAL_LINE
        Outside of it values are NaN: a derivative may be defined where the function is not.

    Notes
    -----
    Pickling keeps the expression and compiles it again.
    """

    def __init__(self, expression: Any, variable: Any, domain: Interval = REAL_LINE) -> None:
        import sympy  # noqa: PLC0415

        self.expression = expression
        self.variable = variable
        self.domain = domain
        # Point masses do not show in values at single points.
        smooth = expression.replace(sympy.DiracDelta, lambda *_: sympy.S.Zero)
        try:
            compiled: Callable[[FloatArray], Any] = sympy.lambdify(
                variable, smooth, modules=["scipy", "numpy"]
            )
            with np.errstate(all="ignore"):
                compiled(np.array([0.3, 0.7]))
        except (NotImplementedError, NameError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"SymPy has no numerical form of {expression}") from error
        self._compiled = compiled

    def __call__(self, u: FloatArray) -> FloatArray:
        u = np.asarray(u, dtype=np.float64)
        with np.errstate(all="ignore"):
            values = np.asarray(self._compiled(u))
            if np.iscomplexobj(values):
                values = np.where(values.imag == 0.0, values.real, np.nan)
            values = np.broadcast_to(values.astype(np.float64), u.shape)
            inside = (u >= self.domain.low) & (u <= self.domain.high)
            return np.where(inside & np.isfinite(u) & np.isfinite(values), values, np.nan)

    def __getstate__(self) -> dict[str, Any]:
        return {"expression": stored(list(self._content[:2])), "domain": self.domain}

    def __setstate__(self, state: dict[str, Any]) -> None:
        expression, variable = restored(state["expression"])
        ExpressionFunction.__init__(self, expression, variable, state["domain"])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ExpressionFunction):
            return NotImplemented
        return self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)

    @property
    def _content(self) -> tuple[Any, Any, Interval]:
        return self.expression, self.variable, self.domain


class ExpressionForm:
    """A SymPy expression of one symbol, into which other expressions are put.

    Parameters
    ----------
    expression : sympy.Expr
        The expression.
    variable : sympy.Symbol
        Its symbol.
    """

    def __init__(self, expression: Any, variable: Any) -> None:
        self.expression = expression
        self.variable = variable

    def __call__(self, argument: Any) -> Any:
        return self.expression.subs(self.variable, argument)

    def __getstate__(self) -> dict[str, Any]:
        return {"expression": stored([self.expression, self.variable])}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.expression, self.variable = restored(state["expression"])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ExpressionForm):
            return NotImplemented
        mine, theirs = (self.expression, self.variable), (other.expression, other.variable)
        return bool(mine == theirs)

    def __hash__(self) -> int:
        return hash((self.expression, self.variable))


def user_symbol(name: str, expression: Any, complexity: int = 3) -> Symbol:
    """Make a symbol of a SymPy expression.

    Parameters
    ----------
    name : str
        Name of the new symbol.
    expression : sympy.Expr
        A real function of its one free symbol.
    complexity : int, default=3
        Price of the function where accuracy is traded against simplicity.

    Returns
    -------
    symbol : Symbol
        The function, which can be pickled if the expression can.

    Raises
    ------
    TypeError
        If `expression` is no SymPy expression.
    ValueError
        If it does not have one free symbol, or is nowhere real and finite.

    Examples
    --------
    >>> import numpy as np
    >>> import sympy
    >>> from skkan.symbolic.library._symbols import user_symbol
    >>> z = sympy.Symbol("z")
    >>> entropy = user_symbol("entropy", z * sympy.log(z))
    >>> entropy.slope(np.array([1.0, -1.0]))
    array([ 1., nan])
    >>> entropy.domain.low
    0.0
    """
    import sympy  # noqa: PLC0415

    if not isinstance(expression, sympy.Expr):
        raise TypeError(f"the function {name!r} must be a SymPy expression, got {expression!r}")
    if len(expression.free_symbols) != 1:
        found = ", ".join(sorted(map(str, expression.free_symbols))) or "none"
        raise ValueError(f"the function {name!r} must have one free symbol, got {found}")
    # Real, or SymPy would differentiate abs and sign for complex arguments.
    variable = sympy.Symbol("u", real=True)
    expression = expression.subs(next(iter(expression.free_symbols)), variable)
    value = ExpressionFunction(expression, variable)
    slope = sympy.diff(expression, variable)
    period = _period(expression, variable)
    domain, poles = _domain(expression, variable, value, period)
    sites = _test_sites(value, domain)
    if len(sites) < 3:
        raise ValueError(f"the function {name!r} is not real and finite on any interval near 0")
    turns = np.diff(np.sign(np.diff(value(np.linspace(-20.0, 20.0, 2001)))))
    return Symbol(
        name,
        complexity,
        value,
        ExpressionFunction(slope, variable, domain),
        ExpressionFunction(sympy.diff(slope, variable), variable, domain),
        ExpressionForm(expression, variable),
        domain=domain,
        poles=poles,
        period=period,
        antiperiodic=period is not None and _opposite(value(sites), value(sites + 0.5 * period)),
        parity=_parity(value, sites),
        redundant=_redundant(value, sites, domain),
        oscillates=period is not None or int(np.count_nonzero(np.abs(turns) == 2.0)) > 6,
        reach=8.0,
    )


def _period(expression: Any, variable: Any) -> float | None:
    from sympy.calculus.util import periodicity  # noqa: PLC0415

    try:
        period = periodicity(expression, variable)
    except (NotImplementedError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    return None if period is None or not period.is_number or period == 0 else float(period)


def _domain(
    expression: Any, variable: Any, value: ExpressionFunction, period: float | None
) -> tuple[Interval, tuple[float, ...]]:
    """Return the domain and the poles in it."""
    import sympy  # noqa: PLC0415
    from sympy.calculus.util import continuous_domain  # noqa: PLC0415

    try:
        found = continuous_domain(expression, variable, sympy.S.Reals)
    except (NotImplementedError, ValueError, TypeError, AttributeError, RecursionError):
        found = None
    parts = list(found.args) if isinstance(found, sympy.Union) else [found]
    if period is not None or not all(isinstance(part, sympy.Interval) for part in parts):
        return _domain_of_values(value, period)
    parts.sort(key=lambda part: float(part.start))
    if any(left.end != right.start for left, right in itertools.pairwise(parts)):
        return _domain_of_values(value, period)
    first, last = parts[0], parts[-1]
    domain = Interval(float(first.start), float(last.end), not first.left_open, not last.right_open)
    return domain, tuple(float(part.start) for part in parts[1:])


def _domain_of_values(
    value: ExpressionFunction, period: float | None
) -> tuple[Interval, tuple[float, ...]]:
    """Find the domain around the finite values nearest to 0, and the poles in it."""
    # An even step would meet the poles of periodic functions, or miss all of them.
    sites = np.sort(np.append(WINDOW * np.sinh(np.linspace(-4.0, 4.0, 4003)) / np.sinh(4.0), 0.3))
    values = value(sites)
    finite = np.isfinite(values)
    if not finite.any():
        return Interval(0.0, 0.0), ()
    candidates = np.flatnonzero(finite[:-1] & finite[1:])
    if len(candidates) == 0:
        return Interval(0.0, 0.0), ()
    start = candidates[np.argmin(np.abs(sites[candidates]))]
    gaps = np.flatnonzero(~finite)
    # A single gap between finite values is a pole that was hit.
    single = gaps[(gaps > 0) & (gaps < len(sites) - 1)]
    single = single[finite[single - 1] & finite[single + 1]]
    gaps = np.setdiff1d(gaps, single)
    low, high = -math.inf, math.inf
    left, right = gaps[gaps < start], gaps[gaps > start]
    if len(left):
        low = _border(value, sites[left[-1] + 1], sites[left[-1]])
    if len(right):
        high = _border(value, sites[right[0] - 1], sites[right[0]])
    closed = np.isfinite(value(np.array([low, high]))).tolist()
    domain = Interval(low, high, *closed)
    inside = (sites > low) & (sites < high) & finite
    found = {*sites[single].tolist(), *_poles(value, sites[inside])}
    poles = sorted((pole for pole in found if low < pole < high), key=abs)
    if period is not None:
        poles = [pole for pole in poles if -0.5 * period < pole <= 0.5 * period * (1.0 + 1e-9)]
    elif len(poles) > MAX_POLES:
        # Beyond the poles that are kept the function counts as undefined.
        poles, others = poles[:MAX_POLES], poles[MAX_POLES:]
        below = max((pole for pole in others if pole < 0.0), default=low)
        above = min((pole for pole in others if pole > 0.0), default=high)
        domain = Interval(below, above, below == low and closed[0], above == high and closed[1])
    return domain, tuple(sorted(poles))


def _border(value: ExpressionFunction, inside: float, outside: float) -> float:
    """Bisect for the last finite value between `inside` and `outside`."""
    for _ in range(200):
        middle = 0.5 * (inside + outside)
        if middle in (inside, outside):
            break
        if np.isfinite(value(np.array([middle]))[0]):
            inside = middle
        else:
            outside = middle
    return _tidied(inside)


def _tidied(number: float) -> float:
    """Return the round number next to a number that was searched for."""
    tidy = round(float(number), 9)
    return tidy if abs(tidy - number) < 1e-12 else float(number)


def _poles(value: ExpressionFunction, sites: FloatArray) -> list[float]:
    """Find where the absolute value grows without bounds between `sites`."""
    sizes = np.abs(value(sites))
    peaks = np.flatnonzero((sizes[1:-1] >= sizes[:-2]) & (sizes[1:-1] >= sizes[2:])) + 1
    found: list[float] = []
    for peak in peaks:
        left, right = sites[peak - 1], sites[peak + 1]
        # The peak of the size, in a narrower bracket every time.
        for _ in range(12):
            fine = np.linspace(left, right, 41)
            size = np.abs(value(fine))
            size = np.where(np.isfinite(size), size, np.inf)
            top = int(np.argmax(size))
            left, right = fine[max(top - 1, 0)], fine[min(top + 1, 40)]
        if not size[top] < 1e6 * (1.0 + sizes[peak]):
            found.append(_tidied(fine[top]))
    return found


def _test_sites(value: ExpressionFunction, domain: Interval) -> FloatArray:
    """Return arguments near 0 in the domain with finite values."""
    sites = np.random.default_rng(0).uniform(-6.0, 6.0, 400)
    low, high = max(domain.low, -6.0), min(domain.high, 6.0)
    if low < high:
        sites = np.append(sites, np.linspace(low, high, 41)[1:-1])
    with np.errstate(all="ignore"):
        return sites[np.isfinite(value(sites))]


def _constant(values: FloatArray) -> bool:
    values = values[np.isfinite(values)]
    return len(values) > 2 and bool(np.ptp(values) <= 1e-9 * np.max(np.abs(values)))


def _opposite(left: FloatArray, right: FloatArray) -> bool:
    scale = np.max(np.abs(left))
    return bool(np.all(np.abs(left + right) <= 1e-9 * scale))


def _parity(value: ExpressionFunction, sites: FloatArray) -> int:
    here, mirrored = value(sites), value(-sites)
    if not np.all(np.isfinite(mirrored)):
        return 0
    scale = 1e-9 * max(float(np.max(np.abs(here))), 1e-300)
    if np.all(np.abs(here - mirrored) <= scale):
        return 1
    return -1 if np.ptp(here + mirrored) <= scale else 0


def _redundant(value: ExpressionFunction, sites: FloatArray, domain: Interval) -> Redundancy:
    """Tell whether scale or shift of the argument amounts to a factor and a constant."""
    if domain == REAL_LINE:
        with np.errstate(all="ignore"):
            if _constant(value(sites + 1.0) / value(sites)):
                return "shift"
    if {domain.low, domain.high} - {-math.inf, 0.0, math.inf}:
        return "none"
    here, twice = value(sites), value(2.0 * sites)
    with np.errstate(all="ignore"):
        scaled = all(
            _constant(value(factor * sites) / here) or _constant(value(factor * sites) - here)
            for factor in (2.0, 3.0)
        )
    if not scaled or _constant(here) or _constant(twice):
        return "none"
    return "scale"
