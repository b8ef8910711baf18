import numpy as np
import pytest

from skkan.symbolic.recognition._edge_samples import MAX_SITES, Samples


def test_samples_are_sorted_and_scaled():
    samples = Samples.of([4.0, 0.0, 2.0], [1.0, 5.0, 3.0])
    np.testing.assert_array_equal(samples.x, [0.0, 2.0, 4.0])
    np.testing.assert_array_equal(samples.t, [-1.0, 0.0, 1.0])
    np.testing.assert_array_equal(samples.residual, [1.0, 0.0, -1.0])
    assert (samples.middle, samples.half, samples.mean, samples.scale) == (2.0, 2.0, 3.0, 2.0)
    assert samples.spread == pytest.approx(2.0 / 3.0)


def test_weights_are_repetitions():
    heavy = Samples.of([1.0, 2.0, 3.0], [0.0, 1.0, 5.0], [1.0, 3.0, 0.0])
    repeated = Samples.of([1.0, 2.0, 2.0, 2.0], [0.0, 1.0, 1.0, 1.0])
    assert heavy.mean == pytest.approx(repeated.mean)
    assert heavy.spread == pytest.approx(repeated.spread)
    assert heavy.x[-1] == 2.0


def test_rounding_does_not_vary():
    samples = Samples.of(np.arange(9.0), np.full(9, 0.1))
    assert (samples.scale, samples.spread) == (0.0, 0.0)
    assert Samples.of([0.1, 0.1, np.nextafter(0.1, 1.0)], np.arange(3.0)).half == 0.0


@pytest.mark.parametrize("n", [MAX_SITES, 1000, 20000])
def test_a_few_sites_stand_for_all(n):
    x = np.random.default_rng(0).exponential(size=n)
    samples = Samples.of(x, np.sin(3.0 * x))
    sites = samples.thinned()
    assert len(sites.x) <= MAX_SITES + 1
    assert (sites.x[0], sites.x[-1]) == (samples.x[0], samples.x[-1])
    assert sites.weight.sum() == pytest.approx(1.0)
    assert sites.mean == pytest.approx(samples.mean, abs=0.02)
    gaps = np.diff(sites.t)
    assert gaps.max() <= 1.5 * max(np.diff(samples.t).max(), 0.05)


@pytest.mark.parametrize(
    ("x", "y", "weight", "message"),
    [
        ([1.0, 2.0], [1.0], None, "one length"),
        ([[1.0]], [[1.0]], None, "one length"),
        ([1.0, np.nan], [1.0, 2.0], None, "finite"),
        ([1.0, 2.0], [1.0, np.inf], None, "finite"),
        ([1.0, 2.0], [1.0, 2.0], [1.0, -1.0], "negative"),
        ([1.0, 2.0], [1.0, 2.0], [0.0, 0.0], "not zero"),
        ([], [], None, "weight"),
    ],
)
def test_bad_samples(x, y, weight, message):
    with pytest.raises(ValueError, match=message):
        Samples.of(x, y, weight)
