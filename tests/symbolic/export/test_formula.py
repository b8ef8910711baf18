import ctypes
import math
import pickle
import shutil
import subprocess

import numpy as np
import pytest
import sympy
from networks import draw_network

from skkan import KANClassifier, KANRegressor
from skkan.network._scaling import Scaling
from skkan.network.functions._symbolic_edge import SymbolicEdge
from skkan.symbolic.export import _formula
from skkan.symbolic.export._code import to_code
from skkan.symbolic.export._formula import FormulaFunction, rounded
from skkan.symbolic.export._names import valid_names
from skkan.symbolic.export._program import Program, build_program
from skkan.symbolic.library._symbols import get_symbol

COMPILER = shutil.which("cc")
X0, X1 = sympy.symbols("x0 x1")


def mixed_network(rng, shape, base="zero", degree=3, symbols=True):
    """Return a network with splines, symbols, missing edges and products, in odd units."""
    network = draw_network(
        rng, shape, base=base, degree=degree, grid_size=3, traits=("masks", "products")
    )
    n_in, n_out = shape[0], shape[-1]
    network.scaling = Scaling(
        rng.normal(size=n_in),
        rng.uniform(1.0, 9.0, n_in),
        rng.normal(size=n_out),
        rng.uniform(1.0, 2.0, n_out),
    )
    if symbols:
        edge = SymbolicEdge(get_symbol("sin"), np.array([0.7, 0.2, 1.3, 0.4]))
        network = network.with_symbol(0, 0, 0, edge)
        edge = SymbolicEdge(get_symbol("j0"), np.array([1.1, 0.2, 0.9, -0.4]))
        network = network.with_symbol(len(network.layers) - 1, 0, 0, edge)
    return network


def sites(network, rng, n=200):
    """Return points inside, on borders of intervals, and beyond the grids."""
    scaled = rng.uniform(-2.0, 2.0, size=(n, network.shape[0]))
    borders = network.layers[0].grid.breakpoints.T
    scaling = network.scaling
    return scaling.input_shift + scaling.input_scale * np.concatenate([scaled, borders])


def assert_equal(actual, expected):
    scale = np.abs(expected).max(axis=0)
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-11 * scale.max())


@pytest.mark.parametrize("base", ["zero", "silu", "tanh", "sin", "identity"])
@pytest.mark.parametrize("shape", [(2, 1), (2, 3, 2), (2, 2, 2, 1)])
def test_function_equals_network(base, shape):
    rng = np.random.default_rng(len(shape))
    for degree in (1, 3):
        network = mixed_network(rng, shape, base, degree)
        X = sites(network, rng)
        function = FormulaFunction(build_program(network, ["a", "b"]), False)
        assert_equal(function(X), network(X))
        assert_equal(pickle.loads(pickle.dumps(function))(X), network(X))


def test_expression_equals_network_everywhere():
    rng = np.random.default_rng(1)
    network = mixed_network(rng, (2, 2, 1), symbols=False)
    formula = _formula.to_sympy(network, ["x0", "x1"])
    X = sites(network, rng)
    values = FormulaFunction(Program((X0, X1), [], [formula]), False)(X)
    assert_equal(values, network(X))


def test_far_inputs_keep_their_digits():
    X = 1e8 + np.linspace(0.0, 1.0, 100)[:, None]
    model = KANRegressor((), random_state=0).fit(X, np.sin(3.0 * (X[:, 0] - 1e8)))
    assert_equal(model.to_function()(X), model.predict(X))


def test_constant_columns_have_no_effect():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.uniform(size=50), np.full(50, 3.0)])
    model = KANRegressor((1,), random_state=0).fit(X, X[:, 0] ** 2)
    assert_equal(model.to_function()(X), model.predict(X))
    assert model.to_sympy().free_symbols == {X0}


def test_size_is_told_before_anything_is_written_out():
    program = build_program(draw_network(np.random.default_rng(0), (2, 2, 1)), ["a", "b"])
    network = draw_network(np.random.default_rng(0), (2, 2, 1), grid_size=2, degree=1)
    small = build_program(network, ["a", "b"])
    inline = build_program(network, ["a", "b"], inline=True).outputs[0]
    assert program.size() > 5 * small.size()
    assert 0.5 * small.size() < inline.count_ops() < 2 * small.size()


def test_too_large_formulas_are_refused():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(100, 2))
    model = KANRegressor((3, 3), grid_size=5, max_iter=3, n_restarts=1, alpha=1e-3, random_state=0)
    with pytest.warns(UserWarning, match="converge"):
        model.fit(X, X[:, 0])
    with pytest.raises(ValueError, match=r"about [\d,]+ operations.*to_function"):
        model.to_sympy()
    assert_equal(model.to_function()(X), model.predict(X))


def test_names_are_identifiers():
    assert valid_names(["a b", "a_b", "for", "1st", "", "double", "%"]) == [
        "a_b", "a_b_1", "for_", "_1st", "x", "double", "x_1",
    ]  # fmt: skip


def test_node_names_avoid_feature_names():
    network = draw_network(np.random.default_rng(0), (2, 2, 1))
    program = build_program(network, ["h1_0", "h1_1"])
    assert [str(symbol) for symbol, _ in program.steps] == ["h1_0_", "h1_1_"]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_and_logits(n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 2))
    y = np.digitize(X[:, 0] + 0.3 * rng.normal(size=120), [-0.5, 0.5][: n_classes - 1])
    model = KANClassifier((), grid_size=2, random_state=0).fit(X, y)
    assert_equal(model.to_function()(X), model.predict_proba(X))
    assert_equal(model.to_function(logit=True)(X), model.decision_function(X))
    formulas = model.to_sympy()
    assert len(formulas) == n_classes
    values = FormulaFunction(Program((X0, X1), [], formulas), False)(X)
    assert_equal(values, model.predict_proba(X))


