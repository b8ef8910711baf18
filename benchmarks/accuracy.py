"""Accuracy on known formulas, noise-free: test error and processor time of every formula and seed.

nRMSE is the root mean squared error on fresh samples divided by the standard deviation of the
target. Every formula is fitted with the same settings, on the shape of its table. Training that has
not ended by a limit of processor time is interrupted, and the best network so far is measured. Run
from the checkout:

    python benchmarks/accuracy.py --csv accuracy.csv
    python benchmarks/accuracy.py --names exp_sin_sq I.9.18 --seeds 0 1 --samples 1000 --degree 3
    python benchmarks/accuracy.py --names exp_sin_sq --samples 1000 --hidden 5 --grids 3 6
"""

import argparse
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import pandas as pd
from reporting import argument_parser, write

from skkan import KANRegressor
from skkan.datasets import formula_names, get_formula, make_formula

GRID_SIZES = (5, 10, 20, 40, 80, 160)
ALWAYS = 20
SAMPLES_PER_PARAMETER = 10
# Starts are cheap where edges are few, and twice as many leave next to none stuck.
MANY_RESTARTS, FEW_RESTARTS = 16, 8
FEW_EDGES = 12
MAX_ITER = 10_000
DEGREE = 5
LIMIT = 60.0
N_TEST = 10_000
TEST_SEED = 10**6

# Root mean squared errors of the KAN paper's tables 1 and 2 (arXiv:2404.19756): the best KAN.
# Its sampling ranges are not all stated, so a comparison by row is indicative.
PAPER_BEST = {
    "I.6.2": 2.86e-5,
    "I.6.2b": 4.45e-4,
    "I.9.18": 1.48e-3,
    "I.12.11": 9.13e-4,
    "I.13.12": 2.72e-3,
    "I.15.3x": 1.14e-3,
    "I.16.6": 1.06e-3,
    "I.18.4": 1.50e-4,
    "I.26.2": 7.90e-4,
    "I.27.6": 1.94e-4,
    "I.29.16": 3.20e-3,
    "I.30.3": 1.03e-3,
    "I.30.5": 3.49e-5,
    "I.37.4": 4.91e-6,
    "I.40.1": 3.12e-4,
    "I.44.4": 2.30e-5,
    "I.50.26": 1.52e-4,
    "II.2.42": 7.22e-4,
    "II.6.15a": 1.35e-3,
    "II.11.7": 5.03e-3,
    "II.11.27": 1.43e-5,
    "II.35.18": 7.71e-5,
    "II.36.38": 1.15e-3,
    "II.38.3": 8.78e-5,
    "III.9.52": 3.90e-3,
    "III.10.19": 8.16e-4,
    "III.17.37": 4.12e-4,
}


@contextmanager
def processor_time_limit(seconds: float) -> Iterator[None]:
    """Interrupt what runs inside as a keyboard would, once it has used up its processor time."""
    signal.signal(signal.SIGPROF, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)


def n_edges(shape: tuple[int, ...]) -> int:
    return sum(a * b for a, b in pairwise(shape))


def n_restarts(shape: tuple[int, ...]) -> int:
    return MANY_RESTARTS if n_edges(shape) <= FEW_EDGES else FEW_RESTARTS


def grid_sizes(shape: tuple[int, ...], n_samples: int, degree: int) -> tuple[int, ...]:
    """Return the grids that the samples can be expected to determine."""
    limit = n_samples / (SAMPLES_PER_PARAMETER * n_edges(shape))
    return tuple(size for size in GRID_SIZES if size <= max(ALWAYS, limit - degree))


def estimator(
    shape: tuple[int, ...],
    n_samples: int,
    seed: int,
    degree: int = DEGREE,
    restarts: int | None = None,
    grids: list[int] | None = None,
) -> KANRegressor:
    """Return the estimator that is measured."""
    return KANRegressor(
        shape[1:-1],
        grid_size=grids or grid_sizes(shape, n_samples, degree),
        degree=degree,
        solver="lm",
        n_restarts=restarts or n_restarts(shape),
        tol=1e-6,
        max_iter=MAX_ITER,
        random_state=seed,
    )


def measure(name: str, n_samples: int, seed: int, options: argparse.Namespace) -> dict[str, object]:
    """Fit one formula once."""
    formula = get_formula(name)
    shape = formula.shape
    if options.hidden:
        shape = (shape[0], *options.hidden, shape[-1])
    X, y = make_formula(name, n_samples, random_state=seed)
    X_test, y_test = make_formula(name, N_TEST, random_state=TEST_SEED + seed)
    model = estimator(shape, n_samples, seed, options.degree, options.restarts, options.grids)
    start = time.process_time()
    with processor_time_limit(options.limit):
        model.fit(X, y)
    seconds = time.process_time() - start
    test = float(np.sqrt(np.mean((model.predict(X_test) - y_test) ** 2)))
    train = float(np.sqrt(np.mean((model.predict(X) - y) ** 2)))
    return {
        "name": name,
        "family": formula.family,
        "n_samples": n_samples,
        "seed": seed,
        "shape": " ".join(map(str, model.network_.shape)),
        "degree": options.degree,
        "grid_size": model.network_.grid_size,
        "n_parameters": model.network_.n_parameters,
        "rmse": test,
        "nrmse": test / float(y_test.std()),
        "train_nrmse": train / float(y.std()),
        "seconds": seconds,
    }


def summary(rows: pd.DataFrame) -> str:
    """Return the figures of the worst seed of every formula, over the formulas."""
    worst = rows.groupby(["n_samples", "name"]).nrmse.max()
    lines = []
    for n_samples, values in worst.groupby(level=0):
        lines.append(
            f"n={n_samples}, worst seed of each of {len(values)}: median {values.median():.1e}, "
            f"ninth tenth {values.quantile(0.9):.1e}, worst {values.max():.1e}"
        )
    paper = rows[rows.name.isin(PAPER_BEST)]
    for n_samples, part in paper.groupby("n_samples"):
        ratio = pd.Series(PAPER_BEST) / part.groupby("name").rmse.max()
        ratio = ratio.dropna()
        lines.append(
            f"n={n_samples}, the paper's best KAN over ours: median {ratio.median():.0f}, "
            f"smallest {ratio.min():.2g}, at or below it on {(ratio >= 1).sum()} of {len(ratio)}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--names", nargs="+", choices=formula_names(), default=formula_names())
    parser.add_argument("--samples", nargs="+", type=int, default=[1000, 3000])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--degree", type=int, default=DEGREE)
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds a fit")
    parser.add_argument("--restarts", type=int, help="by default more where edges are few")
    parser.add_argument("--hidden", nargs="+", type=int, help="nodes by layer, not the table's")
    parser.add_argument("--grids", nargs="+", type=int, help="intervals, not by the samples")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for name in arguments.names:
        for n_samples in arguments.samples:
            rows += [measure(name, n_samples, seed, arguments) for seed in arguments.seeds]
            own = pd.DataFrame(rows[-len(arguments.seeds) :])
            print(
                f"{name:28s} n={n_samples:5d} [{own['shape'][0]}]  nRMSE best "
                f"{own.nrmse.min():.1e} median {own.nrmse.median():.1e} worst "
                f"{own.nrmse.max():.1e} (train {own.train_nrmse.max():.1e})  "
                f"{own.seconds.median():5.1f} s a fit",
                flush=True,
            )
            write(rows, arguments.csv)
    print(summary(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
