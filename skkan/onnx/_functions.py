"""Elementary functions of ONNX values, for both precisions.

Run times have kernels in double precision for few of the standard operators. The others are
composed of those, and the inverse tangent and the Bessel function are rational approximations.

References
----------
S. L. Moshier, *Cephes Mathematical Library*, release 2.8, functions ``atan`` and ``j0``.
"""

import math
from collections.abc import Callable

import numpy as np

from skkan.onnx._graph import Graph

_ATAN_P = (
    *(-8.750608600031904122785e-1, -1.615753718733365076637e1, -7.500855792314704667340e1),
    *(-1.228866684490136173410e2, -6.485021904942025371773e1),
)
_ATAN_Q = (
    *(1.0, 2.485846490142306297962e1, 1.650270098316988542046e2, 4.328810604912902668951e2),
    *(4.853903996359136964868e2, 1.945506571482613964425e2),
)
_J0_ZEROS = (5.78318596294678452118, 3.04712623436620863991e1)
_J0_RP = (
    *(-4.79443220978201773821e9, 1.95617491946556577543e12, -2.49248344360967716204e14),
    9.70862251047306323952e15,
)
_J0_RQ = (
    *(1.0, 4.99563147152651017219e2, 1.73785401676374683123e5, 4.84409658339962045305e7),
    *(1.11855537045356834862e10, 2.11277520115489217587e12, 3.10518229857422583814e14),
    *(3.18121955943204943306e16, 1.71086294081043136091e18),
)
_J0_PP = (
    *(7.96936729297347051624e-4, 8.28352392107440799803e-2, 1.23953371646414299388),
    *(5.44725003058768775090, 8.74716500199817011941, 5.30324038235394892183),
    9.99999999999999997821e-1,
)
_J0_PQ = (
    *(9.24408810558863637013e-4, 8.56288474354474431428e-2, 1.25352743901058953537),
    *(5.47097740330417105182, 8.76190883237069594232, 5.30605288235394617618),
    1.00000000000000000218,
)
_J0_QP = (
    *(-1.13663838898469149931e-2, -1.28252718670509318512, -1.95539544257735972385e1),
    *(-9.32060152123768231369e1, -1.77681167980488050595e2, -1.47077505154951170175e2),
    *(-5.14105326766599330220e1, -6.05014350600728481186),
)
_J0_QQ = (
    *(1.0, 6.43178256118178023184e1, 8.56430025976980587198e2, 3.88240183605401609683e3),
    *(7.24046774195652478189e3, 5.93072701187316984827e3, 2.06209331660327847417e3),
    2.42005740240291393179e2,
)


def _atan(graph: Graph, x: str) -> str:
    """Return the inverse tangent, after a reduction to arguments below 0.66."""
    size = graph.add("Abs", x)
    far = graph.add("Greater", size, math.tan(0.375 * math.pi))
    middle = graph.add("Greater", size, 0.66)
    turned = graph.add("Div", graph.add("Sub", size, 1.0), graph.add("Add", size, 1.0))
    inner = graph.add("Where", middle, turned, size)
    inner = graph.add("Where", far, graph.add("Div", -1.0, size), inner)
    start = graph.add("Where", middle, np.array(0.25 * math.pi), np.array(0.0))
    start = graph.add("Where", far, np.array(0.5 * math.pi), start)
    square = graph.add("Mul", inner, inner)
    bend = graph.add("Mul", square, graph.rational(square, _ATAN_P, _ATAN_Q))
    angle = graph.sum([start, inner, graph.add("Mul", inner, bend)])
    return graph.add("Mul", _sign(graph, x), angle)


def _asin(graph: Graph, x: str) -> str:
    root = graph.add("Sqrt", graph.add("Mul", graph.add("Sub", 1.0, x), graph.add("Add", 1.0, x)))
    return graph.add("Mul", 2.0, _atan(graph, graph.add("Div", x, graph.add("Add", 1.0, root))))


def _acos(graph: Graph, x: str) -> str:
    quotient = graph.add("Div", graph.add("Sub", 1.0, x), graph.add("Add", 1.0, x))
    return graph.add("Mul", 2.0, _atan(graph, graph.add("Sqrt", quotient)))


def _atanh(graph: Graph, x: str) -> str:
    quotient = graph.add("Div", graph.add("Add", 1.0, x), graph.add("Sub", 1.0, x))
    return graph.add("Mul", 0.5, graph.add("Log", quotient))


def _tan(graph: Graph, x: str) -> str:
    return graph.add("Div", graph.add("Sin", x), graph.add("Cos", x))


def _cosh(graph: Graph, x: str) -> str:
    half = graph.add("Mul", 0.5, graph.add("Exp", x))
    return graph.add("Add", half, graph.add("Div", 0.25, half))


def _sinh(graph: Graph, x: str) -> str:
    half = graph.add("Mul", 0.5, graph.add("Exp", x))
    return graph.add("Sub", half, graph.add("Div", 0.25, half))


def _sign(graph: Graph, x: str) -> str:
    """Return the sign, NaN for NaN."""
    return graph.add("Where", graph.add("IsNaN", x), x, graph.add("Sign", x))


def _j0(graph: Graph, x: str) -> str:
    """Return the Bessel function of order 0, near its first two zeros and far from them."""
    size = graph.add("Abs", x)
    square = graph.add("Mul", x, x)
    near = graph.product(
        [
            graph.rational(square, _J0_RP, _J0_RQ),
            graph.add("Sub", square, _J0_ZEROS[0]),
            graph.add("Sub", square, _J0_ZEROS[1]),
        ]
    )
    inverse = graph.add("Div", 5.0, size)
    small = graph.add("Mul", inverse, inverse)
    phase = graph.add("Sub", size, 0.25 * math.pi)
    wave = graph.add("Mul", graph.rational(small, _J0_PP, _J0_PQ), graph.add("Cos", phase))
    shifted = graph.product(
        [inverse, graph.rational(small, _J0_QP, _J0_QQ), graph.add("Sin", phase)]
    )
    envelope = graph.add("Div", math.sqrt(2.0 / math.pi), graph.add("Sqrt", size))
    far = graph.add("Mul", envelope, graph.add("Sub", wave, shifted))
    return graph.add("Where", graph.add("LessOrEqual", size, 5.0), near, far)


def _operator(kind: str) -> Callable[[Graph, str], str]:
    return lambda graph, x: graph.add(kind, x)


FUNCTIONS: dict[str, Callable[[Graph, str], str]] = {
    "Abs": _operator("Abs"),
    "acos": _acos,
    "asin": _asin,
    "atan": _atan,
    "atanh": _atanh,
    "cos": _operator("Cos"),
    "cosh": _cosh,
    "exp": _operator("Exp"),
    "floor": _operator("Floor"),
    "ceiling": _operator("Ceil"),
    "j0": _j0,
    "log": _operator("Log"),
    "sign": _sign,
    "sin": _operator("Sin"),
    "sinh": _sinh,
    "tan": _tan,
    "tanh": _operator("Tanh"),
}
"""Functions by SymPy's names for them."""
