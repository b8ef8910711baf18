"""Symbolic regression beside gplearn and pyoperon: the same rows, the same time, one thread.

Every program gets noisy or noise-free samples of a formula of ``skkan.datasets`` and a number of
seconds, and is judged on fresh noise-free samples of the same ranges. ``error`` is relative to the
target's standard deviation; a formula is found if it is at most 1e-8. Peers run with their
defaults, but for the functions, which are those of the formulas, five steps of local search for
pyoperon, and the end: gplearn adds
generations to its population until the time is up, pyoperon has a limit of its own. ``skkan`` ends
when nothing but rounding or noise is left. Needs the extra ``peers``. Run from the checkout:

    python benchmarks/symbolic_peers.py --budget 30 --names I.12.11 II.38.3 --csv peers.csv
"""

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from skkan import KANSymbolicRegressor
from skkan.datasets import formula_names, get_formula, make_formula

N_SAMPLES, N_TEST, TEST_SEED = 1000, 5000, 10**6
EXACT = 1e-8
TEXT = 120
# More generations than the time allows, those between two looks at the clock, and steps of local
# search of constants.
MANY, STEP, N_LOCAL = 10**6, 1, 5
GPLEARN_FUNCTIONS = ("add", "sub", "mul", "div", "sqrt", "log", "neg", "inv", "sin", "cos")
OPERON_SYMBOLS = "add,sub,mul,div,constant,variable,sqrt,square,log,exp,sin,cos,tanh,asin"

Fitted = tuple[Callable[[np.ndarray], np.ndarray], str]


def by_skkan(X: np.ndarray, y: np.ndarray, budget: float, seed: int) -> Fitted:
    """Fit KANSymbolicRegressor."""
    model = KANSymbolicRegressor(max_time=budget, random_state=seed).fit(X, y)
    return model.predict, str(model.sympy())


def by_gplearn(X: np.ndarray, y: np.ndarray, budget: float, seed: int) -> Fitted:
    """Fit gplearn's SymbolicRegressor, a generation after the other until the time is up."""
    from gplearn.functions import make_function
    from gplearn.genetic import SymbolicRegressor

    end = time.monotonic() + budget
    exponential = make_function(
        function=lambda x: np.exp(np.clip(x, -50.0, 50.0)), name="exp", arity=1
    )
    model = SymbolicRegressor(
        generations=STEP,
        function_set=(*GPLEARN_FUNCTIONS, exponential),
        warm_start=True,
        random_state=seed,
    )
    while time.monotonic() < end:
        model.fit(X, y)
        model.set_params(generations=model.generations + STEP)
    return model.predict, str(model._program)


def by_operon(X: np.ndarray, y: np.ndarray, budget: float, seed: int) -> Fitted:
    """Fit pyoperon's SymbolicRegressor."""
    from pyoperon.sklearn import SymbolicRegressor

    model = SymbolicRegressor(
        allowed_symbols=OPERON_SYMBOLS,
        optimizer_iterations=N_LOCAL,
        generations=MANY,
        max_evaluations=MANY * 1000,
        max_time=max(int(budget), 1),
        n_threads=1,
        random_state=seed,
    ).fit(X, y)
    return model.predict, model.get_model_string(model.model_, 6)


PROGRAMS: dict[str, Callable[[np.ndarray, np.ndarray, float, int], Fitted]] = {
    "skkan": by_skkan,
    "gplearn": by_gplearn,
    "pyoperon": by_operon,
}


def row(program: str, name: str, noise: float, budget: float, seed: int) -> dict[str, Any]:
    """Let one program search for one formula."""
    X, clean = make_formula(name, N_SAMPLES, random_state=seed)
    y = clean + noise * clean.std() * np.random.default_rng(seed).normal(size=N_SAMPLES)
    fresh, target = make_formula(name, N_TEST, random_state=TEST_SEED + seed)
    start, before = time.monotonic(), time.process_time()
    predict, text = PROGRAMS[program](X, y, budget, seed)
    seconds, processor = time.monotonic() - start, time.process_time() - before
    try:
        error = float(np.sqrt(np.mean((predict(fresh) - target) ** 2)) / target.std())
    except ValueError:
        # A formula may not be defined at fresh samples.
        error = np.inf
    return {
        "name": name,
        "program": program,
        "noise": noise,
        "seed": seed,
        "error": error,
        "found": error <= EXACT,
        "seconds": seconds,
        "processor": processor,
        "expression": text[:TEXT],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    known = [name for name in formula_names() if get_formula(name).family != "special"]
    parser.add_argument("--names", nargs="+", choices=known, default=known)
    parser.add_argument("--programs", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--noise", type=float, default=0.0, help="in standard deviations")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds a search")
    parser.add_argument("--csv", help="write every row to this file")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    done: list[dict[str, Any]] = []
    for name in arguments.names:
        for program in arguments.programs:
            for seed in arguments.seeds:
                own = row(program, name, arguments.noise, arguments.budget, seed)
                done.append(own)
                shown = (f"{v:.3g}" if isinstance(v, float) else str(v) for v in own.values())
                print("  ".join(shown), flush=True)
                if arguments.csv:
                    pd.DataFrame(done).to_csv(arguments.csv, index=False)
    table = pd.DataFrame(done)
    print(table.groupby("program")[["found", "error", "seconds"]].agg(["mean", "median"]))


if __name__ == "__main__":
    main()