def test_several_targets():
    X = np.linspace(-1.0, 1.0, 60)[:, None]
    model = KANRegressor((), grid_size=2, random_state=0).fit(X, np.hstack([X, X**2]))
    assert len(model.to_sympy()) == len(model.latex()) == 2
    assert_equal(model.to_function()(X), model.predict(X))


def test_rounding_reports_what_it_changes():
    X = np.linspace(-1.0, 1.0, 200)[:, None]
    y = 1.23456789 * np.sin(np.pi * X[:, 0])
    model = KANRegressor((), random_state=0).fit(X, y)
    model.fix_symbolic(0, 0, 0, "sin", [math.pi, 0.0, 1.23456789, 0.0])
    result = model.to_sympy(digits=3, X=X)
    assert 0.0 < result.rmse_change <= result.max_change < 0.01
    exact = model.to_sympy(X=X)
    assert exact.max_change < 1e-12
    assert model.to_sympy(rational=True).coeff(sympy.sin(sympy.pi * X0)).is_rational


def test_rounding_of_constants():
    assert rounded(0.123456 * X0, 2) == 0.12 * X0
    assert rounded(1.5707963 * X0, 6, True) == sympy.pi / 2 * X0
    assert rounded(0.123457 * X0, 3, True) == sympy.Rational(10, 81) * X0
    for digits in (0, 2.5, "3"):
        with pytest.raises(ValueError, match="digits must be a positive integer"):
            rounded(X0, digits)


def run_python(code, X):
    scope = {}
    exec(code, scope)
    return scope["formula"](*X.T)


@pytest.mark.parametrize("base", ["zero", "silu"])
def test_python_code(base):
    rng = np.random.default_rng(3)
    network = mixed_network(rng, (2, 3, 2, 1), base)
    code = to_code(build_program(network, ["a", "b"]), "python")
    X = sites(network, rng)
    assert_equal(run_python(code, X), network(X)[:, 0])
    single = run_python(code, X[:1])
    assert_equal(np.ravel(single), network(X[:1])[:, 0])


@pytest.mark.skipif(COMPILER is None, reason="no C compiler")
@pytest.mark.parametrize("base", ["zero", "silu"])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_c_code(tmp_path, base, n_outputs):
    rng = np.random.default_rng(4)
    network = mixed_network(rng, (2, 3, 2, n_outputs), base)
    source, library = tmp_path / "formula.c", tmp_path / "formula.so"
    source.write_text(to_code(build_program(network, ["a", "b"]), "c"))
    command = [COMPILER, "-O1", "-shared", "-fPIC", str(source), "-o", str(library), "-lm"]
    subprocess.run(command, check=True)
    function = ctypes.CDLL(str(library)).formula
    X = sites(network, rng)
    function.argtypes = [ctypes.c_double] * 2
    function.restype = ctypes.c_double
    if n_outputs == 1:
        found = np.array([[function(*row)] for row in X])
    else:
        function.argtypes.append(ctypes.POINTER(ctypes.c_double))
        function.argtypes, function.restype = [*[ctypes.c_double] * 2, ctypes.c_void_p], None
        found = np.empty((len(X), n_outputs))
        for row, own in zip(X, found, strict=True):
            function(*row, own.ctypes.data)
    assert_equal(found, network(X))


def test_julia_code():
    a, h = sympy.symbols("a h")
    case = sympy.Piecewise((a, a < 0.5), (a**2, True))
    program = Program((a,), [(h, case)], [sympy.besselj(0, h) + sympy.pi])
    assert to_code(program, "julia") == (
        "using SpecialFunctions\n\n"
        "function formula(a)\n"
        "    h = ((a < 0.5) ? (a) : (a .^ 2))\n"
        "    return besselj(0, h) + 3.141592653589793\n"
        "end\n"
    )
    with pytest.raises(ValueError, match="language must be one of 'python', 'c', 'julia'"):
        to_code(program, "fortran")


def test_code_of_deep_networks_grows_with_their_size():
    rng = np.random.default_rng(0)
    lengths = [
        len(to_code(build_program(draw_network(rng, (2,) * depth + (1,)), ["a", "b"]), "c"))
        for depth in (2, 4)
    ]
    assert lengths[1] < 6 * lengths[0]


def test_functions_without_a_form_are_named():
    network = draw_network(np.random.default_rng(0), (1, 1), traits=("symbols",))
    from networks import FUNCTIONS  # noqa: PLC0415

    network = network.with_symbol(
        0, 0, 0, SymbolicEdge(FUNCTIONS["square"], np.array([1.0, 0.0, 1.0, 0.0]))
    )
    with pytest.raises(ValueError, match="'square' has no SymPy form"):
        build_program(network, ["a"])


def test_numbers_keep_all_their_digits():
    x = sympy.Symbol("x")
    number = 0.1 + 0.2
    program = Program((x,), [(sympy.Symbol("h"), x * sympy.Float(number, 17))], [sympy.Symbol("h")])
    assert FormulaFunction(program, True)([[1.0]])[0] == number
    scope = {}
    exec(to_code(program, "python"), scope)
    assert scope["formula"](1.0) == number
