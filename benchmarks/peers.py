"""pykan and skkan on the same samples of known formulas: test error and time in one run.

pykan follows its own recipe: L-BFGS, and for the long run grids from coarse to fine. It is given
its best case: of all its steps the one with the smallest test error counts, and neither finding
that step nor checkpoints are timed. (Its speed mode switches off what a fit without penalty
switches off anyway.) skkan is fitted with the settings of ``accuracy.py`` and timed, in the same
way, until its test error is that of pykan's best step, and once to its end. Times are processor
times, on which other work of the machine has little influence; with several threads they are sums
over these. Run from the checkout, with the extra ``peers`` installed:

    python benchmarks/peers.py --csv peers.csv
    python benchmarks/peers.py --names I.9.18 --seeds 1 --runs short --dtypes float64
"""

import contextlib
import io
import os
import tempfile
import time
import warnings

import numpy as np
from accuracy import N_TEST, TEST_SEED, estimator
from reporting import argument_parser, write
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


class TestError:
    """Callback that stops a fit once its test error is low enough, and times the tests."""

    def __init__(self, test: Samples, target: float) -> None:
        self.test = test
        self.target = target
        self.error = np.inf
        self.seconds = 0.0

    def setup(self, estimator: KANRegressor, context: object) -> None: ...

    def teardown(self, estimator: KANRegressor, context: object) -> None: ...

    def on_fit_task_begin(self, estimator: KANRegressor, context: object) -> None: ...

    def on_fit_task_end(
        self,
        estimator: KANRegressor,  # noqa: ARG002
        context: object,  # noqa: ARG002
        *,
        fitted_estimator: KANRegressor | None = None,
    ) -> bool:
        begin = time.process_time()
        if fitted_estimator is not None:
            self.error = root_mean_square(fitted_estimator.predict(self.test[0]) - self.test[1])
        self.seconds += time.process_time() - begin
        return self.error <= self.target


def fit_skkan(
    shape: tuple[int, ...],
    train: Samples,
    test: Samples,
    seed: int,
    restarts: int | None,
    target: float | None = None,
) -> tuple[float, float]:
    """Fit skkan once, to its end or to a test error; return test error and time."""
    model = estimator(shape, len(train[1]), seed, restarts=restarts)
    start = time.process_time()
    if target is None:
        model.fit(*train)
        seconds = time.process_time() - start
        return root_mean_square(model.predict(test[0]) - test[1]), seconds
    watch = TestError(test, target)
    model.set_callbacks(watch).fit(*train)
    return watch.error, time.process_time() - start - watch.seconds


def compare(
    name: str,
    shape: tuple[int, ...],
    n_samples: int,
    seed: int,
    run: str,
    dtype: str,
    steps: int,
    repetitions: int,
    restarts: int | None,
) -> dict[str, object]:
    """Fit both on the same arrays."""
    train = make_formula(name, n_samples, random_state=seed)
    test = make_formula(name, N_TEST, random_state=TEST_SEED + seed)
    own = fit_pykan(shape, train, test, GRIDS[run], steps, seed, dtype)
    target = own["pykan_best"]
    reached = [fit_skkan(shape, train, test, seed, restarts, target) for _ in range(repetitions)]
    error, to_target = reached[0][0], float(np.median([seconds for _, seconds in reached]))
    whole, seconds = fit_skkan(shape, train, test, seed, restarts)
    factor = 1.0 / to_target if error <= target else np.nan
    return {
        "name": name,
        "shape": " ".join(map(str, shape)),
        "n_samples": n_samples,
        "seed": seed,
        "run": run,
        "dtype": dtype,
        **own,
        "skkan_rmse": error,
        "skkan_seconds": to_target,
        "reached": error <= target,
        "ratio": factor * own["pykan_seconds"],
        "ratio_to_best": factor * own["pykan_seconds_to_best"],
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
        f"skkan {row['skkan_rmse']:.1e} {row['skkan_seconds']:6.2f} s: "
        f"{verdict}; to its end {row['skkan_whole_rmse']:.1e} "
        f"{row['skkan_whole_seconds']:.2f} s"
    )


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--names", nargs="+", choices=formula_names(), default=["exp_sin_sq"])
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--runs", nargs="+", choices=GRIDS, default=list(GRIDS))
    parser.add_argument("--dtypes", nargs="+", choices=["float32", "float64"], default=["float32"])
    parser.add_argument("--steps", type=int, default=200, help="on every grid of the long run")
    parser.add_argument("--short-steps", type=int, default=50, help="of the short run")
    parser.add_argument("--repetitions", type=int, default=3, help="of the timed skkan fit")
    parser.add_argument("--restarts", type=int, help="of skkan, by default as in accuracy.py")
    parser.add_argument("--threads", type=int, default=1, help="of both")
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
                    arguments.restarts,
                )
            )
        print(line(rows[-1]), flush=True)
        write(rows, arguments.csv)


if __name__ == "__main__":
    main()
