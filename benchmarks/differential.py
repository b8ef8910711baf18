"""Errors of KANSolver on the problems that the literature reports, by seed.

Relative L2 errors are on 10,000 fresh points, against an exact solution, or one of a spectral
method or of a Runge-Kutta method of order eight. Times are processor time on one thread.

    python benchmarks/differential.py --problems poisson heat --seeds 5 --csv differential.csv
"""

import argparse
import csv
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp
from scipy.interpolate import RectBivariateSpline
from sklearn.exceptions import ConvergenceWarning

from skkan.pde import KANSolver

t, x, y = sp.symbols("t x y")
u, v, p = sp.Function("u"), sp.Function("v"), sp.Function("p")
U = u(t, x)
pi = sp.pi


@dataclass
class Problem:
    """A problem with the options to solve it and its reference on points."""

    equations: Any
    domain: dict[Any, tuple[Any, Any]]
    conditions: Any
    reference: Callable[[np.ndarray], np.ndarray]
    options: dict[str, Any] = field(default_factory=dict)


def formula(expression: sp.Expr, *variables: sp.Symbol) -> Callable[[np.ndarray], np.ndarray]:
    function = sp.lambdify(variables, expression)
    return lambda X: np.broadcast_to(function(*X.T), len(X))


def dirichlet(expression: sp.Expr, domain: dict[Any, tuple[Any, Any]]) -> list[sp.Eq]:
    """Values of an expression on the faces of a box."""
    variables = tuple(domain)
    return [
        sp.Eq(u(*variables).subs(own, end), expression.subs(own, end))
        for own, ends in domain.items()
        for end in ends
    ]


def poisson(**options: Any) -> Problem:
    solution = sp.sin(pi * x) * sp.sin(pi * y)
    square = {x: (-1, 1), y: (-1, 1)}
    equation = sp.Eq(u(x, y).diff(x, 2) + u(x, y).diff(y, 2), -2 * pi**2 * solution)
    default = {"hidden_layer_sizes": ((0, 1),), "grid_size": (5, 10, 20), "degree": 9}
    return Problem(
        equation,
        square,
        dirichlet(sp.S.Zero, square),
        formula(solution, x, y),
        {**default, "exact_conditions": True, **options},
    )


def helmholtz() -> Problem:
    solution = sp.sin(pi * x) * sp.sin(4 * pi * y)
    square = {x: (-1, 1), y: (-1, 1)}
    source = (1 - 17 * pi**2) * solution
    equation = sp.Eq(u(x, y).diff(x, 2) + u(x, y).diff(y, 2) + u(x, y), source)
    options = {"n_products": 1, "grid_size": (8, 16, 32), "degree": 11}
    return Problem(
        equation,
        square,
        dirichlet(sp.S.Zero, square),
        formula(solution, x, y),
        {**options, "exact_conditions": True},
    )


def poisson_many(n: int) -> Problem:
    z = sp.symbols(f"z:{n}")
    own = u(*z)
    if n == 5:
        solution = sp.Mul(*(sp.sin(pi * k) for k in z))
        options: dict[str, Any] = {"n_products": 1, "grid_size": (4, 8), "exact_conditions": True}
    else:
        solution = sp.Add(*(sp.sin(pi * k) for k in z))
        options = {"hidden_layer_sizes": (), "grid_size": (8, 16)}
    domain = dict.fromkeys(z, (-1, 1))
    equation = sp.Eq(sum(own.diff(k, 2) for k in z), sum(solution.diff(k, 2) for k in z))
    return Problem(
        equation,
        domain,
        dirichlet(solution, domain),
        formula(solution, *z),
        {**options, "degree": 7},
    )


def heat() -> Problem:
    solution = sp.exp(-(pi**2) * t / 4) * sp.sin(pi * x)
    conditions = [sp.Eq(u(0, x), sp.sin(pi * x)), sp.Eq(u(t, 0), 0), sp.Eq(u(t, 1), 0)]
    return Problem(
        sp.Eq(U.diff(t), U.diff(x, 2) / 4),
        {t: (0, 1), x: (0, 1)},
        conditions,
        formula(solution, t, x),
        {"n_products": 1, "grid_size": (5, 10), "degree": 9, "exact_conditions": True},
    )


