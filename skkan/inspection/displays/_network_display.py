"""KANDisplay."""

from collections.abc import Iterator, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skkan._typing import FloatArray
from skkan.inspection._edges import output_names
from skkan.inspection._fitted import Fitted
from skkan.inspection.displays._drawing import (
    FONT_SIZE,
    LINE_HEIGHT,
    MARGIN,
    background,
    frame_points,
    inches_per_unit,
    label_room,
    paler,
    shortened,
    text_width,
)
from skkan.inspection.displays._edge_curves import EdgeCurve, select_edges
from skkan.inspection.displays._layout import NODE_RADIUS, SUBNODE_RADIUS, layout
from skkan.inspection.displays._matplotlib import require_matplotlib
from skkan.network._hidden_layers import is_integer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Circle, Rectangle
    from matplotlib.text import Text


class KANDisplay:
    """Picture of a network: nodes, and edges with their functions.

    Inputs are at the bottom, outputs at the top. A frame on every edge shows the edge's function
    over the range of values that its node takes, scaled to fill the frame. Opacity and width of an
    edge follow its score. Inactive and very weak edges are left out, and in wide networks only the
    strongest edges have a frame; a note tells how many. Nodes with a plus sign are sums, those
    with a multiplication sign products of the small sums below them. Symbolic edges have a colour
    and the name of their function.

    It is recommended to use :meth:`from_estimator`, which computes what is stored here.

    Parameters
    ----------
    curves : sequence of EdgeCurve
        The edges with a frame, sorted by layer, input node and subnode.
    arities : sequence of sequence of int
        For every layer the number of factors of its output nodes, 1 for sums.
    feature_names : sequence of str
        Names of the inputs.
    target_names : sequence of str
        Names of the outputs.
    plain : sequence of tuple (layer, i, j, score), optional
        Edges that are drawn as a line without a frame.
    n_hidden : int, default=0
        Number of active edges that are not drawn.

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
    plain_ : list of matplotlib Line2D
        Lines without a frame, in the order of `plain`.
    note_ : matplotlib Text or None
        How many edges are not drawn or have no frame.
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
    plain_: "list[Line2D]"
    note_: "Text | None"
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
        plain: Sequence[tuple[int, int, int, float]] = (),
        n_hidden: int = 0,
    ) -> None:
        self.curves = list(curves)
        self.plain = list(plain)
        self.n_hidden = n_hidden
        self.arities = [tuple(own) for own in arities]
        self.feature_names = list(feature_names)
        self.target_names = list(target_names)
        counts = np.bincount([curve.layer for curve in self.curves], minlength=len(self.arities))
        self.layout = layout(len(self.feature_names), self.arities, counts.tolist())

    def __repr__(self) -> str:
        shape = [len(self.feature_names), *map(len, self.arities)]
        note = self._note()
        return (
            f"{type(self).__name__} of a network {shape}: {len(self.curves)} edges with their "
            f"functions{', ' + note.replace(chr(10), ', ') if note else ''}"
        )

    def _note(self) -> str:
        """Return what the picture leaves out."""
        facts = [
            (len(self.plain), "without a frame"),
            (self.n_hidden, "too weak to be drawn"),
        ]
        return "\n".join(
            f"{count:,} {'edge' if count == 1 else 'edges'} {fact}"
            for count, fact in facts
            if count
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        feature_names: ArrayLike | None = None,
        target_names: ArrayLike | None = None,
        score: str | Sequence[ArrayLike] = "contribution",
        min_score: float = 0.01,
        max_frames: int = 40,
        ax: "Axes | None" = None,
        **plot_options: Any,
    ) -> Self:
        """Draw the network of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted `KANRegressor` or `KANClassifier`; a pipeline that ends in one; a search whose
            best estimator is one; or a `KANSymbolicRegressor`, whose network is drawn.
        X : array-like of shape (n_samples, n_features)
            Data as `estimator` takes them. They say which values the nodes take.
        feature_names : array-like of str of shape (n_features,), optional
            Names of the inputs. By default those that `fit` has seen, those that the steps of a
            pipeline give them, or ``x0, x1, ...``.
        target_names : array-like of str of shape (n_outputs,), optional
            Names of the outputs. By default the classes, or ``y`` or ``y0, y1, ...``. The only
            output of a classifier for two classes is the log-odds of the second.
        score : {"contribution", "std", "range"} or sequence of array-like of shape \
