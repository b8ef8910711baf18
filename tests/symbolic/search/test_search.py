import re

import numpy as np
import pytest
from estimator_data import Recorder, interrupt_after

import skkan.training._race
from skkan import KANSymbolicRegressor

needs_callbacks = pytest.mark.skipif(
    not hasattr(KANSymbolicRegressor, "set_callbacks"), reason="scikit-learn has no callbacks"
)
PHASES = ["network (2, 1)", "formulas (2, 1)", "division"]


def data():
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(80, 2))
    return X, X[:, 0] ** 2 + np.abs(X[:, 1]) ** 1.7


def search(**options):
    return KANSymbolicRegressor(
        [()], symbols=["x", "x^2"], grid_size=3, n_restarts=1, random_state=0, **options
    )


def recorded(**stop):
    recorder = Recorder(**stop)
    return search().set_callbacks(recorder).fit(*data()), recorder


def place(recorder, phase, number=0):
    """Return which of the iterations of a whole fit is one of a phase."""
    before = 0
    for own in recorder.phases:
        if own.task_name == phase:
            return before + number
        before += len(recorder.iterations(own))
    raise AssertionError(phase)


@pytest.fixture(scope="module")
def watched():
    if not hasattr(KANSymbolicRegressor, "set_callbacks"):
        pytest.skip("scikit-learn has no callbacks")
    return recorded()


@needs_callbacks
def test_one_task_per_phase_and_iteration(watched):
    model, recorder = watched
    assert [phase.task_name for phase in recorder.phases] == PHASES
    counts = [len(recorder.iterations(phase)) for phase in recorder.phases]
    # One round of the race at least, and one when all is known about the network.
    assert counts[0] >= model.n_iter_ + 2
    assert counts[1] > len(model.equations_) - 1
    assert counts[2] == 1
    assert sorted(map(id, recorder.began)) == sorted(map(id, recorder.ended))
    assert recorder.log == ["setup", "teardown"]
    fit = recorder.ended[-1]
    assert (fit.task_name, fit.estimator_name) == ("fit", "KANSymbolicRegressor")


@needs_callbacks
def test_callbacks_do_not_change_the_fit(watched):
    X, y = data()
    other = search().fit(X, y)
    assert list(other.equations_) == list(watched[0].equations_)
    np.testing.assert_array_equal(other.predict(X), watched[0].predict(X))


@needs_callbacks
def test_fitted_estimators_predict_and_the_last_is_the_result(watched):
    model, recorder = watched
    X, y = data()
    losses = [np.mean((own.predict(X) - y) ** 2) for own in recorder.fitted]
    assert np.isfinite(losses).all()
    np.testing.assert_array_equal(recorder.fitted[-1].predict(X), model.predict(X))
    # The network gets better while it is being trained.
    assert losses[-1] < 0.5 * losses[0]


@needs_callbacks
@pytest.mark.parametrize("phase", PHASES)
def test_callback_that_asks_to_stop(phase):
    asked = []

    def stop(context):
        if context.task_name == "iteration" and context.parent.task_name == phase:
            asked.append(context)
        return context in asked

    model, recorder = recorded(stop=stop)
    assert [own.task_name for own in recorder.phases] == PHASES[: PHASES.index(phase) + 1]
    assert len(asked) == 1
    X, _ = data()
    if phase != PHASES[0]:
        # In the race there is no network to stay at.
        shown = recorder.fitted[recorder.ended.index(asked[0])]
        np.testing.assert_array_equal(shown.predict(X), model.predict(X))
        assert list(shown.equations_) == list(model.equations_)
    np.testing.assert_array_equal(recorder.fitted[-1].predict(X), model.predict(X))
    assert model.n_iter_ >= 1


@needs_callbacks
def test_a_stop_in_training_leaves_the_network_shown():
    seen = []

    def stop(context):
        if context.task_name == "iteration":
            seen.append(context)
        return len(seen) == 4

    model, recorder = recorded(stop=stop)
    assert len(seen) == 4
    X, _ = data()
    shown = recorder.fitted[recorder.ended.index(seen[-1])]
    assert model.best_["equation"] == "network"
    np.testing.assert_allclose(shown.predict(X), model.predict(X), rtol=1e-12)


@pytest.mark.parametrize("phase", PHASES)
def test_interrupt_keeps_the_best_so_far(monkeypatch, watched, phase):
    X, y = data()
    whole, recorder = watched
    interrupt_after(monkeypatch, place(recorder, phase, 1 if phase == PHASES[0] else 0))
    with pytest.warns(UserWarning, match=r"Search interrupted; the best .* kept") as caught:
        model = search().fit(X, y)
    assert len(caught) == 1
    assert np.isfinite(model.predict(X)).all()
    losses = [row["loss"] for row in model.equations_]
    assert losses == sorted(losses, reverse=True)
    if phase == PHASES[0]:
        assert (model.best_["equation"], len(losses)) == ("network", 1)
    elif phase == PHASES[1]:
        # The first symbolic network that was fitted, its constants as they were.
        assert len(losses) == 2
        assert model.equations_[-1]["shape"] == (2, 1)
    else:
        assert losses[-1] == min(row["loss"] for row in whole.equations_)


def test_interrupt_before_there_is_a_network_leaves_the_estimator_as_it_was(monkeypatch):
    X, y = data()
    model = search().fit(X, y)
    before = model.predict(X)

    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(skkan.training._race, "random_network", pressed)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:, :1], y)
    np.testing.assert_array_equal(model.predict(X), before)


def test_interrupt_between_phases(monkeypatch):
    X, y = data()

    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("skkan.symbolic.search._search.divided_formulas", pressed)
    with pytest.warns(UserWarning, match="Search interrupted"):
        model = search().fit(X, y)
    assert len(model.equations_) > 1
    assert model.predict(X).shape == (80,)


def test_verbose_prints_a_line_per_phase(capsys):
    search(verbose=1).fit(*data())
    lines = capsys.readouterr().out.splitlines()
    pattern = r"\[KANSymbolicRegressor\] (.*): (\d+) iterations, loss (\S+), \d+\.\d\d s"
    matches = [re.fullmatch(pattern, line) for line in lines]
    assert [match[1] for match in matches] == PHASES
    assert all(float(match[3]) > 0.0 for match in matches)
