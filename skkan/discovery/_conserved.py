"""find_conserved: functions of states that do not change along trajectories."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linprog

from skkan._typing import FloatArray
from skkan.discovery._implicit import nice_number
from skkan.discovery._inputs import checked_table, symbols_of
from skkan.inspection.displays._matplotlib import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_DEGREE, MANY_COLUMNS = 3, 5
MAX_ROWS = 2000
MAX_TERMS = 200
# Longer combinations are rather approximations of noise than laws.
MAX_LENGTH = 6
# Terms that weigh less than this share of the largest one are left out.
TRIFLE = 1e-3
# Singular values of gradients below this share of the largest one are zero.
DEPENDENT = 1e-3
NEAR_ZERO, LEAST_REACH = 1e-3, 1e-3


@dataclass(frozen=True)
class ConservedQuantity:
    """A function of the states that does not change.

    Attributes
    ----------
    expression : sympy.Expr
        The function; any function of it is conserved, too.
    change : float
        Root mean square of its change along trajectories, relative to what it would be if the
        changes of the states did not cancel.
    values : ndarray of shape (n_samples,)
        Its values at the samples.
    independent : bool
        Whether it does not follow from the ones before.
    """

    expression: Any
    change: float
    values: FloatArray = field(repr=False)
    independent: bool = True

    def __str__(self) -> str:
        note = "" if self.independent else "  (follows from those before)"
        return f"{self.expression}  change {self.change:.1e}{note}"


class ConservedQuantities(Sequence[ConservedQuantity]):
    """The conserved quantities of a system, the shortest first; prints as a list.

    Parameters
    ----------
    quantities : sequence of ConservedQuantity
        What was found.
    n_independent : int
        Number of quantities of which none follows from the others.
    """

    def __init__(self, quantities: Sequence[ConservedQuantity], n_independent: int) -> None:
        self.quantities = list(quantities)
        self.n_independent = n_independent

    def __getitem__(self, index: Any) -> Any:
        return self.quantities[index]

    def __len__(self) -> int:
        return len(self.quantities)

    def __repr__(self) -> str:
        title = f"{self.n_independent} independent conserved quantities"
        if self.n_independent == 1:
            title = "1 conserved quantity"
        if not self.quantities:
            return "no conserved quantity"
        return "\n".join([title, *map(str, self.quantities)])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the quantities over the samples, each in units of its spread.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default those of a new figure.
        """
        ax = axes_or_new("ConservedQuantities.plot", ax)
        for own in self.quantities:
            ax.plot(own.values, ".", ms=2, label=str(own.expression))
        ax.set(xlabel="sample", ylabel="value")
        if self.quantities:
            ax.legend(fontsize="small")
        return ax


def find_conserved(
    states: ArrayLike | Sequence[ArrayLike],
    derivatives: ArrayLike | Sequence[ArrayLike] | None = None,
    *,
    terms: Iterable[Any] | None = None,
    tolerance: float = 1e-3,
) -> ConservedQuantities:
    """Find functions of the states that do not change along trajectories.

    They are sought among sums of known terms: those whose time derivative, or whose spread along
    every trajectory, is next to zero are the null space of a matrix, of which the vectors with the
    fewest terms are returned.

    Parameters
    ----------
    states : array-like of shape (n_samples, n_columns) or list of them
        States along one trajectory, or a list of trajectories of any lengths. Times are not
        needed, so that steps may be unequal and have gaps. With `derivatives` the states may be in
        any order.
    derivatives : array-like of the same shape or list of them, optional
        Time derivatives of the states.
    terms : iterable of str or sympy.Expr, optional
        Further terms, as formulas of ``x0, x1, ...`` or of the names of a data frame's columns.
        The terms that are always tried are powers and products up to degree three (two for five
        columns or more), sines and cosines, logarithms of positive columns, and, for pairs of
        columns that never vanish together, ``1/r``, ``a/r`` and ``b/r`` with
        ``r = sqrt(a^2 + b^2)``.
    tolerance : float, default=1e-3
        Largest relative change of what counts as conserved: the accuracy of the data.

    Returns
    -------
    quantities : ConservedQuantities
        A sequence of :class:`ConservedQuantity`, with the number of independent ones.

    Raises
    ------
    ValueError
        If the trajectories cannot be used.

    Notes
    -----
    Quantities of more than six terms are not returned.

    On a single trajectory without derivatives everything that holds on its curve is conserved.
    Give several, with different values of the quantities, or derivatives at scattered states.

    References
    ----------
    Z. Liu and M. Tegmark, "Machine learning conservation laws from trajectories",
    Phys. Rev. Lett. 126 (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.discovery import find_conserved
    >>> states = np.random.default_rng(0).uniform(-2, 2, size=(200, 2))
    >>> velocity, force = states[:, 1], -np.sin(states[:, 0])
    >>> find_conserved(states, np.column_stack([velocity, force]))
    1 conserved quantity
    x1**2 - 2*cos(x0)  change ...
    """
    parts, names = _trajectories(states, "states")
    if not 0.0 < tolerance < 1.0:
        raise ValueError(f"tolerance must lie between 0 and 1, got {tolerance!r}.")
    moves = None
    if derivatives is not None:
        moves = _trajectories(derivatives, "derivatives")[0]
        if [own.shape for own in moves] != [own.shape for own in parts]:
            raise ValueError(
                f"derivatives have shapes {[own.shape for own in moves]}, but states "
                f"{[own.shape for own in parts]}; there must be one for every state."
            )
    return _Search(parts, moves, names, terms, tolerance).run()


