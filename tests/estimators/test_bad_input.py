import re
import warnings

import numpy as np
import pandas as pd
import pytest
from estimator_data import ADDITIVE, ESTIMATORS, SMALL, curved_data, outputs, target_for
from scipy import sparse
from sklearn.exceptions import NotFittedError

from skkan import KANClassifier, KANRegressor


@pytest.fixture(params=ESTIMATORS)
def cls(request):
    return request.param


def with_value(X, value):
    X = np.array(X, dtype=object if isinstance(value, str | dict) else None)
    X[3, 1] = value
    return X


BAD_X = {
    "infinity": (lambda X: with_value(X, np.inf), ValueError, r"\bX contains infinity"),
    "minus infinity": (lambda X: with_value(X, -np.inf), ValueError, r"\bX contains infinity"),
    "sparse matrix": (sparse.csr_matrix, TypeError, r"X is sparse.*toarray.*OneHotEncoder"),
    "sparse array": (sparse.csc_array, TypeError, r"X is sparse.*toarray.*OneHotEncoder"),
    "one dimension": (lambda X: X[:, 0], ValueError, "Expected 2D array, got 1D array"),
    "three dimensions": (lambda X: X[:, :, None], ValueError, "dim 3"),
    "no samples": (lambda X: X[:0], ValueError, r"0 sample\(s\) \(shape=\(0, 2\)\)"),
    "no columns": (lambda X: X[:, :0], ValueError, r"0 feature\(s\) \(shape=\(40, 0\)\)"),
}
UNUSABLE_X = {
    "complex": (lambda X: X + 1j, "complex"),
    "strings": (lambda X: np.full(X.shape, "red"), "red"),
    "object with a string": (lambda X: with_value(X, "red"), "red"),
    "object with a dict": (lambda X: with_value(X, {}), "dict"),
}
BAD_PARAMETERS = {
    "hidden_layer_sizes": [
        *(0, -2, 1.5, "wide", (0,), (3, -1), (2.5,), (True,), ("a",), (None,), ((),)),
        *(((0, 0),), ((2,),), ((2, 1, 1),), ((-1, 2),), ((True, 1),), ((2, 1.5),), ((2, (1,)),)),
        *(((0, ()),), ((2, "ab"),), (2, (2, (2.5,))), (((1, 1), (1, 1)),)),
    ],
    "grid_size": [0, -3, 2.5, "many", (), (0, 5), (3, -5), (5, 3), (3, 3), (3, 4.5), ((3, 4),)],
    "degree": [0, -1, 2.5, "cubic"],
    "base_function": ["cosine", None, 1],
    "knots": ["random", -0.1, 1.5, None],
    "solver": ["sgd", None],
    "alpha": [-1e-9, "large", None, np.nan, np.inf],
    "sparsity": [-1e-3, "auto", None, np.nan, np.inf],
    "n_restarts": [0, 1.5],
    "max_iter": [0, -1, 10.0],
    "tol": [-1e-3, "small", np.nan],
    "early_stopping": ["yes", 2],
    "validation_fraction": [0.0, 1.0, -0.1, 1],
    "n_iter_no_change": [0, 2.5],
    "warm_start": ["yes", 2],
    "n_jobs": [1.5, "all"],
    "max_cache_bytes": [-1, 2.5, None, "1 GB"],
    "random_state": [-1, "seed"],
    "verbose": [-1, "loud"],
}


