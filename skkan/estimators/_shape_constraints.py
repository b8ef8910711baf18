"""Monotone and convex columns, as the user asks for them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skkan.anova._constrained import Shapes
from skkan.data._table_encoder import TableEncoder


class ShapeConstraintsMixin:
    """The parameters `monotonic_cst` and `convexity_cst`."""

    monotonic_cst: Any
    convexity_cst: Any
    extrapolation: str
    n_features_in_: int
    classes_: NDArray[Any]
    _encoder: TableEncoder
    _column_names: Any
    _input_owners: Any

    def _shapes(self) -> Shapes | None:
        """Return what is asked of the inputs of the network, None if nothing is.

        Raises
        ------
        ValueError
            If a constraint names no column, or one of levels, or is none of -1, 0 and 1.
        """
        monotone = self._constraint_of_columns("monotonic_cst")
        convex = self._constraint_of_columns("convexity_cst")
        if not monotone.any() and not convex.any():
            return None
        if len(getattr(self, "classes_", ())) > 2:
            raise ValueError(
                "monotonic_cst and convexity_cst are for two classes; there are "
                f"{len(self.classes_)}."
            )
        if convex.any() and self.extrapolation == "constant":
            raise ValueError(
                "convexity_cst cannot be kept with extrapolation='constant', which bends functions "
                "at the ends of the data. Set extrapolation='linear' or 'auto'."
            )
        owner = self._input_owners()
        # The first input of a column is its values, the second says that there is none.
        first = np.zeros(len(owner), dtype=bool)
        first[np.unique(owner, return_index=True)[1]] = True
        found = [np.where(first, own[owner], 0).tolist() for own in (monotone, convex)]
        return Shapes(tuple(found[0]), tuple(found[1]))

    def _constraint_of_columns(self, argument: str) -> NDArray[np.intp]:
        """Return a constraint of every column."""
        given, names = getattr(self, argument), self._column_names()
        found = np.zeros(len(names), dtype=np.intp)
        if given is None:
            return found
        if isinstance(given, Mapping):
            seen: set[int] = set()
            for column, value in given.items():
                place = _column(argument, column, names)
                if place in seen:
                    raise ValueError(
                        f"{argument} has the column {names[place]!r} twice, by name and by number. "
                        "Name it once."
                    )
                seen.add(place)
                found[place] = _sign(argument, value)
        else:
            values = np.asarray(given).ravel().tolist()
            if len(values) != len(names):
                raise ValueError(
                    f"{argument} has {len(values)} values, but X has {len(names)} columns."
                )
            found[:] = [_sign(argument, value) for value in values]
        encoder = getattr(self, "_encoder", None)
        for j in np.flatnonzero(found):
            if encoder is not None and encoder.columns[j].labels is not None:
                raise ValueError(
                    f"{argument} asks something of the categorical column {names[j]!r}, whose "
                    "levels have no order. Set it to 0 there."
                )
        return found


def _column(argument: str, column: Any, names: list[str]) -> int:
    if isinstance(column, str) and column in names:
        return names.index(column)
    whole = isinstance(column, int | np.integer) and not isinstance(column, bool)
    if whole and 0 <= column < len(names):
        return int(column)
    raise ValueError(
        f"{argument} has {column!r}, which is no column of X; there are: {', '.join(names)}."
    )


def _sign(argument: str, value: Any) -> int:
    if isinstance(value, bool) or value not in (-1, 0, 1):
        raise ValueError(f"{argument} must have values -1, 0 and 1, got {value!r}.")
    return int(value)
