"""A network as a sequence of SymPy assignments, one per node, or as one expression.

Written out as one expression a deep network of splines explodes: every piece of every spline
repeats the formula of its argument. As a sequence of assignments it stays as long as the network is
large, and the length of the expression can be told from it beforehand.

SymPy is loaded only when a program is built.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.data._table_encoder import TableEncoder
from skkan.network._layer import Layer
from skkan.network._network import Network
from skkan.network._scaling import Scaling
from skkan.network.functions._symbolic_edge import ROUNDING, SymbolicEdge
from skkan.symbolic.export._pieces import Pieces, piecewise
from skkan.symbolic.export._table_terms import TableTerms
from skkan.symbolic.library._function_values import exp_form
from skkan.symbolic.library._symbol import Symbol

# Beyond this ratio of an input's middle to its half range, constants that are folded into one
# number would lose more digits than the formula promises.
MAX_OFFSET = 1e4
# Powers of smaller or larger units of a column do not stand in formulas, lest they overflow.
SMALL_UNIT = 1e-25

Constants = Mapping[tuple[int, int, int, int], Any]


@dataclass(frozen=True)
class Program:
    """Assignments that lead from inputs to outputs.

    Attributes
    ----------
    inputs : tuple of sympy.Symbol
        The features.
    steps : list of (sympy.Symbol, sympy.Expr)
        Assignments, each in terms of the inputs and of the steps before it.
    outputs : list of sympy.Expr
        The results.
    texts : frozenset of str
        Names of the inputs that are texts.
    """

    inputs: tuple[Any, ...]
    steps: list[tuple[Any, Any]]
    outputs: list[Any]
    texts: frozenset[str] = frozenset()

    def size(self) -> int:
        """Return the number of operations of the outputs with all steps written out."""
        totals: dict[Any, int] = {}
        seen: dict[Any, int] = {}
        for symbol, expression in self.steps:
            totals[symbol] = _operations(expression, totals, seen)
        return sum(_operations(output, totals, seen) for output in self.outputs)


def _operations(expression: Any, totals: Mapping[Any, int], seen: dict[Any, int]) -> int:
    """Count operations; `totals` tells what symbols stand for, `seen` what has been counted."""
    if not expression.args:
        return totals.get(expression, 0)
    count = seen.get(expression)
    if count is None:
        count = max(len(expression.args) - 1, 1)
        count += sum(_operations(argument, totals, seen) for argument in expression.args)
        seen[expression] = count
    return count


def replaced(expression: Any, table: Mapping[Any, Any]) -> Any:
    """Return an expression with other atoms; like ``xreplace``, but see :func:`piecewise`."""
    import sympy  # noqa: PLC0415

    known: dict[Any, Any] = {}

    def visit(part: Any) -> Any:
        if not part.args:
            return table.get(part, part)
        if part not in known:
            if isinstance(part, sympy.Piecewise):
                known[part] = piecewise([(visit(v), visit(c)) for v, c in part.args])
            elif isinstance(part, sympy.core.relational.Relational):
                known[part] = part.func(*map(visit, part.args), evaluate=False)
            elif isinstance(part, sympy.exp):
                known[part] = exp_form(visit(part.args[0]))
            else:
                known[part] = part.func(*map(visit, part.args))
        return known[part]

    return visit(expression)


def rebuilt(expression: Any, joined: Callable[[Any, list[Any]], Any]) -> Any:
    """Return an expression whose parts have been made anew, from the innermost outwards.

    Parameters
    ----------
    expression : sympy.Expr
        An expression. Conditions stay as they are.
    joined : callable
        Takes a part and its arguments, which have been made anew, and returns what takes its place.
        A ``Piecewise`` is put together as :func:`piecewise` does.
    """
    import sympy  # noqa: PLC0415

    known: dict[Any, Any] = {}

    def visit(part: Any) -> Any:
        if not part.args or part.is_Relational or part.is_Boolean:
            return part
        if part not in known:
            if isinstance(part, sympy.Piecewise):
                known[part] = piecewise([(visit(value), when) for value, when in part.args])
            else:
                known[part] = joined(part, [visit(own) for own in part.args])
        return known[part]

    return visit(expression)


@dataclass(frozen=True)
class _Node:
    """A value of the network, ``(expression - shift) / scale``.

    Attributes
    ----------
    expression : sympy.Expr
        What edges are written in.
    shift, scale : float
        From the expression to the node; 0 and 1 for a constant one.
    """

    expression: Any
    shift: float = 0.0
    scale: float = 1.0


class _Builder:
    def __init__(
        self,
        names: Sequence[str],
        inline: bool,
        constants: Constants,
        table: TableEncoder | None = None,
    ) -> None:
        import sympy  # noqa: PLC0415

        self.sympy = sympy
        self.inputs = tuple(sympy.Symbol(name) for name in names)
        self.table = None if table is None else TableTerms(table, self.inputs)
        self.inline = inline
        self.constants = constants
        self.steps: list[tuple[Any, Any]] = []
        self.scaling: Scaling | None = None
        self._taken = set(names)

    def number(self, value: float) -> Any:
        """Return a number; whole ones are integers, which disappear where they are 0 or 1."""
        value = float(value)
        whole = value.is_integer() and abs(value) < 1e6
        return self.sympy.Integer(int(value)) if whole else self.sympy.Float(value)

    def constant(self, parts: Sequence[Any], reach: float = 0.0) -> Any:
        """Return the sum of constants, 0 if it is nothing but rounding.

        Parameters
        ----------
        parts : sequence of sympy.Expr
            The constants.
        reach : float, default=0.0
            Size of what the sum is added to.
        """
        total = self.sympy.Add(*parts)
        size = reach + sum(abs(float(own)) for own in parts)
        if total.is_Float and abs(float(total)) <= ROUNDING * size:
            return self.sympy.S.Zero
        return total

    def sum(self, terms: Sequence[Any]) -> Any:
        """Return the sum of terms, without a constant that is nothing but rounding."""
        split = [own.as_coeff_Add() for own in terms]
        constant = self.constant([own for own, _ in split])
        return self.sympy.Add(*(rest for _, rest in split), constant)

    def step(self, name: str, expression: Any) -> Any:
        """Return what stands for an expression: a symbol of its own, or the expression itself."""
        if self.inline or not expression.args:
            return expression
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        self.steps.append((self.sympy.Symbol(name), expression))
        return self.steps[-1][0]

    def input_nodes(self, network: Network) -> list[_Node]:
        """Return the inputs with their scaling."""
        nodes = []
        self.scaling = scaling = network.scaling
        for i in range(network.shape[0]):
            symbol = self.inputs[i] if self.table is None else self.table.symbol_of_input(i)
            shift, scale = float(scaling.input_shift[i]), float(scaling.input_scale[i])
            if not np.isfinite(scale):
                nodes.append(_Node(self.sympy.S.Zero))
            elif abs(shift) <= MAX_OFFSET * scale and SMALL_UNIT <= scale <= 1.0 / SMALL_UNIT:
                nodes.append(_Node(symbol, shift, scale))
            else:
                with self._undistributed():
                    scaled = (symbol - self.number(shift)) / self.number(scale)
                nodes.append(_Node(self.step(f"z{i}", scaled)))
        return nodes

    def _undistributed(self) -> Any:
        """Keep SymPy from multiplying numbers into sums, which would cost digits."""
        from sympy.core.parameters import distribute  # noqa: PLC0415

        return distribute(False)

    def layer(
        self,
        depth: int,
        layer: Layer,
        nodes: Sequence[_Node],
        factors: FloatArray,
        shifts: FloatArray,
    ) -> list[Any]:
        """Return the subnodes of a layer, their edges multiplied by `factors`, plus `shifts`."""
        sums: list[list[Any]] = [[self.number(shift)] for shift in shifts]
        pieces = Pieces(layer)
        lines = [layer.straight(i) for i in range(layer.n_in)]

        def term(i: int, j: int) -> Any:
            node, factor, line = nodes[i], float(factors[j]), lines[i]
            edge = layer.symbols.get((i, j))
            if node.expression.is_number:
                # Of a constant argument SymPy would try to decide the cases.
                x = np.full((1, layer.n_in), float(node.expression))
                return self.number(factor * layer.edge_values(x)[0, i, j])
            if edge is not None:
                exact = [self.constants.get((depth, i, j, k)) for k in range(4)]
                return self.symbolic(edge, exact, node, factor, layer.grid.reach[i])
            if line is not None:
                slope = factor * float(line[1][j]) / node.scale
                start = factor * float(line[0][j]) - slope * node.shift
                return self.number(slope) * node.expression + self.number(start)
            return self.spline(layer, pieces, i, j, node, factor)

        table = self.table if depth == 0 else None
        for i, j in np.argwhere(layer.active).tolist():
            if table is None or not table.has_cases(i):
                sums[j].append(term(i, j))
        for j, own in self.cases(table, layer, factors, term) if table else ():
            sums[j].append(own)
        return [self.sum(terms) for terms in sums]

    def cases(
        self,
        table: TableTerms,
        layer: Layer,
        factors: FloatArray,
        term: Callable[[int, int], Any],
    ) -> Iterator[tuple[int, Any]]:
        """Yield subnodes, and what columns with levels or gaps add to them."""
        assert self.scaling is not None
        true = self.sympy.true
        for column, cases, rest in table.cases(layer, self.scaling):
            inputs = table.inputs_of(column)
            for j in np.flatnonzero(layer.active[inputs].any(axis=0)).tolist():
                parts = [(self.number(factors[j] * own[j]), when) for own, when in cases]
                if rest is not None:
                    yield j, piecewise([*parts, (self.number(factors[j] * rest[j]), true)])
                    continue
                # A number: its own edge where there is one, and what it adds that there is one.
                first = int(inputs[0])
                own = term(first, j) if layer.active[first, j] else self.sympy.S.Zero
                with self._undistributed():
                    yield j, piecewise([parts[0], (own + parts[1][0], true)])

    def settled(self, argument: Any, edge: SymbolicEdge, reach: float) -> Any:
        """Return an argument that is on the borders of a function where it is so but for rounding.

        At poles it is NaN, as in the network. A formula that is printed as one expression does
        without it.
        """
        sympy, borders = self.sympy, edge.function.borders
        if not borders.values and not borders.poles:
            return argument
        near = sympy.Float(ROUNDING * _size(edge, reach))
        argument = self.step("u", argument)
        places = [(self.number(own), argument - self.number(own)) for own in borders.values]
        for pole in borders.poles:
            distance = argument - self.number(pole)
            if borders.period is not None:
                period = self.number(borders.period)
                distance -= period * sympy.floor(distance / period + sympy.Rational(1, 2))
            places.append((sympy.nan, distance))
        cases = [
            (own, sympy.LessThan(sympy.Abs(distance), near, evaluate=False))
            for own, distance in places
        ]
        return self.step("v", piecewise([*cases, (argument, sympy.true)]))

    def symbolic(
        self,
        edge: SymbolicEdge,
        exact: Sequence[Any],
        node: _Node,
        factor: float,
        reach: float,
    ) -> Any:
        """Return a symbolic edge; `exact` holds constants that are known exactly, or None."""
        a, b, c, d = (
            self.number(value) if known is None else known
            for value, known in zip(edge.parameters, exact, strict=True)
        )
        inner, rest = node.expression.as_coeff_Add()
        parts = [b, a * inner]
        spread = 0.0
        if node.scale != 1.0 or node.shift != 0.0:
            parts.append(-a * self.number(node.shift / node.scale))
            spread = abs(float(a))
            a = a / self.number(node.scale)
        argument = a * rest + self.constant(parts, spread)
        if not self.inline:
            argument = self.settled(argument, edge, reach)
        function = edge_form(edge.function)(argument)
        return self.number(factor) * c * function + self.number(factor) * d

    def spline(
        self, layer: Layer, pieces: "Pieces", i: int, j: int, node: _Node, factor: float
    ) -> Any:
        """Return a spline edge: polynomials around the middles, lines or constants outside."""
        sympy = self.sympy
        x = node.expression
        orders = np.arange(layer.grid.degree + 1)
        value, slope = pieces.line(i, j)
        if np.isnan(value):
            inner = factor * pieces.taylor(i, j) / node.scale**orders
            middles = node.shift + node.scale * pieces.middles[i]
            borders = node.shift + node.scale * layer.grid.breakpoints[i]
        else:
            # One piece, however many intervals.
            middle = 0.5 * (layer.grid.low[i] + layer.grid.high[i])
            inner = factor * np.array([[value + slope * middle, slope / node.scale]])
            middles = node.shift + node.scale * np.array([middle])
            ends_of_grid = np.array([layer.grid.low[i], layer.grid.high[i]])
            borders = node.shift + node.scale * ends_of_grid
        ends = factor * pieces.ends(i, j) / node.scale ** orders[:2]
        with self._undistributed():
            cases = [(self._polynomial(x, borders[0], ends[0]), borders[0])]
            cases += [
                (self._polynomial(x, middle, own), border)
                for middle, own, border in zip(middles, inner, borders[1:], strict=True)
            ]
            conditions = [
                (value, sympy.StrictLessThan(x, self.number(border), evaluate=False))
                for value, border in cases
            ]
            last = self._polynomial(x, borders[-1], ends[1])
            result = piecewise([*conditions, (last, sympy.true)])
            if layer.base is not None:
                weight = factor * layer.coef[i, -1, j]
                slope = 1.0 / (node.scale * layer.half_span[i])
                u = self.number(slope) * (x - self.number(borders[0])) - 1
                result += self.number(weight) * edge_form(layer.base)(u)
        return result

    def _polynomial(self, x: Any, centre: float, coefficients: FloatArray) -> Any:
        """Return a polynomial in ``x - centre``: powers to be read, Horner's form to be run."""
        t = x - self.number(centre)
        numbers = [self.number(value) for value in coefficients]
        if self.inline:
            return self.sympy.Add(*(number * t**p for p, number in enumerate(numbers)))
        result = numbers[-1]
        for number in numbers[-2::-1]:
            result = number + t * result
        return result


