import math
import pickle
import time

import numpy as np
import pytest
import sympy

from skkan.symbolic.library._symbols import LIBRARY, get_symbol
from skkan.symbolic.recognition._fitting import (
    FLOOR,
    Parameters,
    SymbolFit,
    fit_symbol,
    rank_symbols,
    score,
)

pytestmark = pytest.mark.filterwarnings("error")
NAMES = [name for name in LIBRARY if name != "0"]
each = pytest.mark.parametrize("name", NAMES)


def log_uniform(rng, low, high):
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def draw_placement(symbol, rng):
    """A random ``alpha, beta`` for data on [-1, 1], with a feature of the function in sight."""
    branch = symbol.branches()[-1]
    if math.isfinite(branch.low):
        return draw_bounded_placement(symbol, branch, rng)
    sign = rng.choice([-1.0, 1.0])
    if symbol.redundant == "scale":
        return sign, rng.uniform(-0.9, 0.9)
    if symbol.redundant != "none":
        return sign * log_uniform(rng, 0.1, 50.0), rng.uniform(-3.0, 3.0)
    if symbol.oscillates:
        return sign * log_uniform(rng, 0.3, 60.0 if symbol.period else 20.0), rng.uniform(-9.0, 9.0)
    alpha = log_uniform(rng, 0.3, 30.0)
    return sign * alpha, rng.uniform(-alpha - 1.0, alpha + 1.0)


def draw_bounded_placement(symbol, branch, rng):
    sign = rng.choice([-1.0, 1.0])
    if math.isfinite(branch.high):
        low, high = branch.low, branch.high
        touches = rng.random(2) < 0.3 if branch.low_closed else [False, False]
        ends = np.sort(rng.uniform(low, high, 2)) + 0.03 * np.array([-1.0, 1.0])
        low = low if touches[0] else max(ends[0], low + 1e-3)
        high = high if touches[1] else min(ends[1], high - 1e-3)
        turn = 0.0 if symbol.period is None else symbol.period * rng.integers(-3, 4)
        return sign * 0.5 * (high - low), 0.5 * (high + low) + turn
    touches = branch.low_closed and rng.random() < 0.3
    side = rng.choice([-1.0, 1.0]) if symbol.poles else 1.0
    return sign, side * (1.0 + (0.0 if touches else log_uniform(rng, 1e-4, 10.0)))


def draw_data(name, seed, n=None):
    rng = np.random.default_rng([seed, NAMES.index(name)])
    n = n or int(rng.choice([60, 400, 2000]))
    t = rng.uniform(-1.0, 1.0, n) if seed % 2 else np.linspace(-1.0, 1.0, n)
    t[:2] = -1.0, 1.0
    symbol = LIBRARY[name]
    alpha, beta = draw_placement(symbol, rng)
    half = log_uniform(rng, 0.01, 100.0)
    y = rng.choice([-1.0, 1.0]) * log_uniform(rng, 0.01, 100.0) * symbol.value(alpha * t + beta)
    return half * (t + rng.uniform(-5.0, 5.0)), y + rng.normal()


@each
@pytest.mark.parametrize("seed", range(8))
def test_recovery(name, seed):
    x, y = draw_data(name, seed)
    fit = fit_symbol(name, x, y)
    assert 1.0 - fit.r2 <= 1e-14
    assert_inside(fit, x)
    assert_canonical(fit)


def assert_inside(fit, x):
    a, b, _, _ = fit.parameters
    assert not fit.symbol.excludes(np.min(a * x + b), np.max(a * x + b))
    assert np.all(np.isfinite(fit(x)))


def assert_canonical(fit):
    symbol, (a, b, _, _) = fit.symbol, fit.parameters
    if symbol.parity:
        assert a > 0.0
    if symbol.redundant == "scale":
        # A border of the domain may cost a few units in the last place.
        assert abs(a) == pytest.approx(1.0, rel=1e-14)
    if symbol.redundant == "shift":
        assert b == 0.0 or abs(b) >= 300.0
    if symbol.redundant == "both":
        assert (a, b) == (1.0, 0.0)
    if symbol.period is not None:
        assert abs(b) <= 0.5 * symbol.period / (2.0 if symbol.antiperiodic else 1.0) + 1e-9


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x", (1.0, 0.0, -2.0, 3.0)),
        ("x^2", (1.0, 0.5, -2.0, 3.0)),
        ("1/x", (1.0, 1.7, 2.0, 0.5)),
        ("1/x^3", (1.0, -4.0, 2.0, 0.5)),
        ("sqrt", (-1.0, 3.0, 2.0, 0.5)),
        ("exp", (-1.5, 0.0, 2.0, 0.5)),
        ("log", (1.0, 1.01, 2.0, 0.5)),
        ("sin", (3.0, 1.5, -2.0, 0.5)),
        ("cos", (40.0, -1.5, 2.0, 0.5)),
        ("tan", (0.4, 0.3, 2.0, 0.5)),
        ("tanh", (4.0, -2.0, 2.0, 0.5)),
        ("asin", (0.4, 0.1, 2.0, 0.5)),
        ("gaussian", (2.0, -1.0, 2.0, 0.5)),
        ("j0", (5.0, 1.0, 2.0, 0.5)),
    ],
)
def test_parameters(name, expected):
    x = np.random.default_rng(0).uniform(-1.0, 2.0, 500)
    truth = SymbolFit(get_symbol(name), Parameters(*expected), 1.0, 0.0)
    fit = fit_symbol(name, x, truth(x))
    np.testing.assert_allclose(fit.parameters, expected, rtol=1e-6, atol=1e-9)
    assert fit.rmse <= 1e-7


