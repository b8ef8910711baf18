import copy
import pickle

import numpy as np
import pytest
from estimator_data import Recorder
from networks import assert_close, linear_minimum
from scipy.sparse import csr_array
from threadpoolctl import threadpool_info, threadpool_limits

from skkan import KANClassifier, KANRegressor
from skkan.data._samples import TrainingData
from skkan.estimators.methods import _partial_fit
from skkan.objective._objective import Objective
from skkan.objective.losses._squared import SquaredLoss
from skkan.training.streams import _stream

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(params=[1000, 30], ids=["long", "short"])
def memory_span(request, monkeypatch):
    """Number of the latest samples that are kept as they are."""
    monkeypatch.setattr(_stream, "MAX_ROWS", request.param)
    return request.param


def smooth(X):
    return np.sin(3.0 * X[:, 0]) + X[:, 1] ** 2 * (1.0 + X[:, -1])


def draw(n_samples, seed=0, n_columns=3):
    X = np.random.default_rng(seed).uniform(-1.0, 1.0, size=(n_samples, n_columns))
    return X, smooth(X)


def minimum_of_all(model, X, y, weight):
    """Predictions at `X` of an additive model trained on everything at once."""
    network = model.network_.copy()
    targets = y.reshape(len(y), -1)
    data = TrainingData.of(X, targets, weight, network.scaling)
    network.set_parameters(
        linear_minimum(Objective(network, data, SquaredLoss(), model._state.penalty))
    )
    return network(X).reshape(y.shape)


def streamed(model, X, y, weight=None, n_batches=10):
    for rows in np.array_split(np.arange(len(X)), n_batches):
        model.partial_fit(X[rows], y[rows], sample_weight=None if weight is None else weight[rows])
    return model


@pytest.mark.usefixtures("memory_span")
@pytest.mark.parametrize("knots", ["uniform", "quantile"])
@pytest.mark.parametrize("n_targets", [0, 2])
def test_additive_models_learn_in_batches_what_they_learn_at_once(n_targets, knots):
    X, y = draw(300)
    y = y + np.random.default_rng(1).normal(size=len(y))
    if n_targets:
        y = np.stack([y, X[:, 0] - y], axis=1)
    weight = np.random.default_rng(2).uniform(0.1, 3.0, size=len(X))
    model = streamed(KANRegressor((), alpha=1e-4, knots=knots), X, y, weight)
    expected = minimum_of_all(model, X, y, weight)
    assert_close(model.predict(X), expected, 1e-8)


@pytest.mark.usefixtures("memory_span")
def test_the_order_of_later_batches_does_not_matter_to_additive_models():
    X, y = draw(200)
    # The first batch has the corners, so that no grid is widened.
    X[:2] = [[-1.0] * 3, [1.0] * 3]
    one = KANRegressor((), alpha=1e-4).partial_fit(X[:50], y[:50])
    other = copy.deepcopy(one)
    for start in (50, 100, 150):
        one.partial_fit(X[start : start + 50], y[start : start + 50])
    for start in (150, 100, 50):
        other.partial_fit(X[start : start + 50], y[start : start + 50])
    assert_close(one.predict(X), other.predict(X), 1e-8)


@pytest.mark.usefixtures("memory_span")
@pytest.mark.parametrize("alpha", ["auto", 1e-8])
def test_five_peaks_that_come_one_after_the_other_are_all_kept(alpha):
    centres = np.linspace(-0.8, 0.8, 5)

    def peaks(x):
        return np.exp(-300.0 * (x - centres) ** 2).sum(axis=1)

    rng = np.random.default_rng(0)
    model = KANRegressor((), grid_size=40, alpha=alpha, random_state=0)
    for number, centre in enumerate(centres):
        x = rng.uniform(centre - 0.2, centre + 0.2, size=(200, 1))
        model.partial_fit(x, peaks(x))
        seen = np.linspace(centres[0] - 0.2, centre + 0.2, 500)[:, None]
        assert np.abs(model.predict(seen) - peaks(seen)).max() < 1e-2, number


