"""KANDisplay."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skkan._typing import FloatArray
from skkan.inspection._edges import (
    STRENGTHS,
    edge_strengths,
    fitted_network,
    in_units,
    input_names,
    output_names,
    relative_scores,
)
from skkan.inspection._layout import NODE_RADIUS, SUBNODE_RADIUS, layout
from skkan.inspection._matplotlib import require_matplotlib
from skkan.network._network import Network

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Circle, Rectangle
    from matplotlib.text import Text

N_POINTS = 101
FONT_SIZE = 9.0
LINE_HEIGHT = 0.18
MARGIN = 0.08
LONGEST_NAME = 32


@dataclass(frozen=True, eq=False)
class EdgeCurve:
    """The function of an active edge, sampled over the values that its input node takes.

    Attributes
    ----------
    layer, i, j : int
        Number of the layer, input node and subnode of the edge.
    x : ndarray of shape (n_points,)
        Values of the input node; for the inputs of the network in the units of `X`.
    y : ndarray of shape (n_points,)
        Values of the edge in the network's units.
    score : float
        Strength relative to the strongest edge of the layer.
    symbol : str or None
        Name of the function of a symbolic edge.
    """

    layer: int
    i: int
    j: int
    x: FloatArray
    y: FloatArray
    score: float
    symbol: str | None


class KANDisplay:
    """Picture of a network: nodes, and edges with their functions.

    Inputs are at the bottom, outputs at the top. A frame on every edge shows the edge's function
    over the range of values that its node takes, scaled to fill the frame; the opacity of an edge
    says how much it matters. Inactive edges are left out. Nodes with a plus sign are sums, those
    with a multiplication sign products of the small sums below them. Symbolic edges have a colour
    and the name of their function.

    It is recommended to use :meth:`from_estimator`, which computes what is stored here.

    Parameters
    ----------
    curves : sequence of EdgeCurve
        The active edges, sorted by layer, input node and subnode.
    arities : sequence of sequence of int
        For every layer the number of factors of its output nodes, 1 for sums.
    feature_names : sequence of str
        Names of the inputs.
    target_names : sequence of str
        Names of the outputs.

    Attributes
    ----------
    layout : Layout
        Positions of nodes and frames.
    nodes_ : list of list of matplotlib Circle
        Nodes of every level from the inputs to the outputs.
    subnodes_ : list of list of matplotlib Circle
        For every layer the factors of its product nodes.
    marks_ : list of matplotlib Line2D
        Plus and multiplication signs.
    edges_ : list of matplotlib Line2D
        The lines behind the frames, in the order of `curves`.
    frames_ : list of matplotlib Rectangle
        The frames, in the order of `curves`.
    curves_ : list of matplotlib Line2D
        The functions, in the order of `curves`.
    texts_ : list of matplotlib Text
        Names of inputs, outputs and symbolic functions, in this order.
    ax_ : matplotlib Axes
        Axes with the picture.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    EdgeDisplay : A single edge with axes and data.

    References
    ----------
    Z. Liu et al., "KAN: Kolmogorov-Arnold Networks", arXiv:2404.19756.
    Z. Liu et al., "KAN 2.0: Kolmogorov-Arnold Networks Meet Science", arXiv:2408.10205.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skkan import KANRegressor
    >>> from skkan.inspection import KANDisplay
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = KANRegressor((), random_state=0).fit(X[["bmi", "bp"]], y)
    >>> display = KANDisplay.from_estimator(model, X[["bmi", "bp"]], target_names=["progression"])
    >>> [text.get_text() for text in display.texts_]
    ['bmi', 'bp', 'progression']
    """

    nodes_: "list[list[Circle]]"
    subnodes_: "list[list[Circle]]"
    marks_: "list[Line2D]"
    edges_: "list[Line2D]"
    frames_: "list[Rectangle]"
    curves_: "list[Line2D]"
    texts_: "list[Text]"
    ax_: "Axes"
    figure_: "Figure | SubFigure"

    def __init__(
        self,
        curves: Sequence[EdgeCurve],
        *,
        arities: Sequence[Sequence[int]],
        feature_names: Sequence[str],
        target_names: Sequence[str],
    ) -> None:
        self.curves = list(curves)
        self.arities = [tuple(own) for own in arities]
        self.feature_names = list(feature_names)
        self.target_names = list(target_names)
        counts = np.bincount([curve.layer for curve in self.curves], minlength=len(self.arities))
        self.layout = layout(len(self.feature_names), self.arities, counts.tolist())

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        feature_names: ArrayLike | None = None,
        target_names: ArrayLike | None = None,
        score: str | Sequence[ArrayLike] = "std",
        ax: "Axes | None" = None,
        **plot_options: Any,
    ) -> Self:
        """Draw the network of a fitted estimator.

        Parameters
        ----------
        estimator : KANRegressor or KANClassifier
            Fitted estimator.
        X : array-like of shape (n_samples, n_features)
            Data that say which values the nodes take.
        feature_names : array-like of str of shape (n_features,), optional
            Names of the inputs. By default those that `fit` has seen, or ``x0, x1, ...``.
        target_names : array-like of str of shape (n_outputs,), optional
            Names of the outputs. By default the classes, or ``y`` or ``y0, y1, ...``. The only
            output of a classifier for two classes stands for the second.
        score : {"std", "range"} or sequence of array-like of shape (n_in, n_subnodes), \
