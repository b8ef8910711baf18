import ctypes
import re
import shutil
import subprocess
from math import nan

import numpy as np
import pytest
import sympy

from skkan import KANClassifier, KANRegressor
from skkan.network.functions._symbolic_edge import SymbolicEdge
from skkan.symbolic.export._code import to_code
from skkan.symbolic.export._formula import FormulaFunction
from skkan.symbolic.export._names import JULIA, valid_names
from skkan.symbolic.export._program import Program
from skkan.symbolic.library._symbols import get_symbol, symbol_names

COMPILER = shutil.which("gcc") or shutil.which("cc")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler")
WORDS = """
    x² for lambda double sin numpy NAN E I math j0 pi e exp log sqrt abs fabs pow floor sign select
    less where scipy formula out main h1_0 u v score0 z0 end function local begin let int long True
    None true false nan inf oo zoo import class def return if in is gamma erf besselj M_PI INFINITY
    register inline restrict bool new template and signbit isnan tanh atan y0 jn linux NULL besselj
    größe grosse µ μ ɛ ε ﬁ fi ª a x² x2 日本 Ⅷ __class__ _x x 2nd 1 £ 🙂
"""
PHRASES = ["petal length (cm)", "a b", "a_b", "a·b", "a-b", "", " ", "x0", "x\n", "f(x)", '"', "\\"]
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")
NASTY = [*WORDS.split(), *PHRASES]


