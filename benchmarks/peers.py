"""pykan and skkan on the same samples of known formulas: test error and time in one run.

pykan follows its own recipe: L-BFGS, and for the long run grids from coarse to fine. It is given
its best case: of all its steps the one with the smallest test error counts, and neither finding
that step nor checkpoints are timed. (Its speed mode switches off what a fit without penalty
switches off anyway.) skkan is fitted with the settings of ``accuracy.py``, and the shortest
schedule of grids that reaches pykan's best test error is timed. Times are processor times, on
which other work of the machine has little influence; with several threads they are sums over
these. Run from the checkout, with the extra ``peers`` installed:

    python benchmarks/peers.py --csv peers.csv
    python benchmarks/peers.py --names I.9.18 --seeds 1 --runs short --dtypes float64
"""

import argparse
import contextlib
import io
import os
import tempfile
import time
import warnings

import numpy as np
import pandas as pd
from accuracy import GRID_SIZES, N_RESTARTS, N_TEST, TEST_SEED
from threadpoolctl import threadpool_limits

from skkan import KANRegressor
from skkan.datasets import formula_names, get_formula, make_formula

GRIDS = {"short": (5,), "long": (3, 5, 10, 20, 50)}
SHAPES = ("own", "five")
Samples = tuple[np.ndarray, np.ndarray]


def shape_of(name: str, kind: str) -> tuple[int, ...]:
    """Return the shape of the formula's table, or one hidden layer of five nodes."""
    own = get_formula(name).shape
    return own if kind == "own" else (own[0], 5, 1)


def root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def fit_pykan(
    shape: tuple[int, ...],
    train: Samples,
    test: Samples,
    grids: tuple[int, ...],
    steps: int,
    seed: int,
    dtype: str,
) -> dict[str, float]:
    """Fit pykan once; the tests after every step are left out of its time."""
    import torch
    from kan import KAN

    torch.set_default_dtype(getattr(torch, dtype))
    X, y = (torch.tensor(array, dtype=torch.get_default_dtype()) for array in train)
    X_test = torch.tensor(test[0], dtype=torch.get_default_dtype())
    # pykan tests after every step as well: one row keeps that from costing time.
    data = {
        "train_input": X,
        "train_label": y[:, None],
        "test_input": X[:1],
        "test_label": y[:1, None],
    }
    errors: list[float] = []
    times: list[float] = []
    testing = 0.0
    start = time.process_time()

    def test_error() -> torch.Tensor:
        nonlocal testing
        begin = time.process_time()
        times.append(begin - start - testing)
        with torch.no_grad():
            out = model(X_test)[:, 0].numpy().astype(np.float64)
        errors.append(root_mean_square(out - test[1]))
        testing += time.process_time() - begin
        return torch.tensor(errors[-1])

    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        model = KAN(width=list(shape), grid=grids[0], k=3, seed=seed, auto_save=False)
        for grid in grids:
            if grid != grids[0]:
                # The finer functions are fitted where the last call has evaluated the coarse ones.
                model(X)
                model = model.refine(grid)
                model.auto_save = False
            model.fit(data, opt="LBFGS", steps=steps, metrics=[test_error])
    best = int(np.nanargmin(errors))
    return {
        "pykan_best": errors[best],
        "pykan_last": errors[-1],
        "pykan_seconds": times[-1],
        "pykan_seconds_to_best": times[best],
    }


def fit_skkan(
    shape: tuple[int, ...], train: Samples, test: Samples, grid_sizes: tuple[int, ...], seed: int
) -> tuple[float, float]:
    """Fit skkan once; return test error and time."""
    model = KANRegressor(
        shape[1:-1], grid_size=grid_sizes, n_restarts=N_RESTARTS, tol=1e-8, random_state=seed
    )
    start = time.process_time()
    model.fit(*train)
    seconds = time.process_time() - start
    return root_mean_square(model.predict(test[0]) - test[1]), seconds