default="std"
            What the opacity of the edges shows: standard deviation or range of their values on
            `X`, or for every layer any other number per edge that is not negative. It is relative
            to the largest one of the layer.
        ax : matplotlib Axes, optional
            Axes to draw on, emptied of ticks and borders. By default those of a new figure, of a
            size that suits the network.
        **plot_options : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : KANDisplay
            The picture.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator is none of this package.
        ValueError
            If `X`, the names or the scores do not fit the estimator.
        ImportError
            If Matplotlib is not installed.
        """
        require_matplotlib(f"{cls.__name__}.from_estimator")
        network = fitted_network(estimator)
        inputs = estimator._validated(X, reset=False)
        display = cls(
            list(_edge_curves(network, inputs, score)),
            arities=[layer.arities for layer in network.layers],
            feature_names=input_names(estimator, feature_names),
            target_names=output_names(estimator, target_names),
        )
        return display.plot(ax=ax, **plot_options)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        color: Any = "black",
        symbol_color: Any = "C3",
        min_opacity: float = 0.2,
        curve_kw: dict[str, Any] | None = None,
        text_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the network.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Axes to draw on. By default those of a new figure.
        color : color, default="black"
            Colour of nodes and edges.
        symbol_color : color, default="C3"
            Colour of symbolic edges.
        min_opacity : float, default=0.2
            Opacity of an edge of score 0, between 0 and 1.
        curve_kw : dict, optional
            Passed to `matplotlib.lines.Line2D` for the functions.
        text_kw : dict, optional
            Passed to `matplotlib.axes.Axes.text` for all names.

        Returns
        -------
        display : KANDisplay
            This object.
        """
        plt = require_matplotlib(f"{type(self).__name__}.plot")
        below, above = (
            _label_room(names, self.layout.width)
            for names in (self.feature_names, self.target_names)
        )
        width = self.layout.width + 2 * MARGIN
        height = self.layout.height + below[1] + above[1] + 2 * MARGIN
        if ax is None:
            ax = plt.figure(figsize=(width, height)).add_axes((0.0, 0.0, 1.0, 1.0))
        self.ax_ = ax
        self.figure_ = ax.figure
        ax.set_axis_off()
        ax.set_aspect("equal")
        ax.set_xlim(-MARGIN, self.layout.width + MARGIN)
        ax.set_ylim(-below[1] - MARGIN, self.layout.height + above[1] + MARGIN)
        scale = _inches_per_unit(ax, width, height)
        text_kw = {"color": color, "fontsize": FONT_SIZE * scale, **(text_kw or {})}
        self._draw_edges(scale, color, symbol_color, min_opacity, curve_kw or {})
        self._draw_nodes(scale, color)
        self._write_names(below[0], above[0], text_kw)
        self._write_symbols(scale, symbol_color, text_kw)
        return self

    def _draw_edges(
        self,
        scale: float,
        color: Any,
        symbol_color: Any,
        min_opacity: float,
        curve_kw: dict[str, Any],
    ) -> None:
        from matplotlib.lines import Line2D  # noqa: PLC0415
        from matplotlib.patches import Rectangle  # noqa: PLC0415

        self.edges_, self.frames_, self.curves_ = [], [], []
        ax, plan = self.ax_, self.layout
        background = _background(ax)
        for curve, centre in self._placed():
            alpha = min_opacity + (1.0 - min_opacity) * curve.score
            own = color if curve.symbol is None else symbol_color
            size = plan.frame_sizes[curve.layer]
            half = np.array([0.0, size / 2])
            start, end = plan.nodes[curve.layer][curve.i], plan.subnodes[curve.layer][curve.j]
            # From below and above: slanted lines would run into the frames beside.
            way = np.stack([start, centre - half, centre + half, end])
            line = Line2D(*way.T, color=own, alpha=alpha, linewidth=0.8 * scale, zorder=1)
            # Opaque, or the lines of other edges would run through the function.
            frame = Rectangle(
                (centre[0] - size / 2, centre[1] - size / 2),
                size,
                size,
                facecolor=background,
                edgecolor=_paler(own, background, alpha),
                linewidth=0.8 * scale,
                zorder=2,
            )
            style = {"color": own, "alpha": alpha, "linewidth": 1.4 * scale, "zorder": 3}
            points = _fitted(curve, centre, size)
            graph = Line2D(*points.T, **{**style, **curve_kw})
            self.edges_.append(ax.add_line(line))
            ax.add_patch(frame)
            self.frames_.append(frame)
            self.curves_.append(ax.add_line(graph))

    def _placed(self) -> Iterator[tuple[EdgeCurve, FloatArray]]:
        """Yield the curves with the centres of their frames."""
        centres = [iter(own) for own in self.layout.frames]
        for curve in self.curves:
            yield curve, next(centres[curve.layer])

    def _draw_nodes(self, scale: float, color: Any) -> None:
        from matplotlib.lines import Line2D  # noqa: PLC0415
        from matplotlib.patches import Circle  # noqa: PLC0415

        plan = self.layout
        background = _background(self.ax_)

        def circle(centre: FloatArray, radius: float, face: Any) -> "Circle":
            style = {"facecolor": face, "edgecolor": color, "linewidth": scale, "zorder": 5}
            patch = Circle((centre[0], centre[1]), radius, **style)
            self.ax_.add_patch(patch)
            return patch

        def mark(centre: FloatArray, radius: float, product: bool) -> "Line2D":
            arms = np.array([[-1.0, 0.0], [1.0, 0.0], [np.nan] * 2, [0.0, -1.0], [0.0, 1.0]])
            if product:
                arms = arms @ np.array([[1.0, 1.0], [-1.0, 1.0]]) / np.sqrt(2.0)
            points = centre + 0.6 * radius * arms
            return self.ax_.add_line(
                Line2D(*points.T, color=color, linewidth=1.2 * scale, zorder=6)
            )

        self.nodes_ = [[circle(centre, SUBNODE_RADIUS, color) for centre in plan.nodes[0]]]
        self.subnodes_, self.marks_ = [], []
        for arities, nodes, ends in zip(self.arities, plan.nodes[1:], plan.subnodes, strict=True):
            self.nodes_.append([circle(centre, NODE_RADIUS, background) for centre in nodes])
            self.marks_ += [
                mark(centre, NODE_RADIUS, arity > 1)
                for centre, arity in zip(nodes, arities, strict=True)
            ]
            owners = np.repeat(np.arange(len(nodes)), arities)
            factors = [
                (end, nodes[owner])
                for end, owner in zip(ends, owners, strict=True)
                if arities[owner] > 1
            ]
            for end, node in factors:
                link = np.stack([end, node])
                self.ax_.add_line(Line2D(*link.T, color=color, linewidth=scale, zorder=4))
            self.subnodes_.append([circle(end, SUBNODE_RADIUS, background) for end, _ in factors])
            self.marks_ += [mark(end, SUBNODE_RADIUS, False) for end, _ in factors]

    def _write_names(self, upright: bool, upright_above: bool, text_kw: dict[str, Any]) -> None:
        levels = self.layout.nodes
        gap = NODE_RADIUS + MARGIN
        self.texts_ = []
        for nodes, names, shift, va, turned in (
            (levels[0], self.feature_names, -gap, "top", upright),
            (levels[-1], self.target_names, gap, "bottom", upright_above),
        ):
            style = {"ha": "center", "va": va, "rotation": 90 if turned else 0, **text_kw}
            self.texts_ += [
                self.ax_.text(x, y + shift, _shortened(name), **style)
                for (x, y), name in zip(nodes, names, strict=True)
            ]

    def _write_symbols(self, scale: float, color: Any, text_kw: dict[str, Any]) -> None:
        for curve, (x, y) in self._placed():
            if curve.symbol is None:
                continue
            size = self.layout.frame_sizes[curve.layer]
            fitting = 0.85 * size / max(_text_width(curve.symbol), 1e-3)
            own = {"color": color, "fontsize": FONT_SIZE * scale * min(0.9, fitting, size / 0.45)}
            style = {"ha": "center", "va": "center", "zorder": 4, **text_kw, **own}
            self.texts_.append(self.ax_.text(x, y + 0.34 * size, curve.symbol, **style))


