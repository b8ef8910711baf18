import re

import numpy as np
import pytest

from skkan.network._hidden_layers import is_integer, parsed, written, written_shape

READINGS = [
    ((), ()),
    (3, ((1, 1, 1),)),
    (np.int64(2), ((1, 1),)),
    ((2, 1), ((1, 1), (1,))),
    (((2, 1),), ((1, 1, 2),)),
    ([[2, 1]], ((1, 1, 2),)),
    (np.array([[2, 1], [0, 2]]), ((1, 1, 2), (2, 2))),
    (((0, (3,)),), ((3,),)),
    (((1, (2, 4)), 2), ((1, 2, 4), (1, 1))),
    (((2, 0),), ((1, 1),)),
    (((2, ()),), ((1, 1),)),
]


@pytest.mark.parametrize(("given", "arities"), READINGS)
def test_sizes_are_read(given, arities):
    assert parsed(given) == arities


@pytest.mark.parametrize(("_given", "arities"), READINGS)
def test_written_sizes_are_read_as_the_same_layers(_given, arities):
    assert parsed(written(arities)) == arities


def test_shortest_way_to_write():
    assert written([(1, 1), (1, 2), (2, 3)]) == (2, (1, 1), (0, (2, 3)))
    assert written([(2, 1)]) == ((1, 1),)
    assert written_shape((4, 2, 1), [(1, 2)]) == (4, (1, 1), 1)


@pytest.mark.parametrize(
    "entry", [(0, 0), (1, (1,)), (-1, 2), (2,), (1, 1, 1), "a", 0, 1.5, (1, None), ((1,), 1)]
)
def test_what_is_wrong_is_named(entry):
    match = re.escape(f"got the entry {entry!r} in {(2, entry)!r}")
    with pytest.raises(ValueError, match=match):
        parsed((2, entry))


def test_booleans_are_no_integers():
    assert is_integer(np.int32(1))
    assert is_integer(0, 0)
    assert not any(map(is_integer, [True, 0, 1.0, "1", None]))