def wave() -> Problem:
    solution = sp.sin(pi * x) * sp.cos(2 * pi * t) + sp.sin(3 * pi * x) * sp.cos(6 * pi * t) / 2
    conditions = [
        sp.Eq(u(0, x), solution.subs(t, 0)),
        sp.Eq(U.diff(t).subs(t, 0), 0),
        sp.Eq(u(t, 0), 0),
        sp.Eq(u(t, 1), 0),
    ]
    return Problem(
        sp.Eq(U.diff(t, 2), 4 * U.diff(x, 2)),
        {t: (0, 1), x: (0, 1)},
        conditions,
        formula(solution, t, x),
        {"n_products": 3, "grid_size": (8, 16, 32), "degree": 9, "exact_conditions": True},
    )


NU = 0.01 / np.pi
TENSOR = {
    "n_products": "all",
    "grid_size": (20, 40, 80),
    "degree": 7,
    "exact_conditions": True,
}


def burgers_exact(X: np.ndarray, nu: float = NU) -> np.ndarray:
    """Cole and Hopf's formula by a Gauss-Hermite rule."""
    nodes, weights = np.polynomial.hermite.hermgauss(160)
    times = np.maximum(X[:, 0], 1e-10)
    place = X[:, 1][:, None] - 2 * np.sqrt(nu * times)[:, None] * nodes
    share = weights * np.exp((-np.cos(np.pi * place) - 1) / (2 * np.pi * nu))
    return -(share * np.sin(np.pi * place)).sum(axis=1) / share.sum(axis=1)


def burgers() -> Problem:
    conditions = [sp.Eq(u(0, x), -sp.sin(pi * x)), sp.Eq(u(t, -1), 0), sp.Eq(u(t, 1), 0)]
    return Problem(
        sp.Eq(U.diff(t) + U * U.diff(x), 0.01 / pi * U.diff(x, 2)),
        {t: (0, 1), x: (-1, 1)},
        conditions,
        burgers_exact,
        {**TENSOR, "marching": "t"},
    )


def periodic_reference(
    rate: Callable[[np.ndarray], np.ndarray], start: np.ndarray, diffusion: float, times: np.ndarray
) -> np.ndarray:
    """Fourier series in [-1, 1), by a Runge-Kutta method of order eight: none is stiff."""
    decay = diffusion * (np.pi * np.fft.rfftfreq(len(start), 1.0 / len(start))) ** 2

    def slope(_: float, w: np.ndarray) -> np.ndarray:
        return rate(w) - np.fft.irfft(decay * np.fft.rfft(w), len(w))

    return solve_ivp(
        slope, (0.0, times[-1]), start, method="DOP853", t_eval=times, rtol=1e-11, atol=1e-11
    ).y.T


def allen_cahn() -> Problem:
    n = 2048
    places = np.linspace(-1, 1, n, endpoint=False)
    times = np.linspace(0, 1, 201)
    table = periodic_reference(
        lambda w: 5 * (w - w**3), places**2 * np.cos(np.pi * places), 1e-4, times
    )
    table = np.concatenate([table, table[:, :1]], axis=1)
    spline = RectBivariateSpline(times, np.append(places, 1.0), table, kx=5, ky=5)
    conditions = [
        sp.Eq(u(0, x), x**2 * sp.cos(pi * x)),
        sp.Eq(u(t, -1), u(t, 1)),
        sp.Eq(U.diff(x).subs(x, -1), U.diff(x).subs(x, 1)),
    ]
    return Problem(
        sp.Eq(U.diff(t), sp.Rational(1, 10000) * U.diff(x, 2) + 5 * (U - U**3)),
        {t: (0, 1), x: (-1, 1)},
        conditions,
        lambda X: spline.ev(X[:, 0], X[:, 1]),
        {**TENSOR, "marching": "t"},
    )


