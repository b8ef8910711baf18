"""Residuals of equations, conditions and measurements, and their sum of squares.

Every :class:`Group` of rows holds one or more expressions at the same points; :class:`Residuals`
puts the rows of all groups below one another and is what the Levenberg-Marquardt solver minimises
half the sum of squares of.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array, vstack

from skkan._typing import FloatArray
from skkan.pde.problem._equations import Compiled, evaluated
from skkan.pde.problem._evaluation import Chunk, Evaluation, Formula
from skkan.pde.problem._model import ROWS, Model


class Rows:
    """Rows of one kind, whose Jacobian is dense, or sparse for tensor splines."""

    weights: FloatArray

    def curvatures(self, model: Model, constants: Sequence[float]) -> FloatArray:
        """Return the sums of squares of the Jacobian by the network, one for every weight."""
        total = np.zeros(len(self.weights))
        first = model.slices[0]
        if model.tensor is None:
            for _, jacobian in self.rows(model, constants, want_jacobian=True):
                assert jacobian is not None
                squares = np.einsum("np,np->n", jacobian[:, first], jacobian[:, first])
                total += squares.reshape(-1, len(total)).sum(axis=0)
            return total
        for _, sparse in self.sparse_rows(model, constants):
            own = sparse[:, : first.stop]
            squares = np.asarray(own.multiply(own).sum(axis=1)).ravel()
            total += squares.reshape(-1, len(total)).sum(axis=0)
        return total

    def rows(
        self, model: Model, constants: Sequence[float], want_jacobian: bool
    ) -> Iterator[tuple[FloatArray, FloatArray | None]]:
        """Yield weighted residuals and their Jacobian, by chunk."""
        raise NotImplementedError

    def sparse_rows(
        self, model: Model, constants: Sequence[float]
    ) -> Iterator[tuple[FloatArray, csr_array]]:
        """Yield the same of tensor splines, with a sparse Jacobian."""
        raise NotImplementedError


class Group(Rows):
    """Expressions at the same points.

    Parameters
    ----------
    name : str
        For messages and tables.
    formula : Formula
        The expressions.
    X : ndarray of shape (n_points, n_variables)
        Points.
    data : sequence of ndarray of shape (n_points,)
        Columns of the formula's data symbols.
    known : sequence of callable
        Given functions.
    """

    def __init__(
        self,
        name: str,
        formula: Formula,
        X: FloatArray,
        data: Sequence[FloatArray] = (),
        known: Sequence[Any] = (),
    ) -> None:
        self.name = name
        self.formula = formula
        self.X = X
        self._data = data
        self.weights = np.ones(formula.n_expressions)
        variables, lowered = formula.vocabulary.variables, formula.lowered
        self.places = [evaluated(own, variables, X) for own in lowered.places]
        self._calls = [
            np.asarray(known[number](*evaluated(own, variables, X).T), dtype=np.float64)
            for number, own in formula.calls
        ]
        self._chunks: list[Chunk] | None = None
        # Of the tensor splines that they are prepared for.
        self._axes: Any = None

    @property
    def n_rows(self) -> int:
        """Number of residuals."""
        return len(self.X) * self.formula.n_expressions

    def chunks(self, model: Model) -> list[Chunk]:
        """Return the points in chunks, prepared for the model's inputs and ansatz."""
        axes = None if model.tensor is None else model.tensor.axes
        if self._chunks is None or self._axes is not axes:
            self._chunks, self._axes = [], axes
            for start in range(0, len(self.X), ROWS):
                part = slice(start, start + ROWS)
                columns = [*self.X[part].T, *(own[part] for own in self._data)]
                columns += [np.broadcast_to(own, len(self.X))[part] for own in self._calls]
                places = [
                    model.points(X[part], self.formula.indices(k))
                    for k, X in enumerate(self.places)
                ]
                self._chunks.append(Chunk(len(self.X[part]), columns, places))
        return self._chunks

    def rows(
        self, model: Model, constants: Sequence[float], want_jacobian: bool
    ) -> Iterator[tuple[FloatArray, FloatArray | None]]:
        """Yield weighted residuals, scaled to a mean over points, and their Jacobian, by chunk."""
        scale = self.weights / np.sqrt(len(self.X))
        for chunk in self.chunks(model):
            at = Evaluation(self.formula, model, chunk, constants, want_jacobian)
            values = at.values * scale
            jacobian = None
            if want_jacobian:
                jacobian = at.jacobian()
                jacobian *= scale[:, None]
                jacobian = jacobian.reshape(values.size, -1)
            yield values.ravel(), jacobian

    def sparse_rows(
        self, model: Model, constants: Sequence[float]
    ) -> Iterator[tuple[FloatArray, csr_array]]:
        """Yield the same of tensor splines, with a sparse Jacobian."""
        scale = self.weights / np.sqrt(len(self.X))
        for chunk in self.chunks(model):
            at = Evaluation(self.formula, model, chunk, constants, pull=True)
            jacobian = at.sparse_jacobian()
            n_local = len(jacobian.data) // (chunk.n_points * len(scale))
            jacobian.data *= np.repeat(np.tile(scale, chunk.n_points), n_local)
            yield (at.values * scale).ravel(), jacobian


