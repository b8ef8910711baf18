import numpy as np
import pytest

from skkan import KANRegressor

rng = np.random.default_rng(0)
X = rng.uniform(-1.0, 1.0, (60, 2))
Y = np.sin(3.0 * X[:, 0]) + X[:, 1] ** 2
FITTED = {
    hidden: KANRegressor(hidden, alpha=1e-6, n_restarts=1, max_iter=50, random_state=0).fit(X, Y)
    for hidden in [(), (2,)]
}


def trained(model, way, inputs):
    if way == "partial_fit":
        return model.partial_fit(inputs, Y)
    return model.refit(inputs, Y) if way == "refit" else model.fit(inputs, Y)


def copied(hidden, way):
    model = KANRegressor.__new__(KANRegressor)
    model.__dict__.update(FITTED[hidden].__dict__)
    return model.set_params(warm_start=way == "warm")


@pytest.mark.parametrize("way", ["refit", "warm", "partial_fit"])
@pytest.mark.parametrize("hidden", [(), (2,)])
@pytest.mark.parametrize("scale", [1e6, 1e12, 1e15, 1e18, 1e200, 1e300])
def test_columns_in_much_larger_units_are_refused(way, hidden, scale):
    model = copied(hidden, way)
    before = model.predict(X)
    with pytest.raises(ValueError, match=r"^X .*(input|column) 1 .*call fit"):
        trained(model, way, X * [1.0, scale])
    np.testing.assert_array_equal(model.predict(X), before)


@pytest.mark.parametrize("way", ["refit", "warm"])
def test_columns_in_vanishing_units_are_refused(way):
    model = copied((2,), way)
    with pytest.raises(ValueError, match=r"^X .*input 1 has .*call fit"):
        trained(model, way, X * [1.0, 1e-200])


@pytest.mark.parametrize("way", ["refit", "warm"])
@pytest.mark.parametrize("scale", [1e-30, 1e-8, 1e-3, 1e3])
def test_other_units_are_learned(way, scale):
    model = trained(copied((), way), way, X * scale)
    assert model.score(X * scale, Y) > 0.99
