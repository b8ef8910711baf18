"""Whether functions of a restricted form are enough to explain targets.

Targets are fitted by the functions of the form, and by further functions as well. If the form is
right, what the further functions add is noise, and the ratio of its mean square to that of the rest
follows an F distribution. Splines are never quite right: what they miss of a function of the form
is allowed for by a small share of the variance, which makes the distribution a non-central one.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import f as f_distribution
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d

from skkan._typing import FloatArray
from skkan.discovery._inputs import checked_table
from skkan.inspection.displays._matplotlib import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Evidence against a form: chance alone gives less in 99 of 100 tables, and forms that miss less
# than this share of the variance are right for all purposes.
LEVEL, TOLERANCE = 0.01, 0.01
# Share of the variance that splines of the form may miss without any evidence against the form.
ERROR_OF_SPLINES = 1e-5
MAX_ROWS = 3000
MAX_RESTRICTED, MAX_FURTHER = 200, 150
SAMPLES_PER_FUNCTION = 5


@dataclass(frozen=True)
class StructureTest:
    """Evidence for or against a structure.

    Attributes
    ----------
    structure : str
        What was tested.
    holds : bool
        Whether the data do not speak against it: `p_value` is at least 0.01, or `violation` at
        most 0.01.
    p_value : float
        Probability, if the structure holds but for 1e-5 of the variance, that chance speaks
        as clearly against it.
    violation : float
        Share of the variance of the targets that the structure leaves and other functions explain,
        corrected for chance.
    r2 : float
        Share of the variance explained by functions of the structure, corrected for chance.
    details : dict
        What else was found, such as a direction.
    """

    structure: str
    holds: bool
    p_value: float
    violation: float
    r2: float
    details: dict[str, Any] = field(default_factory=dict)
    fits: tuple[FloatArray, FloatArray] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        verdict = "holds" if self.holds else "does not hold"
        more = "".join(f", {name} = {value}" for name, value in self.details.items())
        return (
            f"{self.structure}: {verdict} (p = {self.p_value:.3g}, violation = "
            f"{self.violation:.2g}, R^2 = {self.r2:.4f}{more})"
        )

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the fit of the structure against the fit without it; on the line they agree.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default those of a new figure.
        """
        ax = axes_or_new("StructureTest.plot", ax)
        assert self.fits is not None
        free, restricted = self.fits
        ax.plot(free, restricted, ".", ms=3, alpha=0.5)
        ends = [float(free.min()), float(free.max())]
        ax.plot(ends, ends, color="0.5", lw=1)
        ax.set(xlabel="fit without the structure", ylabel="fit with it")
        ax.set_title(f"{self.structure}: {'holds' if self.holds else 'does not hold'}")
        return ax


def samples_of(X: ArrayLike, y: Any) -> tuple[FloatArray, FloatArray, list[str]]:
    """Return inputs, targets and names of columns.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_columns)
        Inputs.
    y : array-like of shape (n_samples,) or estimator
        Targets, or a fitted estimator, of which ``decision_function`` or else ``predict`` gives
        them.

    Raises
    ------
    ValueError
        If the samples cannot be used.
    """
    table, names = checked_table(X)
    if hasattr(y, "predict"):
        check_is_fitted(y)
        y = getattr(y, "decision_function", y.predict)(X)
        if np.ndim(y) != 1:
            raise ValueError(
                f"the estimator has {np.shape(y)[1]} outputs; pass one of them as an array y."
            )
    target = column_or_1d(check_array(y, ensure_2d=False, dtype=np.float64, input_name="y"))
    if len(target) != len(table):
        raise ValueError(f"X has {len(table)} samples, but y has {len(target)}.")
    if np.ptp(target) == 0.0:
        raise ValueError("y is constant: any structure holds, and nothing can be tested.")
    flat = [name for name, own in zip(names, table.T, strict=True) if np.ptp(own) == 0.0]
    if flat:
        raise ValueError(f"the columns {flat} of X are constant; leave them out.")
    rows = np.linspace(0, len(table) - 1, min(len(table), MAX_ROWS)).astype(int)
    return table[rows], target[rows], names


def orthonormal(design: FloatArray, most: int, floor: float = 0.0) -> FloatArray:
    """Return orthonormal combinations of columns, at most so many, those that vary most."""
    left, sizes, _ = np.linalg.svd(design, full_matrices=False)
    count = int(np.count_nonzero(sizes > max(1e-7 * sizes[0], floor)))
    return left[:, : min(count, most)]


def weigh(
    structure: str,
    restricted: FloatArray,
    further: FloatArray,
    y: FloatArray,
    n_other: int = 0,
    details: dict[str, Any] | None = None,
    samples_per_function: int = SAMPLES_PER_FUNCTION,
) -> StructureTest:
    """Compare the functions of a structure to these and others.

    Parameters
    ----------
    structure : str
        Its name.
    restricted, further : ndarray of shape (n_samples, n_functions)
        Functions of the structure, and functions that need not be.
    y : ndarray of shape (n_samples,)
        Targets.
    n_other : int, default=0
        Parameters of the structure that have been fitted before.
    details : dict, optional
        What else to tell.
    samples_per_function : int, default=5
        At least so many samples are needed for each function of the structure.
    """
    count = len(y)
    own = orthonormal(restricted, count // samples_per_function)
    left = y - own @ (own.T @ y)
    rest = further - own @ (own.T @ further)
    floor = 1e-6 * float(np.linalg.norm(further, 2))
    others = orthonormal(rest, min(count // SAMPLES_PER_FUNCTION, MAX_FURTHER), floor)
    gain = others @ (others.T @ left)
    n_gain, n_left = others.shape[1], count - own.shape[1] - others.shape[1] - n_other
    total = float(np.var(y)) * count
    last = left - gain
    by_gain, by_left = float(gain @ gain), float(last @ last)
    noise = max(by_left / n_left, 1e-24 * total)
    if n_gain == 0:
        p_value, violation = 1.0, 0.0
    else:
        ratio = by_gain / n_gain / noise
        p_value = _tail(ratio, n_gain, n_left, ERROR_OF_SPLINES * total / noise)
        violation = max(by_gain - n_gain * noise, 0.0) / total
    r2 = 1.0 - float(left @ left) / max(count - own.shape[1] - n_other, 1) * count / total
    holds = p_value >= LEVEL or violation <= TOLERANCE
    fits = y - last, y - left
    return StructureTest(structure, holds, p_value, violation, r2, details or {}, fits)


def _tail(ratio: float, n_above: int, n_below: int, offset: float) -> float:
    """Return the upper tail of a non-central F distribution, by Patnaik's approximation.

    It is exact without an offset, and stays finite where the offset is huge, without noise.
    """
    degrees = (n_above + offset) ** 2 / (n_above + 2.0 * offset)
    return float(f_distribution.sf(ratio / (1.0 + offset / n_above), degrees, n_below))
