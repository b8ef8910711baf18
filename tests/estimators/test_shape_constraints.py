import numpy as np
import pytest

from skkan import KANClassifier, KANRegressor

FIXED = {"alpha": 1e-5, "grid_size": 4, "random_state": 0, "max_iter": 60}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
# Of sums of some numbers.
ROUNDING = 1e-12


def table(n=150, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, (n, 3))
    y = np.tanh(2.0 * X[:, 0] + X[:, 1]) + np.sin(3.0 * X[:, 2]) + 0.5 * rng.normal(size=n)
    return X, y


def falls(function, j, n=20_000):
    """Count pairs that differ in a column, far beyond the data too, in which the outputs fall."""
    rng = np.random.default_rng(1)
    first = rng.uniform(-3.0, 3.0, (n, 3))
    second = first.copy()
    second[:, j] = rng.uniform(-3.0, 3.0, n)
    before, after = function(first), function(second)
    change = (after - before) * np.sign(second[:, j] - first[:, j])
    return int((change < -ROUNDING * np.abs(before).max()).sum())


@pytest.mark.parametrize(
    "options",
    [
        {"random_state": 0},
        {"hidden_layer_sizes": (), "random_state": 0},
        {"hidden_layer_sizes": (3,), **FIXED},
        {"hidden_layer_sizes": (2, 2), "solver": "lbfgs", **FIXED},
    ],
)
@pytest.mark.filterwarnings("ignore:X has rows that lie beyond")
def test_no_pair_of_rows_violates_a_monotone_constraint(options):
    X, y = table()
    model = KANRegressor(monotonic_cst=[1, 0, -1], **options).fit(X, y)
    free = KANRegressor(**options).fit(X, y)
    fine = model.refine(model.network_.grid_size + 3)
    for own in (
        model,
        model.prune(node_threshold=1e-3, edge_threshold=1e-3),
        fine,
        model.refit(X, y),
    ):
        assert falls(own.predict, 0) == 0
        assert falls(lambda rows, own=own: -own.predict(rows), 2) == 0
    assert falls(lambda rows: -free.predict(rows), 2) > 0


@pytest.mark.filterwarnings("ignore:X has rows that lie beyond")
def test_log_odds_are_monotone():
    X, y = table()
    model = KANClassifier((2,), monotonic_cst={"x0": 1}, **FIXED).fit(X, y > 0.0)
    assert falls(model.decision_function, 0) == 0
    assert model.score(X, y > 0.0) > 0.75


def test_constraints_that_hold_anyway_change_nothing():
    rng = np.random.default_rng(0)
    X = rng.uniform(0.0, 1.0, (200, 1))
    y = np.exp(X[:, 0]) + 0.01 * rng.normal(size=200)
    free = KANRegressor(()).fit(X, y)
    model = KANRegressor((), monotonic_cst=[1]).fit(X, y)
    np.testing.assert_allclose(model.predict(X), free.predict(X), atol=1e-6)


def test_true_constraints_help_where_samples_are_few():
    better = []
    for seed in range(3):
        X, y = table(60, seed)
        at, _ = table(500, 100)
        truth = np.tanh(2.0 * at[:, 0] + at[:, 1]) + np.sin(3.0 * at[:, 2])
        options = {"hidden_layer_sizes": (3,), **FIXED}
        errors = [
            np.square(KANRegressor(monotonic_cst=own, **options).fit(X, y).predict(at) - truth)
            for own in (None, [1, 1, 0])
        ]
        better.append(errors[1].mean() / errors[0].mean())
    assert np.exp(np.log(better).mean()) < 0.9


@pytest.mark.parametrize("shape", ["auto", ()])
@pytest.mark.parametrize("few", [False, True])
@pytest.mark.filterwarnings("ignore:X has rows that lie beyond")
def test_effects_bend_one_way_everywhere(shape, few):
    rng = np.random.default_rng(0)
    x = rng.uniform(0.0, 10.0, 80)
    x = np.round(x / 2.0) if few else x
    y = np.log1p(x) + 0.2 * rng.normal(size=80)
    model = KANRegressor(shape, monotonic_cst=[1], convexity_cst=[-1]).fit(x[:, None], y)
    far = np.linspace(x.min() - 10.0, x.max() + 10.0, 1001)
    found = model.predict(far[:, None])
    assert np.diff(found).min() > -ROUNDING
    assert np.diff(found, 2).max() < 1e-11
    assert model.score(x[:, None], y) > 0.75


@pytest.mark.parametrize(("truth", "sign"), [(np.log1p, -1), (lambda x: 0.1 * (x - 1) ** 2, 1)])
def test_knowing_how_a_default_fit_bends_makes_it_better(truth, sign):
    at = np.linspace(0.0, 10.0, 200)
    errors = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X = np.column_stack([rng.uniform(0.0, 10.0, 200), rng.normal(size=200)])
        y = truth(X[:, 0]) + 0.3 * X[:, 1] + 0.3 * rng.normal(size=200)
        grid = np.column_stack([at, np.zeros(200)])
        errors.append(
            [
                np.square(
                    KANRegressor(convexity_cst=cst, random_state=0).fit(X, y).predict(grid)
                    - truth(at)
                ).mean()
                for cst in (None, [sign, 0])
            ]
        )
    free, bent = np.sqrt(np.mean(errors, axis=0))
    assert bent < 0.9 * free


def test_gaps_and_levels_beside_constraints():
    pd = pytest.importorskip("pandas")
    X, y = table()
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    frame.loc[::7, "a"] = np.nan
    frame["kind"] = np.where(X[:, 1] > 0.0, "p", "q")
    model = KANRegressor((), monotonic_cst={"a": 1}, random_state=0).fit(frame, y)
    rising = [model.predict(frame.assign(a=own)) for own in np.linspace(-2.0, 2.0, 9)]
    assert np.diff(rising, axis=0).min() > -ROUNDING
    with pytest.raises(ValueError, match="categorical column 'kind'"):
        KANRegressor((), monotonic_cst={"kind": 1}).fit(frame, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"monotonic_cst": [1]}, "has 1 values, but X has 3 columns"),
        ({"monotonic_cst": {"x9": 1}}, "no column of X; there are: x0, x1, x2"),
        ({"monotonic_cst": [2, 0, 0]}, "values -1, 0 and 1, got 2"),
        ({"convexity_cst": {0: 1}, "extrapolation": "constant"}, "extrapolation='constant'"),
        (
            {"hidden_layer_sizes": ((0, 2),), "monotonic_cst": [1, 0, 0], **FIXED},
            "product nodes, whose factors have both",
        ),
        (
            {"hidden_layer_sizes": (2,), "convexity_cst": [1, 0, 0], **FIXED},
            "convexity_cst is for additive models",
        ),
    ],
)
def test_constraints_that_cannot_be_kept_are_errors(options, message):
    X, y = table(60)
    options = {"hidden_layer_sizes": (), **options}
    with pytest.raises(ValueError, match=message):
        KANRegressor(**options).fit(X, y)


def test_constraints_are_for_two_classes_and_for_fits_of_all_samples():
    X, y = table(60)
    with pytest.raises(ValueError, match="are for two classes; there are 3"):
        KANClassifier((), monotonic_cst=[1, 0, 0], **FIXED).fit(X, np.arange(60) % 3)
    with pytest.raises(ValueError, match="partial_fit does not support monotonic_cst"):
        KANRegressor((), monotonic_cst=[1, 0, 0]).partial_fit(X, y)