(n_in, n_subnodes), default="contribution"
            What opacity and width of the edges show: what the edge contributes to the outputs, as
            ``edge_scores_`` does, but on `X`; standard deviation or range of the edge's values on
            `X`; or for every layer any other number per edge that is not negative. It is relative
            to the largest one of the layer.
        min_score : float, default=0.01
            Edges with a smaller relative score are not drawn. 0 draws all active edges.
        max_frames : int, default=40
            Number of edges of a layer that have a frame: the strongest. Others are plain lines.
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
        _check_selection(min_score, max_frames)
        fitted = Fitted.of(estimator, X, feature_names)
        chosen = select_edges(fitted.network, fitted.X, score, min_score, max_frames)
        display = cls(
            chosen.curves,
            arities=[layer.arities for layer in fitted.network.layers],
            feature_names=fitted.feature_names,
            target_names=output_names(fitted.estimator, target_names),
            plain=chosen.plain,
            n_hidden=chosen.n_hidden,
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
            label_room(names, self.layout.width)
            for names in (self.feature_names, self.target_names)
        )
        width = self.layout.width + 2 * MARGIN
        note = self._note()
        foot = below[1] + (LINE_HEIGHT * (note.count("\n") + 1) + MARGIN if note else 0.0)
        height = self.layout.height + foot + above[1] + 2 * MARGIN
        if ax is None:
            ax = plt.figure(figsize=(width, height)).add_axes((0.0, 0.0, 1.0, 1.0))
        self.ax_ = ax
        self.figure_ = ax.figure
        ax.set_axis_off()
        ax.set_aspect("equal")
        ax.set_xlim(-MARGIN, self.layout.width + MARGIN)
        ax.set_ylim(-foot - MARGIN, self.layout.height + above[1] + MARGIN)
        scale = inches_per_unit(ax, width, height)
        text_kw = {"color": color, "fontsize": FONT_SIZE * scale, **(text_kw or {})}
        self._draw_edges(scale, color, symbol_color, min_opacity, curve_kw or {})
        self._draw_nodes(scale, color)
        self._write_names(below[0], above[0], text_kw)
        self._write_symbols(scale, symbol_color, text_kw)
        self.note_ = None
        if note:
            style = {**text_kw, "fontsize": 0.8 * FONT_SIZE * scale, "alpha": 0.7}
            place = (self.layout.width / 2, -foot)
            self.note_ = ax.text(*place, note, ha="center", va="bottom", **style)
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
        behind = background(ax)
        for curve, centre in self._placed():
            alpha = min_opacity + (1.0 - min_opacity) * curve.score
            width = (0.5 + 0.9 * curve.score) * scale
            own = color if curve.symbol is None else symbol_color
            size = plan.frame_sizes[curve.layer]
            half = np.array([0.0, size / 2])
            start, end = plan.nodes[curve.layer][curve.i], plan.subnodes[curve.layer][curve.j]
            # From below and above: slanted lines would run into the frames beside.
            way = np.stack([start, centre - half, centre + half, end])
            line = Line2D(*way.T, color=own, alpha=alpha, linewidth=width, zorder=1)
            # Opaque, or the lines of other edges would run through the function.
            frame = Rectangle(
                (centre[0] - size / 2, centre[1] - size / 2),
                size,
                size,
                facecolor=behind,
                edgecolor=paler(own, behind, alpha),
                linewidth=width,
                zorder=2,
            )
            style = {"color": own, "alpha": alpha, "linewidth": 1.6 * width, "zorder": 3}
            points = frame_points(curve, centre, size)
            graph = Line2D(*points.T, **{**style, **curve_kw})
            self.edges_.append(ax.add_line(line))
            ax.add_patch(frame)
            self.frames_.append(frame)
            self.curves_.append(ax.add_line(graph))
        self.plain_ = []
        for layer, i, j, score in self.plain:
            alpha = min_opacity + (1.0 - min_opacity) * score
            ends = np.stack([plan.nodes[layer][i], plan.subnodes[layer][j]])
            width = (0.3 + 0.7 * score) * scale
            line = Line2D(*ends.T, color=color, alpha=0.6 * alpha, linewidth=width, zorder=0.5)
            self.plain_.append(ax.add_line(line))

    def _placed(self) -> Iterator[tuple[EdgeCurve, FloatArray]]:
        """Yield the curves with the centres of their frames."""
        centres = [iter(own) for own in self.layout.frames]
        for curve in self.curves:
            yield curve, next(centres[curve.layer])

    def _draw_nodes(self, scale: float, color: Any) -> None:
        from matplotlib.lines import Line2D  # noqa: PLC0415
        from matplotlib.patches import Circle  # noqa: PLC0415

        plan = self.layout
        behind = background(self.ax_)

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
            self.nodes_.append([circle(centre, NODE_RADIUS, behind) for centre in nodes])
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
            self.subnodes_.append([circle(end, SUBNODE_RADIUS, behind) for end, _ in factors])
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
                self.ax_.text(x, y + shift, shortened(name), **style)
                for (x, y), name in zip(nodes, names, strict=True)
            ]

    def _write_symbols(self, scale: float, color: Any, text_kw: dict[str, Any]) -> None:
        for curve, (x, y) in self._placed():
            if curve.symbol is None:
                continue
            size = self.layout.frame_sizes[curve.layer]
            fitting = 0.85 * size / max(text_width(curve.symbol), 1e-3)
            own = {"color": color, "fontsize": FONT_SIZE * scale * min(0.9, fitting, size / 0.45)}
            style = {"ha": "center", "va": "center", "zorder": 4, **text_kw, **own}
            self.texts_.append(self.ax_.text(x, y + 0.34 * size, curve.symbol, **style))


def _check_selection(min_score: Any, max_frames: Any) -> None:
    if (
        isinstance(min_score, bool)
        or not isinstance(min_score, Real)
        or not (0.0 <= float(min_score) <= 1.0)
    ):
        raise ValueError(f"min_score must be a number from 0 to 1, got {min_score!r}.")
    if not is_integer(max_frames, 1):
        raise ValueError(f"max_frames must be an integer of at least 1, got {max_frames!r}.")
