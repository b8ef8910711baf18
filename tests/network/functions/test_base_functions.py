import numpy as np
import pytest
from networks import assert_close

from skkan.network.functions._base_functions import BASE_FUNCTIONS

POINTS = np.linspace(-4.0, 4.0, 81)
FUNCTIONS = {name: function for name, function in BASE_FUNCTIONS.items() if function is not None}


def differences(function, step=1e-5):
    return (function(POINTS + step) - function(POINTS - step)) / (2.0 * step)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_agree_with_differences(name):
    function = FUNCTIONS[name]
    assert_close(function.slope(POINTS), differences(function.value), 1e-9)
    np.testing.assert_allclose(
        function.curvature(POINTS), differences(function.slope), rtol=0.0, atol=1e-9
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("identity", POINTS),
        ("silu", POINTS / (1.0 + np.exp(-POINTS))),
        ("tanh", np.tanh(POINTS)),
        ("sin", np.sin(POINTS)),
    ],
)
def test_values(name, expected):
    np.testing.assert_allclose(FUNCTIONS[name].value(POINTS), expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_far_arguments_neither_overflow_nor_warn(name):
    function = FUNCTIONS[name]
    far = np.array([-1e5, -800.0, 800.0, 1e5])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        for part in (function.value, function.slope, function.curvature):
            assert np.all(np.isfinite(part(far)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_do_not_share_memory_with_the_argument(name):
    u = POINTS.copy()
    FUNCTIONS[name].value(u)[:] = 0.0
    np.testing.assert_array_equal(u, POINTS)


def test_functions_are_known_by_their_names():
    assert all(function.name == name for name, function in FUNCTIONS.items())
    assert set(BASE_FUNCTIONS) - set(FUNCTIONS) == {"zero"}
