import pickle
import warnings
from itertools import pairwise

import numpy as np
import pytest
from estimator_data import (
    ADDITIVE,
    ESTIMATORS,
    SMALL,
    curved_data,
    interrupt_after,
    largest_difference,
    outputs,
    product_data,
    target_for,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

import skkan.training.starts._race
from skkan import KANRegressor
from skkan.data import _blocks
from skkan.objective._sparsity import Sparsity

# Every penalised fit of these ends by its tolerance.
FIXED = {**ADDITIVE, "alpha": 1e-2}


def fit(X, y, weight=None, **options):
    return KANRegressor(**options).fit(X, y, weight)


def test_more_restarts_find_no_worse_start():
    X, y = product_data()
    race = {**SMALL, "alpha": 1e-3, "max_iter": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        losses = [
            np.mean(
                [fit(X, y, **{**race, "random_state": s, "n_restarts": n}).loss_ for s in range(8)]
            )
            for n in (1, 8)
        ]
    assert losses[1] < losses[0]


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
@pytest.mark.parametrize("alpha", ["auto", 1e-3])
@pytest.mark.parametrize("max_iter", [1, 2, 7])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_max_iter_is_a_limit(solver, alpha, max_iter):
    X, y = curved_data()
    options = {**ADDITIVE, "solver": solver, "alpha": alpha}
    fitted = fit(X, y, **options, max_iter=max_iter)
    assert 1 <= fitted.n_iter_ <= max_iter


def test_tol():
    X, y = product_data()
    options = {**SMALL, "alpha": 1e-2, "solver": "lm"}
    rough, fine = (fit(X, y, **options, tol=tol) for tol in (1e-1, 1e-8))
    assert rough.n_iter_ < fine.n_iter_
    assert fine.loss_ < rough.loss_


@pytest.mark.parametrize("options", [SMALL, ADDITIVE, {**SMALL, "alpha": 1e-2}])
@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
def test_no_warning_where_it_converges(options, solver):
    X, y = product_data()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(X, y, **options, solver=solver)


@pytest.mark.parametrize("alpha", ["auto", 1e-3])
@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
@pytest.mark.parametrize("data", [curved_data, product_data])
@pytest.mark.parametrize("max_iter", [3, 5])
def test_warning_where_the_limit_cuts_it_short(data, alpha, solver, max_iter):
    X, y = data()
    options = {**SMALL, "alpha": alpha, "solver": solver}
    unlimited = fit(X, y, **options).predict(X)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        limited = fit(X, y, **options, max_iter=max_iter).predict(X)
    warned = any(issubclass(w.category, ConvergenceWarning) for w in caught)
    assert warned or largest_difference(unlimited, limited) < 1e-2


def test_convergence_warning_says_what_to_do():
    X, y = product_data()
    message = r"lm solver did not converge .*max_iter=2\b.*Increase max_iter, or tol"
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        fit(X, y, **SMALL, max_iter=2, solver="lm")
    assert len(caught) == 1


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
def test_no_warning_at_the_best_that_rounding_allows(solver):
    X, y = product_data()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(X, y, **FIXED, solver=solver, tol=0.0)


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
def test_loss_is_recorded_even_where_nothing_is_left_to_do(solver):
    X, y = curved_data()
    fitted = fit(X, y, **FIXED, solver=solver)
    assert fitted.n_iter_ == len(fitted.loss_curve_) >= 1
    residual = (y - fitted.predict(X)) / y.std()
    assert fitted.loss_ >= 0.5 * np.mean(residual**2) > 0.0


def test_random_state():
    X, y = product_data()
    options = {**SMALL, "alpha": 1e-2}
    first, again, other = (
        fit(X, y, **{**options, "random_state": seed}).predict(X) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)
    generator = np.random.RandomState(3)
    np.testing.assert_array_equal(
        fit(X, y, **{**options, "random_state": generator}).predict(X), first
    )
    assert np.any(fit(X, y, **{**options, "random_state": generator}).predict(X) != first)


def test_global_random_state_is_used_by_default():
    X, y = product_data()
    fits = []
    for _ in range(2):
        np.random.seed(7)  # noqa: NPY002
        fits.append(fit(X, y, **{**SMALL, "random_state": None}).predict(X))
    np.testing.assert_array_equal(*fits)


def test_second_fit_starts_anew():
    X, y = product_data()
    fitted = KANRegressor(**SMALL).fit(X[:30], -y[:30]).fit(X, y)
    np.testing.assert_array_equal(fitted.predict(X), fit(X, y, **SMALL).predict(X))


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
def test_n_jobs_does_not_change_the_fit(monkeypatch, solver):
    monkeypatch.setattr(_blocks, "BLOCK_BYTES", 2**14)
    X, y = product_data()
    options = {**SMALL, "n_restarts": 5, "solver": solver}
    plain = fit(X, y, **options)
    for n_jobs in (1, 2, -1):
        np.testing.assert_array_equal(
            fit(X, y, **options, n_jobs=n_jobs).predict(X), plain.predict(X)
        )


@pytest.mark.parametrize("options", [SMALL, {**SMALL, "solver": "lbfgs", "sparsity": 0.01}])
def test_features_that_are_not_kept_change_nothing(options):
    X, y = product_data()
    plain = fit(X, y, **options)
    # Enough for a copy of the inputs.
    frugal = fit(X, y, **options, max_cache_bytes=X.nbytes)
    np.testing.assert_array_equal(frugal.predict(X), plain.predict(X))


@pytest.mark.parametrize("options", [SMALL, ADDITIVE, {**SMALL, "solver": "lbfgs"}])
def test_warm_start_goes_on(options):
    X, y = product_data()
    estimator = KANRegressor(**options, warm_start=True).fit(X, y)
    first, n_iter = estimator.predict(X), estimator.n_iter_
    assert estimator.fit(X, y).n_iter_ < n_iter
    assert largest_difference(first, estimator.predict(X)) < 1e-2


@pytest.mark.parametrize("hidden", [(), (2,)])
@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
def test_warm_start_goes_on_exactly_where_the_penalty_is_fixed(solver, hidden):
    X, y = product_data()
    options = {"hidden_layer_sizes": hidden, "alpha": 1e-2, "solver": solver, "random_state": 0}
    estimator = KANRegressor(**options, warm_start=True).fit(X, y)
    for _ in range(3):
        loss, n_iter = estimator.loss_, estimator.n_iter_
        estimator.fit(X, y)
        assert estimator.loss_curve_[0] <= loss * (1.0 + 1e-9)
        assert loss * (1.0 - 1e-2) < estimator.loss_ <= loss * (1.0 + 1e-9)
        assert estimator.n_iter_ <= n_iter


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_warm_start_adds_up_to_a_long_fit(solver):
    X, y = product_data()
    options = {**SMALL, "alpha": 1e-2, "solver": solver}
    estimator = KANRegressor(**options, max_iter=5, warm_start=True)
    losses = [estimator.fit(X, y).loss_ for _ in range(10)]
    assert all(b <= a * (1.0 + 1e-9) for a, b in pairwise(losses))
    assert losses[-1] < 0.999 * losses[0]
    assert losses[-1] == pytest.approx(KANRegressor(**options).fit(X, y).loss_, rel=1e-3)
    short = KANRegressor(**options, max_iter=5)
    assert short.fit(X, y).fit(X, y).loss_ == losses[0]


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
def test_warm_start_on_other_data(solver):
    X, y = product_data()
    options = {**SMALL, "alpha": 1e-4, "solver": solver}
    estimator = KANRegressor(**options, warm_start=True).fit(X, y)
    # The same function on other points, of other ranges, and so scaled otherwise.
    other = 0.9 * product_data(seed=5)[0]
    target = other[:, 0] * other[:, 1]
    before = estimator.score(other, target)
    estimator.set_params(max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        from_old = estimator.fit(other, target).score(other, target)
        anew = KANRegressor(**options, max_iter=1).fit(other, target).score(other, target)
    assert before > 0.9
    assert from_old > 0.9
    assert from_old > anew
    estimator.set_params(max_iter=1000)
    assert estimator.fit(other, target).score(other, target) > from_old


def test_warm_start_refines_the_grid():
    X, y = curved_data()
    estimator = KANRegressor(**{**FIXED, "grid_size": 3}, warm_start=True).fit(X, y)
    finer = estimator.set_params(grid_size=6).fit(X, y)
    assert finer.network_.grid_size == 6
    assert (
        largest_difference(fit(X, y, **{**FIXED, "grid_size": 6}).predict(X), finer.predict(X))
        < 1e-4
    )


@pytest.mark.parametrize(
    ("change", "value"),
    [("hidden_layer_sizes", (3,)), ("degree", 2), ("base_function", "silu")],
)
def test_warm_start_from_another_network_is_refused(change, value):
    X, y = product_data()
    estimator = KANRegressor(**SMALL, warm_start=True).fit(X, y)
    before = estimator.predict(X)
    with pytest.raises(ValueError, match=r"warm_start=True .*\(2, 2, 1\).*warm_start=False"):
        estimator.set_params(**{change: value}).fit(X, y)
    np.testing.assert_array_equal(estimator.predict(X), before)


def test_warm_start_gives_an_additive_model_the_hidden_layers_that_are_asked_for():
    X, y = curved_data()
    estimator = KANRegressor(**SMALL, warm_start=True).fit(X, y)
    assert estimator.network_.shape == (2, 1)
    before = estimator.predict(X)
    estimator.fit(X, y)
    assert estimator.network_.shape == (2, 2, 1)
    assert largest_difference(estimator.predict(X), before) < 0.1


def test_first_fit_with_warm_start_is_a_plain_one():
    X, y = product_data()
    np.testing.assert_array_equal(
        fit(X, y, **SMALL, warm_start=True).predict(X), fit(X, y, **SMALL).predict(X)
    )


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
@pytest.mark.parametrize("alpha", ["auto", 1e-8])
def test_early_stopping(alpha, solver):
    X, y = curved_data(40, 3)
    y = y + np.random.default_rng(5).normal(size=40)
    options = {**SMALL, "grid_size": 8, "alpha": alpha, "solver": solver}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = fit(X, y, **options, early_stopping=True, validation_fraction=0.3)
    curve = np.array(fitted.validation_loss_curve_)
    assert len(curve) == fitted.n_iter_ == len(fitted.loss_curve_)
    assert np.isfinite(curve).all()
    # Patience starts anew only where the loss falls by more than the tolerance.
    assert len(curve) - 1 - curve.argmin() <= fitted.n_iter_no_change


def held_out_loss(fitted, X, y, fraction):
    """Loss, in the units of training, of the samples that early stopping sets aside."""
    state = np.random.RandomState(fitted.random_state)
    state.randint(2**31)
    _, X, _, y = train_test_split(X, y, test_size=fraction, random_state=state)
    return (
        0.5 * np.mean((y - fitted.predict(X)) ** 2) / fitted.network_.scaling.output_scale[0] ** 2
    )


@pytest.mark.parametrize("fraction", [0.2, 0.4])
@pytest.mark.parametrize("alpha", ["auto", 1e-8])
def test_early_stopping_keeps_the_best_iteration(alpha, fraction):
    X, y = curved_data(50, 3)
    y = y + np.random.default_rng(5).normal(size=50)
    options = {**SMALL, "grid_size": 6, "alpha": alpha, "early_stopping": True}
    fitted = fit(X, y, **options, validation_fraction=fraction)
    best = min(fitted.validation_loss_curve_)
    # Where the best constant is better than all of them, it is kept.
    assert held_out_loss(fitted, X, y, fraction) <= best * (1.0 + 1e-4)


@pytest.mark.parametrize("patience", [1, 3, 15])
def test_n_iter_no_change(patience):
    X, y = curved_data(50, 3)
    y = y + np.random.default_rng(5).normal(size=50)
    options = {**SMALL, "alpha": 1e-8, "early_stopping": True, "n_iter_no_change": patience}
    curve = fit(X, y, **options).validation_loss_curve_
    assert len(curve) - 1 - int(np.argmin(curve)) == patience


def test_early_stopping_ends_sooner():
    X, y = curved_data(50, 3)
    y = y + np.random.default_rng(5).normal(size=50)
    options = {**SMALL, "alpha": 1e-6, "solver": "lbfgs"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        full = fit(X, y, **options)
    assert fit(X, y, **options, early_stopping=True).n_iter_ < full.n_iter_


@pytest.mark.parametrize("seed", range(4))
def test_early_stopping_where_most_samples_weigh_nothing(seed):
    X, y = curved_data(40)
    # Four samples are set aside; for some of the seeds none of them weighs anything.
    weight = np.zeros(40)
    weight[np.random.default_rng(seed).permutation(40)[:12]] = 1.0
    options = {**ADDITIVE, "early_stopping": True, "random_state": seed}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = fit(X, y, weight, **options)
    assert np.isfinite(fitted.validation_loss_curve_).all()
    assert np.isfinite(fitted.predict(X)).all()


@pytest.mark.parametrize("n_iter", [0, 1, 3, 12])
@pytest.mark.parametrize("options", [SMALL, {**SMALL, "alpha": 1e-3}, ADDITIVE])
@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
def test_interrupt_leaves_a_fitted_estimator(monkeypatch, options, n_iter, solver):
    X, y = product_data()
    interrupt_after(monkeypatch, n_iter)
    with pytest.warns(UserWarning, match="interrupted; the best network so far is kept") as caught:
        fitted = fit(X, y, **options, solver=solver)
    assert [w.category for w in caught] == [UserWarning]
    assert np.isfinite(fitted.predict(X)).all()
    assert fitted.n_iter_ == len(fitted.loss_curve_) == n_iter


@pytest.mark.parametrize("n_iter", [10, 25])
@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
def test_interrupt_keeps_the_best_state(monkeypatch, n_iter, solver):
    X = np.linspace(-1.0, 1.0, 80)[:, None]
    y = np.sin(25.0 * X[:, 0])
    seen = interrupt_after(monkeypatch, n_iter)
    # So weak a penalty that the objective is the error.
    options = {"hidden_layer_sizes": (3,), "grid_size": 8, "alpha": 1e-9, "n_restarts": 1}
    with pytest.warns(UserWarning, match="interrupted"):
        fitted = fit(X, y, **options, solver=solver, random_state=0)
    # The race and the iteration that was cut short do not count.
    errors = [np.mean((get_network()(X)[:, 0] - y) ** 2) for get_network in seen[1:-1]]
    assert np.mean((fitted.predict(X) - y) ** 2) <= 1.05 * min(errors)


def test_interrupt_keeps_the_best_validated_state(monkeypatch):
    X, y = product_data()
    interrupt_after(monkeypatch, 8)
    options = {**SMALL, "alpha": 1e-4, "early_stopping": True}
    with pytest.warns(UserWarning, match="interrupted"):
        fitted = fit(X, y, **options)
    best = min(fitted.validation_loss_curve_)
    assert held_out_loss(fitted, X, y, 0.1) == pytest.approx(best, rel=1e-4)


def test_fit_after_an_interrupted_one(monkeypatch):
    X, y = product_data()
    options = {**SMALL, "alpha": 1e-2}
    with monkeypatch.context() as patch:
        interrupt_after(patch, 3)
        with pytest.warns(UserWarning, match="interrupted"):
            estimator = fit(X, y, **options, warm_start=True)
    before = estimator.loss_
    assert estimator.fit(X, y).loss_ < before


def test_interrupt_before_there_is_anything_to_keep(monkeypatch):
    X, y = product_data()

    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(skkan.training.starts._race, "random_network", pressed)
    estimator = KANRegressor(**SMALL)
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X, y)
    assert not hasattr(estimator, "network_")


def test_interrupt_of_the_additive_model_keeps_it(monkeypatch):
    X, y = product_data()
    interrupt_after(monkeypatch, 4)
    with pytest.warns(UserWarning, match="interrupted"):
        fitted = fit(X, y, **SMALL)
    assert fitted.network_.shape == (2, 1)
    a, b, c, d = fitted.predict([[0.3, -0.2], [-0.7, 0.9], [0.3, 0.9], [-0.7, -0.2]])
    assert a + b == pytest.approx(c + d, abs=1e-9)


def test_interrupt_of_the_network_keeps_the_network(monkeypatch):
    X, y = product_data()
    with monkeypatch.context() as patch:
        seen = interrupt_after(patch, 10**9)
        plain = fit(X, y, **SMALL)
    interrupt_after(monkeypatch, len(seen) - 6)
    with pytest.warns(UserWarning, match="interrupted"):
        fitted = fit(X, y, **SMALL)
    # The iterations of the additive model, which comes first, do not count.
    assert fitted.n_iter_ == plain.n_iter_ - 5
    assert fitted.loss_curve_ == plain.loss_curve_[:-5]
    assert largest_difference(plain.predict(X), fitted.predict(X)) < 1e-2


@pytest.mark.parametrize("base_function", ["zero", "identity", "silu", "tanh", "sin"])
def test_pickled_estimator_predicts_and_goes_on(base_function):
    X, y = curved_data()
    options = {**ADDITIVE, "base_function": base_function, "warm_start": True}
    fitted = fit(X, y, **options)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    assert largest_difference(again.fit(X, y).predict(X), fitted.predict(X)) < 1e-2


def test_validation_curve_is_that_of_the_latest_fit():
    X, y = curved_data()
    estimator = KANRegressor(**ADDITIVE, early_stopping=True).fit(X, y)
    assert estimator.validation_loss_curve_
    estimator.set_params(early_stopping=False).fit(X, y)
    assert not hasattr(estimator, "validation_loss_curve_")


def test_warm_start_does_not_fall_back_to_a_coarser_grid():
    X = np.linspace(-1.0, 1.0, 200)[:, None]
    y = np.sin(12.0 * X[:, 0])
    options = {**ADDITIVE, "grid_size": (3, 12), "alpha": 1e-9, "warm_start": True}
    estimator = KANRegressor(**options).fit(X, y)
    assert estimator.network_.grid_size == 12
    loss = estimator.loss_
    estimator.fit(X, y)
    assert estimator.network_.grid_size == 12
    assert max(estimator.loss_curve_) <= loss * (1.0 + 1e-9)


def n_edges(estimator):
    """Count the edges that `prune` would keep."""
    return sum(int((scores > 3e-2).sum()) for scores in estimator.edge_scores_)


@pytest.mark.parametrize("alpha", ["auto", 1e-3])
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_without_sparsity_it_changes_nothing(monkeypatch, cls, alpha):
    X, y = curved_data()
    options, t = {**SMALL, "alpha": alpha}, target_for(cls, y)
    expected = outputs(cls(**options, sparsity=0).fit(X, t), X)
    monkeypatch.setattr(Sparsity, "of", None)
    default = cls(**options).fit(X, t)
    assert default.sparsity == 0.0
    np.testing.assert_array_equal(outputs(default, X), expected)


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
@pytest.mark.parametrize("seed", [0, 1])
def test_sparsity_makes_edges_vanish(seed, solver):
    X, y = curved_data(300, 3, seed)
    options = {"hidden_layer_sizes": (5,), "alpha": 1e-4, "solver": solver, "random_state": seed}
    dense, sparse = (fit(X, y, **options, sparsity=strength) for strength in (0.0, 1e-3))
    assert n_edges(sparse) < n_edges(dense)
    assert solver == "lbfgs" or n_edges(sparse) <= 0.5 * n_edges(dense)
    assert sparse.score(X, y) > 0.98
    # The loss of the network kept is that of the whole objective.
    assert sparse.loss_ > 0.5 * np.mean((sparse.predict(X) - y) ** 2) / y.var()


def test_more_sparsity_leaves_less():
    X, y = curved_data(200, 3)
    options = {**FIXED, "alpha": 1e-4}
    magnitudes = [
        sum(own.magnitudes.sum() for own in fit(X, y, **options, sparsity=strength)._state.activity)
        for strength in (0.0, 1e-2, 1e-1, 1.0)
    ]
    assert all(b < a for a, b in pairwise(magnitudes))
    assert magnitudes[-1] < 0.2 * magnitudes[0]


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_refit_takes_sparsity_into_account(cls):
    X, y = curved_data(200, 3)
    t = target_for(cls, y)
    estimator = cls(**ADDITIVE, alpha=1e-4).fit(X, t)
    before = estimator._state.activity[0].magnitudes.sum()
    estimator.set_params(sparsity=0.1).refit(X, t)
    assert estimator._state.activity[0].magnitudes.sum() < 0.95 * before
