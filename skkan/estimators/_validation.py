"""Validation of samples and predictions, in one piece or block by block."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from skkan._typing import FloatArray
from skkan.data._large_data import is_large, parts_of, release
from skkan.data._weights import in_range
from skkan.estimators._tables import TableMixin, some_of, warn_user
from skkan.network._network import Network

# In ranges of a column beyond its ends; farther out, predict warns.
FAR = 1.0


class ValidationMixin(TableMixin):
    """What the estimators take and return."""

    max_cache_bytes: int
    validation_fraction: float
    n_jobs: int | None
    network_: Network
    n_outputs_: int

    def _validated(self, X: ArrayLike, *y: ArrayLike, **options: Any) -> Any:
        """Return `X`, and `y` if given, as scikit-learn validates them; say what to do about X."""
        if issparse(X):
            raise TypeError(
                "X is sparse, but KANs need dense data. Use X.toarray(), "
                "OneHotEncoder(sparse_output=False), or TruncatedSVD for many columns."
            )
        _check_names(X)
        try:
            valid = self._inputs(X, *y, **options)
        except Exception as error:
            _explain(error, X, *y)
            raise
        if options.get("y_numeric") and valid[1].dtype.kind not in "biuf":
            raise ValueError(
                f"y must hold real numbers, got {valid[1].ravel()[0]!r}. For labels there is "
                "KANClassifier."
            )
        return valid

    def _validated_weights(self, sample_weight: ArrayLike | None, X: FloatArray) -> FloatArray:
        weight: FloatArray = _check_sample_weight(sample_weight, X, dtype=np.float64)
        _check_signs(weight, 0)
        _check_sum(float(weight.max()))
        return in_range(weight)

    def _validated_samples(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        check: Callable[[NDArray[Any]], Any] | None = None,
        *,
        reset: bool,
        **options: Any,
    ) -> tuple[Any, Any, Any]:
        """Return valid inputs, targets and weights; large ones as they are, to be read by slices.

        Parameters
        ----------
        X, y, sample_weight : array-like
            What the user gave.
        check : callable, optional
            Raises an error for targets that cannot be used.
        reset : bool
            Whether to keep number and names of the columns, or to compare them.
        **options
            Passed to scikit-learn's validation.
        """
        if y is None or not is_large(X, self.max_cache_bytes):
            rows = rows_of(sample_weight) if reset else None
            inputs, targets = self._validated(X, y, reset=reset, rows=rows, **options)
            if check is not None:
                check(targets)
            return inputs, targets, self._validated_weights(sample_weight, inputs)
        targets, weights = _readable(y), _readable_weights(sample_weight, X.shape[0])
        check_consistent_length(X, targets, weights)
        largest = 0.0
        for part in parts_of(X):
            fresh = reset and part.start == 0
            self._check_plain(X[part])
            inputs, own = self._validated(X[part], targets[part], reset=fresh, **options)
            if check is not None:
                check(own)
            weight = check_array(
                weights[part], dtype=np.float64, ensure_2d=False, input_name="sample_weight"
            )
            _check_signs(weight, part.start)
            largest = max(largest, float(weight.max()))
            for array in (X, targets, weights):
                release(array, part)
        _check_sum(largest)
        return X, targets, in_range(weights, largest)

    def _split(
        self,
        rows: NDArray[np.intp],
        labels: NDArray[Any] | None,
        random_state: np.random.RandomState,
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Set samples aside for early stopping."""
        try:
            training, held_out = train_test_split(
                rows,
                test_size=self.validation_fraction,
                random_state=random_state,
                stratify=labels,
            )
        except ValueError as error:
            raise ValueError(self._cannot_split(len(rows), str(error))) from error
        return training, held_out

    def _cannot_split(self, n_samples: int, reason: str) -> str:
        return (
            f"early_stopping=True with validation_fraction={self.validation_fraction} cannot "
            f"split {n_samples} samples: {reason}"
        )

    def _check_plain(self, part: Any) -> None:
        """Raise an error for levels and gaps in samples that are read block by block."""
        none = self.categorical_features is None or isinstance(self.categorical_features, str)
        if not none or np.isnan(np.asarray(part, dtype=np.float64)).any():
            raise ValueError(
                "Input X contains NaN, or levels, and is larger than max_cache_bytes="
                f"{self.max_cache_bytes}, so that it is read block by block. Increase "
                "max_cache_bytes, or encode levels and fill gaps before."
            )

    def _outputs(self, X: ArrayLike) -> FloatArray:
        """Return the network's outputs for `X`, shape (n_samples, n_outputs)."""
        check_is_fitted(self)
        far = np.zeros(len(self.network_.scaling.input_scale), dtype=bool)
        if not is_large(X, self.max_cache_bytes):
            out = self._block_outputs(X, 0, far)
        else:
            stored: Any = X
            out = np.empty((stored.shape[0], self.n_outputs_))
            for part in parts_of(stored):
                out[part] = self._block_outputs(stored[part], part.start, far)
                release(stored, part)
        if far.any():
            columns = np.unique(self._input_owners()[far])
            names = getattr(self, "feature_names_in_", np.arange(self.n_features_in_))
            _warn_of_columns([repr(name) for name in np.asarray(names)[columns].tolist()])
        return out

    def _block_outputs(self, X: ArrayLike, first: int, far: NDArray[np.bool_]) -> FloatArray:
        """Return the outputs for samples of which the first has the number `first`.

        Columns that have values far beyond those of the training data are marked in `far`.
        """
        inputs: FloatArray = self._validated(X, reset=False)
        with np.errstate(over="ignore", invalid="ignore"):
            beyond = np.abs(self.network_.scaling.inputs(inputs)) > 1.0 + 2.0 * FAR
            far |= beyond.any(axis=0) & self.network_.layers[0].splined.any(axis=1)
            out = self.network_(inputs, self.n_jobs)
        finite = np.isfinite(out)
        if not finite.all():
            row = int(finite.all(axis=1).argmin())
            if any(layer.symbols for layer in self.network_.layers):
                raise ValueError(
                    f"the prediction for sample {first + row} of X is not finite: it lies outside "
                    "the domain of a symbolic edge, or makes one overflow. Remove or clip the "
                    "sample, or make the edge a spline with unfix_symbolic."
                )
            raise ValueError(
                f"X lies so far beyond the training data in sample {first + row} (largest "
                f"magnitude {np.abs(inputs[row]).max():.3g}) that its prediction overflows. Remove "
                "or clip the sample."
            )
        return out


