"""Estimators that start from a known formula."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skkan.data._typical_rows import typical_rows
from skkan.estimators._fitted_state import FittedState
from skkan.inspection._scores import activity_on
from skkan.network._hidden_layers import written
from skkan.objective._penalties import Penalty
from skkan.symbolic.compilation._compile import compiled, parsed_formula
from skkan.symbolic.export._names import valid_names

ALPHA = 1e-6


class FromFormulaMixin:
    """Construction of a fitted estimator from a formula."""

    @classmethod
    def from_sympy(cls, expression: Any, X: ArrayLike, **parameters: Any) -> Self:
        """Return a fitted estimator whose network is a formula.

        The network is the smallest one of symbolic edges and product nodes. It can be refitted to
        data: :meth:`refit` moves the constants, and edges that :meth:`unfix_symbolic` turns into
        splines show where data deviate from the formula.

        Parameters
        ----------
        expression : str or sympy.Expr
            The formula. Its symbols have the names of the columns of `X` as formulas have them:
            ``x0, x1, ...``, or those of the data frame, made valid.
        X : array-like of shape (n_samples, n_features)
            Samples at which the formula is defined. Their ranges are those of the grids.
        **parameters
            Of the estimator. `hidden_layer_sizes` is what the formula needs.

        Returns
        -------
        estimator : estimator
            The fitted estimator, equal to the formula but for rounding.

        Raises
        ------
        TypeError
            If `expression` is neither a string nor a SymPy expression.
        ValueError
            If it is constant, not real, depends on what is no column, is not finite at a sample,
            or has a function of two variables.

        References
        ----------
        Z. Liu et al., "KAN 2.0: Kolmogorov-Arnold Networks Meet Science", arXiv:2408.10205,
        section 4.2.

        Examples
        --------
        >>> import numpy as np
        >>> from skkan import KANRegressor
        >>> X = np.random.default_rng(0).uniform(-1, 1, size=(100, 2))
        >>> model = KANRegressor.from_sympy("exp(sin(pi*x0) + x1**2)", X)
        >>> model.network_.shape, model.symbolic_
        ((2, 1, 1), True)
        >>> bool(np.allclose(model.predict(X), np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)))
        True
        """
        own: Any = cls(**parameters)
        own._validate_params()
        inputs = np.asarray(own._validated(X, reset=True), dtype=np.float64)
        if hasattr(own, "_encoder"):
            raise ValueError(
                "X has columns of levels or with gaps, but a formula is a function of numbers. "
                "Leave such rows and columns out."
            )
        count = inputs.shape[1]
        names = valid_names(getattr(own, "feature_names_in_", [f"x{i}" for i in range(count)]))
        formula = parsed_formula(expression, names)
        grid_size = own._grid_sizes()[-1]
        network = compiled(formula, names, inputs, grid_size, own.degree, own.base_function)
        own.set_params(hidden_layer_sizes=written(network.arities))
        weight = np.ones(len(inputs))
        alpha = ALPHA if own.alpha == "auto" else float(own.alpha)
        own.network_ = network
        own._single_target = True
        own._state = FittedState(
            penalty=Penalty(network, alpha, alpha),
            activity=activity_on(network, inputs, weight),
            rows=typical_rows(network, inputs, network(inputs), weight),
            alpha=alpha,
        )
        own.n_outputs_, own.solver_, own.n_iter_ = 1, "lm", 0
        own.loss_, own.best_loss_, own.loss_curve_ = 0.0, 0.0, []
        return own
