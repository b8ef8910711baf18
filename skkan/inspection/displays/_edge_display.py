"""EdgeDisplay."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skkan._typing import FloatArray
from skkan.inspection._edges import in_units, output_names
from skkan.inspection._fitted import Fitted
from skkan.inspection.displays._matplotlib import axes_or_new, require_matplotlib
from skkan.network._edge_index import edge_index
from skkan.network._features import as_dense
from skkan.network._network import Network

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection, PolyCollection
    from matplotlib.container import BarContainer
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

N_POINTS = 401
DENSITIES = ("histogram", "rug")
DENSITY_SHARE = 0.16
"""Of the height of the axes, at their bottom."""


class EdgeDisplay:
    """The function of one edge, with the data that it acts on.

    Below the function lies the density of the values of the input node. What is beyond the grid of
    a spline, where it goes on as a straight line, is shaded; small ticks mark the grid.

    It is recommended to use :meth:`from_estimator`, which computes what is stored here.

    Parameters
    ----------
    x : ndarray of shape (n_points,)
        Values of the input node; for the inputs of the network in the units of `X`.
    y : ndarray of shape (n_points,)
        Values of the edge; for edges to the outputs of the network in the units of the target.
    data : ndarray of shape (n_samples,)
        Values that the input node takes, in the units of `x`.
    breakpoints : ndarray of shape (grid_size + 1,) or None
        Grid in the units of `x`; None for edges that are no splines.
    x_name, y_name : str
        Labels of the axes.
    symbol : str, optional
        Name of the function of a symbolic edge.
    y_std : ndarray of shape (n_points,), optional
        Standard deviation of the function less its mean on the data, in the units of `y`; None
        where it is not known.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The function.
    density_ : matplotlib BarContainer, LineCollection or None
        Histogram or rug.
    breakpoints_ : matplotlib LineCollection or None
        Ticks of the grid.
    border_ : list of matplotlib Rectangle
        What lies beyond the grid.
    band_ : matplotlib PolyCollection or None
        Two standard deviations on both sides of the function.
    ax_ : matplotlib Axes
        Axes with the picture.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    KANDisplay : All edges at once.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan import KANRegressor
    >>> from skkan.inspection import EdgeDisplay
    >>> X = np.linspace(0.0, 3.0, 100)[:, None]
    >>> model = KANRegressor((), random_state=0).fit(X, np.sin(X[:, 0]))
    >>> display = EdgeDisplay.from_estimator(model, X, layer=0, i=0, j=0)
    >>> display.breakpoints.round(1)
    array([-0.1,  0.6,  1.2,  1.8,  2.4,  3.1])
    """

    line_: "Line2D"
    density_: "BarContainer | LineCollection | None"
    breakpoints_: "LineCollection | None"
    border_: "list[Rectangle | PolyCollection]"
    band_: "PolyCollection | None"
    ax_: "Axes"
    figure_: "Figure | SubFigure"

    def __init__(
        self,
        x: FloatArray,
        y: FloatArray,
        *,
        data: FloatArray,
        breakpoints: FloatArray | None,
        x_name: str,
        y_name: str,
        symbol: str | None = None,
        y_std: FloatArray | None = None,
    ) -> None:
        self.x = x
        self.y = y
        self.data = data
        self.breakpoints = breakpoints
        self.x_name = x_name
        self.y_name = y_name
        self.symbol = symbol
        self.y_std = y_std

    def __repr__(self) -> str:
        function = "spline" if self.symbol is None else self.symbol
        return f"{type(self).__name__} of {self.y_name} over {self.x_name}: {function}"

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        layer: int,
        i: int | str,
        j: int | str,
        *,
        feature_names: ArrayLike | None = None,
        target_names: ArrayLike | None = None,
        ax: "Axes | None" = None,
        **plot_options: Any,
    ) -> Self:
        """Draw an edge of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted `KANRegressor` or `KANClassifier`; a pipeline that ends in one; a search whose
            best estimator is one; or a `KANSymbolicRegressor`, whose network is drawn.
        X : array-like of shape (n_samples, n_features)
            Data as `estimator` takes them. They say which values the input node takes.
        layer : int
            Number of the layer, from 0.
        i, j : int or str
            Input node and subnode of the edge, from 0. Subnodes are the output nodes of the layer,
            unless some of these are products. In layer 0 `i` may be the name of a column, and in
            the last layer `j` the label of a class.
        feature_names : array-like of str of shape (n_features,), optional
            Names of the inputs. By default those that `fit` has seen, those that the steps of a
            pipeline give them, or ``x0, x1, ...``.
        target_names : array-like of str of shape (n_outputs,), optional
            Names of the outputs. By default the classes, or ``y`` or ``y0, y1, ...``. The only
            output of a classifier for two classes is the log-odds of the second.
        ax : matplotlib Axes, optional
            Axes to draw on. By default those of a new figure.
        **plot_options : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : EdgeDisplay
            The picture.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator is none of this package.
        ValueError
            If there is no such edge, or `X` or the names do not fit the estimator.
        ImportError
            If Matplotlib is not installed.
        """
        require_matplotlib(f"{cls.__name__}.from_estimator")
        fitted = Fitted.of(estimator, X, feature_names)
        network, from_names = fitted.network, fitted.feature_names
        labels = getattr(fitted.estimator, "classes_", None)
        layer, i, j = edge_index(network, (layer, i, j), from_names, labels)
        to_names = output_names(fitted.estimator, target_names)
        values = network.node_values(fitted.X)[layer]
        own = network.layers[layer]
        symbol = own.symbols.get((i, j))
        ends = own.grid.breakpoints[i] if own.splined[i, j] else values[:0, i]
        low, high = (pick(np.concatenate([values[:, i], ends])) for pick in (np.min, np.max))
        margin = 0.05 * (high - low) if high > low else 1.0
        sites = np.repeat(values[:1], N_POINTS, axis=0)
        sites[:, i] = np.linspace(low - margin, high + margin, N_POINTS)
        y = own.edge_values(sites)[:, i, j]
        y_std = _deviations(fitted.estimator, network, (layer, i, j), values, sites)
        last = layer == len(network.layers) - 1
        if last:
            y = network.scaling.output_scale[j] * y
            y_std = None if y_std is None else network.scaling.output_scale[j] * y_std
        display = cls(
            in_units(network, layer, i, sites[:, i]),
            y,
            data=in_units(network, layer, i, values[:, i]),
            breakpoints=in_units(network, layer, i, ends) if ends.size else None,
            x_name=from_names[i] if layer == 0 else f"node {i} of layer {layer}",
            y_name=f"part of {to_names[j]}" if last else f"part of sum {j} of layer {layer + 1}",
            symbol=None if symbol is None else symbol.function.name,
            y_std=y_std,
        )
        return display.plot(ax=ax, **plot_options)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        density: str | None = "histogram",
        show_grid: bool = True,
        show_band: bool = True,
        line_kw: dict[str, Any] | None = None,
        density_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the edge.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Axes to draw on. By default those of a new figure.
        density : {"histogram", "rug"} or None, default="histogram"
            How to show the values of the input node.
        show_grid : bool, default=True
            Whether to mark the grid and shade what is beyond.
        show_band : bool, default=True
            Whether to draw a band of two standard deviations around the function.
        line_kw : dict, optional
            Passed to `matplotlib.axes.Axes.plot` for the function.
        density_kw : dict, optional
            Passed to `matplotlib.axes.Axes.bar` or `matplotlib.axes.Axes.vlines`.

        Returns
        -------
        display : EdgeDisplay
            This object.
        """
        if density is not None and density not in DENSITIES:
            raise ValueError(f"density must be one of {DENSITIES} or None, got {density!r}.")
        ax = axes_or_new(f"{type(self).__name__}.plot", ax)
        self.ax_, self.figure_ = ax, ax.figure
        color = "C0" if self.symbol is None else "C3"
        style = {"color": color, "label": self.symbol, **(line_kw or {})}
        (self.line_,) = ax.plot(self.x, self.y, **style)
        self.band_ = None
        if show_band and self.y_std is not None:
            self.band_ = ax.fill_between(
                self.x,
                self.y - 2.0 * self.y_std,
                self.y + 2.0 * self.y_std,
                color=self.line_.get_color(),
                alpha=0.2,
                linewidth=0.0,
            )
        self.density_ = None if density is None else self._draw_density(density, density_kw or {})
        self._draw_grid(show_grid)
        ax.set_xlim(self.x[0], self.x[-1])
        ax.set_ylim(*self._limits(density is not None))
        ax.set(xlabel=self.x_name, ylabel=self.y_name)
        if self.symbol is not None:
            ax.legend()
        return self

    def _limits(self, room: bool) -> Sequence[float]:
        """Return limits that leave room for the density below the function."""
        finite = self.y[np.isfinite(self.y)]
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
        span = high - low if high - low > 1e-9 * max(abs(low), abs(high), 1e-300) else 1.0
        below = (DENSITY_SHARE + 0.05) / (0.9 - DENSITY_SHARE) if room else 0.05
        return low - below * span, high + 0.05 * span

    def _draw_density(
        self, density: str, density_kw: dict[str, Any]
    ) -> "BarContainer | LineCollection":
        # Horizontally in the units of the node, vertically in shares of the axes.
        across = self.ax_.get_xaxis_transform()
        if density == "rug":
            style = {"color": "0.4", "alpha": 0.4, "linewidth": 0.6, **density_kw}
            return self.ax_.vlines(self.data, 0.0, DENSITY_SHARE / 3, transform=across, **style)
        n_bins = int(np.clip(np.sqrt(len(self.data)), 5, 40))
        counts, ends = np.histogram(self.data, bins=n_bins)
        style = {"color": "0.8", "align": "edge", "zorder": 0.5, **density_kw}
        return self.ax_.bar(
            ends[:-1],
            DENSITY_SHARE * counts / counts.max(),
            np.diff(ends),
            transform=across,
            **style,
        )

    def _draw_grid(self, shown: bool) -> None:
        self.breakpoints_, self.border_ = None, []
        if not shown or self.breakpoints is None:
            return
        across = self.ax_.get_xaxis_transform()
        self.breakpoints_ = self.ax_.vlines(
            self.breakpoints, 0.0, 0.04, transform=across, color="0.2", linewidth=1.0, zorder=3
        )
        # The borders of the axes are set already, so that these do not widen them.
        for ends in ((self.x[0], self.breakpoints[0]), (self.breakpoints[-1], self.x[-1])):
            self.border_.append(
                self.ax_.axvspan(*ends, facecolor="0.5", alpha=0.15, linewidth=0, zorder=0)
            )


def _deviations(
    estimator: Any,
    network: Network,
    edge: tuple[int, int, int],
    values: FloatArray,
    sites: FloatArray,
) -> FloatArray | None:
    """Return the standard deviation of a spline less its mean, in the units of training."""
    layer, i, j = edge
    # What a callback is shown has a network and nothing else.
    posterior = getattr(getattr(estimator, "_state", None), "posterior", None)
    own = network.layers[layer]
    if posterior is None or not own.splined[i, j]:
        return None

    def features(nodes: FloatArray) -> FloatArray:
        by_node: FloatArray = as_dense(own.features(nodes)).reshape(len(nodes), own.n_in, -1)
        return by_node[:, i]

    # The constants of edges that meet in a node can be traded against each other.
    centred = features(sites) - features(values).mean(axis=0)
    deviations: FloatArray = posterior.edge_deviations(network, layer, i, j, centred)
    return deviations
