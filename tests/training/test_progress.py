import re

import numpy as np
import pytest
from estimator_data import (
    ADDITIVE,
    ESTIMATORS,
    SMALL,
    Recorder,
    curved_data,
    outputs,
    product_data,
    target_for,
)
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkan import KANRegressor
from skkan.training._progress import Progress

try:
    from sklearn.callback import ProgressBar, ScoringMonitor
except ImportError:
    ProgressBar = ScoringMonitor = None

needs_callbacks = pytest.mark.skipif(ScoringMonitor is None, reason="scikit-learn has no callbacks")


@pytest.fixture(params=ESTIMATORS)
def cls(request):
    return request.param


@pytest.fixture
def progress_bar():
    pytest.importorskip("rich")
    return ProgressBar


def recorded(estimator, X, t, **stop):
    recorder = Recorder(**stop)
    estimator.set_callbacks(recorder).fit(X, t)
    return recorder


def names(contexts):
    return [context.task_name for context in contexts]


@needs_callbacks
@pytest.mark.parametrize("grid_size", [3, (2, 3, 5)])
def test_one_task_per_phase(cls, grid_size):
    X, y = curved_data()
    estimator = cls(**{**ADDITIVE, "grid_size": grid_size})
    recorder = recorded(estimator, X, target_for(cls, y))
    grids = [f"grid size {size}" for size in np.atleast_1d(grid_size)]
    assert names(recorder.phases)[0] == "race"
    assert names(recorder.phases)[-1] == "polish"
    # With penalty weights from the data a finer grid is tried only as long as it pays.
    tried = names(recorder.phases)[1:-1]
    assert tried == grids[: len(tried)]
    assert tried


@needs_callbacks
def test_phases_of_the_additive_rival():
    X, y = product_data()
    recorder = recorded(KANRegressor(**SMALL), X, y)
    own = ["race", "grid size 3", "polish"]
    assert names(recorder.phases) == [f"additive {name}" for name in own] + own


@needs_callbacks
def test_one_task_per_iteration(cls):
    X, y = curved_data()
    estimator = cls(**{**ADDITIVE, "grid_size": (3, 4)})
    recorder = recorded(estimator, X, target_for(cls, y))
    grids = [phase for phase in recorder.phases if phase.task_name != "race"]
    iterations = [recorder.iterations(phase) for phase in grids]
    assert sum(map(len, iterations)) == estimator.n_iter_
    assert min(map(len, iterations)) >= 1
    assert {context.task_name for phase in iterations for context in phase} == {"iteration"}
    assert [c.task_id for c in iterations[0]] == list(range(len(iterations[0])))


@needs_callbacks
@pytest.mark.parametrize(("n_restarts", "rounds"), [(1, 1), (2, 1), (4, 2), (7, 2)])
def test_one_task_per_round_of_the_race(n_restarts, rounds):
    X, y = curved_data()
    recorder = recorded(KANRegressor(**ADDITIVE, n_restarts=n_restarts), X, y)
    assert len(recorder.iterations(recorder.phases[0])) == rounds


@needs_callbacks
def test_every_task_ends_inside_its_parent(cls):
    X, y = curved_data()
    recorder = recorded(cls(**SMALL), X, target_for(cls, y))
    assert recorder.log == ["setup", "teardown"]
    assert sorted(map(id, recorder.began)) == sorted(map(id, recorder.ended))
    place = {id(context): number for number, context in enumerate(recorder.ended)}
    assert all(place[id(c)] < place[id(c.parent)] for c in recorder.ended if c.parent is not None)
    fit = recorder.ended[-1]
    assert (fit.task_name, fit.estimator_name, fit.parent) == ("fit", cls.__name__, None)


@needs_callbacks
@pytest.mark.parametrize("options", [ADDITIVE, SMALL, {**SMALL, "alpha": 1e-3}])
@pytest.mark.parametrize("max_iter", [1, 3, 10])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_no_phase_has_more_iterations_than_announced(options, max_iter):
    X, y = curved_data()
    recorder = recorded(KANRegressor(**options, max_iter=max_iter), X, y)
    for phase in recorder.phases:
        if "race" not in phase.task_name:
            assert 1 <= phase.max_subtasks <= max_iter
            assert 1 <= len(recorder.iterations(phase)) <= phase.max_subtasks


@needs_callbacks
def test_callbacks_do_not_change_the_fit(cls):
    X, y = curved_data()
    t = target_for(cls, y)
    watched = cls(**SMALL)
    recorded(watched, X, t)
    np.testing.assert_array_equal(outputs(watched, X), outputs(cls(**SMALL).fit(X, t), X))


