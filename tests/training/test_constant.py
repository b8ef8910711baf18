import numpy as np
import pytest
from scipy.special import softmax

from skkan import KANClassifier, KANRegressor
from skkan.data._samples import TrainingData
from skkan.objective.losses._multinomial_log import MultinomialLogLoss
from skkan.objective.losses._squared import SquaredLoss
from skkan.training._constant import best_constant


def test_best_constants_are_means_and_shares():
    rng = np.random.default_rng(0)
    weight = rng.random(50)
    weight /= weight.sum()
    target = rng.normal(size=(50, 2))
    data = TrainingData(np.zeros((50, 1)), target, weight, 50.0)
    outputs, value = best_constant(data, SquaredLoss())
    np.testing.assert_allclose(outputs, weight @ target, rtol=1e-12)
    assert value == pytest.approx(0.5 * weight @ ((target - outputs) ** 2).sum(axis=1))
    labels = np.eye(3)[rng.integers(0, 3, 50)]
    data = TrainingData(np.zeros((50, 1)), labels, weight, 50.0)
    outputs, _ = best_constant(data, MultinomialLogLoss())
    np.testing.assert_allclose(softmax(outputs), weight @ labels, rtol=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["lm", "lbfgs", "adam"])
@pytest.mark.parametrize("options", [{"alpha": 1e3, "max_iter": 60}, {"max_iter": 1}])
def test_strong_penalties_and_short_fits_are_no_worse_than_the_constant(solver, options):
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(60, 2)), 5.0 + 0.1 * rng.normal(size=60)
    model = KANRegressor((2,), solver=solver, random_state=0, **options)
    assert model.fit(X, y).score(X, y) >= -1e-6
    model = KANClassifier((2,), solver=solver, random_state=0, **options).fit(X, X[:, 0] > 1.0)
    share = float(np.mean(X[:, 0] > 1.0))
    entropy = -share * np.log(share) - (1.0 - share) * np.log(1.0 - share)
    chosen = model.predict_log_proba(X)[np.arange(60), (X[:, 0] > 1.0).astype(int)]
    assert -chosen.mean() <= entropy * (1.0 + 1e-6)


def test_early_stopping_with_a_wild_column_is_no_worse_than_the_constant():
    rng = np.random.default_rng(2)
    X = np.column_stack([rng.standard_cauchy(30), rng.normal(size=30)])
    y = X[:, 1] + 0.1 * rng.normal(size=30)
    for seed in range(4):
        model = KANRegressor(
            solver="adam", early_stopping=True, learning_rate_init=1.0, random_state=seed
        )
        assert model.fit(X, y).score(X, y) > -0.5
