"""Edges of a network by layer, input node and subnode."""

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


def _check_index(name: str, value: Any, count: int, fact: str) -> None:
    if not is_integer(value, 0) or value >= count:
        raise ValueError(f"{name}={value!r} does not exist: {fact}, counted from 0.")
