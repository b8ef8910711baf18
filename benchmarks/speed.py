"""Loss with gradient, and 50 steps of L-BFGS: skkan, pykan, PyTorch code of our own, scikit-learn.

Every measurement runs in a process of its own. It runs once to warm up and takes the fastest of
some repetitions; the memory is what the process has needed above what it had with its samples and
packages. For the steps, another process runs them once, to tell the time with start and imports;
there skkan fits an estimator, which lets starts race before the steps.

"skkan32" is skkan with ``dtype="float32"``; "dense" is a KAN in PyTorch that evaluates the
recursion of Cox and de Boor on the whole grid and then multiplies matrices, which is the idea of
efficient-kan; "MLP" is scikit-learn's with two hidden layers of 64; pykan runs in its speed mode.
The roofline holds the arithmetic of the kernel against the rates that this machine reaches for a
large matrix product and for a copy of memory. Run from the checkout, with the extra ``peers``
installed:

    python benchmarks/speed.py --threads 2 --csv speed.csv
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from reporting import argument_parser, write

SHAPES = {"large": ((10, 16, 16, 1), 10, 100_000), "small": ((2, 5, 1), 5, 1_000)}
STEPS = 50
DEGREE = 3
# The C library asks the system for no less at a time.
SMALLEST_MEMORY = 1e6
PEERS = ("skkan", "skkan32", "pykan", "dense", "MLP")
Result = dict[str, float]


def samples(n_samples: int, n_inputs: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, size=(n_samples, n_inputs))
    return X, np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)


def peak_bytes() -> float:
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def fastest(function: Callable[[], object], repetitions: int, before: float) -> Result:
    """Run and time a function; without repetitions, once and cold.

    The memory is what the process has taken since `before`.
    """
    times: list[float] = []
    processor: list[float] = []
    if repetitions:
        function()
    for _ in range(max(repetitions, 1)):
        start, begin = time.perf_counter(), time.process_time()
        function()
        times.append(time.perf_counter() - start)
        processor.append(time.process_time() - begin)
    return {
        "seconds": min(times),
        "processor_seconds": min(processor),
        "memory": peak_bytes() - before,
    }


def kernel(
    shape: tuple[int, ...],
    grid_size: int,
    n_samples: int,
    n_jobs: int,
    dtype: str = "float64",
):
    """Return skkan's objective for a random network, and its parameters."""
    from skkan.data._blocks import RowBlocks
    from skkan.data._samples import TrainingData, scaling_of
    from skkan.objective._objective import Objective
    from skkan.objective._penalties import Penalty
    from skkan.objective.losses._squared import SquaredLoss
    from skkan.training._grids import follow_hidden_nodes
    from skkan.training.starts._initialization import random_network

    X, y = samples(n_samples, shape[0])
    target, weight = y[:, None], np.ones(n_samples)
    scaling = scaling_of(TrainingData.unscaled(X, target, weight), standardise=True)
    data = TrainingData.of(X, target, weight, scaling)
    ends = np.tile(np.linspace(-1.0, 1.0, grid_size + 1), (shape[0], 1))
    rng = np.random.default_rng(0)
    network = random_network(scaling, shape, ends, DEGREE, None, "rough", rng)
    follow_hidden_nodes(network, data, grid_size, 0.0)
    penalty = Penalty(network, 1e-6, 1e-6)
    rows = RowBlocks(data, network.layers[0].astype(dtype), n_jobs)
    objective = Objective(network, data, SquaredLoss(), penalty, rows, dtype=dtype)
    return objective, network.get_parameters()


def time_skkan(
    task: str, case: str, threads: int, repetitions: int, dtype: str = "float64"
) -> Result:
    from skkan import KANRegressor
    from skkan.data._blocks import tuned_for_blocks
    from skkan.solvers._lbfgs import minimize_lbfgs

    shape, grid_size, n_samples = SHAPES[case]
    before = peak_bytes()
    if repetitions:
        objective, parameters = kernel(shape, grid_size, n_samples, threads, dtype)
        with tuned_for_blocks():
            if task == "gradient":
                return fastest(
                    lambda: objective.value_and_gradient(parameters), repetitions, before
                )
            return fastest(
                lambda: minimize_lbfgs(objective, parameters, STEPS, 0.0), repetitions, before
            )
    X, y = samples(n_samples, shape[0])
    model = KANRegressor(
        shape[1:-1],
        grid_size=grid_size,
        solver="lbfgs",
        alpha=1e-6,
        n_restarts=1,
        max_iter=STEPS,
        tol=0.0,
        n_jobs=threads,
        dtype=dtype,
        random_state=0,
    )
    return fastest(lambda: model.fit(X, y), repetitions, before)


