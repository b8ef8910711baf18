"""What a target asks of the fit: what a family of losses is, and normal residuals.

A family turns samples into sums of squares, once for normal residuals, on working weights again and
again for other losses (:mod:`skkan.anova._reweighted`), and hands them to the marginal likelihood.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from skkan._typing import FloatArray
from skkan.anova._design import Design
from skkan.anova._evidence import Layout, Posterior, Response, maximised
from skkan.data._blocks import Block, Rows


@dataclass(frozen=True)
class Solution:
    """A design with its coefficients and variances.

    Attributes
    ----------
    design : Design
        Columns of the model.
    coef : ndarray of shape (n_columns, n_outputs)
        Coefficients.
    used : ndarray of shape (n_columns, n_outputs)
        Effective degrees of freedom of every coefficient.
    posteriors : tuple of Posterior
        Of every output; empty while the fit is under way.
    evidence : float
        Log marginal likelihood of all outputs.
    loss : float
        Mean loss with the penalty.
    blur : ndarray of shape (n_outputs,)
        Variance of a change of every output that raises the mean loss by as much as there is of
        it: of the noise, where residuals are normal. Zero while the fit is under way.
    """

    design: Design
    coef: FloatArray
    used: FloatArray
    posteriors: tuple[Posterior, ...]
    evidence: float
    loss: float
    blur: FloatArray

    @property
    def noise(self) -> FloatArray:
        """Variance of the noise of every output."""
        return np.array([own.noise for own in self.posteriors])


Watch = Callable[[Solution], None]


def joined(choices: Sequence[Solution]) -> Solution:
    """Return for every output what its own choice says; designs differ by columns at the end."""
    largest = max(choices, key=lambda one: one.design.n_columns)
    coef, used = np.zeros_like(largest.coef), np.zeros_like(largest.used)
    for k, own in enumerate(choices):
        count = own.design.n_columns
        coef[:count, k], used[:count, k] = own.coef[:, k], own.used[:, k]
    posteriors = tuple(own.posteriors[k] for k, own in enumerate(choices))
    evidence, loss = sum(own.evidence for own in posteriors), sum(own.loss for own in posteriors)
    blur = np.array([own.blur[k] for k, own in enumerate(choices)])
    return Solution(largest.design, coef, used, posteriors, evidence, loss, blur)


class Family(Protocol):
    """A loss as the fit sees it."""

    separate: bool
    """Whether every output has variances, and may have interactions, of its own."""

    @property
    def copies(self) -> int:
        """How many coefficients of a column are chosen at once."""

    def solved(
        self,
        design: Design,
        rows: Rows,
        logs: Sequence[FloatArray] | None,
        before: Solution | None,
        watch: Watch,
    ) -> Solution:
        """Choose variances and coefficients.

        Parameters
        ----------
        design : Design
            Columns of the model.
        rows : Rows
            All samples.
        logs : sequence of ndarray, optional
            Logarithms of variances to start from, for every output.
        before : Solution, optional
            Solution of a smaller design, to which columns have been added at the end.
        watch : callable
            Called with what there is after every iteration.
        """

    def scores(
        self, solution: Solution, outputs: FloatArray, block: Block
    ) -> tuple[FloatArray, FloatArray]:
        """Return first and minus second derivatives of the log-likelihood by the outputs."""


@dataclass(frozen=True)
class Normal:
    """Normal residuals, of a variance of its own for every target.

    Attributes
    ----------
    total : float
        Number of samples that the weights stand for.
    max_iter, later_iter : int
        Largest number of steps towards the variances, of main effects and once there are
        interactions, whose variances start near the best ones.
    """

    total: float
    max_iter: int = 25
    later_iter: int = 10
    copies = 1
    separate = True

    def solved(
        self,
        design: Design,
        rows: Rows,
        logs: Sequence[FloatArray] | None,
        before: Solution | None,
        watch: Watch,
    ) -> Solution:
        """Choose variances and coefficients; see :class:`Family`."""
        layout = Layout.of(design, noise=True)
        max_iter = self.max_iter if before is None else self.later_iter
        moments = design.moments(rows)
        gram = self.total * moments.gram
        n_outputs = moments.cross.shape[1]
        coef, used = np.zeros((2, design.n_columns, n_outputs))
        found: list[Posterior] = []
        for k in range(n_outputs):
            square = self.total * float(moments.square[k])
            response = Response(gram, self.total * moments.cross[:, k], square, self.total)

            def step(own: Posterior, k: int = k) -> None:
                coef[:, k], used[:, k] = own.coef, own.used
                loss = own.loss + sum(other.loss for other in found)
                blur = np.zeros(n_outputs)
                watch(Solution(design, coef.copy(), used.copy(), (), own.evidence, loss, blur))

            start = layout.first() if logs is None else logs[k]
            found.append(maximised(layout, response, start, max_iter, step))
            coef[:, k], used[:, k] = found[-1].coef, found[-1].used
        evidence, loss = sum(own.evidence for own in found), sum(own.loss for own in found)
        blur = np.array([own.noise for own in found])
        return Solution(design, coef, used, tuple(found), evidence, loss, blur)

    def scores(
        self, solution: Solution, outputs: FloatArray, block: Block
    ) -> tuple[FloatArray, FloatArray]:
        """Return residuals and weights in units of the noise; see :class:`Family`."""
        curvature = self.total * block.weight[:, None] / solution.noise
        return (block.target - outputs) * curvature, curvature
