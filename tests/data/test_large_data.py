import tracemalloc

import numpy as np
import pandas as pd
import pytest
from estimator_data import ADDITIVE, ESTIMATORS, labels_of, outputs, target_for
from networks import assert_close

from skkan import KANClassifier, KANRegressor
from skkan.data import _blocks, _large_data, _samples
from skkan.data._large_data import LargeData, RowSplit, is_large, parts_of, release
from skkan.data._samples import TrainingData
from skkan.estimators._targets import RealTargets
from skkan.training import _preparation

PLAIN = {"hidden_layer_sizes": (2,), "grid_size": 4, "alpha": 1e-3, "random_state": 0}


class Slices:
    """All that is asked of stored data."""

    def __init__(self, array):
        self._array = array
        self.shape, self.dtype = array.shape, array.dtype
        self.longest = 0

    def __getitem__(self, part):
        found = self._array[part]
        self.longest = max(self.longest, len(found))
        return found.copy()


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK_BYTES", 2**16)
    monkeypatch.setattr(_large_data, "BLOCK_BYTES", 2**12)


@pytest.fixture
def mapped(tmp_path):
    """A function that puts an array into a file and maps it, read-only by default."""

    def to_file(array, mode="r"):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.npy"
        np.save(path, array)
        return np.load(path, mmap_mode=mode)

    return to_file


def samples(n_samples=1000, n_features=2):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, size=(n_samples, n_features))
    y = np.sin(3.0 * X[:, 0]) * X[:, 1] + X[:, 0] ** 2 + 0.1 * rng.normal(size=n_samples)
    return X * 100.0, y


def assert_same_model(found, expected, X, tolerance=1e-8):
    assert found.n_iter_ == expected.n_iter_
    for one, other in zip(found.network_.layers, expected.network_.layers, strict=True):
        np.testing.assert_allclose(one.grid.breakpoints, other.grid.breakpoints, atol=tolerance)
    assert_close(outputs(found, X), outputs(expected, X), tolerance)
    for one, other in zip(found.edge_scores_, expected.edge_scores_, strict=True):
        np.testing.assert_allclose(one, other, atol=10 * tolerance)


@pytest.mark.parametrize(
    "options", [{**PLAIN, "knots": 0.5, "n_jobs": 2}, {**PLAIN, "sparsity": 1e-3}, ADDITIVE]
)
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_a_mapped_file_gives_the_fit_in_memory(mapped, cls, options):
    X, y = samples()
    target = target_for(cls, y)
    weight = np.random.default_rng(1).integers(0, 3, size=len(X))
    weight[:300] = 0
    expected = cls(**options).fit(X, target, weight)
    stored = mapped(X), mapped(target), mapped(weight)
    found = cls(**options, max_cache_bytes=0).fit(*stored)
    assert_same_model(found, expected, X)


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_other_numbers_are_converted_block_by_block(mapped, dtype):
    X, y = samples()
    X = X.astype(dtype)
    expected = KANRegressor(**PLAIN).fit(X, y)
    found = KANRegressor(**PLAIN, max_cache_bytes=0).fit(mapped(X), mapped(y))
    assert_same_model(found, expected, X)
    np.testing.assert_array_equal(found.predict(mapped(X)), found.predict(X.tolist()))


def test_whatever_can_be_read_by_slices_will_do():
    X, y = samples(1200)
    targets = np.stack([y, y**2], axis=1)
    stored = Slices(X), Slices(targets)
    found = KANRegressor(**PLAIN, max_cache_bytes=0).fit(*stored)
    assert_same_model(found, KANRegressor(**PLAIN).fit(X, targets), X)
    assert max(one.longest for one in stored) < len(X)
    np.testing.assert_array_equal(found.predict(Slices(X)), found.predict(X))


def test_classes_may_have_any_labels(mapped):
    X, y = samples(400)
    labels = np.array(["low", "middle", "high"])[labels_of(y, 3)]
    options = {**PLAIN, "class_weight": "balanced"}
    expected = KANClassifier(**options).fit(X, labels)
    found = KANClassifier(**options, max_cache_bytes=0).fit(mapped(X), labels.astype(object))
    assert_same_model(found, expected, X)
    np.testing.assert_array_equal(found.predict(mapped(X)), expected.predict(X))


def test_what_fits_in_is_sorted_and_merged(mapped):
    X, y = samples(200)
    expected = KANRegressor(**PLAIN).fit(X, y)
    order = np.random.default_rng(0).permutation(200)
    found = KANRegressor(**PLAIN, max_cache_bytes=X.nbytes).fit(mapped(X[order]), mapped(y[order]))
    np.testing.assert_array_equal(found.predict(X), expected.predict(X))