def test_deep_networks_hardly_forget():
    X, y = draw(3000)
    # After a first look at all, from one end of the first column to the other.
    order = np.concatenate([np.arange(500), 500 + np.argsort(X[500:, 0])])
    model = KANRegressor((2,), grid_size=4, alpha=1e-6, max_iter=50, random_state=0)
    model.partial_fit(X[:500], y[:500])
    forgetful = copy.deepcopy(model)
    for rows in np.split(order[500:], 5):
        model.partial_fit(X[rows], y[rows])
        forgetful.refit(X[rows], y[rows])
    X_test, y_test = draw(500, seed=1)
    error = np.abs(model.predict(X_test) - y_test).max()
    assert error < 0.1 * np.abs(forgetful.predict(X_test) - y_test).max()
    assert model.score(X_test, y_test) > 0.999


@pytest.mark.usefixtures("memory_span")
def test_noise_averages_out_over_the_batches():
    X, _ = draw(1000)
    y = np.sin(3.0 * X[:, 0]) + X[:, 1] ** 2
    noisy = y + np.random.default_rng(1).normal(scale=0.5, size=len(y))
    model = KANRegressor((), random_state=0).partial_fit(X[:100], noisy[:100])
    one = np.sqrt(np.mean((model.predict(X) - y) ** 2))
    for start in range(100, 1000, 100):
        model.partial_fit(X[start : start + 100], noisy[start : start + 100])
    assert np.sqrt(np.mean((model.predict(X) - y) ** 2)) < 0.6 * one


@pytest.mark.usefixtures("memory_span")
@pytest.mark.parametrize("alpha", ["auto", 1e-6])
def test_new_ranges_leave_the_old_ones_alone(alpha):
    x = np.linspace(0.0, 1.0, 100)[:, None]
    model = KANRegressor((), grid_size=8, alpha=alpha).partial_fit(x, np.sin(4.0 * x[:, 0]))
    before = model.predict(x)
    assert model.network_.grid_size == 8
    further = np.linspace(1.0, 3.0, 200)[:, None]
    model.partial_fit(further, np.sin(4.0 * further[:, 0]))
    assert model.network_.grid_size > 16
    assert np.abs(model.predict(x) - before).max() < 5e-3
    assert np.abs(model.predict(further) - np.sin(4.0 * further[:, 0])).max() < 2e-2
    # A sample far away is met along a straight line, and the grid does not grow to it.
    model.partial_fit([[1e4]], [0.0])
    assert model.network_.grid_size <= 8 * 8


def test_weights_are_repetitions():
    X, y = draw(120)
    counts = np.random.default_rng(1).integers(0, 3, size=len(X))
    counts[:2] = 1
    model = KANRegressor((2,), alpha=1e-4, max_iter=30, random_state=0)
    weighted, repeated = copy.deepcopy(model), copy.deepcopy(model)
    for part in (slice(0, 60), slice(60, 120)):
        weighted.partial_fit(X[part], y[part], sample_weight=counts[part])
        rows = np.repeat(np.arange(120)[part], counts[part])
        repeated.partial_fit(X[rows], y[rows])
    assert_close(weighted.predict(X), repeated.predict(X), 1e-9)


def test_a_stream_goes_on_from_fit():
    X, y = draw(400)
    y = y + np.random.default_rng(1).normal(scale=0.3, size=len(y))
    model = KANRegressor((), alpha=1e-3, tol=1e-10).fit(X[:300], y[:300])
    model.partial_fit(X[300:], y[300:])
    expected = minimum_of_all(model, X, y, np.ones(len(X)))
    # The targets of fit are not kept, but what they say of the parameters is.
    assert_close(model.predict(X), expected, 1e-4)


def test_fit_starts_anew():
    X, y = draw(100)
    model = KANRegressor((), alpha=1e-3, random_state=0).partial_fit(X, -y).partial_fit(X, -y)
    model.fit(X, y)
    expected = KANRegressor((), alpha=1e-3, random_state=0).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), expected.predict(X))
    again = copy.deepcopy(expected).partial_fit(X, y)
    np.testing.assert_array_equal(model.partial_fit(X, y).predict(X), again.predict(X))


@pytest.mark.usefixtures("memory_span")
def test_pickles_go_on_alike():
    X, y = draw(200)
    model = KANRegressor((2,), alpha=1e-4, max_iter=30, random_state=0).partial_fit(
        X[:100], y[:100]
    )
    other = pickle.loads(pickle.dumps(model))
    for one in (model, other):
        one.partial_fit(X[100:], y[100:])
    np.testing.assert_array_equal(model.predict(X), other.predict(X))


