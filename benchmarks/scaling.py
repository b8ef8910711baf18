"""Time of a loss with gradient over the number of samples, width, depth and grid size.

One of the four varies at a time. The slope is that of log time over log size between the two
largest sizes and over all of them: 1 is linear. The time is the fastest of some repetitions in
processor time, which other work of the machine disturbs least; with several threads it is the sum
over them. Run from the checkout:

    python benchmarks/scaling.py --csv scaling.csv
"""

import time
from typing import Any

import numpy as np
from reporting import argument_parser, write
from speed import kernel

from skkan.data._blocks import tuned_for_blocks

SIZES = {
    "samples": (1_000, 10_000, 100_000, 1_000_000),
    "width": (4, 8, 16, 32, 64),
    "depth": (1, 2, 4, 8),
    "grid": (5, 10, 20, 40, 80, 160),
}
COLUMNS, WIDTH, GRID = 10, 8, 5


def problem(what: str, size: int, n_samples: int) -> tuple[tuple[int, ...], int, int]:
    """Return shape, grid size and number of samples of a problem of some size."""
    hidden = (size if what == "width" else WIDTH,) * (size if what == "depth" else 1)
    grid_size = size if what == "grid" else GRID
    return (COLUMNS, *hidden, 1), grid_size, size if what == "samples" else n_samples


def measure(what: str, size: int, n_samples: int, n_jobs: int, seconds: float) -> dict[str, Any]:
    """Time one problem for at least `seconds`, and three times."""
    shape, grid_size, n = problem(what, size, n_samples)
    objective, parameters = kernel(shape, grid_size, n, n_jobs)
    times: list[float] = []
    with tuned_for_blocks():
        objective.value_and_gradient(parameters)
        while len(times) < 3 or sum(times) < seconds:
            start = time.process_time()
            objective.value_and_gradient(parameters)
            times.append(time.process_time() - start)
    return {
        "what": what,
        "size": size,
        "shape": " ".join(map(str, shape)),
        "grid_size": grid_size,
        "n_samples": n,
        "seconds": min(times),
    }


def slopes(rows: list[dict[str, Any]]) -> str:
    """Return the slope between every two sizes that follow each other, and over all."""
    sizes = np.log([row["size"] for row in rows])
    times = np.log([row["seconds"] for row in rows])
    steps = " ".join(f"{slope:.2f}" for slope in np.diff(times) / np.diff(sizes))
    return f"{steps}, over all {np.polyfit(sizes, times, 1)[0]:.2f}"


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--what", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--samples", type=int, default=20_000, help="where they do not vary")
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0, help="least time for every size")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for what in arguments.what:
        own = []
        for size in SIZES[what]:
            own.append(measure(what, size, arguments.samples, arguments.n_jobs, arguments.seconds))
            row = own[-1]
            print(
                f"{what:8s} {size:8d}  [{row['shape']}] G={row['grid_size']} "
                f"n={row['n_samples']}: {1e3 * row['seconds']:.3f} ms, "
                f"{1e6 * row['seconds'] / row['n_samples']:.2f} us a sample",
                flush=True,
            )
        print(f"{what:8s} slopes {slopes(own)}", flush=True)
        rows += own
    write(rows, arguments.csv)


if __name__ == "__main__":
    main()