@needs_callbacks
def test_callbacks_are_torn_down_when_a_fit_fails():
    X, y = curved_data()
    recorder = Recorder()
    estimator = KANRegressor(**{**ADDITIVE, "grid_size": (5, 3)}).set_callbacks(recorder)
    with pytest.raises(ValueError, match="grid_size"):
        estimator.fit(X, y)
    assert recorder.log == ["setup", "teardown"]


@needs_callbacks
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("options", [ADDITIVE, SMALL])
def test_fitted_estimator_of_the_last_task_is_the_result(cls, options, early_stopping):
    X, y = curved_data(60, 3)
    estimator = cls(**options, early_stopping=early_stopping)
    recorder = recorded(estimator, X, target_for(cls, y))
    np.testing.assert_array_equal(outputs(recorder.fitted[-1], X), outputs(estimator, X))


@needs_callbacks
@pytest.mark.parametrize("order", [[0, 1, 2], [1, 2, 0]])
def test_fitted_estimator_of_an_iteration_predicts(cls, order):
    X, y = curved_data(60, 3)
    X = X[:, order]
    estimator = cls(**ADDITIVE)
    recorder = recorded(estimator, X, target_for(cls, y))
    last = recorder.fitted[recorder.ended.index(recorder.iterations(recorder.phases[-1])[-1])]
    # Nothing is left to do after the last iteration of the additive model.
    np.testing.assert_allclose(outputs(last, X), outputs(estimator, X), atol=1e-9)


@needs_callbacks
@pytest.mark.parametrize("number", [1, 4])
@pytest.mark.parametrize("options", [{**ADDITIVE, "grid_size": 3}, SMALL, {**SMALL, "alpha": 1e-3}])
def test_callback_that_asks_to_stop(cls, options, number):
    X, y = product_data()
    seen = []

    def stop(context):
        if context.task_name != "iteration" or context.parent.task_name.endswith("race"):
            return False
        seen.append(context)
        return len(seen) == number

    estimator = cls(**{**options, "solver": "lbfgs"})
    recorder = recorded(estimator, X, target_for(cls, y), stop=stop)
    assert estimator.n_iter_ == len(estimator.loss_curve_) == len(seen) == number
    assert [name.removeprefix("additive ") for name in names(recorder.phases)] == [
        "race",
        "grid size 3",
    ]
    assert estimator.loss_ == estimator.loss_curve_[-1]
    last = recorder.fitted[recorder.ended.index(seen[-1])]
    order = np.argsort(X[:, 0])
    np.testing.assert_allclose(outputs(last, X[order]), outputs(estimator, X[order]))


@needs_callbacks
def test_network_that_a_callback_asks_for_is_kept_although_the_additive_model_is_better(cls):
    X, y = curved_data()
    seen = []

    def stop(context):
        asks = context.task_name == "iteration" and context.parent.task_name == "grid size 3"
        seen.extend([context] if asks else [])
        return asks

    estimator = cls(**SMALL)
    recorder = recorded(estimator, X, target_for(cls, y), stop=stop)
    assert "additive polish" in names(recorder.phases)
    last = recorder.fitted[recorder.ended.index(seen[0])]
    np.testing.assert_allclose(outputs(last, X), outputs(estimator, X))


@needs_callbacks
def test_stop_in_the_race_ends_the_race_only():
    X, y = curved_data()
    options = {**ADDITIVE, "n_restarts": 8}
    estimator = KANRegressor(**options)
    recorder = recorded(
        estimator,
        X,
        y,
        stop=lambda c: c.parent is not None and c.parent.task_name == "race",
    )
    race, *others = recorder.phases
    assert len(recorder.iterations(race)) == 1
    assert sum(len(recorder.iterations(phase)) for phase in others) == estimator.n_iter_ >= 1


@needs_callbacks
@pytest.mark.parametrize("weighted", [False, True])
def test_scoring_monitor(cls, weighted):
    X, y = curved_data()
    t = target_for(cls, y)
    weight = np.linspace(0.1, 2.0, len(X)) if weighted else None
    scoring = "r2" if cls is KANRegressor else "accuracy"
    monitor = ScoringMonitor(scoring=scoring)
    estimator = cls(**ADDITIVE).set_callbacks(monitor).fit(X, t, weight)
    rows = monitor.get_logs().data
    assert {row["estimator_name"] for row in rows} == {cls.__name__}
    assert sum(row["task_name"] == "iteration" for row in rows) == 1 + estimator.n_iter_
    (fit,) = (row for row in rows if row["task_name"] == "fit")
    assert fit[scoring] == pytest.approx(estimator.score(X, t, weight))
    assert np.isfinite([row[scoring] for row in rows]).all()


