import numpy as np
import pytest

from skkan.solvers._factors import stable_factors


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_singular_gram_matrices_of_every_precision_have_factors(dtype):
    rng = np.random.default_rng(0)
    thin = (rng.normal(size=(4, 30, 5)) * 10.0 ** rng.uniform(-4, 4, 5)).astype(dtype)
    wide = np.concatenate([thin, thin, np.zeros_like(thin)], axis=2)
    gram = (wide.transpose(0, 2, 1) @ wide).astype(np.float64)
    mean = np.einsum("kii->ki", gram).mean(axis=1)
    factors = stable_factors(gram, mean)
    gap = factors @ factors.transpose(0, 2, 1) - gram
    assert np.all(np.abs(gap).max(axis=(1, 2)) <= 1e-4 * mean)
    assert np.all(np.einsum("kii->ki", factors) > 0.0)


def test_what_is_not_finite_is_left_out():
    matrices = np.array([np.eye(2), [[np.inf, 0.0], [0.0, np.nan]]])
    factors = stable_factors(matrices, np.array([1.0, np.inf]))
    np.testing.assert_allclose(factors, np.array([np.eye(2)] * 2), atol=1e-8)