@pytest.mark.usefixtures("memory_span")
def test_pruned_and_symbolic_networks_go_on_as_they_are():
    X, _ = draw(300)
    y = np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)
    model = KANRegressor((1,), grid_size=6, alpha=1e-7, random_state=0).partial_fit(
        X[:200], y[:200]
    )
    small = model.prune().fix_symbolic(0, 0, 0, "sin")
    before = small.network_
    small.partial_fit(X[200:], y[200:])
    for old, new in zip(before.layers, small.network_.layers, strict=True):
        np.testing.assert_array_equal(old.active, new.active)
        assert list(old.symbols) == list(new.symbols)
    assert small.score(X, y) > 0.999
    assert not small.active_features_[2]


def test_columns_and_targets_may_begin_to_vary():
    X, y = draw(200)
    start = X[:50].copy()
    start[:, 1] = 0.5
    model = KANRegressor((), alpha=1e-6).partial_fit(start, np.ones(50))
    np.testing.assert_allclose(model.predict(X), 1.0)
    y = np.sin(3.0 * X[:, 0]) + X[:, 1] ** 2
    for part in (slice(50, 125), slice(125, 200)):
        model.partial_fit(X[part], y[part])
    later = KANRegressor((), alpha=1e-6).fit(X[50:], y[50:])
    # The first samples contradict the others where the second column is 0.5, but hardly elsewhere.
    assert model.score(X[50:], y[50:]) > 0.5
    assert later.score(X[50:], y[50:]) > 0.99
    assert model.active_features_.all()


def test_attributes_tell_of_the_whole_stream():
    X, y = draw(300)
    model = KANRegressor((2,), max_iter=50, random_state=0).partial_fit(X[:100], y[:100])
    first = model.n_iter_
    model.partial_fit(X[100:], y[100:])
    assert model.n_iter_ == len(model.loss_curve_) > first
    assert model.loss_ == model.loss_curve_[-1] or model.alpha == "auto"
    assert model.solver_ == "lm"
    assert model.feature_importances_.sum() == pytest.approx(1.0)
    assert [weight.shape for weight in model.alpha_] == [(3, 2), (2, 1)]


def test_classes_may_come_one_after_the_other():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    y = np.array(["a", "b", "c"])[rng.integers(3, size=300)]
    X[y == "b"] += [3.0, 0.0]
    X[y == "c"] += [0.0, 3.0]
    model = KANClassifier((), random_state=0)
    for rows in np.split(np.argsort(y, kind="stable"), 6):
        model.partial_fit(X[rows], y[rows], classes=["c", "a", "b"])
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert model.predict_proba(X).shape == (300, 3)
    assert model.score(X, y) > 0.9


def test_binary_classes_stream():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, size=(400, 2))
    y = (X**2).sum(axis=1) < 0.7
    parameters = {"hidden_layer_sizes": (), "alpha": 1e-4, "class_weight": {True: 2.0}}
    model = KANClassifier(**parameters).partial_fit(X[:100], y[:100], [False, True])
    for start in (100, 200, 300):
        model.partial_fit(X[start : start + 100], y[start : start + 100])
    expected = KANClassifier(**parameters).fit(X, y)
    assert np.abs(model.predict_proba(X) - expected.predict_proba(X)).mean() < 2e-2
    labels = KANClassifier((), alpha=1e-4).fit(X[:100], y[:100]).partial_fit(X[100:], y[100:])
    assert labels.score(X, y) > expected.score(X, y) - 0.1


def fitted_state(model):
    return {name: id(value) for name, value in vars(model).items()}


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (lambda X, y: (X[:, :2], y), "X has 2 features"),
        (lambda X, y: (np.where(X > 0.9, np.inf, X), y), "infinity"),
        (lambda X, y: (X, np.stack([y, y], axis=1)), "1 outputs, but y has 2 targets"),
        (lambda X, y: (X, y[:-1]), "inconsistent numbers of samples"),
        (lambda X, y: (X, 1e300 * y), "so far beyond the batches before"),
    ],
)
def test_a_batch_that_cannot_be_used_changes_nothing(batch, message):
    X, y = draw(60)
    model = KANRegressor((), alpha=1e-4).partial_fit(X, y)
    before, state = model.predict(X), fitted_state(model)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(*batch(X, y))
    assert fitted_state(model) == state
    np.testing.assert_array_equal(model.predict(X), before)


