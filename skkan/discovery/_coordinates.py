"""General coordinates: the few combinations of columns that a function depends on."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skkan._typing import FloatArray
from skkan.discovery._evidence import MAX_FURTHER, StructureTest, samples_of, weigh
from skkan.discovery._structure import basis
from skkan.symbolic.division._tensor import TensorBasis, fit_linear

N_STEPS, CONVERGED = 30, 1e-8
# Exponents this near to fractions of small whole numbers are taken for them.
NEAR, MAX_DENOMINATOR = 0.02, 6
MAX_COORDINATES = 2


def general_coordinates(X: ArrayLike, y: Any, kind: str = "ridge") -> StructureTest:
    """Find the one or two combinations of columns that a function depends on.

    The mean outer product of the gradients of a spline fit gives directions to start from; then
    directions and function are fitted together, by Gauss-Newton steps with the function projected
    out. One coordinate is tried first.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_columns)
        Inputs, two columns or more; positive for ``kind="powers"``.
    y : array-like of shape (n_samples,) or estimator
        Targets, noisy or not, or a fitted estimator.
    kind : {"ridge", "powers"}, default="ridge"
        Whether the coordinates are weighted sums of the columns or products of their powers.

    Returns
    -------
    test : StructureTest
        Whether the function depends on the coordinates alone; ``details["coordinates"]`` holds, for
        each of them, weights or exponents by column, the largest of which is 1.

    Raises
    ------
    ValueError
        If the data or the kind cannot be used.

    References
    ----------
    P. G. Constantine, E. Dow and Q. Wang, "Active subspace methods in theory and practice",
    SIAM J. Sci. Comput. 36 (2014).

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.discovery import general_coordinates
    >>> X = np.random.default_rng(0).uniform(1, 2, size=(400, 3))
    >>> y = np.sin(X[:, 0] * X[:, 1] ** 2 / X[:, 2])
    >>> general_coordinates(X, y, "powers").details["coordinates"]
    [{'x0': 0.5, 'x1': 1.0, 'x2': -0.5}]
    """
    table, target, names = samples_of(X, y)
    if kind not in {"ridge", "powers"}:
        raise ValueError(f"kind must be 'ridge' or 'powers', got {kind!r}.")
    if table.shape[1] < 2:
        raise ValueError("X has 1 column; combinations need two or more.")
    if kind == "powers":
        if table.min() <= 0.0:
            column = names[int(np.argmin(table.min(axis=0)))]
            raise ValueError(
                f"kind='powers' needs positive columns, but {column!r} has the value "
                f"{table.min():.6g}. Leave the column out, or use kind='ridge'."
            )
        table = np.log(table)
    scale = table.std(axis=0)
    scaled = (table - table.mean(axis=0)) / scale
    further = basis(scaled, MAX_FURTHER).design
    start = _leading_directions(scaled, target)
    test: StructureTest | None = None
    for count in range(1, min(MAX_COORDINATES, len(names) - 1) + 1):
        directions = _refined(scaled, target, start[:, :count])
        raw = directions / scale[:, None]
        written = [_written(raw[:, k], names, kind) for k in range(count)]
        form = basis(scaled @ directions)
        name = f"function of {count} {'sum' if kind == 'ridge' else 'product'}" + "s" * (count > 1)
        tangent = [
            form.derivative_at(scaled @ directions, k, 1)
            @ fit_linear(form.design, target, _even(target)).coefficients
            for k in range(count)
        ]
        moves = [slope[:, None] * scaled for slope in tangent]
        restricted = np.hstack([form.design, *moves])
        test = weigh(name, restricted, further, target, details={"coordinates": written})
        if test.holds:
            break
    assert test is not None
    return test


def _even(y: FloatArray) -> FloatArray:
    return np.full(len(y), 1.0 / len(y))


def _leading_directions(X: FloatArray, y: FloatArray) -> FloatArray:
    """Return the directions along which a spline fit changes most, the first first."""
    splines = basis(X)
    weights = fit_linear(splines.design, y, _even(y), ridge=1e-6).coefficients
    slopes = np.column_stack([splines.derivative_at(X, k, 1) @ weights for k in range(X.shape[1])])
    # At the border of the samples the slopes of splines are worth little.
    inner = np.all(np.abs(X) < np.quantile(np.abs(X), 0.95, axis=0), axis=1)
    slopes = slopes[inner] if inner.sum() > X.shape[1] else slopes
    return np.linalg.eigh(slopes.T @ slopes)[1][:, ::-1]


def _refined(X: FloatArray, y: FloatArray, directions: FloatArray) -> FloatArray:
    """Fit directions and a function of them together."""
    weight = _even(y)

    def fitted(own: FloatArray) -> tuple[TensorBasis, FloatArray, float]:
        splines = basis(X @ own)
        fit = fit_linear(splines.design, y, weight)
        return splines, fit.coefficients, float(np.mean((fit.values - y) ** 2))

    splines, weights, error = fitted(directions)
    for _ in range(N_STEPS):
        inner = X @ directions
        moves = [
            (splines.derivative_at(inner, k, 1) @ weights)[:, None] * X
            for k in range(directions.shape[1])
        ]
        n_moves = len(moves) * X.shape[1]
        design = np.hstack([*moves, splines.design])
        step = fit_linear(design, y - splines.design @ weights, weight, ridge=1e-8)
        change = step.coefficients[:n_moves].reshape(len(moves), -1).T
        before = error
        for shrink in (1.0, 0.5, 0.25, 0.05):
            trial = np.linalg.qr(directions + shrink * change)[0]
            found = fitted(trial)
            if found[2] < error:
                directions, (splines, weights, error) = trial, found
                break
        if not error < (1.0 - CONVERGED) * before:
            break
    return directions


def _written(direction: FloatArray, names: list[str], kind: str) -> dict[str, float]:
    """Return weights by column, the largest of which is 1; of powers nice ones where possible."""
    own = direction / direction[int(np.argmax(np.abs(direction)))]
    if kind == "powers":
        for below in range(1, MAX_DENOMINATOR + 1):
            whole = np.round(own * below)
            if np.abs(own * below - whole).max() < NEAR:
                own = whole / below
                break
    return {name: round(float(value), 6) + 0.0 for name, value in zip(names, own, strict=True)}
