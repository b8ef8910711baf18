"""What is sought: a network for the unknowns, networks for the laws, and numbers.

The unknown ``k`` is ``u_k = A_k + B_k N_k`` with the outputs ``N`` of a network and given functions
``A`` and ``B``, which are 0 and a constant unless conditions are to hold exactly. A periodic
variable enters the network by its cosine and sine.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import factorial
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.network._layer import Layer
from skkan.network._network import Network
from skkan.network.derivatives._jet_trace import JetTrace, LayerFeatures, layer_features
from skkan.network.derivatives._jets import Jet, JetOrders, MultiIndex
from skkan.pde.problem._equations import evaluated
from skkan.pde.problem._separable import sought
from skkan.pde.problem._tensor import Tensor, TensorPoints, sparse_columns


@dataclass(frozen=True)
class InputMap:
    """From the variables to the inputs of a network.

    Attributes
    ----------
    low, high : ndarray of shape (n_variables,)
        Ends of the variables, which become -1 and 1.
    periodic : tuple of bool
        Variables that become two inputs, the cosine and the sine of their angle.
    """

    low: FloatArray
    high: FloatArray
    periodic: tuple[bool, ...]

    @property
    def variables(self) -> list[int]:
        """The variable that every input belongs to."""
        return [variable for variable, _ in self._columns()]

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        return len(self.low) + sum(self.periodic)

    def unit(self, X: FloatArray, variable: int) -> FloatArray:
        """Return a variable on the scale of its input, from -1 to 1."""
        low, high = self.low[variable], self.high[variable]
        return np.asarray(2.0 * (X[:, variable] - low) / (high - low) - 1.0)

    def jet(self, X: FloatArray, orders: JetOrders) -> Jet:
        """Return the jets of the inputs, arrays of shape (n_points, n_inputs)."""
        jet: Jet = []
        columns = self._columns()
        half = 0.5 * (self.high - self.low)
        for index in orders.indices:
            by = [variable for variable, order in enumerate(index) if order]
            own = np.zeros((len(X), self.n_inputs))
            for column, (variable, kind) in enumerate(columns):
                if len(by) > 1 or (by and by[0] != variable):
                    continue
                order, x = index[variable], X[:, variable]
                z = (x - self.low[variable]) / half[variable] - 1.0
                if kind is None:
                    values = (z, np.full(len(X), 1.0 / half[variable]), np.zeros(len(X)))
                    own[:, column] = values[min(order, 2)]
                else:
                    rate = np.pi / half[variable]
                    angle = np.pi * z + 0.5 * np.pi * (order - kind)
                    own[:, column] = rate**order / factorial(order) * np.cos(angle)
            jet.append(own if np.any(own) or not by else None)
        return jet

    def _columns(self) -> list[tuple[int, int | None]]:
        found: list[tuple[int, int | None]] = []
        for variable, own in enumerate(self.periodic):
            found += [(variable, 0), (variable, 1)] if own else [(variable, None)]
        return found


@dataclass(frozen=True)
class Ansatz:
    """An unknown as a given function plus a given factor times the network.

    Attributes
    ----------
    shift, factor : sympy.Expr
        Of the variables.
    """

    shift: Any = sp.S.Zero
    factor: Any = sp.S.One

    def jets(self, variables: Sequence[Any], X: FloatArray, orders: JetOrders) -> tuple[Jet, Jet]:
        """Return the jets of both, arrays of shape (n_points,)."""
        return tuple(self._jet(own, variables, X, orders) for own in (self.shift, self.factor))  # type: ignore[return-value]

    @staticmethod
    def _jet(expression: Any, variables: Sequence[Any], X: FloatArray, orders: JetOrders) -> Jet:
        parts = []
        for index in orders.indices:
            own = expression
            for variable, order in zip(variables, index, strict=True):
                own = sp.diff(own, variable, order) if order else own
            parts.append(own)
        values = evaluated(parts, variables, X) / orders.factorials
        return [None if part == 0 else column for part, column in zip(parts, values.T, strict=True)]


@dataclass
class PointSet:
    """Points at which the unknowns and some of their derivatives are wanted.

    Attributes
    ----------
    orders : JetOrders
        The derivatives.
    inputs : Jet
        Of the network's inputs.
    ansatz : list of (Jet, Jet)
        Shift and factor of every unknown.
    features : LayerFeatures or None
        Of the first layer, once known.
    grid : SplineGrid or None
        The grid that they belong to.
    """

    orders: JetOrders
    inputs: Jet
    ansatz: list[tuple[Jet, Jet]]
    features: LayerFeatures | None = None
    grid: Any = None

    def first_features(self, layer: Layer) -> LayerFeatures | None:
        """Return the features of the first layer, which change with its grid alone."""
        if layer.symbols:
            return None
        if self.features is None or self.grid is not layer.grid:
            self.features = layer_features(layer, self.inputs, self.orders, pull=False)
            self.grid = layer.grid
        return self.features


class Fields:
    """The unknowns at a set of points.

    Parameters
    ----------
    layers : sequence of Layer
        Of the network.
    points : PointSet
        The points.
    pull : bool
        Whether :meth:`jacobian` and :meth:`gradient` are to be called.
    sought : ndarray of bool of shape (n_network_parameters,), optional
        Parameters that they are by; by default all.

    Attributes
    ----------
    jets : list of Jet
        Of every unknown, arrays of shape (n_points,).
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        points: PointSet,
        pull: bool,
        sought: NDArray[np.bool_] | None = None,
    ) -> None:
        self._points: PointSet | TensorPoints = points
        self._n_unknowns = layers[-1].n_out
        self._sought = sought
        self._trace = JetTrace(
            layers, points.inputs, points.orders, points.first_features(layers[0]), pull
        )
        outputs = self._trace.outputs
        parts = range(self._n_unknowns)
        self.jets = self._with_ansatz(
            [[None if own is None else own[:, k] for own in outputs] for k in parts]
        )

    def _with_ansatz(self, outputs: Sequence[Jet]) -> list[Jet]:
        found: list[Jet] = []
        for own, (shift, factor) in zip(outputs, self._points.ansatz, strict=True):
            product = self._points.orders.multiplied(factor, own)
            found.append(
                [
                    a if b is None else b if a is None else a + b
                    for a, b in zip(shift, product, strict=True)
                ]
            )
        return found

    def derivative(self, unknown: int, index: MultiIndex) -> FloatArray | float:
        """Return a derivative of an unknown at all points."""
        place = self._points.orders.position[index]
        own = self.jets[unknown][place]
        return 0.0 if own is None else self._points.orders.factorials[place] * own

    def _seeds(self, weights: dict[tuple[int, MultiIndex], FloatArray], n_seeds: int) -> Jet:
        """Turn weights of derivatives, (n_points, n_seeds), into seeds of the network's jets."""
        orders = self._points.orders
        seeds: Jet = [None] * len(orders)
        for unknown, (_, factor) in enumerate(self._points.ansatz):
            own: Jet = [None] * len(orders)
            for (k, index), weight in weights.items():
                if k == unknown:
                    place = orders.position[index]
                    own[place] = orders.factorials[place] * weight
            for place, part in enumerate(orders.pulled(factor, own)):
                if part is None:
                    continue
                seed = seeds[place]
                if seed is None:
                    seed = seeds[place] = np.zeros((len(part), self._n_unknowns, n_seeds))
                seed[:, unknown] = part
        return seeds

    def jacobian(self, weights: dict[tuple[int, MultiIndex], FloatArray], out: FloatArray) -> None:
        """Set the derivatives of weighted sums of derivatives by the network's parameters.

        Parameters
        ----------
        weights : dict of (int, tuple of int) to ndarray of shape (n_points, n_seeds)
            By unknown and derivative.
        out : ndarray of shape (n_points, n_seeds, n_parameters)
            Where to put them.
        """
        seeds = self._seeds(weights, out.shape[1])
        if self._sought is None:
            self._trace.jacobian(seeds, out)
            return
        wide = np.empty((*out.shape[:2], len(self._sought)))
        self._trace.jacobian(seeds, wide)
        np.compress(self._sought, wide, axis=2, out=out)

    def gradient(self, weights: dict[tuple[int, MultiIndex], FloatArray]) -> FloatArray:
        """Return the sum over the points of a weighted sum, by the network's parameters."""
        wide = {key: own[:, None] for key, own in weights.items()}
        seeds = self._seeds(wide, 1)
        found = self._trace.gradient([None if own is None else own[:, :, 0] for own in seeds])
        return found if self._sought is None else found[self._sought]


