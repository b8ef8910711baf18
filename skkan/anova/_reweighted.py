"""Losses other than squares: normal residuals again and again, on weights of the loss's curvature.

Around any outputs a loss is a quadratic function, and the fit one of normal residuals of variance
1 with other weights. So variances and coefficients are chosen in turn with these weights, until
neither moves. At the end the marginal likelihood is that of Laplace's approximation.

The outputs of a softmax are known up to a common constant. Its coefficients are those of
orthonormal contrasts between the classes, which share all variances, so that neither the order of
the classes nor one of them as a reference matters; they are chosen at once, with all couplings.

References
----------
N. Breslow and D. Clayton, "Approximate inference in generalized linear mixed models", JASA 88
(1993).
S. Wood, JRSS B 73 (2011).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import helmert

from skkan._typing import FloatArray
from skkan.anova._design import Design
from skkan.anova._evidence import Layout, Posterior, Response, maximised, posterior
from skkan.anova._families import Solution, Watch
from skkan.data._blocks import Block, Rows
from skkan.objective.losses._loss import Loss

# Rounds of new weights at most, and steps towards the variances in a round.
ROUNDS, LATER_ROUNDS = 20, 8
FIRST_STEPS, STEPS = 4, 6
# The last round changes neither the evidence nor the mean of the squared loss by more.
SETTLED = 0.1
SHORTEST = 0.03
# Rounds without a gain in the evidence, and steps to the coefficients of the best variances.
PATIENCE, LAST_STEPS = 3, 10


@dataclass(frozen=True)
class Weighted:
    """The loss as a quadratic function of coefficients around some of them.

    Attributes
    ----------
    value : float
        Mean loss there.
    gradient : ndarray of shape (n_columns, copies)
        Its gradient.
    gram : ndarray of shape (copies, copies, n_columns, n_columns)
        Its curvature, in blocks.
    """

    value: float
    gradient: FloatArray
    gram: FloatArray


@dataclass(frozen=True)
class _Curvature:
    """Function of a block: its part of :class:`Weighted`, the upper blocks in a row."""

    design: Design
    loss: Loss
    contrasts: FloatArray
    coef: FloatArray

    def __call__(self, block: Block) -> tuple[FloatArray, FloatArray, FloatArray]:
        matrix = self.design.matrix(block.inputs)
        out = matrix @ self.coef @ self.contrasts.T
        value = self.loss.value(out, block.target, block.weight)
        pull = self.loss.gradient(out, block.target, block.weight) @ self.contrasts
        factor = self.loss.expected_curvature_factor(out, block.target, block.weight)
        factor = np.einsum("nkm,kc->ncm", factor, self.contrasts)
        weights = np.einsum("ncm,ndm->ncd", factor, factor)
        copies = weights.shape[1]
        gram = [
            _weighted_gram(matrix, weights[:, c, d])
            for c in range(copies)
            for d in range(c, copies)
        ]
        return np.asarray(value), matrix.T @ pull, np.array(gram)


def _weighted_gram(matrix: FloatArray, weight: FloatArray) -> FloatArray:
    """Return ``X'WX`` for weights of both signs, as products of a matrix with itself."""
    gram = np.zeros((matrix.shape[1],) * 2)
    for sign in (1.0, -1.0):
        rows = sign * weight > 0.0
        if rows.all():
            own = matrix * np.sqrt(sign * weight)[:, None]
        elif rows.any():
            own = matrix[rows] * np.sqrt(sign * weight[rows])[:, None]
        else:
            continue
        gram += sign * (own.T @ own)
    return gram


