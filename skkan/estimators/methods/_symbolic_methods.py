"""What the estimators can do with formulas."""

from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import Any, Self

from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skkan._typing import FloatArray
from skkan.estimators._fitted_state import FittedState
from skkan.inspection._scores import propagated
from skkan.network._edge_index import edge_index
from skkan.network._network import Network
from skkan.symbolic.export import _formula
from skkan.symbolic.export._code import to_code
from skkan.symbolic.export._names import valid_names
from skkan.symbolic.export._program import Program, build_program
from skkan.symbolic.recognition import _editing
from skkan.symbolic.recognition._symbol_table import SymbolTable


class SymbolicMixin:
    """Symbolic edges and formulas of a fitted estimator.

    Layers, input nodes ``i`` and subnodes ``j`` count from 0.
    """

    network_: Network
    _state: FittedState
    loss_: float
    _set_network: Callable[[Network], None]
    _column_names: Callable[[], list[str]]
    _input_names: Callable[[], list[str]]

    @property
    def symbolic_(self) -> bool:
        """Whether all active edges are symbolic, so that the network is a closed formula."""
        check_is_fitted(self)
        return not any(layer.splined.any() for layer in self.network_.layers)

    def suggest_symbolic(
        self,
        layer: int,
        i: int | str,
        j: int | str,
        top: int = 5,
        symbols: Iterable[Any] | None = None,
        weight_simple: float = 0.0,
    ) -> SymbolTable:
        """Rank the functions that an edge resembles.

        Parameters
        ----------
        layer : int
            Layer of the edge.
        i, j : int or str
            Input node and subnode of the edge. In layer 0 `i` may be the name of a column, and in
            the last layer `j` the label of a class.
        top : int, default=5
            Number of functions returned.
        symbols : iterable of str, Symbol or sympy.Expr, optional
            The functions to try, by default the library.
        weight_simple : float, default=0.0
            What simplicity counts, from 0 (accuracy alone) to 1 (simplicity alone).

        Returns
        -------
        table : SymbolTable
            Rows of ``symbol, r2, complexity, a, b, c, d``, the best first. Functions count as
            equally accurate where they differ by less than the spline itself is in doubt, judged
            by the loss of the fit; of these the simplest comes first. The function is
            ``c f(a x + b) + d`` of a column ``x`` of `X` in the first layer and of a node in the
            others. In the last layer it is in the units of `y`, whose mean is added to the sum.

        Raises
        ------
        ValueError
            If the edge does not exist or has been pruned, or a function is unknown.

        Examples
        --------
        >>> import numpy as np
        >>> from skkan import KANRegressor
        >>> X = np.linspace(-1.0, 1.0, 200)[:, None]
        >>> model = KANRegressor((), grid_size=20, random_state=0).fit(X, np.sin(3 * X[:, 0]))
        >>> model.suggest_symbolic(0, 0, 0, top=1)[0]["symbol"]
        'sin'
        """
        check_is_fitted(self)
        edge = self._edge(layer, i, j)
        _editing.check_active_edge(self.network_, *edge)
        uncertainty = float(self._uncertainties()[edge[0]][edge[1:]])
        return SymbolTable(
            _editing.rank_edge(
                self.network_, self._state.rows, edge, top, symbols, weight_simple, uncertainty
            )
        )

    def fix_symbolic(
        self,
        layer: int,
        i: int | str,
        j: int | str,
        symbol: Any,
        parameters: Sequence[float] | None = None,
    ) -> Self:
        """Put a symbolic function in the place of an edge, in this estimator.

        Parameters
        ----------
        layer : int
            Layer of the edge.
        i, j : int or str
            Input node and subnode of the edge. In layer 0 `i` may be the name of a column, and in
            the last layer `j` the label of a class.
        symbol : str, Symbol or sympy.Expr
            The function ``f``.
        parameters : sequence of four floats, optional
            ``a, b, c, d`` of ``c f(a x + b) + d``, in the units of :meth:`suggest_symbolic`. By
            default they are fitted to the edge.

        Returns
        -------
        self : estimator
            The changed estimator; it stays as it was if there is an error.

        Raises
        ------
        ValueError
            If the edge does not exist or has been pruned, the function is unknown, or it is not
            defined where the training samples are.

        Examples
        --------
        >>> import numpy as np
        >>> from skkan import KANRegressor
        >>> X = np.linspace(-1.0, 1.0, 200)[:, None]
        >>> model = KANRegressor((), grid_size=20, random_state=0).fit(X, np.sin(3 * X[:, 0]))
        >>> model.fix_symbolic(0, 0, 0, "sin", [3.0, 0.0, 1.0, 0.0]).symbolic_
        True
        """
        check_is_fitted(self)
        edge = self._edge(layer, i, j)
        self._set_network(_editing.fixed(self.network_, self._state.rows, edge, symbol, parameters))
        return self

    def unfix_symbolic(self, layer: int, i: int | str, j: int | str) -> Self:
        """Put a spline in the place of a symbolic edge, in this estimator.

        Parameters
        ----------
        layer : int
            Layer of the edge.
        i, j : int or str
            Input node and subnode of the edge. In layer 0 `i` may be the name of a column, and in
            the last layer `j` the label of a class.

        Returns
        -------
        self : estimator
            The changed estimator.

        Raises
        ------
        ValueError
            If the edge does not exist or is not symbolic.
        """
        check_is_fitted(self)
        edge = self._edge(layer, i, j)
        self._set_network(_editing.unfixed(self.network_, self._state.rows, edge))
        return self

    def auto_symbolic(
        self,
        r2_threshold: float = 0.99,
        weight_simple: float = 0.8,
        symbols: Iterable[Any] | None = None,
    ) -> Self:
        """Put symbolic functions in the place of all splines that resemble one.

        Parameters
        ----------
        r2_threshold : float, default=0.99
            Share of the variance of an edge that a function has to explain. However low it is, a
            function has to explain half of what the best one does, so that none that is next to
            constant takes the place of an edge that varies.
        weight_simple : float, default=0.8
            What simplicity counts in the choice, from 0 to 1.
        symbols : iterable of str, Symbol or sympy.Expr, optional
            The functions to try, by default the library.

        Returns
        -------
        self : estimator
            The changed estimator. Edges that no function fits stay splines, and edges that are
            constant become so exactly. Edges also stay splines that a function fits, but whose
            change the outputs cannot bear, as large nodes may cancel in them: all edits together
            take no more than a tenth of the variance of an output on the kept rows, or than
            ``1 - r2_threshold`` of it. After a `refit` the rest may be tried again.

        Raises
        ------
        ValueError
            If a parameter is out of range or a function unknown.
        """
        check_is_fitted(self)
        shares: dict[str, Any] = {"r2_threshold": r2_threshold, "weight_simple": weight_simple}
        for name, value in shares.items():
            if not isinstance(value, Real) or not 0.0 <= float(value) <= 1.0:
                raise ValueError(f"{name} must be in [0, 1], got {value!r}.")
        network = _editing.all_fixed(
            self.network_,
            self._state.rows,
            r2_threshold,
            weight_simple,
            symbols,
            self._uncertainties(),
        )
        self._set_network(network)
        return self

    def to_sympy(
        self,
        *,
        digits: int | None = None,
        rational: bool = False,
        X: ArrayLike | None = None,
        logit: bool = False,
    ) -> Any:
        """Return the formula of the network.

        Parameters
        ----------
        digits : int, optional
            Significant digits of the constants; by default all of them.
        rational : bool, default=False
            Whether to put exact constants where they agree in `digits` digits (6 by default), after
            scales have been taken out of powers, roots, logarithms and products, and constants
            been added up, where that leaves fewer of them.
        X : array-like of shape (n_samples, n_features), optional
            Samples at which to measure what the rounding changes.
        logit : bool, default=False
            Whether to return the outputs of the network: for classifiers ``decision_function`` and
            not probabilities, for a loss with a log link the logarithm of the mean.

        Returns
        -------
        formula : sympy.Expr, list of sympy.Expr or RoundedFormula
            A list for several outputs or classes. With `X` a RoundedFormula: ``expression``,
            ``max_change`` and ``rmse_change``. Features are called by ``feature_names_in_``, made
            valid identifiers, or else ``x0, x1, ...``.

        Raises
        ------
        ValueError
            If the formula is too large to print.

        Examples
        --------
        >>> import numpy as np
        >>> from skkan import KANRegressor
        >>> X = np.linspace(0.0, 1.0, 100)[:, None]
        >>> model = KANRegressor((), alpha=1e-12).fit(X, 2.0 * X[:, 0] ** 2)
        >>> formula = model.fix_symbolic(0, 0, 0, "x^2").to_sympy(digits=6)
        >>> round(formula.subs("x0", 3.0), 4)
        18.0
        """
        names, link = self._formula_names(), self._formula_link(logit)
        table = getattr(self, "_encoder", None)
        formula = _formula.to_sympy(self.network_, names, link, table=table)
        several = isinstance(formula, list)
        outputs = [
            _formula.rounded(own, digits, rational) for own in (formula if several else [formula])
        ]
        result = outputs if several else outputs[0]
        if X is None:
            return result
        owner: Any = self
        inputs = owner._validated(X, reset=False)
        program = self._formula_program(logit)
        if table is not None:
            inputs = table.decoded(inputs)
        before = _formula.FormulaFunction(program, False)(inputs)
        return _formula.change_of(result, names, inputs, before, program.texts)

    def latex(self, *, digits: int | None = 4, rational: bool = False, logit: bool = False) -> Any:
        """Return the formula in LaTeX.

        Parameters
        ----------
        digits : int or None, default=4
            Significant digits of the constants; None for all of them.
        rational, logit : bool, default=False
            As for :meth:`to_sympy`.

        Returns
        -------
        latex : str or list of str
            A list for several outputs or classes.
        """
        import sympy  # noqa: PLC0415

        formula = self.to_sympy(digits=digits, rational=rational, logit=logit)
        if isinstance(formula, list):
            return [str(sympy.latex(own)) for own in formula]
        return str(sympy.latex(formula))

    def to_function(self, *, logit: bool = False) -> _formula.FormulaFunction:
        """Return the formula as a NumPy function of rows of features.

        It has no limit of size, holds no training data, and does not check what it is given.

        Parameters
        ----------
        logit : bool, default=False
            As for :meth:`to_sympy`.

        Returns
        -------
        function : callable
            Takes an array of shape (n_samples, n_features), and returns what ``predict`` of a
            regressor, or ``predict_proba`` of a classifier, returns.
        """
        program = self._formula_program(logit)
        single = getattr(self, "_single_target", len(program.outputs) == 1)
        return _formula.FormulaFunction(program, single)

    def to_code(
        self, language: str = "python", *, name: str = "formula", logit: bool = False
    ) -> str:
        """Return the formula as source code, with one variable per node.

        Parameters
        ----------
        language : {"python", "c", "julia", "sql"}, default="python"
            The function takes the features one by one. Python code works on NumPy arrays; C code
            writes several outputs to an array ``out``, and is valid C99 and later. SQL is a query
            over a table that has the features as columns; additive models give short ones.
        name : str, default="formula"
            Name of the function, in SQL of the table.
        logit : bool, default=False
            As for :meth:`to_sympy`.

        Returns
        -------
        code : str
            A function and what it has to import. Features are called as in :meth:`to_sympy`, but
            for names that mean something else in the language, which get an underscore, in C for
            letters beyond ASCII, and in SQL, where columns have the names of the table.

        Raises
        ------
        TypeError
            If `name` is no string.
        ValueError
            If `language` is another one, `name` is no identifier that is free in it, or it lacks a
            function of the formula.

        Notes
        -----
        Where :meth:`predict` raises an error because the network has no value, at poles and
        outside of domains, the code returns no finite number; Julia raises its ``DomainError`` at
        roots and logarithms of negative numbers.
        """
        return to_code(self._formula_program(logit), language, name, self._column_names())

    def _edge(self, layer: int, i: int | str, j: int | str) -> tuple[int, int, int]:
        """Return an edge as three numbers."""
        columns = self._input_names() if hasattr(self, "_encoder") else []
        columns = columns or getattr(self, "feature_names_in_", [])
        return edge_index(self.network_, (layer, i, j), columns, getattr(self, "classes_", None))

    def _uncertainties(self) -> list[FloatArray]:
        scores = propagated(self._state.activity)[0]
        return _editing.uncertainties(self.network_, scores, self.loss_, self._state.rows.total)

    def _formula_names(self) -> list[str]:
        check_is_fitted(self)
        return valid_names(self._column_names())

    def _formula_link(self, logit: bool) -> str | None:
        loss = self._state.data_fit
        return None if logit or loss is None else loss.link

    def _formula_program(self, logit: bool) -> Program:
        names, link = self._formula_names(), self._formula_link(logit)
        return build_program(self.network_, names, link, table=getattr(self, "_encoder", None))
