"""How long predictions take: one row, a hundred, and 100,000, ours and those of scikit-learn.

Networks are trained for a few iterations only, as what their functions look like does not matter
here. "Validation" is what scikit-learn's own checks of a fitted estimator and its input cost. Run
from the checkout:

    python benchmarks/latency.py --csv latency.csv
"""

import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from reporting import argument_parser, write
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.utils.validation import check_is_fitted, validate_data

from skkan import KANRegressor

SHAPES = {"[4, 5, 1]": (4, (5,)), "[10, 8, 1]": (10, (8,)), "[4, 2, 1, 1]": (4, (2, 1))}
ROWS = (1, 100, 100_000)
# Short rounds, lest all of them are disturbed on a machine with other work to do.
ROUND_SECONDS, SECONDS = 0.002, 8.0


def shortest(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Return the seconds of every call in the fastest of many short rounds, which take turns."""
    numbers = {}
    for name, call in calls.items():
        call()
        start = time.perf_counter()
        call()
        numbers[name] = max(1, int(ROUND_SECONDS / (time.perf_counter() - start)))
    best = dict.fromkeys(calls, np.inf)
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(numbers[name]):
                call()
            best[name] = min(best[name], (time.perf_counter() - start) / numbers[name])
    return best


def draw(n_samples: int, n_columns: int) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(0).uniform(-1.0, 1.0, (n_samples, n_columns))
    return X, np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)


def models(n_columns: int, hidden: tuple[int, ...]) -> dict[str, Any]:
    """Return fitted estimators by name."""
    X, y = draw(500, n_columns)
    options = {"alpha": 1e-4, "max_iter": 20, "n_restarts": 1, "random_state": 0}
    kan = KANRegressor(hidden, **options).fit(X, y)
    two_columns = [np.arange(n_columns) < 2]
    masks = [np.repeat(two_columns[0][:, None], kan.network_.shape[1], axis=1)]
    masks += [layer.active for layer in kan.network_.layers[1:]]
    pruned = KANRegressor(hidden, **options).fit(X, y)
    pruned.network_ = pruned.network_.masked(masks)
    symbolic = pruned.prune(0.0, 0.0).auto_symbolic(r2_threshold=0.0, symbols=["sin", "x^2"])
    return {
        "spline": kan,
        "threads": KANRegressor(hidden, n_jobs=2, **options).fit(X, y),
        "quantile": KANRegressor(hidden, knots="quantile", **options).fit(X, y),
        "two columns": pruned,
        "symbolic": symbolic,
        "MLP": MLPRegressor(hidden_layer_sizes=(64, 64), max_iter=5, random_state=0).fit(X, y),
        "boosting": GradientBoostingRegressor(random_state=0).fit(X, y),
    }


def validate(model: Any, X: np.ndarray) -> None:
    check_is_fitted(model)
    validate_data(model, X, reset=False, dtype=np.float64)


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--rows", nargs="+", type=int, default=list(ROWS))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    results = []
    for shape, (n_columns, hidden) in SHAPES.items():
        fitted = models(n_columns, hidden)
        for n_rows in arguments.rows:
            X, _ = draw(n_rows, n_columns)
            calls: dict[str, Callable[[], Any]] = {
                "validation": partial(validate, fitted["spline"], X)
            }
            calls |= {name: partial(model.predict, X) for name, model in fitted.items()}
            seconds = shortest(calls)
            for name in fitted:
                row = {
                    "shape": shape,
                    "rows": n_rows,
                    "model": name,
                    "microseconds": 1e6 * seconds[name],
                    "above validation": 1e6 * (seconds[name] - seconds["validation"]),
                    "over spline": seconds[name] / seconds["spline"],
                }
                results.append(row)
                print(
                    f"{shape:13s} {n_rows:6d} rows {name:12s} {row['microseconds']:9.0f} us, above "
                    f"validation {row['above validation']:9.0f} us, {row['over spline']:5.2f} of "
                    "spline",
                    flush=True,
                )
    write(results, arguments.csv)


if __name__ == "__main__":
    main()
