import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skkan import KANClassifier, KANRegressor

CHEAP = {"hidden_layer_sizes": (), "grid_size": 3, "alpha": 1e-2}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        KANRegressor(),
        KANClassifier(),
        KANRegressor(solver="lbfgs", **CHEAP),
        KANClassifier(solver="lbfgs", **CHEAP),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