def _check_names(X: Any) -> None:
    """Refuse columns of one name, which scikit-learn before 1.7 lets pass."""
    names = list(getattr(X, "columns", ()))
    if len(set(names)) < len(names):
        twice = next(name for number, name in enumerate(names) if name in names[:number])
        raise ValueError(
            f"X has more than one column called {twice!r}. Give every column a name of its own."
        )


def _explain(error: Exception, X: Any, *y: Any) -> None:
    """Raise an error that says what is wrong with the samples, if their own does not."""
    if not isinstance(error, TypeError | ValueError):
        return
    n_dimensions = getattr(X, "ndim", 2)
    if n_dimensions > 2:
        raise ValueError(
            f"X must have two dimensions (samples, features), got an array with dim {n_dimensions} "
            f"and shape {X.shape}. Use X.reshape(len(X), -1)."
        ) from error
    for target in y:
        if np.iscomplexobj(target):
            raise ValueError(
                "Complex data not supported: y must hold real numbers. Use its real and imaginary "
                "parts as two targets: np.column_stack([y.real, y.imag])."
            ) from error
    message = str(error)
    if "X" in message or "sample" in message or "feature names" in message:
        return
    try:
        check_array(X, dtype=np.float64, ensure_all_finite=False, ensure_2d=False)
    except (TypeError, ValueError) as cause:
        raise type(error)(
            f"X must hold real numbers: {str(cause).splitlines()[0]}. Name columns of "
            "levels in categorical_features, and split complex numbers into parts."
        ) from error


def rows_of(sample_weight: Any) -> NDArray[np.bool_] | None:
    """Return the rows that count, as far as weights that are yet to be checked tell."""
    if sample_weight is None or np.isscalar(sample_weight):
        return None
    try:
        used: NDArray[np.bool_] = np.asarray(sample_weight, dtype=np.float64) > 0.0
    except (TypeError, ValueError):
        return None
    return used if used.ndim == 1 and used.any() else None


def _readable(values: Any) -> Any:
    """Return an array, or what can be read by slices like one."""
    sliced = hasattr(values, "shape") and hasattr(values, "dtype") and not hasattr(values, "iloc")
    return values if sliced else np.asarray(values)


def _readable_weights(sample_weight: Any, n_samples: int) -> Any:
    """Return weights as an array; it takes no memory if all are the same."""
    if sample_weight is None or np.isscalar(sample_weight):
        one = 1.0 if sample_weight is None else sample_weight
        return np.broadcast_to(np.asarray(one, dtype=np.float64), n_samples)
    weights = _readable(sample_weight)
    if len(weights.shape) != 1:
        raise ValueError(f"sample_weight must have one dimension, got shape {weights.shape}.")
    return weights


def _check_signs(weight: FloatArray, first: int) -> None:
    """Raise an error for negative weights of samples of which the first has the number `first`."""
    if weight.min() < 0.0:
        raise ValueError(
            f"sample_weight must not be negative, got {weight.min():g} for sample "
            f"{first + int(weight.argmin())}. Leave samples out, or give them weight 0."
        )


def _check_sum(largest: float) -> None:
    if largest == 0.0:
        raise ValueError("sample_weight is zero for all samples; at least one must be positive.")


def _warn_of_columns(names: list[str]) -> None:
    """Warn that rows lie far out."""
    warn_user(
        f"X has rows that lie beyond the training data by more than their whole range, in column "
        f"{some_of(names)}: little is known of predictions there. See the parameter extrapolation."
    )
