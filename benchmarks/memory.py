"""Peak memory of a fit above its data: arrays in memory, and mapped files of growing size.

Every fit runs in a process of its own, on inputs of 10 columns. Two figures are taken while it runs
and given as differences from before: "private" is memory that only this process has and no file
backs, "resident" is all that is counted as the process's, pages of mapped files included. A file is
written block by block into a directory for temporary files and removed afterwards. Linux only. Run
from the checkout:

    python benchmarks/memory.py --csv memory.csv
    python benchmarks/memory.py mapped --gigabytes 4 --hidden 2 --grid-size 3 --max-iter 2
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from reporting import argument_parser
from reporting import write as write_rows

COLUMNS = 10
BLOCK = 2**17
SIZES = (0.25, 0.5, 1.0)


def samples(start: int, n_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets of some rows."""
    rng = np.random.default_rng(start)
    X = rng.uniform(-1.0, 1.0, size=(n_samples, COLUMNS))
    return X, np.sin(np.pi * X[:, 0]) * X[:, 1] + X[:, 2] ** 2 + 0.1 * rng.normal(size=n_samples)


def write(folder: Path, n_samples: int, dtype: str) -> None:
    """Write samples into two files, block by block."""
    with (folder / "X").open("wb") as inputs, (folder / "y").open("wb") as targets:
        for start in range(0, n_samples, BLOCK):
            X, y = samples(start, min(BLOCK, n_samples - start))
            X.astype(dtype).tofile(inputs)
            y.tofile(targets)


class Watch:
    """Looks at the memory of this process every hundredth of a second."""

    def __init__(self) -> None:
        self.peaks = {"private": 0.0, "resident": 0.0}
        self._before = self._now()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _now(self) -> dict[str, float]:
        lines = Path("/proc/self/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        kilobytes = {name: float(fields[name].split()[0]) for name in ("RssAnon", "VmRSS")}
        return {"private": 1024 * kilobytes["RssAnon"], "resident": 1024 * kilobytes["VmRSS"]}

    def _look(self) -> None:
        while not self._over.wait(0.01):
            for name, value in self._now().items():
                self.peaks[name] = max(self.peaks[name], value - self._before[name])

    def close(self) -> dict[str, float]:
        """Return the peaks, in megabytes."""
        self._over.set()
        self._thread.join()
        return {name: value / 1e6 for name, value in self.peaks.items()}


def fit(arguments: argparse.Namespace) -> dict[str, Any]:
    """Fit a model and return what that took."""
    from skkan import KANRegressor

    n_samples = arguments.samples
    if arguments.folder:
        folder = Path(arguments.folder)
        X: Any = np.memmap(folder / "X", arguments.dtype, "r", shape=(n_samples, COLUMNS))
        y: Any = np.memmap(folder / "y", np.float64, "r", shape=(n_samples,))
    else:
        X, y = samples(0, n_samples)
    model = KANRegressor(
        tuple(arguments.hidden),
        grid_size=arguments.grid_size,
        alpha="auto" if arguments.alpha == "auto" else float(arguments.alpha),
        solver=arguments.solver,
        n_restarts=1,
        max_iter=arguments.max_iter,
        n_jobs=arguments.n_jobs,
        max_cache_bytes=arguments.max_cache_bytes,
        random_state=0,
    )
    # Whatever is loaded on first use is not the data's.
    model.fit(*samples(0, 100))
    watch, start = Watch(), time.perf_counter()
    model.fit(X, y)
    return {**watch.close(), "seconds": time.perf_counter() - start, "solver": model.solver_}


def measured(arguments: argparse.Namespace, n_samples: int, folder: str) -> dict[str, Any]:
    """Run :func:`fit` in a process of its own."""
    options = [*sys.argv[1:], "--samples", str(n_samples), "--folder", folder, "--child"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", __file__, *options]
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    size = np.dtype(arguments.dtype if folder else float).itemsize
    row = {
        "where": "mapped" if folder else "memory",
        "samples": n_samples,
        "inputs_mb": size * COLUMNS * n_samples / 1e6,
        **json.loads(done.stdout),
    }
    print({name: round(v, 1) if isinstance(v, float) else v for name, v in row.items()}, flush=True)
    return row


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("what", nargs="*", help="memory, mapped; by default both")
    parser.add_argument("--samples", type=int, default=1_000_000, help="of arrays in memory")
    parser.add_argument("--gigabytes", type=float, nargs="+", default=SIZES, help="of mapped files")
    parser.add_argument("--dtype", default="float64", choices=("float32", "float64"))
    parser.add_argument("--hidden", type=int, nargs="*", default=(8,))
    parser.add_argument("--grid-size", type=int, default=5)
    parser.add_argument("--alpha", default="1e-4", help='a number or "auto"')
    parser.add_argument("--solver", default="auto")
    parser.add_argument("--max-iter", type=int, default=5)
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--max-cache-bytes", type=int, default=2**28)
    parser.add_argument("--temporary", help="directory for the files")
    parser.add_argument("--folder", default="", help=argparse.SUPPRESS)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(fit(arguments)))
        return
    rows: list[dict[str, Any]] = []
    what = arguments.what or ["memory", "mapped"]
    if "memory" in what:
        rows.append(measured(arguments, arguments.samples, ""))
    if "mapped" in what:
        for size in arguments.gigabytes:
            itemsize = np.dtype(arguments.dtype).itemsize
            n_samples = int(size * 1e9 / (itemsize * COLUMNS))
            with tempfile.TemporaryDirectory(dir=arguments.temporary) as folder:
                write(Path(folder), n_samples, arguments.dtype)
                rows.append(measured(arguments, n_samples, folder))
    write_rows(rows, arguments.csv)


if __name__ == "__main__":
    main()
