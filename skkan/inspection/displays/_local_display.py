"""LocalDisplay."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skkan._typing import FloatArray
from skkan.inspection._effects import contributions
from skkan.inspection._explained import Explained
from skkan.inspection.displays._effects_display import LONGEST_NAME, _short, _shown
from skkan.inspection.displays._matplotlib import axes_or_new, require_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class LocalDisplay:
    """What every column adds to the prediction of one row.

    Use it to explain a single prediction. Create it with :meth:`from_estimator`.

    Parameters
    ----------
    names : list of str
        Names of the columns.
    values : list
        Values of the columns in the row.
    contributions : ndarray of shape (n_features,)
        What the columns add; with `mean` they sum to the prediction, for a classifier to its
        log-odds.
    mean : float
        Mean output over the data.
    target_name : str
        Name of the output.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the bars.
    figure_ : matplotlib Figure
        Figure with the axes.

    Notes
    -----
    The contributions are Shapley values, exact for additive models and sampled from 16 orders of
    the columns otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan import KANRegressor
    >>> from skkan.inspection import LocalDisplay
    >>> X = np.random.default_rng(0).uniform(-1, 1, size=(200, 2))
    >>> model = KANRegressor((), random_state=0).fit(X, X[:, 0] ** 2 + X[:, 1])
    >>> display = LocalDisplay.from_estimator(model, X[:1], X)
    >>> total = display.mean + display.contributions.sum()
    >>> bool(np.isclose(total, model.predict(X[:1])[0]))
    True
    """

    def __init__(
        self,
        names: list[str],
        values: list[Any],
        contributions: FloatArray,
        mean: float,
        target_name: str,
    ) -> None:
        self.names = names
        self.values = values
        self.contributions = contributions
        self.mean = mean
        self.target_name = target_name

    def __repr__(self) -> str:
        total = self.mean + float(self.contributions.sum())
        return f"{type(self).__name__} of {self.target_name} = {total:.6g}"

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        row: ArrayLike,
        X: ArrayLike | None = None,
        *,
        target: int | str = 0,
        feature_names: ArrayLike | None = None,
        target_names: ArrayLike | None = None,
        random_state: int = 0,
        ax: "Axes | None" = None,
        **plot_options: Any,
    ) -> Self:
        """Explain a row.

        Parameters
        ----------
        estimator : estimator
            Fitted `KANRegressor` or `KANClassifier`, a pipeline that ends in one, or a search.
        row : array-like of shape (1, n_features)
            The row to explain, in the form of `X`.
        X : array-like of shape (n_samples, n_features), optional
            Data that the row is compared with, as `estimator` takes them. By default the rows of
            the training data that the estimator keeps.
        target : int or str, default=0
            Output to explain, by number, name or class label.
        feature_names, target_names : array-like of str, optional
            Names of the columns of `X` and of the outputs.
        random_state : int, default=0
            Seed of the orders of the columns.
        ax : matplotlib Axes, optional
            Axes to draw on. By default those of a new figure.
        **plot_options : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : LocalDisplay
            The picture.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `row` is not one row, or data, names or `target` do not fit the estimator.
        ImportError
            If Matplotlib is not installed.
        """
        require_matplotlib(f"{cls.__name__}.from_estimator")
        model = Explained.of(estimator, X, feature_names, target_names)
        one = Explained.of(estimator, row, model.table.names, target_names).table
        if one.n_rows != 1:
            raise ValueError(f"row must have one row, got {one.n_rows}; give X[i : i + 1].")
        output = model.output_number(target)
        rng = np.random.default_rng(random_state)
        parts, mean = contributions(model.outputs, model.table, one, rng)
        names = model.table.names
        values = [one.column(j)[0] for j in range(len(names))]
        name = model.output_names[output]
        display = cls(names, values, parts[:, output], float(mean[output]), name)
        return display.plot(ax=ax, **plot_options)

    def plot(self, ax: "Axes | None" = None, *, max_features: int = 12) -> Self:
        """Draw a bar per column, the largest contributions first.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Axes to draw on. By default those of a new figure.
        max_features : int, default=12
            Number of bars; the last one stands for all other columns.

        Returns
        -------
        display : LocalDisplay
            This object.
        """
        ax = axes_or_new(f"{type(self).__name__}.plot", ax)
        self.ax_, self.figure_ = ax, ax.figure
        order = np.argsort(-np.abs(self.contributions))
        shown = order if len(order) <= max_features else order[: max(max_features - 1, 1)]
        labels = [
            f"{_short(self.names[j], LONGEST_NAME)} = {_short(_shown(self.values[j]), 12)}"
            for j in shown
        ]
        sizes = self.contributions[shown]
        if len(shown) < len(order):
            labels.append(f"{len(order) - len(shown)} other columns")
            sizes = np.append(sizes, self.contributions[order[len(shown) :]].sum())
        places = np.arange(len(labels))[::-1]
        ax.barh(places, sizes, color=["C3" if size > 0.0 else "C0" for size in sizes])
        ax.axvline(0.0, color="0.3", linewidth=0.8)
        ax.set_yticks(places, labels)
        total = self.mean + float(self.contributions.sum())
        ax.set_xlabel(f"contribution to {self.target_name}")
        ax.set_title(f"{self.target_name} = {total:.4g}, on average {self.mean:.4g}", fontsize=10)
        return self
