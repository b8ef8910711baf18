import numpy as np
import pandas as pd
import pytest
import sympy

from skkan import KANRegressor
from skkan.symbolic.export._names import valid_names

RNG = np.random.default_rng(0)
X = RNG.uniform(0.5, 1.5, size=(200, 4))
FORMULAS = [
    ("x0", (4, 1)),
    ("2*x0 + sin(3*x1 + 1) - 4", (4, 1)),
    ("x0 + exp(-x0**2) + x1", (4, 1)),
    ("exp(sin(pi*x0) + x1**2)", (4, 1, 1)),
    ("x0*x1", (4, 1, 1)),
    ("3*x0*x1**2/(x2 + x3)**2 + x0", (4, 3, 2, 1)),
    ("x0*sin(x0)*x1", (4, 1, 1)),
    ("sqrt(x0**2 + x1**2 + 2) + x2*x3", (4, 2, 1)),
    ("x0**x1", (4, 1, 1)),
    ("atan(x0*x1 + cos(x2*x3))*x0 - 1", None),
    ("x3*(1 - x0*exp(-x1*x2/2))/(1 + x2**2)", None),
    ("besselj(0, x0*x1) + Abs(x0 - x1)", (4, 2, 1)),
]


@pytest.mark.parametrize(("text", "shape"), FORMULAS)
def test_network_is_the_formula(text, shape):
    model = KANRegressor.from_sympy(text, X)
    expression = sympy.parse_expr(text)
    names = [sympy.Symbol(f"x{k}") for k in range(4)]
    expected = sympy.lambdify(names, expression, modules=["scipy", "numpy"])(*X.T)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-12, atol=1e-12)
    assert model.symbolic_
    if shape is not None:
        assert model.network_.shape == shape
    other = model.to_function()(X)
    np.testing.assert_allclose(other, expected, rtol=1e-11, atol=1e-11)


def test_product_nodes_have_a_subnode_for_every_factor():
    model = KANRegressor.from_sympy("x0*x1*exp(x2)", X)
    assert model.network_.arities == ((3,),)
    assert model.hidden_layer_sizes == ((0, (3,)),)


def test_refit_moves_constants_and_splines_show_what_the_law_misses():
    y = np.exp(1.5 * X[:, 0]) * X[:, 1] + 0.2 * np.sin(6.0 * X[:, 2])

    def error(model):
        return np.sqrt(np.mean((model.predict(X) - y) ** 2))

    law = KANRegressor.from_sympy("exp(x0)*x1", X, random_state=0).refit(X, y)
    assert law.symbolic_
    # The oscillation, of root mean square 0.14, is what is left.
    assert 0.13 < error(law) < 0.15
    more = KANRegressor.from_sympy("exp(1.5*x0)*x1 + x2/100", X, alpha=1e-9, random_state=0)
    symbols = more.network_.layers[-1].symbols
    i, j = min(symbols, key=lambda key: abs(symbols[key].parameters[2]))
    more.unfix_symbolic(len(more.network_.layers) - 1, i, j).refit(X, y)
    assert error(more) < 0.03


def test_names_of_sympy_belong_to_the_columns_of_a_frame():
    table = pd.DataFrame(X, columns=["E", "beta", "x^2", "lambda"])
    first, second = valid_names(["E", "beta"])
    model = KANRegressor.from_sympy(f"{first}*{second}", table)
    np.testing.assert_allclose(model.predict(table), X[:, 0] * X[:, 1], rtol=1e-12)


@pytest.mark.parametrize(
    ("expression", "error", "message"),
    [
        ("x9 + 1", ValueError, "depends on .*x9"),
        ("3", ValueError, "is constant"),
        ("x0 +", ValueError, "is no formula"),
        ("I*x0", ValueError, "is not real"),
        ("log(x0 - 1)", ValueError, "not finite at sample"),
        ("atan2(x0, x1)", ValueError, "cannot be part of a network"),
        (3.0, TypeError, "must be a string or a SymPy expression"),
    ],
)
def test_errors(expression, error, message):
    with pytest.raises(error, match=message):
        KANRegressor.from_sympy(expression, X)
