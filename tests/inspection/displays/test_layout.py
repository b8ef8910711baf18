from itertools import pairwise

import numpy as np
import pytest

from skkan.inspection.displays._layout import NODE_RADIUS, layout

SHAPES = [(2, 1, 1), (2, 5, 1), (4, 5, 3), (10, 10, 5), (1, 1), (40, 10, 1)]


def plan_of(shape):
    arities = [(1,) * size for size in shape[1:]]
    return layout(shape[0], arities, [a * b for a, b in pairwise(shape)])


@pytest.mark.parametrize("shape", SHAPES)
def test_frames_overlap_nothing(shape):
    plan = plan_of(shape)
    for centres, size, below, above in zip(
        plan.frames, plan.frame_sizes, plan.nodes[:-1], plan.subnodes, strict=True
    ):
        gaps = np.abs(centres[:, None] - centres[None]).max(axis=2)
        gaps[np.diag_indices(len(centres))] = np.inf
        assert gaps.min() > 1.02 * size
        assert centres[:, 0].min() >= size / 2
        assert centres[:, 0].max() <= plan.width - size / 2 + 1e-9
        assert centres[:, 1].min() - size / 2 > below[:, 1].max() + NODE_RADIUS
        assert centres[:, 1].max() + size / 2 < above[:, 1].min() - NODE_RADIUS
        assert size > 0.3


@pytest.mark.parametrize("shape", SHAPES)
def test_nodes_overlap_nothing(shape):
    plan = plan_of(shape)
    for nodes in plan.nodes:
        assert np.all(np.diff(nodes[:, 0]) > 3 * NODE_RADIUS)
        assert nodes[:, 1].min() >= NODE_RADIUS - 1e-9
        assert nodes[:, 1].max() <= plan.height - NODE_RADIUS + 1e-9


def test_factors_hang_below_their_product():
    plan = layout(2, [(1, 2, 3), (1,)], [12, 3])
    ends, nodes = plan.subnodes[0], plan.nodes[1]
    np.testing.assert_array_equal(ends[0], nodes[0])
    for factors, node in ((ends[1:3], nodes[1]), (ends[3:], nodes[2])):
        np.testing.assert_allclose(factors[:, 0].mean(), node[0])
        assert np.all(factors[:, 1] < node[1] - NODE_RADIUS)


def test_a_layer_without_edges_has_no_frames():
    assert layout(2, [(1,)], [0]).frames[0].shape == (0, 2)
