import numpy as np
import pytest
from networks import LOSSES, assert_close, central_differences, draw_target
from scipy.special import logsumexp

N_SAMPLES = 12


def draw(loss_name, seed=0):
    """Return the loss, outputs, targets and weights, the first of them zero."""
    rng = np.random.default_rng(seed)
    loss, n_outputs = LOSSES[loss_name]
    out = 2.0 * rng.normal(size=(N_SAMPLES, n_outputs))
    weight = rng.uniform(0.1, 2.0, size=N_SAMPLES)
    weight[0] = 0.0
    return loss, out, draw_target(rng, loss_name, N_SAMPLES), weight


@pytest.mark.parametrize("name", ["squared", "two squared"])
def test_squared_loss_value(name):
    loss, out, target, weight = draw(name)
    expected = sum(0.5 * weight[n] * np.sum((out[n] - target[n]) ** 2) for n in range(N_SAMPLES))
    assert loss.value(out, target, weight) == pytest.approx(expected, rel=1e-13)


def test_binary_loss_is_the_negative_log_likelihood():
    loss, out, target, weight = draw("binary")
    p = 1.0 / (1.0 + np.exp(-out))
    terms = target * np.log(p) + (1.0 - target) * np.log(1.0 - p)
    assert loss.value(out, target, weight) == pytest.approx(-weight @ terms[:, 0], rel=1e-12)


def test_multinomial_loss_is_the_negative_log_likelihood():
    loss, out, target, weight = draw("multinomial")
    terms = (target * (out - logsumexp(out, axis=1, keepdims=True))).sum(axis=1)
    assert loss.value(out, target, weight) == pytest.approx(-weight @ terms, rel=1e-12)


def test_multinomial_loss_of_two_classes_is_the_binary_loss():
    loss, out, target, weight = draw("binary")
    both = np.concatenate([np.zeros_like(out), out], axis=1)
    targets = np.concatenate([1.0 - target, target], axis=1)
    found = LOSSES["multinomial"][0].value(both, targets, weight)
    assert found == pytest.approx(loss.value(out, target, weight), rel=1e-13)


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_agrees_with_differences(name):
    loss, out, target, weight = draw(name)
    expected = central_differences(lambda at: loss.value(at, target, weight), out)
    assert_close(loss.gradient(out, target, weight), expected.reshape(out.shape), 1e-8)


@pytest.mark.parametrize("name", LOSSES)
def test_curvature_factor_is_a_root_of_the_hessian(name):
    loss, out, target, weight = draw(name)
    factor = loss.curvature_factor(out, target, weight)
    # Samples do not interact: moving one output of all of them at once gives its column.
    for k, move in enumerate(1e-5 * np.eye(out.shape[1])):
        ahead, behind = (loss.gradient(at, target, weight) for at in (out + move, out - move))
        column = (factor @ factor[:, k, :, None])[:, :, 0]
        np.testing.assert_allclose(column, (ahead - behind) / 2e-5, rtol=0.0, atol=1e-9)


@pytest.mark.parametrize("name", ["binary", "multinomial"])
def test_curvature_is_the_expected_square_of_the_gradient(name):
    loss, out, target, weight = draw(name)
    n_outputs = out.shape[1]
    factor = loss.curvature_factor(out, target, weight)
    if name == "binary":
        outcomes = [np.zeros((N_SAMPLES, 1)), np.ones((N_SAMPLES, 1))]
    else:
        outcomes = [np.tile(row, (N_SAMPLES, 1)) for row in np.eye(n_outputs)]
    ones = np.ones(N_SAMPLES)
    fisher = np.zeros((N_SAMPLES, n_outputs, n_outputs))
    for outcome in outcomes:
        by_sample = [loss.value(out[n : n + 1], outcome[:1], ones[:1]) for n in range(N_SAMPLES)]
        score = loss.gradient(out, outcome, ones)
        share = weight * np.exp(-np.array(by_sample))
        fisher += share[:, None, None] * score[:, :, None] * score[:, None, :]
    np.testing.assert_allclose(factor @ factor.transpose(0, 2, 1), fisher, rtol=0.0, atol=1e-13)


@pytest.mark.parametrize("name", LOSSES)
def test_samples_of_weight_zero_count_for_nothing(name):
    loss, out, target, weight = draw(name)
    assert loss.value(out, target, weight) == pytest.approx(
        loss.value(out[1:], target[1:], weight[1:]), rel=1e-14
    )
    assert not loss.gradient(out, target, weight)[0].any()
    assert not loss.curvature_factor(out, target, weight)[0].any()


@pytest.mark.parametrize("name", ["binary", "multinomial"])
@pytest.mark.parametrize("certain", [1e3, 1e300])
def test_log_losses_stand_certain_predictions(name, certain):
    loss, n_outputs = LOSSES[name]
    out = np.zeros((2, n_outputs))
    out[0, 0], out[1, 0] = certain, -certain
    target = np.zeros((2, n_outputs))
    target[0, 0] = 1.0
    target[1, -1] = float(n_outputs > 1)
    weight = np.ones(2)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        # Right both times; of the three classes two are left for the second sample.
        expected = np.log(2.0) if name == "multinomial" else 0.0
        assert loss.value(out, target, weight) == pytest.approx(expected, abs=1e-12)
        assert np.all(np.isfinite(loss.gradient(out, target, weight)))
        assert np.all(np.isfinite(loss.curvature_factor(out, target, weight)))


@pytest.mark.parametrize("name", LOSSES)
def test_only_the_squared_loss_has_a_noise_level(name):
    assert LOSSES[name][0].has_noise_level == ("squared" in name)


def test_targets_of_other_noise_weigh_by_it():
    noise = np.array([1e-4, 1.0, 0.0])
    loss = LOSSES["squared"][0].for_noise(noise)
    p = loss.precision(3)
    assert p[0] / p[1] == pytest.approx(1e4)
    # One without residuals is constant, and counts as the noisiest; the likelihood stays as it is.
    assert p[2] == p[1]
    assert np.prod(p) == pytest.approx(1.0)
    assert loss.for_noise(np.ones(3)).precision(3) == pytest.approx(np.ones(3))
    assert LOSSES["multinomial"][0].for_noise(noise) is LOSSES["multinomial"][0]
