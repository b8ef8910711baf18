"""EffectsDisplay."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skkan._typing import FloatArray
from skkan.inspection._effects import Effect, column_number, effect, interaction_effect
from skkan.inspection._explained import Explained
from skkan.inspection.displays._matplotlib import require_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL_WIDTH, PANEL_HEIGHT = 2.9, 2.4
LONGEST_LEVEL, LONGEST_NAME = 12, 28
MOST_MARKS = 300
FEW_LABELS = 12
MISSING = "missing"
# Of a Gaussian, in standard deviations: 90 % are within.
BAND = 1.645


class EffectsDisplay:
    """The effect of every column on the predictions of a fitted model.

    Use it to see at a glance what a model does with its columns, in the units of the data. Create
    it with :meth:`from_estimator`.

    Parameters
    ----------
    effects : sequence of Effect
        Effects, in the order in which they are drawn. Each has ``columns`` (names), ``sites``
        (values of the columns), ``values`` (the effect there, with a last axis over the outputs),
        ``importance`` (its standard deviation over the data, one number an output), ``data``,
        ``missing`` (the effect where there is no value), and ``deviation`` (standard deviations of
        the effect, where the network is as training has left it). Bands are 90 % of a Gaussian.
    target : int
        Number of the output that is drawn.
    target_name : str
        Its name.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure with the panels.
    axes_ : list of matplotlib Axes
        Axes of the panels, in the order of `effects`.

    See Also
    --------
    LocalDisplay : What every column adds to the prediction of one row.
    EdgeDisplay : A single edge of the network.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan import KANRegressor
    >>> from skkan.inspection import EffectsDisplay
    >>> X = np.random.default_rng(0).uniform(-1, 1, size=(200, 2))
    >>> model = KANRegressor((), random_state=0).fit(X, X[:, 0] ** 2 + X[:, 1])
    >>> EffectsDisplay.from_estimator(model, X)
    EffectsDisplay of y over x1, x0
    """

    def __init__(self, effects: Sequence[Effect], *, target: int, target_name: str) -> None:
        self.effects = list(effects)
        self.target = target
        self.target_name = target_name

    def __repr__(self) -> str:
        shown = ", ".join(" x ".join(own.columns) for own in self.effects)
        return f"{type(self).__name__} of {self.target_name} over {shown}"

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike | None = None,
        features: Sequence[Any] | None = None,
        *,
        target: int | str = 0,
        feature_names: ArrayLike | None = None,
        target_names: ArrayLike | None = None,
        **plot_options: Any,
    ) -> Self:
        """Draw the effects of the columns.

        Parameters
        ----------
        estimator : estimator
            Fitted `KANRegressor` or `KANClassifier`, a pipeline that ends in one, or a search.
        X : array-like of shape (n_samples, n_features), optional
            Data as `estimator` takes them, for a pipeline before its steps. By default the rows
            of the training data that the estimator keeps.
        features : sequence, optional
            What to draw: columns by number or name, and pairs of them for what two columns do
            beyond their single effects. By default all columns, the most important first.
        target : int or str, default=0
            Output to draw, by number, name or class label.
        feature_names : array-like of str of shape (n_features,), optional
            Names of the columns of `X`.
        target_names : array-like of str of shape (n_outputs,), optional
            Names of the outputs.
        **plot_options : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : EffectsDisplay
            The picture.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator is none of this package.
        ValueError
            If `X`, the names, `features` or `target` do not fit the estimator.
        ImportError
            If Matplotlib is not installed.
        """
        require_matplotlib(f"{cls.__name__}.from_estimator")
        model = Explained.of(estimator, X, feature_names, target_names)
        output, names = model.output_number(target), model.table.names
        if features is None:
            effects = [_one(model, j) for j in range(len(names))]
            effects.sort(key=lambda own: -float(own.importance[output]))
        else:
            effects = [_one(model, own) for own in features]
        if not effects:
            raise ValueError("features is empty; give at least one column or pair of columns.")
        display = cls(effects, target=output, target_name=model.output_names[output])
        return display.plot(**plot_options)

    def plot(
        self,
        *,
        n_columns: int | None = None,
        figure: "Figure | None" = None,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw one panel per effect.

        Parameters
        ----------
        n_columns : int, optional
            Panels in a row; by default as many as make the picture about square, at most 6.
        figure : matplotlib Figure or SubFigure, optional
            Where to draw. By default a new figure.
        line_kw : dict, optional
            Passed to `matplotlib.axes.Axes.plot` for the curves.

        Returns
        -------
        display : EffectsDisplay
            This object.
        """
        plt = require_matplotlib(f"{type(self).__name__}.plot")
        count = len(self.effects)
        across = n_columns or min(6, int(np.ceil(np.sqrt(1.5 * count))))
        across = max(1, min(across, count))
        down = -(-count // across)
        if figure is None:
            size = (PANEL_WIDTH * across, PANEL_HEIGHT * down)
            figure = plt.figure(figsize=size, layout="constrained")
        axes = figure.subplots(down, across, squeeze=False).ravel().tolist()
        for ax in axes[count:]:
            ax.remove()
        self.figure_, self.axes_ = figure, axes[:count]
        low, high = self._limits()
        for ax, own in zip(self.axes_, self.effects, strict=True):
            if len(own.columns) == 2:
                self._draw_map(ax, own)
                continue
            self._draw_curve(ax, own, line_kw or {})
            ax.set_ylim(low, high)
        figure.supylabel(f"effect on {self.target_name}")
        return self

    def _limits(self) -> tuple[float, float]:
        """Return common limits of all curves, so that they can be compared."""
        single = [own for own in self.effects if len(own.columns) == 1]
        curves = [own.values[:, self.target] for own in single]
        curves += [own.missing[[self.target]] for own in single if own.missing is not None]
        for own in single:
            values, missing, band = self._of_target(own)
            if band is not None:
                middles = values if missing is None else np.append(values, missing)
                curves += [middles - band, middles + band]
        values = np.concatenate(curves) if curves else np.zeros(1)
        low, high = float(values.min()), float(values.max())
        span = max(high - low, 1e-12 * max(abs(low), abs(high), 1.0))
        return low - 0.14 * span, high + 0.06 * span

    def _of_target(self, own: Effect) -> tuple[FloatArray, float | None, FloatArray | None]:
        """Return values, that of missing ones, and half the widths of the bands."""
        missing = None if own.missing is None else float(own.missing[self.target])
        band = None if own.deviation is None else BAND * own.deviation[:, self.target]
        return own.values[:, self.target], missing, band

    def _draw_curve(self, ax: "Axes", own: Effect, line_kw: dict[str, Any]) -> None:
        ax.axhline(0.0, color="0.8", linewidth=0.8, zorder=0)
        if own.is_discrete:
            self._draw_bars(ax, own)
        else:
            self._draw_line(ax, own, line_kw)
        ax.set_xlabel(_short(own.columns[0], LONGEST_NAME))

    def _draw_bars(self, ax: "Axes", own: Effect) -> None:
        values, missing, band = self._of_target(own)
        labels = [_short(_shown(v), LONGEST_LEVEL) for v in own.sites[0]]
        colors = ["C0"] * len(values)
        if missing is not None:
            values, labels, colors = np.append(values, missing), [*labels, MISSING], [*colors, "C1"]
        places = np.arange(len(values))
        ax.bar(places, values, color=colors, width=0.7)
        if band is not None:
            ax.errorbar(places, values, band, fmt="none", ecolor="0.3", elinewidth=0.8)
        upright = sum(map(len, labels)) + 2 * len(labels) > 24
        size = 8 if len(labels) <= FEW_LABELS else 6
        ax.set_xticks(places, labels, rotation=90 if upright else 0, fontsize=size)

    def _draw_line(self, ax: "Axes", own: Effect, line_kw: dict[str, Any]) -> None:
        sites, (values, missing, band) = own.sites[0], self._of_target(own)
        if band is not None:
            low, high = values - band[: len(sites)], values + band[: len(sites)]
            ax.fill_between(sites, low, high, color="C0", alpha=0.2, linewidth=0.0)
        ax.plot(sites, values, **{"color": "C0", **line_kw})
        if missing is not None:
            # Beyond the values that there are, so that it is none of them.
            place = sites[-1] + 0.1 * (sites[-1] - sites[0])
            width = None if band is None else band[-1:]
            style: dict[str, Any] = {"fmt": "D", "color": "C1", "markersize": 4, "label": MISSING}
            ax.errorbar([place], [missing], width, elinewidth=0.8, **style)
            ax.legend(loc="best", fontsize=7, frameon=False, handletextpad=0.1)
        assert own.data is not None
        marks = own.data[:: max(1, len(own.data) // MOST_MARKS)]
        across = ax.get_xaxis_transform()
        ax.vlines(marks, 0.0, 0.05, transform=across, color="0.3", alpha=0.3, linewidth=0.6)
        ax.locator_params(axis="x", nbins=5)
        ax.tick_params(labelsize=8)

    def _draw_map(self, ax: "Axes", own: Effect) -> None:
        values = own.values[:, :, self.target]
        largest = max(float(np.abs(values).max()), 1e-300)
        style: dict[str, Any] = {
            "cmap": "RdBu_r",
            "vmin": -largest,
            "vmax": largest,
            "shading": "nearest",
        }
        places = [s if np.issubdtype(s.dtype, np.number) else np.arange(len(s)) for s in own.sites]
        mesh = ax.pcolormesh(places[0], places[1], values.T, **style)
        ax.figure.colorbar(mesh, ax=ax)
        for axis, sites, place in zip((ax.xaxis, ax.yaxis), own.sites, places, strict=True):
            if not np.issubdtype(sites.dtype, np.number):
                axis.set_ticks(place, [_short(_shown(v), LONGEST_LEVEL) for v in sites])
        ax.set(
            xlabel=_short(own.columns[0], LONGEST_NAME), ylabel=_short(own.columns[1], LONGEST_NAME)
        )


def _one(model: Explained, feature: Any) -> Effect:
    """Return the effect of a column, or of a pair of columns."""
    names = model.table.names
    if isinstance(feature, (tuple, list)):
        pair = [column_number(names, own) for own in feature]
        if len(set(pair)) != 2 or len(pair) != 2:
            raise ValueError(f"features has {feature!r}, which is no pair of different columns.")
        return interaction_effect(model.outputs, model.table, *pair)
    spread = model.deviations if model.knows_deviations else None
    j = column_number(names, feature)
    return effect(model.outputs, model.table, j, spread, model.is_additive)


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (float, np.floating)) else str(value)


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}\N{HORIZONTAL ELLIPSIS}"
