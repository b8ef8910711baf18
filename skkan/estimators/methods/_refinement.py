"""Finer grids for a fitted estimator."""

import copy
from collections.abc import Callable
from typing import Any, Self

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skkan.anova._constrained import Shapes
from skkan.estimators._fitted_state import FittedState
from skkan.network._hidden_layers import is_integer
from skkan.network._network import Network
from skkan.training._constrained import keep_edge_shapes
from skkan.training._grids import refined


class RefinementMixin(BaseEstimator):
    """Refinement of the grids of a fitted network."""

    network_: Network
    _state: FittedState
    _shapes: Callable[[], Shapes | None]

    def refine(self, grid_size: int) -> Self:
        """Return a copy of the fitted estimator on finer grids.

        Where `grid_size` is a multiple of the present one, the function stays as it is; otherwise
        it is kept as well as the new grids allow. With ``warm_start=True``, `fit` goes on from
        there.

        Parameters
        ----------
        grid_size : int
            New number of intervals, larger than the present one.

        Returns
        -------
        estimator : estimator
            The refined copy; this estimator stays as it is.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `grid_size` is not an integer larger than the present number of intervals.

        Examples
        --------
        >>> import numpy as np
        >>> from skkan import KANRegressor
        >>> X = np.linspace(-1.0, 1.0, 100)[:, None]
        >>> coarse = KANRegressor((), random_state=0).fit(X, np.sin(3.0 * X[:, 0]))
        >>> fine = coarse.refine(20)
        >>> bool(np.allclose(fine.predict(X), coarse.predict(X)))
        True
        """
        check_is_fitted(self)
        present = self.network_.grid_size
        if not is_integer(grid_size) or grid_size <= present:
            raise ValueError(
                f"grid_size must be an integer larger than the present {present}, "
                f"got {grid_size!r}."
            )
        other = copy.deepcopy(self).set_params(grid_size=grid_size)
        other.network_ = refined(self.network_, grid_size)
        shapes = self._shapes()
        if shapes is not None:
            # Grids that do not nest keep functions, but not their shapes.
            keep_edge_shapes(other.network_, shapes)
        other._state = self._state.refined(self.network_, other.network_)
        owner: Any = other
        owner.loss_ = other._state.objective_of(other.network_, owner._data_fit, owner.sparsity)
        return other
