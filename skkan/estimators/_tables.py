"""Tables with levels and gaps, as the estimators take them."""

import inspect
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Tags, check_array, check_X_y
from sklearn.utils.validation import validate_data

from skkan._typing import FloatArray
from skkan.data._raw_table import RawTable, categorical_mask, is_frame
from skkan.data._table_encoder import TableEncoder
from skkan.estimators._fitted_state import FittedState
from skkan.network._scaling import Scaling

# Codes of an input of the analysis of variance, whose grids have as many intervals.
ANALYSIS_ROOM = 41
# Two levels, and codes for unknown ones and for those of other inputs.
LEAST_ROOM = 4


class TableMixin:
    """From the user's table to the inputs of the network."""

    hidden_layer_sizes: Any
    categorical_features: Any
    degree: int
    _encoder: TableEncoder
    _state: FittedState
    n_features_in_: int
    _grid_sizes: Any
    _is_free: Any
    _analysed_loss: Any
    alpha: float | str
    early_stopping: bool
    sparsity: float
    base_function: str
    solver: str

    def __sklearn_tags__(self) -> Tags:
        parent: Any = super()
        tags: Tags = parent.__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _input_names(self) -> list[str]:
        """Return names of the inputs of the network."""
        encoder = getattr(self, "_encoder", None)
        return self._column_names() if encoder is None else encoder.names()

    def _column_names(self) -> list[str]:
        """Return names of the columns."""
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            return [f"x{i}" for i in range(self.n_features_in_)]
        return [str(own) for own in names]

    def _input_owners(self) -> NDArray[np.intp]:
        """Return the column of every input of the network."""
        encoder = getattr(self, "_encoder", None)
        return np.arange(self.n_features_in_) if encoder is None else encoder.owner

    def _sites(
        self, scaling: Scaling, order: NDArray[np.intp] | None = None
    ) -> tuple[FloatArray | None, ...]:
        """Return, for inputs that are codes of levels without order, where these lie.

        Parameters
        ----------
        scaling : Scaling
            Of the inputs of training.
        order : ndarray of int of shape (n_inputs,), optional
            Input ``i`` of training is input ``order[i]`` of the network.
        """
        encoder = getattr(self, "_encoder", None)
        if encoder is None or not any(encoder.n_codes):
            return ()
        counts = np.array(encoder.n_codes)
        if order is not None:
            counts = counts[order]
        return tuple(
            (np.arange(count) - shift) / scale if count and np.isfinite(scale) else None
            for count, shift, scale in zip(
                counts.tolist(), scaling.input_shift, scaling.input_scale, strict=True
            )
        )

    def _is_analysed(self) -> bool:
        """Whether parameters and loss leave the fit to an analysis of variance."""
        return (
            self._analysed_loss
            and self._is_free(False)
            and isinstance(self.alpha, str)
            and not self.early_stopping
            and self.sparsity == 0.0
            and self.base_function == "zero"
            and self.solver != "adam"
        )

    def _room(self) -> int:
        """Return how many codes an input may have, for its edges to be one value a code."""
        if self._is_analysed():
            return ANALYSIS_ROOM
        room = int(self._grid_sizes()[-1]) + self.degree
        if room < LEAST_ROOM:
            raise ValueError(
                f"grid_size + degree is {room}, but columns of levels need at least {LEAST_ROOM} "
                "splines an edge. Increase grid_size."
            )
        return room

    def _inputs(
        self,
        X: Any,
        *y: ArrayLike,
        reset: bool = True,
        rows: NDArray[np.bool_] | None = None,
        **options: Any,
    ) -> Any:
        """Return the inputs of a table, and `y` if given, validated.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            The table.
        *y : array-like
            Targets, if any.
        reset : bool, default=True
            Whether to learn levels and gaps, or to use those of the fit.
        rows : ndarray of bool of shape (n_samples,), optional
            Rows that count where levels are learned.
        **options
            Passed to scikit-learn's validation.
        """
        encoder = None if reset else getattr(self, "_encoder", None)
        mask = None
        if encoder is not None and encoder.reads_objects:
            mask = encoder.categorical
        elif reset and (is_frame(X) or not isinstance(self.categorical_features, str)):
            wanted = self.categorical_features
            table = None if wanted is None else RawTable.of(X)
            found = np.zeros(0, bool) if table is None else categorical_mask(table, wanted)
            mask = found if found.any() else None
        if mask is None:
            valid = validate_data(
                self,
                X,
                *y,
                dtype=np.float64,
                reset=reset,
                ensure_all_finite="allow-nan",
                **options,
            )
            coded, others = (valid[0], valid[1:]) if y else (valid, ())
            if reset:
                self._learn_gaps(coded, rows)
                encoder = getattr(self, "_encoder", None)
        else:
            coded, others, encoder = self._coded(X, y, mask, encoder, reset, rows, options)
        inputs = self._filled(coded) if encoder is None else encoder.inputs(coded)
        return (inputs, *others) if y else inputs

    def _coded(
        self,
        X: Any,
        y: tuple[ArrayLike, ...],
        mask: NDArray[np.bool_],
        encoder: TableEncoder | None,
        reset: bool,
        rows: NDArray[np.bool_] | None,
        options: dict[str, Any],
    ) -> tuple[FloatArray, tuple[Any, ...], TableEncoder]:
        """Return a table with levels as numbers, `y`, and what is known of the table."""
        validate_data(self, X, skip_check_array=True, reset=reset)
        table = RawTable.of(X)
        if encoder is None:
            used = _used(rows, table.n_rows)
            names = self._column_names()
            encoder = TableEncoder.of(table, mask, names, used, self._room())
            self._encoder = encoder
            self._warn_of_empty(encoder)
        coded = encoder.coded(table)
        checks = {"dtype": np.float64, "ensure_all_finite": "allow-nan", "estimator": self}
        if not y:
            return check_array(coded, input_name="X", **checks, **options), (), encoder
        coded, *others = check_X_y(coded, *y, **checks, **options)
        return coded, tuple(others), encoder

    def _learn_gaps(self, coded: FloatArray, rows: NDArray[np.bool_] | None) -> None:
        """Keep what is known of a table of numbers, if it has gaps."""
        if hasattr(self, "_encoder"):
            del self._encoder
        if not _has_gaps(coded):
            return
        used = _used(rows, len(coded))
        none = np.zeros(coded.shape[1], dtype=bool)
        names = self._column_names()
        self._encoder = TableEncoder.of(RawTable(coded, None), none, names, used, 0)
        self._warn_of_empty(self._encoder)

    def _warn_of_empty(self, encoder: TableEncoder) -> None:
        names = [repr(own.name) for own in encoder.columns if own.is_empty]
        if names:
            warn_user(
                f"X has no value at all in column {some_of(names)}, which is ignored. Leave such "
                "columns out."
            )

    def _filled(self, coded: FloatArray) -> FloatArray:
        """Put typical values in the place of gaps that training has not had."""
        if not _has_gaps(coded):
            return coded
        gaps = np.isnan(coded)
        medians = np.median(self._state.rows.X, axis=0)
        return np.where(gaps, medians, coded)


def _has_gaps(coded: FloatArray) -> bool:
    """Whether there is a NaN; sums take no memory, and are NaN where there is one."""
    with np.errstate(over="ignore", invalid="ignore"):
        suspect = np.isnan(coded.sum(axis=0))
    return bool(suspect.any() and np.isnan(coded[:, suspect]).any())


def _used(rows: NDArray[np.bool_] | None, n_rows: int) -> NDArray[np.intp]:
    """Return the rows that count; weights that do not fit raise an error later."""
    if rows is None or len(rows) != n_rows:
        return np.arange(n_rows)
    return np.flatnonzero(rows)


def warn_user(message: str) -> None:
    """Warn where the user's code calls this package."""
    level, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith("skkan."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)


def some_of(names: Sequence[str]) -> str:
    """Return the first names of many."""
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