def test_sparse_batches_are_an_error():
    X, y = draw(20)
    with pytest.raises(TypeError, match="X is sparse"):
        KANRegressor().partial_fit(csr_array(X), y)


@pytest.mark.parametrize(
    "parameters",
    [{"early_stopping": True}, {"sparsity": 0.1}],
)
def test_what_streams_cannot_do_is_an_error(parameters):
    X, y = draw(60)
    (name, value) = next(iter(parameters.items()))
    model = KANRegressor(**parameters)
    with pytest.raises(ValueError, match=f"partial_fit does not support {name}={value!r}"):
        model.partial_fit(X, y)
    assert not hasattr(model, "network_")


@pytest.mark.parametrize("cls", [KANRegressor, KANClassifier])
def test_solvers_without_batches_have_no_such_method(cls):
    assert hasattr(cls(solver="lm"), "partial_fit")
    model = cls(solver="lbfgs")
    assert not hasattr(model, "partial_fit")
    with pytest.raises(AttributeError, match="no attribute 'partial_fit'") as caught:
        model.partial_fit(np.zeros((3, 1)), np.zeros(3))
    assert "solver='lbfgs', which works on all samples at once" in str(caught.value.__cause__)


@pytest.mark.skipif(not hasattr(KANRegressor, "set_callbacks"), reason="no callbacks")
def test_callbacks_see_batches_and_may_stop_them():
    X, y = draw(200)
    model = KANRegressor((2,), alpha=1e-4, max_iter=10, random_state=0)
    model.partial_fit(X[:80], y[:80])
    recorder = Recorder(stop=lambda context: context.task_name == "iteration")
    model.set_callbacks(recorder).partial_fit(X[80:], y[80:])
    assert [phase.task_name for phase in recorder.phases] == ["batch"]
    assert len(recorder.iterations(recorder.phases[0])) == 1
    assert model.loss_ == model.loss_curve_[-1]


def test_networks_too_large_for_a_matrix_go_over_their_samples_by_adam(monkeypatch):
    monkeypatch.setattr(_partial_fit, "DENSE_MAX_PARAMETERS", 10)
    X, y = draw(80)
    model = KANRegressor((2,), alpha=1e-4, max_iter=5, random_state=0, solver="lm")
    with pytest.raises(ValueError, match=r"64, more than 10\. Set solver='adam'"):
        model.partial_fit(X, y)
    assert not hasattr(model, "network_")
    model.set_params(solver="auto").partial_fit(X, y).partial_fit(X, y)
    assert model.solver_ == "adam"


def test_adam_learns_from_streams_of_new_samples():
    X, y = draw(4000)
    model = KANRegressor((3,), alpha=1e-6, solver="adam", max_iter=10, random_state=0)
    scores = []
    for rows in np.split(np.arange(4000), 20):
        model.partial_fit(X[rows], y[rows])
        scores.append(model.score(X, y))
    assert scores[-1] > 0.96
    assert scores[-1] > scores[0]
    model.set_params(solver="lm").partial_fit(X[:200], y[:200])
    assert model.solver_ == "lm"
    assert model.score(X, y) > scores[-1]


def test_wrong_classes_are_errors():
    X, y = draw(60)
    labels = y > 0.0
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        KANClassifier(()).partial_fit(X, labels)
    with pytest.raises(ValueError, match="at least two classes"):
        KANClassifier(()).partial_fit(X, np.ones(60), classes=[1])
    with pytest.raises(ValueError, match="y has True"):
        KANClassifier(()).partial_fit(X, labels, classes=[False, 3])
    with pytest.raises(ValueError, match="class_weight='balanced'"):
        KANClassifier((), class_weight="balanced").partial_fit(X, labels, [False, True])
    model = KANClassifier((), alpha=1e-2).partial_fit(X, labels, classes=[False, True])
    with pytest.raises(ValueError, match="not the same as on the first call"):
        model.partial_fit(X, labels, classes=[0, 1, 2])


def test_verbose_streams_print_a_line_per_batch(capsys):
    X, y = draw(100)
    model = KANRegressor((), alpha=1e-4).partial_fit(X[:50], y[:50])
    model.set_params(verbose=1).partial_fit(X[50:], y[50:])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("[KANRegressor] batch: ")


def smooth_noise(n_samples, noise, seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, size=(n_samples, 2))
    y = np.sin(3.0 * X[:, 0]) * (1.0 + X[:, 1])
    return X, y + noise * rng.normal(size=n_samples)


