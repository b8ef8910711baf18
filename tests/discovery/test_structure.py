import numpy as np
import pandas as pd
import pytest

from skkan import KANRegressor
from skkan.discovery import (
    additive_separability,
    convexity,
    general_coordinates,
    invariance,
    monotonicity,
    multiplicative_separability,
    parity,
    permutation_symmetry,
)

N = 300


def sample(seed, noise, function):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, size=(N, 3))
    y = function(*X.T)
    return X, y + noise * y.std() * rng.normal(size=N)


def total(a, b, c):
    return np.sin(2.0 * a * b) + c**2


def product(a, b, c):
    return np.sin(2.0 * a + b) * np.exp(c)


def of_difference(a, b, c):
    return np.sin(2.0 * (a - b)) * np.exp(c)


CASES = [
    (total, lambda X, y: additive_separability(X, y, [[0, 1], [2]]), True),
    (total, lambda X, y: additive_separability(X, y, [[0], [1, 2]]), False),
    (product, lambda X, y: multiplicative_separability(X, y, [[0, 1], [2]]), True),
    (product, lambda X, y: multiplicative_separability(X, y, [[0], [1, 2]]), False),
    (of_difference, lambda X, y: invariance(X, y, [0, 1], "translation"), True),
    (of_difference, lambda X, y: invariance(X, y, [0, 1], "sum"), False),
    (total, lambda X, y: invariance(X, y, [0, 1], "product"), True),
    (
        lambda a, b, c: np.exp(-(a**2) - b**2) * c,
        lambda X, y: invariance(X, y, [0, 1], "rotation"),
        True,
    ),
    (total, lambda X, y: permutation_symmetry(X, y, [0, 1]), True),
    (total, lambda X, y: permutation_symmetry(X, y, [0, 2]), False),
    (total, lambda X, y: parity(X, y, 2), True),
    (total, lambda X, y: parity(X, y, 0), False),
    (lambda a, b, c: np.sin(a) * b + a * c**2, lambda X, y: parity(X, y, 0, "odd"), True),
    (total, lambda X, y: monotonicity(X, y, 2), False),
    (lambda a, b, c: np.exp(a) + b * c, lambda X, y: monotonicity(X, y, 0), True),
    (lambda a, b, c: np.exp(a) + b * c, lambda X, y: convexity(X, y, 0), True),
    (lambda a, b, c: np.sin(3.0 * a) + b * c, lambda X, y: convexity(X, y, 0), False),
]


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize(("function", "test", "holds"), CASES)
def test_structures_are_told_from_their_absence(function, test, holds, noise):
    found = test(*sample(0, noise, function))
    assert found.holds == holds
    assert ("does not hold" in str(found)) != holds


def test_false_alarms_are_as_rare_as_they_say():
    alarms = [
        additive_separability(*sample(seed, 1.0, total), [[0, 1], [2]]).p_value < 0.1
        for seed in range(20)
    ]
    # Of 20 with probability 0.1 more than 6 have a probability below 3e-3.
    assert sum(alarms) <= 6


@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_errors_of_splines_are_no_evidence(noise):
    tables = [sample(seed, noise, of_difference) for seed in range(5)]
    assert min(invariance(X, y, [0, 1], "difference").p_value for X, y in tables) > 0.01


def test_slopes_of_splines_that_are_too_stiff_are_no_evidence():
    tables = [sample(seed, 0.3, lambda a, b, _: np.tanh(3.0 * a) + b) for seed in range(20)]
    # Of 20 with probability 0.05 more than 4 have a probability below 3e-3.
    assert sum(monotonicity(X, y, 0).p_value < 0.05 for X, y in tables) <= 4


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_general_coordinates(noise):
    def ridge(a, b, c):
        return np.tanh(2.0 * a - b + 0.5 * c)

    found = general_coordinates(*sample(0, noise, ridge))
    assert found.holds
    (weights,) = found.details["coordinates"]
    assert weights == pytest.approx({"x0": 1.0, "x1": -0.5, "x2": 0.25}, abs=0.003 + 0.3 * noise)
    two = general_coordinates(*sample(0, noise, lambda a, b, c: np.sin(2 * (a + b)) * (a - 2 * c)))
    assert two.holds
    assert len(two.details["coordinates"]) == 2


def test_products_of_powers_and_names():
    X = np.random.default_rng(0).uniform(1.0, 3.0, size=(N, 3))
    table = pd.DataFrame(X, columns=["m", "x^2", "lambda"])
    y = np.sqrt(X[:, 0] * X[:, 1] ** 3 / X[:, 2]) + 1.0
    found = general_coordinates(table, y, "powers")
    (exponents,) = found.details["coordinates"]
    assert exponents == pytest.approx({"m": 1 / 3, "x^2": 1.0, "lambda": -1 / 3}, abs=1e-5)
    assert additive_separability(table, y, [["m", "lambda"], ["x^2"]]).holds is False


def test_fitted_estimators_are_asked_like_data():
    X, _ = sample(0, 0.0, total)
    model = KANRegressor((), random_state=0).fit(X, X[:, 0] ** 2 + np.exp(X[:, 1]) - X[:, 2])
    assert additive_separability(X, model, [[0], [1], [2]]).holds
    assert monotonicity(X, model, 1).details["direction"] == "increasing"
    assert not parity(X, model, 1).holds


def test_plot():
    pytest.importorskip("matplotlib")
    X, y = sample(0, 0.1, total)
    assert "holds" in parity(X, y, 2).plot().get_title()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda X, y: additive_separability(X[:20], y[:20], [[0, 1], [2]]), "at least 30"),
        (lambda X, y: additive_separability(X, y, [[0, 1]]), "two or more lists"),
        (lambda X, y: additive_separability(X, y, [[0], [1]]), "every column of X once"),
        (lambda X, y: additive_separability(X, 0 * y, [[0, 1], [2]]), "y is constant"),
        (lambda X, y: parity(X * [1, 0, 1], y, 0), "are constant"),
        (lambda X, y: parity(X, y, "z"), "names column 'z'"),
        (lambda X, y: parity(X + 2, y, 0), "must lie inside the range"),
        (lambda X, y: invariance(X, y, [0, 1], "shift"), "kind must be one of"),
        (lambda X, y: invariance(X, y, [0, 0], "sum"), "two different columns"),
        (lambda X, y: invariance(X, y, [0, 1], "quotient"), "too near to zero"),
        (lambda X, y: general_coordinates(X, y, "powers"), "needs positive columns"),
        (lambda X, y: monotonicity(X, y[:-1], 0), "299"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(*sample(0, 0.1, total))
