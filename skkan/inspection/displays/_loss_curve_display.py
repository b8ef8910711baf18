"""LossCurveDisplay."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skkan.inspection._edges import fitted_network
from skkan.inspection._fitted import last_step
from skkan.inspection.displays._matplotlib import axes_or_new, require_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D


class LossCurveDisplay:
    """The objective by iteration of a fit.

    It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    loss_curve : array-like of shape (n_iter,)
        Objective, loss plus penalty, after every iteration.
    validation_loss_curve : array-like of shape (n_iter,), optional
        Loss of the held-out samples.
    estimator_name : str, optional
        Name in the legend.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The objective.
    validation_line_ : matplotlib Line2D or None
        Loss of the held-out samples.
    ax_ : matplotlib Axes
        Axes with the picture.
    figure_ : matplotlib Figure
        Figure of the axes.

    Notes
    -----
    The objective rises where a grid moves or, with ``alpha="auto"``, where the weights change.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan import KANRegressor
    >>> from skkan.inspection import LossCurveDisplay
    >>> X = np.linspace(-1.0, 1.0, 100)[:, None]
    >>> model = KANRegressor((), random_state=0).fit(X, np.sin(3.0 * X[:, 0]))
    >>> display = LossCurveDisplay.from_estimator(model)
    >>> display.ax_.get_yscale()
    'log'
    """

    line_: "Line2D"
    validation_line_: "Line2D | None"
    ax_: "Axes"
    figure_: "Figure | SubFigure"

    def __init__(
        self,
        loss_curve: ArrayLike,
        validation_loss_curve: ArrayLike | None = None,
        *,
        estimator_name: str | None = None,
    ) -> None:
        self.loss_curve = np.asarray(loss_curve, dtype=np.float64)
        self.validation_loss_curve = (
            None
            if validation_loss_curve is None
            else np.asarray(validation_loss_curve, dtype=np.float64)
        )
        self.estimator_name = estimator_name

    def __repr__(self) -> str:
        curve = self.loss_curve
        return f"{type(self).__name__} of {len(curve)} iterations" + (
            f", the last with {curve[-1]:.3g}" if len(curve) else ""
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        name: str | None = None,
        ax: "Axes | None" = None,
        **plot_options: Any,
    ) -> Self:
        """Draw the loss curve of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted `KANRegressor` or `KANClassifier`; a pipeline that ends in one; a search whose
            best estimator is one; or a `KANSymbolicRegressor`, for its network.
        name : str, optional
            Name in the legend, to tell several fits on the same axes apart.
        ax : matplotlib Axes, optional
            Axes to draw on. By default those of a new figure.
        **plot_options : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : LossCurveDisplay
            The picture.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator is none of this package.
        ImportError
            If Matplotlib is not installed.
        """
        require_matplotlib(f"{cls.__name__}.from_estimator")
        estimator = last_step(estimator)
        fitted_network(estimator)
        held_out = getattr(estimator, "validation_loss_curve_", None)
        display = cls(estimator.loss_curve_, held_out, estimator_name=name)
        return display.plot(ax=ax, **plot_options)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        log_scale: bool = True,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the loss curve.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Axes to draw on. By default those of a new figure.
        log_scale : bool, default=True
            Whether losses are on a logarithmic scale. Those that are not positive are left out of
            it; if none is positive, the scale is linear.
        line_kw : dict, optional
            Passed to `matplotlib.axes.Axes.plot` for both curves.

        Returns
        -------
        display : LossCurveDisplay
            This object.
        """
        ax = axes_or_new(f"{type(self).__name__}.plot", ax)
        self.ax_, self.figure_ = ax, ax.figure
        prefix = "" if self.estimator_name is None else f"{self.estimator_name}: "
        self.line_ = self._draw(self.loss_curve, f"{prefix}objective", line_kw or {})
        self.validation_line_ = None
        curves: Sequence[Any] = [self.loss_curve]
        if self.validation_loss_curve is not None:
            # The two belong together, which colours of their own would not show.
            style = {"color": self.line_.get_color(), **(line_kw or {}), "linestyle": "--"}
            self.validation_line_ = self._draw(
                self.validation_loss_curve, f"{prefix}loss of held-out samples", style
            )
            curves = [self.loss_curve, self.validation_loss_curve]
        if log_scale and any(np.any(curve > 0.0) for curve in curves):
            ax.set_yscale("log", nonpositive="mask")
        ax.set(xlabel="iteration", ylabel="loss")
        ax.legend()
        return self

    def _draw(self, curve: Any, label: str, style: dict[str, Any]) -> "Line2D":
        (line,) = self.ax_.plot(np.arange(1, len(curve) + 1), curve, **{"label": label, **style})
        return line