@pytest.mark.parametrize("name", ["log", "1/x", "1/x^2", "sqrt", "1/sqrt", "x^1.5", "tan", "atanh"])
@pytest.mark.parametrize("shape", ["line", "pole", "wave", "noise"])
def test_no_data_lie_across_a_singularity(name, shape):
    rng = np.random.default_rng(3)
    x = rng.uniform(-3.0, 2.0, 400)
    shapes = {
        "line": x,
        "pole": 1.0 / (x + 1e-4),
        "wave": np.sin(9.0 * x),
        "noise": rng.normal(size=400),
    }
    fit = fit_symbol(name, x, shapes[shape])
    assert_inside(fit, x)
    assert -1e-12 <= fit.r2 <= 1.0


@pytest.mark.parametrize(("name", "y"), [("sqrt", np.sqrt), ("x^1.5", lambda x: x**1.5)])
def test_the_border_of_a_domain_can_be_touched(name, y):
    x = np.linspace(0.0, 7.0, 1000)
    fit = fit_symbol(name, x, y(x))
    np.testing.assert_allclose(fit.parameters, (1.0, 0.0, 1.0, 0.0), atol=1e-9)


def test_a_border_can_be_approached():
    x = np.geomspace(1e-7, 1.0, 1000)
    fit = fit_symbol("log", x, 3.0 * np.log(x))
    np.testing.assert_allclose(fit.parameters, (1.0, 0.0, 3.0, 0.0), atol=1e-9)


def test_noise_leaves_the_parameters_nearly_right():
    rng = np.random.default_rng(0)
    x = rng.uniform(-2.0, 2.0, 3000)
    fit = fit_symbol("tanh", x, 2.0 * np.tanh(3.0 * x - 1.0) + rng.normal(0.0, 0.1, 3000))
    np.testing.assert_allclose(fit.parameters, (3.0, -1.0, 2.0, 0.0), atol=0.1)
    assert fit.rmse == pytest.approx(0.1, rel=0.05)


def test_weights_are_repetitions():
    rng = np.random.default_rng(1)
    x, weight = rng.uniform(-1.0, 1.0, 90), rng.integers(0, 4, 90)
    y = np.exp(x) + rng.normal(0.0, 0.1, 90)
    weighted = fit_symbol("exp", x, y, weight)
    repeated = fit_symbol("exp", np.repeat(x, weight), np.repeat(y, weight))
    np.testing.assert_allclose(weighted.parameters, repeated.parameters, rtol=1e-5)
    assert weighted.r2 == pytest.approx(repeated.r2)


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_units_do_not_matter(scale):
    x = np.linspace(-1.0, 1.0, 200)
    y = np.sin(4.0 * x) + x
    plain, scaled = fit_symbol("gaussian", x, y), fit_symbol("gaussian", scale * x, scale * y)
    assert scaled.r2 == pytest.approx(plain.r2, rel=1e-6)
    assert scaled.parameters.a * scale == pytest.approx(plain.parameters.a, rel=1e-3)


@pytest.mark.parametrize("name", LIBRARY)
@pytest.mark.parametrize(
    ("x", "y", "r2"),
    [
        (np.linspace(-3.0, 2.0, 50), np.full(50, 0.1), 1.0),
        (np.full(50, -3.0), np.linspace(0.0, 1.0, 50), 0.0),
        (np.full(50, -3.0), np.full(50, 0.1), 1.0),
        ([2.0], [3.0], 1.0),
    ],
)
def test_constant_data(name, x, y, r2):
    fit = fit_symbol(name, x, y)
    assert fit.r2 == r2
    assert fit.parameters.c == 0.0
    np.testing.assert_allclose(fit(np.asarray(x)), np.mean(y))
    assert_inside(fit, np.asarray(x))
    assert rank_symbols(x, y)[0].symbol.name == "0"


def test_the_zero_symbol_is_the_mean():
    fit = fit_symbol("0", [1.0, 2.0, 3.0], [1.0, 2.0, 6.0])
    assert fit.parameters == (1.0, 0.0, 0.0, 3.0)
    assert (fit.r2, fit.rmse) == (0.0, pytest.approx(math.sqrt(14.0 / 3.0)))


def test_a_step_is_found_among_repeated_arguments():
    x = np.repeat([1.0, 2.0, 3.0, 4.0], 5)
    fit = fit_symbol("sign", x, np.where(x > 2.5, 4.0, 1.0))
    np.testing.assert_allclose(fit.parameters, (1.0, -2.5, 1.5, 2.5))