class IntegralGroup(Rows):
    """A condition on integrals over the domain, one row.

    Parameters
    ----------
    name : str
        For messages.
    integrands : sequence of Formula
        One expression each.
    X, weights : ndarray
        Points of a quadrature and their weights.
    outer : Compiled
        The condition in the integrals, parameters and constants.
    known : sequence of callable
        Given functions.
    """

    def __init__(
        self,
        name: str,
        integrands: Sequence[Formula],
        X: FloatArray,
        quadrature: FloatArray,
        outer: Compiled,
        known: Sequence[Any] = (),
    ) -> None:
        self.name = name
        self.X = X
        self.weights = np.ones(1)
        self._parts = [Group(name, own, X, known=known) for own in integrands]
        self._quadrature = quadrature
        self._outer = outer
        self.n_rows = 1

    def rows(
        self, model: Model, constants: Sequence[float], want_jacobian: bool
    ) -> Iterator[tuple[FloatArray, FloatArray | None]]:
        """Yield the residual and its Jacobian."""
        integrals, gradients = [], []
        for part in self._parts:
            total, gradient, start = 0.0, np.zeros(model.n_parameters), 0
            for chunk in part.chunks(model):
                weights = self._quadrature[start : start + chunk.n_points]
                start += chunk.n_points
                at = Evaluation(part.formula, model, chunk, constants, want_jacobian)
                total += float(weights @ at.values[:, 0])
                if want_jacobian:
                    gradient += at.gradient(weights)
            integrals.append(total)
            gradients.append(gradient)
        arguments = [*constants, *integrals, *model.numbers]
        values, slopes = self._outer.with_slopes(arguments, 1)
        jacobian = None
        if want_jacobian:
            jacobian = np.zeros((1, model.n_parameters))
            first, rates = model.slices[-1].start, model.number_slopes()
            for (_, column), slope in slopes.items():
                if column < len(gradients):
                    jacobian[0] += slope[0] * gradients[column]
                else:
                    k = column - len(gradients)
                    jacobian[0, first + k] += slope[0] * rates[k]
            jacobian *= self.weights[0]
        yield values[0] * self.weights[0], jacobian

    def sparse_rows(
        self, model: Model, constants: Sequence[float]
    ) -> Iterator[tuple[FloatArray, csr_array]]:
        """Yield the same of tensor splines, with a sparse Jacobian."""
        for values, jacobian in self.rows(model, constants, want_jacobian=True):
            yield values, csr_array(jacobian)


class Residuals:
    """Half the sum of squares of all rows, as the solvers want it.

    Parameters
    ----------
    model : Model
        What is sought; its parameters are not used.
    groups : sequence of Group or IntegralGroup
        Rows.
    constants : mapping of str to float
        Values of the vocabulary's constants, in its order.
    """

    bends = True

    def __init__(
        self, model: Model, groups: Sequence[Any], constants: Sequence[float] = ()
    ) -> None:
        self.model = model.copy()
        self.groups = list(groups)
        self.constants = list(constants)
        self.n_rows = sum(group.n_rows for group in self.groups)
        self._latest: tuple[FloatArray, FloatArray, FloatArray] | None = None
        self._buffer: FloatArray | None = None

    def residuals(self, parameters: FloatArray) -> FloatArray:
        """Return all rows."""
        self.model.set_parameters(parameters)
        parts = [
            values
            for group in self.groups
            for values, _ in group.rows(self.model, self.constants, want_jacobian=False)
        ]
        return np.concatenate(parts)

    def linearised(self, parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return all rows and their Jacobian; the latest are kept."""
        if self._latest is not None and np.array_equal(self._latest[0], parameters):
            return self._latest[1:]
        self._latest = None
        self.model.set_parameters(parameters)
        if self._buffer is None:
            self._buffer = np.empty((self.n_rows, len(parameters)))
        jacobian, residuals, start = self._buffer, np.empty(self.n_rows), 0
        for group in self.groups:
            for values, own in group.rows(self.model, self.constants, want_jacobian=True):
                stop = start + len(values)
                residuals[start:stop], jacobian[start:stop] = values, own
                start = stop
        self._latest = parameters.copy(), residuals, jacobian
        return residuals, jacobian

    def value(self, parameters: FloatArray) -> float:
        """Return half the sum of squares."""
        with np.errstate(all="ignore"):
            residuals = self.residuals(parameters)
            return 0.5 * float(residuals @ residuals)

    def sparse(self, parameters: FloatArray) -> tuple[FloatArray, csr_array]:
        """Return all rows and their sparse Jacobian, of tensor splines."""
        self.model.set_parameters(parameters)
        parts = [
            own for group in self.groups for own in group.sparse_rows(self.model, self.constants)
        ]
        rows = np.concatenate([values for values, _ in parts])
        return rows, csr_array(vstack([own for _, own in parts], format="csr"))

    def normal_equations(self, parameters: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return objective, gradient and Gauss-Newton matrix."""
        residuals, jacobian = self.linearised(parameters)
        value = 0.5 * float(residuals @ residuals)
        return value, jacobian.T @ residuals, jacobian.T @ jacobian

    def add_penalty_hessian(self, parameters: FloatArray, matrix: FloatArray) -> None:
        """Add nothing: there is no penalty."""

    def second_difference(self, parameters: FloatArray, change: FloatArray) -> FloatArray:
        """Return ``J' (r(p + c) - r(p) - J c)``."""
        residuals, jacobian = self.linearised(parameters)
        with np.errstate(all="ignore"):
            bend = self.residuals(parameters + change) - residuals - jacobian @ change
        return jacobian.T @ bend
