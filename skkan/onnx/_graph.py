"""A graph of ONNX operators under construction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

# Names of values in the graph, or constants.
Operand = Any


@dataclass(frozen=True)
class Node:
    """One operator: its kind, the names of what it takes and gives, and its attributes."""

    kind: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]


class Graph:
    """Operators in the order of their evaluation, and the constants they use.

    Parameters
    ----------
    dtype : dtype
        Precision of the numbers: ``float64`` or ``float32``.

    Examples
    --------
    >>> from skkan.onnx._graph import Graph
    >>> graph = Graph("float64")
    >>> graph.add("Mul", "x", 2.0)
    'skkan_v0'
    >>> [node.kind for node in graph.nodes], list(graph.constants.values())
    (['Mul'], [array(2.)])
    """

    def __init__(self, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self.nodes: list[Node] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self._known: dict[tuple[Any, ...], str] = {}

    @property
    def number(self) -> int:
        """Number by which ONNX knows the graph's precision."""
        return 11 if self.dtype == np.float64 else 1

    def add(self, kind: str, *operands: Operand, **attributes: Any) -> str:
        """Append an operator and return the name of what it gives.

        Parameters
        ----------
        kind : str
            Name of an ONNX operator.
        *operands : str, float or ndarray
            Names of values, and constants; floating ones are stored in the graph's precision.
        **attributes : object
            Of the operator.
        """
        names = tuple(own if isinstance(own, str) else self.constant(own) for own in operands)
        output = f"skkan_v{len(self.nodes)}"
        self.nodes.append(Node(kind, names, output, attributes))
        return output

    def constant(self, value: Any) -> str:
        """Return the name of a constant, which is stored once."""
        array = np.asarray(value)
        if array.dtype.kind == "f":
            array = array.astype(self.dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = f"skkan_c{len(self.constants)}"
            self.constants[self._known[key]] = array
        return self._known[key]

    def sum(self, operands: Sequence[Operand]) -> str:
        """Return the sum of operands, of which there is at least one name."""
        return self.folded("Add", operands)

    def product(self, operands: Sequence[Operand]) -> str:
        """Return the product of operands, of which there is at least one name."""
        return self.folded("Mul", operands)

    def folded(self, kind: str, operands: Sequence[Operand]) -> str:
        """Return operands joined by an operator of two, one after the other."""
        result = operands[0]
        for own in operands[1:]:
            result = self.add(kind, result, own)
        return result if isinstance(result, str) else self.constant(result)

    def rational(self, x: str, above: Sequence[float], below: Sequence[float]) -> str:
        """Return the quotient of two polynomials, by their coefficients, the highest first."""
        return self.add("Div", self.polynomial(x, above), self.polynomial(x, below))

    def polynomial(self, x: str, coefficients: Sequence[float]) -> str:
        """Return a polynomial by its coefficients, the highest first, in Horner's form."""
        result: Operand = float(coefficients[0])
        for own in coefficients[1:]:
            result = self.add("Add", self.add("Mul", result, x), float(own))
        return str(result)