EDITS = {
    "fit": lambda model: model,
    "refine": lambda model: model.refine(10),
    "fix_symbolic": lambda model: model.fix_symbolic(0, 0, 0, "sin"),
    "prune": lambda model: model.prune(),
}


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("edit", EDITS)
def test_going_on_with_rows_of_the_fit_does_not_spoil_a_model(edit, noise):
    X, y = smooth_noise(100, noise, 10)
    X_test, y_test = smooth_noise(1000, 0.0, 1)
    model = EDITS[edit](KANRegressor((2,), random_state=0).fit(X, y))
    before = model.score(X_test, y_test)
    model.partial_fit(X[:50], y[:50])
    assert model.score(X_test, y_test) > before - 5e-3
    assert model.loss_ >= 0.0


@pytest.mark.parametrize("seed", [0, 2])
def test_a_fit_of_the_default_shape_follows_a_change(seed):
    X, y = smooth_noise(100, 0.1, seed)
    model = KANRegressor(random_state=0).fit(X, y)
    X, y = smooth_noise(40, 0.1, seed + 100)
    model.partial_fit(X, y + 0.3 * X[:, 0])
    X_test, y_test = smooth_noise(1000, 0.0, 1)
    assert model.score(X_test, y_test) > 0.96
    assert model.score(X_test, y_test + 0.3 * X_test[:, 0]) > 0.96


@pytest.mark.parametrize("seed", [0, 1])
def test_functions_beside_splines_do_not_take_the_penalty_from_them(seed):
    X, y = smooth_noise(100, 0.1, seed)
    X_test, y_test = smooth_noise(1000, 0.0, 1)
    model = KANRegressor(random_state=0).fit(X, y).auto_symbolic()
    before = model.score(X_test, y_test)
    model.partial_fit(X[:50], y[:50])
    assert model.score(X_test, y_test) > before - 5e-3


@pytest.mark.parametrize("n_samples", [300, 2000])
@pytest.mark.parametrize("hidden", [(), (2,)])
def test_the_noise_of_a_fit_is_remembered(hidden, n_samples):
    rng = np.random.default_rng(0)
    X, y = smooth_noise(n_samples, 0.5, 0)
    model = KANRegressor(hidden, alpha="auto", max_iter=200, random_state=0).fit(X, y)
    first = model.loss_
    before = [weight.copy() for weight in model.alpha_]
    for _ in range(2):
        X, y = smooth_noise(20, 0.5, rng.integers(1000))
        model.partial_fit(X, y)
    assert 0.8 * first < model.loss_ < 1.5 * first
    for old, new in zip(before, model.alpha_, strict=True):
        assert (new > 0.1 * old).all()


def test_weights_of_the_fit_are_remembered():
    X, y = smooth_noise(200, 0.1, 0)
    weight = np.where(X[:, 0] < 0.0, 50.0, 1.0)
    X_new = np.abs(smooth_noise(30, 0.0, 1)[0])
    y_new = np.full(30, 3.0)
    parameters = {"hidden_layer_sizes": (), "alpha": 1e-6, "knots": "uniform"}
    model = KANRegressor(**parameters).fit(X, y, sample_weight=weight)
    model.partial_fit(X_new, y_new)
    both = np.concatenate([X, X_new]), np.concatenate([y, y_new])
    expected = minimum_of_all(model, *both, np.concatenate([weight, np.ones(30)]))
    assert_close(model.predict(both[0]), expected, 1e-6)


def test_a_column_may_begin_to_vary_in_the_second_batch():
    X, y = draw(300)
    y = np.sin(3.0 * X[:, 0]) + X[:, 1] ** 2
    first = X[:100].copy()
    first[:, 1] = 0.5
    model = KANRegressor((), random_state=0)
    model.partial_fit(first, np.sin(3.0 * first[:, 0]) + first[:, 1] ** 2)
    model.partial_fit(X[100:], y[100:])
    assert model.score(X, y) > 0.99
    # After a fit the network is kept, and the column gets its edges all the same.
    kept = KANRegressor((), random_state=0).fit(first, np.sin(3.0 * first[:, 0]) + 0.25)
    for start in (100, 200):
        kept.partial_fit(X[start : start + 100], y[start : start + 100])
    assert kept.score(X, y) > 0.95


