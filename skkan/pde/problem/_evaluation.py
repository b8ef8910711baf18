"""Expressions of unknowns, laws and numbers at points, with their derivatives by parameters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from skkan._typing import FloatArray
from skkan.network.derivatives._jet_trace import JetTrace
from skkan.network.derivatives._jets import Jet, JetOrders, MultiIndex
from skkan.pde.problem._equations import Atom, Compiled, Lowered, Vocabulary
from skkan.pde.problem._model import Fields, Model, PointSet, TensorFields
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
        columns = [np.zeros((n, 0), dtype=np.intp)]
        data: list[FloatArray] = [np.zeros((n, q, 0))]
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