def _trajectories(given: Any, name: str) -> tuple[list[FloatArray], list[str]]:
    """Return trajectories as tables, and the names of their columns."""
    several = isinstance(given, (list, tuple)) and len(given) > 0 and np.ndim(given[0]) == 2
    tables = [checked_table(own, name, 3) for own in (given if several else [given])]
    widths = {own.shape[1] for own, _ in tables}
    if len(widths) > 1:
        raise ValueError(f"{name} have different numbers of columns: {sorted(widths)}.")
    count = sum(len(own) for own, _ in tables)
    if count < 30:
        raise ValueError(f"{name} have {count} samples in all; at least 30 are needed.")
    return [own for own, _ in tables], tables[0][1]


class _Search:
    """The search of one system."""

    def __init__(
        self,
        states: Sequence[FloatArray],
        derivatives: Sequence[FloatArray] | None,
        names: Sequence[str],
        terms: Iterable[Any] | None,
        tolerance: float,
    ) -> None:
        self.symbols = symbols_of(names)
        self.X = np.vstack(states)
        self.moves = None if derivatives is None else np.vstack(derivatives)
        self.trajectory = np.repeat(np.arange(len(states)), [len(own) for own in states])
        self.tolerance = tolerance
        self._keep_some_rows()
        self.terms = [*_default_terms(self.X, self.symbols), *self._given_terms(terms)]
        self.terms = list(dict.fromkeys(self.terms))[:MAX_TERMS]
        self._evaluate()

    def _keep_some_rows(self) -> None:
        rows = np.linspace(0, len(self.X) - 1, min(len(self.X), MAX_ROWS)).astype(int)
        self.X, self.trajectory = self.X[rows], self.trajectory[rows]
        if self.moves is not None:
            self.moves = self.moves[rows]

    def _given_terms(self, terms: Iterable[Any] | None) -> list[Any]:
        import sympy  # noqa: PLC0415

        known = {str(own): own for own in self.symbols}
        found = []
        for own in terms or ():
            term = sympy.parse_expr(own, local_dict=known) if isinstance(own, str) else own
            unknown = sorted(str(s) for s in term.free_symbols if str(s) not in known)
            if unknown or not term.free_symbols:
                raise ValueError(
                    f"the term {own!r} must be a function of the columns {list(known)}."
                )
            found.append(term.xreplace({s: known[str(s)] for s in term.free_symbols}))
        return found

    def _evaluate(self) -> None:
        """Evaluate terms and gradients, and leave out terms that are not finite or constant."""
        import sympy  # noqa: PLC0415

        gradients = [[sympy.diff(own, s) for s in self.symbols] for own in self.terms]
        values = _table(self.terms, self.symbols, self.X)
        slopes = np.stack([_table(own, self.symbols, self.X) for own in gradients], axis=1)
        finite = np.isfinite(values).all(axis=0) & np.isfinite(slopes).all(axis=(0, 2))
        kept = np.flatnonzero(finite & (np.ptp(values, axis=0) > 0.0))
        self.terms = [self.terms[k] for k in kept]
        self.values, self.slopes = values[:, kept], slopes[:, kept]
        self.scale = self.values.std(axis=0)
        self.values = self.values / self.scale
        self.slopes = self.slopes / self.scale[:, None]
        if self.moves is not None:
            self.rates = np.einsum("nmk,nk->nm", self.slopes, self.moves)
            speeds = self.moves
        else:
            self.rates, speeds = self.values.copy(), self.X.copy()
            for number in np.unique(self.trajectory):
                rows = self.trajectory == number
                self.rates[rows] -= self.rates[rows].mean(axis=0)
                speeds[rows] -= speeds[rows].mean(axis=0)
        # What terms would change by if nothing cancelled.
        reach = np.sqrt(np.mean(speeds**2, axis=0))
        self.reach = (self.slopes * reach).transpose(0, 2, 1)
        unit = max(float(np.sqrt(np.mean(self.rates**2))), np.finfo(float).tiny)
        self.rates, self.reach = self.rates / unit, self.reach / unit

    def run(self) -> ConservedQuantities:
        null = self._null_space()
        found: list[tuple[int, FloatArray]] = []
        for term in range(len(self.terms)):
            if null.shape[1] and np.linalg.norm(null[term]) > TRIFLE:
                vector = self._tidied(_sparsest(null, term))
                if vector is None or np.count_nonzero(vector) > MAX_LENGTH:
                    continue
                if not any(_same(vector, own) for _, own in found):
                    found.append((int(np.count_nonzero(vector)), vector))
        found.sort(key=lambda own: (own[0], self._length(own[1])))
        return self._chosen([vector for _, vector in found])

    def _null_space(self) -> FloatArray:
        """Return an orthonormal basis of the combinations that change little for what they reach.

        Combinations that reach little are identities between terms, or next to it.
        """
        count = np.sqrt(len(self.rates))
        rows = self.reach.reshape(-1, len(self.terms))
        _, sizes, right = np.linalg.svd(rows, full_matrices=False)
        kept = sizes / count > self._least_reach()
        maps = right[kept].T / (sizes[kept] / count)
        _, ratios, right = np.linalg.svd(self.rates @ maps, full_matrices=False)
        null = maps @ right[ratios / count <= self.tolerance].T
        return np.linalg.qr(null)[0]

    def _least_reach(self) -> float:
        return max(LEAST_REACH, 3.0 * self.tolerance)

    def _ratio(self, vector: FloatArray) -> float:
        """Return the change of a combination relative to what it reaches."""
        change = float(np.sqrt(np.mean((self.rates @ vector) ** 2)))
        reach = float(np.sqrt(np.mean(np.sum((self.reach @ vector) ** 2, axis=1))))
        size = float(np.linalg.norm(vector))
        return change / reach if reach > self._least_reach() * size else np.inf

    def _tidied(self, vector: FloatArray) -> FloatArray | None:
        """Return the vector with as few terms as are conserved as well, fitted anew."""
        support = np.abs(vector) > TRIFLE * np.abs(vector).max()
        best: FloatArray | None = None
        while support.any():
            right = np.linalg.svd(self.rates[:, support], full_matrices=False)[2]
            tidy = np.zeros_like(vector)
            tidy[support] = right[-1]
            if self._ratio(tidy) > self.tolerance:
                break
            best = tidy
            weakest = np.where(support, np.abs(tidy), np.inf).argmin()
            support[weakest] = False
        return best

    def _length(self, vector: FloatArray) -> int:
        return sum(int(self.terms[k].count_ops()) for k in np.flatnonzero(vector))

    def _chosen(self, vectors: Sequence[FloatArray]) -> ConservedQuantities:
        """Keep independent quantities, and others that are no longer than these."""
        chosen: list[tuple[FloatArray, bool]] = []
        gradients: list[FloatArray] = []
        longest, basis = 0, np.zeros((len(self.terms), 0))
        for vector in vectors:
            gradient = np.einsum("nmk,m->nk", self.slopes, vector)
            left = vector - basis @ (basis.T @ vector)
            if np.linalg.norm(left) < NEAR_ZERO:
                continue
            independent = self._rank([*gradients, gradient]) > len(gradients)
            if independent:
                gradients.append(gradient)
                longest = max(longest, int(np.count_nonzero(vector)))
            elif np.count_nonzero(vector) > longest:
                continue
            basis = np.column_stack([basis, left / np.linalg.norm(left)])
            chosen.append((vector, independent))
        return ConservedQuantities([self._written(*own) for own in chosen], len(gradients))

    def _rank(self, gradients: Sequence[FloatArray]) -> int:
        """Return the rank of gradients at most of the samples."""
        stacked = np.stack(gradients, axis=1)
        stacked = stacked / np.maximum(np.linalg.norm(stacked, axis=2, keepdims=True), 1e-300)
        sizes = np.linalg.svd(stacked, compute_uv=False)
        ranks = np.count_nonzero(sizes > max(DEPENDENT, 10.0 * self.tolerance), axis=1)
        return int(np.median(ranks))

    def _written(self, vector: FloatArray, independent: bool) -> ConservedQuantity:
        places = np.flatnonzero(vector)
        raw = vector / self.scale
        # The simplest term leads; its weight is 1.
        lead = min(places, key=lambda k: (-abs(_degree(self.terms[k])), k))
        raw = raw / raw[lead]
        change = self._ratio(vector)
        doubt = max(10.0 * change, 1e-8)
        total: Any = 0
        for k in places:
            size = abs(vector[lead] / vector[k])
            total += (
                nice_number(float(raw[k]), doubt * abs(float(raw[k])) * max(1.0, size))
                * (self.terms[k])
            )
        values = (self.values * self.scale) @ raw
        return ConservedQuantity(total, change, values, independent)