DOUBLE = pd.DataFrame(np.zeros((40, 2)), columns=["a", "a"])
COMPLEX = np.arange(40) * 1j


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.zeros((40, 2, 1)), np.arange(40), r"two dimensions.*\(40, 2, 1\)"),
        (DOUBLE, np.arange(40), "more than one column called 'a'"),
        (np.zeros((40, 2)), COMPLEX, "^Complex data not supported: y must hold real numbers"),
        (np.zeros((40, 2)), np.full(40, "a"), "^y must hold real numbers.*KANClassifier"),
    ],
)
def test_messages_say_what_is_wrong(X, y, message):
    with pytest.raises(ValueError, match=message) as caught:
        KANRegressor(**ADDITIVE).fit(X, y)
    assert "OneHotEncoder" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_unknown_keywords_are_those_of_the_class():
    for cls in (KANRegressor, KANClassifier):
        with pytest.raises(TypeError, match=rf"^{cls.__name__}\.__init__\(\)"):
            cls(widht=3)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"u": -1}, "got -1 for class 'u'"),
        ({"u": np.nan}, "got nan for class 'u'"),
        ({"u": np.inf}, "got inf for class 'u'"),
        ({"u": "many"}, "got 'many' for class 'u'"),
        ({"u": 0}, "class_weight=.* leaves fewer than two"),
        ({"u": 0, "v": 0}, "class_weight=.* leaves fewer than two"),
    ],
)
def test_class_weights(weights, message):
    X, y = curved_data(40)
    labels = np.where(y > np.median(y), "u", "v")
    with pytest.raises(ValueError, match=message):
        KANClassifier(**ADDITIVE, class_weight=weights).fit(X, labels)


@pytest.mark.parametrize("dtype", [object, str])
def test_one_class_of_text(dtype):
    X, _ = curved_data(40)
    with pytest.raises(ValueError, match="only one class with positive weight: 'a'"):
        KANClassifier(**ADDITIVE).fit(X, np.full(40, "a", dtype=dtype))


def test_stopping_early_needs_all_classes_to_train_on_wherever_samples_are():
    X, _ = curved_data(40)
    labels = (np.arange(40) == 7).astype(int)
    refused = 0
    for seed in range(12):
        model = KANClassifier(**ADDITIVE, early_stopping=True, validation_fraction=0.4)
        model.set_params(max_cache_bytes=0, random_state=seed)
        try:
            model.fit(X, labels)
        except ValueError as error:
            assert "a class would be missing" in str(error)  # noqa: PT017
            refused += 1
    assert 0 < refused < 12


def test_constant_models_can_be_pruned_and_told():
    X, _ = curved_data(40)
    model = KANRegressor(**SMALL).fit(X, np.full(40, 2.0))
    for other in (model.prune(), model.prune_inputs()):
        np.testing.assert_allclose(other.predict(X), 2.0)
    model = KANRegressor(**ADDITIVE).fit(*curved_data(40))
    with pytest.raises(ValueError, match="symbols must name at least one"):
        model.auto_symbolic(symbols=[])


@pytest.mark.parametrize(("spoil", "error", "message"), BAD_X.values(), ids=BAD_X.keys())
def test_bad_x(cls, spoil, error, message):
    X, y = curved_data(40)
    t = target_for(cls, y)
    bad = spoil(X)
    with pytest.raises(error, match=message):
        cls(**ADDITIVE).fit(bad, t[: bad.shape[0]])
    fitted = cls(**ADDITIVE).fit(X, t)
    if bad.shape[1:] == (0,):
        message = "0 feature"
    with pytest.raises(error, match=message):
        fitted.predict(bad)


@pytest.mark.parametrize(("spoil", "value"), UNUSABLE_X.values(), ids=UNUSABLE_X.keys())
def test_x_that_is_not_real_numbers(cls, spoil, value):
    X, y = curved_data(40)
    t = target_for(cls, y)
    bad = spoil(X)
    fitted = cls(**ADDITIVE).fit(pd.DataFrame(X, columns=["a", "b"]), t)
    for method, arguments in ((cls(**ADDITIVE).fit, (bad, t)), (fitted.predict, (bad,))):
        with warnings.catch_warnings():
            # The array has no names, which the model was fitted with.
            warnings.simplefilter("ignore", UserWarning)
            with pytest.raises((ValueError, TypeError), match=f"(?i){value}") as caught:
                method(*arguments)
        assert re.search(r"\bX\b", str(caught.value))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_y_that_is_not_finite(cls, value):
    X, y = curved_data(40)
    t = target_for(cls, y).astype(float)
    t[7] = value
    with pytest.raises(ValueError, match="(?i)Input y contains " + ("NaN", "inf")[value == np.inf]):
        cls(**ADDITIVE).fit(X, t)