def reach(
    shape: tuple[int, ...],
    train: Samples,
    test: Samples,
    target: float,
    seed: int,
    repetitions: int,
) -> dict[str, object]:
    """Time the shortest schedule that ends at `target` or below, or the whole one if none does."""
    for number in range(1, len(GRID_SIZES) + 1):
        grid_sizes = GRID_SIZES[:number]
        error, _ = fit_skkan(shape, train, test, grid_sizes, seed)
        if error <= target:
            break
    times = [fit_skkan(shape, train, test, grid_sizes, seed)[1] for _ in range(repetitions)]
    return {
        "skkan_grid_size": " ".join(map(str, grid_sizes)),
        "skkan_rmse": error,
        "skkan_seconds": float(np.median(times)),
        "reached": error <= target,
    }


def compare(
    name: str,
    shape: tuple[int, ...],
    n_samples: int,
    seed: int,
    run: str,
    dtype: str,
    steps: int,
    repetitions: int,
) -> dict[str, object]:
    """Fit both on the same arrays."""
    train = make_formula(name, n_samples, random_state=seed)
    test = make_formula(name, N_TEST, random_state=TEST_SEED + seed)
    own = fit_pykan(shape, train, test, GRIDS[run], steps, seed, dtype)
    ours = reach(shape, train, test, own["pykan_best"], seed, repetitions)
    whole, seconds = fit_skkan(shape, train, test, GRID_SIZES, seed)
    return {
        "name": name,
        "shape": " ".join(map(str, shape)),
        "n_samples": n_samples,
        "seed": seed,
        "run": run,
        "dtype": dtype,
        **own,
        **ours,
        "ratio": own["pykan_seconds"] / ours["skkan_seconds"] if ours["reached"] else np.nan,
        "ratio_to_best": (
            own["pykan_seconds_to_best"] / ours["skkan_seconds"] if ours["reached"] else np.nan
        ),
        "skkan_whole_rmse": whole,
        "skkan_whole_seconds": seconds,
    }


def line(row: dict[str, object]) -> str:
    verdict = (
        f"pykan takes {row['ratio']:.2g} times as long, {row['ratio_to_best']:.2g} to its best step"
        if row["reached"]
        else "pykan's error is not reached"
    )
    return (
        f"{row['name']} [{row['shape']}] seed {row['seed']} {row['run']:5s} {row['dtype']}  "
        f"pykan {row['pykan_best']:.1e} (last {row['pykan_last']:.1e}) "
        f"{row['pykan_seconds']:6.1f} s (best at {row['pykan_seconds_to_best']:.1f} s)  "
        f"skkan {row['skkan_rmse']:.1e} {row['skkan_seconds']:6.2f} s on {row['skkan_grid_size']}: "
        f"{verdict}; whole schedule {row['skkan_whole_rmse']:.1e} "
        f"{row['skkan_whole_seconds']:.2f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--names", nargs="+", choices=formula_names(), default=["exp_sin_sq"])
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--runs", nargs="+", choices=GRIDS, default=list(GRIDS))
    parser.add_argument("--dtypes", nargs="+", choices=["float32", "float64"], default=["float32"])
    parser.add_argument("--steps", type=int, default=200, help="on every grid of the long run")
    parser.add_argument("--short-steps", type=int, default=50, help="of the short run")
    parser.add_argument("--repetitions", type=int, default=3, help="of the timed skkan fit")
    parser.add_argument("--threads", type=int, default=1, help="of both")
    parser.add_argument("--csv", help="write every row to this file")
    arguments = parser.parse_args()
    os.environ.setdefault("MPLBACKEND", "Agg")
    import torch

    torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore")
    steps = {"short": arguments.short_steps, "long": arguments.steps}
    rows = []
    cases = [
        (name, shape, run, dtype, seed)
        for name in arguments.names
        for shape in dict.fromkeys(shape_of(name, kind) for kind in arguments.shapes)
        for run in arguments.runs
        for dtype in arguments.dtypes
        for seed in range(arguments.seeds)
    ]
    for name, shape, run, dtype, seed in cases:
        # Progress bars of one of the peers would drown the lines printed here.
        silent = contextlib.redirect_stderr(io.StringIO())
        with silent, threadpool_limits(arguments.threads):
            rows.append(
                compare(
                    name,
                    shape,
                    arguments.samples,
                    seed,
                    run,
                    dtype,
                    steps[run],
                    arguments.repetitions,
                )
            )
        print(line(rows[-1]), flush=True)
        if arguments.csv:
            pd.DataFrame(rows).to_csv(arguments.csv, index=False)


if __name__ == "__main__":
    main()
