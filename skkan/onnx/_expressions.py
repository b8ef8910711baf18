"""SymPy expressions as ONNX operators."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from skkan.onnx._functions import FUNCTIONS
from skkan.onnx._graph import Graph

# Whole powers up to this one are products.
LARGEST_PRODUCT = 8
_FOLDED = {"Add": "Add", "Max": "Max", "Min": "Min", "And": "And", "Or": "Or"}
_RELATIONS = {
    "StrictLessThan": "Less",
    "LessThan": "LessOrEqual",
    "StrictGreaterThan": "Greater",
    "GreaterThan": "GreaterOrEqual",
    "Equality": "Equal",
}


class ExpressionWriter:
    """Writes expressions into a graph, every part of them once.

    Parameters
    ----------
    graph : Graph
        The graph.
    values : mapping of sympy.Symbol to str
        What the symbols stand for.

    Examples
    --------
    >>> import sympy
    >>> from skkan.onnx._expressions import ExpressionWriter
    >>> from skkan.onnx._graph import Graph
    >>> x, graph = sympy.Symbol("x"), Graph("float64")
    >>> ExpressionWriter(graph, {x: "X"}).write(sympy.sin(x) + 1)
    'skkan_v1'
    >>> [node.kind for node in graph.nodes]
    ['Sin', 'Add']
    """

    def __init__(self, graph: Graph, values: Mapping[Any, str]) -> None:
        self._graph = graph
        self._known: dict[Any, str] = dict(values)

    def write(self, expression: Any) -> str:
        """Return the name of an expression's value.

        Raises
        ------
        ValueError
            If it holds a function that ONNX has no operators for.
        """
        if expression not in self._known:
            self._known[expression] = self._written(expression)
        return self._known[expression]

    def _written(self, part: Any) -> str:
        if part.is_number and not part.is_Relational and not part.is_Boolean:
            return self._graph.constant(np.float64(part))
        kind = type(part).__name__
        if kind in _FOLDED:
            return self._graph.folded(_FOLDED[kind], [self.write(own) for own in part.args])
        if kind in _RELATIONS:
            return self._graph.add(_RELATIONS[kind], *map(self.write, part.args))
        forms = {"Mul": self._product, "Pow": self._power, "Piecewise": self._cases}
        if kind in forms:
            return forms[kind](*part.args)
        return self._function(kind, part)

    def _function(self, kind: str, part: Any) -> str:
        if kind == "besselj" and part.args[0] == 0:
            return FUNCTIONS["j0"](self._graph, self.write(part.args[1]))
        if kind not in FUNCTIONS or len(part.args) != 1:
            raise ValueError(
                f"ONNX has no operators for {part}. Make the edge a spline with unfix_symbolic."
            )
        return FUNCTIONS[kind](self._graph, self.write(part.args[0]))

    def _product(self, *factors: Any) -> str:
        above: list[Any] = []
        below: list[Any] = []
        for own in factors:
            inverse = own.is_Pow and own.exp.is_Rational and own.exp < 0
            (below if inverse else above).append(1 / own if inverse else own)
        if not below:
            return self._graph.product([self.write(own) for own in above])
        top: Any = self._graph.product([self.write(own) for own in above]) if above else 1.0
        return self._graph.add("Div", top, self._graph.product([self.write(b) for b in below]))

    def _power(self, base: Any, exponent: Any) -> str:
        graph = self._graph
        if exponent.is_Rational and exponent < 0:
            return graph.add("Div", 1.0, self.write(base**-exponent))
        if not exponent.is_Rational or exponent.q > 2 or exponent > LARGEST_PRODUCT:
            return graph.add("Pow", self.write(base), self.write(exponent))
        inner = self.write(base)
        factors = [inner] * (exponent.p // exponent.q)
        if exponent.q == 2:
            factors.append(graph.add("Sqrt", inner))
        return graph.product(factors)

    def _cases(self, *cases: Any) -> str:
        result: Any = np.array(np.nan)
        for value, condition in reversed(cases):
            if condition == True:  # noqa: E712 - SymPy's own truth
                result = self.write(value)
            else:
                result = self._graph.add("Where", self.write(condition), self.write(value), result)
        return str(result)
