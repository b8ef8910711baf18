"""From networks to formulas: two moons, pruning, polish, recovery, and every row of the formulas.

Every part prints a line per fit and writes it to the CSV file at once, so that a run can be
interrupted. Times are processor times. Run from the checkout:

    python benchmarks/formulas.py --part moons --csv moons.csv
    python benchmarks/formulas.py --part rows --names I.12.11 II.38.3 --noise 0.01 --seeds 0 1

``rows`` fits ``KANSymbolicRegressor`` with its defaults to formulas that it does not know. Errors
are relative to the standard deviation of the target, on fresh samples of 1.2 times the range, where
the formula is defined; ``undefined`` counts samples at which the formula found is not, and with one
of them it is not exact. A formula is exact if its error is at most 1e-8. It is exact in structure
if that holds after its constants have been fitted to noise-free data by least squares: all numbers
but integers and exponents, so that a constant made nice too boldly counts as a constant, not as
structure. ``superfluous`` counts the constants that vanish in this fit.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import sympy
from scipy.optimize import least_squares
from sklearn.datasets import make_moons

from skkan import KANClassifier, KANRegressor, KANSymbolicRegressor
from skkan.datasets import formula_names, get_formula, make_formula

N_SAMPLES, N_TEST = 3000, 10_000
TEST_SEED = 10**6
WIDER = 1.2
# What a network makes of two classes follows the samples more than any law; the default of 0.99
# leaves splines.
R2_THRESHOLD = 0.8
EXACT = 1e-8
VANISHED = 1e-6
TEXT = 200

Row = dict[str, object]


def rmse(residual: np.ndarray) -> float:
    return float(np.sqrt(np.mean(residual**2)))


def moons(seed: int) -> Iterator[Row]:
    """Two moons as in pykan's example 4: 1,000 samples each, noise 0.1; additive networks."""
    X, y = make_moons(1000, noise=0.1, random_state=seed)
    X_test, y_test = make_moons(1000, noise=0.1, random_state=TEST_SEED + seed)
    for form, model in (
        ("regression", KANRegressor((), random_state=seed)),
        ("cross-entropy", KANClassifier((), random_state=seed)),
    ):
        start = time.process_time()
        model.fit(X, y)
        network = np.mean(_labels(model.predict(X_test)) == y_test)
        model.auto_symbolic(r2_threshold=R2_THRESHOLD).refit(X, y)
        value = model.to_function(logit=True)(X_test)
        formula = np.mean((value > (0.5 if form == "regression" else 0.0)) == y_test)
        yield {
            "form": form,
            "seed": seed,
            "network": float(network),
            "formula": float(formula),
            "closed": model.symbolic_,
            "seconds": time.process_time() - start,
            "expression": str(model.to_sympy(digits=4, logit=True))[:TEXT],
        }


def _labels(predicted: np.ndarray) -> np.ndarray:
    return predicted > 0.5


def pruning(seed: int) -> Iterator[Row]:
    """Inputs that are left of ``x1^2 + 0.3 x2 + 0.1 x3^3 + 0 x4``, by both ways of pruning."""
    X = np.random.default_rng(seed).uniform(-1.0, 1.0, size=(N_SAMPLES, 4))
    y = X[:, 0] ** 2 + 0.3 * X[:, 1] + 0.1 * X[:, 2] ** 3
    for sizes in ((), (5,)):
        start = time.process_time()
        model = KANRegressor(sizes, random_state=seed).fit(X, y)
        seconds = time.process_time() - start
        by_inputs, by_edges = model.prune_inputs(), model.prune()
        yield {
            "shape": " ".join(map(str, model.network_.shape)),
            "seed": seed,
            "prune_inputs": "".join("01"[int(own)] for own in by_inputs.active_features_),
            "prune": "".join("01"[int(own)] for own in by_edges.active_features_),
            "scores": " ".join(f"{score:.2g}" for score in model.node_scores_[0]),
            "seconds": seconds,
        }


def polish(seed: int) -> Iterator[Row]:
    """``sqrt(x^2 + y^2)``: symbols chosen by the network or given, and their constants fitted."""
    X, y = make_formula("root_sum_sq", N_SAMPLES, random_state=seed)
    X_test, y_test = make_formula("root_sum_sq", N_TEST, random_state=TEST_SEED + seed)
    start = time.process_time()
    fitted = KANRegressor((1,), grid_size=(5, 10, 20), n_restarts=8, random_state=seed).fit(X, y)
    for way in ("auto_symbolic", "fix_symbolic"):
        model = fitted.prune(0.0, 0.0)
        if way == "auto_symbolic":
            model.auto_symbolic()
        else:
            model.fix_symbolic(0, 0, 0, "x^2").fix_symbolic(0, 1, 0, "x^2")
            model.fix_symbolic(1, 0, 0, "sqrt")
        model.refit(X, y)
        yield {
            "way": way,
            "seed": seed,
            "network": rmse(fitted.predict(X_test) - y_test),
            "formula": rmse(model.to_function()(X_test) - y_test),
            "closed": model.symbolic_,
            "seconds": time.process_time() - start,
            "expression": str(model.to_sympy(digits=6))[:TEXT],
        }


