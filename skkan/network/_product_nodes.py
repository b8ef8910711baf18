"""Product nodes: what turns the sums of a layer into its nodes.

References
----------
Z. Liu et al., "KAN 2.0: Kolmogorov-Arnold Networks Meet Science", arXiv:2408.10205, section 3.1.
"""

from collections.abc import Sequence

import numpy as np

from skkan._typing import FloatArray


class ProductNodes:
    """Nodes that are products of consecutive subnodes, of a single one in the case of a sum node.

    Parameters
    ----------
    arities : sequence of int
        Number of subnodes of every node.

    Attributes
    ----------
    owner : ndarray of int of shape (n_subnodes,)
        Node that every subnode belongs to.
    """

    def __init__(self, arities: Sequence[int]) -> None:
        self.owner = np.repeat(np.arange(len(arities)), arities)
        self._starts = np.cumsum([0, *arities[:-1]])
        self._factors = [
            slice(int(start), int(start + arity))
            for start, arity in zip(self._starts, arities, strict=True)
            if arity > 1
        ]

    def values(self, subnodes: FloatArray) -> FloatArray:
        """Return the nodes, shape (n_samples, n_nodes)."""
        return np.multiply.reduceat(subnodes, self._starts, axis=1)

    def partials(self, subnodes: FloatArray) -> FloatArray:
        """Return the derivative of every subnode's node with respect to it, shape of `subnodes`.

        They are products of the other factors and never quotients, so that factors may be zero.
        """
        partials = np.ones_like(subnodes)
        for factors in self._factors:
            own, result = subnodes[:, factors], partials[:, factors]
            result[:, 1:] = np.cumprod(own[:, :-1], axis=1)
            result[:, :-1] *= np.cumprod(own[:, :0:-1], axis=1)[:, ::-1]
        return partials

    def pull(self, partials: FloatArray, weights: FloatArray) -> FloatArray:
        """Turn derivatives with respect to the nodes into those with respect to the subnodes.

        Parameters
        ----------
        partials : ndarray of shape (n_samples, n_subnodes)
            As :meth:`partials` returns them.
        weights : ndarray of shape (n_samples, n_nodes, ...)
            Derivatives with respect to the nodes.
        """
        own = partials.reshape(partials.shape + (1,) * (weights.ndim - 2))
        return own * weights[:, self.owner]

    def push(self, partials: FloatArray, change: FloatArray) -> FloatArray:
        """Turn changes of the subnodes into those of the nodes, to first order."""
        return np.add.reduceat(partials * change, self._starts, axis=1)
