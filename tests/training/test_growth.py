"""Fits of no given shape: analysis of variance, and networks where it leaves something."""

import copy

import numpy as np
import pytest
import sympy

from skkan import KANClassifier, KANRegressor
from skkan.training.growth import _growth
from skkan.training.growth._directions import direction_in


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, (400, 4))
    return X, np.exp(X[:, 0]) + 2.0 * X[:, 1] * X[:, 2] + 0.2 * rng.normal(size=400)


@pytest.fixture(scope="module")
def model(case):
    return KANRegressor(random_state=0).fit(*case)


def test_interactions_are_product_nodes(case, model):
    network = model.network_
    assert len(network.layers) == 2
    assert network.arities[0][0] == 1
    assert set(network.arities[0][1:]) == {2}
    assert model.score(*case) > 0.9


def test_smooth_functions_get_roughness_of_second_order(monkeypatch):
    rng = np.random.default_rng(0)
    X, fresh = rng.uniform(0.0, 1.0, (300, 6)), rng.uniform(0.0, 1.0, (2000, 6))

    def smooth(x):
        return np.sin(np.pi * x[:, 0] * x[:, 1]) + 2.0 * (x[:, 2] - 0.5) ** 2 + x[:, 3:].sum(axis=1)

    def error(function):
        y = function(X) + 0.1 * np.random.default_rng(1).normal(size=300)
        found = KANRegressor(random_state=0).fit(X, y).predict(fresh)
        return np.sqrt(((found - function(fresh)) ** 2).mean())

    def steps(x):
        return smooth(x) + (x[:, 4] > 0.3) + (x[:, 5] > 0.6)

    chosen, rough = error(smooth), error(steps)
    monkeypatch.setattr(_growth.Growth, "_comparable", lambda *_: False)
    assert chosen < 0.9 * error(smooth)
    assert rough == error(steps)


def test_additive_data_have_no_hidden_layer(case):
    X, _ = case
    y = np.sin(3.0 * X[:, 0]) + 0.1 * np.random.default_rng(1).normal(size=len(X))
    assert KANRegressor(random_state=0).fit(X, y).network_.shape == (4, 1)


def test_predictions_stay_bounded_far_from_the_data(case, model):
    far = model.predict(1e6 * case[0])
    assert np.all(np.abs(far - case[1].mean()) < 5.0 * np.ptp(case[1]))


def test_formula_and_code_follow_predictions_beyond_the_data(case, model):
    rows = 4.0 * case[0][:10]
    (formula,) = np.atleast_1d(model.to_sympy())
    names = sorted(map(str, formula.free_symbols))
    function = sympy.lambdify(names, formula, "numpy")
    values = function(*(rows[:, int(name[1:])] for name in names))
    np.testing.assert_allclose(values, model.predict(rows), rtol=1e-9, atol=1e-9)


def test_few_rows_and_many_rows_are_predicted_alike(case, model):
    rows = 3.0 * case[0]
    one_by_one = np.concatenate([model.predict(row[None]) for row in rows[:50]])
    np.testing.assert_allclose(one_by_one, model.predict(rows)[:50], rtol=1e-10)


def test_a_formula_is_found_by_networks(case):
    X, _ = case
    y = np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)
    model = KANRegressor(random_state=0).fit(X[:, :2], y)
    assert model.score(X[:, :2], y) > 0.9999


def test_fits_go_on_from_the_analysis(case, model):
    X, y = case
    before = model.score(X, y)
    assert model.refine(84).score(X, y) == pytest.approx(before, abs=1e-6)
    again = KANRegressor(random_state=0, warm_start=True, max_iter=60).fit(X, y)
    again.fit(X, y)
    assert again.network_.arities == model.network_.arities
    assert again.score(X, y) > before - 0.02


@pytest.mark.parametrize("columns", [1, 4])
@pytest.mark.parametrize("n_samples", [1, 2, 3, 5])
def test_next_to_no_samples_are_enough(columns, n_samples):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n_samples, columns)), rng.normal(size=n_samples)
    assert np.all(np.isfinite(KANRegressor(random_state=0).fit(X, y).predict(10.0 * X)))


def test_outliers_repetitions_and_constants_do_no_harm(case):
    X, y = case
    X = np.column_stack([X, X[:, 0], np.full(len(X), 3.0), X[:, 1] > 0.0])
    X[7, 3] = 1e6
    model = KANRegressor(random_state=0).fit(X, y)
    assert model.score(X, y) > 0.9


def test_targets_have_variances_of_their_own(case):
    X, y = case
    rng = np.random.default_rng(3)
    Y = np.column_stack([y, rng.normal(size=len(X)), X[:, 3]])
    model = KANRegressor(random_state=0).fit(X, Y)
    scores = 1.0 - ((Y - model.predict(X)) ** 2).mean(axis=0) / Y.var(axis=0)
    assert scores[0] > 0.9
    assert abs(scores[1]) < 0.1
    assert scores[2] > 0.999


