"""Edges of a network by layer, input node and subnode; by name where nodes have names."""

from collections.abc import Sequence
from typing import Any

from skkan.network._hidden_layers import is_integer
from skkan.network._network import Network


def check_edge(network: Network, layer: int, i: int, j: int) -> None:
    """Raise an error unless there is such an edge, active or not."""
    n_layers = len(network.layers)
    _check_index("layer", layer, n_layers, f"the network has {n_layers} layers of edges")
    own = network.layers[layer]
    _check_index("i", i, own.n_in, f"layer {layer} has {own.n_in} input nodes")
    _check_index("j", j, own.n_subnodes, f"layer {layer} leads to {own.n_subnodes} subnodes")


def edge_index(
    network: Network,
    edge: tuple[Any, Any, Any],
    columns: Sequence[str],
    labels: Sequence[Any] | None,
) -> tuple[int, int, int]:
    """Return an edge as three numbers.

    Parameters
    ----------
    network : Network
        The network.
    edge : tuple (layer, i, j)
        In the first layer `i` may be the name of a column, in the last `j` the label of a class.
    columns : sequence of str
        Names of the columns.
    labels : sequence or None
        Classes of a classifier. The only output of two classes belongs to the second.

    Raises
    ------
    ValueError
        If there is no such edge, name or label.
    """
    layer, i, j = edge
    if isinstance(i, str):
        if layer != 0:
            raise ValueError(
                f"i={i!r} names a column, but only layer 0 starts at columns, got layer={layer!r}. "
                "Use the number of the node."
            )
        i = _position("i", i, [str(name) for name in columns], "columns")
    if isinstance(j, str):
        if layer != len(network.layers) - 1 or labels is None:
            raise ValueError(
                f"j={j!r} names a class, but layer {layer!r} does not lead to classes. Use the "
                "number of the subnode."
            )
        n_outputs = network.shape[-1]
        j = _position("j", j, [str(label) for label in labels[-n_outputs:]], "outputs")
    check_edge(network, layer, i, j)
    return layer, i, j


def _position(argument: str, name: str, names: Sequence[str], what: str) -> int:
    found = [number for number, own in enumerate(names) if own == name]
    if len(found) != 1:
        state = "is not among" if not found else "is not unique among"
        shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        raise ValueError(f"{argument}={name!r} {state} the {what}: {shown}.")
    return found[0]


def _check_index(name: str, value: Any, count: int, fact: str) -> None:
    if not is_integer(value, 0) or value >= count:
        raise ValueError(f"{name}={value!r} does not exist: {fact}, counted from 0.")
