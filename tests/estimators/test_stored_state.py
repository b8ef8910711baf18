import copy
import pickle

import numpy as np
import pytest
import sympy
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skkan
from skkan import TRUSTED_TYPES, KANClassifier, KANRegressor, KANSymbolicRegressor
from skkan.symbolic.library._stored_expressions import TAG, restored, stored

QUICK = {"alpha": 1e-3, "n_restarts": 1, "random_state": 0}
X = np.random.default_rng(0).uniform(-1.0, 1.0, (60, 2))
Y = np.sin(X[:, 0]) + X[:, 1] ** 2
x, y = sympy.symbols("x y")


def symbolic():
    model = KANRegressor((), **QUICK).fit(X, Y)
    model.fix_symbolic(0, 0, 0, "sin")
    return model.fix_symbolic(0, 1, 0, sympy.exp(-x) * x, [0.5, 0.1, 1.0, 0.0])


MODELS = {
    "network": lambda: KANRegressor((2,), **QUICK).fit(X, Y),
    "chosen penalty": lambda: KANRegressor((), random_state=0).fit(X, Y),
    "products": lambda: KANRegressor(((0, 1),), **QUICK).fit(X, Y),
    "base function": lambda: KANRegressor((), base_function="silu", **QUICK).fit(X, Y),
    "two classes": lambda: KANClassifier((), **QUICK).fit(X, Y > 0.3),
    "labels": lambda: KANClassifier((), **QUICK).fit(X, np.where(Y > 0.3, "ä", "b")),
    "symbolic": symbolic,
    "stream": lambda: KANRegressor((), **QUICK).partial_fit(X, Y),
    "search": lambda: KANSymbolicRegressor(
        [()], symbols=["x", "x^2", "sin"], divide=False, grid_size=4, n_restarts=1, random_state=0
    ).fit(X, Y),
    "pipeline": lambda: make_pipeline(StandardScaler(), KANRegressor((), **QUICK)).fit(X, Y),
}


@pytest.mark.parametrize("name", list(MODELS))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_files_of_skops(name):
    skops = pytest.importorskip("skops.io")
    model = MODELS[name]()
    data = skops.dumps(model)
    assert set(skops.get_untrusted_types(data=data)) <= set(TRUSTED_TYPES)
    loaded = skops.loads(data, trusted=list(TRUSTED_TYPES))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    unpickled = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(unpickled.predict(X), model.predict(X))
    if name == "search":
        assert loaded.sympy() == model.sympy()
        assert list(loaded.equations_) == list(unpickled.equations_) == list(model.equations_)
    elif name == "symbolic":
        assert loaded.to_sympy() == model.to_sympy() == unpickled.to_sympy()
        again = [own.refit(X, Y).predict(X) for own in (loaded, model)]
        np.testing.assert_array_equal(*again)


def test_symbols_of_the_library_stay_what_they_are():
    edge = symbolic().network_.layers[0].symbols[0, 0]
    for other in (copy.deepcopy(edge), pickle.loads(pickle.dumps(edge))):
        assert other.function == edge.function
        assert other.function.borders == edge.function.borders


def test_pickles_of_other_versions_warn(monkeypatch):
    data = pickle.dumps(KANRegressor((), **QUICK).fit(X, Y))
    monkeypatch.setattr(skkan, "__version__", "9.9")
    with pytest.warns(InconsistentVersionWarning, match=r"KANRegressor from version 0.* 9\.9"):
        loaded = pickle.loads(data)
    assert loaded.predict(X).shape == (60,)


def test_pickles_in_an_older_form_say_so():
    model = KANRegressor((), **QUICK).fit(X, Y)
    state = {name: own for name, own in vars(model).items() if name != "_state"}
    with (
        pytest.warns(InconsistentVersionWarning, match=r"from version before 0\.1\.0 of skkan"),
        pytest.raises(ValueError, match=r"KANRegressor was stored .* fit it again"),
    ):
        KANRegressor().__setstate__(state)
    with pytest.warns(InconsistentVersionWarning):
        KANRegressor().__setstate__(KANRegressor(3).get_params())


@pytest.mark.parametrize(
    "expression",
    [
        x + 2 * y,
        0.1 * x + sympy.Float("0.3", 17) - sympy.Rational(3, 7),
        sympy.exp(300 * sympy.log(x) - 1700, evaluate=False),
        sympy.Piecewise((x, x < 0), (y, sympy.And(x < 1.5, y >= 0)), (x**2, True)),
        sympy.pi * x + sympy.E - sympy.sqrt(x) / 2,
        sympy.besselj(0, sympy.Symbol("z", real=True)),
    ],
)
def test_expressions_are_stored_without_code(expression):
    for other in (
        restored(stored(expression)),
        restored(stored([{"a": (expression,)}]))[0]["a"][0],
    ):
        assert other == expression
        assert sympy.srepr(other) == sympy.srepr(expression)


@pytest.mark.parametrize(
    "tree",
    [
        ["sympify", ["Symbol", "x"]],
        ["Symbol", "__import__('os').getcwd()"],
        ["constant", "S"],
        ["lambdify", ["Symbol", "x"]],
    ],
)
def test_nothing_but_expressions_is_restored(tree):
    with pytest.raises(ValueError, match="is no"):
        restored([TAG, tree])