def _edge_curves(
    network: Network, X: FloatArray, score: str | Sequence[ArrayLike]
) -> Iterator[EdgeCurve]:
    values = network.node_values(X)
    all_scores = _scores(network, values, score)
    for depth, (layer, x, scores) in enumerate(
        zip(network.layers, values, all_scores, strict=True)
    ):
        sites = np.linspace(x.min(axis=0), x.max(axis=0), N_POINTS)
        y = layer.edge_values(sites)
        for i, j in np.argwhere(layer.active).tolist():
            edge = layer.symbols.get((i, j))
            yield EdgeCurve(
                *(depth, i, j),
                in_units(network, depth, i, sites[:, i]),
                y[:, i, j],
                float(scores[i, j]),
                None if edge is None else edge.function.name,
            )


def _scores(
    network: Network, values: Sequence[FloatArray], score: str | Sequence[ArrayLike]
) -> list[FloatArray]:
    """Return the relative scores of all edges, by layer."""
    layers = network.layers
    if isinstance(score, str):
        if score not in STRENGTHS:
            raise ValueError(f"score must be one of {STRENGTHS} or arrays, got {score!r}.")
        given = [edge_strengths(*pair, score) for pair in zip(layers, values, strict=True)]
    else:
        given = [np.asarray(own, dtype=np.float64) for own in score]
        shapes = [own.shape for own in given]
        wanted = [layer.active.shape for layer in layers]
        if shapes != wanted or any(np.any(own < 0.0) for own in given):
            raise ValueError(
                f"score must hold arrays of shapes {wanted} without negative numbers, got arrays "
                f"of shapes {shapes}."
            )
    return [relative_scores(*pair) for pair in zip(layers, given, strict=True)]


