"""SolutionDisplay."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skkan._typing import FloatArray
from skkan.inspection.displays._matplotlib import axes_or_new, require_matplotlib
from skkan.pde._solver import KANSolver

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

KINDS = ("solution", "residual")
# Smaller values are drawn as that, relative to the largest: residuals are zero along lines.
LOG_RANGE = 1e-6


class SolutionDisplay:
    """A solution of a differential equation, or its residual, over one or two variables.

    It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    axes_values : list of ndarray of shape (n_sites,)
        Values of the variables that are drawn, one or two of them.
    values : ndarray of shape (n_curves, n_sites) or (n_first, n_second)
        Curves over one variable, or a field over two; NaN where the domain is not.
    names : list of str
        Names of the variables drawn.
    labels : list of str
        Names of the curves, or of the field.
    points : ndarray of shape (n_points, 2), optional
        Points of the equations, drawn on a field.

    Attributes
    ----------
    artists_ : list of matplotlib artists
        Lines, or the mesh.
    ax_ : matplotlib Axes
        Axes with the picture.
    figure_ : matplotlib Figure
        Figure of the axes.

    Examples
    --------
    >>> import sympy as sp
    >>> from skkan.pde import KANSolver, SolutionDisplay
    >>> t, u = sp.Symbol("t"), sp.Function("u")
    >>> decay = KANSolver(sp.Eq(u(t).diff(t), -u(t)), {t: (0, 3)}, sp.Eq(u(0), 1)).fit()
    >>> SolutionDisplay.from_estimator(decay).ax_.get_xlabel()
    't'
    """

    artists_: list[Any]
    ax_: "Axes"
    figure_: "Figure | SubFigure"

    def __init__(
        self,
        axes_values: list[FloatArray],
        values: FloatArray,
        *,
        names: list[str],
        labels: list[str],
        points: FloatArray | None = None,
    ) -> None:
        self.axes_values = axes_values
        self.values = values
        self.names = names
        self.labels = labels
        self.points = points

    @classmethod
    def from_estimator(
        cls,
        estimator: KANSolver,
        *,
        kind: str = "solution",
        output: int = 0,
        slices: ArrayLike | None = None,
        fixed: dict[Any, float] | None = None,
        show_points: bool = False,
        n_sites: int = 200,
        ax: "Axes | None" = None,
        **plot_options: Any,
    ) -> Self:
        """Draw a fitted solver.

        Parameters
        ----------
        estimator : KANSolver
            Fitted solver.
        kind : {"solution", "residual"}, default="solution"
            What to draw. The sizes of residuals are drawn on a logarithmic scale.
        output : int, default=0
            Number of the unknown or the equation, with two variables; all are drawn over one.
        slices : array-like of float, optional
            Values of the first of two variables at which to draw curves over the second, in the
            place of a field.
        fixed : dict of sympy.Symbol or str to float, optional
            Values of the variables that are not drawn; by default the middles of their ranges, of
            all but the first two.
        show_points : bool, default=False
            Whether to draw the points of the equations on a field over two variables.
        n_sites : int, default=200
            Number of sites along every variable.
        ax : matplotlib Axes, optional
            Axes to draw on. By default those of a new figure.
        **plot_options : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : SolutionDisplay
            The picture.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If a parameter makes no sense.
        TypeError
            If the estimator is no KANSolver.
        ImportError
            If Matplotlib is not installed.
        """
        require_matplotlib(f"{cls.__name__}.from_estimator")
        if not isinstance(estimator, KANSolver):
            raise TypeError(f"estimator must be a KANSolver, got {type(estimator).__name__}.")
        check_is_fitted(estimator, "n_iter_")
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}, got {kind!r}.")
        names = [str(own) for own in estimator.feature_names_in_]
        low, high = estimator.domain_.low, estimator.domain_.high
        free, middle = _free_variables(names, 0.5 * (low + high), fixed)
        axes = [np.linspace(low[k], high[k], n_sites) for k in free]
        if slices is not None:
            if len(free) != 2:
                raise ValueError("slices need two variables that are not fixed.")
            axes[0] = np.atleast_1d(np.asarray(slices, dtype=np.float64))
        mesh = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(free))
        X = np.tile(middle, (len(mesh), 1))
        X[:, free] = mesh
        inside = estimator.domain_.contains(X)
        found = estimator.predict(X) if kind == "solution" else np.abs(estimator.residual(X))
        found = np.where(inside[:, None], found.reshape(len(X), -1), np.nan)
        titles = [str(own) for own in estimator.unknowns_]
        if kind == "residual":
            titles = [f"residual {k}" for k in range(found.shape[1])]
        if len(free) == 1:
            display = cls(axes, found.T, names=[names[free[0]]], labels=titles)
        else:
            if not 0 <= output < found.shape[1]:
                raise ValueError(f"output={output!r} does not exist: there are {found.shape[1]}.")
            field = found[:, output].reshape(len(axes[0]), -1)
            if slices is not None:
                labels = [f"{names[free[0]]} = {own:g}" for own in axes[0]]
                display = cls([axes[1]], field, names=[names[free[1]]], labels=labels)
            else:
                points = estimator.points_[:, free] if show_points else None
                own_names = [names[k] for k in free]
                display = cls(axes, field, names=own_names, labels=[titles[output]], points=points)
        return display.plot(ax=ax, log_scale=kind == "residual", **plot_options)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        log_scale: bool = False,
        line_kw: dict[str, Any] | None = None,
        mesh_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Axes to draw on. By default those of a new figure.
        log_scale : bool, default=False
            Whether values are on a logarithmic scale.
        line_kw : dict, optional
            Passed to `matplotlib.axes.Axes.plot` for curves.
        mesh_kw : dict, optional
            Passed to `matplotlib.axes.Axes.pcolormesh` for fields.

        Returns
        -------
        display : SolutionDisplay
            This object.
        """
        ax = axes_or_new(f"{type(self).__name__}.plot", ax)
        self.ax_, self.figure_ = ax, ax.figure
        if len(self.axes_values) == 1:
            self.artists_ = [
                ax.plot(self.axes_values[0], own, **{"label": label, **(line_kw or {})})[0]
                for own, label in zip(self.values, self.labels, strict=True)
            ]
            ax.set(xlabel=self.names[0])
            if log_scale and np.any(self.values > 0.0):
                ax.set_yscale("log")
            ax.legend()
            return self
        options = {"shading": "nearest", "rasterized": True, **(mesh_kw or {})}
        if log_scale and np.any(self.values > 0.0):
            options.setdefault("norm", "log")
            options.setdefault("vmin", LOG_RANGE * float(np.nanmax(self.values)))
        mesh = ax.pcolormesh(self.axes_values[0], self.axes_values[1], self.values.T, **options)
        self.figure_.colorbar(mesh, ax=ax, label=self.labels[0])
        self.artists_ = [mesh]
        if self.points is not None:
            self.artists_ += ax.plot(*self.points.T, "k.", markersize=2, alpha=0.4)
        ax.set(xlabel=self.names[0], ylabel=self.names[1])
        return self


def _free_variables(
    names: list[str], middle: FloatArray, fixed: dict[Any, float] | None
) -> tuple[list[int], FloatArray]:
    """Return the numbers of the variables drawn, and values for all."""
    values = middle.copy()
    if fixed is None:
        return list(range(min(2, len(names)))), values
    given = {str(own): float(value) for own, value in fixed.items()}
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise ValueError(f"fixed has {unknown[0]!r}, which is none of {', '.join(names)}.")
    for own, value in given.items():
        values[names.index(own)] = value
    free = [k for k, own in enumerate(names) if own not in given]
    if len(free) not in {1, 2}:
        raise ValueError(f"fixed must leave one or two variables, it leaves {len(free)}.")
    return free, values
