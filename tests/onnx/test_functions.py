import numpy as np
import pytest
import sympy

from skkan.symbolic.library._symbols import get_symbol, symbol_names

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from skkan.onnx._conversion import IR_VERSION, OPSET, as_tensor  # noqa: E402
from skkan.onnx._expressions import ExpressionWriter  # noqa: E402
from skkan.onnx._graph import Graph  # noqa: E402

X = sympy.Symbol("x", real=True)


def evaluated(expression, x):
    """Return what an expression of X is in ONNX."""
    graph = Graph("float64")
    output = ExpressionWriter(graph, {X: "x"}).write(expression)
    nodes = [
        onnx.helper.make_node(own.kind, own.inputs, [own.output], **own.attributes)
        for own in graph.nodes
    ]
    made = onnx.helper.make_graph(
        nodes,
        "expression",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.DOUBLE, ["N"])],
        [onnx.helper.make_tensor_value_info(output, onnx.TensorProto.DOUBLE, None)],
        initializer=[as_tensor(name, value) for name, value in graph.constants.items()],
    )
    opset = onnx.helper.make_opsetid("", OPSET)
    model = onnx.helper.make_model(made, opset_imports=[opset], ir_version=IR_VERSION)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"x": x})[0]


@pytest.mark.parametrize("name", [name for name in symbol_names() if name not in {"0", "x"}])
def test_functions_of_the_library(name):
    symbol = get_symbol(name)
    u = np.concatenate([np.linspace(-12.0, 12.0, 997), np.linspace(-0.99, 0.99, 100)])
    expected = symbol.value(u)
    inside = np.isfinite(expected) & (np.abs(expected) < 100.0)
    found = evaluated(symbol.expression(X), u)
    np.testing.assert_allclose(found[inside], expected[inside], rtol=2e-13, atol=1e-14)
    assert not np.isfinite(found[np.isnan(expected)]).any()


def test_functions_at_the_ends_of_their_domains():
    ends = np.array([-1.0, 1.0])
    np.testing.assert_allclose(evaluated(sympy.asin(X), ends), np.arcsin(ends), rtol=1e-15)
    np.testing.assert_allclose(evaluated(sympy.acos(X), ends), np.arccos(ends), rtol=1e-15)
    large = np.array([-1e300, -50.0, 50.0, 1e300])
    np.testing.assert_allclose(evaluated(sympy.atan(X), large), np.arctan(large), rtol=1e-15)


@pytest.mark.parametrize(
    "expression",
    [
        X**3 / (X**2 + 1) - sympy.Rational(1, 3),
        sympy.sqrt(X + 10) ** 3 / sympy.pi,
        sympy.Piecewise((X, X < 0), (X**2, sympy.And(X >= 0, X < 1)), (sympy.exp(-X), True)),
        sympy.Max(X, 0.5) + sympy.Min(X, 0),
        (X + 10) ** sympy.Float(0.3) + 2**X,
        1 / sympy.sqrt(X + 10),
    ],
)
def test_expressions(expression):
    x = np.linspace(-3.0, 3.0, 101)
    expected = sympy.lambdify(X, expression, "numpy")(x)
    np.testing.assert_allclose(evaluated(expression, x), expected, rtol=1e-13, atol=1e-15)


def test_functions_without_operators_are_named():
    with pytest.raises(ValueError, match=r"no operators for Si\(x\).*unfix_symbolic"):
        evaluated(sympy.Si(X), np.zeros(1))