def test_samples_may_come_one_at_a_time():
    X, y = draw(60, n_columns=2)
    model = KANRegressor((), random_state=0)
    for row in range(60):
        model.partial_fit(X[row : row + 1], y[row : row + 1])
    X_test, y_test = draw(500, seed=1, n_columns=2)
    whole = KANRegressor((), random_state=0).fit(X, y)
    assert model.score(X_test, y_test) > whole.score(X_test, y_test) - 0.05


def test_a_sample_far_out_hardly_moves_the_rest():
    X, y = draw(200, n_columns=2)
    model = KANRegressor((), random_state=0).fit(X, y)
    before = model.score(X, y)
    model.partial_fit([[1e3, 0.0]], [0.0])
    assert model.network_.grid_size == 5
    assert model.score(X, y) > before - 0.1


def test_what_is_kept_of_a_batch_does_not_keep_the_batch_alive():
    X, y = draw(1500, n_columns=2)
    model = KANRegressor((), alpha=1e-3).partial_fit(X, y)
    stream = model._stream
    for values in (stream.latest.X, stream.latest.target, stream.latest.weight):
        assert values.base is None


def test_thread_limits_are_put_back():
    def limits():
        return [pool["num_threads"] for pool in threadpool_info()]

    X, y = draw(100)
    with threadpool_limits(limits=2, user_api="blas"):
        before = limits()
        KANRegressor((), alpha=1e-3).partial_fit(X, y).partial_fit(X, y)
        assert limits() == before


@pytest.mark.parametrize("hidden", [(), (2,)])
def test_rows_that_nothing_can_be_learned_from_are_refused(hidden):
    X, y = draw(60, n_columns=2)
    model = KANRegressor(hidden, alpha=1e-4, random_state=0).fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="X lies so far beyond the batches before"):
        model.partial_fit(1e20 * X, y)
    np.testing.assert_array_equal(model.predict(X), before)


@pytest.mark.parametrize("weight", [1e308, 1e-310])
def test_weights_that_cannot_be_added_up_are_refused(weight):
    X, y = draw(30, n_columns=2)
    with pytest.raises(ValueError, match="sample_weight has"):
        KANRegressor((), alpha=1e-4).partial_fit(X, y, sample_weight=np.full(30, weight))


@pytest.mark.parametrize("unit", [1e-3, 1.0, 250.0])
def test_weights_of_batches_are_in_the_unit_of_those_of_the_fit(unit):
    rng = np.random.default_rng(0)
    X, later = rng.uniform(-1.0, 1.0, (200, 1)), rng.uniform(0.0, 1.0, (30, 1))
    # The right half says next to nothing, and what comes later is there.
    weight = np.where(X[:, 0] < 0.0, unit, 1e-6 * unit)
    y, after = np.sin(3.0 * X[:, 0]), np.full(30, 3.0)
    model = KANRegressor((), alpha=1e-6, random_state=0).fit(X, y, sample_weight=weight)
    model.partial_fit(later, after, sample_weight=np.full(30, unit))
    np.testing.assert_allclose(model.predict([[0.3], [0.6], [0.9]]), 3.0, atol=0.6)


def test_symbols_are_suggested_for_a_constant():
    X = np.random.default_rng(0).uniform(-1.0, 1.0, (50, 2))
    model = KANRegressor((2,), random_state=0).fit(X, np.full(50, 3.0))
    with np.errstate(all="raise", under="ignore"):
        assert len(model.suggest_symbolic(0, 0, 0, symbols=["x"])) == 1
        np.testing.assert_allclose(model.auto_symbolic(symbols=["x"]).predict(X), 3.0)


def test_a_network_with_symbols_that_explains_a_batch_stays_as_it_is():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, (100, 2))
    y = np.sin(3.0 * X[:, 0]) + X[:, 1] + 0.1 * rng.normal(size=100)
    model = KANRegressor((), random_state=0).fit(X, y).fix_symbolic(0, 1, 0, "x")
    before = model.predict(X)
    np.testing.assert_array_equal(model.partial_fit(X[:50], y[:50]).predict(X), before)


def test_functions_that_are_zero_do_not_make_the_loss_overflow():
    X, y = draw(60, n_columns=2)
    model = KANRegressor((2,), alpha=1e-6, max_iter=20, random_state=0).fit(X, y)
    model.fix_symbolic(0, 0, 0, "0").partial_fit(X[:30], y[:30])
    assert np.isfinite(model.loss_)