def _degree(term: Any) -> int:
    return 1 if term.is_Pow and term.exp.is_integer and term.exp == 2 else 0


def _same(a: FloatArray, b: FloatArray) -> bool:
    return abs(abs(float(a @ b)) - 1.0) < 1e-6


def _sparsest(null: FloatArray, term: int) -> FloatArray:
    """Return the vector of a space with entry 1 at `term` and the smallest sum of sizes."""
    n_terms, n_null = null.shape
    cost = np.concatenate([np.zeros(n_null), np.ones(n_terms)])
    eye = np.eye(n_terms)
    bounds = np.vstack([np.hstack([null, -eye]), np.hstack([-null, -eye])])
    equal = np.concatenate([null[term], np.zeros(n_terms)])[None, :]
    found = linprog(
        cost,
        *(bounds, np.zeros(2 * n_terms), equal, np.ones(1)),
        bounds=[(None, None)] * n_null + [(0, None)] * n_terms,
        method="highs",
    )
    weights = null[term] / (null[term] @ null[term]) if found.x is None else found.x[:n_null]
    vector = null @ weights
    own: FloatArray = vector / np.linalg.norm(vector)
    return own


def _table(expressions: Sequence[Any], symbols: Sequence[Any], X: FloatArray) -> FloatArray:
    """Return values of expressions at samples."""
    import sympy  # noqa: PLC0415

    function = sympy.lambdify(list(symbols), list(expressions), modules=["scipy", "numpy"])
    with np.errstate(all="ignore"):
        columns = [np.broadcast_to(np.asarray(own), (len(X),)) for own in function(*X.T)]
    table = np.column_stack(columns)
    return np.where(np.isreal(table), table.real, np.nan).astype(np.float64)


def _default_terms(X: FloatArray, symbols: Sequence[Any]) -> list[Any]:
    """Return the terms to try, the simplest first."""
    import sympy  # noqa: PLC0415

    degree = MAX_DEGREE if len(symbols) < MANY_COLUMNS else MAX_DEGREE - 1
    terms: list[Any] = []
    for order in range(1, degree + 1):
        choices = itertools.combinations_with_replacement(symbols, order)
        terms.extend(sympy.Mul(*factors) for factors in choices)
    for own, x in zip(symbols, X.T, strict=True):
        terms += [sympy.sin(own), sympy.cos(own)]
        if x.min() > 0.0:
            terms.append(sympy.log(own))
    for (i, a), (j, b) in itertools.combinations(enumerate(symbols), 2):
        radius = np.hypot(X[:, i], X[:, j])
        if radius.min() > NEAR_ZERO * radius.max():
            own = sympy.sqrt(a**2 + b**2)
            terms += [1 / own, a / own, b / own]
    return terms
