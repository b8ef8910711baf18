"""Domains, and the points in them: quasi-random inside, on the border, and for integrals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from scipy.stats import qmc

from skkan._typing import FloatArray
from skkan.pde.problem._equations import evaluated

# Of the points in a box, the share that lies on its faces: residuals count there as well, and
# splines are least certain at their ends.
FACE_SHARE = 0.1
MAX_DRAWS = 200
BISECTIONS = 60


@dataclass(frozen=True)
class Domain:
    """A box, or the part of it where a predicate or a level set says so.

    Attributes
    ----------
    variables : tuple of sympy.Symbol
        In the order of the columns.
    low, high : ndarray of shape (n_variables,)
        Ends of the box.
    inside : callable or sympy.Expr or None
        ``inside(X)`` tells of points whether they are inside; an expression is negative there.
    boundary : ndarray of shape (n_points, n_variables) or None
        Points of the border, if given.
    cloud : ndarray of shape (n_points, n_variables) or None
        Points to be used inside, if given.
    """

    variables: tuple[Any, ...]
    low: FloatArray
    high: FloatArray
    inside: Any = None
    boundary: FloatArray | None = None
    cloud: FloatArray | None = None

    @property
    def n_variables(self) -> int:
        """Number of variables."""
        return len(self.variables)

    @property
    def is_box(self) -> bool:
        """Whether all of the box belongs to the domain."""
        return self.inside is None and self.cloud is None

    @property
    def is_level_set(self) -> bool:
        """Whether an expression says what is inside."""
        return isinstance(self.inside, sp.Expr)

    def contains(self, X: FloatArray) -> NDArray[np.bool_]:
        """Tell of points of the box whether they are inside."""
        if self.inside is None:
            return np.ones(len(X), dtype=bool)
        if self.is_level_set:
            found = evaluated([self.inside], self.variables, X)[:, 0] < 0.0
        else:
            found = np.asarray(self.inside(X))
        if found.shape != (len(X),) or found.dtype != np.bool_:
            raise ValueError(
                "inside must return one boolean for every point, shape "
                f"({len(X)},); got shape {found.shape} of {found.dtype}."
            )
        return found

    def in_box(self, X: FloatArray) -> NDArray[np.bool_]:
        """Tell of any points whether they are in the box, but for rounding."""
        room = 1e-9 * (self.high - self.low)
        return np.all((self.low - room <= X) & (self.high + room >= X), axis=1)

    def _uniform(self, n_points: int, rng: np.random.Generator) -> FloatArray:
        unit = qmc.Halton(self.n_variables, seed=rng).random(n_points)
        return self.low + (self.high - self.low) * unit

    def interior(self, n_points: int, rng: np.random.Generator) -> FloatArray:
        """Return quasi-random points, or the user's own.

        Raises
        ------
        ValueError
            If none can be found.
        """
        if self.cloud is not None:
            return self.cloud
        if self.is_box:
            X = self._uniform(n_points, rng)
            n_faces = int(FACE_SHARE * n_points) if self.n_variables > 1 else 0
            faces = rng.integers(2 * self.n_variables, size=n_faces)
            ends = np.where(faces % 2 == 0, self.low[faces // 2], self.high[faces // 2])
            X[np.arange(n_faces), faces // 2] = ends
            return X
        found = np.zeros((0, self.n_variables))
        for _ in range(MAX_DRAWS):
            drawn = self._uniform(n_points, rng)
            found = np.concatenate([found, drawn[self.contains(drawn)]])
            if len(found) >= n_points:
                return found[:n_points]
        raise ValueError(
            f"the domain is empty, or next to it: of {MAX_DRAWS * n_points} points of the box "
            f"{len(found)} are inside. Check inside, and the box in domain."
        )

    def border(self, n_points: int, rng: np.random.Generator) -> FloatArray:
        """Return points of the border.

        Raises
        ------
        ValueError
            If a cloud of points has no `boundary`.
        """
        if self.boundary is not None:
            return self.boundary
        if self.is_box:
            X = self._uniform(n_points, rng)
            face = np.arange(n_points) % (2 * self.n_variables)
            X[np.arange(n_points), face // 2] = np.where(
                face % 2 == 0, self.low[face // 2], self.high[face // 2]
            )
            return X
        if self.inside is None:
            raise ValueError("boundary must be given with points, for conditions on the border.")
        return self._bisected(n_points, rng)

    def _bisected(self, n_points: int, rng: np.random.Generator) -> FloatArray:
        """Return points of the border, on lines from inside to outside."""
        inner = self.interior(n_points, rng)
        direction = rng.normal(size=inner.shape)
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        reach = float(np.linalg.norm(self.high - self.low))

        def is_inside(X: FloatArray) -> NDArray[np.bool_]:
            return np.asarray(self.in_box(X) & self.contains(X))

        # The nearest crossing: walk out first, for domains with holes.
        steps = np.linspace(0.0, 1.0, 65)[1:]
        low, high = np.zeros(n_points), np.ones(n_points)
        going = np.ones(n_points, dtype=bool)
        for step in steps:
            now = is_inside(inner + step * reach * direction)
            high[going & ~now] = step
            low[going & now] = step
            going &= now
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            now = is_inside(inner + (middle * reach)[:, None] * direction)
            low, high = np.where(now, middle, low), np.where(now, high, middle)
        return inner + (low * reach)[:, None] * direction

    def normals(self, X: FloatArray) -> FloatArray:
        """Return the outward normals at points of the border, shape of `X`.

        Raises
        ------
        ValueError
            If the domain is neither a box nor a level set.
        """
        if self.is_level_set:
            parts = [sp.diff(self.inside, own) for own in self.variables]
            gradient = evaluated(parts, self.variables, X)
            return gradient / np.linalg.norm(gradient, axis=1, keepdims=True)
        if not self.is_box:
            raise ValueError(
                "normals need a box or a level set: give inside as an expression that is "
                "negative inside."
            )
        span = self.high - self.low
        gaps = np.concatenate([X - self.low, self.high - X], axis=1) / np.tile(span, 2)
        face = np.argmin(gaps, axis=1)
        normals = np.zeros_like(X)
        sign = np.where(face < self.n_variables, -1.0, 1.0)
        normals[np.arange(len(X)), face % self.n_variables] = sign
        return normals

    def quadrature(self, n_points: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return points and weights of integrals over the domain.

        Products of Gauss rules on boxes of up to three variables, means of quasi-random points
        elsewhere.
        """
        volume = float(np.prod(self.high - self.low))
        if self.is_box and self.n_variables <= 3:
            per_variable = int(np.ceil(n_points ** (1.0 / self.n_variables)))
            rules = [
                composite_gauss(a, b, per_variable)
                for a, b in zip(self.low, self.high, strict=True)
            ]
            X = np.stack(np.meshgrid(*(x for x, _ in rules), indexing="ij"), -1)
            weights = rules[0][1]
            for _, own in rules[1:]:
                weights = np.multiply.outer(weights, own)
            return X.reshape(-1, self.n_variables), weights.ravel()
        drawn = self._uniform(4 * n_points, rng)
        inside = self.contains(drawn)
        return drawn[inside], np.full(inside.sum(), volume / len(drawn))