class TensorFields(Fields):
    """The unknowns at a set of points, of tensor splines.

    Parameters
    ----------
    tensor : Tensor
        The splines.
    points : TensorPoints
        The points.
    """

    def __init__(self, tensor: Tensor, points: TensorPoints) -> None:
        self._points, self._n_unknowns = points, len(tensor.coef)
        self._places, self._n_splines = points, tensor.coef[0].size
        self.jets = self._with_ansatz(tensor.jets(points))

    def sparse(
        self, weights: dict[tuple[int, MultiIndex], FloatArray], n_seeds: int
    ) -> tuple[NDArray[np.intp], FloatArray]:
        """Return what :meth:`jacobian` sets, as columns and data for every point."""
        seeds = self._seeds(weights, n_seeds)
        return sparse_columns(self._places, seeds, self._n_unknowns, self._n_splines)

    def jacobian(self, weights: dict[tuple[int, MultiIndex], FloatArray], out: FloatArray) -> None:
        """Set the derivatives of weighted sums of derivatives by the coefficients."""
        columns, data = self.sparse(weights, out.shape[1])
        out[:] = 0.0
        np.put_along_axis(out, np.broadcast_to(columns[:, None, :], data.shape), data, axis=2)

    def gradient(self, weights: dict[tuple[int, MultiIndex], FloatArray]) -> FloatArray:
        """Return the sum over the points of a weighted sum, by the coefficients."""
        columns, data = self.sparse({key: own[:, None] for key, own in weights.items()}, 1)
        size = self._n_unknowns * self._n_splines
        return np.asarray(np.bincount(columns.ravel(), data.ravel(), size), dtype=np.float64)


