import numpy as np
import pytest
from networks import assert_close, even_grid
from scipy.sparse import issparse

from skkan.network import _features
from skkan.network._features import LocalFeatures, as_dense, leaves_out_zeros


def draw(rng, with_base):
    first, splines = even_grid(3, 5, 3).local(rng.uniform(-1.2, 1.2, size=(20, 3)))
    base = rng.normal(size=(20, 3)) if with_base else None
    return LocalFeatures(first, splines[0], base, 8 + with_base)


@pytest.fixture(params=[False, True], ids=["dense", "sparse"])
def sparse(request, monkeypatch):
    monkeypatch.setattr(_features, "SPARSE_FROM", 8 if request.param else 10)
    return request.param


@pytest.mark.parametrize("with_base", [False, True])
def test_the_matrix_holds_all_features(sparse, with_base):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.2, 1.2, size=(20, 3))
    features = draw(np.random.default_rng(0), with_base)
    matrix = features.matrix()
    assert issparse(matrix) == sparse == leaves_out_zeros(features.n_features)
    dense = as_dense(matrix).reshape(20, 3, -1)
    assert_close(dense[:, :, :8], even_grid(3, 5, 3).dense(x), 1e-15)
    if with_base:
        np.testing.assert_array_equal(dense[:, :, 8], features.base)


@pytest.mark.parametrize("n_subnodes", [1, 4])
@pytest.mark.parametrize("with_base", [False, True])
def test_sums_are_those_of_the_matrix(sparse, with_base, n_subnodes):
    rng = np.random.default_rng(1)
    features = draw(rng, with_base)
    assert leaves_out_zeros(features.n_features) == sparse
    coef = rng.normal(size=(3 * features.n_features, n_subnodes))
    factors, weights = rng.normal(size=(20, 3)), rng.normal(size=(20, n_subnodes))
    dense = as_dense(features.matrix()).reshape(20, 3, -1)
    by_edge = np.einsum("nim,imj->nij", dense, coef.reshape(3, -1, n_subnodes))
    assert_close(features.by_edge(coef), by_edge, 1e-14)
    expected = np.einsum("nij,nj->ni", by_edge, weights)
    assert_close(features.contracted(coef, weights), expected, 1e-14)
    scaled = as_dense(features.scaled(factors).matrix()).reshape(20, 3, -1)
    assert_close(scaled, factors[:, :, None] * dense, 1e-15)
