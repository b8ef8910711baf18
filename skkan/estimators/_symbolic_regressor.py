"""KANSymbolicRegressor."""

import math
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
from skkan.data._weights import in_range, unit_of_weights, without_common_factor
from skkan.estimators._regressor import KANRegressor
from skkan.estimators._rollback import restored_on_failure
from skkan.estimators._stored_state import StoredStateMixin
from skkan.symbolic.division._conditions import parsed_conditions
from skkan.symbolic.export._equation_table import EquationTable
from skkan.symbolic.export._formula import FormulaFunction, change_of, rounded
from skkan.symbolic.export._names import latex_names, valid_names
from skkan.symbolic.export._program import replaced
from skkan.symbolic.library._symbols import get_symbols
from skkan.symbolic.scaling._units import Units, parsed_units
from skkan.symbolic.search._equation_rows import function_of
from skkan.symbolic.search._search import Search
from skkan.symbolic.search._settings import SearchSettings, parsed_shapes
from skkan.symbolic.search._target_units import in_units, unit_of_targets
from skkan.training._progress import CallbackSupportMixin, Progress


class KANSymbolicRegressor(StoredStateMixin, RegressorMixin, CallbackSupportMixin, BaseEstimator):
    """Symbolic regression by Kolmogorov-Arnold networks.

    Products of powers, polynomials and their quotients are tried first. Then the problem is divided
    into smaller ones: where inputs act through products of powers, or two of them through their
    difference, product, quotient or the like, where the target or a function of it is a sum or a
    product, and where it is affine in a function of one input.

    Last, networks of growing shape are trained and pruned. Their edges become known functions one
    after the other, each chosen for what it does to the whole network. The constants of a formula
    are fitted until only rounding or noise is left; a nice constant such as ``pi / 2`` takes the
    place of a fitted one where that makes the description of the data shorter.

    Parameters
    ----------
    hidden_layer_sizes : "auto" or list of array-like, default="auto"
        Shapes to try, as in :class:`KANRegressor`, the simplest first. ``"auto"`` is
        ``[(), (1,), ((0, 1),), (2,), (3,), (2, 1)]``, the third of which is a product of two sums.
    symbols : iterable of str, Symbol, sympy.Expr or sympy.Function, optional
        Functions that formulas are made of, by default the library.
    weight_simple : float, default=0.8
        What simplicity counts in the choice of functions, from 0 to 1.
    tolerance : float, default=0.25
        Larger networks are not searched for formulas once the mean squared error of a formula
        exceeds that of the best network on the training data by this share at most.
    divide : bool, default=True
        Whether to divide the problem.
    units : dict of str to str, optional
        Units by the names of columns (``"x0"`` and so on without names), in the words of pint,
        which must be installed. Only consistent formulas are kept, in which numbers have no unit;
        columns that are not named have none either. If there is no such formula, the constant is
        left, with a warning.
    target_unit : str, optional
        Unit of the target, if `units` is given. With it the search begins with as few products of
        powers without units as there can be.
    conditions : dict of str to str or list of str, optional
        What formulas must satisfy, by the names of columns (``"x0"`` and so on without names):
        ``"even"`` or ``"odd"`` in the column, ``"zero"`` where the column is zero, or
        ``"periodic"``, with the column in sines, cosines and tangents of one period only. Formulas
        that do not are left out, or made to: their even or odd part is taken, or their value at
        zero taken away. If there is no such formula, a constant is left, with a warning.
    max_time : float or None, default=120
        Seconds after which the search ends with the best formulas so far; None for no limit. A fit
        of a network or of constants that has begun may take a little longer.
    model_selection : {"likelihood", "accuracy", "score", "best"}, default="likelihood"
        Which row of ``equations_`` is the best: the one by which the description of the data is
        shortest, the one of lowest loss, that of highest score, or, as in PySR, that of highest
        score among those whose loss is at most 1.5 times the lowest.
    grid_size : int or array-like of int, default=(5, 10, 20)
        Grid intervals of the networks.
    n_restarts : int, default=8
        Random starts for every shape.
    max_iter : int, default=1000
        Largest number of solver iterations for every network.
    random_state : int, RandomState instance or None, default=None
        Source of the random starts.
    n_jobs : int, default=None
        Number of processes, in which networks of different shapes are tried side by side, each
        with its formulas. The result is the same; with a single shape, and for the first network
        after a formula that leaves only noise, the starts of the network are shared out instead.
    verbose : int or bool, default=0
        Whether to print a line per network trained, for the formulas found in it, and for the
        division.

    Attributes
    ----------
    equations_ : EquationTable
        The formulas that no simpler one matches in accuracy, the simplest first: rows of
        ``complexity`` (operations, variables and constants), ``loss`` (mean squared error on the
        training data), ``score`` (by how much the logarithm of the loss falls per complexity, from
        the row before), ``equation`` (a SymPy expression), ``shape`` (of the network before
        pruning; None for formulas found without one) and ``standard_errors`` (of the decimal
        constants, by their values; empty where nothing is left but rounding). Where noise is
        relative to the targets, the likeliest formula may have a larger loss than simpler ones.
    best_ : dict
        The best row, see `model_selection`. By default it is the most likely one: a formula is
        written down symbol by symbol, a constant to the digits that the data know, and what it
        leaves counts as noise, of the targets or, if they have one sign and that is shorter, of
        their logarithms.
    network_ : KANRegressor
        The best network, pruned; missing if the search ends before one is trained.
    n_iter_ : int
        Number of solver iterations of the networks that were tried, those since pruning.
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if `X` has names that are all strings.

    Notes
    -----
    A keyboard interrupt ends the search with a warning and leaves the best formulas so far; before
    there is one, it is raised. A callback of scikit-learn that asks to stop ends it as well.

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

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "hidden_layer_sizes": [StrOptions({"auto"}), list, tuple],
        "symbols": "no_validation",
        "weight_simple": [Interval(Real, 0, 1, closed="both")],
        "tolerance": [Interval(Real, 0, None, closed="left")],
        "divide": ["boolean"],
        "units": [dict, None],
        "target_unit": [str, None],
        "conditions": [dict, None],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "model_selection": [StrOptions({"likelihood", "accuracy", "score", "best"})],
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
        units: dict[str, str] | None = None,
        target_unit: str | None = None,
        conditions: dict[str, Any] | None = None,
        max_time: float | None = 120.0,
        model_selection: str = "likelihood",
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
        self.units = units
        self.target_unit = target_unit
        self.conditions = conditions
        self.max_time = max_time
        self.model_selection = model_selection
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
            If a keyboard interrupt has ended the search, or no formula has the given units and
            conditions.
        """
        shapes = parsed_shapes(self.hidden_layer_sizes)
        symbols = get_symbols(self.symbols)
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
            # Weights are numbers of samples, as for the networks.
            weight = in_range(weight[used])
            counts = unit_of_weights(weight).counted(weight)
            inputs, column, weight = canonical_rows(inputs[used], target[used, None], counts)
            weight = without_common_factor(weight)
            unit = unit_of_targets(column)

            def found(outcome: dict[str, Any]) -> dict[str, Any]:
                return in_units(outcome, unit)

            progress = Progress(self, found, X, y, sample_weight)
            settings = SearchSettings(
                *(shapes, symbols, self._names(), self._model(seed)),
                weight_simple=float(self.weight_simple),
                tolerance=float(self.tolerance),
                divide=bool(self.divide),
                max_time=math.inf if self.max_time is None else float(self.max_time),
                model_selection=self.model_selection,
                units=self._units(),
                conditions=self._conditions(),
                n_jobs=self.n_jobs,
            )
            outcome = Search((inputs, column[:, 0] / unit, weight), settings, progress).run()
            self.__dict__.update(found(outcome))
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

    def _names(self) -> list[str]:
        names = getattr(self, "feature_names_in_", None)
        return valid_names(
            [f"x{i}" for i in range(self.n_features_in_)] if names is None else names
        )

    def _units(self) -> Units | None:
        if self.units is None:
            if self.target_unit is not None:
                raise ValueError(
                    f"target_unit={self.target_unit!r} needs units, the units of the columns."
                )
            return None
        return parsed_units(self.units, self.target_unit, self._given_names())

    def _conditions(self) -> tuple[tuple[str, str], ...]:
        return parsed_conditions(self.conditions or {}, self._given_names(), self._names())

    def _given_names(self) -> list[str]:
        own = getattr(self, "feature_names_in_", None)
        return self._names() if own is None else [str(name) for name in own]

    def _function(self, formula: Any) -> FormulaFunction:
        return function_of(formula, self._names())

    def get_best(self, index: Any = None) -> dict[str, Any]:
        """Return a row of ``equations_``.

        Parameters
        ----------
        index : int, optional
            Number of the row, by default that of the best formula.

        Returns
        -------
        row : dict
            The row.

        Raises
        ------
        ValueError
            If there is no such row.
        """
        check_is_fitted(self)
        if index is None:
            return self.best_
        count = len(self.equations_)
        whole = isinstance(index, Integral) and not isinstance(index, bool)
        if not whole or not -count <= index < count:
            raise ValueError(
                f"index must be None, 'network' or a row of equations_, which has {count}, got "
                f"{index!r}."
            )
        return self.equations_[int(index)]

    def _network(self) -> KANRegressor:
        check_is_fitted(self)
        if not hasattr(self, "network_"):
            raise ValueError(
                "index='network' is not available: the search ended before a network was trained. "
                "Give it more time (max_time)."
            )
        return self.network_

    def to_sympy(
        self,
        index: int | str | None = None,
        *,
        digits: int | None = None,
        rational: bool = False,
        X: ArrayLike | None = None,
    ) -> Any:
        """Return a formula.

        Parameters
        ----------
        index : int or "network", optional
            Row of ``equations_``, by default the best formula; ``"network"`` for the splines of
            ``network_``.
        digits : int, optional
            Significant digits of the constants; by default all of them.
        rational : bool, default=False
            Whether to put exact constants where they agree in `digits` digits (6 by default).
        X : array-like of shape (n_samples, n_features), optional
            Samples at which to measure what the rounding changes.

        Returns
        -------
        formula : sympy.Expr or RoundedFormula
            The formula. With `X` a RoundedFormula: ``expression``, ``max_change`` and
            ``rmse_change``.

        Raises
        ------
        ValueError
            If there is no such row, or the formula of the splines is too large to print.
        """
        if isinstance(index, str) and index == "network":
            import sympy  # noqa: PLC0415

            own = [sympy.Symbol(f"x{i}") for i in range(self.n_features_in_)]
            new = [sympy.Symbol(name) for name in self._names()]
            # SymPy's own replacement would fold splines inside splines, for minutes.
            formula = replaced(self._network().to_sympy(), dict(zip(own, new, strict=True)))
        else:
            formula = self.get_best(index)["equation"]
        written = rounded(formula, digits, rational)
        if X is None:
            return written
        inputs = validate_data(self, X, dtype=np.float64, reset=False)
        return change_of(written, self._names(), inputs, self.predict(X, index))

    def sympy(self, index: int | str | None = None) -> Any:
        """Return a formula with all digits of its constants, as :meth:`to_sympy`.

        Parameters
        ----------
        index : int or "network", optional
            As for :meth:`to_sympy`.

        Returns
        -------
        formula : sympy.Expr
            The formula.
        """
        return self.to_sympy(index)

    def latex(
        self,
        index: int | str | None = None,
        *,
        digits: int | None = 4,
        rational: bool = False,
    ) -> str:
        """Return a formula in LaTeX.

        Parameters
        ----------
        index : int or "network", optional
            As for :meth:`to_sympy`.
        digits : int or None, default=4
            Significant digits of the constants that are not exact; None for all of them.
        rational : bool, default=False
            As for :meth:`to_sympy`.

        Returns
        -------
        latex : str
            The formula.
        """
        import sympy  # noqa: PLC0415

        formula = self.to_sympy(index, digits=digits, rational=rational)
        given = getattr(self, "feature_names_in_", None)
        names = {} if given is None else latex_names(given)
        return str(sympy.latex(formula, symbol_names=names))

    def predict(self, X: ArrayLike, index: int | str | None = None) -> FloatArray:
        """Predict by a formula.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        index : int or "network", optional
            Row of ``equations_``, by default the best formula; ``"network"`` for ``network_``.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Predictions.

        Raises
        ------
        ValueError
            If there is no such row, or the formula is not defined at a sample.
        """
        check_is_fitted(self)
        network = isinstance(index, str) and index == "network"
        formula = None if network else self.get_best(index)["equation"]
        inputs = validate_data(self, X, dtype=np.float64, reset=False)
        if formula is None:
            predicted: FloatArray = self._network().predict(inputs)
            return predicted
        out = self._function(formula)(inputs)
        if not np.isfinite(out).all():
            bad = int(np.argmin(np.isfinite(out)))
            raise ValueError(
                f"the formula is not finite for sample {bad} of X, beyond the training data. "
                "Remove the sample, choose another row by index, or use index='network'."
            )
        return out

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "best_")
