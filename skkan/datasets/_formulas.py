"""Formulas of the KAN literature and special functions, read from tables and sampled."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from numbers import Integral, Real

import numpy as np
from scipy import special
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_params

from skkan._typing import FloatArray

_SPECIAL: dict[str, Callable[[FloatArray, FloatArray], FloatArray]] = {
    "jacobi_elliptic_sn": lambda x, y: special.ellipj(x, y)[0],
    "elliptic_incomplete_first": special.ellipkinc,
    "elliptic_incomplete_second": special.ellipeinc,
    "bessel_first_kind": special.jv,
    "bessel_second_kind": special.yv,
    "modified_bessel_second": special.kv,
    "modified_bessel_first": special.iv,
    "associated_legendre_0_2": lambda x, y: 0.5 * (3.0 * x**2 - 1.0) * np.ones_like(y),
    "associated_legendre_1_2": lambda x, y: -3.0 * x * np.sqrt(1.0 - x**2) * np.cos(y),
    "spherical_harmonic_1_1_real": lambda x, y: (
        -0.5 * np.sqrt(3.0 / (2.0 * np.pi)) * np.sin(x) * np.cos(y)
    ),
    "spherical_harmonic_0_2": lambda x, y: (
        0.25 * np.sqrt(5.0 / np.pi) * (3.0 * np.cos(x) ** 2 - 1.0) * np.ones_like(y)
    ),
    "spherical_harmonic_2_2_real": lambda x, y: (
        0.25 * np.sqrt(15.0 / (2.0 * np.pi)) * np.sin(x) ** 2 * np.cos(2.0 * y)
    ),
}


@dataclass(frozen=True)
class Formula:
    """A function of a few variables.

    Attributes
    ----------
    name : str
        By which :func:`make_formula` knows it.
    family : {"toy", "physics", "feynman", "special"}
        Where it comes from.
    expression : str
        For SymPy, or the call of ``scipy.special`` for the family "special".
    variables : tuple of str
        Names of the columns.
    low, high : tuple of float
        Ranges from which the variables are drawn uniformly.
    shape : tuple of int
        Shape of a network that represents or approximates the formula.
    """

    name: str
    family: str
    expression: str
    variables: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    shape: tuple[int, ...]

    def __call__(self, X: FloatArray) -> FloatArray:
        """Evaluate the formula.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_variables)
            Points.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Values.
        """
        values = _function(self.name)(*X.T)
        return np.broadcast_to(np.asarray(values, dtype=np.float64), len(X)).copy()


@cache
def _formulas() -> dict[str, Formula]:
    folder = files("skkan.datasets") / "data"
    found = {}
    for row in csv.DictReader((folder / "formulas.csv").read_text().splitlines()):
        found[row["name"]] = Formula(
            row["name"],
            row["family"],
            row["expression"],
            tuple(row["variables"].split()),
            tuple(float(bound) for bound in row["low"].split()),
            tuple(float(bound) for bound in row["high"].split()),
            tuple(int(width) for width in row["shape"].split()),
        )
    for row in csv.DictReader((folder / "special_functions.csv").read_text().splitlines()):
        found[row["name"]] = Formula(
            row["name"],
            "special",
            row["scipy_call"],
            ("x", "y"),
            tuple(float(bound) for bound in row["low"].split()),
            tuple(float(bound) for bound in row["high"].split()),
            tuple(int(width) for width in row["shape"].split()),
        )
    return found


@cache
def _function(name: str) -> Callable[..., FloatArray]:
    if name in _SPECIAL:
        return _SPECIAL[name]
    # Loaded on use: SymPy takes longer to import than the rest of the package.
    import sympy  # noqa: PLC0415

    formula = get_formula(name)
    symbols = sympy.symbols(formula.variables)
    local = dict(zip(formula.variables, symbols, strict=True))
    expression = sympy.sympify(formula.expression, locals=local)
    return sympy.lambdify(symbols, expression, modules=["scipy", "numpy"])


def formula_names(family: str | None = None) -> list[str]:
    """Return the names of all formulas, or of those of one family.

    Parameters
    ----------
    family : {"toy", "physics", "feynman", "special"}, optional
        Family wanted.

    Examples
    --------
    >>> from skkan.datasets import formula_names
    >>> formula_names("physics")
    ['relativity_addition', 'log_singular', 'root_sum_sq']
    """
    return [f.name for f in _formulas().values() if family is None or f.family == family]


def get_formula(name: str) -> Formula:
    """Return the formula of that name, with its ranges and shape.

    Parameters
    ----------
    name : str
        One of :func:`formula_names`.

    Raises
    ------
    ValueError
        If there is no such formula.

    Examples
    --------
    >>> from skkan.datasets import get_formula
    >>> get_formula("exp_sin_sq").expression
    'exp(sin(pi*x)+y**2)'
    """
    formulas = _formulas()
    if name not in formulas:
        raise ValueError(f"name={name!r} is no known formula; choose from {list(formulas)}.")
    return formulas[name]


@validate_params(
    {
        "name": [str],
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_formula(
    name: str,
    n_samples: int = 1000,
    *,
    noise: float = 0.0,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Sample a formula.

    Parameters
    ----------
    name : str
        One of :func:`formula_names`; :func:`get_formula` tells its expression and ranges. The
        formulas are toy functions of the KAN literature, relations of physics, the dimensionless
        Feynman equations of the KAN paper, and bivariate special functions.
    n_samples : int, default=1000
        Number of samples, drawn uniformly from the formula's ranges.
    noise : float, default=0.0
        Standard deviation of the normal noise added to ``y``, in units of ``y``.
    random_state : int, RandomState instance or None, default=None
        Source of randomness.

    Returns
    -------
    X : ndarray of shape (n_samples, n_variables)
        Points.
    y : ndarray of shape (n_samples,)
        Values of the formula.

    Raises
    ------
    ValueError
        If there is no such formula.

    References
    ----------
    S.-M. Udrescu and M. Tegmark, "AI Feynman", Science Advances 2020.
    Z. Liu et al., "KAN: Kolmogorov-Arnold Networks", arXiv:2404.19756, sections 3.2 and 3.3.

    Examples
    --------
    >>> from skkan.datasets import make_formula
    >>> X, y = make_formula("I.9.18", n_samples=50, random_state=0)
    >>> X.shape, y.shape
    ((50, 6), (50,))
    """
    formula = get_formula(name)
    rng = check_random_state(random_state)
    X = rng.uniform(formula.low, formula.high, size=(n_samples, len(formula.variables)))
    y = formula(X)
    if noise > 0.0:
        y += rng.normal(scale=noise, size=n_samples)
    return X, y