def recovery(seed: int) -> Iterator[Row]:
    """``exp(sin(pi x) + y^2)`` by the defaults of ``KANSymbolicRegressor``."""
    X, y = make_formula("exp_sin_sq", N_SAMPLES, random_state=seed)
    start = time.process_time()
    model = KANSymbolicRegressor(random_state=seed, max_time=None).fit(X, y)
    seconds = time.process_time() - start
    x0, x1 = sympy.symbols("x0 x1")
    difference = sympy.simplify(model.sympy() - sympy.exp(sympy.sin(sympy.pi * x0) + x1**2))
    yield {
        "seed": seed,
        "exact": difference == 0,
        "seconds": seconds,
        "expression": str(model.sympy())[:TEXT],
    }


def wider_samples(name: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return fresh noise-free samples of the wider range, as far as the truth is finite."""
    formula = get_formula(name)
    low, high = np.array(formula.low), np.array(formula.high)
    middle, half = 0.5 * (low + high), 0.5 * WIDER * (high - low)
    rng = np.random.default_rng(TEST_SEED + seed)
    X = rng.uniform(middle - half, middle + half, size=(N_TEST, len(low)))
    with np.errstate(all="ignore"):
        y = formula(X)
    defined = np.isfinite(y)
    return X[defined], y[defined]


def compiled(expression: Any, symbols: list[Any]) -> Callable[..., np.ndarray]:
    """Return an expression as a function of a number or an array for every symbol."""
    function = sympy.lambdify(symbols, expression, modules=["scipy", "numpy"])

    def evaluate(*values: Any) -> np.ndarray:
        with np.errstate(all="ignore"):
            result = np.asarray(function(*values))
        # A complex value is none, and lambdify gives a number for a constant.
        result = np.where(np.iscomplex(result), np.nan, result.real).astype(np.float64)
        return np.broadcast_to(result, np.broadcast_shapes(*(np.shape(own) for own in values)))

    return evaluate


def with_parameters(expression: Any) -> tuple[Any, list[Any], list[float]]:
    """Put symbols in the place of all constants but integers and exponents."""
    symbols: list[Any] = []
    values: list[float] = []

    def free(number: Any) -> Any:
        symbols.append(sympy.Symbol(f"constant{len(symbols)}", real=True))
        values.append(float(number))
        return symbols[-1]

    def visit(part: Any) -> Any:
        if part.is_Integer:
            return part
        if part.is_number:
            return free(part)
        if part.is_Pow and part.exp.is_number:
            return visit(part.base) ** part.exp
        if part.is_Mul or part.is_Add:
            number, rest = part.as_independent(*part.free_symbols, as_Add=part.is_Add)
            own = part.func.make_args(rest)
            return part.func(visit(number), *(visit(argument) for argument in own))
        return part.func(*(visit(argument) for argument in part.args)) if part.args else part

    return visit(expression), symbols, values


def structure(expression: Any, inputs: list[Any], X: np.ndarray, y: np.ndarray) -> tuple[bool, int]:
    """Tell whether constants make a formula exact, and how many of them vanish then."""
    form, symbols, start = with_parameters(expression)
    function = compiled(form, [*inputs, *symbols])
    slopes = [compiled(sympy.diff(form, own), [*inputs, *symbols]) for own in symbols]
    scale = y.std()

    def residual(values: np.ndarray) -> np.ndarray:
        out = (function(*X.T, *values) - y) / scale
        # A large number refuses the step; NaN would end the fit.
        return np.where(np.isfinite(out), out, 1e6)

    def jacobian(values: np.ndarray) -> np.ndarray:
        columns = np.stack([slope(*X.T, *values) for slope in slopes], axis=1) / scale
        return np.where(np.isfinite(columns), columns, 0.0)

    if not symbols:
        return rmse(residual(np.array([]))) <= EXACT, 0
    fit = least_squares(
        residual, start, jacobian, method="lm", ftol=1e-15, xtol=1e-15, gtol=1e-15, max_nfev=500
    )
    return rmse(fit.fun) <= EXACT, int(np.sum(np.abs(fit.x) <= VANISHED))


def row(
    name: str, noise: float, seed: int, n_samples: int = N_SAMPLES, max_time: float | None = None
) -> Row:
    """Search for one formula."""
    X, clean = make_formula(name, n_samples, random_state=seed)
    y = clean + noise * clean.std() * np.random.default_rng(seed).normal(size=n_samples)
    X_test, y_test = wider_samples(name, seed)
    start = time.process_time()
    model = KANSymbolicRegressor(random_state=seed, max_time=max_time).fit(X, y)
    seconds = time.process_time() - start
    # The time may be up before there is a network.
    trained = hasattr(model, "network_")
    network = rmse(model.network_.predict(X_test) - y_test) if trained else np.inf
    found: Row = {
        "name": name,
        "noise": noise,
        "seed": seed,
        "network": network / y_test.std(),
        "seconds": seconds,
    }
    expression = model.sympy()
    inputs = [sympy.Symbol(f"x{i}") for i in range(X.shape[1])]
    residual = compiled(expression, inputs)(*X_test.T) - y_test
    defined = np.isfinite(residual)
    error = rmse(residual[defined]) / y_test.std() if defined.any() else np.inf
    same, superfluous = structure(expression, inputs, X, clean)
    return found | {
        "formula": error,
        "undefined": int(np.sum(~defined)),
        "exact": bool(defined.all() and error <= EXACT),
        "structure": same,
        "superfluous": superfluous,
        "complexity": model.best_["complexity"],
        "expression": str(expression)[:TEXT],
    }


def rows(options: argparse.Namespace, seeds: list[int]) -> Iterator[Row]:
    """All formulas, one after the other, with every seed."""
    for name in options.names:
        for seed in seeds:
            yield row(name, options.noise, seed, options.samples, options.max_time)


PARTS = {"moons": moons, "pruning": pruning, "polish": polish, "recovery": recovery}
SEEDS = {"moons": 3, "pruning": 10, "polish": 3, "recovery": 10, "rows": 3}


def summary(part: str, table: pd.DataFrame) -> str:
    """Return what is asked of a part."""
    if part == "moons":
        worst = table.groupby("form").formula.min()
        return ", ".join(f"{form}: worst {value:.4f}" for form, value in worst.items())
    if part == "pruning":
        counts = table.groupby("shape")[["prune_inputs", "prune"]].agg(
            lambda s: (s == "1110").sum()
        )
        return f"right of {table.seed.nunique()} seeds:\n{counts}"
    if part == "polish":
        return f"worst RMSE:\n{table.groupby('way').formula.max()}"
    if part == "recovery":
        slowest = table.seconds.max()
        return f"exact: {table.exact.sum()} of {len(table)}, at most {slowest:.1f} s"
    own = table.groupby("name").agg(
        {"exact": "min", "structure": "min", "formula": "max", "network": "max"}
    )
    bare = table[table.superfluous == 0].groupby("name").structure.min()
    return (
        f"of {len(own)} formulas, with every seed: {own.exact.sum()} exact, "
        f"{own.structure.sum()} exact in structure, "
        f"{int(bare.sum())} of them without superfluous constants; "
        f"{(own.formula <= own.network).sum()} no worse than the network"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--part", choices=[*PARTS, "rows"], required=True)
    parser.add_argument("--seeds", nargs="+", type=int, help="by default 0 1 2, or 0 to 9")
    known = [name for name in formula_names() if get_formula(name).family != "special"]
    parser.add_argument("--names", nargs="+", choices=known, default=known, help="for rows")
    parser.add_argument(
        "--noise", type=float, default=0.0, help="for rows, in units of the target's deviation"
    )
    parser.add_argument("--samples", type=int, default=N_SAMPLES, help="for rows")
    parser.add_argument("--max-time", type=float, help="seconds of a search, for rows")
    parser.add_argument("--csv", help="write every row to this file")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    seeds = arguments.seeds or list(range(SEEDS[arguments.part]))
    if arguments.part == "rows":
        found = rows(arguments, seeds)
    else:
        found = (own for seed in seeds for own in PARTS[arguments.part](seed))
    done: list[Row] = []
    for own in found:
        done.append(own)
        shown = (f"{v:.3g}" if isinstance(v, float) else str(v) for v in own.values())
        print("  ".join(shown), flush=True)
        if arguments.csv:
            pd.DataFrame(done).to_csv(arguments.csv, index=False)
    print(summary(arguments.part, pd.DataFrame(done)))


if __name__ == "__main__":
    main()
