"""How many samples weights stand for.

Two things are expected of weights: a whole number says how often a row counts, so that it is the
same as the row repeated; and their unit does not matter, because few weights are counts. One rule
gives both.

- Weights that are all multiples of the smallest of them are counts in its unit: 0.5 and 1.5 are 1
  and 3. So are weights that are no more than 20 times some other common unit: 0.2 and 0.3 are 2
  and 3.
- Others are degrees of importance, and together stand for Kish's effective number of samples,
  ``(sum w)^2 / sum w^2``: as many samples of equal weight would leave a mean as uncertain.

References
----------
L. Kish, *Survey Sampling*, Wiley 1965, section 11.7.
"""

from dataclasses import dataclass

import numpy as np

from skkan._typing import FloatArray

# Multiples up to which a unit need not be a weight itself, and up to which numbers are multiples.
SMALL_COUNT, LARGEST_COUNT = 20, 2.0**40
ROUNDING = 1e-9
SAFE_EXPONENT = 512
# More different ones are no counts.
MOST_DIFFERENT = 1000


@dataclass(frozen=True)
class WeightUnit:
    """What weights are divided by to be numbers of samples.

    Attributes
    ----------
    unit : float
        The divisor.
    is_count : bool
        Whether the quotients are whole numbers, but for rounding.
    """

    unit: float
    is_count: bool

    def counted(self, weight: FloatArray) -> FloatArray:
        """Return weights as numbers of samples."""
        ratio = weight / self.unit
        return np.round(ratio) if self.is_count else ratio


@dataclass(frozen=True)
class WeightSummary:
    """What is to be known of weights to find their unit; parts of them can be put together.

    Attributes
    ----------
    different : ndarray
        Positive weights, sorted and each once, unless they are too many to be counts.
    highest : float
        Largest weight.
    total, squares : float
        Sums of the weights and of their squares, for a largest weight of 1.
    """

    different: FloatArray
    highest: float
    total: float
    squares: float

    @classmethod
    def of(cls, weight: FloatArray) -> "WeightSummary":
        """Look through non-negative weights."""
        different = np.unique(weight[weight > 0.0])
        if not len(different):
            return cls(different, 0.0, 0.0, 0.0)
        highest = float(different[-1])
        # Squares of the largest or smallest numbers would not be representable.
        share = weight / highest
        sums = float(share.sum()), float((share**2).sum())
        return cls(different[: MOST_DIFFERENT + 1], highest, *sums)

    def merged(self, other: "WeightSummary") -> "WeightSummary":
        """Return the summary of these weights and others."""
        highest = max(self.highest, other.highest)
        if highest == 0.0:
            return self
        a, b = self.highest / highest, other.highest / highest
        return WeightSummary(
            np.union1d(self.different, other.different)[: MOST_DIFFERENT + 1],
            highest,
            a * self.total + b * other.total,
            a**2 * self.squares + b**2 * other.squares,
        )

    def unit(self) -> WeightUnit:
        """Return the unit of the weights, by the rule of this module."""
        if len(self.different) <= MOST_DIFFERENT:
            for count in range(1, SMALL_COUNT + 1):
                unit = self.different[0] / count
                ratio = self.different / unit
                if ratio[-1] > (1.0 + ROUNDING) * (LARGEST_COUNT if count == 1 else SMALL_COUNT):
                    break
                if np.all(np.abs(ratio - np.round(ratio)) <= ROUNDING * ratio):
                    return WeightUnit(float(unit), is_count=True)
        return WeightUnit(self.highest * self.squares / self.total, is_count=False)


def in_range(weight: FloatArray, largest: float | None = None) -> FloatArray:
    """Return weights whose sums and quotients are representable; their unit is free to choose.

    Only weights near the ends of the range of floating-point numbers are changed, by a power of
    two.
    """
    exponent = int(np.frexp(weight.max(initial=0.0) if largest is None else largest)[1])
    return weight if abs(exponent) <= SAFE_EXPONENT else np.ldexp(weight, -exponent)


def unit_of_weights(weight: FloatArray) -> WeightUnit:
    """Return the unit of weights, by the rule of this module.

    Parameters
    ----------
    weight : ndarray of shape (n_samples,)
        Non-negative weights, not all of them zero.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.data._weights import unit_of_weights
    >>> weight = np.array([0.2, 0.3, 0.0, 0.2])
    >>> unit_of_weights(weight).counted(weight)
    array([2., 3., 0., 2.])
    >>> weight = np.array([0.1, np.pi])
    >>> float(unit_of_weights(weight).counted(weight).sum().round(2))
    1.06
    """
    return WeightSummary.of(weight).unit()


def without_common_factor(counts: FloatArray) -> FloatArray:
    """Return counts of different rows divided by what they have in common.

    Copies of all rows say no more than one of each.

    Parameters
    ----------
    counts : ndarray of shape (n_samples,)
        Positive numbers; if they are not whole, they are returned as they are.
    """
    if counts.max() > LARGEST_COUNT or np.any(counts != np.round(counts)):
        return counts
    return counts / np.gcd.reduce(counts.astype(np.int64))