def composite_gauss(low: float, high: float, n_points: int) -> tuple[FloatArray, FloatArray]:
    """Return a Gauss rule of eight points on equal intervals, of at least `n_points` points."""
    x, w = np.polynomial.legendre.leggauss(8)
    ends = np.linspace(low, high, -(-n_points // 8) + 1)
    half = 0.5 * np.diff(ends)[:, None]
    middle = 0.5 * (ends[1:] + ends[:-1])[:, None]
    return (middle + half * x).ravel(), (half * w).ravel()


def points_on_intervals(ends: FloatArray, per_interval: int) -> FloatArray:
    """Return Gauss points of every interval of a grid, and its two ends."""
    x, _ = np.polynomial.legendre.leggauss(per_interval)
    half = 0.5 * np.diff(ends)[:, None]
    middle = 0.5 * (ends[1:] + ends[:-1])[:, None]
    return np.concatenate([[ends[0]], (middle + half * x).ravel(), [ends[-1]]])


def pair_of_numbers(name: str, value: Any) -> tuple[float, float]:
    """Return two numbers, which may be SymPy's; strings are not evaluated.

    Raises
    ------
    ValueError
        If `value` is something else.
    """
    try:
        ends = list(value)
        texts = [own for own in ends if isinstance(own, str)]
        low, high = (0.0, 0.0) if texts else (float(own) for own in ends)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a pair of numbers, got {value!r}.") from error
    if texts:
        raise ValueError(
            f"{name} must be a pair of numbers, got {value!r}. Strings are not evaluated: write "
            "sympy.pi, not 'pi'."
        )
    return low, high


def domain_of(
    domain: Any,
    inside: Any = None,
    boundary: Any = None,
    points: Any = None,
) -> Domain:
    """Read the user's domain.

    Raises
    ------
    TypeError
        If `domain` is no mapping of symbols.
    ValueError
        If it is empty or not finite, or points have another shape or are not finite.
    """
    if not hasattr(domain, "items") or not all(isinstance(own, sp.Symbol) for own in domain):
        raise TypeError(
            "domain must map SymPy symbols to their ends, such as {t: (0, 1), x: (-1, 1)}; "
            f"got {domain!r}."
        )
    if not domain:
        raise ValueError("domain is empty: there is no variable.")
    ends: list[tuple[float, float]] = []
    for variable, own in domain.items():
        low, high = pair_of_numbers(f"domain[{variable}]", own)
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise ValueError(
                f"domain[{variable}]=({low:g}, {high:g}) is empty or not finite: the first end "
                "must be smaller than the second."
            )
        ends.append((low, high))
    low_ends, high_ends = np.array(ends).T
    if inside is not None and not callable(inside) and not isinstance(inside, sp.Expr):
        raise TypeError(
            "inside must be a callable on arrays of points, or a SymPy expression that is negative "
            f"inside; got {inside!r}."
        )
    return Domain(
        tuple(domain),
        low_ends,
        high_ends,
        inside,
        _points("boundary", boundary, len(ends)),
        _points("points", points, len(ends)),
    )


def _points(name: str, points: Any, n_variables: int) -> FloatArray | None:
    if points is None:
        return None
    found = np.asarray(points, dtype=np.float64)
    if found.ndim != 2 or found.shape[1] != n_variables or not len(found):
        raise ValueError(
            f"{name} must have shape (n_points, {n_variables}), a column for every variable of "
            f"domain; got {found.shape}."
        )
    if not np.all(np.isfinite(found)):
        raise ValueError(f"{name} has values that are not finite.")
    return found


def on_faces(
    domain: Domain,
    free: Sequence[int],
    n_points: int,
    rng: np.random.Generator,
    draw: Callable[..., Any] = qmc.Halton,
) -> FloatArray:
    """Return points for conditions in some of the variables; the others are at their lower end."""
    X = np.tile(domain.low, (n_points if free else 1, 1))
    if len(free) == 1:
        k = free[0]
        # As of Chebyshev: densest at the ends, which belong to two faces.
        angle = np.linspace(0.0, np.pi, n_points)
        unit = 0.5 * (1.0 - np.cos(angle))
        X[:, k] = domain.low[k] + (domain.high[k] - domain.low[k]) * unit
    elif free:
        unit = draw(len(free), seed=rng).random(n_points)
        X[:, list(free)] = domain.low[list(free)] + (domain.high - domain.low)[list(free)] * unit
    return X


def warped(domain: Domain, X: FloatArray, ends: Sequence[FloatArray]) -> FloatArray:
    """Return points of a box moved so that even ones become as dense as breakpoints.

    Parameters
    ----------
    domain : Domain
        The box.
    X : ndarray of shape (n_points, n_variables)
        Points.
    ends : sequence of ndarray of shape (n_intervals + 1,)
        Breakpoints of every variable, from -1 to 1.
    """
    span = domain.high - domain.low
    unit = (X - domain.low) / span
    for own, breakpoints in zip(unit.T, ends, strict=True):
        places = np.linspace(0.0, 1.0, len(breakpoints))
        own[:] = 0.5 * (np.interp(own, places, breakpoints) + 1.0)
    return np.asarray(domain.low + span * unit)