def test_an_interrupt_leaves_the_best_so_far(case, monkeypatch):
    seen = []

    def interrupt(self, found):
        seen.append(found)
        self._latest = found
        if len(seen) == 8:
            raise KeyboardInterrupt

    monkeypatch.setattr(_growth.Growth, "_watch", interrupt)
    with pytest.warns(UserWarning, match="interrupted"):
        model = KANRegressor(random_state=0).fit(*case)
    assert model.score(*case) > 0.1


def test_intervals_cover_and_are_wider_where_there_are_no_data(model):
    rng = np.random.default_rng(9)
    fresh = rng.uniform(-1.0, 1.0, (2000, 4))
    target = np.exp(fresh[:, 0]) + 2.0 * fresh[:, 1] * fresh[:, 2] + 0.2 * rng.normal(size=2000)
    mean, deviation = model.predict(fresh, return_std=True)
    assert 0.85 < (np.abs(target - mean) < 1.645 * deviation).mean() < 0.95
    _, covariance = model.predict(fresh[:5], return_cov=True)
    np.testing.assert_allclose(np.diag(covariance) ** 0.5, deviation[:5])
    _, narrow = model.predict(0.2 * fresh, return_std=True, include_noise=False)
    _, wide = model.predict(1.2 * np.sign(fresh), return_std=True, include_noise=False)
    assert wide.min() > narrow.mean()


def test_terms_are_a_table_of_what_there_is(case, model):
    first, second = model.terms_[:2]
    assert {first.columns, second.columns} == {("x1", "x2"), ("x0",)}
    y = case[1]
    shares = {own.columns: own.share for own in model.terms_}
    truth = (4.0 / 9.0 / np.var(y), np.var(np.exp(case[0][:, 0])) / np.var(y))
    assert shares["x1", "x2"] == pytest.approx(truth[0], rel=0.25)
    assert shares["x0",] == pytest.approx(truth[1], rel=0.25)
    assert min(first.evidence, second.evidence) > 50.0
    assert "x1 x x2" in repr(model.terms_)
    with pytest.raises(AttributeError, match="auto"):
        KANRegressor((), random_state=0).fit(*case).terms_  # noqa: B018


@pytest.fixture(scope="module")
def classes():
    rng = np.random.default_rng(4)
    rows = rng.uniform(-1.0, 1.0, (1500, 4))
    eta = 6.0 * rows[:, 1] * rows[:, 2] + 3.0 * np.sin(3.0 * rows[:, 0])
    labels = np.where(eta + rng.logistic(size=1500) > 0.0, "yes", "no")
    labels[(rows[:, 3] > 0.6) & (rng.random(1500) < 0.9)] = "other"
    return rows, labels


@pytest.fixture(scope="module", params=[2, 3])
def classifier(classes, request):
    X, labels = classes
    rows = labels != "other" if request.param == 2 else np.full(len(X), True)
    return KANClassifier(random_state=0).fit(X[rows][:1000], labels[rows][:1000])


def test_classes_have_the_interactions_that_are_there(classes, classifier):
    X, labels = classes
    known = np.isin(labels, classifier.classes_)
    assert classifier.score(X[known][1000:], labels[known][1000:]) > 0.8
    wanted = {("x0",), ("x1", "x2")} | ({("x3",)} if len(classifier.classes_) == 3 else set())
    assert {own.columns for own in classifier.terms_[: len(wanted)]} == wanted
    shares = [own.share for own in classifier.terms_]
    assert sum(shares) == pytest.approx(1.0)


def test_formulas_of_classes_follow_their_probabilities(classes, classifier):
    rows = 2.0 * classes[0][:30]
    found = classifier.to_function()(rows)
    np.testing.assert_allclose(
        found, classifier.predict_proba(rows)[:, -found.shape[-1] :], atol=1e-9
    )


def test_classes_that_can_be_separated_have_finite_scores():
    X = np.linspace(-1.0, 1.0, 60)[:, None]
    model = KANClassifier(random_state=0).fit(X, X[:, 0] > 0.1)
    assert np.abs(model.decision_function(3.0 * X)).max() < 500.0
    assert model.score(X, X[:, 0] > 0.1) == 1.0


def test_weights_of_classes_are_repetitions(classes):
    X, labels = classes[0][:300], classes[1][:300] == "yes"
    again = np.concatenate([X, X[labels]]), np.concatenate([labels, labels[labels]])
    weighted = KANClassifier(class_weight={False: 1, True: 2}, random_state=0).fit(X, labels)
    repeated = KANClassifier(random_state=0).fit(*again)
    np.testing.assert_allclose(
        weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-6, atol=1e-9
    )


def test_classifiers_go_on_from_the_analysis(classes, classifier):
    X, labels = classes
    known = np.isin(labels, classifier.classes_)
    X, labels = X[known], labels[known]
    before = classifier.predict_proba(X)
    for other in (classifier.prune(1e-6, 1e-6), copy.deepcopy(classifier).refine(84)):
        np.testing.assert_allclose(other.predict_proba(X), before, atol=1e-3)
    streamed = copy.deepcopy(classifier).partial_fit(X[1000:], labels[1000:])
    assert streamed.score(X, labels) > classifier.score(X, labels) - 0.03


