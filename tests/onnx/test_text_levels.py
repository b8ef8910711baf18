import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skkan import KANRegressor

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from skkan.onnx import to_onnx  # noqa: E402


@pytest.fixture(scope="module")
def table():
    """Return a table of texts, codes, ordered levels and numbers with gaps, and a target."""
    rng = np.random.default_rng(0)
    n = 300
    X = pd.DataFrame(
        {
            "area": rng.uniform(size=n),
            "city": rng.choice(["Oslo", "größe", "Rome"], n),
            "size": rng.uniform(20.0, 120.0, n),
            "code": rng.integers(0, 60, n),
            "grade": pd.Categorical(rng.choice(["lo", "mid", "hi"], n), ["lo", "mid", "hi"], True),
        }
    )
    y = X["city"].map({"Oslo": 1.0, "Rome": 3.0}).fillna(0.0) + np.sin(X["code"]) + X["size"] / 50.0
    for name in ("city", "size", "grade"):
        X.loc[rng.uniform(size=n) < 0.1, name] = None
    return X, y


def run(model, X, dtype="float64"):
    """Run a model on a frame: an input a column, "" for texts that are missing."""
    session = onnxruntime.InferenceSession(to_onnx(model, dtype=dtype).SerializeToString())
    columns = {
        own.name: (
            X[own.name].astype(object).where(X[own.name].notna(), "").to_numpy()
            if own.type == "tensor(string)"
            else X[own.name].to_numpy(dtype)
        )[:, None]
        for own in session.get_inputs()
    }
    return session.run(None, columns)


@pytest.mark.parametrize("hidden", [(), (3,)])
def test_levels_and_gaps(table, hidden):
    X, y = table
    options = {"categorical_features": ["city", "code", "grade"], "random_state": 0}
    model = KANRegressor(hidden, alpha=1e-3, n_restarts=1, **options).fit(X, y)
    fresh = X.copy()
    # Levels that were not there, and a gap where there was none.
    fresh.loc[3, "code"], fresh.loc[4, "city"], fresh.loc[5, "area"] = 99, "Wien", np.nan
    expected = model.predict(fresh)
    np.testing.assert_allclose(run(model, fresh)[0][:, 0], expected, rtol=1e-12, atol=1e-12)
    single = run(model, fresh, "float32")[0][:, 0]
    np.testing.assert_allclose(single, expected, rtol=1e-4, atol=1e-4)


def test_what_onnx_cannot_hold(table):
    X, y = table
    model = KANRegressor((), random_state=0).fit(X[["city"]], y)
    with pytest.raises(ValueError, match="Convert the estimator alone"):
        to_onnx(make_pipeline(FunctionTransformer(None), model).fit(X[["city"]], y))
    with pytest.raises(ValueError, match="'variable' is there twice"):
        to_onnx(model.fit(X[["city"]].set_axis(["variable"], axis=1), y))
    mixed = np.array(["a", 1], dtype=object)[np.arange(300) % 2][:, None]
    model.set_params(categorical_features=[0]).fit(mixed, y)
    with pytest.raises(ValueError, match="all texts or all numbers"):
        to_onnx(model)