@needs_callbacks
@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_scoring_monitor_shows_progress(order):
    X, y = product_data()
    X = X[:, order] * [1.0, 3.0] + [0.0, 1.0]
    monitor = ScoringMonitor(scoring="r2")
    estimator = KANRegressor(**SMALL, alpha=1e-3, solver="lbfgs").set_callbacks(monitor).fit(X, y)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "iteration"]
    scores = [row["r2"] for row in rows]
    assert len(scores) == 1 + estimator.n_iter_
    assert scores[-1] > scores[0]
    assert scores[-1] == pytest.approx(estimator.score(X, y), abs=1e-6)


@needs_callbacks
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_scoring_monitor_inside_grid_search(n_jobs):
    X, y = curved_data()
    monitor = ScoringMonitor(scoring="r2")
    estimator = KANRegressor(**ADDITIVE).set_callbacks(monitor)
    search = GridSearchCV(estimator, {"alpha": [1e-3, 0.1]}, cv=2, n_jobs=n_jobs).fit(X, y)
    rows = monitor.get_logs(include_lineage=True).data
    assert any(row["estimator_name"] == "GridSearchCV" for row in rows)
    fits = [row for row in rows if row["task_name"] == "fit" and "r2" in row]
    # Two candidates on two folds, and the refit.
    assert len(fits) == 5
    best = search.best_estimator_.score(X, y)
    assert any(row["r2"] == pytest.approx(best) for row in fits)


@needs_callbacks
def test_progress_bar(cls, progress_bar, capsys):
    X, y = curved_data()
    cls(**ADDITIVE, n_restarts=1).set_callbacks(progress_bar()).fit(X, target_for(cls, y))
    printed = capsys.readouterr().out
    for line in ("fit", "race #0", "grid size 5 #1"):
        assert re.search(rf"{cls.__name__} - {line}\b.*100%", printed)


@needs_callbacks
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_progress_bar_inside_grid_search(progress_bar, capsys, n_jobs):
    X, y = curved_data()
    search = GridSearchCV(KANRegressor(**ADDITIVE), {"alpha": [1e-3, 0.1]}, cv=2, n_jobs=n_jobs)
    search.set_callbacks(progress_bar(max_propagation_depth=None)).fit(X, y)
    printed = capsys.readouterr().out
    assert re.search(r"GridSearchCV - fit\b.*100%", printed)
    assert len(re.findall(r"GridSearchCV - .*KANRegressor - fit #", printed)) >= 5
    assert re.search(r"KANRegressor - grid size 5\b", printed)


@needs_callbacks
def test_progress_bar_of_a_pipeline(progress_bar, capsys):
    X, y = curved_data()
    pipeline = make_pipeline(StandardScaler(), KANRegressor(**ADDITIVE))
    pipeline.set_callbacks(progress_bar()).fit(X, y)
    assert re.search(r"KANRegressor - grid size 5\b", capsys.readouterr().out)


@pytest.mark.parametrize("verbose", [1, True])
def test_verbose_prints_a_line_per_phase(cls, verbose, capsys):
    X, y = curved_data()
    estimator = cls(**{**ADDITIVE, "grid_size": (3, 4)}, verbose=verbose)
    estimator.fit(X, target_for(cls, y))
    lines = capsys.readouterr().out.splitlines()
    pattern = rf"\[{cls.__name__}\] (.*): (\d+) iterations, loss (\S+), \d+\.\d\d s"
    matches = [re.fullmatch(pattern, line) for line in lines]
    assert [match[1] for match in matches][:2] == ["race", "grid size 3"]
    assert matches[-1][1] == "polish"
    assert sum(int(match[2]) for match in matches[1:]) == estimator.n_iter_
    assert float(matches[-1][3]) == pytest.approx(estimator.loss_, rel=1e-3)


def test_nothing_is_printed_by_default(cls, capsys):
    X, y = curved_data()
    cls(**ADDITIVE).fit(X, target_for(cls, y))
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_phase_counts_iterations_without_callbacks():
    progress = Progress(KANRegressor(), lambda network: {"network_": network}, [], [])
    with progress.phase("race") as phase:
        assert phase.n_iter == 0
        assert np.isnan(phase.loss)
        assert not phase.step(2.0, pytest.fail)
        assert not phase.step(1.5, pytest.fail)
    assert (phase.n_iter, phase.loss) == (2, 1.5)
