import re

import numpy as np
import pytest
import sympy
from estimator_data import Recorder, interrupt_after
from joblib import parallel_config

from skkan import KANSymbolicRegressor

needs_callbacks = pytest.mark.skipif(
    not hasattr(KANSymbolicRegressor, "set_callbacks"), reason="scikit-learn has no callbacks"
)
PHASES = ["powers, polynomials, quotients", "division", "network (2, 1)", "formulas (2, 1)"]


def data():
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(80, 2))
    return X, X[:, 0] ** 2 + np.abs(X[:, 1]) ** 1.7 - 0.5


def search(**options):
    options = {"max_time": None, **options}
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
    assert min(counts) >= 1
    # One round of the race at least, and one when all is known about the network.
    assert counts[2] >= model.n_iter_ + 2
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
    # What is shown gets better while the search goes on.
    assert losses[-1] <= losses[0]


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
    if phase != "division":
        # A division that is ended leaves its best formula as well.
        shown = recorder.fitted[recorder.ended.index(asked[0])]
        np.testing.assert_array_equal(shown.predict(X), model.predict(X))
        assert list(shown.equations_) == list(model.equations_)
    np.testing.assert_array_equal(recorder.fitted[-1].predict(X), model.predict(X))
    assert hasattr(model, "network_") == (model.n_iter_ > 0)


@pytest.mark.parametrize("phase", PHASES)
def test_interrupt_keeps_the_best_so_far(monkeypatch, watched, phase):
    X, y = data()
    whole, recorder = watched
    # The first formula is fitted before it is in the table.
    interrupt_after(monkeypatch, place(recorder, phase, int(phase == PHASES[0])))
    with pytest.warns(UserWarning, match=r"Search interrupted; the best .* kept") as caught:
        model = search().fit(X, y)
    assert len(caught) == 1
    assert np.isfinite(model.predict(X)).all()
    losses = [row["loss"] for row in model.equations_]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] >= min(row["loss"] for row in whole.equations_)


def test_interrupt_before_there_is_a_formula_leaves_the_estimator_as_it_was(monkeypatch):
    X, y = data()
    model = search().fit(X, y)
    before = model.predict(X)

    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("skkan.symbolic.search._search.Division", pressed)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:, :1], y)
    np.testing.assert_array_equal(model.predict(X), before)


def test_interrupt_between_phases(monkeypatch):
    X, y = data()

    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("skkan.symbolic.search._search.Division.formulas", pressed)
    with pytest.warns(UserWarning, match="Search interrupted"):
        model = search().fit(X, y)
    assert len(model.equations_) > 1
    assert model.predict(X).shape == (80,)


def test_no_time_leaves_what_needs_none():
    X, y = data()
    model = search(max_time=1e-9).fit(X, y)
    assert np.isfinite(model.predict(X)).all()
    assert not hasattr(model, "network_")
    with pytest.raises(ValueError, match="ended before a network was trained"):
        model.predict(X, "network")


def test_a_division_that_is_ended_leaves_its_best_formula(monkeypatch):
    X = np.random.default_rng(0).uniform(1.0, 2.0, size=(200, 2))
    y = np.exp(X[:, 0]) * np.tanh(X[:, 1])
    fits = []

    def pressed(_, problem):
        fits.append(problem)
        raise KeyboardInterrupt

    monkeypatch.setattr("skkan.symbolic.division._division.Divider._plain_forms", pressed)
    with pytest.warns(UserWarning, match="Search interrupted"):
        model = KANSymbolicRegressor([()], max_time=None, random_state=0).fit(X, y)
    assert len(fits) == 1
    assert len(model.equations_) > 1


def test_verbose_prints_a_line_per_phase(capsys):
    search(verbose=1).fit(*data())
    lines = capsys.readouterr().out.splitlines()
    pattern = r"\[KANSymbolicRegressor\] (.*): (\d+) iterations, loss (\S+), \d+\.\d\d s"
    matches = [re.fullmatch(pattern, line) for line in lines]
    assert [match[1] for match in matches] == PHASES
    assert all(float(match[3]) > 0.0 for match in matches)


def test_no_networks_of_more_coefficients_than_samples(capsys):
    X = np.linspace(-1.0, 1.0, 20)[:, None]
    y = np.abs(X[:, 0]) + np.cos(9.0 * X[:, 0]) * X[:, 0]
    options = {"symbols": ["x", "x^2"], "grid_size": 5, "n_restarts": 1, "random_state": 0}
    model = KANSymbolicRegressor([(), (1,), (2,)], verbose=1, **options).fit(X, y)
    assert re.findall(r"network (\(.*\)):", capsys.readouterr().out) == ["(1, 1)", "(1, 1, 1)"]
    assert model.predict(X).shape == (20,)


def test_formulas_have_fewer_decimal_constants_than_samples():
    X = np.random.default_rng(0).uniform(1.0, 2.0, size=(3, 3))
    model = search().fit(X, X[:, 0] * np.exp(X[:, 1]))
    for row in model.equations_:
        assert len(row["equation"].atoms(sympy.Float)) < 3


def test_names_in_latex_are_those_of_the_columns():
    pandas = pytest.importorskip("pandas")
    rows = np.random.default_rng(0).uniform(1.0, 2.0, size=(60, 3))
    X = pandas.DataFrame(rows, columns=["x^2", "E", "lambda"])
    model = search().fit(X, rows[:, 0] + rows[:, 1] - rows[:, 2])
    assert model.latex() == r"E - \lambda + \text{x\^{}2}"
    assert model.sympy() == sympy.sympify("x_2 + E_ - lambda_")


def test_attempts_side_by_side_find_the_same():
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(40, 1))
    y = np.abs(X[:, 0]) ** 1.5
    options = {"symbols": ["x"], "grid_size": 2, "n_restarts": 1, "divide": False}
    shapes = [(), (1,), ((0, 1),)]
    one, two = (
        KANSymbolicRegressor(shapes, max_time=None, random_state=0, n_jobs=n_jobs, **options)
        for n_jobs in (1, 2)
    )
    with parallel_config(backend="threading"):
        assert list(map(str, two.fit(X, y).equations_)) == list(map(str, one.fit(X, y).equations_))
    np.testing.assert_array_equal(one.predict(X, "network"), two.predict(X, "network"))
    assert one.n_iter_ == two.n_iter_


def test_time_is_up_in_the_middle_of_a_division(monkeypatch):
    X = np.random.default_rng(0).uniform(1.0, 2.0, size=(200, 2))
    y = np.exp(X[:, 0]) * np.tanh(X[:, 1])
    looks = []

    def clock():
        looks.append(None)
        return 0.0 if len(looks) < 40 else 1e9

    monkeypatch.setattr("skkan.symbolic.search._search.time.monotonic", clock)
    model = KANSymbolicRegressor([()], max_time=60.0, random_state=0).fit(X, y)
    # A look at the clock is enough to end what is being tried.
    assert 40 <= len(looks) <= 42
    assert not hasattr(model, "network_")
    assert model.equations_[-1]["equation"].free_symbols