def test_only_allowed_columns_interact(case):
    X, y = case
    Y = np.exp(y / 3.0)
    for limit, most in (("no_interactions", 1), ("pairwise", 2)):
        model = KANRegressor(interaction_cst=limit, random_state=0).fit(X, Y)
        assert max(len(own.columns) for own in model.terms_) == most
    model = KANRegressor(interaction_cst=[(1, 2)], random_state=0).fit(X[:, ::-1], Y)
    found = {own.columns for own in model.terms_ if len(own.columns) > 1}
    assert found == {("x1", "x2")}


def test_limits_that_cannot_be_kept_are_errors(case):
    for limit, error in (([{0, 9}], ValueError), ([[]], ValueError), ([3], TypeError)):
        with pytest.raises(error, match="interaction_cst"):
            KANRegressor(interaction_cst=limit).fit(*case)
    with pytest.raises(ValueError, match="interaction_cst"):
        KANRegressor((5,), interaction_cst="pairwise").fit(*case)
    with pytest.raises(ValueError, match="interaction_cst"):
        KANRegressor(interaction_cst="pairwise").partial_fit(*case)


def test_classes_are_read_block_by_block_as_in_memory(classes):
    X, labels = classes[0][:300], classes[1][:300] == "yes"
    there = KANClassifier(max_cache_bytes=0, random_state=0).fit(X, labels)
    here = KANClassifier(random_state=0).fit(X, labels)
    np.testing.assert_allclose(there.predict_proba(X), here.predict_proba(X), atol=1e-5)


def test_tables_of_few_values_without_noise_need_no_networks():
    rng = np.random.default_rng(0)
    X = np.concatenate([np.eye(4)[rng.integers(0, 4, 300)] for _ in range(6)], axis=1)
    y = X @ rng.normal(size=24) + X[:, 0] * X[:, 5]
    model = KANRegressor(random_state=0).fit(X, y)
    assert model.terms_
    assert model.score(X, y) > 1.0 - 1e-9


def test_networks_have_only_edges_from_columns_that_act():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, (200, 8))
    y = np.exp(X[:, 6] + X[:, 1] ** 2)
    model = KANRegressor(grid_size=5, n_restarts=1, max_iter=60, random_state=0).fit(X, y)
    acting = model.network_.layers[0].active.any(axis=1)
    assert len(model.network_.layers) == 2
    np.testing.assert_array_equal(np.flatnonzero(acting), [1, 6])
    assert model.score(X, y) > 1.0 - 1e-6
    mean, deviation = model.predict(X[:5], return_std=True)
    np.testing.assert_allclose(mean, model.predict(X[:5]))
    assert np.all(np.isfinite(deviation))
    assert model.refine(10).score(X, y) > 1.0 - 1e-6


@pytest.mark.parametrize("seed", [0, 1])
def test_functions_of_a_sum_of_columns_are_found(seed):
    rng = np.random.default_rng(seed)
    X, fresh = rng.normal(size=(600, 7)), rng.normal(size=(600, 7))
    y = np.sin(3.0 * (X[:, 1] + X[:, 4])) + 0.2 * rng.normal(size=600)
    model = KANRegressor(random_state=0).fit(X, y)
    assert model.score(fresh, np.sin(3.0 * (fresh[:, 1] + fresh[:, 4]))) > 0.9
    acting = model.network_.layers[0].active.any(axis=1)
    assert acting[[1, 4]].all()
    assert np.all(np.isfinite(model.predict(fresh, return_std=True)[1]))


def test_no_direction_is_found_in_noise():
    rng = np.random.default_rng(0)
    X = rng.standard_t(3, size=(1000, 12))
    assert direction_in(X, rng.normal(size=1000)) is None
    assert direction_in(X, np.zeros(1000)) is None
    found = direction_in(X, np.sin(X[:, 2] - X[:, 5]) + 0.3 * rng.normal(size=1000))
    assert set(np.flatnonzero(found)) >= {2, 5}


@pytest.mark.parametrize(
    "options", [{"alpha": 1e-3}, {"sparsity": 1e-3}, {"early_stopping": True}], ids=str
)
def test_other_kinds_of_smoothing_have_five_nodes(case, options):
    X, y = case
    model = KANRegressor(**options, max_iter=60, tol=1e-3, random_state=0).fit(X, y)
    assert model.network_.shape in {(4, 5, 1), (4, 1)}
    assert model.score(X, y) > 0.9
    with pytest.raises(AttributeError, match="terms_"):
        model.terms_  # noqa: B018


def test_other_losses_of_one_target_are_analysed(case):
    X, y = case
    model = KANRegressor(loss="poisson", random_state=0).fit(X, np.exp(0.5 * y))
    assert {own.columns for own in model.terms_[:2]} == {("x1", "x2"), ("x0",)}
