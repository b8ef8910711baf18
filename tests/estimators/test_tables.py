import ctypes
import importlib.util
import pickle
import shutil
import sqlite3
import subprocess

import numpy as np
import pytest
import sympy

from skkan import KANClassifier, KANRegressor, KANSymbolicRegressor

pd = pytest.importorskip("pandas")

EFFECTS = {"red": 1.0, "green": -1.0, "blue": 0.5}


def table(n=400, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "color": rng.choice(list(EFFECTS), n),
            "size": pd.Categorical(rng.choice(["S", "M"], n), ["S", "M"], ordered=True),
            "x": rng.uniform(-1.0, 1.0, n),
            "n": rng.integers(0, 9, n),
        }
    )
    y = frame["color"].map(EFFECTS).to_numpy() + frame["x"].to_numpy() ** 2
    y = y + 0.5 * frame["size"].cat.codes.to_numpy()
    gaps = rng.uniform(size=n) < 0.2
    y = np.where(gaps, y - frame["x"] ** 2 + 2.0, y)
    frame.loc[gaps, "x"] = np.nan
    lacks = rng.uniform(size=n) < 0.1
    y = y - np.where(lacks, frame["color"].map(EFFECTS) + 2.0, 0.0)
    frame.loc[lacks, "color"] = None
    return frame, y + 0.05 * rng.normal(size=n)


@pytest.fixture(scope="module")
def additive():
    frame, y = table()
    return KANRegressor((), grid_size=4, random_state=0).fit(frame, y)


@pytest.fixture(scope="module")
def default():
    frame, y = table()
    return KANRegressor(random_state=0).fit(frame, y)


@pytest.fixture(params=["additive", "default"])
def model(request):
    return request.getfixturevalue(request.param)


def test_levels_and_gaps_have_their_effects(model):
    frame, y = table(200, seed=1)
    assert model.score(frame, y) > 0.97
    means = {}
    for color in [*EFFECTS, None]:
        means[color] = model.predict(frame.assign(color=color)).mean()
    assert means["red"] - means["green"] == pytest.approx(2.0, abs=0.1)
    assert means[None] - means["red"] == pytest.approx(-3.0, abs=0.15)
    gap = model.predict(frame.assign(x=np.nan)).mean()
    at_zero = model.predict(frame.assign(x=0.0)).mean()
    assert gap - at_zero == pytest.approx(2.0, abs=0.15)


def test_unknown_levels_are_like_the_mean_of_the_levels(model):
    frame, _ = table()
    unknown = model.predict(frame.assign(color="purple")).mean()
    shares = frame["color"].value_counts(normalize=True, dropna=False)
    own = [model.predict(frame.assign(color=level)).mean() for level in shares.index]
    assert unknown == pytest.approx(shares.to_numpy() @ own, abs=1e-6)


def test_columns_are_named_and_scored_as_the_user_has_them(model):
    assert model.n_features_in_ == 4
    assert model.feature_importances_.shape == (4,)
    assert model.active_features_.shape == (4,)
    assert model.feature_importances_[3] < 0.05
    frame, _ = table()
    assert model.feature_interactions(frame).shape == (4, 4)
    assert model.gradient(frame).shape == (400, 4)
    with pytest.raises(ValueError, match="'color' holds levels"):
        model.derivative(frame, "color")


def test_small_models_keep_levels_and_gaps(additive):
    frame, y = table()
    small = additive.prune_inputs(0.02)
    assert small.active_features_.tolist() == [True, True, True, False]
    again = pickle.loads(pickle.dumps(small.refit(frame, y)))
    np.testing.assert_array_equal(again.predict(frame), small.predict(frame))
    fine = additive.refine(12)
    np.testing.assert_allclose(fine.predict(frame), additive.predict(frame), atol=1e-9)