def test_y_of_regressor_that_is_not_real_numbers():
    X, y = curved_data(40)
    with pytest.raises(ValueError, match=r"^Complex data not supported: y must hold real numbers"):
        KANRegressor(**ADDITIVE).fit(X, y + 1j)
    with pytest.raises(ValueError, match="red"):
        KANRegressor(**ADDITIVE).fit(X, np.full(40, "red"))


def test_y_of_other_length(cls):
    X, y = curved_data(40)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[40, 39\]"):
        cls(**ADDITIVE).fit(X, target_for(cls, y)[:39])


def test_missing_y(cls):
    X, _ = curved_data(40)
    with pytest.raises(ValueError, match="requires y to be passed"):
        cls(**ADDITIVE).fit(X, None)


def test_continuous_y_of_classifier():
    X, y = curved_data(40)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        KANClassifier(**ADDITIVE).fit(X, y)


def test_one_class():
    X, _ = curved_data(40)
    with pytest.raises(ValueError, match=r"two classes.*y has only one.*only"):
        KANClassifier(**ADDITIVE).fit(X, np.full(40, "only"))


def test_one_class_with_weight():
    X, y = curved_data(40)
    t = target_for(KANClassifier, y)
    with pytest.raises(ValueError, match=r"y has only one class with positive weight.*1"):
        KANClassifier(**ADDITIVE).fit(X, t, (t == 1).astype(float))


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.where(np.arange(40) == 5, -0.25, 1.0), r"sample_weight.*negative.*-0\.25.*sample 5"),
        (np.zeros(40), r"(?i)sample.weights?\b.*zero"),
        (np.ones(39), r"sample_weight.shape == \(39,\), expected \(40,\)"),
        (np.ones((40, 2)), "(?i)sample.weights must be 1D"),
        (np.where(np.arange(40) == 5, np.nan, 1.0), "sample_weight contains NaN"),
        (np.where(np.arange(40) == 5, np.inf, 1.0), "sample_weight contains infinity"),
    ],
    ids=["negative", "zero", "short", "matrix", "nan", "infinity"],
)
def test_bad_weights(cls, weight, message):
    X, y = curved_data(40)
    with pytest.raises(ValueError, match=message):
        cls(**ADDITIVE).fit(X, target_for(cls, y), weight)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, bad in BAD_PARAMETERS.items() for value in bad]
)
def test_bad_parameters(cls, name, value):
    X, y = curved_data(40)
    estimator = cls(**{**ADDITIVE, name: value})
    with pytest.raises(ValueError, match=name) as caught:
        estimator.fit(X, target_for(cls, y))
    assert repr(value) in str(caught.value)
    assert not hasattr(estimator, "n_features_in_")
    with pytest.raises(NotFittedError):
        estimator.predict(X)


@pytest.mark.parametrize("value", ["heavy", 2, [1, 2]])
def test_bad_class_weight(value):
    X, y = curved_data(40)
    with pytest.raises(ValueError, match="class_weight") as caught:
        KANClassifier(**ADDITIVE, class_weight=value).fit(X, target_for(KANClassifier, y))
    assert repr(value) in str(caught.value)


def test_wrong_number_of_columns(cls):
    X, y = curved_data(40)
    fitted = cls(**ADDITIVE).fit(X, target_for(cls, y))
    with pytest.raises(ValueError, match=f"X has 3 features, but {cls.__name__} is expecting 2"):
        fitted.predict(np.ones((2, 3)))


def test_wrong_names_of_columns(cls):
    X, y = curved_data(40)
    fitted = cls(**ADDITIVE).fit(pd.DataFrame(X, columns=["a", "b"]), target_for(cls, y))
    with pytest.raises(ValueError, match=r"(?s)unseen at fit time:\n- c\n.*missing:\n- b"):
        fitted.predict(pd.DataFrame(X, columns=["a", "c"]))


