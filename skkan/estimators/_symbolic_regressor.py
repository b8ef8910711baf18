"""KANSymbolicRegressor."""

from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from skkan._typing import FloatArray
from skkan.data._samples import canonical_rows
from skkan.estimators._regressor import KANRegressor
from skkan.estimators._rollback import restored_on_failure
from skkan.network._hidden_layers import LayerSize, parsed, written
from skkan.symbolic.export._equation_table import EquationTable
from skkan.symbolic.export._formula import FormulaFunction, rounded
from skkan.symbolic.export._names import valid_names
from skkan.symbolic.library._symbols import get_symbol, search_symbols
from skkan.symbolic.search._equation_rows import function_of
from skkan.symbolic.search._search import Search, SearchSettings
from skkan.training._progress import CallbackSupportMixin, Progress

AUTO_SHAPES: tuple[tuple[LayerSize, ...], ...] = (
    (),
    (1,),
    ((0, 1),),
    (2,),
    (3,),
    (2, 1),
)


class KANSymbolicRegressor(RegressorMixin, CallbackSupportMixin, BaseEstimator):
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
    hidden_layer_sizes : "auto" or list of array-like, default="auto"
        Shapes to try, as in :class:`KANRegressor`, the simplest first. ``"auto"`` is
        ``[(), (1,), ((0, 1),), (2,), (3,), (2, 1)]``, the third of which is a product of two sums.
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
        Whether to print a line per network trained, for the formulas found in it, and for the
        division.

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

    Notes
    -----
    A keyboard interrupt ends the search with a warning and leaves the best formulas so far, or the
    network that is being trained if it is the first; before there is one, it is raised. A callback
    of scikit-learn that asks to stop ends the search as well, with what it has been shown.

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

    network_: KANRegressor
    equations_: EquationTable
    best_: dict[str, Any]
    n_iter_: int

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

        Warns
        -----
        UserWarning
            If a keyboard interrupt has ended the search.
        """
        shapes = self._shapes()
        symbols = (
            search_symbols() if self.symbols is None else [get_symbol(s) for s in self.symbols]
        )
        if not symbols:
            raise ValueError("symbols must name at least one function, got an empty list.")
        seed = check_random_state(self.random_state).randint(2**31)
        with restored_on_failure(self):
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
            progress = Progress(self, lambda outcome: outcome, X, y, sample_weight)
            settings = SearchSettings(
                *(shapes, symbols, self._names(), self._model(seed)),
                weight_simple=float(self.weight_simple),
                tolerance=float(self.tolerance),
                divide=bool(self.divide),
            )
            outcome = Search((inputs, column[:, 0], weight), settings, progress).run()
            self.__dict__.update(outcome)
            progress.close(outcome)
        return self

    def _model(self, seed: int) -> KANRegressor:
        return KANRegressor(
            grid_size=self.grid_size,
            n_restarts=self.n_restarts,
            max_iter=self.max_iter,
            random_state=seed,
            n_jobs=self.n_jobs,
        )

    def _shapes(self) -> list[tuple[LayerSize, ...]]:
        if isinstance(self.hidden_layer_sizes, str):
            return list(AUTO_SHAPES)
        shapes = []
        for own in self.hidden_layer_sizes:
            try:
                shapes.append(written(parsed(own)))
            except (TypeError, ValueError) as error:
                raise ValueError(
                    "hidden_layer_sizes must be 'auto' or a list of shapes such as "
                    f"[(), (2,), ((0, 1),)], got {self.hidden_layer_sizes!r}: {own!r} is no shape, "
                    "which is a sequence with an entry per hidden layer, a number of sum nodes or "
                    "a pair of numbers of sum and product nodes."
                ) from error
        if not shapes:
            raise ValueError("hidden_layer_sizes must hold at least one shape, got an empty list.")
        return shapes

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
