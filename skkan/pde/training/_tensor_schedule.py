"""The way to a solution that is a table of coefficients of tensor splines.

Unknowns are linear in what is sought, so that there are no starts to race and no grids of hidden
nodes: every grid is solved from the solution on the one before, with all points on the same lines.
A slab of a march starts from the state at its beginning and on the knots of the slab before; with
its residuals known, the knots are laid anew and it is solved again.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.pde.problem._domain import points_on_intervals
from skkan.pde.problem._model import InputMap, Model
from skkan.pde.problem._residuals import Group, IntegralGroup
from skkan.pde.problem._tensor import Axis, Tensor
from skkan.pde.solution._findings import residual_sizes
from skkan.pde.solution._solution import Solution
from skkan.pde.training._estimate import estimate
from skkan.pde.training._grids import cut
from skkan.pde.training._knots import by_share
from skkan.pde.training._options import Outcome
from skkan.pde.training._schedule import Schedule
from skkan.pde.training._starts import random_laws, starting_numbers

# Intervals along the variable of a march, in every slab.
SLAB_INTERVALS = 3
# Intervals of which those of new knots are halves, quarters and so on.
COARSEST = 4
DAMPING, LEAST_DAMPING, POLISH_ITER = 1e-7, 1e-13, 3
TOL = 1e-2
# Of measurements, as in the schedule of networks: tables could follow their noise.
DATA_SHARE = 1e-4
# Of the terms of the equations: finer grids, or other knots, are of no use below.
ROUNDING = 1e-12
RANDOM_SIZE = 0.5
# Times that knots are laid anew, as long as residuals become so much smaller.
RELAID, BETTER = 4, 0.7


class TensorSchedule(Schedule):
    """One fit of tensor splines; as :class:`Schedule`, but that knots are those of `start`."""

    data_share = DATA_SHARE

    def _solve(self) -> None:
        options = self.options
        sizes = options.grid_sizes if self._start is None else options.grid_sizes[-1:]
        with self.progress.phase("start") as phase:
            model = self._first(sizes[0], phase)
        done = not options.path
        for level, grid_size in enumerate(sizes):
            last = level == len(sizes) - 1
            if level:
                model = self._refined(model, grid_size)
            if not done:
                with self.progress.phase(f"continuation on {grid_size} intervals") as phase:
                    model, done = self._follow_path(model, phase, last)
            with self.progress.phase(f"grid size {grid_size}") as phase:
                model = self._on_grid(model, phase, last)
                for _ in range(RELAID if last and options.adaptive else 0):
                    other = self._relaid(model, grid_size, phase)
                    if other is model:
                        break
                    model = other
            if done and self._share(model, self.best.groups) <= ROUNDING:
                break
        self._tell_unfinished(done)

    def _first(self, grid_size: int, phase: Any) -> Model:
        """Return the model to start from: zero, random, or the state at the start of a slab."""
        statement, start = self.statement, self._start
        domain = statement.domain
        n_variables = domain.n_variables
        unit = np.linspace(-1.0, 1.0, grid_size + 1)
        ends: list[FloatArray] = [unit] * n_variables
        along = self.options.marching
        if along is not None:
            ends[along] = np.linspace(-1.0, 1.0, SLAB_INTERVALS + 1)
        if start is not None and start.tensor is not None:
            ends = [
                own if k == along else axis.ends
                for k, (own, axis) in enumerate(zip(ends, start.tensor.axes, strict=True))
            ]
        tensor = self._tensor(ends)
        if statement.has_integrals:
            tensor.coef = RANDOM_SIZE * self.rng.normal(size=tensor.coef.shape)
        low, high = domain.low, domain.high
        model = Model(
            domain.variables,
            tensor.network(),
            InputMap(low, high, (False,) * n_variables),
            statement.ansatz,
            random_laws(statement, self.options, self.rng),
            starting_numbers(self.options),
            self.options.positive,
            tensor=tensor,
        )
        groups = self._groups(model)
        self._check_values(model, groups)
        if start is not None:
            assert along is not None
            X = groups[0].X.copy()
            X[:, along] = low[along]
            index = (0,) * n_variables
            model = self._fitted(model, groups[0].X, start.derivative(X, index), phase)
        elif len(model.scalars):
            model.frozen = True
            self._balance(model, groups)
            model = self._minimise(model, groups, self.options.max_iter, TOL, phase).model
            model.frozen = False
        self.best = Outcome(model, groups=groups, constants=self.constants)
        return model

    def _tensor(self, ends: Sequence[FloatArray]) -> Tensor:
        degree = self.options.degree
        axes = [
            Axis(own if not ring or len(own) > degree + 1 else _even(degree + 1), degree, ring)
            for own, ring in zip(ends, self.statement.periodic, strict=True)
        ]
        shape = [own.n_splines for own in axes]
        return Tensor(tuple(axes), np.zeros((self.statement.n_unknowns, *shape)))

    def _fitted(self, model: Model, X: FloatArray, values: FloatArray, phase: Any) -> Model:
        """Fit values of the unknowns at points, by linear least squares."""
        constants, self.constants = self.constants, list(self.constants)
        groups: list[Any] = list(self.statement.measurement_groups(X, values))
        found = self._minimise(model, groups, 1, TOL, phase, damping=LEAST_DAMPING).model
        self.constants = constants
        return found

    def _groups(self, model: Model) -> list[Group | IntegralGroup]:
        """Return rows at Gauss points of all intervals, and of conditions as dense as knots."""
        assert model.tensor is not None
        domain, axes = self.statement.domain, model.tensor.axes
        if self.options.n_points is not None:
            X = domain.interior(self.options.n_points, self.rng)
        else:
            lines = []
            for k, axis in enumerate(axes):
                unit = _sites(axis)
                lines.append(domain.low[k] + 0.5 * (domain.high - domain.low)[k] * (unit + 1.0))
            X = np.stack([own.ravel() for own in np.meshgrid(*lines, indexing="ij")], axis=1)
        n_line = 3 * max(own.n_splines for own in axes)
        n_face = n_line if len(axes) == 2 else n_line**2 // 4
        conditions = self.statement.condition_groups(
            n_line, n_face, self.rng, [own.ends for own in axes]
        )
        return [self.statement.interior_group(X), *conditions, *self._measured]

    def _moved(self, model: Model, groups: list[Any]) -> list[Any]:
        """Return the groups as they are: points lie on lines."""
        del model
        return groups

    def _follow(self, model: Model, groups: Sequence[Any], fresh: bool = False) -> None:
        """Let grids of laws follow their arguments."""
        if model.laws:
            super()._follow(model, groups, fresh)

    def _wanted(self, model: Model) -> list[FloatArray]:
        """Return the densities of knots that residuals ask for, by variable."""
        assert model.tensor is not None
        X = self.best.groups[0].X
        squares = np.square(self._equation_values(model, X)).sum(axis=1)
        return [
            by_share(axis.ends, model.inputs.unit(X, k), squares)
            for k, axis in enumerate(model.tensor.axes)
        ]

    def _refined(self, model: Model, grid_size: int) -> Model:
        """Return the same on more intervals, most of them where residuals are large."""
        assert model.tensor is not None
        adaptive = self.options.adaptive
        wanted = self._wanted(model) if adaptive else [None] * len(model.tensor.axes)
        ends = [
            axis.ends if k == self.options.marching else cut(axis.ends, grid_size, density)
            for k, (axis, density) in enumerate(zip(model.tensor.axes, wanted, strict=True))
        ]
        other = model.copy()
        other.tensor = model.tensor.on(self._tensor(ends).axes)
        return other

    def _relaid(self, model: Model, grid_size: int, phase: Any) -> Model:
        """Lay the knots of a slab anew where its residuals ask for them, and solve again."""
        assert model.tensor is not None
        ends = [
            axis.ends if k == self.options.marching else cut(_even(COARSEST), grid_size, density)
            for k, (axis, density) in enumerate(
                zip(model.tensor.axes, self._wanted(model), strict=True)
            )
        ]
        if all(np.array_equal(a.ends, b) for a, b in zip(model.tensor.axes, ends, strict=True)):
            return model
        before, first = self._share(model, self.best.groups), self.best
        if before <= ROUNDING:
            return model
        other = model.copy()
        other.tensor = self._tensor(ends)
        X = self._groups(other)[0].X
        values = model.derivative(X, (0,) * self.statement.domain.n_variables)
        other = self._on_grid(self._fitted(other, X, values, phase), phase, True)
        if self._share(other, self.best.groups) <= BETTER * before:
            return other
        self.best = first
        return model

    def _on_grid(self, model: Model, phase: Any, last: bool) -> Model:
        groups = self._groups(model)
        self._balance(model, groups)
        if self._measured and len(model.scalars) and not model.laws:

            def solved(own: Model) -> Model:
                own.frozen = True
                first = self._minimise(own, groups, self.options.max_iter, TOL, phase).model
                last = self._minimise(
                    first, groups, POLISH_ITER, TOL, phase, damping=LEAST_DAMPING
                ).model
                last.frozen = False
                return last

            model, errors = estimate(model, groups, self._measured, self.constants, solved)
            self.best.model, self.best.errors = model, errors
            return model
        max_iter = self.options.max_iter
        outcome = self._minimise(model, groups, max_iter, TOL, phase, damping=DAMPING)
        if last:
            outcome = self._minimise(
                outcome.model, groups, POLISH_ITER, TOL, phase, damping=LEAST_DAMPING
            )
        return outcome.model

    def _share(self, model: Model, groups: Sequence[Any]) -> float:
        sizes = residual_sizes(self.statement, Solution.of(model), groups[0].X, self.constants)
        return max(own.share for own in sizes)


def _sites(axis: Axis) -> FloatArray:
    """Return points of an axis: two in every interval, more where there are few and at ends.

    Splines of `degree` more than the intervals reach over an end, and need points there.
    """
    ends, degree = axis.ends, axis.degree
    n = max(2, int(np.ceil(degree / axis.n_intervals)) + 1)
    inner = [points_on_intervals(ends, n)[1:-1]]
    if not axis.periodic:
        outer = [points_on_intervals(own, degree + 1)[1:-1] for own in (ends[:2], ends[-2:])]
        inner = [outer[0], *([inner[0][n:-n], outer[1]] if axis.n_intervals > 1 else [])]
    return np.concatenate(inner)


def _even(n_intervals: int) -> FloatArray:
    return np.linspace(-1.0, 1.0, n_intervals + 1)