@pytest.mark.parametrize(
    ("cls", "method"),
    [
        (KANRegressor, "predict"),
        (KANClassifier, "predict"),
        (KANClassifier, "predict_proba"),
        (KANClassifier, "predict_log_proba"),
        (KANClassifier, "decision_function"),
    ],
)
def test_unfitted(cls, method):
    X, _ = curved_data(40)
    with pytest.raises(NotFittedError, match=f"This {cls.__name__} instance is not fitted"):
        getattr(cls(), method)(X)


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
@pytest.mark.parametrize("alpha", ["auto", 1e-3])
@pytest.mark.parametrize("hidden_layer_sizes", [(), (2,)])
@pytest.mark.parametrize("value", [-3.5, 1e300])
def test_constant_target(solver, alpha, hidden_layer_sizes, value):
    X, _ = curved_data(40)
    options = {"solver": solver, "alpha": alpha, "hidden_layer_sizes": hidden_layer_sizes}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = KANRegressor(**options, random_state=0).fit(X, np.full(40, value))
    np.testing.assert_allclose(fitted.predict(10.0 * X), value, rtol=1e-12)


def test_one_constant_target_of_two():
    X, y = curved_data(40)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = KANRegressor(**SMALL).fit(X, np.column_stack([y, np.full(40, 7.0)]))
    np.testing.assert_allclose(fitted.predict(X)[:, 1], 7.0, rtol=1e-12)
    assert fitted.predict(X)[:, 0].std() > 0.5


def test_one_sample():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = KANRegressor(**SMALL).fit([[1.0, 2.0]], [3.0])
    np.testing.assert_allclose(fitted.predict([[1.0, 2.0], [50.0, -4.0]]), 3.0)


def test_one_sample_of_each_class():
    fitted = KANClassifier(**SMALL).fit([[0.0], [1.0]], ["no", "yes"])
    assert np.isfinite(fitted.predict_log_proba([[0.0], [1.0], [2.0]])).all()


@pytest.mark.parametrize("shape", [(8, 20), (3, 12), (12, 13)])
def test_more_columns_than_rows(cls, shape):
    rng = np.random.default_rng(0)
    X = rng.normal(size=shape)
    t = target_for(cls, X[:, 0]) if cls is KANRegressor else np.arange(shape[0]) % 2
    fitted = cls(**{**SMALL, "n_restarts": 1}).fit(X, t)
    assert np.isfinite(outputs(fitted, rng.normal(size=(5, shape[1])))).all()


def test_constant_columns_have_no_effect(cls):
    X, y = curved_data(40)
    t = target_for(cls, y)
    wide = np.column_stack([np.full(40, 3.0), X, np.zeros(40)])
    fitted = cls(**SMALL).fit(wide, t)
    moved = wide + np.array([5.0, 0.0, 0.0, -1e6])
    np.testing.assert_array_equal(outputs(fitted, moved), outputs(fitted, wide))


def test_only_constant_columns(cls):
    t = np.arange(40) % 2
    fitted = cls(**SMALL).fit(np.ones((40, 2)), t)
    expected = 0.5 if cls is KANRegressor else 0.0
    np.testing.assert_allclose(outputs(fitted, np.zeros((3, 2))), expected, atol=1e-6)


@pytest.mark.parametrize("knots", ["uniform", "quantile", 0.5])
def test_ties_and_binary_columns(cls, knots):
    X, y = curved_data(60, 3)
    X[:, 1] = X[:, 1] > 0.0
    X[:, 2] = np.where(np.abs(X[:, 2]) < 0.9, 0.0, X[:, 2])
    fitted = cls(**SMALL, knots=knots).fit(X, target_for(cls, y))
    between = np.linspace(-1.0, 1.0, 50)[:, None] * np.ones(3)
    assert np.isfinite(outputs(fitted, between)).all()


def finite_or_told(action):
    """Whether `action` returns finite numbers, or explains why not."""
    try:
        values = action()
    except ValueError as error:
        return re.search(r"\b(X|y)\b.*(overflow|large|range)", str(error)) is not None
    return bool(np.isfinite(values).all())


