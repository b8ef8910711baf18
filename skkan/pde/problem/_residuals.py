"""Residuals of equations, conditions and measurements, and their sum of squares.

Every :class:`Group` of rows holds one or more expressions at the same points; :class:`Residuals`
puts the rows of all groups below one another and is what the Levenberg-Marquardt solver minimises
half the sum of squares of.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array, vstack

from skkan._typing import FloatArray
from skkan.network.derivatives._jet_trace import JetTrace
from skkan.network.derivatives._jets import Jet, JetOrders, MultiIndex
from skkan.pde.problem._equations import Atom, Compiled, Lowered, Vocabulary, evaluated
from skkan.pde.problem._model import ROWS, Fields, Model, PointSet, TensorFields
from skkan.pde.problem._tensor import TensorPoints

Slopes = dict[tuple[int, int], FloatArray]


class Formula:
    """Expressions of atoms, compiled with everything that their derivatives need.

    Parameters
    ----------
    lowered : sequence of Lowered
        Expressions; they share places, laws and calls, as :class:`Lowering` found them.
    vocabulary : Vocabulary
        What names mean.
    data : sequence of sympy.Symbol
        Symbols of columns that come with the points.
    """

    def __init__(
        self,
        expressions: Sequence[Any],
        lowered: Lowered,
        vocabulary: Vocabulary,
        data: Sequence[Any] = (),
    ) -> None:
        self.lowered = lowered
        self.vocabulary = vocabulary
        self.atoms = list(lowered.atoms)
        self.law_atoms = list(lowered.law_atoms)
        self.calls = list(lowered.calls)
        self.n_expressions = len(expressions)
        self._plain = [*vocabulary.variables, *data, *lowered.calls.values(), *vocabulary.constants]
        self._own = [*lowered.atoms.values(), *vocabulary.parameters]
        laws = list(lowered.law_atoms.values())
        arguments = [a for _, own in lowered.law_places for a in own]
        self._main = Compiled(expressions, [*self._plain, *self._own, *laws], [*self._own, *laws])
        self._arguments = Compiled(arguments, [*self._plain, *self._own], self._own)

    @property
    def n_own(self) -> int:
        """Number of atoms of unknowns and of parameters."""
        return len(self._own)

    def indices(self, place: int) -> list[MultiIndex]:
        """Return the derivatives of the unknowns that are needed at a place."""
        return [atom.index for atom in self.atoms if atom.place == place]

    def law_orders(self, place: int) -> JetOrders:
        """Return the derivatives of a law at a place, with those of one order more."""
        number, arguments = self.lowered.law_places[place]
        n = len(arguments)
        needed: list[MultiIndex] = []
        for atom in self.law_atoms:
            if atom.place == place:
                needed += [tuple(o + (k == i) for k, o in enumerate(atom.index)) for i in range(n)]
        del number
        return JetOrders(needed, n)

    def arguments_of_laws(
        self, plain: Sequence[Any], own: Sequence[Any], n: int
    ) -> tuple[FloatArray, Slopes]:
        """Return the arguments of all laws and their derivatives."""
        return self._arguments.with_slopes([*plain, *own], n)

    def values(
        self, plain: Sequence[Any], own: Sequence[Any], laws: Sequence[Any], n: int
    ) -> FloatArray:
        """Return the expressions."""
        return self._main.values([*plain, *own, *laws], n)

    def with_slopes(
        self, plain: Sequence[Any], own: Sequence[Any], laws: Sequence[Any], n: int
    ) -> tuple[FloatArray, Slopes]:
        """Return the expressions and their derivatives by atoms, parameters and laws."""
        return self._main.with_slopes([*plain, *own, *laws], n)


@dataclass
class Chunk:
    """Some of the points of a group.

    Attributes
    ----------
    columns : list of ndarray
        Variables, data, given functions: one number for every point.
    places : list of PointSet
        Where the unknowns are wanted.
    """

    n_points: int
    columns: list[FloatArray]
    places: list[PointSet | TensorPoints]


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

    @property
    def n_rows(self) -> int:
        """Number of residuals."""
        return len(self.X) * self.formula.n_expressions

    def chunks(self, model: Model) -> list[Chunk]:
        """Return the points in chunks, prepared for the model's inputs and ansatz."""
        if self._chunks is None:
            self._chunks = []
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