def test_frames_of_polars_and_coded_arrays_give_the_same(additive):
    pl = pytest.importorskip("polars")
    frame, y = table()
    columns = {name: frame[name].to_list() for name in frame}
    columns["x"] = [None if own != own else own for own in columns["x"]]  # noqa: PLR0124
    columns["color"] = [own if isinstance(own, str) else None for own in columns["color"]]
    other = pl.DataFrame(columns).with_columns(pl.col("size") == "M")
    own = KANRegressor((), grid_size=4, random_state=0).fit(other, y)
    np.testing.assert_allclose(own.predict(other), additive.predict(frame), atol=1e-6)
    if importlib.util.find_spec("matplotlib"):
        from skkan.inspection import EffectsDisplay  # noqa: PLC0415

        (effect,) = EffectsDisplay.from_estimator(own, other, ["color"]).effects
        assert effect.sites[0].tolist() == ["blue", "green", "red"]
    codes = {None: np.nan, "red": 3, "green": 1, "blue": 0}
    array = np.column_stack(
        [
            [codes[one] for one in columns["color"]],
            frame["size"].cat.codes,
            frame["x"],
            frame["n"],
        ]
    )
    coded = KANRegressor((), grid_size=4, categorical_features=[0], random_state=0).fit(array, y)
    np.testing.assert_allclose(coded.predict(array), additive.predict(frame), atol=1e-6)


def test_classifiers_and_streams_take_tables():
    frame, y = table()
    labels = np.where(y > np.median(y), "high", "low")
    options = {"hidden_layer_sizes": (), "grid_size": 3, "alpha": 1e-3}
    model = KANClassifier(**options).fit(frame, labels)
    assert model.score(frame, labels) > 0.9
    stream = KANClassifier(**options)
    for part in (slice(0, 200), slice(200, 400)):
        stream.partial_fit(frame[part], labels[part], classes=["high", "low"])
    assert stream.score(frame, labels) > 0.9
    assert np.isfinite(stream.predict_proba(frame.assign(color="purple"))).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_hidden_layers_take_tables():
    frame, y = table()
    y = y + 2.0 * (frame["color"] == "red").to_numpy() * frame["n"].to_numpy() / 8.0
    model = KANRegressor((2,), grid_size=3, alpha=1e-5, random_state=0, max_iter=60)
    model.fit(frame, y)
    assert model.score(frame, y) > 0.97
    program = model.to_function()
    np.testing.assert_allclose(program(frame), model.predict(frame), atol=1e-9)


def unseen(frame):
    frame = frame.head(60).copy()
    frame.loc[0, "color"] = "purple"
    return frame


def test_formula_function_and_codes_agree_with_predict(model):
    frame = unseen(table()[0])
    expected = model.predict(frame)
    np.testing.assert_allclose(model.to_function()(frame), expected, atol=1e-9)
    space = {}
    exec(model.to_code("python"), space)
    columns = [frame["color"].to_numpy(object), frame["size"].to_numpy(object)]
    found = space["formula"](*columns, frame["x"].to_numpy(), frame["n"].to_numpy())
    np.testing.assert_allclose(found, expected, atol=1e-9)
    connection = sqlite3.connect(":memory:")
    frame.assign(size=frame["size"].astype(str)).to_sql("formula", connection, index=False)
    rows = connection.execute(model.to_code("sql")).fetchall()
    np.testing.assert_allclose(np.ravel(rows), expected, atol=1e-9)
    assert "isequal(color" in model.to_code("julia")


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_c_code_agrees_with_predict(additive, tmp_path):
    frame = unseen(table()[0])
    (tmp_path / "f.c").write_text(additive.to_code("c"))
    target = str(tmp_path / "f.so")
    source = str(tmp_path / "f.c")
    subprocess.check_call(["cc", "-shared", "-fPIC", "-o", target, source, "-lm"])
    formula = ctypes.CDLL(target).formula
    formula.restype = ctypes.c_double
    text, number = ctypes.c_char_p, ctypes.c_double
    found = [
        formula(
            text(color.encode() if isinstance(color, str) else None),
            text(size.encode()),
            number(x),
            number(n),
        )
        for color, size, x, n in frame.itertuples(index=False)
    ]
    np.testing.assert_allclose(found, additive.predict(frame), atol=1e-9)


def test_expressions_have_a_case_for_every_level(additive):
    formula = additive.to_sympy(digits=6)
    texts = {str(own) for own in formula.atoms(sympy.Symbol)}
    assert {"red", "green", "blue", "S", "M", "color", "size", "missing"} <= texts


def test_effects_of_levels_and_gaps(default):
    pytest.importorskip("matplotlib")
    from skkan.inspection import EffectsDisplay  # noqa: PLC0415

    for data in (table()[0], None):
        display = EffectsDisplay.from_estimator(default, data, ["color", "size", "x"])
        color, size, x = display.effects
        assert color.sites[0].tolist() == ["blue", "green", "red"]
        assert size.sites[0].tolist() == ["S", "M"]
        assert color.missing is not None
        assert size.missing is None
        assert len(x.deviation) == len(x.sites[0]) + 1
        assert (x.deviation > 0.0).all()
        assert x.deviation.max() < 0.5


