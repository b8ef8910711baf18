import itertools

import numpy as np
import pytest
from scipy import special

from skkan.datasets import formula_names, get_formula, make_formula

FAMILIES = ("toy", "physics", "feynman", "special")


@pytest.fixture(params=formula_names())
def name(request):
    return request.param


def test_values_are_finite_and_vary(name):
    X, y = make_formula(name, n_samples=2000, random_state=0)
    assert X.dtype == y.dtype == np.float64
    assert y.shape == (2000,)
    assert np.isfinite(X).all()
    assert np.isfinite(y).all()
    assert np.ptp(y) > 1e-3


def test_samples_fill_the_ranges(name):
    X, _ = make_formula(name, n_samples=2000, random_state=0)
    formula = get_formula(name)
    assert X.shape == (2000, len(formula.variables))
    low, high = np.array(formula.low), np.array(formula.high)
    assert np.all(low < high)
    assert np.all((low <= X) & (high >= X))
    # Uniform: the farthest of 2000 samples are near the ends, and the mean is in the middle.
    assert np.all(np.abs(X.min(axis=0) - low) < 0.01 * (high - low))
    assert np.all(np.abs(X.max(axis=0) - high) < 0.01 * (high - low))
    assert np.all(np.abs(X.mean(axis=0) - 0.5 * (low + high)) < 0.04 * (high - low))


def test_description_is_complete(name):
    formula = get_formula(name)
    assert formula.name == name
    assert formula.family in FAMILIES
    assert formula.expression
    n = len(formula.variables)
    assert n == len(set(formula.variables)) == len(formula.low) == len(formula.high)
    assert formula.shape[0] == n
    assert formula.shape[-1] == 1
    assert min(formula.shape) >= 1


def test_rows_are_evaluated_one_by_one(name):
    X, y = make_formula(name, n_samples=5, random_state=1)
    formula = get_formula(name)
    alone = np.concatenate([formula(row[None]) for row in X])
    np.testing.assert_allclose(alone, y, rtol=1e-12)
    assert formula(X[:0]).shape == (0,)


def test_every_variable_counts(name):
    if name.endswith("_0_2"):
        pytest.skip("does not depend on its second variable")
    X, y = make_formula(name, n_samples=200, random_state=2)
    for column in range(X.shape[1]):
        other = X.copy()
        other[:, column] = np.roll(X[:, column], 1)
        assert np.abs(get_formula(name)(other) - y).max() > 1e-6 * np.ptp(y)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("exp_sin_sq", lambda x, y: np.exp(np.sin(np.pi * x) + y**2)),
        ("bessel_toy", lambda x: special.jv(0, 20.0 * x)),
        ("product", lambda x, y: x * y),
        ("jacobi_elliptic_sn", lambda x, y: special.ellipj(x, y)[0]),
        ("elliptic_incomplete_first", special.ellipkinc),
        ("elliptic_incomplete_second", special.ellipeinc),
        ("bessel_first_kind", special.jv),
        ("bessel_second_kind", special.yv),
        ("modified_bessel_second", special.kv),
        ("modified_bessel_first", special.iv),
        ("associated_legendre_0_2", lambda x, _: special.eval_legendre(2, x)),
        ("associated_legendre_1_2", lambda x, y: special.lpmv(1, 2, x) * np.cos(y)),
    ],
)
def test_values_agree_with_scipy(name, function):
    X, y = make_formula(name, n_samples=100, random_state=3)
    np.testing.assert_allclose(y, function(*X.T), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "order", "degree", "phase"),
    [
        ("spherical_harmonic_1_1_real", 1, 1, np.cos),
        ("spherical_harmonic_0_2", 0, 2, np.cos),
        ("spherical_harmonic_2_2_real", 2, 2, np.cos),
    ],
)
def test_spherical_harmonics_are_those_of_the_legendre_functions(name, order, degree, phase):
    X, y = make_formula(name, n_samples=100, random_state=4)
    factorials = special.factorial(degree - order) / special.factorial(degree + order)
    norm = np.sqrt((2 * degree + 1) / (4.0 * np.pi) * factorials)
    expected = norm * special.lpmv(order, degree, np.cos(X[:, 0])) * phase(order * X[:, 1])
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-13)


def test_special_functions_at_known_points():
    zero_of_j0 = 2.404825557695773
    assert get_formula("bessel_toy")(np.array([[0.0], [zero_of_j0 / 20.0]])) == pytest.approx(
        [1.0, 0.0], abs=1e-12
    )
    quarter = special.ellipk(0.5)
    assert get_formula("jacobi_elliptic_sn")(np.array([[quarter, 0.5]])) == pytest.approx([1.0])
    half = get_formula("modified_bessel_second")(np.array([[0.5, 2.0]]))
    assert half == pytest.approx([np.sqrt(0.25 * np.pi) * np.exp(-2.0)])


@pytest.mark.parametrize("noise", [0.1, 3.0])
def test_noise_has_the_deviation_asked_for(noise):
    X, y = make_formula("product", n_samples=20_000, noise=noise, random_state=0)
    rest = y - X[:, 0] * X[:, 1]
    assert rest.std() == pytest.approx(noise, rel=0.03)
    assert abs(rest.mean()) < 0.03 * noise
    clean, _ = make_formula("product", n_samples=20_000, random_state=0)
    np.testing.assert_array_equal(X, clean)


def test_values_without_noise_are_those_of_the_formula(name):
    X, y = make_formula(name, n_samples=50, random_state=5)
    np.testing.assert_array_equal(y, get_formula(name)(X))


def test_same_random_state_same_samples():
    first, again, other = (
        make_formula("I.9.18", n_samples=40, noise=0.1, random_state=seed) for seed in (3, 3, 4)
    )
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.all(a != c)
    X, _ = make_formula("I.9.18", n_samples=40, random_state=np.random.RandomState(3))
    np.testing.assert_array_equal(X, first[0])


def test_default_number_of_samples():
    X, y = make_formula("product", random_state=0)
    assert X.shape == (1000, 2)
    assert y.shape == (1000,)
    assert make_formula("product", n_samples=1)[0].shape == (1, 2)


def test_names_by_family():
    names = formula_names()
    assert len(names) == len(set(names))
    by_family = {family: formula_names(family) for family in FAMILIES}
    assert sorted(itertools.chain(*by_family.values())) == sorted(names)
    assert all(by_family.values())
    for family, members in by_family.items():
        assert {get_formula(member).family for member in members} == {family}
    assert formula_names("no such family") == []


@pytest.mark.parametrize("function", [get_formula, make_formula])
def test_unknown_names_are_refused(function):
    with pytest.raises(ValueError, match=r"name='nonsense' is no known formula.*exp_sin_sq"):
        function("nonsense")


@pytest.mark.parametrize(
    "arguments",
    [
        {"n_samples": 0},
        {"n_samples": 2.5},
        {"noise": -0.1},
        {"noise": "much"},
        {"random_state": "seed"},
        {"name": 3},
    ],
    ids=str,
)
def test_wrong_arguments_are_refused(arguments):
    (parameter,) = arguments
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of make_formula must be"):
        make_formula(**{"name": "product", **arguments})


def test_changing_values_does_not_change_the_formula():
    X, y = make_formula("product", n_samples=10, random_state=0)
    before = y.copy()
    y[:] = 0.0
    np.testing.assert_array_equal(get_formula("product")(X), before)
