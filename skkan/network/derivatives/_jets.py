"""Truncated Taylor expansions in several variables.

A *jet* holds the Taylor coefficients of some nodes with respect to the independent variables,

    v(x + h) = sum_alpha v_alpha h^alpha,    v_alpha = (d^alpha v)(x) / alpha!,

for the multi-indices ``alpha`` of a set that holds everything below its members. Sums and products
of nodes are sums and truncated products of their jets, and an edge function is

    phi(v) = sum_m phi^(m)(v_0) / m! (v - v_0)^m,

On the way back, ``d phi(v)_alpha / d v_beta`` is the Taylor coefficient ``alpha - beta`` of
``phi'(v)``: nothing but products of jets is needed in either direction.

References
----------
A. Griewank and A. Walther, *Evaluating Derivatives*, SIAM 2008, chapter 13.
"""

from collections.abc import Iterable, Sequence
from math import factorial, prod

import numpy as np

from skkan._typing import FloatArray

MultiIndex = tuple[int, ...]
# One array for every multi-index; None stands for zero.
Jet = list[FloatArray | None]


class JetOrders:
    """A set of multi-indices that holds everything below its members.

    Parameters
    ----------
    indices : iterable of tuple of int
        Derivatives wanted, as numbers of differentiations by every variable.
    n_variables : int
        Length of the multi-indices.

    Attributes
    ----------
    indices : list of tuple of int
        All of them, lower orders first; the first is the value itself.
    position : dict
        Their places in the list.
    factorials : ndarray
        ``alpha!`` of each: derivative over Taylor coefficient.
    max_order : int
        Largest sum of a multi-index.

    Examples
    --------
    >>> from skkan.network.derivatives._jets import JetOrders
    >>> JetOrders([(2, 0), (0, 1)], 2).indices
    [(0, 0), (0, 1), (1, 0), (2, 0)]
    """

    def __init__(self, indices: Iterable[MultiIndex], n_variables: int) -> None:
        found = {(0,) * n_variables}
        for index in indices:
            found.update(np.ndindex(*(order + 1 for order in index)))
        self.n_variables = n_variables
        self.indices: list[MultiIndex] = sorted(
            (tuple(int(k) for k in own) for own in found), key=lambda own: (sum(own), own)
        )
        self.position = {index: place for place, index in enumerate(self.indices)}
        self.factorials = np.array([float(prod(map(factorial, a))) for a in self.indices])
        self.max_order = sum(self.indices[-1])
        self.sums = [
            (a, b, self.position[total])
            for a, left in enumerate(self.indices)
            for b, right in enumerate(self.indices)
            if (total := tuple(i + j for i, j in zip(left, right, strict=True))) in self.position
        ]

    def __len__(self) -> int:
        return len(self.indices)

    def unit(self, variable: int) -> int | None:
        """Return the place of the first derivative by a variable, if it is there."""
        return self.position.get(tuple(int(k == variable) for k in range(self.n_variables)))

    def multiplied(
        self, left: Sequence[FloatArray | None], right: Sequence[FloatArray | None]
    ) -> Jet:
        """Return the truncated product of two jets."""
        product: Jet = [None] * len(self)
        for a, b, c in self.sums:
            x, y = left[a], right[b]
            if x is not None and y is not None:
                product[c] = _sum(product[c], x * y)
        return product

    def pulled(
        self, factor: Sequence[FloatArray | None], seeds: Sequence[FloatArray | None]
    ) -> Jet:
        """Return the seeds of one factor of a product, given the jet of the other factor."""
        pulled: Jet = [None] * len(self)
        for a, b, c in self.sums:
            x, y = factor[a], seeds[c]
            if x is not None and y is not None:
                pulled[b] = _sum(pulled[b], x.reshape(x.shape + (1,) * (y.ndim - x.ndim)) * y)
        return pulled

    def of_variables(self, X: FloatArray) -> Jet:
        """Return the jet of the variables themselves at `X`, shape (n_points, n_variables)."""
        jet: Jet = [None] * len(self)
        jet[0] = X
        for variable in range(self.n_variables):
            place = self.unit(variable)
            if place is not None:
                slope = np.zeros_like(X)
                slope[:, variable] = 1.0
                jet[place] = slope
        return jet

    def powers(self, jet: Jet) -> list[Jet]:
        """Return the powers 0 to ``max_order`` of a jet without its value."""
        small: Jet = [None, *jet[1:]]
        one: Jet = [None] * len(self)
        one[0] = np.ones(1)
        powers = [one]
        for _ in range(self.max_order):
            powers.append(small if len(powers) == 1 else self.multiplied(powers[-1], small))
        return powers


def _sum(total: FloatArray | None, own: FloatArray) -> FloatArray:
    return own if total is None else total + own