def test_bands_cover_the_truth():
    from skkan.inspection import EffectsDisplay  # noqa: PLC0415

    pytest.importorskip("matplotlib")
    inside = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        X = rng.uniform(-1.0, 1.0, (300, 2))
        y = np.sin(3.0 * X[:, 0]) + X[:, 1] + 0.3 * rng.normal(size=300)
        model = KANRegressor(random_state=0).fit(X, y)
        (own,) = EffectsDisplay.from_estimator(model, X, [0]).effects
        truth = np.sin(3.0 * own.sites[0])
        truth = truth - np.sin(3.0 * X[:, 0]).mean()
        inside.append(np.abs(own.values[:, 0] - truth) < 1.645 * own.deviation[:, 0])
    assert 0.75 < np.mean(inside) <= 1.0


def test_hundreds_of_levels_and_no_more_than_a_thousand():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 300, size=2000)
    effect = rng.normal(size=300)
    y = effect[codes] + 0.5 * rng.normal(size=2000)
    model = KANRegressor(categorical_features=[0]).fit(codes[:, None], y)
    fitted = model.predict(np.arange(300)[:, None])
    assert np.corrcoef(fitted, effect)[0, 1] > 0.95
    with pytest.raises(ValueError, match="1200 levels, more than the 1000"):
        model.fit(np.arange(1200)[:, None], np.arange(1200.0))


def test_odd_columns_are_ignored_or_named():
    frame, y = table(120)
    empty = frame.assign(nothing=np.nan, same="one")
    with pytest.warns(UserWarning, match="no value at all in column 'nothing'"):
        model = KANRegressor((), grid_size=3, alpha=1e-3).fit(empty, y)
    assert model.active_features_.tolist()[4:] == [False, False]
    assert np.isfinite(model.predict(empty.assign(nothing=1.0, same="two"))).all()
    # What is ignored may be of any type.
    assert np.isfinite(model.predict(empty.assign(nothing="text"))).all()
    with pytest.raises(ValueError, match="column 'x' of X holds 'text'"):
        model.predict(empty.assign(x="text"))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(empty[empty.columns[::-1]])
    model.set_params(monotonic_cst={"x": 1, frame.columns.get_loc("x"): -1})
    with pytest.raises(ValueError, match="'x' twice, by name and by number"):
        model.fit(frame, y)
    with pytest.raises(ValueError, match="NaN"):
        KANSymbolicRegressor().fit(np.array([[np.nan], [1.0]]), [0.0, 1.0])


def test_formats_with_trusted_types_keep_levels(additive):
    skops = pytest.importorskip("skops.io")
    from skkan.estimators._trusted_types import TRUSTED_TYPES  # noqa: PLC0415

    frame, _ = table()
    again = skops.loads(skops.dumps(additive), trusted=list(TRUSTED_TYPES))
    np.testing.assert_array_equal(again.predict(frame), additive.predict(frame))


def test_levels_of_no_weight_are_unknown():
    frame, y = table()
    weight = (frame["color"] != "red").to_numpy().astype(float)
    model = KANRegressor((), grid_size=4, random_state=0)
    weighted = model.fit(frame, y, sample_weight=weight).predict(frame)
    kept = weight > 0.0
    alone = model.fit(frame[kept], y[kept]).predict(frame)
    np.testing.assert_allclose(weighted, alone, rtol=1e-9)


def test_gaps_that_training_has_not_had_are_the_median():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(100, 2))
    model = KANRegressor((), grid_size=3, alpha=1e-3).fit(X, X.sum(axis=1))
    found = model.predict([[np.nan, 0.5]])
    np.testing.assert_allclose(found, model.predict([[np.median(X[:, 0]), 0.5]]))


@pytest.mark.parametrize("hidden", ["auto", (), (2,)])
def test_a_column_of_one_level_is_a_constant(hidden):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"c": ["a"] * 200, "g": rng.choice(list("pqr"), 200)})
    frame["x"] = rng.normal(size=200)
    y = frame["x"] + (frame["g"] == "p") + 0.1 * rng.normal(size=200)
    model = KANRegressor(hidden, max_iter=50, n_restarts=1, random_state=0).fit(frame, y)
    assert model.score(frame, y) > 0.97
