"""Grids finer than needed: test error of ``alpha="auto"`` on friedman1, by number of intervals.

Noisy samples, fresh ones for the test, whose errors are measured with and without their noise.
With a penalty that fits the data, an unnecessarily fine grid should cost nothing but time. Run
from the checkout:

    python benchmarks/smoothing.py --csv smoothing.csv
    python benchmarks/smoothing.py --grid-sizes 5 50 --solvers auto lm lbfgs --seeds 1
"""

import time
import warnings

import numpy as np
import pandas as pd
from reporting import argument_parser, write
from sklearn.datasets import make_friedman1

from skkan import KANRegressor

GRID_SIZES = (3, 5, 10, 20, 50)
N_TEST = 10_000
TEST_SEED = 10**6
NOISE = 1.0


def measure(n_samples: int, grid_size: int, solver: str, seed: int) -> dict[str, object]:
    """Fit one grid once."""
    X, y = make_friedman1(n_samples, noise=NOISE, random_state=seed)
    X_test, clean = make_friedman1(N_TEST, noise=0.0, random_state=TEST_SEED + seed)
    noise = np.random.default_rng(TEST_SEED + seed).normal(scale=NOISE, size=N_TEST)
    model = KANRegressor(grid_size=grid_size, solver=solver, random_state=seed)
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    residuals = model.predict(X_test) - clean
    return {
        "n_samples": n_samples,
        "grid_size": grid_size,
        "solver": solver,
        "used": model.solver_,
        "seed": seed,
        "n_parameters": model.network_.n_parameters,
        "n_iter": model.n_iter_,
        "clean_rmse": float(np.sqrt(np.mean(residuals**2))),
        "noisy_rmse": float(np.sqrt(np.mean((residuals - noise) ** 2))),
        "seconds": seconds,
    }


def summary(rows: pd.DataFrame) -> str:
    """Return mean errors by grid, and the ratio of each to the best grid of ``"auto"``."""
    columns = ["clean_rmse", "noisy_rmse", "seconds"]
    keys = ["solver", "grid_size"]
    means = rows.groupby(keys, sort=False)[columns].mean()
    means["worst_clean"] = rows.groupby(keys, sort=False).clean_rmse.max()
    for kind in ("clean", "noisy"):
        means[f"{kind}_ratio"] = means[f"{kind}_rmse"] / means[f"{kind}_rmse"].min()
    return means.to_string(float_format=lambda value: f"{value:.3f}")


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--grid-sizes", nargs="+", type=int, default=list(GRID_SIZES))
    parser.add_argument("--solvers", nargs="+", choices=["auto", "lm", "lbfgs"], default=["auto"])
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for solver in arguments.solvers:
        for grid_size in arguments.grid_sizes:
            for seed in range(arguments.seeds):
                rows.append(measure(arguments.samples, grid_size, solver, seed))
                row = rows[-1]
                print(
                    f"{solver:5s} G={grid_size:3d} seed {seed}: {row['used']} on "
                    f"{row['n_parameters']} parameters, test RMSE {row['clean_rmse']:.4f} without "
                    f"noise, {row['noisy_rmse']:.4f} with, {row['n_iter']} iterations, "
                    f"{row['seconds']:.1f} s",
                    flush=True,
                )
                write(rows, arguments.csv)
    print(summary(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