def time_skkan32(task: str, case: str, threads: int, repetitions: int) -> Result:
    return time_skkan(task, case, threads, repetitions, "float32")


def time_torch(model, X, y, repetitions: int, before: float) -> Result:
    def loss_and_gradient() -> None:
        model.zero_grad()
        ((model(X)[:, 0] - y) ** 2).mean().backward()

    return fastest(loss_and_gradient, repetitions, before)


def time_pykan(task: str, case: str, threads: int, repetitions: int) -> Result:
    import torch
    from kan import KAN

    torch.set_num_threads(threads)
    torch.set_default_dtype(torch.float64)
    shape, grid_size, n_samples = SHAPES[case]
    X, y = (torch.tensor(a) for a in samples(n_samples, shape[0]))
    before = peak_bytes()

    def fresh():
        return KAN(list(shape), grid=grid_size, k=DEGREE, seed=0, auto_save=False).speed()

    if task == "gradient":
        return time_torch(fresh(), X, y, repetitions, before)
    data = {
        "train_input": X,
        "train_label": y[:, None],
        "test_input": X[:1],
        "test_label": y[:1, None],
    }
    model = KAN(list(shape), grid=grid_size, k=DEGREE, seed=0, auto_save=False)
    start, begin = time.perf_counter(), time.process_time()
    model.fit(data, opt="LBFGS", steps=STEPS)
    return {
        "seconds": time.perf_counter() - start,
        "processor_seconds": time.process_time() - begin,
        "memory": peak_bytes() - before,
    }


def dense_kan(shape: tuple[int, ...], grid_size: int):
    """Return a KAN in PyTorch that evaluates all splines on the whole grid."""
    import torch
    from torch import nn

    class DenseLayer(nn.Module):
        def __init__(self, n_in: int, n_out: int) -> None:
            super().__init__()
            step = 2.0 / grid_size
            knots = -1.0 + step * torch.arange(-DEGREE, grid_size + DEGREE + 1)
            self.register_buffer("knots", knots)
            self.base = nn.Linear(n_in, n_out, bias=False)
            self.splines = nn.Linear(n_in * (grid_size + DEGREE), n_out, bias=False)

        def forward(self, x):
            t, u = self.knots, x[..., None]
            values = ((u >= t[:-1]) & (u < t[1:])).to(x)
            for k in range(1, DEGREE + 1):
                rising = (u - t[: -k - 1]) / (t[k:-1] - t[: -k - 1])
                falling = (t[k + 1 :] - u) / (t[k + 1 :] - t[1:-k])
                values = rising * values[..., :-1] + falling * values[..., 1:]
            return self.base(nn.functional.silu(x)) + self.splines(values.flatten(1))

    torch.manual_seed(0)
    return nn.Sequential(*[DenseLayer(a, b) for a, b in pairwise(shape)])


def time_dense(task: str, case: str, threads: int, repetitions: int) -> Result:
    import torch

    torch.set_num_threads(threads)
    torch.set_default_dtype(torch.float64)
    shape, grid_size, n_samples = SHAPES[case]
    X, y = (torch.tensor(a) for a in samples(n_samples, shape[0]))
    before = peak_bytes()
    model = dense_kan(shape, grid_size)
    if task == "gradient":
        return time_torch(model, X, y, repetitions, before)

    def train() -> None:
        solver = torch.optim.LBFGS(
            model.parameters(), max_iter=STEPS, line_search_fn="strong_wolfe"
        )

        def closure():
            solver.zero_grad()
            loss = ((model(X)[:, 0] - y) ** 2).mean()
            loss.backward()
            return loss

        solver.step(closure)

    return fastest(train, repetitions, before)


def time_mlp(task: str, case: str, _threads: int, repetitions: int) -> Result:
    from sklearn.neural_network import MLPRegressor

    shape, _, n_samples = SHAPES[case]
    X, y = samples(n_samples, shape[0])
    before = peak_bytes()
    if task == "steps":
        model = MLPRegressor(
            hidden_layer_sizes=(64, 64), solver="lbfgs", max_iter=STEPS, random_state=0
        )
        return fastest(lambda: model.fit(X, y), repetitions, before)
    # A step on all samples is a loss with gradient; what is not a step goes with the difference.
    one, more = (
        MLPRegressor(
            hidden_layer_sizes=(64, 64),
            batch_size=n_samples,
            max_iter=steps,
            tol=0.0,
            random_state=0,
        )
        for steps in (1, 11)
    )
    first = fastest(lambda: one.fit(X, y), repetitions, before)
    second = fastest(lambda: more.fit(X, y), repetitions, before)
    names = ("seconds", "processor_seconds")
    return {**second, **{name: (second[name] - first[name]) / 10.0 for name in names}}


