import numpy as np
import pytest
import sympy
from networks import draw_network
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skkan import KANClassifier, KANRegressor, KANSymbolicRegressor
from skkan.network._scaling import Scaling
from skkan.symbolic.library._symbols import symbol_names

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from skkan.onnx import register_converters, to_onnx  # noqa: E402
from skkan.onnx._models import stored_labels  # noqa: E402

QUICK = {"alpha": 1e-3, "n_restarts": 1, "grid_size": 3, "random_state": 0}


def run(proto, X, dtype=np.float64):
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    return session.run(None, {"X": np.asarray(X, dtype=dtype)})


def assert_equal(actual, expected, tolerance=1e-12):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance * scale)


@pytest.fixture(scope="module")
def regressor():
    """Return an estimator whose network the tests replace, and rows inside and outside."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, size=(80, 3))
    return KANRegressor((), random_state=0).fit(X, X[:, 0]), rng.uniform(-3.0, 3.0, (200, 3))


@pytest.mark.parametrize("base", ["zero", "silu", "tanh", "sin", "identity"])
@pytest.mark.parametrize("shape", [(3, 1), (3, 4, 2), (3, 2, 3, 1)])
def test_networks(regressor, base, shape):
    model, X = regressor
    rng = np.random.default_rng(len(shape))
    for degree, even in ((1, True), (3, False), (4, True)):
        network = draw_network(
            rng, shape, base=base, degree=degree, even=even, traits=("masks", "products")
        )
        scales = rng.uniform(1.0, 9.0, 3), rng.uniform(1.0, 2.0, shape[-1])
        shifts = rng.normal(size=3), rng.normal(size=shape[-1])
        network.scaling = Scaling(shifts[0], scales[0], shifts[1], scales[1])
        model.network_, model.n_outputs_ = network, shape[-1]
        assert_equal(run(to_onnx(model), X)[0], network(X))


def test_far_inputs_keep_their_digits():
    X = 1e8 + np.linspace(-0.5, 1.5, 100)[:, None]
    model = KANRegressor((1,), random_state=0).fit(X[25:75], np.sin(3.0 * (X[25:75, 0] - 1e8)))
    assert_equal(run(to_onnx(model), X)[0][:, 0], model.predict(X))


def test_many_columns_and_constant_ones():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 30))
    X[:, 3] = 5.0
    model = KANRegressor((), random_state=0).fit(X, X[:, 0] ** 2 + X[:, 20])
    assert_equal(run(to_onnx(model), X)[0][:, 0], model.predict(X))
    constant = KANRegressor((), random_state=0).fit(X, np.full(200, 7.0))
    assert_equal(run(to_onnx(constant), X)[0][:, 0], constant.predict(X))


@pytest.mark.parametrize("symbol", [*symbol_names(), "user"])
def test_symbolic_edges(symbol):
    u = sympy.Symbol("u")
    function = sympy.exp(-u) * sympy.sin(u) if symbol == "user" else symbol
    X = np.linspace(-1.0, 1.0, 60)[:, None]
    model = KANRegressor((), random_state=0).fit(X, X[:, 0])
    model.fix_symbolic(0, 0, 0, function, [0.3, 0.5, 1.3, 0.2])
    assert_equal(run(to_onnx(model), X)[0][:, 0], model.predict(X))
    single = run(to_onnx(model, dtype="float32"), X, np.float32)[0][:, 0]
    assert_equal(single, model.predict(X), 1e-5)


@pytest.mark.parametrize("symbol", ["1/x", "log", "tan", "sign", "sqrt"])
def test_borders_are_where_the_network_has_them(symbol):
    X = np.linspace(-1.0, 1.0, 60)[:, None]
    model = KANRegressor((), random_state=0).fit(X, X[:, 0])
    slope, pole = (-0.1, 0.5 * np.pi) if symbol == "tan" else (-0.1, 0.0)
    model.fix_symbolic(0, 0, 0, symbol, [slope, pole - 1.5 * slope, 1.0, 0.0])
    border = np.array([[1.5], *np.nextafter(1.5, [[0.0], [9.0]])])
    found = run(to_onnx(model), border)[0][:, 0]
    if symbol in {"sign", "sqrt"}:
        assert_equal(found, model.predict(border))
    else:
        assert np.isnan(found).all()


@pytest.mark.parametrize(("load", "hidden"), [(load_iris, (3,)), (load_wine, ())])
@pytest.mark.parametrize("kind", ["int", "str", "binary", "bool"])
def test_classifiers(load, hidden, kind):
    X, y = load(return_X_y=True)
    names = np.array(["größe", "b", "c"])
    labels = {"int": y - 1, "str": names[y], "binary": np.where(y > 0, 7, -7), "bool": y > 0}[kind]
    model = KANClassifier(hidden, **QUICK).fit(X, labels)
    found, probabilities = run(to_onnx(model), X)
    np.testing.assert_array_equal(found, model.predict(X))
    assert_equal(probabilities, model.predict_proba(X))
    single = run(to_onnx(model, dtype="float32"), X, np.float32)
    assert_equal(single[1], model.predict_proba(X), 2e-4)


def test_several_targets():
    X, y = load_diabetes(return_X_y=True)
    model = KANRegressor((), random_state=0).fit(X, np.column_stack([y, y**0.5]))
    assert_equal(run(to_onnx(model), X)[0], model.predict(X))


def test_symbolic_regressor():
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(200, 2))
    y = X[:, 0] ** 2 + 0.5 * np.sqrt(X[:, 1] + 1.0)
    model = KANSymbolicRegressor(
        [()], symbols=["x^2", "sqrt"], divide=False, grid_size=8, random_state=0
    ).fit(X, y)
    assert_equal(run(to_onnx(model), X)[0][:, 0], model.predict(X))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_pipelines(dtype):
    pytest.importorskip("skl2onnx")
    X, y = load_wine(return_X_y=True)
    tolerance = 1e-12 if dtype == "float64" else 1e-3
    columns = ColumnTransformer(
        [("standard", StandardScaler(), [0, 1, 2, 3]), ("range", MinMaxScaler(), [4, 5, 6, 9, 12])]
    )
    for labels in (y > 0, np.array(["a", "b", "c"])[y]):
        model = make_pipeline(columns, KANClassifier((2,), **QUICK))
        found, probabilities = run(to_onnx(model.fit(X, labels), dtype=dtype), X, dtype)
        np.testing.assert_array_equal(found, model.predict(X))
        assert_equal(probabilities, model.predict_proba(X), tolerance)
    regressor = make_pipeline(StandardScaler(), KANRegressor((), **QUICK)).fit(X, X[:, 0])
    found = run(to_onnx(regressor, dtype=dtype), X, dtype)[0]
    assert_equal(found[:, 0], regressor.predict(X), tolerance)


def test_skl2onnx_knows_the_estimators():
    skl2onnx = pytest.importorskip("skl2onnx")
    X, y = load_iris(return_X_y=True)
    model = KANClassifier((), **QUICK).fit(X, y)
    register_converters()
    proto = skl2onnx.to_onnx(model, X[:1].astype(np.float32))
    found, probabilities = run(proto, X, np.float32)
    np.testing.assert_array_equal(found, model.predict(X))
    assert set(probabilities[0]) == {0, 1, 2}


def test_what_cannot_be_converted():
    with pytest.raises(NotFittedError):
        to_onnx(KANRegressor())
    X = np.linspace(-1.0, 1.0, 60)[:, None]
    model = KANRegressor((), random_state=0).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="dtype must be 'float64' or 'float32', got 'int32'"):
        to_onnx(model, dtype="int32")
    model.fix_symbolic(0, 0, 0, sympy.Si(sympy.Symbol("u")), [1.0, 0.0, 1.0, 0.0])
    with pytest.raises(ValueError, match="ONNX has no operators for Si"):
        to_onnx(model)
    with pytest.raises(ValueError, match=r"labels that are whole numbers or strings.*0\.5, 1\.5"):
        stored_labels(np.array([0.5, 1.5]))
