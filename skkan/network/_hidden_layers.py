"""The parameter `hidden_layer_sizes`: which sum and product nodes the hidden layers have.

The *arities* of a layer are the numbers of factors of its nodes, 1 for a sum node.
"""

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np

Arities = tuple[tuple[int, ...], ...]
LayerSize = int | tuple[int, int | tuple[int, ...]]
DEFAULT_ARITY = 2


def is_integer(value: Any, least: int = 1) -> bool:
    """Return whether `value` is an integer, and no boolean, of at least `least`."""
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= least


def parsed(hidden_layer_sizes: Any) -> Arities:
    """Return the arities of every hidden layer, sum nodes first.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like
        A number of sum nodes, or an entry per layer: such a number, or a pair of a number of sum
        nodes and either a number of products of two or a sequence of arities.

    Raises
    ------
    ValueError
        If an entry cannot be read as that.
    """
    if isinstance(hidden_layer_sizes, Integral):
        hidden_layer_sizes = (hidden_layer_sizes,)
    layers = [_layer(entry) for entry in hidden_layer_sizes]
    for entry, own in zip(hidden_layer_sizes, layers, strict=True):
        if not own:
            raise ValueError(
                "hidden_layer_sizes must hold, for every hidden layer, a positive integer or a "
                "pair (n_sums, n_products) or (n_sums, (arity, ...)) with at least one node and "
                f"arities of at least 2; got the entry {entry!r} in {hidden_layer_sizes!r}. "
                "Use () for the additive model."
            )
    return tuple(layers)


def _layer(entry: Any) -> tuple[int, ...]:
    """Return the arities that an entry asks for; none if it makes no sense."""
    if is_integer(entry):
        return (1,) * int(entry)
    if not _is_sequence(entry) or len(entry) != 2:
        return ()
    n_sums, products = entry
    if is_integer(products, 0):
        products = (DEFAULT_ARITY,) * int(products)
    if not is_integer(n_sums, 0) or not _is_sequence(products):
        return ()
    if not all(is_integer(arity, DEFAULT_ARITY) for arity in products):
        return ()
    return (1,) * int(n_sums) + tuple(int(arity) for arity in products)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim > 0)


def written(arities: Iterable[Sequence[int]]) -> tuple[LayerSize, ...]:
    """Return the shortest `hidden_layer_sizes` that ask for these nodes.

    Parameters
    ----------
    arities : iterable of sequence of int
        Arities of every hidden layer.
    """
    sizes: list[LayerSize] = []
    for own in arities:
        products = tuple(arity for arity in own if arity > 1)
        n_sums = len(own) - len(products)
        if not products:
            sizes.append(n_sums)
        elif set(products) == {DEFAULT_ARITY}:
            sizes.append((n_sums, len(products)))
        else:
            sizes.append((n_sums, products))
    return tuple(sizes)


def written_shape(shape: Sequence[int], arities: Iterable[Sequence[int]]) -> tuple[LayerSize, ...]:
    """Return numbers of nodes from the inputs to the outputs, hidden layers as `written`."""
    return (shape[0], *written(arities), shape[-1])