def _size(edge: SymbolicEdge, reach: float) -> float:
    """Return the size of what an edge's argument is computed from."""
    a, b = edge.parameters[:2]
    return float(abs(a) * reach + abs(b))


def _base_form(name: str) -> Callable[[Any], Any] | None:
    import sympy  # noqa: PLC0415

    forms: dict[str, Callable[[Any], Any]] = {
        "identity": lambda u: u,
        "silu": lambda u: u / (1 + sympy.exp(-u)),
        "tanh": sympy.tanh,
        "sin": sympy.sin,
    }
    return forms.get(name)


def edge_form(function: Any) -> Callable[[Any], Any]:
    """Return what turns a SymPy expression into a function of it.

    Parameters
    ----------
    function : Symbol or BaseFunction
        A function of an edge.

    Raises
    ------
    ValueError
        If the function has no SymPy form.
    """
    if isinstance(function, Symbol):
        return function.expression
    form = _base_form(function.name)
    if form is None:
        raise ValueError(
            f"the edge function {function.name!r} has no SymPy form; use a function of "
            "skkan.symbolic, or a SymPy expression."
        )
    return form


def build_program(
    network: Network,
    names: Sequence[str],
    link: str | None = None,
    inline: bool = False,
    constants: Constants | None = None,
    table: TableEncoder | None = None,
) -> Program:
    """Write a network as SymPy assignments.

    Parameters
    ----------
    network : Network
        The network; edges may be splines, symbolic or inactive, nodes sums or products.
    names : sequence of str
        One name per input.
    link : {None, "binary", "multinomial", "log"}, default=None
        Turns the outputs into class probabilities, or logarithms into what they are of.
    inline : bool, default=False
        Whether to leave out the steps and write all into the outputs.
    constants : mapping of (layer, i, j, k) to sympy.Expr, optional
        Exact values of parameters of symbolic edges, ``k`` counting ``a, b, c, d``.
    table : TableEncoder, optional
        How columns with levels or gaps become inputs; then `names` are those of the columns.

    Returns
    -------
    program : Program
        In the units of the data.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan import KANRegressor
    >>> from skkan.symbolic.export._program import build_program
    >>> X = np.linspace(0.0, 1.0, 50)[:, None]
    >>> model = KANRegressor((), grid_size=1, alpha=1e-12).fit(X, 2.0 * X[:, 0])
    >>> program = build_program(model.network_, ["x"])
    >>> len(program.outputs), round(float(program.outputs[0].subs("x", 0.25)), 4)
    (1, 0.5)
    """
    builder = _Builder(names, inline, constants or {}, table)
    nodes = builder.input_nodes(network)
    last = len(network.layers) - 1
    scaling = network.scaling
    outputs: list[Any] = []
    for depth, layer in enumerate(network.layers):
        if depth == last:
            factors, shifts = scaling.output_scale, scaling.output_shift
            outputs = builder.layer(depth, layer, nodes, factors, shifts)
            break
        ones, zeros = np.ones(layer.n_subnodes), np.zeros(layer.n_subnodes)
        sums = builder.layer(depth, layer, nodes, ones, zeros)
        nodes, start = [], 0
        for j, arity in enumerate(layer.arities):
            product = builder.sympy.Mul(*sums[start : start + arity])
            nodes.append(_Node(builder.step(f"h{depth + 1}_{j}", product)))
            start += arity
    if link == "log":
        outputs = [builder.sympy.exp(output) for output in outputs]
    elif link is not None:
        outputs = _probabilities(builder, outputs, link)
    texts = frozenset() if builder.table is None else builder.table.texts
    return Program(builder.inputs, builder.steps, outputs, texts)


def _probabilities(builder: _Builder, outputs: Sequence[Any], link: str) -> list[Any]:
    """Return class probabilities, in a form in which nothing overflows but to infinity."""
    scores = [builder.step(f"score{k}", output) for k, output in enumerate(outputs)]
    if link == "binary":
        return [1 / (1 + exp_form(scores[0])), 1 / (1 + exp_form(-scores[0]))]
    return [1 / builder.sympy.Add(*(exp_form(other - own) for other in scores)) for own in scores]
