import numpy as np
import pytest
from networks import assert_close, draw_objective, linear_minimum

from skkan import KANClassifier, KANRegressor
from skkan.solvers._adam import _batch, minimize_adam


@pytest.mark.parametrize("loss", ["squared", "two squared"])
def test_additive_models_come_close_to_the_linear_solution(loss):
    objective, start = draw_objective(np.random.default_rng(1), loss, (), n_samples=100)
    found = minimize_adam(objective, start, 2000, 1e-6, batch_size=20, learning_rate=0.1)
    lowest = objective.value(linear_minimum(objective))
    assert found.converged
    assert found.value < lowest + 0.02 * (objective.value(start) - lowest)


@pytest.mark.parametrize("loss", ["squared", "multinomial"])
def test_gradients_of_mini_batches_average_to_the_gradient(loss):
    objective, parameters = draw_objective(np.random.default_rng(0), loss, (2,), n_samples=40)
    parts = objective.data.batches(5, np.random.default_rng(1))
    values, gradients = zip(
        *(_batch(objective, part).value_and_gradient(parameters) for part in parts), strict=True
    )
    assert len(values) == 8
    value, gradient = objective.value_and_gradient(parameters)
    assert np.mean(values) == pytest.approx(value, rel=1e-12)
    assert_close(np.mean(gradients, axis=0), gradient, 1e-12)


def test_the_best_pass_is_returned():
    objective, start = draw_objective(np.random.default_rng(2), "squared", (3,), n_samples=50)
    seen = []

    def callback(value, _):
        seen.append(value)
        return len(seen) == 30

    found = minimize_adam(objective, start, 100, 1e-5, callback, batch_size=10, learning_rate=1.0)
    assert found.n_iter == len(found.history) == 30
    assert found.history == seen
    assert found.value == min(seen)
    assert objective.value(found.parameters) == found.value
    assert not found.converged
    again = minimize_adam(objective, start, 30, 1e-5, None, batch_size=10, learning_rate=1.0)
    np.testing.assert_array_equal(again.parameters, found.parameters)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_pass_that_leaves_the_domain_of_a_function_is_made_again():
    X = np.linspace(0.0, 1.0, 40)[:, None]
    model = KANRegressor((), solver="adam", max_iter=40, random_state=0).fit(X, X[:, 0] ** 2)
    # The root's argument is zero at the first sample, so that many steps lead beyond it.
    model.fix_symbolic(0, 0, 0, "sqrt", [1.0, 1e-9, 1.0, 0.0]).refit(X, X[:, 0] ** 2)
    assert np.isfinite(model.loss_curve_).all()
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("alpha", ["auto", 1e-4])
def test_estimators_fit_by_passes(alpha):
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(400, 2))
    y = np.sin(3.0 * X[:, 0]) * X[:, 1]
    options = {"solver": "adam", "batch_size": 40, "learning_rate_init": 0.03, "max_iter": 80}
    model = KANRegressor((3,), alpha=alpha, random_state=0, **options).fit(X, y)
    assert model.solver_ == "adam"
    assert model.n_iter_ <= 80
    assert model.score(X, y) > 0.95
    labels = KANClassifier((3,), alpha=alpha, random_state=0, **options).fit(X, y > 0.0)
    assert labels.score(X, y > 0.0) > 0.95


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"batch_size": 0}, "'batch_size'"), ({"learning_rate_init": 0.0}, "'learning_rate_init'")],
)
def test_sizes_of_batches_and_steps_are_positive(parameters, message):
    with pytest.raises(ValueError, match=message):
        KANRegressor(solver="adam", **parameters).fit([[0.0], [1.0]], [0.0, 1.0])
