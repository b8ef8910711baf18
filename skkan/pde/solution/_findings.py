"""What can be said of a solution: how large its residuals are, and how certain its parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.pde.problem._evaluation import Evaluation
from skkan.pde.problem._model import Model
from skkan.pde.problem._residuals import Group, Residuals
from skkan.pde.problem._statement import Statement
from skkan.pde.solution._solution import Solution

# Below this share of what the scales of all parameters have, a direction is not known.
SINGULAR = 1e-13


@dataclass(frozen=True)
class ResidualSize:
    """How large the residuals of an equation are.

    Attributes
    ----------
    rms : float
        Root of their mean square.
    share : float
        The same over that of the equation's terms.
    largest : float
        Largest of them.
    where : ndarray of shape (n_variables,)
        Where that is.
    """

    rms: float
    share: float
    largest: float
    where: FloatArray

    def told(self, variables: Sequence[Any]) -> str:
        """Return size and place as words."""
        point = ", ".join(f"{v} = {x:.4g}" for v, x in zip(variables, self.where, strict=True))
        return (
            f"{self.rms:.2g} in the root mean square, {100.0 * self.share:.2g} % of its terms, "
            f"and at most {self.largest:.2g}, at {point}"
        )


def residual_sizes(
    statement: Statement, solution: Solution, X: FloatArray, constants: Sequence[float]
) -> list[ResidualSize]:
    """Return the size of the residuals of every equation at points."""

    def values_and_terms(model: Model, points: FloatArray) -> FloatArray:
        group = statement.interior_group(points)
        parts = []
        for chunk in group.chunks(model):
            at = Evaluation(group.formula, model, chunk, constants, pull=True)
            parts.append(np.stack([np.abs(at.values), at.magnitudes()], axis=1))
        return np.concatenate(parts)

    both = solution.by_model(X, values_and_terms)
    residuals, sizes = both[:, 0], both[:, 1]
    found = []
    for own, size in zip(residuals.T, sizes.T, strict=True):
        rms, scale = (float(np.sqrt(np.mean(column**2))) for column in (own, size))
        worst = int(np.argmax(own))
        found.append(
            ResidualSize(rms, rms / scale if scale > 0.0 else 0.0, float(own[worst]), X[worst])
        )
    return found


def standard_errors(model: Model, groups: Sequence[Any], constants: Sequence[float]) -> FloatArray:
    """Return the standard errors of the numbers sought, from the noise of the measurements.

    To first order the estimate moves by ``H^-1 J' d`` with an error ``d`` of the measurements, the
    rows ``J`` of their Jacobian, and the Gauss-Newton matrix ``H`` of all rows. The variance of the
    errors is that of the residuals of every unknown's measurements. Where a grid is too coarse for
    the equations to hold, their residuals ``r`` move the estimate by ``H^-1 K' r`` with the rows
    ``K`` of their Jacobian, which at the end of a fit is ``-H^-1 J'`` times the residuals of the
    measurements; this is added in the square.

    Parameters
    ----------
    model : Model
        The solution.
    groups : sequence of Group or IntegralGroup
        Rows at the end of the fit.
    constants : sequence of float
        Values of the constants.

    Returns
    -------
    errors : ndarray of shape (n_scalars,)
        NaN where there are no measurements.
    """
    n_scalars = len(model.scalars)
    measured = [
        own for own in groups if isinstance(own, Group) and own.name.startswith("measurements")
    ]
    if not measured or not n_scalars:
        return np.full(n_scalars, np.nan)
    residuals = Residuals(model, groups, constants)
    _, jacobian = residuals.linearised(model.get_parameters())
    scale = np.sqrt(np.einsum("np,np->p", jacobian, jacobian))
    scale = np.maximum(scale, 1e-14 * scale.max())
    _, triangle = np.linalg.qr(jacobian / scale)
    u, s, vt = np.linalg.svd(triangle)
    del u
    kept = s > np.sqrt(SINGULAR) * s[0]
    covariance, shift = np.zeros((n_scalars, n_scalars)), np.zeros(n_scalars)
    total = sum(own.n_rows for own in measured)
    for own in measured:
        parts = list(own.rows(model, constants, want_jacobian=True))
        rows = np.concatenate([values for values, _ in parts])
        slopes = np.concatenate([part for _, part in parts if part is not None])
        spare = max(1.0, own.n_rows - n_scalars * own.n_rows / total)
        variance = float(rows @ rows) / spare
        influence = ((slopes / scale) @ vt[kept].T / s[kept] ** 2) @ vt[kept]
        influence = influence[:, -n_scalars:] / scale[-n_scalars:]
        covariance += variance * influence.T @ influence
        shift += influence.T @ rows
    return np.sqrt(np.diag(covariance) + shift**2) * np.abs(model.number_slopes())


def equation_values(
    statement: Statement, solution: Solution, X: FloatArray, constants: Sequence[float]
) -> FloatArray:
    """Return the residuals of the equations at points, shape (n_points, n_equations)."""

    def values(model: Model, points: FloatArray) -> FloatArray:
        group = statement.interior_group(points)
        parts = [own for own, _ in group.rows(model, constants, want_jacobian=False)]
        return np.concatenate(parts).reshape(len(points), -1) * np.sqrt(len(points))

    return solution.by_model(X, values)


def law_arguments(
    model: Model, groups: Sequence[Any], constants: Sequence[float], number: int
) -> FloatArray:
    """Return the arguments of a law at the points of the equations, (n_rows, n_arguments)."""
    group = groups[0]
    if number not in [law for law, _ in group.formula.lowered.law_places]:
        return np.zeros((0, 0))
    return np.concatenate(
        [
            Evaluation(group.formula, model, chunk, constants, pull=False).law_arguments(number)
            for chunk in group.chunks(model)
        ]
    )
