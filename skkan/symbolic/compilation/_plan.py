"""Nodes, layers and edges of a network that is a given formula.

A formula is taken apart from the outside: a sum is a subnode, a term of it an edge, what stands
inside the edge's function a node of the layer before, and a product a node with one subnode per
factor. Whatever depends on one node only, however long, is a single edge.

References
----------
Z. Liu et al., "KAN 2.0: Kolmogorov-Arnold Networks Meet Science", arXiv:2408.10205, section 4.2.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sympy

from skkan.symbolic.library._symbol import Symbol
from skkan.symbolic.library._symbols import LIBRARY
from skkan.symbolic.library._user_symbols import user_symbol

Z = sympy.Dummy("z", real=True)


@dataclass(frozen=True)
class PlannedEdge:
    """An edge ``c f(a u + b) + d`` from the node ``u``."""

    node: Any
    symbol: Symbol
    parameters: tuple[float, float, float, float]


Subnode = list[PlannedEdge]


@dataclass
class Plan:
    """What a network consists of.

    Attributes
    ----------
    layers : list of list
        Expressions of the nodes, from the inputs to the output.
    subnodes : list of list of list of Subnode
        For every layer after the inputs, the subnodes of each of its nodes.
    """

    layers: list[list[Any]]
    subnodes: list[list[list[Subnode]]]


def plan(expression: Any, inputs: Iterable[Any]) -> Plan:
    """Return the plan of a formula that depends on at least one of the inputs.

    Raises
    ------
    ValueError
        If a part of the formula is neither a sum, nor a product, nor a function of one variable.
    """
    inputs = list(inputs)
    nodes: dict[Any, list[Subnode]] = {}
    depth = dict.fromkeys(inputs, 0)

    def place(node: Any) -> int:
        if node not in depth:
            nodes[node] = _subnodes(node)
            depth[node] = 1 + max(place(own) for own in _sources(nodes[node]))
        return depth[node]

    output = [_sum(expression)]
    n_layers = 1 + max(place(own) for own in _sources(output))
    # A node is carried on to the last layer before the ones that use it.
    last = dict.fromkeys(depth, 0)
    for node, own in nodes.items():
        for source in _sources(own):
            last[source] = max(last[source], depth[node] - 1)
    for source in _sources(output):
        last[source] = max(last[source], n_layers - 1)
    layers, subnodes = [inputs], []
    for level in range(1, n_layers):
        here = [node for node in depth if depth[node] <= level <= last[node]]
        made = {node: nodes[node] if depth[node] == level else [_carried(node)] for node in here}
        here.sort(key=lambda node: len(made[node]))
        layers.append(here)
        subnodes.append([made[node] for node in here])
    return Plan([*layers, [expression]], [*subnodes, [output]])


def _sources(subnodes: Iterable[Subnode]) -> set[Any]:
    return {edge.node for own in subnodes for edge in own}


def _carried(node: Any) -> Subnode:
    return [PlannedEdge(node, LIBRARY["x"], (1.0, 0.0, 1.0, 0.0))]


def _subnodes(node: Any) -> list[Subnode]:
    """Return the sums whose product a node is."""
    if not isinstance(node, sympy.Mul):
        return [_sum(node)]
    factors: dict[Any, Any] = {}
    for factor in node.args:
        free = factor.free_symbols
        # All factors that depend on one and the same column are one.
        key = next(iter(free)) if len(free) == 1 else factor
        factors[key] = factors.get(key, sympy.S.One) * factor
    return [_sum(factor) for factor in factors.values()]


def _sum(expression: Any) -> Subnode:
    """Return an expression as a sum of functions of single nodes."""
    by_node: dict[Any, Any] = {}
    constant, rest = expression.as_independent(*expression.free_symbols, as_Add=True)
    for term in sympy.Add.make_args(rest):
        function, node = _function_of_node(term)
        by_node[node] = by_node.get(node, sympy.S.Zero) + function
    edges = [_edge(node, function) for node, function in by_node.items()]
    a, b, c, d = edges[0].parameters
    edges[0] = PlannedEdge(edges[0].node, edges[0].symbol, (a, b, c, d + float(constant)))
    return edges


def _function_of_node(term: Any) -> tuple[Any, Any]:
    """Return a function of ``Z`` and the node that it is a function of."""
    free = term.free_symbols
    if len(free) == 1:
        (node,) = free
        return term.subs(node, Z), node
    factor, rest = term.as_independent(*free, as_Add=False)
    if isinstance(rest, sympy.Mul):
        return factor * Z, rest
    if isinstance(rest, sympy.Pow) and rest.exp.free_symbols:
        rest = sympy.exp(rest.exp * sympy.log(rest.base), evaluate=False)
    inner = [own for own in rest.args if own.free_symbols]
    if len(inner) != 1 or isinstance(rest, sympy.Piecewise):
        raise ValueError(
            f"{rest} cannot be part of a network: it is neither a sum, nor a product, nor a "
            "function of one variable."
        )
    shift, moved = inner[0].as_independent(*free, as_Add=True)
    scale, node = moved.as_independent(*free, as_Add=False)
    if isinstance(node, sympy.Add) or scale == 0:
        scale, node = sympy.S.One, moved
    argument = scale * Z + shift
    return factor * rest.func(*[argument if own == inner[0] else own for own in rest.args]), node


def _edge(node: Any, function: Any) -> PlannedEdge:
    """Return the edge of a function of ``Z``, with a function of the library if possible."""
    constant, rest = function.as_independent(Z, as_Add=True)
    factor, core = rest.as_independent(Z, as_Add=False)
    for argument in _linear_parts(core):
        for symbol in LIBRARY.values():
            if symbol.name != "0" and symbol.expression(argument) == core:
                a, b = map(float, sympy.Poly(argument, Z).all_coeffs())
                return PlannedEdge(node, symbol, (a, b, float(factor), float(constant)))
    made = user_symbol(str(core).replace(str(Z), "z"), core)
    return PlannedEdge(node, made, (1.0, 0.0, float(factor), float(constant)))


def _linear_parts(core: Any) -> list[Any]:
    """Return the arguments that are linear in ``Z``, the longest first."""
    found = [
        own
        for own in sympy.preorder_traversal(core)
        if own.has(Z) and own.is_polynomial(Z) and sympy.degree(own, Z) == 1
    ]
    return found or [Z]
