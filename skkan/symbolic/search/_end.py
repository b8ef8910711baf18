"""When a search ends: formulas that leave nothing to explain, and networks that cannot help."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skkan._typing import FloatArray
from skkan.data._samples import spread_rows
from skkan.network._hidden_layers import parsed
from skkan.symbolic.division._subproblem import is_white
from skkan.symbolic.search._description import Noise
from skkan.symbolic.search._equation_rows import Samples

MAX_ROWS = 2000
# A formula is settled from so many samples on, if no neighbours are alike in what it leaves, few
# and many of them, by so many standard deviations.
FEWEST_ROWS, N_NEIGHBOURS, UNLIKELY = 8, (2, 10), 3.0
# Decimal constants of a formula that is settled without division: a product of powers has one.
N_DIRECT = 1
# And of one that is settled without larger networks.
N_SETTLED = 4
# Multiples of the share of noise that the parameters of a network explain by chance.
FOLLOWED = 3.0
# A spline has as many coefficients more than grid intervals.
DEGREE = 3


def is_settled(
    formula: Any,
    predict: Callable[[FloatArray], FloatArray],
    samples: Samples,
    noise: Noise,
    most: int,
) -> bool:
    """Tell whether a formula is short and leaves nothing to explain.

    Parameters
    ----------
    formula : sympy.Expr
        The formula.
    predict : callable
        The formula as a function of the samples.
    samples : tuple of ndarray
        Inputs, targets and weights.
    noise : Noise
        In which scale errors count.
    most : int
        Decimal constants that it may have: more follow any curve as far as noise shows it.

    Examples
    --------
    >>> import numpy as np
    >>> import sympy
    >>> from skkan.symbolic.search._description import Noise
    >>> from skkan.symbolic.search._end import is_settled
    >>> x = sympy.Symbol("x")
    >>> X = np.linspace(0.0, 1.0, 100)[:, None]
    >>> y = 2.5 * X[:, 0] + 0.1 * np.random.default_rng(0).normal(size=100)
    >>> samples = X, y, np.ones(100)
    >>> is_settled(2.5 * x, lambda X: 2.5 * X[:, 0], samples, Noise(), 1)
    True
    >>> is_settled(2.5 * x**2, lambda X: 2.5 * X[:, 0] ** 2, samples, Noise(), 1)
    False
    """
    X, y, weight = samples
    if len(y) < FEWEST_ROWS or not formula.free_symbols:
        return False
    if sum(own.is_Float for own in formula.atoms()) > most:
        return False
    target = noise.target(y)
    with np.errstate(all="ignore"):
        own = noise.target(predict(X))
    left = (target - own) * np.sqrt(weight)
    few = spread_rows(len(y), MAX_ROWS)
    return all(is_white(X[few], left[few], count, UNLIKELY) for count in N_NEIGHBOURS)


def mimics(formula: Any) -> bool:
    """Tell whether a formula has a column in two places: polynomials mimic functions.

    Examples
    --------
    >>> import sympy
    >>> from skkan.symbolic.search._end import mimics
    >>> x = sympy.Symbol("x")
    >>> mimics(1 + x + x**2 / 2), mimics(sympy.exp(x))
    (True, False)
    """
    return any(formula.count(own) > 1 for own in formula.free_symbols)


def has_more_coefficients(sizes: Any, grid_size: ArrayLike, X: FloatArray) -> bool:
    """Tell whether a network has more coefficients than there are different samples.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.symbolic.search._end import has_more_coefficients
    >>> X = np.zeros((30, 2))
    >>> has_more_coefficients((1,), 5, X), has_more_coefficients((2,), 5, X)
    (False, True)
    """
    n_edges, n_before = 0, X.shape[1]
    for own in parsed(sizes):
        n_edges += n_before * sum(own)
        n_before = len(own)
    return (n_edges + n_before) * (int(np.min(grid_size)) + DEGREE) > len(X)


def follows_more(loss: float, before: float, n_parameters: int, n_samples: int) -> bool:
    """Tell whether a network leaves less than a formula does, by more than chance.

    Parameters
    ----------
    loss, before : float
        Mean squared errors of network and formula.
    n_parameters, n_samples : int
        Parameters of the network, and samples.

    Examples
    --------
    >>> from skkan.symbolic.search._end import follows_more
    >>> follows_more(0.9, 1.0, 10, 100), follows_more(0.6, 1.0, 10, 100)
    (False, True)
    """
    return loss < before * (1.0 - FOLLOWED * n_parameters / n_samples)
