"""What a fitted solver can tell of its solution."""

from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from skkan._typing import FloatArray
from skkan.network.derivatives._multi_index import multi_index
from skkan.pde._arguments import points_of
from skkan.pde.problem._statement import Statement
from skkan.pde.solution._findings import equation_values
from skkan.pde.solution._formulas import SolutionFunction, formulas
from skkan.pde.solution._solution import Solution


class SolutionMixin:
    """Values, derivatives, residuals and formulas of a solution."""

    degree: int
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    unknowns_: tuple[Any, ...]
    _solution: Solution
    _constants: list[float]
    _statement: Callable[..., Statement]

    def predict(self, X: ArrayLike) -> FloatArray:
        """Return the unknowns at points.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variables)
            Points.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_unknowns)
            The unknowns, in the order of ``unknowns_``.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` has another shape, or values that are not finite.
        """
        return self.derivative(X)

    def derivative(self, X: ArrayLike, *variables: Any) -> FloatArray:
        """Return a derivative of the unknowns at points, exactly.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variables)
            Points.
        *variables : str, sympy.Symbol or int
            As for :func:`sympy.diff`: variables, each with the number of differentiations after
            it unless that is one. ``derivative(X, "t", "x", 2)`` is three times differentiated.

        Returns
        -------
        derivative : ndarray of shape (n_samples,) or (n_samples, n_unknowns)
            The derivative of every unknown.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If there is no such variable, or the order is above the degree of the splines.
        """
        check_is_fitted(self, "_solution")
        points = points_of(X, self.n_features_in_)
        names = list(self.feature_names_in_)
        index = multi_index(variables, names, int(self.degree))
        found = self._solution.derivative(points, index)
        return found[:, 0] if len(self.unknowns_) == 1 else found

    def residual(self, X: ArrayLike) -> FloatArray:
        """Return left minus right side of the equations at points.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variables)
            Points.

        Returns
        -------
        residual : ndarray of shape (n_samples,) or (n_samples, n_equations)
            Residuals.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        check_is_fitted(self, "_solution")
        points = points_of(X, self.n_features_in_)
        found = equation_values(
            self._statement(measured=True), self._solution, points, self._constants
        )
        return found[:, 0] if found.shape[1] == 1 else found

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Return the coefficient of determination of predictions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variables)
            Points.
        y : array-like of shape (n_samples,) or (n_samples, n_unknowns)
            The unknowns there.
        """
        return float(r2_score(y, self.predict(X)))

    def to_sympy(self) -> Any:
        """Return the solution as a SymPy expression of the variables, a list for several.

        Raises
        ------
        ValueError
            If the formula is too large to print.
        """
        check_is_fitted(self, "_solution")
        found = formulas(self._solution)
        return found[0] if len(found) == 1 else found

    def to_function(self) -> SolutionFunction:
        """Return the solution as a function of points that holds nothing else.

        It takes an array of shape (n_samples, n_variables) and returns what `predict` does.
        """
        check_is_fitted(self, "_solution")
        return SolutionFunction(self._solution)
