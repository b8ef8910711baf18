"""KANSolver beside DeepXDE on Poisson's equation on a square, by seed.

DeepXDE has the settings of its own example of Poisson's equation in two dimensions (an L-shaped
domain there): four layers of 50 tanh nodes, 1,200 points inside and 120 on the border, Adam with a
rate of 1e-3, then L-BFGS. Its error is printed after every so many iterations of Adam. Times are
processor time on one thread, compilation included.

    python benchmarks/differential_peers.py --seeds 3 --iterations 50000 --seconds 600
"""

import argparse
import os
import time
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("DDE_BACKEND", "pytorch")

import numpy as np

EVERY = 500


def test_points() -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(123).uniform(-1.0, 1.0, size=(10_000, 2))
    return X, np.sin(np.pi * X[:, 0]) * np.sin(np.pi * X[:, 1])


def relative(found: np.ndarray) -> float:
    _, exact = test_points()
    return float(np.linalg.norm(found.ravel() - exact) / np.linalg.norm(exact))


def ours(seed: int) -> None:
    from differential import PROBLEMS, solved

    for name in ("poisson", "poisson [2,5,1]"):
        solver, seconds = solved(PROBLEMS[name](), seed)
        error = relative(solver.predict(test_points()[0]))
        print(f"skkan {name}, seed {seed}: error {error:.2e} in {seconds:.1f} s", flush=True)


def deepxde(seed: int, iterations: int, seconds: float) -> None:
    import deepxde as dde
    import torch

    torch.set_num_threads(1)
    dde.config.set_random_seed(seed)
    dde.config.disable_xla_jit()

    def equation(x: Any, u: Any) -> Any:
        bends = [dde.grad.hessian(u, x, i=k, j=k) for k in (0, 1)]
        wave = torch.sin(np.pi * x[:, :1]) * torch.sin(np.pi * x[:, 1:])
        return bends[0] + bends[1] + 2.0 * np.pi**2 * wave

    start = time.process_time()
    square = dde.geometry.Rectangle([-1, -1], [1, 1])
    border = dde.icbc.DirichletBC(square, lambda _: 0.0, lambda _, on_border: on_border)
    data = dde.data.PDE(square, equation, border, num_domain=1200, num_boundary=120)
    network = dde.nn.FNN([2] + [50] * 4 + [1], "tanh", "Glorot uniform")
    model = dde.Model(data, network)

    class Watch(dde.callbacks.Callback):
        count = 0

        def on_epoch_end(self) -> None:
            Watch.count += 1
            spent = time.process_time() - start
            if Watch.count % EVERY == 0 or spent > seconds:
                told("Adam", Watch.count, spent)
            if spent > seconds:
                self.model.stop_training = True

    def told(method: str, count: int, spent: float) -> None:
        error = relative(model.predict(test_points()[0]))
        print(
            f"DeepXDE, seed {seed}, {method}, {count} iterations: error {error:.2e} in "
            f"{spent:.1f} s",
            flush=True,
        )

    model.compile("adam", lr=1e-3)
    model.train(iterations=iterations, display_every=10**9, callbacks=[Watch()], verbose=0)
    if time.process_time() - start < seconds:
        model.compile("L-BFGS")
        model.train(display_every=10**9, verbose=0)
        told("L-BFGS", model.train_state.step, time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=600.0, help="a run of DeepXDE ends then")
    parser.add_argument("--only", choices=["skkan", "deepxde"])
    arguments = parser.parse_args()
    for seed in range(arguments.seeds):
        if arguments.only != "deepxde":
            ours(seed)
        if arguments.only != "skkan":
            deepxde(seed, arguments.iterations, arguments.seconds)


if __name__ == "__main__":
    main()
