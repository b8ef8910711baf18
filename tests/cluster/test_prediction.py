import numpy as np
import pytest
from estimator_data import ADDITIVE, curved_data, labels_of
from sklearn.exceptions import NotFittedError

from skkan import KANClassifier, KANRegressor

da = pytest.importorskip("dask.array")

import dask  # noqa: E402

from skkan.dask._prediction import lazily  # noqa: E402


@pytest.fixture(autouse=True)
def in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_predictions_are_lazy_and_in_the_same_blocks(n_outputs):
    X, y = curved_data()
    model = KANRegressor(**ADDITIVE).fit(X, np.repeat(y[:, None], n_outputs, axis=1))
    blocks = da.from_array(X, chunks=((50, 0, 10), (1, 1)))
    found = lazily(model, "predict", blocks)
    assert isinstance(found, da.Array)
    assert found.chunks == ((50, 0, 10), (n_outputs,))
    np.testing.assert_allclose(found.compute(), model.predict(X), rtol=1e-12)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_methods_of_classifiers(method):
    X, y = curved_data()
    labels = np.array(["a", "b", "c"])[labels_of(y, 3)]
    model = KANClassifier(**ADDITIVE).fit(X, labels)
    found = lazily(model, method, da.from_array(X, chunks=(25, 2)))
    expected = getattr(model, method)(X)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if method == "predict":
        np.testing.assert_array_equal(found.compute(), expected)
    else:
        np.testing.assert_allclose(found.compute(), expected, rtol=1e-12)


def test_predictions_are_those_of_the_model_as_it_was():
    X, y = curved_data()
    model = KANRegressor(**ADDITIVE).fit(X, y)
    found, expected = lazily(model, "predict", da.from_array(X)), model.predict(X)
    model.fit(X, -y)
    np.testing.assert_allclose(found.compute(), expected, rtol=1e-12)


def test_blocks_may_be_of_unknown_length():
    X, y = curved_data()
    model = KANRegressor(**ADDITIVE).fit(X, y)
    blocks = da.from_array(X, chunks=(25, 2))
    found = lazily(model, "predict", blocks[blocks[:, 0] > 0.0])
    np.testing.assert_allclose(found.compute(), model.predict(X[X[:, 0] > 0.0]), rtol=1e-12)


def test_errors():
    X, y = curved_data()
    with pytest.raises(NotFittedError):
        lazily(KANRegressor(), "predict", da.from_array(X))
    model = KANRegressor(**ADDITIVE).fit(X, y)
    with pytest.raises(ValueError, match="X has 1 features, but KANRegressor is expecting 2"):
        lazily(model, "predict", da.from_array(X[:, :1]))
    with pytest.raises(ValueError, match="two dimensions"):
        lazily(model, "predict", da.from_array(X[:, 0]))
    gaps = np.where(X > 0.9, np.nan, X)
    with pytest.raises(ValueError, match="levels or with gaps"):
        lazily(KANRegressor(**ADDITIVE).fit(gaps, y), "predict", da.from_array(gaps))
    X[3, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        lazily(model, "predict", da.from_array(X)).compute()