@pytest.fixture(scope="module")
def fitted():
    """Return a network with a nasty name for every column, and rows."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, size=(200, len(NASTY)))
    target = np.sin(3.0 * X[:, 0]) * X[:, 1] + X @ np.linspace(-1.0, 1.0, X.shape[1])
    model = KANRegressor((2,), grid_size=1, degree=1, alpha=1e-3, max_iter=3, n_restarts=1)
    with pytest.warns(UserWarning, match="converge"):
        model.fit(X, target)
    # Given afterwards, as no data frame may have the same name twice.
    model.feature_names_in_ = np.array(NASTY, dtype=object)
    symbols = [(name, [0.2, 0.5, 0.3, 0.0]) for name in symbol_names()]
    symbols += [("x", [1.0, 0.0, 0.1, 0.0])] * (X.shape[1] - len(symbols) - 2)
    network = model.network_
    for i, (name, parameters) in enumerate(symbols):
        edge = SymbolicEdge(get_symbol(name), np.array(parameters))
        network = network.with_symbol(0, i, i % 2, edge)
    parity = np.arange(X.shape[1])[:, None] % 2 == [[0, 1]]
    model.network_ = network.masked([parity, [[True], [True]]])
    return model, X[:40]


def python_function(code, name="formula"):
    scope = {}
    exec(code, scope)
    return scope[name]


def compiled(code, tmp_path, standard="c99", options=()):
    """Return the library that strict C makes of some code."""
    source, library = tmp_path / "formula.c", tmp_path / f"formula_{standard}.so"
    source.write_text(code, encoding="utf-8")
    options = [
        f"-std={standard}",
        "-pedantic-errors",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-Wno-unused-parameter",
        *options,
    ]
    command = [COMPILER, *options, "-shared", "-fPIC", "-o", str(library), str(source), "-lm"]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(library))


def c_function(library, n_inputs):
    function = library.formula
    function.argtypes, function.restype = [ctypes.c_double] * n_inputs, ctypes.c_double
    return lambda X: np.array([function(*row) for row in X])


def assert_equal(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


def test_python_with_nasty_names(fitted):
    model, X = fitted
    assert_equal(python_function(model.to_code("python"))(*X.T), model.predict(X))
    assert_equal(model.to_function()(X), model.predict(X))


@needs_compiler
@pytest.mark.parametrize("standard", ["c99", "c11"])
def test_c_with_nasty_names(fitted, tmp_path, standard):
    model, X = fitted
    function = c_function(compiled(model.to_code("c"), tmp_path, standard), X.shape[1])
    assert_equal(function(X), model.predict(X))


@needs_compiler
@pytest.mark.parametrize("name", ["h1_0", "x0", "out", "u", "petal"])
def test_names_of_functions_are_kept_from_columns(fitted, tmp_path, name):
    model, X = fitted
    function = python_function(model.to_code("python", name=name), name)
    assert_equal(function(*X.T), model.predict(X))
    if name != "out":
        code = model.to_code("c", name=name).replace(f"double {name}(", "double formula(")
        assert_equal(c_function(compiled(code, tmp_path), X.shape[1])(X), model.predict(X))


def test_julia_with_nasty_names(fitted):
    code = fitted[0].to_code("julia")
    head = re.search(r"function formula\((.*)\)\n", code)
    names = head[1].split(", ")
    steps = re.findall(r"^    (\S+) = ", code, flags=re.MULTILINE)
    assert len(set(names) | set(steps)) == len(names) + len(steps) > len(NASTY)
    for name in names + steps:
        assert name.isidentifier()
        assert name not in JULIA.reserved
    called = set(re.findall(r"\b([^\W\d]\w*)\(", code)) - {"formula"}
    assert called <= JULIA.reserved
    assert called.isdisjoint(names + steps)


def test_names_of_formulas():
    names = valid_names(NASTY)
    assert len(set(names)) == len(NASTY)
    assert valid_names(["x²", "x2", "größe", "µ", "μ", "E", "lambda", "double"]) == [
        "x2", "x2_1", "größe", "μ", "μ_1", "E_", "lambda_", "double",
    ]  # fmt: skip


def test_letters_beyond_ascii_in_c():
    x = sympy.symbols("größe α Δ 日")  # noqa: RUF001
    head = to_code(Program(x, [], [sum(x)]), "c").splitlines()[2]
    assert head == "double formula(double grou00dfe, double alpha, double Delta, double u65e5) {"


@pytest.mark.parametrize(
    ("name", "language", "error", "message"),
    [
        ("for", "python", ValueError, "means something else in Python.*'for_'"),
        ("double", "c", ValueError, "means something else in C"),
        ("sin", "c", ValueError, "means something else in C"),
        ("end", "julia", ValueError, "means something else in Julia"),
        ("numpy", "python", ValueError, "means something else in Python"),
        ("größe", "c", ValueError, "identifier of C, got 'größe'"),
        ("2x", "python", ValueError, "identifier of Python, got '2x'; '_2x'"),
        ("", "python", ValueError, "identifier of Python, got ''"),
        ("x²", "julia", ValueError, "identifier of Julia, got 'x²'; 'x2'"),
        (1.5, "python", TypeError, "name must be a string, got 1.5"),
        (None, "c", TypeError, "name must be a string, got None"),
        (["f"], "c", TypeError, "name must be a string"),
    ],
)
def test_names_that_no_function_can_have(name, language, error, message):
    x = sympy.Symbol("x")
    with pytest.raises(error, match=message):
        to_code(Program((x,), [], [x]), language, name)


def test_functions_that_a_language_lacks_are_named():
    x = sympy.Symbol("x")
    with pytest.raises(ValueError, match=r"C has no function for a part of the formula.*Si"):
        to_code(Program((x,), [], [sympy.Si(x)]), "c")


@needs_compiler
def test_constants_of_sympy_have_no_names_in_code(tmp_path):
    x = sympy.Symbol("e")
    program = Program((x,), [], [sympy.E * sympy.pi * x + sympy.GoldenRatio + sympy.Mod(x, 1)])
    expected = np.e * np.pi * -0.3 + (1.0 + np.sqrt(5.0)) / 2.0 + 0.7
    code = {language: to_code(program, language) for language in ("python", "c")}
    assert_equal(python_function(code["python"])(np.array([-0.3])), [expected])
    assert_equal(c_function(compiled(code["c"], tmp_path), 1)([[-0.3]]), [expected])
    assert_equal(FormulaFunction(program, True)([[-0.3]]), [expected])


@needs_compiler
@pytest.mark.parametrize("symbol", ["1/x", "1/x^2", "1/x^3", "1/sqrt", "log", "tan", "atanh"])
def test_poles_have_no_value_anywhere(tmp_path, symbol):
    pole = {"tan": 2.5 * np.pi, "atanh": 1.0}.get(symbol, 0.0)
    rng = np.random.default_rng(3)
    X = rng.uniform(-1.0, 1.0, size=(60, 1))
    model = KANRegressor((), random_state=0).fit(X, X[:, 0])
    slope = -0.1 if symbol in {"1/sqrt", "log"} else 0.1
    model.fix_symbolic(0, 0, 0, symbol, [slope, pole - slope * 1.5, 1.0, 0.0])
    borders = np.nextafter(1.5, [0.0, 9.0])
    for place in ([1.5], borders[:1], borders[1:]):
        with pytest.raises(ValueError, match="sample 0 of X is not finite"):
            model.predict([place])
    at_pole = np.array([[1.5], *borders[:, None]])
    assert np.isnan(model.to_function()(at_pole)).all()
    assert np.isnan(python_function(model.to_code())(at_pole[:, 0])).all()
    function = c_function(compiled(model.to_code("c"), tmp_path), 1)
    assert np.isnan(function(at_pole)).all()
    assert_equal(function(X), model.predict(X))


@needs_compiler
def test_jumps_are_at_the_same_place_everywhere(tmp_path):
    X = np.linspace(-1.0, 1.0, 60)[:, None]
    model = KANRegressor((), random_state=0).fit(X, X[:, 0])
    model.fix_symbolic(0, 0, 0, "sign", [3.0, -0.9, 1.0, 0.5])
    at_jump = np.array([[0.3], *np.nextafter(0.3, [[0.0], [9.0]]), [0.1 + 0.2]])
    expected = np.full(4, model.predict([[0.3]])[0])
    assert expected[0] == pytest.approx(model.predict([[-1.0], [1.0]]).mean())
    assert_equal(model.predict(at_jump), expected)
    assert_equal(model.to_function()(at_jump), expected)
    assert_equal(python_function(model.to_code())(at_jump[:, 0]), expected)
    function = c_function(compiled(model.to_code("c"), tmp_path), 1)
    assert_equal(function(at_jump), expected)
    assert np.isnan(function([[nan]])).all()


@pytest.mark.parametrize("base", [3.0, 100.0, 300.0, 1000.0])
def test_exponentials_of_logarithms_stay_in_range(base):
    x = np.linspace(-1.0, 1.0, 60)[:, None]
    model = KANClassifier((), random_state=0).fit(x, np.sin(5.0 * x[:, 0]) > 0.0)
    model.fix_symbolic(0, 0, 0, "log", [1.0, base, base, -base * np.log(base)])
    for options in ({}, {"digits": 15}, {"rational": True, "digits": 15}):
        formula = model.to_sympy(**options)[1]
        found = sympy.lambdify("x0", formula)(x[:, 0])
        np.testing.assert_allclose(found, model.predict_proba(x)[:, 1], rtol=1e-9)