def _fitted(curve: EdgeCurve, centre: FloatArray, size: float) -> FloatArray:
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


def _background(ax: "Axes") -> tuple[float, ...]:
    """Return the colour behind the axes; white where nothing is."""
    from matplotlib.colors import to_rgba  # noqa: PLC0415

    # That of the canvas, as subfigures have none of their own.
    color = to_rgba(ax.figure.canvas.figure.get_facecolor())
    return color[:3] if color[3] > 0.0 else (1.0, 1.0, 1.0)


def _paler(color: Any, background: Any, alpha: float) -> tuple[float, ...]:
    """Return what a colour of some opacity looks like on a background."""
    from matplotlib.colors import to_rgb  # noqa: PLC0415

    mixed = alpha * np.array(to_rgb(color)) + (1.0 - alpha) * np.array(to_rgb(background))
    return tuple(mixed.tolist())


def _shortened(name: str) -> str:
    return (
        name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "\N{HORIZONTAL ELLIPSIS}"
    )


def _text_width(text: str) -> float:
    """Return the width of a text in inches, with some allowance for the hinting of small fonts."""
    from matplotlib.textpath import TextPath  # noqa: PLC0415

    if not text.strip():
        return 0.0
    return 1.08 * float(TextPath((0.0, 0.0), text, size=FONT_SIZE).get_extents().width) / 72.0


def _label_room(names: Sequence[str], width: float) -> tuple[bool, float]:
    """Return whether names have to stand upright lest they overlap, and the height they take."""
    longest = max(_text_width(_shortened(name)) for name in names)
    upright = longest > 0.95 * width / len(names)
    return upright, (longest if upright else LINE_HEIGHT) + MARGIN


def _inches_per_unit(ax: "Axes", width: float, height: float) -> float:
    """Return the scale at which a picture is drawn: 1 in a figure of its own."""
    box = ax.get_window_extent()
    dpi = ax.figure.dpi
    return float(min(box.width / dpi / width, box.height / dpi / height))
