"""Matplotlib, loaded when something is drawn."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def require_matplotlib(caller: str) -> Any:
    """Return :mod:`matplotlib.pyplot`.

    Parameters
    ----------
    caller : str
        Name of what is about to draw, for the message.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(
            f"{caller} needs Matplotlib, which is not installed. Run: pip install skkan[plot]"
        ) from error
    return plt


def axes_or_new(caller: str, ax: "Axes | None") -> "Axes":
    """Return `ax`, or the axes of a new figure.

    Parameters
    ----------
    caller : str
        Name of what is about to draw.
    ax : matplotlib Axes or None
        Axes to draw on, if there are any.
    """
    plt = require_matplotlib(caller)
    new: Axes = plt.subplots(layout="constrained")[1] if ax is None else ax
    return new