def kovasznay() -> Problem:
    reynolds = 40
    rate = sp.Rational(reynolds, 2) - sp.sqrt(sp.Rational(reynolds**2, 4) + 4 * pi**2)
    grow = sp.exp(rate * x)
    flow = [
        1 - grow * sp.cos(2 * pi * y),
        rate / (2 * pi) * grow * sp.sin(2 * pi * y),
        (1 - sp.exp(2 * rate * x)) / 2,
    ]
    domain = {x: (-0.5, 1), y: (-0.5, 1.5)}
    unknowns = [own(x, y) for own in (u, v, p)]
    one, two, pressure = unknowns

    def momentum(own: sp.Expr, along: sp.Symbol) -> sp.Eq:
        left = one * own.diff(x) + two * own.diff(y) + pressure.diff(along)
        return sp.Eq(left, (own.diff(x, 2) + own.diff(y, 2)) / reynolds)

    conditions = [
        sp.Eq(own.subs(place, end), sol.subs(place, end))
        for own, sol in zip(unknowns[:2], flow[:2], strict=True)
        for place, ends in domain.items()
        for end in ends
    ]
    conditions.append(sp.Eq(p(1, 0), flow[2].subs({x: 1, y: 0})))
    parts = [formula(sol, x, y) for sol in flow]
    return Problem(
        [momentum(one, x), momentum(two, y), sp.Eq(one.diff(x) + two.diff(y), 0)],
        domain,
        conditions,
        lambda X: np.stack([own(X) for own in parts], axis=1),
        {"n_products": 6, "grid_size": (6, 12), "degree": 9},
    )


def runge_kutta(rates: Callable[..., Any], start: list[float], end: float) -> Callable[..., Any]:
    found = solve_ivp(
        lambda _, z: rates(*z), (0, end), start, method="DOP853", rtol=1e-13, atol=1e-13,
        dense_output=True,
    )  # fmt: skip
    return lambda X: found.sol(X[:, 0]).T


def lotka_volterra() -> Problem:
    one, two = u(t), v(t)
    equations = [
        sp.Eq(one.diff(t), 1.5 * one - one * two),
        sp.Eq(two.diff(t), one * two - 3 * two),
    ]
    reference = runge_kutta(lambda a, b: [1.5 * a - a * b, a * b - 3 * b], [1.0, 1.0], 10.0)
    return Problem(
        equations,
        {t: (0, 10)},
        [sp.Eq(u(0), 1), sp.Eq(v(0), 1)],
        reference,
        {"grid_size": (10, 20), "degree": 7, "exact_conditions": True, "marching": "t"},
    )


def van_der_pol() -> Problem:
    own = u(t)
    reference = runge_kutta(lambda a, b: [b, 10 * (1 - a**2) * b - a], [2.0, 0.0], 20.0)
    return Problem(
        sp.Eq(own.diff(t, 2), 10 * (1 - own**2) * own.diff(t) - own),
        {t: (0, 20)},
        [sp.Eq(u(0), 2), sp.Eq(own.diff(t).subs(t, 0), 0)],
        lambda X: reference(X)[:, 0],
        {"grid_size": (10, 20), "degree": 7, "exact_conditions": True, "marching": "t"},
    )


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "poisson": poisson,
    "poisson [2,5,1]": lambda: poisson(
        hidden_layer_sizes=(5,), grid_size=(5, 10, 20), degree=5, exact_conditions=False
    ),
    "poisson [2,5,1] exact": lambda: poisson(
        hidden_layer_sizes=(5,), grid_size=(5, 10, 20), degree=7
    ),
    "poisson 5": lambda: poisson_many(5),
    "poisson 10": lambda: poisson_many(10),
    "helmholtz": helmholtz,
    "heat": heat,
    "wave": wave,
    "burgers": burgers,
    "allen-cahn": allen_cahn,
    "kovasznay": kovasznay,
    "lotka-volterra": lotka_volterra,
    "van der pol": van_der_pol,
}


def oscillator(seed: int) -> dict[str, Any]:
    """Return the largest relative error of the first five eigenvalues of -u'' + x^2 u = e u."""
    energy, own = sp.Symbol("e", positive=True), u(x)
    norm = sp.Integral(own**2, (x, -8, 8))
    start, errors, n_iter = time.process_time(), [], 0
    for state in range(5):
        exact = 2.0 * state + 1.0
        solver = KANSolver(
            sp.Eq(-own.diff(x, 2) + x**2 * own, energy * own),
            {x: (-8, 8)},
            [sp.Eq(u(-8), 0), sp.Eq(u(8), 0), sp.Eq(norm, 1)],
            parameters={energy: exact + 0.3},
            grid_size=(30, 60),
            degree=9,
            random_state=seed,
        ).fit()
        errors.append(abs(solver.parameters_[energy] / exact - 1.0))
        n_iter += solver.n_iter_
    return {
        "problem": "oscillator",
        "seed": seed,
        "error": max(errors),
        "seconds": round(time.process_time() - start, 1),
        "iterations": n_iter,
    }


