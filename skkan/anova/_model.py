"""The fit: main effects, then interactions of two columns, then of three, as far as they are there.

Every order is fitted with all variances by marginal likelihood, score tests name the interactions
of the next one, and the order of highest evidence stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import comb, lgamma

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.anova._basis import Bases
from skkan.anova._design import Design, Term
from skkan.anova._families import Family, Solution, Watch, joined
from skkan.anova._interactions import FALSE_SHARE, Finding, Residuals, accepted, promising
from skkan.data._blocks import Block, Samples

# Rows that the tests look at, if there are more.
TEST_ROWS = 20_000
TRIPLE_ROWS = 5_000
# A column of clear interactions acts in company only: its start is not its empty main effect.
CLEAR, START_OF_CLEAR = 20.0, -2.0
# Up to so many columns every interaction of three is a candidate, else those among pairs.
ALL_TRIPLES = 20
LEAST_PAIRS = 3
CHANCE_GAIN = 10.0
LEAST_FUNCTIONS, MOST_FUNCTIONS = 8, 40


@dataclass(frozen=True)
class Options:
    """How to fit.

    Attributes
    ----------
    order : {1, 2, 3}
        Largest number of columns of an interaction.
    degree : int
        Degree of the splines.
    smooth : {1, 2}
        Order of the differences in the roughness.
    products : int
        Largest number of products of basis functions of an interaction.
    sizes : tuple of int
        Largest number of columns of the design, by order.
    gain : float
        Evidence that the next order must gain.
    allowed : sequence of frozenset of int, optional
        Sets of columns that may interact.
    sites : sequence of ndarray or None
        For columns of codes of levels without order, where these lie; empty if there are none.
    alone : frozenset of int
        Columns that interact with no other, and whose functions are complete.
    bent : frozenset of int
        Columns that have to bend one way.
    """

    order: int = 3
    degree: int = 3
    smooth: int = 1
    products: int = 24
    sizes: tuple[int, int, int] = (600, 900, 1100)
    gain: float = 3.0
    allowed: tuple[frozenset[int], ...] | None = None
    sites: tuple[FloatArray | None, ...] = ()
    alone: frozenset[int] = frozenset()
    bent: frozenset[int] = frozenset()

    def allows(self, columns: tuple[int, ...]) -> bool:
        """Whether these columns may interact."""
        if not self.alone.isdisjoint(columns):
            return False
        return self.allowed is None or any(own.issuperset(columns) for own in self.allowed)


@dataclass
class Fit:
    """A fit under way, and what it has found.

    Attributes
    ----------
    data : Samples
        Scaled samples.
    family : Family
        The loss.
    options : Options
        How to fit.
    watch : callable
        Called with what there is after every iteration.
    levels : list of Solution
        Of every order that has been fitted.
    best : Solution
        The one that the evidence prefers.
    """

    data: Samples
    family: Family
    options: Options
    watch: Watch
    n_jobs: int | None = None
    design: Design = field(init=False)
    levels: list[Solution] = field(init=False, default_factory=list)

    @property
    def best(self) -> Solution:
        """Solution that the evidence prefers, for every output by itself where it can be."""
        if not self.family.separate:
            return self._best(0)
        n_outputs = self.levels[0].coef.shape[1]
        return joined([self._best(k) for k in range(n_outputs)])

    def _best(self, k: int) -> Solution:
        best = self.levels[0]
        for level in self.levels[1:]:
            new = len(level.design.terms) - len(best.design.terms)
            gain = level.posteriors[k].evidence - best.posteriors[k].evidence
            if gain > self.options.gain + self._chance(level, new):
                best = level
        return best

    def _chance(self, level: Solution, new: int) -> float:
        """Return the gain in evidence that interactions picked by chance would bring."""
        d = len(level.design.used)
        some = new > LEAST_PAIRS or not self.family.separate
        return CHANCE_GAIN * some + 0.25 * _log_comb(comb(d, 2), new)

    def start(self, sample: Block) -> None:
        """Fit the main effects; `sample` holds some of the samples."""
        n_used = int((np.ptp(sample.inputs, axis=0) > 0.0).sum())
        most = self._room(1) // max(n_used, 1)
        most = int(np.clip(most, LEAST_FUNCTIONS, MOST_FUNCTIONS))
        options = self.options
        bases = Bases.of(
            *(sample, options.degree, most, options.smooth),
            sites=options.sites,
            complete=options.alone,
            bent=options.bent,
        )
        self.design = Design(bases)
        self._solve(self.design, None, None)

    def _room(self, order: int) -> int:
        """Return how many columns a design may have."""
        return self.options.sizes[order - 1] // self.family.copies

    def _solve(
        self, design: Design, logs: list[FloatArray] | None, before: Solution | None
    ) -> Solution:
        self.design = design
        rows = self.data.rows(n_jobs=self.n_jobs)
        found = self.family.solved(design, rows, logs, before, self.watch)
        self.levels.append(found)
        return found

    def grow(self, findings: Sequence[Finding]) -> None:
        """Add interactions, the clearest first, as far as there is room."""
        before = self.levels[-1]
        order = max(len(one.term.columns) for one in findings)
        room = self._room(order) - before.design.n_columns
        terms: list[Finding] = []
        for one in findings:
            room -= one.term.size
            if room < 0 and terms:
                break
            terms.append(one)
        d = len(before.design.used)
        place = {int(j): number for number, j in enumerate(before.design.used)}
        starts = []
        for own in before.posteriors:
            logs = own.logs.copy()
            if not before.design.terms:
                logs[d : 2 * d] = logs[:d]
            for one in terms:
                if one.z > CLEAR:
                    for j in one.term.columns:
                        tau = d + place[j]
                        logs[tau] = max(logs[tau], START_OF_CLEAR)
            starts.append(logs)
        design = before.design.with_terms([*before.design.terms, *(one.term for one in terms)])
        self._solve(design, starts, before)

    def tested(self, order: int, sample: Block) -> list[Finding]:
        """Return the interactions of so many columns that are no chance, the clearest first."""
        before, options, sample = self.levels[-1], self.options, _some(sample, TEST_ROWS)
        design = before.design
        used = [int(j) for j in design.used]
        lines, functions = design.functions(sample.inputs)
        matrix = design.assembled(lines, functions)
        scores, curvature = self.family.scores(before, matrix @ before.coef, sample)
        left = Residuals(functions, matrix, scores, curvature, before.posteriors)

        def term_of(columns: tuple[int, ...]) -> Term:
            return Term.of(design.bases, columns, options.products)

        rough: dict[tuple[int, ...], float] = {}
        if order == 2:
            apart = _Levels.of(design, sample)
            pairs = left.rough_pairs().items()
            rough = {k: z for k, z in pairs if options.allows(k) and apart.cross(*k)}
        else:
            few = _part(left, TRIPLE_ROWS)
            candidates = [c for c in _triples(design, used) if options.allows(c)]
            rough = {c: few.rough(term_of(c)) for c in candidates}
        found = [left.exact(term) for term in map(term_of, promising(rough)) if term.size]
        return accepted(found, len(rough), FALSE_SHARE)


@dataclass(frozen=True)
class _Levels:
    """Codes of the levels of columns without order, by column."""

    codes: dict[int, NDArray[np.intp]]

    @classmethod
    def of(cls, design: Design, sample: Block) -> "_Levels":
        columns = enumerate(design.bases.columns)
        levels = [j for j, own in columns if own.varies and not own.line.any()]
        return cls({j: np.unique(sample.inputs[:, j], return_inverse=True)[1] for j in levels})

    def cross(self, a: int, b: int) -> bool:
        """Whether two columns have more cells together than their own effects can tell apart.

        Models stand in makers: what both would have in common is an effect of the models.
        """
        if a not in self.codes or b not in self.codes:
            return True
        n_a, n_b = (int(self.codes[j].max()) + 1 for j in (a, b))
        cells = np.unique(self.codes[a] * n_b + self.codes[b])
        return len(cells) >= n_a + n_b


def _triples(design: Design, used: list[int]) -> list[tuple[int, ...]]:
    """Return the interactions of three columns that are worth a test."""
    if len(used) <= ALL_TRIPLES:
        return list(combinations(used, 3))
    pairs = {term.columns for term in design.terms}
    if len(pairs) < LEAST_PAIRS:
        return []
    near: dict[tuple[int, ...], int] = {}
    for a, b in pairs:
        for c in used:
            if c not in (a, b):
                key = tuple(sorted((a, b, c)))
                near[key] = near.get(key, 0) + 1
    return [key for key, count in near.items() if count > 1]


def _part(left: Residuals, most: int) -> Residuals:
    """Return the same for some of the samples, evenly spaced."""
    n = len(left.scores)
    if n <= most:
        return left
    rows = np.linspace(0, n - 1, most).astype(np.intp)
    return replace(
        left,
        functions=[own[rows] for own in left.functions],
        matrix=left.matrix[rows],
        scores=left.scores[rows],
        curvature=left.curvature[rows],
    )


def _some(sample: Block, most: int) -> Block:
    """Return at most so many of the samples, drawn at random."""
    n = len(sample.inputs)
    if n <= most:
        return sample
    rows = np.sort(np.random.default_rng(0).choice(n, most, replace=False))
    return Block(sample.inputs[rows], sample.target[rows], sample.weight[rows])


def _log_comb(n: int, k: int) -> float:
    k = min(max(k, 0), n)
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