# scikit-learn's own search for NaN sums the values.
@pytest.mark.filterwarnings("ignore:invalid value encountered in reduce")
@pytest.mark.parametrize("options", [{**SMALL, "solver": "lbfgs"}, ADDITIVE])
@pytest.mark.parametrize("size", [1e300, 1.7e308])
def test_huge_values_of_x(cls, options, size):
    X, y = curved_data(40)
    t = target_for(cls, y)
    assert finite_or_told(lambda: outputs(cls(**options).fit(size * X, t), size * X))
    spiked = X.copy()
    spiked[0] = size, -size
    assert finite_or_told(lambda: outputs(cls(**options).fit(spiked, t), spiked))
    fitted = cls(**options).fit(X, t)
    assert finite_or_told(lambda: outputs(fitted, size * X))
    tiny = cls(**options).fit(1e-300 * X, t)
    assert finite_or_told(lambda: outputs(tiny, size * X))


@pytest.mark.parametrize("options", [SMALL, ADDITIVE])
@pytest.mark.parametrize("size", [1e300, 1.7e308])
def test_huge_values_of_y(options, size):
    X, y = curved_data(40)
    y = 0.5 * y
    fitted = KANRegressor(**options).fit(X, size * y)
    plain = KANRegressor(**options).fit(X, y)
    np.testing.assert_allclose(fitted.predict(X) / size, plain.predict(X), atol=1e-6)
    assert finite_or_told(lambda: fitted.predict(1e9 * X))
    spiked = np.append(y[1:], size)
    assert finite_or_told(lambda: KANRegressor(**options).fit(X, spiked).predict(X))


@pytest.mark.parametrize("size", [1e-300, 1e-320])
def test_minute_values(cls, size):
    X, y = curved_data(40)
    assert np.isfinite(outputs(cls(**SMALL).fit(size * X, target_for(cls, y)), X * size)).all()


def test_overflowing_prediction_names_the_sample():
    X, y = curved_data(40)
    fitted = KANRegressor(**ADDITIVE).fit(1e-300 * X, y)
    far = 1e-300 * X
    far[4] = 1e300
    with pytest.raises(ValueError, match=r"X.*sample 4 .*1e\+300"):
        fitted.predict(far)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64, np.int8, np.uint8, bool])
def test_other_dtypes(cls, dtype):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2 if dtype is bool else 6, size=(60, 3))
    t = target_for(cls, X[:, 0] + 0.5 * X[:, 1] + 0.1 * rng.normal(size=60))
    plain = outputs(cls(**SMALL).fit(X.astype(float), t), X.astype(float))
    other = X.astype(dtype)
    np.testing.assert_array_equal(outputs(cls(**SMALL).fit(other, t), other), plain)


def test_float32_target():
    X, y = curved_data(40)
    y = y.astype(np.float32)
    plain = KANRegressor(**ADDITIVE).fit(X, y.astype(float)).predict(X)
    np.testing.assert_array_equal(KANRegressor(**ADDITIVE).fit(X, y).predict(X), plain)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_read_only_memory_map(cls, dtype, tmp_path):
    X, y = curved_data(40)
    t = target_for(cls, y)
    np.save(tmp_path / "x.npy", X.astype(dtype))
    np.save(tmp_path / "t.npy", t)
    mapped, target = (np.load(tmp_path / name, mmap_mode="r") for name in ("x.npy", "t.npy"))
    fitted = cls(**ADDITIVE).fit(mapped, target, np.broadcast_to(1.0, 40))
    plain = outputs(cls(**ADDITIVE).fit(X.astype(dtype), t), X)
    np.testing.assert_array_equal(outputs(fitted, X), plain)
    assert np.isfinite(outputs(fitted, mapped)).all()


