"""KANSolver."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from skkan.network._network import Network
from skkan.network._scaling import Scaling
from skkan.pde._arguments import (
    AsWritten,
    check_options,
    mapping_of,
    marching_variable,
    measurements_of,
    options_of,
)
from skkan.pde._pickling import decoded, encoded
from skkan.pde._solution_methods import SolutionMixin
from skkan.pde.problem._domain import Domain, domain_of
from skkan.pde.problem._model import Model
from skkan.pde.problem._statement import Statement, statement_of
from skkan.pde.solution._findings import law_arguments, residual_sizes, standard_errors
from skkan.pde.solution._laws import Law
from skkan.pde.solution._solution import Solution
from skkan.pde.training._marching import march
from skkan.pde.training._options import Options, Outcome
from skkan.pde.training._schedule import Schedule
from skkan.pde.training._tensor_schedule import TensorSchedule
from skkan.training._progress import CallbackSupportMixin, Progress

# Residuals above this share of the equation's terms get a warning.
LARGE_RESIDUAL = 1e-2
# Solutions that are zero have residuals of rounding, whatever part of their terms that is.
ROUNDING = 1e-14
SYMBOLIC = ("equations", "domain", "conditions", "parameters", "continuation", "known", "inside")


class KANSolver(SolutionMixin, CallbackSupportMixin, BaseEstimator):
    """Solver of differential equations by Kolmogorov-Arnold networks.

    The equations are SymPy's. Their residuals at points of the domain, those of the conditions and,
    if there are any, those of measurements are made small by least squares, with derivatives that
    are exact: of the network by its inputs, and of all residuals by its coefficients.

    Parameters
    ----------
    equations : sympy.Eq, sympy.Expr or sequence of them
        Equations, or expressions that are to be zero, of order four at most. The unknowns are the
        undefined functions of all variables of `domain`, in their order. Undefined functions of
        other arguments, as ``D(u(t, x))`` or ``k(x)``, are sought too.
    domain : dict of sympy.Symbol to (float, float)
        The variables, in the order of the columns of `X`, and their ends.
    conditions : sympy.Eq, sympy.Expr or sequence of them
        Initial and boundary conditions: values or derivatives at fixed values of a variable, as
        ``Eq(u(0, x), f(x))`` or ``Eq(u(t, x).diff(x).subs(x, 1), 0)``; at two places, as
        ``Eq(u(t, -1), u(t, 1))``; on the whole border, as ``Eq(u(x, y), 0)``, where
        :func:`normal` stands for the outward normal; on integrals over the domain, as
        ``Eq(Integral(u(x)**2, (x, 0, 1)), 1)``.
    parameters : dict of sympy.Symbol to float, optional
        Numbers in the equations that are sought, with the values to start from. Those of symbols
        that are ``positive=True`` stay positive.
    hidden_layer_sizes : int or array-like, default="auto"
        Hidden layers as for :class:`skkan.KANRegressor`. "auto" is ``()`` for one variable, the
        solution then being a spline, and ``(5,)`` for more.
    n_products : int or "all", optional
        Number of products of functions of one variable each, of which the unknowns are sums, in
        place of hidden layers: product nodes with a factor for every variable. They start from
        sweeps in which the functions of one variable at a time are fitted. "all" is a coefficient
        for every product of splines, on boxes of two or three variables: unknowns are linear in
        them, and sharp solutions do not get stuck. `network_` has the products that they add up to.
    grid_size : int or array-like of int, default="auto"
        Numbers of grid intervals, from coarse to fine. "auto" is ``(10, 20, 40)`` for one variable
        and for all products, and ``(5, 10)`` else.
    degree : int, default=5
        Degree of the splines, larger than the order of the equations.
    exact_conditions : bool, default=False
        Whether conditions hold by construction, on a box: values, and slopes where the value is
        given too, by transfinite interpolation times the network, and periodicity by the cosine
        and sine of the variable. All others hold by least squares.
    continuation : dict of sympy.Symbol to (float, float), optional
        Numbers in the equations that go from the first to the second value during the fit, by
        steps whose size follows their success.
    marching : str or sympy.Symbol, optional
        A variable along which to solve in slabs, each with a network of its own that starts where
        the one before has ended. Their lengths follow the residuals. For long or stiff evolutions.
        Of all products, a slab has three intervals along this variable.
    inside : callable or sympy.Expr, optional
        The part of the box that is the domain: ``inside(X)`` returns booleans for points of shape
        (n_points, n_variables); an expression is negative inside.
    boundary : array-like of shape (n_points, n_variables), optional
        Points of the border. By default they are found, but for a cloud of `points`.
    points : array-like of shape (n_points, n_variables), optional
        Points inside, in place of quasi-random ones.
    known : dict of sympy function class to callable, optional
        Functions in equations or conditions that are given: ``f(x, y)`` is evaluated as
        ``known[f](x, y)`` on arrays of shape (n_points,).
    n_points : int, optional
        Number of points of the equations. By default four times the number of parameters over that
        of the equations, and 300 at least; with one variable, and for all products, Gauss points
        of every interval.
    adaptive : bool, default=True
        Whether points go where the residual is large, and knots where the solution bends.
    function_hidden_layer_sizes : int or array-like, default=(3,)
        Hidden layers of unknown functions of several arguments.
    function_grid_size : int, default=5
        Grid intervals of unknown functions.
    n_restarts : int, default=8
        Largest number of random starts; the best after some iterations is gone on with, and none
        is made after one that is good.
    max_iter : int, default=200
        Iterations on the last grid.
    tol : float, default=1e-3
        Iterations end when a step is predicted to lower the loss by less, relatively.
    random_state : int, RandomState instance or None, default=None
        Source of starts and points. An int makes fits repeatable.
    verbose : int or bool, default=0
        Whether to print a line per phase.

    Attributes
    ----------
    network_ : Network
        The network. Unless conditions are exact, it takes points in the units of the variables and
        returns the unknowns. With `marching`, that of the last slab.
    parameters_ : dict of sympy.Symbol to float
        The numbers sought.
    parameter_errors_ : dict of sympy.Symbol to float
        Their standard errors, from the noise of the measurements and the residuals of the
        equations; NaN without any.
    functions_ : dict of sympy function class to Law
        The unknown functions of other arguments: callables with ``samples(n_samples)`` and
        ``suggest_symbolic()``.
    unknowns_ : tuple of sympy function classes
        The unknowns, in the order of the columns of predictions.
    domain_ : Domain
        Variables and their ends.
    n_parameters_ : int
        Number of parameters of the solution, with `marching` of all slabs.
    points_ : ndarray of shape (n_points, n_variables)
        Points of the equations at the end.
    residual_ : ndarray of shape (n_equations,)
        Root mean squares of the residuals of the equations on fresh points.
    relative_residual_ : ndarray of shape (n_equations,)
        The same over that of the equations' terms.
    loss_ : float
        Half the weighted mean square of all residuals.
    loss_curve_ : list of float
        Loss by iteration. It jumps where grids, points or weights change.
    n_iter_ : int
        Number of iterations.
    n_features_in_ : int
        Number of variables.
    feature_names_in_ : ndarray of str
        Their names.

    See Also
    --------
    skkan.KANRegressor : Networks from data.

    Notes
    -----
    The rows of conditions are weighed by the root of their curvature, the mean square of their
    derivatives by the coefficients, relative to that of the equations, where grids or points are
    new: on fine grids second derivatives outweigh values by the square of the number of intervals.
    Measurements get a hundredth of such a weight, so that equations hold whatever the noise. With
    all products, numbers are found by the unknowns that solve the equations for them, and
    measurements weigh next to nothing in those.

    A keyboard interrupt ends the fit with a warning and leaves the best solution so far.

    References
    ----------
    M. Raissi, P. Perdikaris and G. Karniadakis, "Physics-informed neural networks", J.
    Computational Physics 2019.
    Z. Liu et al., "KAN: Kolmogorov-Arnold Networks", arXiv:2404.19756, section 3.4.
    J. Mueller and M. Zeinhofer, "Achieving high accuracy with PINNs via energy natural gradient
    descent", arXiv:2302.13163.
    G. Beylkin and M. Mohlenkamp, "Algorithms for numerical analysis in high dimensions", SIAM J.
    Scientific Computing 2005, on sums of products of functions of one variable.

    Examples
    --------
    >>> import numpy as np
    >>> import sympy as sp
    >>> from skkan.pde import KANSolver
    >>> x, u = sp.Symbol("x"), sp.Function("u")
    >>> equation = sp.Eq(u(x).diff(x, 2) + u(x), 0)
    >>> conditions = [sp.Eq(u(0), 0), sp.Eq(u(1), sp.sin(1))]
    >>> solver = KANSolver(equation, {x: (0, 1)}, conditions, random_state=0).fit()
    >>> X = np.linspace(0.0, 1.0, 5)[:, None]
    >>> bool(np.allclose(solver.predict(X), np.sin(X[:, 0]), rtol=0, atol=1e-9))
    True
    >>> solver.derivative(X, x, 2)[2].round(6)
    np.float64(-0.479426)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "hidden_layer_sizes": [
            "array-like",
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "grid_size": [
            "array-like",
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "n_products": [Interval(Integral, 1, None, closed="left"), StrOptions({"all"}), None],
        "degree": [Interval(Integral, 2, 15, closed="both")],
        "exact_conditions": ["boolean"],
        "n_points": [Interval(Integral, 1, None, closed="left"), None],
        "adaptive": ["boolean"],
        "function_hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "function_grid_size": [Interval(Integral, 1, None, closed="left")],
        "n_restarts": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        equations: Any,
        domain: Any,
        conditions: Any,
        *,
        parameters: Any = None,
        hidden_layer_sizes: ArrayLike | str = "auto",
        n_products: int | str | None = None,
        grid_size: int | ArrayLike | str = "auto",
        degree: int = 5,
        exact_conditions: bool = False,
        continuation: Any = None,
        marching: Any = None,
        inside: Any = None,
        boundary: ArrayLike | None = None,
        points: ArrayLike | None = None,
        known: Any = None,
        n_points: int | None = None,
        adaptive: bool = True,
        function_hidden_layer_sizes: ArrayLike = (3,),
        function_grid_size: int = 5,
        n_restarts: int = 8,
        max_iter: int = 200,
        tol: float = 1e-3,
        random_state: int | np.random.RandomState | None = None,
        verbose: int | bool = 0,
    ) -> None:
        self.equations = equations
        self.domain = domain
        self.conditions = conditions
        self.parameters = parameters
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_products = n_products
        self.grid_size = grid_size
        self.degree = degree
        self.exact_conditions = exact_conditions
        self.continuation = continuation
        self.marching = marching
        self.inside = inside
        self.boundary = boundary
        self.points = points
        self.known = known
        self.n_points = n_points
        self.adaptive = adaptive
        self.function_hidden_layer_sizes = function_hidden_layer_sizes
        self.function_grid_size = function_grid_size
        self.n_restarts = n_restarts
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike | None = None, y: ArrayLike | None = None) -> Self:
        """Solve the equations.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variables), optional
            Points of measurements.
        y : array-like of shape (n_samples,) or (n_samples, n_unknowns), optional
            The unknowns there, NaN where they have not been measured.

        Returns
        -------
        self : KANSolver
            The fitted estimator.

        Raises
        ------
        ValueError
            If equations, domain, conditions, parameters or measurements cannot be used.
        TypeError
            If they are of another kind.

        Warns
        -----
        ConvergenceWarning
            If residuals stay large.
        UserWarning
            If the conditions may not fix the solution, or a keyboard interrupt has ended the fit.
        """
        check_options(self, domain_of(self.domain, self.inside, self.boundary, self.points))
        statement = self._statement(measured=X is not None)
        options = options_of(self, statement)
        measurements = measurements_of(statement, X, y)
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
        progress = Progress(self, self._fitted, X, y)  # type: ignore[arg-type]
        if self.marching is None:
            outcome = _schedule(options)(statement, options, progress, rng, measurements).run()
            solution = Solution.of(outcome.model)
        else:
            solution, outcome = self._march(statement, options, progress, rng, measurements)
        self._store(statement, solution, outcome, rng)
        progress.close(outcome.model)
        return self

    def _march(
        self,
        statement: Statement,
        options: Options,
        progress: Progress,
        rng: np.random.Generator,
        measurements: Any,
    ) -> tuple[Solution, Outcome]:
        """Solve slab by slab; the outcome is that of the last, with the iterations of all."""
        variable = marching_variable(self.marching, statement.domain)
        if measurements is not None or self.parameters or self.continuation:
            raise ValueError(
                "marching goes with neither measurements nor parameters nor continuation: slabs "
                "are solved one by one."
            )

        def solve(
            domain: Domain,
            conditions: list[Any],
            known: Mapping[Any, Any],
            start: Model | None,
        ) -> tuple[Statement, Outcome]:
            own = self._statement(domain, conditions, known, measured=True)
            return own, _schedule(options)(own, options, progress, rng, start=start).run()

        conditions = self.conditions
        conditions = list(conditions) if isinstance(conditions, (list, tuple)) else [conditions]
        solution, outcomes = march(
            statement.domain,
            variable,
            statement.vocabulary,
            conditions,
            solve,
            tensor=options.tensor,
        )
        return solution, replace(
            outcomes[-1],
            loss=max(own.loss for own in outcomes),
            n_iter=sum(own.n_iter for own in outcomes),
            loss_curve=[loss for own in outcomes for loss in own.loss_curve],
            points=np.concatenate([own.points for own in outcomes]),
        )

    def _statement(
        self,
        domain: Domain | None = None,
        conditions: Any = None,
        known: Mapping[Any, Any] | None = None,
        *,
        measured: bool,
    ) -> Statement:
        """Read equations and conditions, those of a slab if it is given."""
        if domain is None:
            domain = domain_of(self.domain, self.inside, self.boundary, self.points)
        return statement_of(
            self.equations,
            domain,
            self.conditions if conditions is None else conditions,
            parameters=list(mapping_of("parameters", self.parameters)),
            constants=list(mapping_of("continuation", self.continuation)),
            known={**mapping_of("known", self.known), **(known or {})},
            exact=self.exact_conditions,
            measured=measured,
        )

    def _fitted(self, model: Any) -> dict[str, Any]:
        statement = self._statement(measured=True)
        return {
            "_solution": Solution.of(model),
            "unknowns_": statement.vocabulary.unknowns,
            "n_features_in_": statement.domain.n_variables,
        }

    def _store(
        self,
        statement: Statement,
        solution: Solution,
        outcome: Outcome,
        rng: np.random.Generator,
    ) -> None:
        model, domain = outcome.model, statement.domain
        self._solution, self._constants = solution, outcome.constants
        self.domain_ = domain
        self.unknowns_ = statement.vocabulary.unknowns
        self.network_ = _in_user_units(model)
        symbols = statement.vocabulary.parameters
        self.parameters_ = dict(zip(symbols, map(float, model.numbers), strict=True))
        self.functions_ = {}
        for number, function in enumerate(statement.vocabulary.laws):
            seen = law_arguments(model, outcome.groups, outcome.constants, number)
            self.functions_[function] = Law(
                str(function), model.laws[number], seen.min(axis=0), seen.max(axis=0)
            )
        errors = outcome.errors
        if errors is None:
            errors = standard_errors(model, outcome.groups, outcome.constants)
        self.parameter_errors_ = dict(zip(symbols, map(float, errors), strict=True))
        self.n_parameters_ = solution.n_parameters
        self.points_ = outcome.points
        self.loss_, self.loss_curve_ = outcome.loss, outcome.loss_curve
        self.n_iter_ = outcome.n_iter
        self.n_features_in_ = domain.n_variables
        self.feature_names_in_ = np.array([str(own) for own in domain.variables], dtype=object)
        fresh = domain.interior(max(300, len(outcome.points)), rng)
        sizes = residual_sizes(statement, solution, fresh, outcome.constants)
        self.residual_ = np.array([own.rms for own in sizes])
        self.relative_residual_ = np.array([own.share for own in sizes])
        for number, own in enumerate(sizes):
            if not (own.share <= LARGE_RESIDUAL or own.rms <= ROUNDING):
                warnings.warn(
                    f"The residual of equation {number} stays large: {own.told(domain.variables)}. "
                    "Use finer grids, more hidden nodes or restarts, or continuation.",
                    ConvergenceWarning,
                    stacklevel=4,
                )

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters.

        Parameters
        ----------
        deep : bool, default=True
            Kept for scikit-learn.

        Returns
        -------
        params : dict of str to object
            Names and values; those that map symbols print in their own order.
        """
        return {
            name: AsWritten(own) if type(own) is dict else own
            for name, own in super().get_params(deep).items()
        }

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        for name in (*SYMBOLIC, "unknowns_", "parameters_", "parameter_errors_", "functions_"):
            if name in state:
                state[name] = encoded(state[name])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({name: decoded(own) for name, own in state.items()})


def _schedule(options: Options) -> type[Schedule]:
    return TensorSchedule if options.tensor else Schedule


def _in_user_units(model: Any) -> Network:
    network: Network = model.network.copy()
    if not any(model.inputs.periodic):
        low, high = model.inputs.low, model.inputs.high
        old = network.scaling
        network.scaling = Scaling(
            0.5 * (low + high), 0.5 * (high - low), old.output_shift, old.output_scale
        )
    return network