TIMERS = {
    "skkan": time_skkan,
    "skkan32": time_skkan32,
    "pykan": time_pykan,
    "dense": time_dense,
    "MLP": time_mlp,
}


def arithmetic(shape: tuple[int, ...], grid_size: int) -> float:
    """Return the operations of the matrix products for one sample: forward, gradient, back."""
    products = [2.0 * (grid_size + DEGREE) * a * b for a, b in pairwise(shape)]
    return 3.0 * sum(products) - products[0]


def roofline(threads: int, seconds: float, case: str) -> str:
    """Say what share of the machine's rates the kernel reaches."""
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(0)
    size = 1500
    a, b = rng.normal(size=(2, size, size))
    memory = np.zeros(2**25)
    with threadpool_limits(threads):
        product = 2.0 * size**3 / fastest(lambda: a @ b, 5, 0.0)["seconds"]
    copied = 2.0 * memory.nbytes / fastest(memory.copy, 5, 0.0)["seconds"]
    shape, grid_size, n_samples = SHAPES[case]
    rate = n_samples * arithmetic(shape, grid_size) / seconds
    width = shape[0] * (grid_size + DEGREE) + shape[0] + 2
    traffic = 8.0 * n_samples * width / seconds
    return (
        f"{case}: matrix product {product / 1e9:.0f} GFlop/s, copy {copied / 1e9:.1f} GB/s; kernel "
        f"{rate / 1e9:.1f} GFlop/s ({rate / product:.0%}), reads {traffic / 1e9:.2f} GB/s of "
        f"samples and kept features ({traffic / copied:.0%})"
    )


def measure(peer: str, task: str, case: str, threads: int, repetitions: int) -> Result:
    """Run one measurement in a process of its own."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, str(threads)), "MPLBACKEND": "Agg"}
    one = [peer, task, case, str(threads), str(repetitions)]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, "--one", *one],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return {**json.loads(done.stdout.splitlines()[-1]), "whole": time.perf_counter() - start}


def row_of(peer: str, task: str, case: str, threads: int, repetitions: int) -> dict[str, Any]:
    """Measure one peer."""
    found = measure(peer, task, case, threads, repetitions)
    cold = measure(peer, task, case, threads, 0) if task == "steps" else {"whole": np.nan}
    return {"task": task, "case": case, "peer": peer, **found, "whole": cold["whole"]}


def line(row: dict[str, Any], own: dict[str, Any]) -> str:
    """Return the row in words, with ratios to another one."""
    ratios = [
        row["seconds"] / own["seconds"],
        row["memory"] / max(own["memory"], SMALLEST_MEMORY),
        row["whole"] / own["whole"],
    ]
    return (
        f"{row['task']:8s} {row['case']:5s} {row['peer']:7s} {row['seconds']:9.5f} s "
        f"({row['processor_seconds']:.5f} s of processors), {row['memory'] / 1e6:.0f} MB, "
        f"cold with imports {row['whole']:.1f} s; over "
        f"{own['peer']}: time {ratios[0]:.1f}, memory {ratios[1]:.1f}, cold {ratios[2]:.1f}"
    )


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.one:
        peer, task, case, threads, repetitions = arguments.one
        print(json.dumps(TIMERS[peer](task, case, int(threads), int(repetitions))))
        return
    rows = []
    for task, case in [("gradient", "large"), ("gradient", "small"), ("steps", "small")]:
        own = None
        for peer in arguments.peers:
            repetitions = 1 if case == "large" and "skkan" not in peer else arguments.repetitions
            row = row_of(peer, task, case, arguments.threads, repetitions)
            rows.append(row)
            own = own or row
            print(line(row, own), flush=True)
    # Last, as processes count the memory that the one which started them has had.
    for row in rows:
        if row["peer"] == "skkan" and row["task"] == "gradient":
            print(roofline(arguments.threads, row["seconds"], row["case"]))
    write(rows, arguments.csv)


if __name__ == "__main__":
    main()