def test_data_are_left_alone(cls):
    X, y = curved_data(40)
    t, weight = target_for(cls, y), np.linspace(0.0, 2.0, 40)
    before = X.copy(), t.copy(), weight.copy()
    cls(**ADDITIVE).fit(X, t, weight).predict(X)
    for array, copy in zip((X, t, weight), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_memory_layouts(cls, order):
    X, y = curved_data(40)
    t = target_for(cls, y)
    plain = outputs(cls(**ADDITIVE).fit(X, t), X)
    other = np.repeat(X, 2, axis=1)[:, ::2] if order == "strided" else np.asarray(X, order=order)
    np.testing.assert_array_equal(outputs(cls(**ADDITIVE).fit(other, t), other), plain)


def bad_refits(cls):
    X, y = curved_data(30, 3, seed=5)
    t = target_for(cls, y)
    names = pd.DataFrame(X, columns=["c", "d", "e"])
    return {
        "infinity": ({}, (with_value(X, np.inf), t)),
        "sparse": ({}, (sparse.csr_array(X), t)),
        "infinity with names": ({}, (names.mask(names > 0.9, np.inf), t)),
        "gaps and a bad parameter": ({"grid_size": (5, 3)}, (names.mask(names > 0.9), t)),
        "no y": ({}, (X, None)),
        "negative weight": ({}, (X, t, -np.ones(30))),
        "zero weights": ({}, (X, t, np.zeros(30))),
        "bad parameter": ({"alpha": -1.0}, (X, t)),
        "late bad parameter": ({"hidden_layer_sizes": (0,)}, (names, t)),
        "late bad grid": ({"grid_size": (5, 3)}, (X, t)),
        "other shape on a warm start": ({"warm_start": True}, (X, t)),
    }


@pytest.mark.parametrize("case", bad_refits(KANRegressor))
def test_failed_refit_keeps_the_old_model(cls, case):
    X, y = curved_data(40)
    data = pd.DataFrame(X, columns=["a", "b"])
    estimator = cls(**ADDITIVE).fit(data, target_for(cls, y))
    before, state = outputs(estimator, data), dict(vars(estimator))
    weights = estimator.alpha_
    changes, arguments = bad_refits(cls)[case]
    estimator.set_params(**changes)
    with pytest.raises((ValueError, TypeError)):
        estimator.fit(*arguments)
    np.testing.assert_array_equal(outputs(estimator, data), before)
    assert estimator.n_features_in_ == 2
    assert estimator.feature_names_in_.tolist() == ["a", "b"]
    for name in ("network_", "loss_curve_", "n_iter_", "loss_", "best_loss_"):
        assert getattr(estimator, name) is state[name]
    np.testing.assert_array_equal(estimator.alpha_, weights)


@pytest.mark.parametrize("n_targets", [1, 2])
def test_failed_refit_on_other_targets_keeps_the_shape_of_predictions(n_targets):
    X, y = curved_data(40)
    Y = np.column_stack([y, -y])
    old, new = (y, Y) if n_targets == 1 else (Y, y)
    estimator = KANRegressor(**ADDITIVE).fit(X, old)
    before = estimator.predict(X)
    with pytest.raises(ValueError, match="grid_size"):
        estimator.set_params(grid_size=(5, 3)).fit(X, new)
    np.testing.assert_array_equal(estimator.predict(X), before)


def test_failed_refit_on_other_classes_keeps_the_old_ones():
    X, y = curved_data(40)
    t = target_for(KANClassifier, y)
    estimator = KANClassifier(**ADDITIVE).fit(X, np.array(["no", "yes"])[t])
    before = estimator.predict(X)
    with pytest.raises(ValueError, match="grid_size"):
        estimator.set_params(grid_size=(5, 3)).fit(X, np.arange(40) % 3)
    np.testing.assert_array_equal(estimator.predict(X), before)
    assert estimator.classes_.tolist() == ["no", "yes"]


def test_failed_first_fit_leaves_nothing(cls):
    X, y = curved_data(40)
    estimator = cls(**{**ADDITIVE, "grid_size": (5, 3)})
    parameters = dict(vars(estimator))
    with pytest.raises(ValueError, match="grid_size"):
        estimator.fit(X, target_for(cls, y))
    assert vars(estimator) == parameters
