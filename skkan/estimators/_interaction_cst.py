"""Which columns may interact, in the words of scikit-learn's histogram gradient boosting."""

from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skkan.training._settings import Interactions

NO_ANALYSIS = (
    "interaction_cst needs an analysis of variance: hidden_layer_sizes='auto', alpha='auto', the "
    "squared error or not too many classes and columns, and no early_stopping, sparsity, "
    "base_function or solver='adam'. Set interaction_cst=None, or leave these at their defaults."
)
WORDS = {"no_interactions": 1, "pairwise": 2}


def parsed_interactions(
    interaction_cst: Any, n_features: int, owners: NDArray[np.intp]
) -> Interactions:
    """Return the constraint as the inputs of training see it.

    Parameters
    ----------
    interaction_cst : {"no_interactions", "pairwise"}, sequence of sets of int, or None
        The parameter.
    n_features : int
        Number of columns.
    owners : ndarray of int of shape (n_inputs,)
        The column of every input.

    Raises
    ------
    TypeError
        If it is no sequence of sets.
    ValueError
        If a set is empty, or names a column that there is not.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.estimators._interaction_cst import parsed_interactions
    >>> parsed_interactions([{0, 1}], 3, np.arange(3)).allowed
    (frozenset({0, 1}), frozenset({2}))
    """
    if interaction_cst is None:
        return Interactions()
    if isinstance(interaction_cst, str):
        return Interactions(order=WORDS[interaction_cst])
    groups = [_columns(group, n_features) for group in interaction_cst]
    rest = frozenset(range(n_features)).difference(*groups)
    groups += [rest] if rest else []
    allowed = (frozenset(np.flatnonzero(np.isin(owners, list(own))).tolist()) for own in groups)
    return Interactions(allowed=tuple(allowed))


def _columns(group: Any, n_features: int) -> frozenset[int]:
    if not isinstance(group, Iterable) or isinstance(group, str):
        raise TypeError(
            f"interaction_cst must hold lists, tuples or sets of column numbers, got {group!r}."
        )
    found = list(group)
    whole = all(isinstance(j, Integral) and not isinstance(j, bool) for j in found)
    if not found or not whole or not all(0 <= int(j) < n_features for j in found):
        raise ValueError(
            "interaction_cst must hold sets of column numbers from 0 to "
            f"{n_features - 1}, got {group!r}."
        )
    return frozenset(int(j) for j in found)
