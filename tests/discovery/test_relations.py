import numpy as np
import pandas as pd
import pytest

from skkan.discovery import find_relations


def toy(seed, noise=0.0):
    """Six columns of the paper: two equations, and a column in none."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, size=(1000, 6))
    X[:, 2] = np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)
    X[:, 4] = X[:, 3] ** 3
    return X + noise * X.std(axis=0) * rng.normal(size=X.shape)


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_equations_of_the_paper_are_found_and_nothing_else(noise):
    found = find_relations(toy(0, noise), random_state=0)
    groups = {(tuple(own.columns), own.target) for own in found}
    assert groups == {(("x0", "x1", "x2"), "x2"), (("x3", "x4"), "x4")}
    assert found.free == ["x5"]
    assert min(own.r2 for own in found) > (0.998 if noise else 0.9999)
    for own in found:
        assert sum(own.importances.values()) == pytest.approx(1.0)
    assert "x4 = f(x3)" in repr(found)


def test_formula_of_a_column_that_is_solved_for():
    relation = find_relations(toy(1)[:, 3:])[0]
    formula = relation.formula(hidden_layer_sizes=[()])
    assert str(formula) == "Eq(x1, x0**3)"


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_circle_and_sphere_stay_implicit(noise):
    rng = np.random.default_rng(0)
    u = rng.normal(size=(500, 3))
    u /= np.linalg.norm(u, axis=1)[:, None]
    X = np.column_stack([u, rng.normal(size=500)]) + noise * rng.normal(size=(500, 4))
    (relation,) = find_relations(X)
    assert relation.target is None
    assert set(relation.columns) == {"x0", "x1", "x2"}
    assert str(relation.formula()) == "Eq(x0**2 + x1**2 + x2**2 - 1, 0)"


def test_product_with_both_signs_is_solved_for_though_its_logarithm_is_a_sum():
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(600, 4))
    X[:, 1] = X[:, 0] * X[:, 3]
    (relation,) = find_relations(X)
    assert (relation.columns, relation.target) == (["x0", "x1", "x3"], "x1")


@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_found_in_noise_or_in_clusters(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(300, 5))
    assert len(find_relations(X)) == 0
    # Two columns that know of the same two clusters, and of nothing else.
    X[:, :2] += 8.0 * rng.integers(2, size=300)[:, None]
    assert len(find_relations(X)) == 0


def test_duplicated_and_constant_columns_and_names_that_are_no_identifiers():
    rng = np.random.default_rng(0)
    a = rng.normal(size=200)
    table = pd.DataFrame({"x^2": a, "E": a, "zero": 0.0, "lambda": rng.normal(size=200)})
    (relation,) = found = find_relations(table)
    assert (relation.columns, relation.target) == (["x^2", "E"], "E")
    assert found.free == ["zero", "lambda"]
    formula = relation.formula(hidden_layer_sizes=[()])
    assert [str(own) for own in formula.args] == ["E_", "x_2"]


def test_plots_of_both_kinds():
    pytest.importorskip("matplotlib")
    t = np.random.default_rng(0).uniform(0.0, 6.28, 200)
    X = np.column_stack([np.cos(t), np.sin(t), t, t**2])
    found = find_relations(X[:, :2])
    assert len(found.plot().axes) == 1
    assert find_relations(X[:, 2:])[0].plot().get_ylabel() == "x1"


@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        (np.zeros((29, 2)), {}, "29 samples; at least 30"),
        (np.zeros((50, 1)), {}, "1 column"),
        (np.zeros((50, 2)), {"min_r2": 1.0}, "min_r2 must lie between 0 and 1"),
        (np.full((50, 2), np.nan), {}, "NaN"),
    ],
)
def test_errors(X, options, message):
    with pytest.raises(ValueError, match=message):
        find_relations(X, **options)


def test_constant_columns_alone_have_no_relation():
    assert repr(find_relations(np.zeros((50, 2)))).startswith("no relation")


def test_the_first_of_equal_columns_is_in_the_other_equations():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, size=(200, 4))
    X[:, 2] = X[:, 0] ** 3
    X[:, 3] = X[:, 0]
    found = find_relations(X)
    assert {(tuple(own.columns), own.target) for own in found} == {
        (("x0", "x3"), "x3"),
        (("x0", "x2"), "x2"),
    }
    assert found.free == ["x1"]
