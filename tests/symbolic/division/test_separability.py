import numpy as np
import pytest

from skkan.symbolic.division._separability import Splitter


def best_errors(function, n_columns=2, low=0.5):
    """Return the least error of every kind of split by column, as a share of the spread."""
    X = np.random.default_rng(0).uniform(low, 2.0, size=(1000, n_columns))
    y = function(*X.T)
    splits = Splitter(X).splits(y, np.full(len(y), 1 / len(y)))
    assert [own.error for own in splits] == sorted(own.error for own in splits)
    return {(own.column, own.kind): own.error / y.std() for own in splits}, splits, X


FORMS = {
    "sum": (lambda a, b: np.sin(a) + b**2, {(0, "sum"), (1, "sum"), (0, "affine"), (1, "affine")}),
    "product": (
        lambda a, b: np.exp(a) / b,
        {(0, "product"), (1, "product"), (0, "affine"), (1, "affine")},
    ),
    "product and constant": (
        lambda a, b: 2.0 + np.exp(a) / b,
        {(0, "affine"), (1, "affine")},
    ),
    "affine in one": (lambda a, b: 1.0 / a + np.sin(a) * b, {(1, "affine")}),
    "none": (lambda a, b: np.sin(3.0 * a * b), set()),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_two_variables(name):
    function, expected = FORMS[name]
    errors, _, _ = best_errors(function)
    assert {key for key, error in errors.items() if error < 1e-4} == expected
    assert all(error > 3e-3 for key, error in errors.items() if key not in expected)


def test_three_variables():
    errors, _, _ = best_errors(lambda a, b, c: a * np.sqrt(b**2 + c**2), 3)
    assert errors[0, "product"] < 1e-4
    assert errors[1, "product"] > 1e-3


def test_the_factor_is_the_function_but_for_scale_and_shift():
    _, splits, X = best_errors(lambda a, b: np.cos(a) + (1.0 + a) * np.exp(b))
    factor = next(own.factor for own in splits if (own.column, own.kind) == (1, "affine"))
    assert abs(np.corrcoef(factor, np.exp(X[:, 1]))[0, 1]) > 1.0 - 1e-9


@pytest.mark.parametrize("kind", ["sum", "product", "affine"])
def test_the_rest_of_a_known_factor(kind):
    X = np.random.default_rng(0).uniform(0.5, 2.0, size=(500, 2))
    v = X[:, 1] ** 2
    g, u = {
        "sum": (np.sin(X[:, 0]), 3.0 * np.ones(500)),
        "product": (0.0, np.exp(X[:, 0])),
        "affine": (np.sin(X[:, 0]), np.exp(X[:, 0])),
    }[kind]
    weight = np.full(500, 1 / 500)
    splitter = Splitter(X)
    split = next(
        own for own in splitter.splits(g + u * v, weight) if (own.column, own.kind) == (1, kind)
    )
    fit, inner = splitter.given(split, v, g + u * v, weight)
    np.testing.assert_allclose(inner, u, rtol=1e-3)
    assert fit.error < 1e-5