@dataclass
class Model:
    """Everything that is sought.

    Attributes
    ----------
    variables : tuple of sympy.Symbol
        Independent variables.
    network : Network
        One output for every unknown.
    inputs : InputMap
        From the variables to the network's inputs.
    ansatz : tuple of Ansatz
        One for every unknown.
    laws : tuple of Network
        Networks of the laws, in the units of their arguments.
    scalars : ndarray of shape (n_scalars,)
        Numbers, positive ones by their logarithm.
    positive : tuple of bool
        Which of them are positive.
    frozen : bool
        Whether they are to stay as they are.
    separable : bool
        Whether the network is a sum of products of functions of one variable each.
    only : int or None
        The variable whose functions alone are sought, of a separable network.
    tensor : Tensor or None
        Splines that the unknowns are in place of a network; that of the same function is laid
        down by :meth:`settle`.
    """

    variables: tuple[Any, ...]
    network: Network
    inputs: InputMap
    ansatz: tuple[Ansatz, ...]
    laws: tuple[Network, ...]
    scalars: FloatArray
    positive: tuple[bool, ...]
    frozen: bool = False
    separable: bool = False
    only: int | None = None
    tensor: Tensor | None = None

    @property
    def sought(self) -> NDArray[np.bool_] | None:
        """Which of the network's parameters are sought; None for all."""
        return sought(self.network, self.only) if self.separable else None

    def fields(self, points: PointSet | TensorPoints, pull: bool) -> Fields:
        """Return the unknowns at points that :meth:`points` has prepared."""
        if isinstance(points, TensorPoints):
            assert self.tensor is not None
            return TensorFields(self.tensor, points)
        return Fields(self.network.layers, points, pull, self.sought if pull else None)

    @property
    def sizes(self) -> list[int]:
        """Numbers of parameters: of the network, of every law, of the numbers."""
        mask = self.sought
        n_own = self.network.n_parameters if mask is None else int(mask.sum())
        return [
            n_own if self.tensor is None else self.tensor.coef.size,
            *(law.n_parameters for law in self.laws),
            len(self.scalars),
        ]

    @property
    def slices(self) -> list[slice]:
        """Where the parts of the parameter vector are."""
        ends = np.cumsum([0, *self.sizes]).tolist()
        return [slice(a, b) for a, b in pairwise(ends)]

    @property
    def n_parameters(self) -> int:
        """Length of the parameter vector."""
        return sum(self.sizes)

    @property
    def numbers(self) -> FloatArray:
        """The numbers sought, positive ones themselves and not their logarithm."""
        return np.where(
            self.positive, np.exp(np.where(self.positive, self.scalars, 0.0)), self.scalars
        )

    def number_slopes(self) -> FloatArray:
        """Return the derivatives of :attr:`numbers` by the parameters."""
        if self.frozen:
            return np.zeros(len(self.scalars))
        return np.where(self.positive, self.numbers, 1.0)

    def copy(self) -> "Model":
        """Return an independent copy."""
        return replace(
            self,
            network=self.network.copy(),
            laws=tuple(law.copy() for law in self.laws),
            scalars=self.scalars.copy(),
            tensor=None if self.tensor is None else self.tensor.copy(),
        )

    def settle(self) -> None:
        """Lay down the network that is the same function as the tensor splines, if there are."""
        if self.tensor is not None:
            self.network = self.tensor.network()

    def get_parameters(self) -> FloatArray:
        """Return all parameters as one vector."""
        mask = self.sought
        own = self.network.get_parameters() if self.tensor is None else self.tensor.coef.ravel()
        parts = [own if mask is None else own[mask], *(law.get_parameters() for law in self.laws)]
        return np.concatenate([*parts, self.scalars])

    def set_parameters(self, parameters: FloatArray) -> None:
        """Set all parameters from one vector."""
        parts = [parameters[own] for own in self.slices]
        mask, wide = self.sought, parts[0]
        if mask is not None:
            wide = self.network.get_parameters()
            wide[mask] = parts[0]
        if self.tensor is None:
            self.network.set_parameters(wide)
        else:
            self.tensor.coef = wide.reshape(self.tensor.coef.shape).copy()
        for law, own in zip(self.laws, parts[1:-1], strict=True):
            law.set_parameters(own)
        self.scalars = parts[-1].copy()

    def points(self, X: FloatArray, indices: Iterable[MultiIndex]) -> PointSet | TensorPoints:
        """Prepare points, shape (n_points, n_variables), for some derivatives."""
        orders = JetOrders(indices, len(self.variables))
        jets = [own.jets(self.variables, X, orders) for own in self.ansatz]
        if self.tensor is not None:
            half = 0.5 * (self.inputs.high - self.inputs.low)
            return self.tensor.points((X - self.inputs.low) / half - 1.0, half, orders, jets)
        return PointSet(orders, self.inputs.jet(X, orders), jets)

    def derivative(self, X: FloatArray, index: MultiIndex) -> FloatArray:
        """Return a derivative of all unknowns, shape (n_points, n_unknowns)."""
        found = np.empty((len(X), len(self.ansatz)))
        for start in range(0, len(X), ROWS):
            part = slice(start, start + ROWS)
            fields = self.fields(self.points(X[part], [index]), pull=False)
            for k, column in enumerate(found[part].T):
                column[:] = fields.derivative(k, index)
        return found


ROWS = 1000