def test_fits_have_expressions_and_can_be_pickled():
    v = sympy.Symbol("v")
    fit = SymbolFit(get_symbol("sin"), Parameters(2.0, -0.5, 3.0, 1.0), 1.0, 0.0)
    assert fit.expression(v) == 3.0 * sympy.sin(2.0 * v - 0.5) + 1.0
    plain = SymbolFit(get_symbol("log"), Parameters(1.0, 0.0, 1.0, 0.0), 1.0, 0.0)
    assert plain.expression(v) == sympy.log(v)
    assert pickle.loads(pickle.dumps(fit)) == fit


@pytest.mark.parametrize(
    ("name", "y"),
    [
        ("0", lambda x: 0.0 * x + 3.0),
        ("x", lambda x: 3.0 * x - 1.0),
        ("x^2", lambda x: (x - 4.0) ** 2),
        ("exp", lambda x: np.exp(-2.0 * x)),
        ("sin", lambda x: np.cos(5.0 * x)),
        ("sqrt", lambda x: np.sqrt(x + 1.5)),
        ("log", lambda x: np.log(2.5 - x)),
        ("1/x", lambda x: 1.0 / (3.0 + x)),
        ("gaussian", lambda x: np.exp(-((2.0 * x) ** 2))),
        ("sign", lambda x: np.where(x > 0.3, 1.0, 0.0)),
        ("tanh", lambda x: 1.0 / (1.0 + np.exp(-4.0 * x))),
        ("j0", lambda x: LIBRARY["j0"].value(7.0 * x)),
    ],
)
def test_the_true_function_ranks_first(name, y):
    x = np.linspace(-1.0, 2.0, 400)
    fits = rank_symbols(x, y(x))
    assert fits[0].symbol.name == name
    assert len(fits) == 5
    scores = [score(fit, 0.0) for fit in fits]
    assert scores == pytest.approx(sorted(scores), abs=1e-5)


def test_simplicity_counts_as_much_as_wanted():
    x = np.linspace(0.0, 1.0, 300)
    y = np.exp(0.3 * x) + np.random.default_rng(0).normal(0.0, 0.005, 300)
    best, middle, simplest = (rank_symbols(x, y, weight_simple=w)[0] for w in (0.0, 0.5, 1.0))
    assert (middle.symbol.name, simplest.symbol.name) == ("x", "0")
    assert best.r2 > middle.r2


def test_mimics_come_after_what_they_mimic_where_samples_are_in_doubt():
    x = np.linspace(-1.0, 1.0, 300)
    y = x**2 + 1e-3 * np.cos(4.0 * x)
    mimic = rank_symbols(x, y)[0]
    plain = rank_symbols(x, y, uncertainty=1e-5)[0]
    assert mimic.symbol.name != "x^2"
    assert plain.symbol.name == "x^2"
    assert plain.r2 < mimic.r2


def test_equally_simple_functions_are_ranked_by_accuracy():
    x = np.linspace(1.0, 2.0, 300)
    fits = rank_symbols(x, np.exp(0.3 * x), ["log", "sqrt", "exp"], uncertainty=0.1)
    assert [fit.r2 for fit in fits] == sorted((fit.r2 for fit in fits), reverse=True)
    assert fits[0].symbol.name == "exp"


def test_the_score_is_as_documented():
    fit = SymbolFit(get_symbol("tan"), Parameters(1.0, 0.0, 1.0, 0.0), 0.75, 0.0)
    assert score(fit, 0.0) == -2.0
    assert score(fit, 1.0) == 3.0
    assert score(fit, 0.25) == pytest.approx(0.75 * -2.0 + 0.25 * 3.0)
    exact = SymbolFit(get_symbol("x"), Parameters(1.0, 0.0, 1.0, 0.0), 1.0, 0.0)
    assert score(exact, 0.0) == math.log2(FLOOR)


def test_symbols_may_be_chosen():
    z = sympy.Symbol("z")
    x = np.linspace(0.5, 2.0, 100)
    fits = rank_symbols(x, x * np.log(x), ["x", LIBRARY["log"], z * sympy.log(z)], top=2)
    assert [fit.symbol.name for fit in fits] == ["z*log(z)", "log"]


def test_order_of_the_samples_does_not_matter():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.0, 1.0, 500)
    y, order = np.sin(7.0 * x), rng.permutation(500)
    assert fit_symbol("sin", x, y) == fit_symbol("sin", x[order], y[order])


@pytest.mark.parametrize("arguments", [{"weight_simple": 1.5}, {"weight_simple": -0.1}, {"top": 0}])
def test_bad_arguments_of_the_ranking(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        rank_symbols([1.0, 2.0], [1.0, 2.0], **arguments)


def test_ranking_an_edge_is_fast():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.0, 2.0, 3000)
    start = time.process_time()
    rank_symbols(x, np.sin(3.0 * x))
    # Ten times what it takes, for slow machines.
    assert time.process_time() - start < 3.0
