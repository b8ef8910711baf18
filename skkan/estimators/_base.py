"""What the estimators share: parameters, preparation of the data, and evaluation."""

import warnings
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted

from skkan._typing import FloatArray
from skkan.data._blocks import MAX_CACHE_BYTES, Samples
from skkan.data._large_data import Encoding, LargeData, RowSplit, is_large
from skkan.data._samples import lacks_a_class
from skkan.data._weights import unit_of_weights
from skkan.estimators._fitted_state import FittedState
from skkan.estimators._interaction_cst import NO_ANALYSIS, parsed_interactions
from skkan.estimators._rollback import restored_on_failure
from skkan.estimators._shape_constraints import ShapeConstraintsMixin
from skkan.estimators._stored_state import StoredStateMixin
from skkan.estimators._validation import ValidationMixin
from skkan.estimators._warm_start import warm_start
from skkan.inspection._scores import network_activity
from skkan.network._hidden_layers import Arities, is_integer, parsed
from skkan.network._network import Network
from skkan.network._scaling import Scaling
from skkan.network.functions._base_functions import BASE_FUNCTIONS
from skkan.objective._penalties import Penalty
from skkan.objective.losses._loss import Loss
from skkan.training._calibration import Start, calibrated_fit
from skkan.training._constant import no_worse_than_constant
from skkan.training._constrained import constrained_result
from skkan.training._preparation import Prepared, prepared, prepared_where_it_is, typical_samples
from skkan.training._problem import Problem
from skkan.training._progress import CallbackSupportMixin, Progress
from skkan.training._settings import Settings, TrainingResult
from skkan.training._solver_choice import choose_solver
from skkan.training._trainer import Trainer
from skkan.training._two_values import with_lines
from skkan.training._unknown_levels import settle_unknown
from skkan.training.growth._growth import Growth, applies, posterior_of

DEFAULT_WIDTH = 5
FEW_STARTS = 2
PRIVATE_FITTED = {"_encoder", "_single_target", "_state", "_stream"}


