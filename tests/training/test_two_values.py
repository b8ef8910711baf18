import numpy as np
import pytest

from skkan import KANClassifier, KANRegressor
from skkan.estimators import _base


def table(n_samples=200):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, 5))
    X[:, 2:] = rng.integers(0, 2, size=(n_samples, 3)) * [1.0, 7.0, -0.1]
    y = np.sin(2.0 * X[:, 0]) + X[:, 2] - 0.3 * X[:, 3] + X[:, 2] * X[:, 0]
    return X, y + 0.1 * rng.normal(size=n_samples)


@pytest.mark.parametrize("hidden", ["auto", (), (2,), ((1, 1),)])
def test_inputs_of_two_values_have_straight_lines(hidden):
    X, y = table()
    model = KANRegressor(hidden, random_state=0).fit(X, y)
    first = model.network_.layers[0]
    for i in (2, 3, 4):
        values, slopes = first.lines(i)
        assert np.isfinite(values[first.active[i]]).all()
        assert np.isfinite(slopes[first.active[i]]).all()


def test_a_model_of_two_valued_inputs_has_a_short_formula():
    X, y = table()
    model = KANRegressor((), random_state=0).fit(X[:, 2:], y)
    assert max(len(line) for line in model.to_code("c").splitlines()) < 200
    np.testing.assert_allclose(model.to_function()(X[:, 2:]), model.predict(X[:, 2:]), rtol=1e-12)


def test_lines_change_nothing_at_the_samples(monkeypatch):
    X, y = table()
    lines = KANRegressor((2,), random_state=0).fit(X, y)
    monkeypatch.setattr(_base, "with_lines", lambda _, result: result)
    bent = KANRegressor((2,), random_state=0).fit(X, y)
    assert np.isnan(bent.network_.layers[0].lines(3)[0]).any()
    np.testing.assert_allclose(lines.predict(X), bent.predict(X), rtol=1e-9, atol=1e-9)


def test_classes_of_two_valued_inputs():
    X, y = table()
    model = KANClassifier((), random_state=0).fit(X[:, 2:], y > 0.0)
    assert max(len(line) for line in model.to_code("c").splitlines()) < 300