@dataclass(frozen=True)
class Reweighted:
    """A loss without a noise level, on Laplace's approximation.

    Attributes
    ----------
    loss : Loss
        The loss.
    total : float
        Number of samples that the weights stand for.
    contrasts : ndarray of shape (n_outputs, copies)
        Orthonormal; the outputs are their combinations.
    """

    loss: Loss
    total: float
    contrasts: FloatArray
    separate = False

    @classmethod
    def of(cls, loss: Loss, total: float, n_outputs: int) -> "Reweighted":
        """Take contrasts between several outputs, which are those of a softmax."""
        contrasts = np.ones((1, 1)) if n_outputs == 1 else helmert(n_outputs).T
        return cls(loss, total, contrasts)

    @property
    def copies(self) -> int:
        """How many coefficients of a column are chosen at once."""
        return self.contrasts.shape[1]

    def solved(
        self,
        design: Design,
        rows: Rows,
        logs: Sequence[FloatArray] | None,
        before: Solution | None,
        watch: Watch,
    ) -> Solution:
        """Choose variances and coefficients; see :class:`skkan.anova._families.Family`."""
        layout = Layout.of(design, noise=False, copies=self.copies)
        own = layout.first() if logs is None else logs[0]
        coef: FloatArray = np.zeros((design.n_columns, self.copies))
        if before is not None:
            coef[: len(before.coef)] = before.coef @ self.contrasts
        here = self._at(design, rows, coef)
        best, waited = None, 0
        for number in range(ROUNDS if before is None else LATER_ROUNDS):
            response = self._response(here, coef)
            found, decrement = self._mode(layout, response, own, coef)
            evidence = self._evidence(layout, here, coef, found)
            if number:
                watch(self._solution(design, here, coef, found, evidence))
                gain = np.inf if best is None else evidence - best[0]
                if gain > 0.0:
                    best = evidence, own, coef, here
                if max(abs(gain), decrement) < SETTLED:
                    break
                # Weights that follow the coefficients may send these to and fro.
                waited = 0 if gain > SETTLED else waited + 1
                if waited > PATIENCE:
                    break
            steps = STEPS if number or before is not None else FIRST_STEPS
            better = maximised(layout, response, own, steps)
            own = better.logs
            coef, here = self._moved(design, rows, (coef, here), better)
        if best is not None:
            own, coef, here = best[1:]
        for _ in range(LAST_STEPS):
            found, decrement = self._mode(layout, self._response(here, coef), own, coef)
            if decrement < SETTLED:
                break
            coef, here = self._moved(design, rows, (coef, here), found)
        else:
            found, _ = posterior(layout, self._response(here, coef), own)
        evidence = self._evidence(layout, here, coef, found)
        solution = self._solution(design, here, coef, found, evidence)
        return self._with_posteriors(replace(layout, copies=1), here, solution, found.logs)

    def scores(
        self,
        solution: Solution,  # noqa: ARG002
        outputs: FloatArray,
        block: Block,
    ) -> tuple[FloatArray, FloatArray]:
        """Return derivatives by the outputs; see :class:`skkan.anova._families.Family`."""
        weight = self.total * block.weight
        factor = self.loss.expected_curvature_factor(outputs, block.target, weight)
        return -self.loss.gradient(outputs, block.target, weight), (factor**2).sum(axis=2)

    def _at(self, design: Design, rows: Rows, coef: FloatArray) -> Weighted:
        """Return the loss around some coefficients."""
        function = _Curvature(design, self.loss, self.contrasts, coef)
        row_bytes = 32 * design.n_columns
        value, gradient, upper = rows.sums(function, row_bytes, design.n_columns)
        n, copies = design.n_columns, self.copies
        gram = np.empty((copies, copies, n, n))
        above = np.triu_indices(copies)
        gram[above] = upper
        gram[above[::-1]] = upper
        return Weighted(float(value), gradient, gram)

    def _mode(
        self, layout: Layout, response: Response, logs: FloatArray, coef: FloatArray
    ) -> tuple[Posterior, float]:
        """Return coefficients of a fit of normal residuals, and what the step there may gain."""
        found, _ = posterior(layout, response, logs)
        newton = found.coef - coef.T.ravel()
        size = newton @ response.gram @ newton + (newton**2 / found.variances).sum()
        return found, 0.5 * float(size)

    def _response(self, here: Weighted, coef: FloatArray) -> Response:
        """Return the target of a fit of normal residuals that is the same to second order."""
        copies, n = here.gram.shape[1:3]
        gram = self.total * here.gram.transpose(0, 2, 1, 3).reshape(copies * n, copies * n)
        own = coef.T.ravel()
        pulled = gram @ own
        gradient = self.total * here.gradient.T.ravel()
        square = float(own @ (pulled - 2.0 * gradient))
        return Response(gram, pulled - gradient, square, self.total)

    def _evidence(
        self, layout: Layout, here: Weighted, coef: FloatArray, found: Posterior
    ) -> float:
        """Return the log marginal likelihood in Laplace's approximation."""
        size = float((coef.T.ravel() ** 2 / found.variances).sum())
        prior = layout.prior(found.logs)[0]
        return -(self.total * here.value + 0.5 * size + 0.5 * found.log_det + prior)

    def _moved(
        self, design: Design, rows: Rows, start: tuple[FloatArray, Weighted], to: Posterior
    ) -> tuple[FloatArray, Weighted]:
        """Return coefficients nearer to given ones, as far as loss and penalty fall."""
        coef, here = start
        step = to.coef.reshape(self.copies, -1).T - coef
        variances = to.variances.reshape(self.copies, -1).T

        def cost(own: FloatArray, there: Weighted) -> float:
            return self.total * there.value + 0.5 * float((own**2 / variances).sum())

        limit, share = cost(coef, here) + 1e-3, 1.0
        while True:
            new = coef + share * step
            there = self._at(design, rows, new)
            if cost(new, there) <= limit or share < SHORTEST:
                return new, there
            share *= 0.5

    def _solution(
        self, design: Design, here: Weighted, coef: FloatArray, found: Posterior, evidence: float
    ) -> Solution:
        outputs, n_outputs = coef @ self.contrasts.T, len(self.contrasts)
        used = found.used.reshape(self.copies, -1).sum(axis=0) / n_outputs
        size = float((coef.T.ravel() ** 2 / found.variances).sum())
        loss = here.value + 0.5 * size / self.total
        spent = np.tile(used[:, None], n_outputs)
        return Solution(design, outputs, spent, (), evidence, loss, np.zeros(n_outputs))

    def _with_posteriors(
        self, layout: Layout, here: Weighted, own: Solution, logs: FloatArray
    ) -> Solution:
        """Return a solution with a posterior of every output, given all others."""
        n_outputs = len(self.contrasts)
        gradient = self.total * here.gradient @ self.contrasts.T
        found, blur = [], np.empty(n_outputs)
        for k, row in enumerate(self.contrasts):
            gram = self.total * np.einsum("c,d,cdij->ij", row, row, here.gram)
            cross = gram @ own.coef[:, k] - gradient[:, k]
            one, _ = posterior(layout, Response(gram, cross, 0.0, self.total), logs)
            found.append(
                replace(one, coef=own.coef[:, k], used=own.used[:, k], evidence=own.evidence)
            )
            # The first column is constant, so that this is the mean of the curvature.
            curvature = max(float(gram[0, 0]) / self.total, np.finfo(float).tiny)
            blur[k] = 2.0 * here.value / (n_outputs * curvature)
        return replace(own, posteriors=tuple(found), blur=blur)
