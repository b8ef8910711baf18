"""What a search is asked for: shapes of networks, functions, time, units and conditions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from skkan._typing import FloatArray
from skkan.network._hidden_layers import LayerSize, parsed, written
from skkan.network._network import Network
from skkan.objective._penalties import Penalty
from skkan.symbolic.library._symbol import Symbol
from skkan.symbolic.scaling._units import Units
from skkan.training._progress import Progress

AUTO_SHAPES: tuple[tuple[LayerSize, ...], ...] = (
    (),
    (1,),
    ((0, 1),),
    (2,),
    (3,),
    (2, 1),
)

Shape = tuple[Any, ...]


class FittedParts(Protocol):
    """What the search asks of what a fit leaves behind."""

    @property
    def penalty(self) -> Penalty:
        """Penalty of the fit."""


class NetworkModel(Protocol):
    """What the search asks of the estimator that fits its networks."""

    hidden_layer_sizes: Any
    grid_size: Any
    network_: Network
    n_iter_: int
    _state: FittedParts

    def _fit(self, X: Any, y: Any, weight: Any, *, go_on: bool, progress: Progress) -> Any: ...

    def predict(self, X: Any) -> FloatArray:
        """Return the outputs."""

    def prune(self, node_threshold: float, edge_threshold: float) -> Self:
        """Return a copy without nodes and edges of low score."""


@dataclass(frozen=True)
class SearchSettings:
    """What to search for, and where.

    Attributes
    ----------
    shapes : sequence of tuple
        `hidden_layer_sizes` of the networks, the simplest first.
    symbols : sequence of Symbol
        Functions for the edges.
    names : sequence of str
        Names of the inputs, valid in formulas.
    model : NetworkModel
        Not fitted; what the networks have in common.
    weight_simple, tolerance, divide, max_time, model_selection
        As for `KANSymbolicRegressor`.
    units : Units, optional
        Units of the columns, with which formulas must be consistent.
    conditions : sequence of (str, str)
        Names of columns and what formulas must satisfy in them.
    n_jobs : int, optional
        Number of processes for attempts with networks.
    """

    shapes: Sequence[Shape]
    symbols: Sequence[Symbol]
    names: Sequence[str]
    model: NetworkModel
    weight_simple: float
    tolerance: float
    divide: bool
    max_time: float
    model_selection: str
    units: Units | None = None
    conditions: Sequence[tuple[str, str]] = ()
    n_jobs: int | None = None


def parsed_shapes(hidden_layer_sizes: Any) -> list[tuple[LayerSize, ...]]:
    """Return shapes of networks, as `KANSymbolicRegressor` takes them.

    Raises
    ------
    ValueError
        If there is none, or one of them is no shape.

    Examples
    --------
    >>> from skkan.symbolic.search._settings import parsed_shapes
    >>> parsed_shapes([(), [2]])
    [(), (2,)]
    """
    if isinstance(hidden_layer_sizes, str):
        return list(AUTO_SHAPES)
    shapes = []
    for own in hidden_layer_sizes:
        try:
            shapes.append(written(parsed(own)))
        except (TypeError, ValueError) as error:
            raise ValueError(
                "hidden_layer_sizes must be 'auto' or a list of shapes such as "
                f"[(), (2,), ((0, 1),)], got {hidden_layer_sizes!r}: {own!r} is no shape, "
                "which is a sequence with an entry per hidden layer, a number of sum nodes or "
                "a pair of numbers of sum and product nodes."
            ) from error
    if not shapes:
        raise ValueError("hidden_layer_sizes must hold at least one shape, got an empty list.")
    return shapes