def test_only_arrays_of_numbers_are_read_by_slices():
    X = np.zeros((10, 2))
    assert is_large(X, 159)
    assert is_large(X.astype(np.float32), 159)
    assert not is_large(X, 160)
    assert not any(
        is_large(one, 0)
        for one in (X.tolist(), X[0], X.astype(complex), X.astype(object), pd.DataFrame(X))
    )


def peak_of(function):
    """Return the largest memory that Python's objects and arrays take meanwhile."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture
def few_temporaries(monkeypatch):
    monkeypatch.setattr(_samples, "SAMPLE_ROWS", 200)
    monkeypatch.setattr(_blocks, "LARGEST_CHUNK", 1)
    monkeypatch.setattr(_blocks, "BLOCK_BYTES", 2**18)
    for module in (_large_data, _preparation):
        monkeypatch.setattr(module, "BLOCK_BYTES", 2**15)


@pytest.mark.usefixtures("few_temporaries")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["lm", "lbfgs", "adam"])
def test_memory_does_not_grow_with_the_data(mapped, solver):
    options = {**ADDITIVE, "alpha": 1e-3, "max_iter": 2, "n_restarts": 1, "max_cache_bytes": 0}
    options |= {"grid_size": 1, "degree": 1}
    model = KANRegressor(**options, solver=solver, early_stopping=solver == "lbfgs")
    fits, predictions = [], []
    for n_samples in (500, 4000, 16_000):
        X, y = (mapped(own) for own in samples(n_samples, 10))
        fits.append(peak_of(lambda: model.fit(X, y)))  # noqa: B023
        predictions.append(peak_of(lambda: model.predict(X)) - 8 * n_samples)  # noqa: B023
    # Less than one number for every sample more.
    assert fits[2] < fits[1] + 8 * 12_000
    assert predictions[2] < predictions[1] + 8 * 12_000


@pytest.mark.usefixtures("few_temporaries")
def test_the_one_copy_of_arrays_in_memory_is_the_scaled_one():
    X, y = samples(20_000, 40)
    options = {**ADDITIVE, "grid_size": 1, "degree": 1, "alpha": 1e-3}
    model = KANRegressor(**options, max_cache_bytes=X.nbytes)
    model.fit(X[:100], y[:100])
    assert peak_of(lambda: model.fit(X, y)) < 1.7 * X.nbytes


@pytest.mark.parametrize("mode", ["r", "c"])
def test_files_stay_as_they_are(mapped, mode):
    X, y = samples()
    stored = mapped(X, mode)
    if mode == "c":
        # Private to this process, and not to be lost with the pages that are given back.
        stored[800:900] = X[:100]
        X[800:900] = X[:100]
    model = KANRegressor(**PLAIN, max_cache_bytes=0).fit(stored, mapped(y, mode))
    np.testing.assert_array_equal(stored, X)
    np.testing.assert_array_equal(model.predict(stored), model.predict(X.tolist()))


def test_pages_given_back_are_read_again(mapped):
    X, _ = samples()
    stored = mapped(X)
    for part in parts_of(stored):
        release(stored, part)
        np.testing.assert_array_equal(stored[part], X[part])
        release(stored[10:, :1], part)
        release(stored.T, part)
    np.testing.assert_array_equal(stored, X)


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        ("X", np.nan, "Input X contains NaN"),
        ("X", np.inf, "Input X contains infinity"),
        ("y", np.nan, "Input y contains NaN"),
        ("weight", np.nan, "Input sample_weight contains NaN"),
        ("weight", -2.0, "got -2 for sample 700. Leave"),
    ],
)
def test_bad_values_are_found_in_the_middle(mapped, where, value, message):
    X, y = samples()
    weight = np.ones(len(X))
    {"X": X, "y": y, "weight": weight}[where][700] = value
    with pytest.raises(ValueError, match=message):
        KANRegressor(**PLAIN, max_cache_bytes=0).fit(mapped(X), mapped(y), mapped(weight))


def test_shapes_have_to_agree(mapped):
    X, y = samples()
    model = KANRegressor(**PLAIN, max_cache_bytes=0)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(mapped(X), y[1:])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(mapped(X), y, np.ones(10))
    with pytest.raises(ValueError, match="sample_weight must have one dimension, got shape"):
        model.fit(mapped(X), y, np.ones(X.shape))
    with pytest.raises(ValueError, match="sample_weight is zero for all samples"):
        model.fit(mapped(X), y, np.zeros(len(X)))
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        model.fit(mapped(X), None)
    with pytest.raises(ValueError, match="only one class with positive weight: 1"):
        KANClassifier(**PLAIN, max_cache_bytes=0).fit(mapped(X), np.ones(len(X), dtype=int))
    model.fit(mapped(X), y)
    with pytest.raises(ValueError, match="X has 1 features, but KANRegressor is expecting 2"):
        model.predict(mapped(X[:, :1]))
    with pytest.raises(ValueError, match="refit goes on with a network of 1 outputs, but y has 2"):
        model.refit(mapped(X), np.stack([y, y], axis=1))


def test_predictions_name_the_sample_that_is_too_far_out(mapped):
    X, y = samples()
    X *= 1e-6
    model = KANRegressor(**PLAIN, max_cache_bytes=0).fit(X, y)
    far = np.tile(X[:1], (1000, 1))
    far[701] = 1e308
    with pytest.raises(ValueError, match="in sample 701 "):
        model.predict(mapped(far))


def test_refit_goes_on(mapped):
    X, y = samples()
    model = KANRegressor(**PLAIN, max_cache_bytes=0).fit(mapped(X), mapped(y))
    loss = model.loss_
    assert model.refit(mapped(X), mapped(y)).loss_ <= loss * (1.0 + 1e-9)
    # Nothing but the tolerance leaves a second fit anything to gain.
    warm = KANRegressor(**PLAIN, tol=1e-8, max_cache_bytes=0, warm_start=True).fit(mapped(X), y)
    assert warm.fit(mapped(X), y, 2.0).loss_curve_[0] <= warm.loss_ * (1.0 + 1e-6)


def test_every_row_knows_whether_it_is_set_aside():
    split = RowSplit(0.25, 7, held_out=True)
    whole = split(0, 4000)
    assert 800 < whole.sum() < 1200
    for start, stop in [(0, 1), (3, 10), (1001, 1002), (2222, 4000)]:
        np.testing.assert_array_equal(split(start, stop), whole[start:stop])
    np.testing.assert_array_equal(RowSplit(0.25, 7, held_out=False)(0, 4000), ~whole)
    assert (RowSplit(0.25, 8, held_out=True)(0, 4000) != whole).any()


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_early_stopping_sets_samples_aside(mapped, cls):
    X, y = samples()
    target = target_for(cls, y)
    options = {**PLAIN, "early_stopping": True, "max_cache_bytes": 0, "max_iter": 20}
    model = cls(**options).fit(mapped(X), mapped(target))
    assert len(model.validation_loss_curve_) == model.n_iter_
    assert model.score(X, target) > 0.8
    again = cls(**options, n_jobs=2).fit(mapped(X), mapped(target))
    np.testing.assert_array_equal(outputs(again, X), outputs(model, X))


def test_neither_side_of_a_split_may_be_empty(mapped):
    X, y = samples(30)
    model = KANRegressor(early_stopping=True, validation_fraction=1e-6, max_cache_bytes=0)
    with pytest.raises(ValueError, match="cannot split 30 samples: a part of them would be empty"):
        model.fit(mapped(X), y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_passes_go_through_all_samples_in_batches():
    X, y = samples(1000)
    weight = np.random.default_rng(0).integers(0, 3, size=1000).astype(float)
    data = LargeData.of(X, y, weight, RealTargets())
    used = weight > 0.0
    assert (data.n_samples, data.total, data.n_outputs) == (used.sum(), weight.sum(), 1)
    batches = list(data.batches(64, np.random.default_rng(0)))
    assert max(batch.n_samples for batch in batches) == 64
    inputs = np.concatenate([batch.inputs for batch in batches])
    assert not np.array_equal(inputs, X[used])
    np.testing.assert_array_equal(np.sort(inputs, axis=0), np.sort(X[used], axis=0))
    sums = [batch.weight.sum() * batch.n_samples for batch in batches]
    assert np.sum(sums) == pytest.approx(data.n_samples)
    model = KANRegressor((), solver="adam", alpha=1e-4, max_cache_bytes=0, random_state=0)
    assert (
        model.set_params(max_iter=20, learning_rate_init=0.05)
        .fit(X, X[:, 0] ** 2)
        .score(X, X[:, 0] ** 2)
        > 0.9
    )


def test_the_sample_is_that_of_the_samples_in_memory(monkeypatch):
    X, y = samples(1000)
    weight = np.random.default_rng(0).integers(0, 3, size=1000).astype(float)
    used = weight > 0.0
    for most in (100, 2000):
        monkeypatch.setattr(_samples, "SAMPLE_ROWS", most)
        found = LargeData.of(X, y, weight, RealTargets()).sample()
        expected = TrainingData.unscaled(X[used], y[used, None], weight[used]).sample()
        np.testing.assert_array_equal(found.inputs, expected.inputs)
        np.testing.assert_array_equal(found.target, expected.target)
        np.testing.assert_array_equal(found.weight, expected.weight)
