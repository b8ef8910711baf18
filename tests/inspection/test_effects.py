import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skkan import KANClassifier, KANRegressor
from skkan.inspection import EffectsDisplay, LocalDisplay


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def data():
    X = np.random.default_rng(0).uniform(-1, 1, size=(250, 3))
    return X, X[:, 0] ** 2 + X[:, 1] + X[:, 0] * X[:, 1]


@pytest.fixture(scope="module")
def additive(data):
    X, _ = data
    return KANRegressor((), random_state=0).fit(X, X[:, 0] ** 2 + X[:, 1])


@pytest.fixture(scope="module")
def joint(data):
    return KANRegressor(((1, 1),), random_state=0).fit(*data)


def test_effects_of_an_additive_model_are_its_functions(data, additive):
    X, _ = data
    display = EffectsDisplay.from_estimator(additive, X, [0, 1, 2])
    for j, own in enumerate(display.effects):
        (sites,) = own.sites
        moved = np.repeat(X[:1], len(sites), axis=0)
        moved[:, j] = sites
        expected = additive.predict(moved)
        np.testing.assert_allclose(
            own.values[:, 0] - own.values[0, 0], expected - expected[0], atol=1e-10
        )
        at_data = np.interp(X[:, j], sites, own.values[:, 0])
        assert abs(at_data.mean()) < 1e-10
        assert own.importance[0] == pytest.approx(at_data.std())


def test_the_most_important_come_first(data, additive):
    display = EffectsDisplay.from_estimator(additive, data[0])
    assert [own.columns for own in display.effects][2] == ("x2",)
    importance = [own.importance[0] for own in display.effects]
    assert importance == sorted(importance, reverse=True)
    assert len(display.axes_) == 3


def test_interaction_effects_are_what_single_effects_leave(data, joint):
    display = EffectsDisplay.from_estimator(joint, data[0], [(0, 1), (0, 2)])
    true, none = display.effects
    a, b = true.sites
    means = data[0].mean(axis=0)
    expected = np.outer(a - means[0], b - means[1])
    np.testing.assert_allclose(true.values[:, :, 0], expected, atol=0.03)
    assert none.importance[0] < 0.02 * true.importance[0]


@pytest.mark.parametrize("name", ["additive", "joint"])
def test_contributions_add_up_to_the_prediction(name, data, request):
    X, _ = data
    model = request.getfixturevalue(name)
    display = LocalDisplay.from_estimator(model, X[3:4], X)
    assert display.mean + display.contributions.sum() == pytest.approx(model.predict(X[3:4])[0])
    assert abs(display.contributions[2]) < 1e-3


def test_contributions_do_not_depend_on_the_order_of_columns_where_effects_add_up(data, additive):
    X, _ = data
    first, second = (
        LocalDisplay.from_estimator(additive, X[:1], X, random_state=seed) for seed in (0, 1)
    )
    np.testing.assert_allclose(first.contributions, second.contributions, atol=1e-10)


def test_pipelines_are_explained_in_the_columns_before_their_steps():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"age": rng.uniform(18, 80, 300), "town": rng.choice(["Rome", "Paris"], 300)}
    )
    y = 0.1 * frame["age"] + 2.0 * (frame["town"] == "Rome")
    steps = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["town"]), (StandardScaler(), ["age"])
    )
    model = make_pipeline(steps, KANRegressor((), random_state=0)).fit(frame, y)
    display = EffectsDisplay.from_estimator(model, frame, ["age", "town"])
    age, town = display.effects
    slope = np.diff(age.values[:, 0]) / np.diff(age.sites[0])
    np.testing.assert_allclose(slope, 0.1, atol=5e-3)
    assert town.sites[0].tolist() == ["Paris", "Rome"]
    assert np.ptp(town.values) == pytest.approx(2.0, abs=0.05)
    local = LocalDisplay.from_estimator(model, frame[:1], frame)
    assert local.mean + local.contributions.sum() == pytest.approx(model.predict(frame[:1])[0])


def test_classifiers_are_explained_in_log_odds():
    X = np.random.default_rng(0).normal(size=(200, 2))
    model = KANClassifier((), random_state=0).fit(X, np.where(X[:, 0] > 0.3, "yes", "no"))
    display = EffectsDisplay.from_estimator(model, X)
    assert repr(display) == "EffectsDisplay of log-odds of yes over x0, x1"
    assert display.effects[0].values[-1, 0] > display.effects[0].values[0, 0]


def test_rows_that_the_estimator_keeps_are_used_by_default(data, additive):
    given = EffectsDisplay.from_estimator(additive, data[0])
    kept = EffectsDisplay.from_estimator(additive)
    for one, other in zip(given.effects, kept.effects, strict=True):
        np.testing.assert_allclose(one.values, other.values, atol=1e-6)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (["x7"], "'x7', which is none of: x0, x1, x2"),
        ([5], "features has 5, which is no column"),
        ([True], "features has True"),
        ([(0, 0)], "no pair of different columns"),
        ([], "features is empty"),
    ],
)
def test_features_that_there_are_not(features, message, data, additive):
    with pytest.raises(ValueError, match=message):
        EffectsDisplay.from_estimator(additive, data[0], features)


def test_other_unusable_arguments(data, additive):
    X, y = data
    pipeline = make_pipeline(StandardScaler(), KANRegressor((), random_state=0)).fit(X, y)
    with pytest.raises(ValueError, match="X must be given for a pipeline"):
        EffectsDisplay.from_estimator(pipeline)
    with pytest.raises(ValueError, match="target='z' is no output; there are: y"):
        EffectsDisplay.from_estimator(additive, X, target="z")
    with pytest.raises(ValueError, match="feature_names must hold 3 names, got 1"):
        EffectsDisplay.from_estimator(additive, X, feature_names=["a"])
    with pytest.raises(ValueError, match="row must have one row, got 2"):
        LocalDisplay.from_estimator(additive, X[:2], X)
    with pytest.raises(TypeError, match="pipeline that ends in one"):
        EffectsDisplay.from_estimator(make_pipeline(StandardScaler()).fit(X), X)


def test_many_columns_stay_readable():
    X = np.random.default_rng(0).normal(size=(120, 30))
    names = [f"a column with a long name {j}" for j in range(30)]
    model = KANRegressor((), grid_size=2, random_state=0).fit(X, X[:, 0] + X[:, 1] ** 2)
    display = EffectsDisplay.from_estimator(model, X, feature_names=names)
    display.figure_.canvas.draw()
    boxes = [ax.xaxis.label.get_window_extent() for ax in display.axes_]
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])
    local = LocalDisplay.from_estimator(model, X[:1], X)
    assert len(local.ax_.get_yticklabels()) == 12
    assert local.ax_.get_yticklabels()[-1].get_text() == "19 other columns"
