"""The way to a solution: random starts, grids from coarse to fine, and points that follow.

On every grid the Levenberg-Marquardt solver takes a few steps at a time; between them hidden grids
follow their nodes, and points go where the residual is large. On the last one everything is held
still, and the solver runs to convergence with the rows factorised and not squared.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.network.derivatives._jets import JetOrders
from skkan.pde.problem._domain import points_on_intervals
from skkan.pde.problem._model import Model
from skkan.pde.problem._residuals import Group, IntegralGroup, Residuals
from skkan.pde.problem._separable import even, largest
from skkan.pde.problem._statement import Statement
from skkan.pde.solution._findings import equation_values, law_arguments, residual_sizes
from skkan.pde.solution._solution import Solution
from skkan.pde.training._grids import follow, refine
from skkan.pde.training._knots import by_bend, by_residual
from skkan.pde.training._options import Options, Outcome
from skkan.pde.training._starts import multilinear_model, random_model
from skkan.solvers._lm import minimize_lm
from skkan.solvers._qr import RowSystem
from skkan.solvers._sparse import SparseSystem
from skkan.training._progress import Progress

# Points of every equation, as a multiple of the parameters.
POINTS_PER_PARAMETER = 4
LEAST_POINTS = 300
# Points on a line, as a multiple of the splines on it.
POINTS_PER_SPLINE = 4
RACE_ITER, ROUND_ITER, ROUNDS = 15, 20, 2
ROUND_TOL = 1e-3
# A group's weight is at most this; at least one.
MAX_WEIGHT = 1e5
# Of measurements, beside a weight that would balance them: equations are to hold, whatever noise.
DATA_SHARE = 1e-2
LEAST_ROWS_FOR_QR = 1
POLISH_ITER = 10
FIRST_STEP, LEAST_STEP, LEAST_STEP_ON_COARSE = 0.25, 5e-3, 0.04
# Numbers of variables with which all products of them are tried first.
FEW_VARIABLES = range(3, 7)
# Points at which residuals say where knots are wanted.
KNOT_POINTS = 4000
# Sweeps over the variables before a separable network is fitted, iterations and damping of each.
SWEEPS, SWEEP_ITER, SWEEP_DAMPING = 3, 3, 1e-6
SETTLED = 1e-6
# Of the loss of the zero network: no further start is needed.
GOOD_START = 1e-5
# Two separable starts whose losses differ by less have found the same, and no third is made.
SAME_END = 1.5
# Of the loss of the zero network: below it a step of the continuation has succeeded.
GOOD_STEP = 3e-5
# The same for the residuals of sums of products beside the terms of the equations.
GOOD_SHARE = 1e-2
CONTINUATION_ITER, SEPARABLE_CONTINUATION_ITER, STEP_UP = 40, 25, 1.5
SHARE_OF_RESIDUAL = 0.5


class _Stopped(Exception):  # noqa: N818
    """A callback asks to stop."""


class Schedule:
    """One fit.

    Parameters
    ----------
    statement : Statement
        What to solve.
    options : Options
        How.
    progress : Progress
        Told of phases and iterations.
    rng : numpy.random.Generator
        Source of starts and points.
    measurements : (ndarray, ndarray), optional
        Points and values of the unknowns there, shape (n_samples, n_unknowns), NaN where there
        are none.
    start : Model, optional
        One whose network to start from before any random ones.

    Attributes
    ----------
    best : Outcome
        What has been found so far.
    """

    data_share = DATA_SHARE

    def __init__(
        self,
        statement: Statement,
        options: Options,
        progress: Progress,
        rng: np.random.Generator,
        measurements: tuple[FloatArray, FloatArray] | None = None,
        start: Model | None = None,
    ) -> None:
        self.statement, self.options = statement, options
        self.progress, self.rng = progress, rng
        self.constants = [start for start, _ in options.path]
        self.best: Outcome
        self._start = start
        self._measured = [] if measurements is None else statement.measurement_groups(*measurements)

    def run(self) -> Outcome:
        """Solve; a keyboard interrupt ends the fit, not the program."""
        try:
            self._solve()
        except KeyboardInterrupt:
            if not hasattr(self, "best"):
                raise
            self.best.stopped = True
            warnings.warn(
                "Fit interrupted; the best solution so far is kept.", UserWarning, stacklevel=2
            )
        except _Stopped:
            self.best.stopped = True
        self.best.model.settle()
        return self.best

    def _solve(self) -> None:
        options = self.options
        with self.progress.phase("race") as phase:
            model = self._race(phase)
        sizes = options.grid_sizes
        done = not options.path
        for level, grid_size in enumerate(sizes):
            last = level == len(sizes) - 1
            if level:
                refine(model.network, grid_size, self._densities(model))
            if not done:
                with self.progress.phase(f"continuation on {grid_size} intervals") as phase:
                    model, done = self._follow_path(model, phase, last)
            if done or last or not model.separable:
                with self.progress.phase(f"grid size {grid_size}") as phase:
                    model = self._on_grid(model, phase, last)
        self._tell_unfinished(done)

    def _tell_unfinished(self, done: bool) -> None:
        if not done:
            warnings.warn(
                "The continuation did not reach its end: it stopped at "
                f"{', '.join(f'{c:.4g}' for c in self.constants)}. Use finer grids.",
                UserWarning,
                stacklevel=2,
            )

    # Starts

    def _race(self, phase: Any) -> Model:
        options = self.options
        n_starts = options.n_restarts if options.arities or options.starts else 1
        found: list[tuple[float, Model]] = []
        groups = None
        for number in range(n_starts):
            model = random_model(self.statement, options, self.rng, number)
            # A state near the starting values is found first, and then the values of it.
            model.frozen = True
            if number == 0 and self._start is not None:
                model.network = self._start.network.copy()
            if groups is None:
                groups = self._groups(model)
                self._check_values(model, groups)
                self._balance(model, groups)
            self._follow(model, groups, fresh=True)
            if model.separable and not (number == 0 and self._start is not None):
                if number == 0 and len(model.variables) in FEW_VARIABLES:
                    self._lead(model, groups, phase)
                model = self._swept(model, groups, phase)
            for _ in range(2 if options.arities else 1):
                outcome = self._minimise(model, groups, RACE_ITER, ROUND_TOL, phase)
                model = outcome.model
                self._follow(model, groups)
            found.append((outcome.loss, model))
            if outcome.loss <= GOOD_START * self._zero_loss(model, groups):
                break
            losses = sorted(loss for loss, _ in found)
            if model.separable and len(found) > 1 and losses[1] < SAME_END * losses[0]:
                break
        best = min(found, key=lambda own: own[0])[1]
        best.frozen = False
        self.best = Outcome(best, groups=groups or [], constants=self.constants)
        return best

    def _lead(self, model: Model, groups: Sequence[Any], phase: Any) -> None:
        """Start from the best products of variables: random ones are of no use in many."""
        products = multilinear_model(model, self.rng)
        outcome = self._minimise(products, groups, SWEEP_ITER, ROUND_TOL, phase)
        first = model.network.layers[0]
        first.coef = first.restricted(largest(outcome.model.network, len(first.arities), self.rng))

    def _swept(self, model: Model, groups: Sequence[Any], phase: Any) -> Model:
        """Fit the functions of one variable at a time, in which a linear equation is linear."""
        for _ in range(SWEEPS):
            for variable in reversed(range(len(model.variables))):
                model.only = variable
                outcome = self._minimise(
                    model, groups, SWEEP_ITER, ROUND_TOL, phase, damping=SWEEP_DAMPING
                )
                model = outcome.model
                even(model.network)
        model.only = None
        return model

    # Points and weights

    def _n_points(self, model: Model) -> int:
        if self.options.n_points is not None:
            return self.options.n_points
        wanted = POINTS_PER_PARAMETER * model.n_parameters // self.statement.n_equations
        least = LEAST_POINTS * max(4, self.statement.domain.n_variables**2) // 4
        return max(least, wanted)

    def _points(self, model: Model, n_points: int) -> FloatArray:
        """Return points inside; of separable solutions half of them as dense as the knots."""
        X = self.statement.domain.interior(n_points, self.rng)
        if not model.separable or not self.statement.domain.is_box:
            return X
        low, high = model.inputs.low, model.inputs.high
        places = enumerate(model.inputs.variables)
        for (_, k), ends in zip(places, model.network.layers[0].grid.breakpoints, strict=True):
            if not self.statement.periodic[k]:
                own = X[::2, k]
                unit = (own - low[k]) / (high[k] - low[k])
                warped = np.interp(unit, np.linspace(0.0, 1.0, len(ends)), ends)
                X[::2, k] = low[k] + (high[k] - low[k]) * 0.5 * (warped + 1.0)
        return X

    def _groups(self, model: Model) -> list[Group | IntegralGroup]:
        """Draw points for the present grids."""
        statement, domain = self.statement, self.statement.domain
        X: FloatArray
        if domain.n_variables == 1 and domain.is_box and self.options.n_points is None:
            layer = model.network.layers[0]
            ends = layer.grid.breakpoints[0]
            per_interval = layer.grid.degree + 1
            unit = np.asarray(
                points_on_intervals(ends, per_interval)
                if layer.n_in == 1
                else np.linspace(-1.0, 1.0, 8 * layer.grid.n_splines).astype(ends.dtype)
            )
            X = domain.low + (unit[:, None] + 1.0) * 0.5 * (domain.high - domain.low)
        else:
            X = self._points(model, self._n_points(model))
        grid = model.network.layers[0].grid
        n_line = POINTS_PER_SPLINE * grid.n_splines
        n_face = max(n_line, self._n_points(model) // 8)
        conditions = statement.condition_groups(n_line, n_face, self.rng)
        return [statement.interior_group(X), *conditions, *self._measured]

    def _check_values(self, model: Model, groups: Sequence[Any]) -> None:
        """Raise an error where an equation is not defined."""
        for group in groups:
            for values, _ in group.rows(model, self.constants, want_jacobian=False):
                bad = ~np.isfinite(values)
                if np.any(bad):
                    raise ValueError(_undefined(group, model, self.constants))

    def _balance(self, model: Model, groups: Sequence[Any]) -> None:
        """Weigh all rows so that those of every group have equal curvature at least."""
        curvatures = []
        for group in groups:
            group.weights = np.ones_like(group.weights)
            curvatures.append(group.curvatures(model, self.constants))
        highest = max(float(curvatures[0].max()), 1e-300)
        measured = {id(own) for own in self._measured}
        for group, own in zip(groups, curvatures, strict=True):
            weights = np.sqrt(highest / np.maximum(own, highest * MAX_WEIGHT**-2))
            if id(group) in measured:
                weights = weights * self.data_share
            group.weights = weights

    def _follow(self, model: Model, groups: Sequence[Any], fresh: bool = False) -> None:
        """Let hidden grids follow their nodes, and those of laws their arguments."""
        places = [groups[0].X]
        for group in groups[1:]:
            places += getattr(group, "places", [])
        X = np.concatenate(places)
        if not model.separable:
            inputs = model.inputs.jet(X, JetOrders([], X.shape[1]))[0]
            assert inputs is not None
            follow(model.network, inputs, fresh)
        for number, law in enumerate(model.laws):
            arguments = law_arguments(model, groups, self.constants, number)
            if len(arguments):
                follow(law, arguments, fresh, first=True)

    def _moved(self, model: Model, groups: list[Any]) -> list[Any]:
        """Return the groups with points of the equations where the residual is large."""
        domain = self.statement.domain
        if not self.options.adaptive or domain.n_variables == 1 or domain.cloud is not None:
            return groups
        n_points = len(groups[0].X)
        candidates = self._points(model, 4 * n_points)
        size = np.abs(self._equation_values(model, candidates) * groups[0].weights).sum(axis=1)
        n_moved = int(SHARE_OF_RESIDUAL * n_points)
        share = size / size.sum() if size.sum() > 0.0 else np.full(len(size), 1.0 / len(size))
        moved = candidates[
            self.rng.choice(
                len(candidates), n_moved, replace=False, p=0.9 * share + 0.1 / len(share)
            )
        ]
        X = np.concatenate([self._points(model, n_points - n_moved), moved])
        first = self.statement.interior_group(X)
        first.weights = groups[0].weights
        return [first, *groups[1:]]

    def _equation_values(self, model: Model, X: FloatArray) -> FloatArray:
        return equation_values(self.statement, Solution.of(model), X, self.constants)

    def _densities(self, model: Model) -> list[FloatArray | None] | None:
        """Return the densities of knots wanted along the inputs."""
        domain, degree = self.statement.domain, self.options.degree
        if not self.options.adaptive:
            return None
        X: FloatArray = np.zeros((0, domain.n_variables))
        if model.separable:
            X = self._points(model, max(KNOT_POINTS, self._n_points(model)))
            sizes = np.square(self._equation_values(model, X)).sum(axis=1)
        found: list[FloatArray | None] = []
        for k, periodic in enumerate(self.statement.periodic):
            if periodic:
                found += [None, None]
            elif model.separable:
                ends = model.network.layers[0].grid.breakpoints[len(found)]
                found.append(by_residual(ends, model.inputs.unit(X, k), sizes, degree))
            else:
                found.append(by_bend(model, domain, k, self.rng))
        return found

    # Steps

    def _on_grid(self, model: Model, phase: Any, last: bool) -> Model:
        options = self.options
        groups = self._groups(model)
        self._balance(model, groups)
        moving = bool(options.arities)
        damping = 1e-3
        for _ in range(ROUNDS if moving else 0):
            outcome = self._minimise(model, groups, ROUND_ITER, ROUND_TOL, phase, damping=damping)
            model = outcome.model
            self._follow(model, groups)
            groups = self._moved(model, groups)
        if last or not moving:
            outcome = self._minimise(model, groups, options.max_iter, options.tol, phase)
            outcome = self._minimise(
                outcome.model, groups, POLISH_ITER, options.tol, phase, rows=True
            )
            model = outcome.model
        return model

    def _follow_path(self, model: Model, phase: Any, last: bool) -> tuple[Model, bool]:
        """Take the constants from their first to their last values, by steps that succeed."""
        path = self.options.path
        position = getattr(self, "_position", 0.0)
        step = getattr(self, "_step", FIRST_STEP)
        groups = self._groups(model)
        self.constants = _on_path(path, position)
        self._balance(model, groups)
        n_iter = SEPARABLE_CONTINUATION_ITER if model.separable else CONTINUATION_ITER
        outcome = self._minimise(model, groups, n_iter, ROUND_TOL, phase)
        model, before = outcome.model, outcome.loss
        aim = GOOD_STEP * self._zero_loss(model, groups)
        # Sums of products are not helped by more steps on a grid that is too coarse.
        strict = model.separable and not last
        ready = not strict or self._share(model, groups) <= GOOD_SHARE
        while ready and position < 1.0:
            trial = min(1.0, position + step)
            self.constants = _on_path(path, trial)
            groups = self._moved(model, groups)
            self._balance(model, groups)
            start = self.best.n_iter
            outcome = self._minimise(model, groups, n_iter, ROUND_TOL, phase)
            if strict:
                good = self._share(outcome.model, groups) <= GOOD_SHARE
            else:
                good = outcome.loss <= max(4.0 * before, aim)
            if not good and step > (LEAST_STEP if last else LEAST_STEP_ON_COARSE):
                step *= 0.5
                continue
            if not good and not last:
                break
            model, before, position = outcome.model, outcome.loss, trial
            self._follow(model, groups)
            step *= STEP_UP if outcome.n_iter < start + n_iter else 1.0
        self.constants = _on_path(path, position)
        self._position, self._step = position, max(step, 0.05)
        return model, position >= 1.0

    def _share(self, model: Model, groups: Sequence[Any]) -> float:
        """Return how large residuals are beside the terms of the equations, at present points."""
        sizes = residual_sizes(self.statement, Solution.of(model), groups[0].X, self.constants)
        return max(own.share for own in sizes)

    def _zero_loss(self, model: Model, groups: Sequence[Any]) -> float:
        """Return the loss of a solution that is nothing but its ansatz."""
        other = model.copy()
        for layer in other.network.layers:
            layer.coef = np.zeros_like(layer.coef)
        return Residuals(other, groups, self.constants).value(other.get_parameters())

    def _minimise(
        self,
        model: Model,
        groups: Sequence[Any],
        max_iter: int,
        tol: float,
        phase: Any,
        *,
        damping: float = 1e-3,
        rows: bool = False,
    ) -> Outcome:
        if model.separable and model.only is None:
            even(model.network)
        residuals = Residuals(model, groups, self.constants)
        before = getattr(self, "best", None)
        n_iter = 0 if before is None else before.n_iter
        curve = [] if before is None else before.loss_curve

        def outcome(parameters: FloatArray, loss: float) -> Outcome:
            own = model.copy()
            own.set_parameters(parameters)
            return Outcome(
                own, loss, n_iter, curve, False, groups[0].X, list(groups), list(self.constants)
            )

        def watch(loss: float, parameters: FloatArray) -> bool:
            nonlocal n_iter
            n_iter += 1
            curve.append(loss)
            self.best = outcome(parameters, loss)
            if phase.step(loss, lambda: self.best.model):
                raise _Stopped
            return False

        system: Any = RowSystem(residuals) if rows else None
        if model.tensor is not None:
            system = SparseSystem(residuals)
        start = model.get_parameters()
        result = minimize_lm(
            residuals, start, max_iter, tol, watch, 1e-12 if rows else damping, system, SETTLED
        )
        final = outcome(result.parameters, result.value)
        final.converged = result.converged
        final.n_iter = n_iter
        self.best = final
        return final


def _on_path(path: Sequence[tuple[float, float]], position: float) -> list[float]:
    """Return values between start and end, in equal ratios where both have the same sign."""
    values = []
    for start, end in path:
        if start * end > 0.0:
            values.append(float(start * (end / start) ** position))
        else:
            values.append(float(start + (end - start) * position))
    return values


def _undefined(group: Any, model: Model, constants: Sequence[float]) -> str:
    values = np.concatenate([own for own, _ in group.rows(model, constants, want_jacobian=False)])
    if len(values) == 1:
        return f"{group.name} is not finite."
    n = len(values) // len(group.X)
    row = int(np.flatnonzero(~np.isfinite(values))[0])
    point = ", ".join(
        f"{v} = {x:.6g}" for v, x in zip(model.variables, group.X[row // n], strict=True)
    )
    return (
        f"{group.name}: residual {row % n} is not finite at {point}. Change the domain, or "
        "multiply the equation by what vanishes there."
    )
