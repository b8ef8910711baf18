"""Derivatives as users ask for them: variables, each with a number of differentiations."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

from skkan.network.derivatives._jets import MultiIndex


def multi_index(asked: Sequence[Any], names: Sequence[str], highest: int) -> MultiIndex:
    """Return the number of differentiations by every variable.

    Parameters
    ----------
    asked : sequence
        Variables, by name or as objects that are printed as their names, each followed by the
        number of differentiations unless it is one.
    names : sequence of str
        Names of all variables.
    highest : int
        Highest order allowed.

    Raises
    ------
    ValueError
        If there is no such variable, a number makes no sense, or the order is above `highest`.

    Examples
    --------
    >>> from skkan.network.derivatives._multi_index import multi_index
    >>> multi_index(["t", "x", 2], ["t", "x"], 3)
    (1, 2)
    """
    orders = [0] * len(names)
    latest: int | None = None
    for own in asked:
        if isinstance(own, Integral):
            if latest is None or int(own) < 1:
                raise ValueError(
                    f"{own!r} must come after a variable and tell how often to differentiate by it."
                )
            orders[latest] += int(own) - 1
            latest = None
            continue
        if str(own) not in names:
            raise ValueError(f"there is no variable {own!r}; there are: {', '.join(names)}.")
        latest = list(names).index(str(own))
        orders[latest] += 1
    if sum(orders) > highest:
        raise ValueError(
            f"a derivative of order {sum(orders)} was asked for, above the degree {highest} of "
            "the splines: it is zero or does not exist."
        )
    return tuple(orders)
