"""How long a KAN takes to the test error of a multilayer perceptron.

friedman1 with noise of standard deviation 1 and 10,000 samples; the perceptron has two hidden
layers of 64 and defaults otherwise, behind a StandardScaler. The KAN is [10, 5, 1] with
L-BFGS, a fixed penalty and one start; of the numbers of iterations the smallest that gets there
counts, with the time of its whole fit. Processor times. Run from the checkout:

    python benchmarks/time_to_error.py --seeds 0 1 2
"""

import time
import warnings

import numpy as np
from reporting import argument_parser
from sklearn.datasets import make_friedman1
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkan import KANRegressor

N_SAMPLES = 10_000
ITERATIONS = (10, 20, 30, 50, 100, 200)
ALPHA = 1e-4


def fitted(model, X, y):
    """Return processor seconds of a fit, and the model."""
    start = time.process_time()
    model.fit(X, y)
    return time.process_time() - start, model


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for seed in arguments.seeds:
        X, y = make_friedman1(2 * N_SAMPLES, noise=1.0, random_state=seed)
        train, test = slice(None, N_SAMPLES), slice(N_SAMPLES, None)

        def error(model):
            return np.sqrt(np.mean((model.predict(X[test]) - y[test]) ** 2))  # noqa: B023

        perceptron = MLPRegressor(hidden_layer_sizes=(64, 64), random_state=seed)
        pipeline = make_pipeline(StandardScaler(), perceptron)
        seconds, pipeline = fitted(pipeline, X[train], y[train])
        bar = error(pipeline)
        print(f"seed {seed}: MLP {bar:.4f} in {seconds:.2f} s", flush=True)
        for max_iter in ITERATIONS:
            options = {"alpha": ALPHA, "solver": "lbfgs", "n_restarts": 1, "max_iter": max_iter}
            own, model = fitted(KANRegressor(random_state=seed, **options), X[train], y[train])
            print(f"  KAN, {max_iter} iterations: {error(model):.4f} in {own:.2f} s", flush=True)
            if error(model) <= bar:
                print(f"  ratio {seconds / own:.1f}", flush=True)
                break


if __name__ == "__main__":
    main()