class BaseKAN(
    StoredStateMixin, ValidationMixin, ShapeConstraintsMixin, CallbackSupportMixin, BaseEstimator
):
    """Common part of the estimators; not for use by itself."""

    network_: Network
    _state: FittedState

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": [
            "array-like",
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "grid_size": ["array-like", Interval(Integral, 1, None, closed="left")],
        "degree": [Interval(Integral, 1, None, closed="left")],
        "base_function": [StrOptions(set(BASE_FUNCTIONS))],
        "knots": [StrOptions({"uniform", "quantile"}), Interval(Real, 0, 1, closed="both")],
        "extrapolation": [StrOptions({"auto", "constant", "linear"})],
        "solver": [StrOptions({"adam", "auto", "lbfgs", "lm"})],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "sparsity": [Interval(Real, 0, None, closed="left")],
        "interaction_cst": ["array-like", StrOptions({"no_interactions", "pairwise"}), None],
        "n_restarts": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "n_jobs": [Integral, None],
        "dtype": [StrOptions({"float32", "float64"}), Options(type, {np.float32, np.float64})],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "monotonic_cst": ["array-like", dict, None],
        "convexity_cst": ["array-like", dict, None],
        "max_cache_bytes": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        hidden_layer_sizes: ArrayLike | str = "auto",
        *,
        grid_size: int | ArrayLike = 5,
        degree: int = 3,
        base_function: str = "zero",
        knots: str | float = "uniform",
        extrapolation: str = "auto",
        solver: str = "auto",
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.01,
        alpha: str | float = "auto",
        sparsity: float = 0.0,
        interaction_cst: Any = None,
        n_restarts: int | str = "auto",
        max_iter: int = 1000,
        tol: float = 1e-5,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        n_jobs: int | None = None,
        dtype: DTypeLike = "float64",
        max_cache_bytes: int = MAX_CACHE_BYTES,
        categorical_features: ArrayLike | str | None = "from_dtype",
        monotonic_cst: ArrayLike | dict[Any, int] | None = None,
        convexity_cst: ArrayLike | dict[Any, int] | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int | bool = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.grid_size = grid_size
        self.degree = degree
        self.base_function = base_function
        self.knots = knots
        self.extrapolation = extrapolation
        self.solver = solver
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.alpha = alpha
        self.sparsity = sparsity
        self.interaction_cst = interaction_cst
        self.n_restarts = n_restarts
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.dtype = dtype
        self.max_cache_bytes = max_cache_bytes
        self.categorical_features = categorical_features
        self.monotonic_cst = monotonic_cst
        self.convexity_cst = convexity_cst
        self.random_state = random_state
        self.verbose = verbose

    _analyses_streams = False

    def _restored_on_failure(self) -> AbstractContextManager[None]:
        return restored_on_failure(self, PRIVATE_FITTED)

    def _is_free(self, streaming: bool) -> bool:
        """Whether the shape of the network is left to the fit."""
        free = isinstance(self.hidden_layer_sizes, str)
        return free and (not streaming or self._analyses_streams)

    @property
    def _analysed_loss(self) -> bool:
        """Whether there is an analysis of variance for the loss."""
        return False

    def _arities(self, n_outputs: int) -> Arities:
        if isinstance(self.hidden_layer_sizes, str):
            return ((1,) * max(DEFAULT_WIDTH, n_outputs),)
        return parsed(self.hidden_layer_sizes)

    def _grid_sizes(self) -> tuple[int, ...]:
        sizes = np.atleast_1d(np.asarray(self.grid_size, dtype=object)).tolist()
        whole = all(is_integer(size) for size in sizes)
        if not sizes or not whole or any(b <= a for a, b in pairwise(sizes)):
            raise ValueError(
                "grid_size must be a positive integer or an increasing sequence of them, got "
                f"{self.grid_size!r}."
            )
        return tuple(int(size) for size in sizes)

    def _n_edges(self, data: Samples) -> int:
        """Return the number of edges of a network of the default shape."""
        return len(self._arities(data.n_outputs)[0]) * (data.n_inputs + data.n_outputs)

    def _settings(self, data: Samples, network: Network | None, few: bool = False) -> Settings:
        """Return how to train; a network to be kept takes precedence over the parameters.

        With `few` samples a network of no given shape has no hidden layers.
        """
        if network is None:
            arities = () if few else self._arities(data.n_outputs)
            shape = (data.n_inputs, *map(len, arities), data.n_outputs)
            grid_sizes, degree, base = self._grid_sizes(), self.degree, self.base_function
        else:
            first = network.layers[0]
            arities, shape, grid_sizes = network.arities, network.shape, (network.grid_size,)
            degree, base = first.grid.degree, first.base_name
        solver = self.solver
        if solver == "auto":
            n_features = grid_sizes[-1] + degree + (base != "zero")
            solver = choose_solver(shape, n_features, data.n_samples, arities)
        shares = {"uniform": 0.0, "quantile": 1.0}
        share = shares[self.knots] if isinstance(self.knots, str) else float(self.knots)
        return Settings(
            shape=shape,
            arities=arities,
            grid_sizes=grid_sizes,
            degree=degree,
            base_function=base,
            quantile_share=share,
            solver=solver,
            alpha=None if self.alpha == "auto" else float(self.alpha),
            n_restarts=FEW_STARTS if self.n_restarts == "auto" else int(self.n_restarts),
            more_starts=self.n_restarts == "auto",
            max_iter=self.max_iter,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            n_jobs=self.n_jobs,
            sparsity=float(self.sparsity),
            max_cache_bytes=int(self.max_cache_bytes),
            batch_size=200 if isinstance(self.batch_size, str) else int(self.batch_size),
            learning_rate=float(self.learning_rate_init),
            dtype=np.dtype(self.dtype).name,
        )

    def _train_encoded(
        self,
        X: Any,
        y: Any,
        weight: Any,
        encode: Encoding,
        loss: Loss,
        progress: Progress,
        *,
        stratify: bool = False,
        go_on: bool = False,
        counted: bool = False,
    ) -> None:
        """Fit the network to samples in memory, or to large ones where they are.

        Parameters
        ----------
        X, y, weight : array-like
            Validated samples.
        encode : callable
            Turns targets and weights into those of training.
        loss : Loss
            Data fit.
        progress : Progress
            Receives phases and iterations.
        stratify : bool, default=False
            Whether `y` holds classes, whose shares a validation set keeps, or nearly so where it
            is large.
        go_on : bool, default=False
            Whether to keep the network that is there and train it further.
        counted : bool, default=False
            Whether `weight` is to be counted before `encode` multiplies it by factors.
        """
        if not is_large(X, self.max_cache_bytes):
            given = weight
            if counted:
                weight = unit_of_weights(weight).counted(weight)
            target, own = encode(y, weight)
            labels = y if stratify else None
            self._train(
                *(X, target, own, loss, progress),
                labels=labels,
                go_on=go_on,
                counted=counted,
                unit=float(given.sum() / weight.sum()),
            )
            return
        random_state = check_random_state(self.random_state)
        rng = np.random.default_rng(random_state.randint(2**31))
        split, held_out = None, None
        if self.early_stopping:
            split = RowSplit(
                float(self.validation_fraction), random_state.randint(2**31), held_out=False
            )
            held_out = LargeData.of(X, y, weight, encode, replace(split, held_out=True))
        data = LargeData.of(X, y, weight, encode, split)
        if 0 in (data.n_samples, data.n_samples if held_out is None else held_out.n_samples):
            raise ValueError(self._cannot_split(X.shape[0], "a part of them would be empty."))
        if stratify and split is not None and lacks_a_class(data, self.n_jobs):
            reason = "a class would be missing from the part to train on."
            raise ValueError(self._cannot_split(X.shape[0], reason))
        given = not self._is_free(streaming=False)
        samples = prepared_where_it_is(data, held_out, loss.standardises, self.n_jobs, given)
        self._train_on(samples, loss, progress, rng, go_on=go_on)

    def _train(
        self,
        X: FloatArray,
        target: FloatArray,
        weight: FloatArray,
        loss: Loss,
        progress: Progress,
        *,
        labels: NDArray[Any] | None = None,
        go_on: bool = False,
        streaming: bool = False,
        counted: bool = False,
        unit: float = 1.0,
    ) -> None:
        """Fit the network and store what it found.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Validated inputs.
        target : ndarray of shape (n_samples, n_outputs)
            Targets, or class memberships.
        weight : ndarray of shape (n_samples,)
            Validated weights.
        loss : Loss
            Data fit.
        progress : Progress
            Receives phases and iterations.
        labels : ndarray of shape (n_samples,), optional
            Classes, whose shares a validation set keeps.
        go_on : bool, default=False
            Whether to keep the network that is there and train it further.
        streaming : bool, default=False
            Whether more samples are to come, so that a network is not given up for an additive
            model because these are few.
        counted : bool, default=False
            Whether weights are numbers of samples already.
        unit : float, default=1.0
            What these have been divided by.
        """
        random_state = check_random_state(self.random_state)
        rng = np.random.default_rng(random_state.randint(2**31))
        rows: NDArray[np.intp] = np.flatnonzero(weight > 0.0)
        held_out = None
        if self.early_stopping:
            stratify = None if labels is None else labels[rows]
            rows, held_out = self._split(rows, stratify, random_state)
        samples = prepared(
            *(X, target, weight, loss.standardises, rows, held_out),
            as_given=streaming or counted,
            trimmed=not self._is_free(streaming),
        )
        unit *= float(weight[rows].sum()) / samples.data.total
        self._train_on(samples, loss, progress, rng, go_on=go_on, streaming=streaming, unit=unit)

    def _train_on(
        self,
        samples: Prepared,
        loss: Loss,
        progress: Progress,
        rng: np.random.Generator,
        *,
        go_on: bool = False,
        streaming: bool = False,
        unit: float = 1.0,
    ) -> None:
        """Fit the network to prepared samples, wherever they are, and store what it found.

        Parameters
        ----------
        samples : Prepared
            What to train on.
        loss : Loss
            Data fit.
        progress : Progress
            Receives phases and iterations.
        rng : numpy.random.Generator
            Source of the starting points.
        go_on : bool, default=False
            Whether to keep the network that is there and train it further.
        streaming, unit : as in :meth:`_train`
        """
        data, scaling, order = samples.data, samples.scaling, samples.order
        settings = self._settings(
            data,
            self.network_ if go_on or self._keeps_shape(data) else None,
            few=self._is_free(streaming) and data.total < self._n_edges(data),
        )
        sites, shapes = self._sites(scaling, order), self._shapes()
        if shapes is not None:
            shapes = shapes.with_inputs(order)
        interactions = parsed_interactions(
            self.interaction_cst, self.n_features_in_, self._input_owners()[order]
        )
        settings = replace(
            settings,
            compare_additive=not streaming,
            sites=sites,
            shapes=shapes,
            interactions=interactions,
        )
        back = np.argsort(order)
        progress.input_order = back
        problem = Problem(data, samples.validation, loss, settings, scaling)
        start = self._warm_start(settings, scaling, order, go_on)
        if start is not None and start[1] is not None:
            # The weights of the penalty are in its units.
            problem = replace(problem, loss=self._state.data_fit or loss)
        problem, result = self._result(problem, progress, rng, start, streaming)
        self.network_ = network = result.network.with_inputs(back)
        # Functions that bend one way go on doing so beyond the data.
        straight = self.extrapolation == "linear" or (shapes is not None and bool(shapes.bent))
        if straight or self.extrapolation == "constant" or self._is_free(streaming):
            network.layers[0] = network.layers[0].extrapolating(clamped=not straight)
        activity = network_activity(result.network, data, settings.n_jobs)
        posterior = posterior_of(problem, result, order)
        self._state = FittedState(
            penalty=result.penalty.with_inputs(back),
            activity=[activity[0].with_inputs(back), *activity[1:]],
            rows=typical_samples(result.network, data, settings.n_jobs).with_inputs(back),
            alpha=settings.alpha,
            posterior=posterior,
            expected=problem.expected_loss(result, posterior),
            data_fit=result.data_fit or problem.loss,
            weight_unit=unit,
        )
        if hasattr(self, "_stream"):
            del self._stream
        self.solver_ = settings.solver
        self.n_iter_ = result.n_iter
        self.n_outputs_ = data.n_outputs
        self.loss_curve_ = result.loss_curve
        self.loss_ = result.loss
        self.best_loss_ = min(result.loss_curve, default=0.0)
        if samples.validation is not None:
            self.validation_loss_curve_ = result.validation_curve
        elif hasattr(self, "validation_loss_curve_"):
            del self.validation_loss_curve_
        if not result.converged:
            warnings.warn(
                f"The {self.solver_} solver did not converge within max_iter={self.max_iter} "
                "iterations. Increase max_iter, or tol.",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _result(
        self,
        problem: Problem,
        progress: Progress,
        rng: np.random.Generator,
        start: Start | None,
        streaming: bool,
    ) -> tuple[Problem, TrainingResult]:
        """Return what training finds, with what is asked of unknown levels and of shapes."""

        def fitted(problem: Problem, start: Start | None) -> TrainingResult:
            if start is None and self._is_free(streaming) and applies(problem):
                grown = Growth(problem, progress, rng).run()
                return no_worse_than_constant(problem, grown) if grown.ended_early else grown
            if start is None and problem.settings.interactions.limited:
                raise ValueError(NO_ANALYSIS)
            problem = problem.with_room_for_sites()
            result = with_lines(problem, Trainer(problem, progress, rng).run(start))
            return no_worse_than_constant(problem, result, start)

        if problem.loss.calibrates:
            problem, result = calibrated_fit(problem, fitted, start)
        else:
            result = fitted(problem, start)
        sites, shapes = problem.settings.sites, problem.settings.shapes
        if shapes is not None and not result.analysed:
            result = constrained_result(problem, result, shapes)
        if sites and not result.analysed:
            settle_unknown(result.network, sites, problem.data.sample())
        return problem, result

    def _keeps_shape(self, data: Samples) -> bool:
        """Whether a warm start goes on from a network whose shape has been left to its fit."""
        if not (self.warm_start and self._is_free(False) and hasattr(self, "network_")):
            return False
        shape, first = self.network_.shape, self.network_.layers[0]
        return (
            (shape[0], shape[-1]) == (data.n_inputs, data.n_outputs)
            and first.grid.degree == self.degree
            and first.base_name == self.base_function
        )

    def _warm_start(
        self, settings: Settings, scaling: Scaling, order: NDArray[np.intp], go_on: bool
    ) -> tuple[Network, Penalty | None] | None:
        """Return the network of the previous fit in the units of this one."""
        if not (self.warm_start or go_on) or not hasattr(self, "network_"):
            return None
        return warm_start(self.network_, self._state, settings, scaling, order)

    @property
    def alpha_(self) -> list[FloatArray]:
        """Weights of the roughness penalty, arrays of shape (n_in, n_subnodes), by layer."""
        check_is_fitted(self)
        return self._state.penalty_weights()

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")
