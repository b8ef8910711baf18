"""What travels when a fit runs on a cluster, and how long it takes against the same fit in memory.

The cluster is one of two workers on this machine, processes with one thread each. Bytes are all
that goes over the loopback interface while `fit` runs, heartbeats included, so that nothing else
should talk over it at the time. Run from the checkout:

    python benchmarks/cluster.py --csv cluster.csv
"""

import time
import warnings
from typing import Any

import dask
import dask.array as da
import numpy as np
import pandas as pd
import psutil
from distributed import Client, LocalCluster, wait
from reporting import argument_parser, write
from sklearn.exceptions import ConvergenceWarning

import skkan
import skkan.dask

HIDDEN = {"lbfgs": (8,), "lm": (2,)}
COLUMNS = 10


def travelled() -> int:
    """Return how many bytes have gone over the loopback interface so far."""
    return psutil.net_io_counters(pernic=True)["lo"].bytes_sent


def target(X: Any) -> Any:
    """Return a target with two columns that act together, for arrays of NumPy and Dask."""
    return np.sin(3.0 * X[:, 0] * X[:, 1]) + X[:, 2] ** 2 + 0.5 * X[:, 3]


def fitted(model: Any, X: Any, y: Any) -> tuple[Any, float, int]:
    """Fit; return the model, the seconds it took, and the bytes that travelled."""
    before, start = travelled(), time.perf_counter()
    model.fit(X, y)
    return model, time.perf_counter() - start, travelled() - before


def measure(solver: str, n_samples: int, max_iter: int) -> dict[str, Any]:
    """Fit on the workers and in memory, with few iterations and with many.

    The difference of the two is what the iterations take; the fit with few has the rest.
    """
    X = da.random.default_rng(0).uniform(
        -1.0, 1.0, size=(n_samples, COLUMNS), chunks=(n_samples // 16, COLUMNS)
    )
    X, y = dask.persist(X, target(X))
    wait([X, y])
    options = {
        "hidden_layer_sizes": HIDDEN[solver],
        "solver": solver,
        "alpha": 1e-6,
        "n_restarts": 1,
        "tol": 0.0,
        "random_state": 0,
    }
    few, many = max_iter // 4, max_iter
    short, short_s, short_bytes = fitted(skkan.dask.KANRegressor(**options, max_iter=few), X, y)
    model, long_s, long_bytes = fitted(skkan.dask.KANRegressor(**options, max_iter=many), X, y)
    steps = model.n_iter_ - short.n_iter_
    X_here, y_here = dask.compute(X, y)
    row = {
        "solver": solver,
        "samples": n_samples,
        "data_mb": (X_here.nbytes + y_here.nbytes) / 1e6,
        "parameters": model.network_.n_parameters,
        "iterations": steps,
        "kb_per_iteration": (long_bytes - short_bytes) / 1e3 / steps,
        "mb_before": short_bytes / 1e6,
        "cluster_s": long_s,
        "s_per_iteration": (long_s - short_s) / steps,
    }
    for n_jobs in (1, 2):
        alone = skkan.KANRegressor(**options, max_iter=many, n_jobs=n_jobs)
        alone, row[f"memory_{n_jobs}_s"], _ = fitted(alone, X_here, y_here)
    gap = alone.predict(X_here[:1000]) - model.predict(X_here[:1000])
    return {**row, "difference": float(np.abs(gap).max())}


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--samples", type=int, nargs="+", default=[100_000, 400_000])
    parser.add_argument("--solvers", nargs="+", choices=HIDDEN, default=list(HIDDEN))
    parser.add_argument("--max-iter", type=int, default=24)
    parser.add_argument("--work-stealing", action="store_true", help="let idle workers take tasks")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    rows = []
    dask.config.set({"distributed.scheduler.work-stealing": arguments.work_stealing})
    with LocalCluster(**options) as cluster, Client(cluster):
        for solver in arguments.solvers:
            for n_samples in arguments.samples:
                rows.append(measure(solver, n_samples, arguments.max_iter))
                print(pd.DataFrame(rows[-1:]).to_string(index=False), flush=True)
    write(rows, arguments.csv)


if __name__ == "__main__":
    main()
