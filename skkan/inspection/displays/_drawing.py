"""Sizes, colours and text of a drawn network."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skkan._typing import FloatArray
from skkan.inspection.displays._edge_curves import EdgeCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FONT_SIZE = 9.0
LINE_HEIGHT = 0.18
MARGIN = 0.08
LONGEST_NAME = 32


def frame_points(curve: EdgeCurve, centre: FloatArray, size: float) -> FloatArray:
    """Return the points of a curve that fills its frame, below the name if it has one."""
    top = 0.4 if curve.symbol is None else 0.18
    bottom = -0.4
    y = np.where(np.isfinite(curve.y), curve.y, np.nan)
    finite = y[~np.isnan(y)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    # A constant is drawn as one, and not its rounding errors magnified.
    flat = high - low <= 1e-9 * max(abs(low), abs(high))
    share = 0.5 + 0.0 * y if flat else (y - low) / (high - low)
    x = centre[0] + size * np.linspace(-0.4, 0.4, len(y))
    return np.stack([x, centre[1] + size * (bottom + (top - bottom) * share)], axis=1)


def background(ax: "Axes") -> tuple[float, ...]:
    """Return the colour behind the axes; white where nothing is."""
    from matplotlib.colors import to_rgba  # noqa: PLC0415

    # That of the canvas, as subfigures have none of their own.
    color = to_rgba(ax.figure.canvas.figure.get_facecolor())
    return color[:3] if color[3] > 0.0 else (1.0, 1.0, 1.0)


def paler(color: Any, background: Any, alpha: float) -> tuple[float, ...]:
    """Return what a colour of some opacity looks like on a background."""
    from matplotlib.colors import to_rgb  # noqa: PLC0415

    mixed = alpha * np.array(to_rgb(color)) + (1.0 - alpha) * np.array(to_rgb(background))
    return tuple(mixed.tolist())


def shortened(name: str) -> str:
    """Return a name that is not too long to be shown."""
    return (
        name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "\N{HORIZONTAL ELLIPSIS}"
    )


def text_width(text: str) -> float:
    """Return the width of a text in inches, with some allowance for the hinting of small fonts."""
    from matplotlib.textpath import TextPath  # noqa: PLC0415

    if not text.strip():
        return 0.0
    return 1.08 * float(TextPath((0.0, 0.0), text, size=FONT_SIZE).get_extents().width) / 72.0


def label_room(names: Sequence[str], width: float) -> tuple[bool, float]:
    """Return whether names have to stand upright lest they overlap, and the height they take."""
    longest = max(text_width(shortened(name)) for name in names)
    upright = longest > 0.95 * width / len(names)
    return upright, (longest if upright else LINE_HEIGHT) + MARGIN


def inches_per_unit(ax: "Axes", width: float, height: float) -> float:
    """Return the scale at which a picture is drawn: 1 in a figure of its own."""
    box = ax.get_window_extent()
    dpi = ax.figure.dpi
    return float(min(box.width / dpi / width, box.height / dpi / height))