class Evaluation:
    """A formula at a chunk of points.

    Attributes
    ----------
    values : ndarray of shape (n_points, n_expressions)
        The expressions.
    """

    def __init__(
        self, formula: Formula, model: Model, chunk: Chunk, constants: Sequence[float], pull: bool
    ) -> None:
        self._formula, self._model, self._chunk = formula, model, chunk
        self._fields = [model.fields(own, pull) for own in chunk.places]
        own: list[Any] = [
            self._fields[atom.place].derivative(atom.function, atom.index) for atom in formula.atoms
        ]
        own += list(model.numbers)
        self._own = own
        plain = [*chunk.columns, *constants]
        self._laws: list[tuple[JetOrders, JetTrace]] = []
        values: list[Any] = []
        if formula.law_atoms:
            found = formula.arguments_of_laws(plain, own, chunk.n_points)
            self._law_arguments, self._law_slopes = found
            self._evaluate_laws(pull)
            values = [self._law_value(atom.place, atom.index) for atom in formula.law_atoms]
        if pull:
            self.values, self._slopes = formula.with_slopes(plain, own, values, chunk.n_points)
        else:
            self.values = formula.values(plain, own, values, chunk.n_points)

    def _evaluate_laws(self, pull: bool) -> None:
        start = 0
        for place, (number, arguments) in enumerate(self._formula.lowered.law_places):
            orders = self._formula.law_orders(place)
            x = self._law_arguments[:, start : start + len(arguments)]
            start += len(arguments)
            law = self._model.laws[number]
            inputs: Jet = [
                law.scaling.inputs(x)
                if sum(index) == 0
                else np.tile(index / law.scaling.input_scale, (len(x), 1))
                if sum(index) == 1
                else None
                for index in orders.indices
            ]
            self._laws.append((orders, JetTrace(law.layers, inputs, orders, pull=pull)))

    def _law_value(self, place: int, index: MultiIndex) -> FloatArray:
        orders, trace = self._laws[place]
        k = orders.position[index]
        own = trace.outputs[k]
        n = self._chunk.n_points
        return np.zeros(n) if own is None else orders.factorials[k] * own[:, 0]

    def law_arguments(self, number: int) -> FloatArray:
        """Return the arguments of a law at all its places, shape (n_rows, n_arguments)."""
        parts, start = [], 0
        for law, arguments in self._formula.lowered.law_places:
            stop = start + len(arguments)
            if law == number:
                parts.append(self._law_arguments[:, start:stop])
            start = stop
        return np.concatenate(parts) if parts else np.zeros((0, 0))

    def jacobian(self) -> FloatArray:
        """Return the derivatives, shape (n_points, n_expressions, n_parameters)."""
        model, n, q = self._model, self._chunk.n_points, self._formula.n_expressions
        by = self._by_own()
        out = np.zeros((n, q, model.n_parameters))
        first = model.slices[0]
        for number, (fields, weights) in enumerate(self._weighted(by)):
            if number == 0:
                fields.jacobian(weights, out[:, :, first])
            else:
                more = np.empty((n, q, model.sizes[0]))
                fields.jacobian(weights, more)
                out[:, :, first] += more
        self._add_tail(by, out[:, :, first.stop :])
        return out

    def sparse_jacobian(self) -> csr_array:
        """Return the same of tensor splines, shape (n_points * n_expressions, n_parameters)."""
        model, n, q = self._model, self._chunk.n_points, self._formula.n_expressions
        by = self._by_own()
        columns, data = [np.zeros((n, 0), dtype=np.intp)], [np.zeros((n, q, 0))]
        for fields, weights in self._weighted(by):
            assert isinstance(fields, TensorFields)
            own = fields.sparse(weights, q)
            columns.append(own[0])
            data.append(own[1])
        size, n_tail = model.sizes[0], model.n_parameters - model.sizes[0]
        if n_tail:
            tail = np.zeros((n, q, n_tail))
            self._add_tail(by, tail)
            columns.append(np.tile(size + np.arange(n_tail), (n, 1)))
            data.append(tail)
        places, values = np.concatenate(columns, axis=1), np.concatenate(data, axis=2)
        starts = np.arange(n * q + 1) * places.shape[1]
        return csr_array(
            (values.ravel(), np.repeat(places, q, axis=0).ravel(), starts),
            shape=(n * q, model.n_parameters),
        )

    def _weighted(
        self, by: list[Any]
    ) -> Iterator[tuple[Fields, dict[tuple[int, MultiIndex], FloatArray]]]:
        """Yield the unknowns at every place, and the derivatives by those of them."""
        for place, fields in enumerate(self._fields):
            weights = {
                (atom.function, atom.index): by[k]
                for k, atom in enumerate(self._formula.atoms)
                if atom.place == place and by[k] is not None
            }
            if weights:
                yield fields, weights

    def _add_tail(self, by: list[Any], out: FloatArray) -> None:
        """Set derivatives by what comes behind the network: laws and numbers."""
        model = self._model
        self._add_laws(out)
        first, slopes = len(self._formula.atoms), model.number_slopes()
        start = model.slices[-1].start - model.sizes[0]
        for k in range(len(model.scalars)):
            own = by[first + k]
            if own is not None:
                out[:, :, start + k] = own * slopes[k]

    def gradient(self, weights: FloatArray) -> FloatArray:
        """Return the sum over points of the first expression times weights, by the parameters."""
        formula, model = self._formula, self._model
        out = np.zeros(model.n_parameters)
        by, parts = self._by_own(), model.slices
        for place, fields in enumerate(self._fields):
            own = {
                (atom.function, atom.index): weights * by[k][:, 0]
                for k, atom in enumerate(formula.atoms)
                if atom.place == place and by[k] is not None
            }
            if own:
                out[parts[0]] += fields.gradient(own)
        slopes = model.number_slopes()
        for k in range(len(model.scalars)):
            slope = by[len(formula.atoms) + k]
            if slope is not None:
                out[parts[-1].start + k] = float(weights @ slope[:, 0]) * slopes[k]
        return out

    def magnitudes(self) -> FloatArray:
        """Return how large the terms of the expressions are, shape (n_points, n_expressions)."""
        sizes = np.abs(self.values)
        for own, by in zip(self._own, self._by_own(), strict=True):
            if by is not None:
                sizes = sizes + np.abs(by) * np.abs(np.asarray(own))[..., None]
        return sizes

    def _by_own(self) -> list[Any]:
        """Return derivatives by atoms and parameters, (n_points, n_expressions), laws included."""
        formula, n = self._formula, self._chunk.n_points
        shape = (n, formula.n_expressions)
        by: list[Any] = [None] * formula.n_own
        for (row, column), slope in self._slopes.items():
            if column < formula.n_own:
                if by[column] is None:
                    by[column] = np.zeros(shape)
                by[column][:, row] += slope
        for row, atom, slope in self._law_terms():
            start = sum(len(own) for _, own in formula.lowered.law_places[: atom.place])
            for k in range(len(atom.index)):
                raised = tuple(o + (i == k) for i, o in enumerate(atom.index))
                change = slope * self._law_value(atom.place, raised)
                for (argument, column), inner in self._law_slopes.items():
                    if argument == start + k:
                        if by[column] is None:
                            by[column] = np.zeros(shape)
                        by[column][:, row] += change * inner
        return by

    def _law_terms(self) -> Iterator[tuple[int, Atom, FloatArray]]:
        formula = self._formula
        for (row, column), slope in self._slopes.items():
            if column >= formula.n_own:
                yield row, formula.law_atoms[column - formula.n_own], slope

    def _add_laws(self, out: FloatArray) -> None:
        formula, model = self._formula, self._model
        for place, (orders, trace) in enumerate(self._laws):
            number = formula.lowered.law_places[place][0]
            seeds: Jet = [None] * len(orders)
            for row, atom, slope in self._law_terms():
                if atom.place == place:
                    k = orders.position[atom.index]
                    seed = seeds[k]
                    if seed is None:
                        seed = seeds[k] = np.zeros((len(slope), 1, out.shape[1]))
                    seed[:, 0, row] += orders.factorials[k] * slope
            part = model.slices[1 + number]
            part = slice(part.start - model.sizes[0], part.stop - model.sizes[0])
            more = np.empty((*out.shape[:2], model.sizes[1 + number]))
            trace.jacobian(seeds, more)
            out[:, :, part] += more


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
