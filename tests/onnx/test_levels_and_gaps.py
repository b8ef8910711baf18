import numpy as np
import pytest

from skkan import KANClassifier, KANRegressor

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from skkan.onnx import to_onnx  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def table():
    """Return numbers with gaps, a column of 40 levels, one of three with gaps, and a plain one."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4))
    X[:, 1], X[:, 2] = rng.integers(0, 40, 400), rng.integers(3, 6, 400)
    X[rng.random(400) < 0.1, 0] = np.nan
    X[rng.random(400) < 0.1, 2] = np.nan
    y = np.nan_to_num(X[:, 0]) ** 2 + np.sin(X[:, 1]) + (X[:, 2] == 4.0) + X[:, 3]
    return X, y


def with_news(X):
    """Return the table with levels and gaps that training has not seen."""
    X = X.copy()
    X[:5, 1], X[5:9, 2] = 99.0, -7.0
    X[9:12, 1], X[12:14, 3] = np.nan, np.nan
    return X


@pytest.mark.parametrize("hidden", ["auto", (), (2,)])
@pytest.mark.parametrize("cls", [KANRegressor, KANClassifier])
def test_levels_and_gaps_are_those_of_predict(cls, hidden):
    X, y = table()
    model = cls(hidden, categorical_features=[1, 2], random_state=0)
    model.fit(X, y if cls is KANRegressor else y > 1.0)
    session = onnxruntime.InferenceSession(to_onnx(model).SerializeToString())
    found = session.run(None, {"X": with_news(X)})[-1]
    predict = model.predict if cls is KANRegressor else model.predict_proba
    expected = predict(with_news(X))
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-8, atol=1e-9)


def test_ordered_levels():
    pd = pytest.importorskip("pandas")
    X, y = table()
    grades = pd.Categorical(X[:, 2], categories=[5.0, 3.0, 4.0], ordered=True)
    frame = pd.DataFrame({"a": X[:, 0], "grade": grades})
    model = KANRegressor((), random_state=0).fit(frame, y)
    session = onnxruntime.InferenceSession(to_onnx(model).SerializeToString())
    found = session.run(None, {"X": X[:, [0, 2]]})[0][:, 0]
    np.testing.assert_allclose(found, model.predict(frame), rtol=1e-8, atol=1e-9)


def test_levels_have_to_differ_in_single_precision():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=90), 1.0 + 1e-12 * rng.integers(0, 3, 90)])
    model = KANRegressor((), categorical_features=[1], random_state=0).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="same number in float32"):
        to_onnx(model, dtype="float32")
