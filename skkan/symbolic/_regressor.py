"""KANSymbolicRegressor."""

import math
import warnings
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from skkan._data import TrainingData, canonical_rows
from skkan._losses import SquaredLoss
from skkan._regressor import KANRegressor
from skkan._typing import FloatArray
from skkan.symbolic._discovery import divided_formulas, is_explained
from skkan.symbolic._equations import EquationTable, front
from skkan.symbolic._export import FormulaFunction, rounded, valid_names
from skkan.symbolic._library import get_symbol, search_symbols
from skkan.symbolic._recognition import Recogniser, nondominated
from skkan.symbolic._rows import constant_row, function_of, mean_square, tidied_row
from skkan.symbolic._simplify import simplify

AUTO_SHAPES: tuple[tuple[int, ...], ...] = ((), (1,), (2,), (3,), (2, 1))
THRESHOLDS = ((1e-2, 3e-2), (1e-3, 1e-3))
# A larger network, or one with fewer edges, is as good as another within these factors of loss.
BETTER, NO_WORSE = 0.9, 1.1
ROUNDING = 1e-9
MAX_ROWS = 2000
# Formulas to simplify per shape.
N_SIMPLIFIED = 6


class KANSymbolicRegressor(RegressorMixin, BaseEstimator):
    """Symbolic regression by Kolmogorov-Arnold networks.

    Networks of growing shape are trained and pruned. Their edges become known functions one after
    the other, each chosen for what it does to the whole network; then the constants are fitted
    until only rounding is left, and made nice where the data allow it.

    Besides, the problem is divided into smaller ones: where two inputs act through their
    difference, product, quotient or the like, where the target or a function of it is a sum or a
    product, and where it is affine in a function of one input. The search ends with a formula
    that leaves nothing but rounding or noise.

    Parameters
    ----------
    hidden_layer_sizes : "auto" or list of array-like of int, default="auto"
        Shapes to try, as in :class:`KANRegressor`, the simplest first. ``"auto"`` is
        ``[(), (1,), (2,), (3,), (2, 1)]``.
    symbols : iterable of str, Symbol or sympy.Expr, optional
        Functions for the edges, by default the library.
    weight_simple : float, default=0.8
        What simplicity counts in the choice of functions, from 0 to 1.
    tolerance : float, default=0.25
        Share by which the mean squared error of the best formula may exceed that of the network
        on the training data if what it leaves is noise; otherwise the formula has to be as good
        as the network. Where none is, the network itself predicts.
    divide : bool, default=True
        Whether to divide the problem, once the first shape is done.
    grid_size : int or array-like of int, default=(5, 10, 20)
        Grid intervals of the networks.
    n_restarts : int, default=8
        Random starts for every shape.
    max_iter : int, default=1000
        Largest number of solver iterations for every network.
    random_state : int, RandomState instance or None, default=None
        Source of the random starts.
    n_jobs : int, default=None
        Number of threads for the starts.
    verbose : int or bool, default=0
        Whether to print a line per shape.

    Attributes
    ----------
    equations_ : EquationTable
        The formulas that no simpler one matches in accuracy, the simplest first: rows of
        ``complexity`` (operations, variables and constants), ``loss`` (mean squared error on the
        training data), ``score`` (by how much the logarithm of the loss falls per complexity, from
        the row before), ``equation`` (a SymPy expression) and ``shape`` (of the network before
        pruning; None for formulas found by division).
    best_ : dict
        The row with the best balance of likelihood and complexity among those that are as good as
        the network, see `tolerance`; if there is none, a row for the network, whose ``equation`` is
        ``"network"``.
    network_ : KANRegressor
        The network that the formulas have to match, pruned.
    n_iter_ : int
        Number of solver iterations of the networks that were tried, those since pruning.
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if `X` has names that are all strings.

    See Also
    --------
    KANRegressor : The network, whose edges can be made symbolic one by one.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan import KANSymbolicRegressor
    >>> X = np.random.default_rng(0).uniform(-1, 1, size=(200, 2))
    >>> y = X[:, 0] ** 2 + 0.5 * X[:, 1]
    >>> KANSymbolicRegressor(random_state=0).fit(X, y).sympy()
    x0**2 + x1/2
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": [StrOptions({"auto"}), list, tuple],
        "symbols": ["array-like", list, tuple, set, None],
        "weight_simple": [Interval(Real, 0, 1, closed="both")],
        "tolerance": [Interval(Real, 0, None, closed="left")],
        "divide": ["boolean"],
        "grid_size": ["array-like", Interval(Integral, 1, None, closed="left")],
        "n_restarts": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        hidden_layer_sizes: str | Sequence[ArrayLike] = "auto",
        *,
        symbols: Iterable[Any] | None = None,
        weight_simple: float = 0.8,
        tolerance: float = 0.25,
        divide: bool = True,
        grid_size: int | ArrayLike = (5, 10, 20),
        n_restarts: int = 8,
        max_iter: int = 1000,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: int | bool = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.symbols = symbols
        self.weight_simple = weight_simple
        self.tolerance = tolerance
        self.divide = divide
        self.grid_size = grid_size
        self.n_restarts = n_restarts
        self.max_iter = max_iter
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Search for formulas.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        y : array-like of shape (n_samples,)
            Target.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights.

        Returns
        -------
        self : KANSymbolicRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If parameters or data cannot be used.
        """
        shapes = self._shapes()
        symbols = (
            search_symbols() if self.symbols is None else [get_symbol(s) for s in self.symbols]
        )
        if not symbols:
            raise ValueError("symbols must name at least one function, got an empty list.")
        inputs, target = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        weight = _check_sample_weight(
            sample_weight, inputs, dtype=np.float64, ensure_non_negative=True
        )
        used = weight > 0.0
        if not used.any():
            raise ValueError(
                "sample_weight is zero for all samples; at least one must be positive."
            )
        target = np.asarray(target, dtype=np.float64)
        inputs, column, weight = canonical_rows(inputs[used], target[used, None], weight[used])
        seed = check_random_state(self.random_state).randint(2**31)
        self._search(shapes, symbols, (inputs, column[:, 0], weight), seed)
        return self

    def _shapes(self) -> list[tuple[int, ...]]:
        if isinstance(self.hidden_layer_sizes, str):
            return list(AUTO_SHAPES)
        shapes = []
        for own in self.hidden_layer_sizes:
            sizes = np.atleast_1d(np.asarray(own, dtype=object)).tolist()
            if not all(isinstance(s, Integral) and int(s) >= 1 for s in sizes):
                raise ValueError(
                    "hidden_layer_sizes must be 'auto' or a list of shapes such as [(), (2,)], got "
                    f"{self.hidden_layer_sizes!r}."
                )
            shapes.append(tuple(int(size) for size in sizes))
        if not shapes:
            raise ValueError("hidden_layer_sizes must hold at least one shape, got an empty list.")
        return shapes

    def _search(
        self,
        shapes: Sequence[tuple[int, ...]],
        symbols: Sequence[Any],
        samples: tuple[FloatArray, FloatArray, FloatArray],
        seed: int,
    ) -> None:
        X, y, weight = samples
        share = weight / weight.sum()
        variance = float(share @ (y - share @ y) ** 2)
        rounding = variance * ROUNDING**2
        best: Any = None
        lowest, rows = math.inf, [constant_row(y, share, self.n_features_in_)]
        self.n_iter_ = 0
        for sizes in shapes:
            model = self._trained(sizes, samples, seed)
            self.n_iter_ += model.n_iter_
            error = mean_square(model.predict(X) - y, share)
            least = min(row["loss"] for row in rows)
            if best is None or error < BETTER * lowest:
                best, lowest = model, error
            elif least <= self._limit(lowest, rounding):
                # More nodes have nothing to add, to the network or to its formula.
                continue
            if variance > 0.0:
                rows += self._formulas(model, samples, symbols, error / variance)
            least = min(row["loss"] for row in rows)
            if self.verbose:
                print(
                    f"[{type(self).__name__}] shape {(X.shape[1], *sizes, 1)}: loss of the network "
                    f"{error:.3g}, of the best formula {least:.3g}",
                    flush=True,
                )
            if least <= max(rounding, 1e-300):
                break
            if sizes == shapes[0] and self.divide and variance > 0.0:
                if self._explained(rows, samples):
                    continue
                rows += self._divided(samples, symbols)
                if self._explained(rows, samples):
                    break
        self.network_: Any = best
        self.equations_ = EquationTable(front(rows, rounding))
        self._choose(samples, lowest, rounding)

    def _explained(
        self,
        rows: Sequence[dict[str, Any]],
        samples: tuple[FloatArray, FloatArray, FloatArray],
    ) -> bool:
        """Tell whether the most accurate of the formulas leaves nothing but noise."""
        X, y, weight = samples
        best = min(rows, key=lambda row: row["loss"])
        return is_explained(X, y, self._function(best["equation"])(X), weight)

    def _divided(
        self, samples: tuple[FloatArray, FloatArray, FloatArray], symbols: Sequence[Any]
    ) -> list[dict[str, Any]]:
        """Return rows for the formulas found by dividing the problem."""
        found = divided_formulas(*samples, symbols, self._names())
        rows = [tidied_row(own, self._names(), samples, None) for own in found]
        if self.verbose and rows:
            least = min(row["loss"] for row in rows)
            print(
                f"[{type(self).__name__}] division: loss of the best formula {least:.3g}",
                flush=True,
            )
        return [row for row in rows if math.isfinite(row["loss"])]

    def _trained(
        self,
        sizes: tuple[int, ...],
        samples: tuple[FloatArray, FloatArray, FloatArray],
        seed: int,
    ) -> Any:
        """Return a trained network, without the edges that it does not need."""
        X, y, weight = samples
        model = KANRegressor(
            sizes,
            grid_size=self.grid_size,
            n_restarts=self.n_restarts,
            max_iter=self.max_iter,
            random_state=seed,
            n_jobs=self.n_jobs,
        )
        with warnings.catch_warnings():
            # What counts is the formula; it is fitted to convergence by itself.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y, weight)
            share = weight / weight.sum()
            before = mean_square(model.predict(X) - y, share)
            for nodes, edges in THRESHOLDS:
                try:
                    small = model.prune(nodes, edges).refit(X, y, weight)
                except ValueError:
                    continue
                rounding = ROUNDING**2 * float(share @ y**2)
                if mean_square(small.predict(X) - y, share) <= NO_WORSE * before + rounding:
                    return small
        return model

    def _formulas(
        self,
        model: Any,
        samples: tuple[FloatArray, FloatArray, FloatArray],
        symbols: Sequence[Any],
        unexplained: float,
    ) -> list[dict[str, Any]]:
        """Return rows for the formulas found in a network."""
        X, y, weight = samples
        few = np.unique(np.linspace(0, len(X) - 1, MAX_ROWS).astype(int))
        network = model.network_
        data = TrainingData.of(X[few], y[few, None], weight[few], network.scaling)
        recogniser = Recogniser(
            data, X[few], model._penalty, symbols, self.weight_simple, 0.5 * unexplained
        )
        recogniser.run(network)
        names = self._names()
        rows = []
        for candidate in nondominated(recogniser.found)[-N_SIMPLIFIED:]:
            try:
                formula = simplify(
                    candidate.network, X, y[:, None], SquaredLoss(), names, weight
                ).expression
            except ValueError:
                # It is not defined on the samples left out, or too large to print.
                continue
            row = tidied_row(formula, names, samples, (X.shape[1], *_sizes(model), 1))
            if math.isfinite(row["loss"]):
                rows.append(row)
        return rows

    def _limit(self, network_loss: float, rounding: float) -> float:
        return (1.0 + self.tolerance) * network_loss + rounding

    def _choose(
        self,
        samples: tuple[FloatArray, FloatArray, FloatArray],
        network_loss: float,
        rounding: float,
    ) -> None:
        """Set `best_`."""
        limit, count = self._limit(network_loss, rounding), float(samples[2].sum())
        good = [
            row
            for row in self.equations_
            if row["loss"] <= network_loss + rounding
            or (row["loss"] <= limit and self._explained([row], samples))
        ]
        if good:
            floor = max(rounding, 1e-300)
            self.best_ = min(
                good,
                key=lambda row: (
                    count * math.log(max(row["loss"], floor))
                    + row["complexity"] * math.log(max(count, 2.0))
                ),
            )
        else:
            self.best_ = {
                "complexity": self.network_.network_.n_parameters,
                "loss": network_loss,
                "score": 0.0,
                "equation": "network",
                "shape": (self.n_features_in_, *_sizes(self.network_), 1),
            }

    def _names(self) -> list[str]:
        names = getattr(self, "feature_names_in_", None)
        return valid_names(
            [f"x{i}" for i in range(self.n_features_in_)] if names is None else names
        )

    def _function(self, formula: Any) -> FormulaFunction:
        return function_of(formula, self._names())

    def _row(self, index: Any) -> dict[str, Any]:
        check_is_fitted(self)
        if index is None:
            return self.best_
        count = len(self.equations_)
        whole = isinstance(index, Integral) and not isinstance(index, bool)
        if not whole or not -count <= index < count:
            raise ValueError(
                f"index must be None or a row of equations_, which has {count}, got {index!r}."
            )
        return self.equations_[int(index)]

    def sympy(self, index: int | None = None) -> Any:
        """Return a formula.

        Parameters
        ----------
        index : int, optional
            Row of ``equations_``, by default the best formula.

        Returns
        -------
        formula : sympy.Expr
            The formula; that of the splines, if the best is the network.

        Raises
        ------
        ValueError
            If there is no such row, or the formula of the splines is too large to print.
        """
        equation = self._row(index)["equation"]
        if not isinstance(equation, str):
            return equation
        import sympy  # noqa: PLC0415

        own = [sympy.Symbol(f"x{i}") for i in range(self.n_features_in_)]
        new = [sympy.Symbol(name) for name in self._names()]
        return self.network_.to_sympy().xreplace(dict(zip(own, new, strict=True)))

    def latex(self, index: int | None = None, *, digits: int | None = 4) -> str:
        """Return a formula in LaTeX.

        Parameters
        ----------
        index : int, optional
            Row of ``equations_``, by default the best formula.
        digits : int or None, default=4
            Significant digits of the constants that are not exact; None for all of them.

        Returns
        -------
        latex : str
            The formula.
        """
        import sympy  # noqa: PLC0415

        return str(sympy.latex(rounded(self.sympy(index), digits)))

    def predict(self, X: ArrayLike, index: int | None = None) -> FloatArray:
        """Predict by a formula.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        index : int, optional
            Row of ``equations_``, by default the best formula.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Predictions.

        Raises
        ------
        ValueError
            If there is no such row, or the formula is not defined at a sample.
        """
        row = self._row(index)
        inputs = validate_data(self, X, dtype=np.float64, reset=False)
        if isinstance(row["equation"], str):
            predicted: FloatArray = self.network_.predict(inputs)
            return predicted
        out = self._function(row["equation"])(inputs)
        if not np.isfinite(out).all():
            bad = int(np.argmin(np.isfinite(out)))
            raise ValueError(
                f"the formula is not finite for sample {bad} of X, beyond the training data. "
                "Remove the sample, choose another row by index, or use network_.predict."
            )
        return out

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "best_")


def _sizes(model: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in model.hidden_layer_sizes)
