"""Which columns interact: score tests, given all variances so far.

For a candidate with columns ``Z`` the score statistic is ``u'u``, ``u = Z'r``, with the residuals
``r`` of the model so far in units of their variance. Without the interaction it has mean ``tr K``
and variance ``2 |K|^2``, ``K = Z'WZ`` less its projection on the model; a scaled chi-square of the
same moments (Satterthwaite) gives p-values, and the procedure of Benjamini and Hochberg picks
candidates among which a given share is expected to be there by chance.

References
----------
D. Zhang and X. Lin, "Hypothesis testing in semiparametric additive mixed models", Biostatistics 4
(2003).
Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", JRSS B 57 (1995).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.linalg import solve_triangular
from scipy.stats import chi2

from skkan._typing import FloatArray
from skkan.anova._design import Term
from skkan.anova._evidence import Posterior

# Expected share of chance findings among the interactions that are accepted.
FALSE_SHARE = 0.2
# Candidates that get the exact test, the others being ruled out by an approximate one.
FINALISTS = 80
TINY = 1e-300


@dataclass(frozen=True)
class Finding:
    """A candidate with what its test says.

    Attributes
    ----------
    term : Term
        The interaction.
    log_p : float
        Logarithm of the p-value, the smallest over the outputs times their number.
    z : float
        Statistic less its mean, in standard deviations: how much there is.
    """

    term: Term
    log_p: float
    z: float


@dataclass(frozen=True)
class Residuals:
    """What the model so far leaves, on some samples.

    Attributes
    ----------
    functions : sequence of ndarray of shape (n_samples, n_functions)
        Basis functions of every input.
    matrix : ndarray of shape (n_samples, n_columns)
        Columns of the model.
    scores : ndarray of shape (n_samples, n_outputs)
        Derivatives of the log-likelihood with respect to the outputs.
    curvature : ndarray of shape (n_samples, n_outputs)
        Minus its second derivatives.
    posteriors : sequence of Posterior
        Of every output.
    """

    functions: Sequence[FloatArray]
    matrix: FloatArray
    scores: FloatArray
    curvature: FloatArray
    posteriors: Sequence[Posterior]

    def exact(self, term: Term) -> Finding:
        """Return the test of a candidate."""
        columns = term.products(self.functions)
        n_outputs = self.scores.shape[1]
        found = []
        for k, own in enumerate(self.posteriors):
            weighted = columns * self.curvature[:, k, None]
            u = columns.T @ self.scores[:, k]
            projected = solve_triangular(
                own.factor,
                np.sqrt(own.variances[own.live])[:, None] * (self.matrix.T @ weighted)[own.live],
                lower=True,
                check_finite=False,
            )
            spread = columns.T @ weighted - projected.T @ projected
            trace = max(float(np.trace(spread)), TINY)
            square = float((spread**2).sum()) + TINY
            log_p = chi2.logsf(float(u @ u) * trace / square, trace**2 / square)
            z = (float(u @ u) - trace) / np.sqrt(2.0 * square)
            found.append((min(log_p + np.log(n_outputs), 0.0), -z))
        log_p, z = min(found)
        return Finding(term, log_p, -z)

    def rough_pairs(self) -> dict[tuple[int, int], float]:
        """Return for all pairs of columns about what :attr:`Finding.z` is, at a linear cost.

        All products of all pairs are two matrix products; what the products have in common with
        each other and with the model is left out.
        """
        used = [j for j, own in enumerate(self.functions) if own.shape[1]]
        most = 8 if len(used) <= 100 else 4
        few = [self.functions[j][:, :most] for j in used]
        ends = np.cumsum([0, *(own.shape[1] for own in few)])
        joined = np.concatenate(few, axis=1) if few else np.zeros((len(self.scores), 0))
        best: dict[tuple[int, int], float] = {}
        for k in range(self.scores.shape[1]):
            scores = joined.T @ (joined * self.scores[:, k, None])
            spread = (joined**2).T @ (joined**2 * self.curvature[:, k, None])
            for a, b in combinations(range(len(used)), 2):
                block = slice(ends[a], ends[a + 1]), slice(ends[b], ends[b + 1])
                own = spread[block]
                z = ((scores[block] ** 2).sum() - own.sum()) / np.sqrt(2.0 * (own**2).sum() + TINY)
                key = (used[a], used[b])
                best[key] = max(best.get(key, -np.inf), float(z))
        return best

    def rough(self, term: Term) -> float:
        """Return the same for one candidate."""
        columns = term.products(self.functions)
        own = (columns**2).T @ self.curvature
        squares = ((columns.T @ self.scores) ** 2).sum(axis=0)
        z = (squares - own.sum(axis=0)) / np.sqrt(2.0 * (own**2).sum(axis=0) + TINY)
        return float(z.max())


def accepted(found: Iterable[Finding], tried: int, false_share: float) -> list[Finding]:
    """Return the findings that are no chance, the clearest first.

    Parameters
    ----------
    found : iterable of Finding
        Candidates.
    tried : int
        Number of all candidates, those included that were ruled out before.
    false_share : float
        Share of the accepted that is expected to be there by chance.
    """
    ordered = sorted(found, key=lambda one: (one.log_p, -one.z))
    levels = np.log(false_share * np.arange(1, len(ordered) + 1) / max(tried, 1))
    below = [k for k, one in enumerate(ordered) if one.log_p <= levels[k]]
    return ordered[: max(below, default=-1) + 1]


def promising(rough: dict[tuple[int, ...], float], most: int = FINALISTS) -> list[tuple[int, ...]]:
    """Return the candidates of largest statistic."""
    return sorted(rough, key=lambda key: (-rough[key], key))[:most]
