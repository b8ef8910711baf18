"""The solver's parameters and data, checked."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skkan._typing import FloatArray
from skkan.network._hidden_layers import Arities, is_integer, parsed
from skkan.pde.problem._domain import Domain, pair_of_numbers
from skkan.pde.problem._statement import Statement
from skkan.pde.training._options import Options

# Hidden nodes and grids where none are asked for, with one variable and with more.
DEFAULT_WIDTH = 5
ONE_VARIABLE_GRIDS, GRIDS, TENSOR_GRIDS = (10, 20, 40), (5, 10), (10, 20, 40)


class AsWritten(dict[Any, Any]):
    """A dictionary that is printed in its own order, whatever its keys.

    Printers of scikit-learn sort the keys of dictionaries, and symbols have no order.
    """

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{key!r}: {own!r}" for key, own in self.items()) + "}"


def mapping_of(name: str, value: Any) -> dict[Any, Any]:
    """Return a mapping of symbols or functions, empty for None.

    Raises
    ------
    TypeError
        If it is none.
    """
    if value is None:
        return {}
    if not hasattr(value, "items"):
        raise TypeError(f"{name} must be a dict of SymPy symbols, got {value!r}.")
    return dict(value)


def check_options(solver: Any, domain: Domain) -> None:
    """Check what can be checked before equations are compiled, which can take seconds.

    Raises
    ------
    ValueError
        If parameters of a KANSolver make no sense.
    TypeError
        If they are of another kind.
    """
    one = domain.n_variables == 1
    for symbol, start in mapping_of("parameters", solver.parameters).items():
        positive = bool(getattr(symbol, "is_positive", False))
        if not np.isfinite(float(start)) or (positive and float(start) <= 0.0):
            raise ValueError(
                f"parameters[{symbol}]={start} must be finite, and positive if the symbol is."
            )
    if solver.n_products is not None and one:
        raise ValueError("n_products needs several variables; with one, leave it out.")
    if isinstance(solver.n_products, str) and not (domain.is_box and domain.n_variables <= 3):
        raise ValueError(
            'n_products="all" needs a box of two or three variables; give a number of products, or '
            "hidden_layer_sizes."
        )
    _arities(solver.hidden_layer_sizes, one)
    _arities(solver.function_hidden_layer_sizes, one)
    _grid_sizes(solver.grid_size, one)
    _path(solver.continuation)
    if solver.marching is not None:
        marching_variable(solver.marching, domain)


def options_of(solver: Any, statement: Statement) -> Options:
    """Return how to solve, from the parameters of a KANSolver that have been checked.

    Raises
    ------
    ValueError
        If they make no sense.
    """
    one = statement.domain.n_variables == 1
    order = statement.max_order
    if order >= solver.degree:
        raise ValueError(
            f"degree={solver.degree} is too low for derivatives of order {order}: it must be "
            f"{order + 1} at least, for them to be continuous."
        )
    starts = mapping_of("parameters", solver.parameters)
    arities = _arities(solver.hidden_layer_sizes, one)
    tensor = isinstance(solver.n_products, str)
    if solver.n_products is not None and not tensor:
        arities = ((statement.domain.n_variables,) * int(solver.n_products),)
    return Options(
        arities=arities,
        separable=solver.n_products is not None and not tensor,
        tensor=tensor,
        marching=None
        if solver.marching is None
        else marching_variable(solver.marching, statement.domain),
        grid_sizes=_grid_sizes(solver.grid_size, one, tensor),
        degree=int(solver.degree),
        n_restarts=int(solver.n_restarts),
        max_iter=int(solver.max_iter),
        tol=float(solver.tol),
        n_points=solver.n_points,
        adaptive=bool(solver.adaptive),
        starts=tuple(float(own) for own in starts.values()),
        positive=tuple(bool(own.is_positive) for own in starts),
        path=_path(solver.continuation),
        law_arities=_arities(solver.function_hidden_layer_sizes, one),
        law_grid_size=int(solver.function_grid_size),
    )


def _path(continuation: Any) -> tuple[tuple[float, float], ...]:
    mapping = mapping_of("continuation", continuation)
    return tuple(pair_of_numbers(f"continuation[{key}]", own) for key, own in mapping.items())


def _arities(sizes: Any, one: bool) -> Arities:
    if isinstance(sizes, str):
        return () if one else ((1,) * DEFAULT_WIDTH,)
    return parsed(sizes)


def _grid_sizes(grid_size: Any, one: bool, tensor: bool = False) -> tuple[int, ...]:
    if isinstance(grid_size, str):
        if tensor:
            return TENSOR_GRIDS
        return ONE_VARIABLE_GRIDS if one else GRIDS
    sizes = np.atleast_1d(np.asarray(grid_size, dtype=object)).tolist()
    whole = all(is_integer(own) for own in sizes)
    if not sizes or not whole or any(b <= a for a, b in pairwise(sizes)):
        raise ValueError(
            "grid_size must be a positive integer or an increasing sequence of them, got "
            f"{grid_size!r}."
        )
    return tuple(int(own) for own in sizes)


def marching_variable(marching: Any, domain: Domain) -> int:
    """Return the number of the variable along which to march.

    Raises
    ------
    ValueError
        If there is none of that name, or the domain is no box.
    """
    names = [str(own) for own in domain.variables]
    if str(marching) not in names:
        raise ValueError(f"marching={marching!r} is none of the variables {', '.join(names)}.")
    if not domain.is_box:
        raise ValueError("marching needs a box: give neither inside nor points.")
    return names.index(str(marching))


def measurements_of(
    statement: Statement, X: ArrayLike | None, y: ArrayLike | None
) -> tuple[FloatArray, FloatArray] | None:
    """Return points and measurements, of shape (n_samples, n_unknowns), if there are any.

    Raises
    ------
    ValueError
        If they do not fit together, are not finite or lie outside the domain.
    """
    if X is None and y is None:
        return None
    if X is None or y is None:
        raise ValueError("X and y must be given together, points and measurements there.")
    points = points_of(X, statement.domain.n_variables)
    values = np.asarray(y, dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if values.shape != (len(points), statement.n_unknowns):
        raise ValueError(
            f"y must have shape ({len(points)}, {statement.n_unknowns}), a column for every "
            f"unknown; got {np.shape(y)}."
        )
    if np.any(np.isinf(values)) or not np.any(np.isfinite(values)):
        raise ValueError("y must have finite values; NaN stands for what was not measured.")
    outside = ~statement.domain.in_box(points)
    if np.any(outside):
        raise ValueError(f"X has points outside the domain, such as {points[outside][0]}.")
    return points, values


def points_of(X: ArrayLike, n_variables: int) -> FloatArray:
    """Return points, shape (n_samples, n_variables).

    Raises
    ------
    ValueError
        If they have another shape, or are not finite.
    """
    points = np.asarray(X, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != n_variables:
        raise ValueError(
            f"X must have shape (n_samples, {n_variables}), a column for every variable of domain; "
            f"got {points.shape}."
        )
    if not np.all(np.isfinite(points)):
        raise ValueError("X has values that are not finite.")
    return points
