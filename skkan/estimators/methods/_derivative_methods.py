"""Derivatives of predictions."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from skkan._typing import FloatArray
from skkan.estimators._fitted_state import FittedState
from skkan.network._network import Network
from skkan.network.derivatives import _derivatives
from skkan.network.derivatives._multi_index import multi_index

# Of a network whose edges are all symbolic.
HIGHEST_OF_FORMULAS = 8


class DerivativeMixin:
    """Exact derivatives of a regressor's predictions by the columns."""

    network_: Network
    _single_target: bool
    _state: FittedState
    _validated: Callable[..., Any]
    _column_names: Callable[[], list[str]]
    _input_owners: Callable[[], NDArray[np.intp]]

    def derivative(self, X: ArrayLike, *columns: Any) -> FloatArray:
        """Return a derivative of the predictions, exactly and in the units of `X` and `y`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        *columns : str
            Columns to differentiate by, by ``feature_names_in_`` or else as ``x0, x1, ...``, each
            with the number of differentiations after it unless that is one.
            ``derivative(X, "x0", "x1", 2)`` is three times differentiated.

        Returns
        -------
        derivative : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The derivative of every target. Beyond the range of the training data splines go on as
            straight lines, and have no second derivative; at a knot that of order `degree` jumps.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If there is no such column, the order is above the degree of the splines, or the
            derivative is not finite because a symbolic edge has none.

        Examples
        --------
        >>> import numpy as np
        >>> from skkan import KANRegressor
        >>> X = np.linspace(-1.0, 1.0, 200)[:, None]
        >>> model = KANRegressor((), grid_size=10, alpha=1e-12).fit(X, np.sin(3.0 * X[:, 0]))
        >>> model.derivative([[0.0]], "x0").round(3)
        array([3.])
        """
        check_is_fitted(self)
        inputs = self._validated(X, reset=False)
        names, numeric, known = self._numbers_of(inputs)
        layers = self.network_.layers
        splined = any(layer.splined.any() for layer in layers)
        highest = layers[0].grid.degree if splined else HIGHEST_OF_FORMULAS
        self._check_link()
        index = multi_index(columns, names, highest)
        for i in np.flatnonzero(index):
            if not numeric[i]:
                raise ValueError(f"column {names[i]!r} holds levels, which have no derivative.")
        # The first input of a column is its values.
        first = np.unique(self._input_owners(), return_index=True)[1]
        orders = np.zeros(inputs.shape[1], dtype=int)
        orders[first] = index
        found = _derivatives.derivative(self.network_, inputs, tuple(orders.tolist()))
        there: NDArray[np.bool_] = np.all(known[:, np.flatnonzero(index)], axis=1)[:, None]
        found = np.where(there, found, 0.0)
        return self._finite(found[:, 0] if self._single_target else found)

    def gradient(self, X: ArrayLike) -> FloatArray:
        """Return the slopes of the predictions along all columns, exactly.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        gradient : ndarray of shape (n_samples, n_features) or (n_samples, n_features, n_outputs)
            In the units of `y` over those of `X`; zero for columns of levels, and in gaps. Their
            means over samples, of squares or of absolute values, are measures of sensitivity.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` cannot be used, or a symbolic edge has no slope there.

        Examples
        --------
        >>> import numpy as np
        >>> from skkan import KANRegressor
        >>> X = np.random.default_rng(0).uniform(-1, 1, size=(200, 2))
        >>> model = KANRegressor((), alpha=1e-12).fit(X, X[:, 0] ** 2 + 3.0 * X[:, 1])
        >>> model.gradient([[0.5, 0.0]]).round(3)
        array([[1., 3.]])
        """
        check_is_fitted(self)
        inputs = self._validated(X, reset=False)
        found = _derivatives.gradient(self.network_, inputs)
        loss = self._state.data_fit
        if loss is not None and loss.link == "log":
            found = found * np.exp(self.network_(inputs))[:, None, :]
        _, numeric, known = self._numbers_of(inputs)
        first = np.unique(self._input_owners(), return_index=True)[1]
        found = np.where((known & numeric)[:, :, None], found[:, first], 0.0)
        return self._finite(found[:, :, 0] if self._single_target else found)

    def _numbers_of(
        self, inputs: FloatArray
    ) -> tuple[list[str], NDArray[np.bool_], NDArray[np.bool_]]:
        """Return names of the columns, which are numbers, and which rows have their values."""
        names = self._column_names()
        known = np.ones((len(inputs), len(names)), dtype=bool)
        encoder = getattr(self, "_encoder", None)
        if encoder is None:
            return names, np.ones(len(names), dtype=bool), known
        owner = encoder.owner.tolist()
        for j, own in enumerate(encoder.columns):
            if own.labels is None and own.gaps:
                known[:, j] = inputs[:, owner.index(j) + 1] == 0.0
        return names, ~encoder.categorical, known

    def _check_link(self) -> None:
        loss = self._state.data_fit
        if loss is not None and loss.link is not None:
            raise ValueError(
                "derivative is not available for a loss with a log link, whose predictions are "
                "exponentials; use gradient, or the derivatives of to_sympy()."
            )

    @staticmethod
    def _finite(found: FloatArray) -> FloatArray:
        bad = ~np.isfinite(found).reshape(len(found), -1).all(axis=1)
        if np.any(bad):
            raise ValueError(
                f"the derivative is not finite at {bad.sum()} of {len(found)} samples, first at "
                f"row {int(np.flatnonzero(bad)[0])}: a symbolic edge has none there."
            )
        return found
