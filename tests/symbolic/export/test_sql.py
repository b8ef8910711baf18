import sqlite3

import numpy as np
import pandas as pd
import pytest
import sympy

from skkan import KANClassifier, KANRegressor
from skkan.symbolic.export._program import Program
from skkan.symbolic.export._sql import to_sql


def queried(query, columns):
    """Run a query in SQLite over a table `formula` with these columns."""
    base = sqlite3.connect(":memory:")
    names = ", ".join('"' + name.replace('"', '""') + '" REAL' for name in columns)
    base.execute(f"CREATE TABLE formula ({names})")
    marks = ", ".join("?" * len(columns))
    rows = zip(*(np.asarray(own, dtype=float).tolist() for own in columns.values()), strict=True)
    base.executemany(f"INSERT INTO formula VALUES ({marks})", rows)
    return np.array(base.execute(query).fetchall(), dtype=float)


@pytest.mark.parametrize("hidden", [(), (2,), ((1, 1),)], ids=["additive", "sums", "products"])
def test_queries_return_predictions(hidden):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(150, 3)), columns=["age", "select", "my.col"])
    y = np.sin(2 * X["age"]) + X["select"] * X["my.col"]
    model = KANRegressor(hidden, grid_size=3, max_iter=30, alpha=1e-3, random_state=0).fit(X, y)
    far = pd.DataFrame(3.0 * rng.normal(size=(200, 3)), columns=X.columns)
    columns = dict(zip(X.columns, far.to_numpy().T, strict=True))
    found = queried(model.to_code("sql"), columns)[:, 0]
    np.testing.assert_allclose(found, model.predict(far), rtol=1e-9, atol=1e-9)


def test_classes_and_several_targets():
    X = np.random.default_rng(0).normal(size=(120, 2))
    columns = {"x0": X[:, 0], "x1": X[:, 1]}
    classes = (X[:, 0] > 0.5).astype(int) + (X[:, 1] > 0)
    model = KANClassifier((), grid_size=3, random_state=0).fit(X, classes)
    found = queried(model.to_code("sql"), columns)
    np.testing.assert_allclose(found, model.predict_proba(X), rtol=1e-9, atol=1e-9)
    binary = KANClassifier((), grid_size=3, random_state=0).fit(X, X[:, 0] > 0.1)
    found = queried(binary.to_code("sql", logit=True), columns)[:, 0]
    np.testing.assert_allclose(found, binary.decision_function(X), rtol=1e-9, atol=1e-9)


X0, X1 = sympy.symbols("a b")


@pytest.mark.parametrize(
    "expression",
    [
        sympy.exp(X0) / 3 + X1**2,
        sympy.Rational(1, 3) * X0 ** sympy.Rational(3, 2),
        1 / (2 + X0 * X1) + sympy.pi,
        sympy.sqrt(X0) * sympy.log(X1) - sympy.Abs(X0 - X1),
        sympy.Max(X0, X1, 1) - sympy.Min(X0, 2),
        sympy.sign(X0 - X1) * sympy.tanh(X0),
        sympy.Piecewise((X0, (X0 > 1) & (X1 < 2)), (X1, X0 < X1), (0, True)),
        X0 ** (-3) + 2**X1,
    ],
    ids=str,
)
def test_expressions(expression):
    a, b = np.random.default_rng(0).uniform(0.2, 3.0, size=(2, 50))
    found = queried(to_sql(Program((X0, X1), [], [expression]), "formula"), {"a": a, "b": b})
    expected = sympy.lambdify((X0, X1), expression)(a, b)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-12)


def test_names_of_steps_are_free():
    step, h = sympy.symbols("step_0 h")
    program = Program((step,), [(h, step**2)], [h + step])
    np.testing.assert_allclose(queried(to_sql(program, "formula"), {"step_0": [3.0]}), [[12.0]])


def test_what_sql_cannot_say():
    with pytest.raises(ValueError, match=r"column 'a' from another one"):
        to_sql(Program(sympy.symbols("a A"), [], [sympy.Integer(1)]), "formula")
    X = np.linspace(0.1, 2.0, 60)[:, None]
    model = KANRegressor((), random_state=0).fit(X, np.sin(X[:, 0]))
    with pytest.raises(ValueError, match="SQL has no function for a part of the formula"):
        model.fix_symbolic(0, 0, 0, "j0").to_code("sql")
