"""A network that is a given formula."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.network._layer import Layer
from skkan.network._network import Network
from skkan.network._scaling import Scaling
from skkan.network.functions._base_functions import BASE_FUNCTIONS
from skkan.network.functions._splines import SplineGrid, uniform_breakpoints
from skkan.network.functions._symbolic_edge import SymbolicEdge

ROOM = 0.25


def parsed_formula(expression: Any, names: Sequence[str]) -> Any:
    """Return a formula as a SymPy expression of the columns.

    Parameters
    ----------
    expression : str or sympy.Expr
        The formula. In a string, names of columns come before SymPy's own, such as ``E``.
    names : sequence of str
        Names of the columns, valid in formulas.

    Raises
    ------
    TypeError
        If `expression` is neither a string nor a SymPy expression.
    ValueError
        If it cannot be read, is not real, depends on no column, or on what is no column.
    """
    import sympy  # noqa: PLC0415

    columns = {name: sympy.Symbol(name, real=True) for name in names}
    if isinstance(expression, str):
        _check_words(expression, columns)
        try:
            expression = sympy.parse_expr(expression, local_dict=dict(columns))
        except (SyntaxError, TypeError, AttributeError, sympy.SympifyError) as error:
            raise ValueError(f"expression {expression!r} is no formula: {error}.") from error
    if not isinstance(expression, sympy.Expr):
        raise TypeError(
            f"expression must be a string or a SymPy expression, got {type(expression).__name__}."
        )
    unknown = sorted({own.name for own in expression.free_symbols} - set(columns))
    if unknown:
        raise ValueError(
            f"expression depends on {unknown}, which are no columns of X; the columns are "
            f"{list(names)}."
        )
    if not expression.free_symbols:
        raise ValueError(f"expression {expression} is constant; it must depend on a column of X.")
    if expression.has(sympy.I):
        raise ValueError(f"expression {expression} is not real.")
    return expression.xreplace({own: columns[own.name] for own in expression.free_symbols})


def _check_words(text: str, columns: Mapping[str, Any]) -> None:
    """Raise an error unless a string is a formula: SymPy's parser would run what else is in it."""
    import sympy  # noqa: PLC0415

    for word in re.findall(r"[^\W\d]\w*", re.sub(r"\d+\.?\d*[eE][+-]?\d+", "1", text)):
        meaning = getattr(sympy, word, None)
        known = isinstance(meaning, sympy.Basic) or (
            isinstance(meaning, type) and issubclass(meaning, sympy.Basic)
        )
        if word not in columns and not known and word not in {"sqrt", "cbrt", "root"}:
            raise ValueError(
                f"expression depends on {word!r}, which is neither a column of X, {list(columns)}, "
                "nor a function of SymPy."
            )
    odd = re.search(r"[^\w\s.+*/^()<>=,&|~!-]|\.\s*[^\W\d]", text)
    if odd:
        raise ValueError(f"expression {text!r} holds {odd[0]!r}, which no formula does.")


def compiled(
    expression: Any,
    names: Sequence[str],
    X: FloatArray,
    grid_size: int,
    degree: int,
    base_function: str = "zero",
) -> Network:
    """Return the smallest network of symbolic edges that is a formula.

    Parameters
    ----------
    expression : sympy.Expr
        As :func:`parsed_formula` returns it.
    names : sequence of str
        Names of the columns.
    X : ndarray of shape (n_samples, n_columns)
        Samples, which tell the ranges of inputs and nodes.
    grid_size, degree : int
        Of the grids on which edges that are turned into splines will be.
    base_function : str, default="zero"
        Of the same edges.

    Raises
    ------
    ValueError
        If the formula cannot be a network, or is not finite at a sample.
    """
    import sympy  # noqa: PLC0415

    from skkan.symbolic.compilation._plan import plan  # noqa: PLC0415

    inputs = [sympy.Symbol(name, real=True) for name in names]
    made = plan(expression, inputs)
    values = [_values(nodes, inputs, X) for nodes in made.layers]
    bad = np.flatnonzero(~np.isfinite(np.hstack(values)).all(axis=1))
    if len(bad):
        raise ValueError(
            f"expression {expression} is not finite at sample {bad[0]} of X. Leave out samples "
            "where it is not defined."
        )
    scaling = _scaling(X, values[-1][:, 0])
    values[0] = scaling.inputs(X)
    base = BASE_FUNCTIONS[base_function] if base_function != "zero" else None
    layers = []
    for level, nodes in enumerate(made.subnodes):
        low, high = values[level].min(axis=0), values[level].max(axis=0)
        if level == 0:
            low, high = -np.ones_like(low), np.ones_like(high)
        # Nodes move when the constants do; a constant node has no range of its own.
        room = np.where(high > low, ROOM * (high - low), 1.0) if level else 0.0
        grid = SplineGrid(uniform_breakpoints(low - room, high + room, grid_size), degree)
        place = {node: i for i, node in enumerate(made.layers[level])}
        edges = {}
        for j, subnode in enumerate(own for node in nodes for own in node):
            for edge in subnode:
                i = place[edge.node]
                own = SymbolicEdge(edge.symbol, np.array(edge.parameters))
                if level == 0:
                    own = own.of_moved_input(*scaling.input_units(i))
                if level == len(made.subnodes) - 1:
                    own = own.scaled(1.0 / float(scaling.output_scale[0]))
                edges[i, j] = own
        arities = [len(node) for node in nodes]
        active = np.zeros((len(place), sum(arities)), dtype=bool)
        for key in edges:
            active[key] = True
        n_features = grid.n_splines + (base is not None)
        coef = np.zeros((len(place), n_features, sum(arities)))
        layers.append(Layer(grid, coef, base, active, edges, arities))
    return Network(layers, scaling)


def _scaling(X: FloatArray, y: FloatArray) -> Scaling:
    """Return a scaling of inputs and output that costs no digits."""
    low, high = X.min(axis=0), X.max(axis=0)
    half = 0.5 * high - 0.5 * low
    half[half < np.finfo(float).tiny] = np.inf
    unit = float(y.std()) or 1.0
    return Scaling(0.5 * low + 0.5 * high, half, np.zeros(1), np.array([unit]))


def _values(nodes: Sequence[Any], inputs: Sequence[Any], X: FloatArray) -> FloatArray:
    """Return the values of nodes at samples."""
    import sympy  # noqa: PLC0415

    function = sympy.lambdify(inputs, list(nodes), modules=["scipy", "numpy"], cse=True)
    with np.errstate(all="ignore"):
        columns = [np.broadcast_to(np.asarray(own), (len(X),)) for own in function(*X.T)]
    table = np.column_stack(columns)
    if np.iscomplexobj(table):
        table = np.where(table.imag == 0.0, table.real, np.nan)
    return table.astype(np.float64)