def coverage(seed: int, n_repetitions: int = 50) -> dict[str, Any]:
    """Return how often twice the standard error holds the truth, for the rate of a decay."""
    rate = sp.Symbol("rate", positive=True)
    times = np.linspace(0.0, 2.0, 50)
    start, hits = time.process_time(), 0
    for repetition in range(n_repetitions):
        noise = np.random.default_rng([seed, repetition]).normal(size=50)
        solver = KANSolver(
            sp.Eq(u(t).diff(t), -rate * u(t)),
            {t: (0, 2)},
            sp.Eq(u(0), 1),
            parameters={rate: 1.0},
            grid_size=10,
            random_state=repetition,
        ).fit(times[:, None], np.exp(-1.5 * times) + 0.01 * noise)
        hits += abs(solver.parameters_[rate] - 1.5) < 2.0 * solver.parameter_errors_[rate]
    return {
        "problem": "coverage",
        "seed": seed,
        "hits": hits,
        "of": n_repetitions,
        "seconds": round(time.process_time() - start, 1),
    }


def inverse_burgers(seed: int, n_repetitions: int = 50) -> dict[str, Any]:
    """Return how well nu is found from 200 measurements with 1 % noise, with its standard error."""
    nu, truth = sp.Symbol("nu", positive=True), 0.1
    start, hits, gaps = time.process_time(), 0, []
    for repetition in range(n_repetitions):
        rng = np.random.default_rng([seed, repetition])
        X = rng.uniform([0, -1], [1, 1], size=(200, 2))
        exact = burgers_exact(X, truth)
        solver = KANSolver(
            sp.Eq(U.diff(t) + U * U.diff(x), nu * U.diff(x, 2)),
            {t: (0, 1), x: (-1, 1)},
            [sp.Eq(u(0, x), -sp.sin(pi * x)), sp.Eq(u(t, -1), 0), sp.Eq(u(t, 1), 0)],
            parameters={nu: 0.3},
            n_products="all",
            grid_size=(5, 10, 20),
            degree=7,
            exact_conditions=True,
            random_state=repetition,
        ).fit(X, exact + 0.01 * exact.std() * rng.normal(size=200))
        gaps.append(abs(solver.parameters_[nu] / truth - 1.0))
        hits += gaps[-1] * truth < 2.0 * solver.parameter_errors_[nu]
    return {
        "problem": "inverse burgers",
        "seed": seed,
        "hits": hits,
        "of": n_repetitions,
        "error": max(gaps),
        "seconds": round(time.process_time() - start, 1),
    }


OTHERS = {"oscillator": oscillator, "coverage": coverage, "inverse burgers": inverse_burgers}


def solved(problem: Problem, seed: int, verbose: int = 0) -> tuple[KANSolver, float]:
    """Return the fitted solver and the processor time that it took."""
    start = time.process_time()
    solver = KANSolver(
        problem.equations,
        problem.domain,
        problem.conditions,
        random_state=seed,
        verbose=verbose,
        **problem.options,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        solver.fit()
    return solver, time.process_time() - start


def run(name: str, seed: int, verbose: int) -> dict[str, Any]:
    if name in OTHERS:
        return OTHERS[name](seed)
    problem = PROBLEMS[name]()
    solver, seconds = solved(problem, seed, verbose)
    ends = np.array([[float(end) for end in own] for own in problem.domain.values()]).T
    X = np.random.default_rng(123).uniform(*ends, size=(10_000, len(problem.domain)))
    found, expected = solver.predict(X), problem.reference(X)
    gap = np.linalg.norm(found - expected, axis=0) / np.linalg.norm(expected, axis=0)
    return {
        "problem": name,
        "seed": seed,
        "error": float(np.max(gap)),
        "seconds": round(seconds, 1),
        "parameters": solver.n_parameters_,
        "iterations": solver.n_iter_,
        "residual": float(np.max(solver.relative_residual_)),
    }


def main() -> None:
    names = [*PROBLEMS, *OTHERS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", nargs="+", choices=names, default=names)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--verbose", type=int, default=0)
    arguments = parser.parse_args()
    rows = []
    for name in arguments.problems:
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            rows.append(run(name, seed, arguments.verbose))
            print("  ".join(f"{key} {own}" for key, own in rows[-1].items()), flush=True)
    if arguments.csv is not None:
        with arguments.csv.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(k for own in rows for k in own)))
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
