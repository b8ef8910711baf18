"""Order of convergence: how fast the test error falls as grids become finer, noise-free.

A spline of degree k comes within a multiple of h^(k+1) of a smooth function, h being the length of
an interval, so that the slope of log error over log grid size should be -(k+1) until rounding is
reached. The first three functions are sums over columns, on networks without a hidden layer, which
leaves nothing but the splines to measure; ``exp_sin_sq`` has a hidden node. Run from the checkout:

    python benchmarks/convergence.py --csv convergence.csv
    python benchmarks/convergence.py --names sine --degrees 5 --alphas 0 1e-12
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from reporting import argument_parser, write

from skkan import KANRegressor
from skkan.datasets import get_formula

GRID_SIZES = (5, 10, 20, 40)
DEGREES = (1, 3, 5)
N_TEST = 10_000
TEST_SEED = 10**6
# Of the range of every column, on either side: what is left out of the error away from the border.
BORDER = 0.01


@dataclass(frozen=True)
class Case:
    """A function on [-1, 1] to the number of columns, and the hidden layers for it."""

    function: Callable[[np.ndarray], np.ndarray]
    n_columns: int
    hidden: tuple[int, ...] = ()


CASES = {
    "sine": Case(lambda X: np.sin(3.0 * X[:, 0] + 0.5), 1),
    "bell": Case(lambda X: 1.0 / (1.0 + 4.0 * X[:, 0] ** 2), 1),
    "sum": Case(
        lambda X: np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2 * np.exp(X[:, 1]) + np.cos(2.0 * X[:, 2]),
        3,
    ),
    "exp_sin_sq": Case(get_formula("exp_sin_sq"), 2, (1,)),
}


def alpha(text: str) -> str | float:
    """Read a value of the parameter of that name."""
    return text if text == "auto" else float(text)


def root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def measure(
    name: str, degree: int, penalty: str | float, grid_size: int, n_samples: int, seed: int
) -> dict[str, object]:
    """Fit one grid, or with a hidden layer the grids up to it, once."""
    case = CASES[name]
    X = np.random.default_rng(seed).uniform(-1.0, 1.0, (n_samples, case.n_columns))
    X_test = np.random.default_rng(TEST_SEED + seed).uniform(-1.0, 1.0, (N_TEST, case.n_columns))
    y = case.function(X)
    grid_sizes = tuple(size for size in GRID_SIZES if size < grid_size) if case.hidden else ()
    model = KANRegressor(
        case.hidden,
        grid_size=(*grid_sizes, grid_size),
        degree=degree,
        alpha=penalty,
        tol=1e-8,
        random_state=seed,
    )
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    residuals = model.predict(X_test) - case.function(X_test)
    inside = (np.abs(X_test) < 1.0 - 2.0 * BORDER).all(axis=1)
    return {
        "name": name,
        "degree": degree,
        "alpha": penalty,
        "n_samples": n_samples,
        "seed": seed,
        "grid_size": grid_size,
        "rmse": root_mean_square(residuals),
        "inner_rmse": root_mean_square(residuals[inside]),
        "train_rmse": root_mean_square(model.predict(X) - y),
        "seconds": seconds,
    }


def steps(own: pd.DataFrame, column: str) -> str:
    """Return the slopes from grid to grid."""
    slopes = np.diff(np.log(own[column])) / np.diff(np.log(own.grid_size))
    return " ".join(f"{slope:5.1f}" for slope in slopes)


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--names", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--degrees", nargs="+", type=int, default=list(DEGREES))
    parser.add_argument("--alphas", nargs="+", type=alpha, default=["auto", 0.0])
    parser.add_argument("--samples", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for name in arguments.names:
        for degree in arguments.degrees:
            for penalty in arguments.alphas:
                for seed in range(arguments.seeds):
                    rows += [
                        measure(name, degree, penalty, grid_size, arguments.samples, seed)
                        for grid_size in GRID_SIZES
                    ]
                    own = pd.DataFrame(rows[-len(GRID_SIZES) :])
                    test, train = (
                        " ".join(f"{value:.1e}" for value in own[column])
                        for column in ("rmse", "train_rmse")
                    )
                    print(
                        f"{name:10s} degree {degree} alpha {penalty} seed {seed}: "
                        f"test {test} (train {train}), slopes {steps(own, 'rmse')} "
                        f"(away from the border {steps(own, 'inner_rmse')})",
                        flush=True,
                    )
                write(rows, arguments.csv)


if __name__ == "__main__":
    main()
