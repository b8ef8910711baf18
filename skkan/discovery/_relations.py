"""find_relations: equations among the columns of a table, without a target."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skkan._typing import FloatArray
from skkan.data._samples import spread_rows
from skkan.discovery._additive_dependence import AdditiveDependence, RankSplines
from skkan.discovery._implicit import MAX_TERMS, implicit_formula
from skkan.discovery._inputs import checked_table, symbols_of
from skkan.estimators._regressor import KANRegressor
from skkan.estimators._symbolic_regressor import KANSymbolicRegressor
from skkan.inspection.displays._matplotlib import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_ROWS = 4000
# A column whose function goes up and down by more than this share is not solved for.
MONOTONE = 0.98
# Least score of trees for a network to be worth a try, and the score that ends the tries.
PROMISING, EXACT = 0.5, 0.9999
# Share of importance below which a column is left out.
IDLE = 0.01
SHAPES: tuple[Any, ...] = ((), (1,), "auto")
HELD_OUT = 4


@dataclass(frozen=True)
class Relation:
    """Columns that are tied by an equation.

    Attributes
    ----------
    columns : list of str
        Names of all columns of the group.
    target : str or None
        The column that is a function of the others; None if no column is, as in
        ``x^2 + y^2 = 1``.
    importances : dict of str to float
        Shares of the columns in the equation, without that of `target`; they sum to 1.
    r2 : float
        Share of the variance of `target`, or of its part in an implicit equation, that the others
        explain on samples held out from the fit.
    model : KANRegressor or None
        Predicts `target` from the other columns, in the order of `columns`.
    """

    columns: list[str]
    target: str | None
    importances: dict[str, float]
    r2: float
    model: KANRegressor | None = field(repr=False)
    samples: FloatArray = field(repr=False)
    functions: FloatArray | None = field(repr=False, default=None)

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {share:.2f}" for name, share in self.importances.items())
        if self.target is None:
            return f"0 = F({', '.join(self.columns)})  R^2 = {self.r2:.5f}  ({parts})"
        others = ", ".join(self.importances)
        return f"{self.target} = f({others})  R^2 = {self.r2:.5f}  ({parts})"

    def formula(self, **parameters: Any) -> Any:
        """Return the equation as a SymPy equality.

        Parameters
        ----------
        **parameters
            Of the :class:`skkan.KANSymbolicRegressor` that finds the formula of `target`. Implicit
            equations have one known function per column and take none.

        Returns
        -------
        formula : sympy.Eq
            ``target = formula of the others``, or ``expression = 0``.

        Raises
        ------
        ValueError
            If an implicit equation has more than four columns.
        """
        import sympy  # noqa: PLC0415

        symbols = symbols_of(self.columns)
        if self.target is None:
            if len(self.columns) > MAX_TERMS:
                raise ValueError(
                    f"the implicit equation of {len(self.columns)} columns has too many candidate "
                    f"formulas; at most {MAX_TERMS} columns are possible."
                )
            return sympy.Eq(implicit_formula(self.samples, symbols)[0], 0, evaluate=False)
        place = self.columns.index(self.target)
        others = [k for k in range(len(self.columns)) if k != place]
        search = KANSymbolicRegressor(**{"random_state": 0, **parameters})
        search.fit(self.samples[:, others], self.samples[:, place])
        names = {sympy.Symbol(f"x{k}"): symbols[own] for k, own in enumerate(others)}
        return sympy.Eq(symbols[place], search.sympy().xreplace(names), evaluate=False)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw what the equation says against what the samples are.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default those of a new figure.
        """
        ax = axes_or_new("Relation.plot", ax)
        if self.model is not None and self.target is not None:
            place = self.columns.index(self.target)
            predicted = self.model.predict(np.delete(self.samples, place, axis=1))
            own = self.samples[:, place]
            ax.set(xlabel=f"{self.target}, of the others", ylabel=self.target)
        else:
            assert self.functions is not None
            predicted, own = self.functions[:, 1:].sum(axis=1), self.functions[:, 0]
            ax.set(xlabel="functions of the others", ylabel=f"function of {self.columns[0]}")
        ax.plot(predicted, own, ".", ms=3, alpha=0.5)
        ends = [float(own.min()), float(own.max())]
        ax.plot(ends, ends, color="0.5", lw=1)
        ax.set_title(f"$R^2$ = {self.r2:.4f}")
        return ax


class Relations(Sequence[Relation]):
    """The relations found in a table, the strongest first; prints as a list.

    Parameters
    ----------
    relations : sequence of Relation
        What was found.
    names : sequence of str
        Names of all columns.
    """

    def __init__(self, relations: Sequence[Relation], names: Sequence[str]) -> None:
        self.relations = list(relations)
        self.names = list(names)

    def __getitem__(self, index: Any) -> Any:
        return self.relations[index]

    def __len__(self) -> int:
        return len(self.relations)

    @property
    def free(self) -> list[str]:
        """Columns that no relation holds."""
        tied = {name for own in self.relations for name in own.columns}
        return [name for name in self.names if name not in tied]

    def __repr__(self) -> str:
        lines = [str(own) for own in self.relations] or ["no relation"]
        if self.free:
            lines.append("in no relation: " + ", ".join(self.free))
        return "\n".join(lines)

    def plot(self) -> Any:
        """Draw every relation in axes of its own, and return the figure."""
        axes_or_new("Relations.plot", None).figure.clear()
        import matplotlib.pyplot as plt  # noqa: PLC0415

        plt.close()
        count = max(len(self), 1)
        figure, axes = plt.subplots(
            1, count, figsize=(3.6 * count, 3.2), squeeze=False, layout="constrained"
        )
        for relation, ax in zip(self.relations, axes[0], strict=False):
            relation.plot(ax)
        return figure


def find_relations(
    X: ArrayLike,
    *,
    min_r2: float = 0.95,
    random_state: int | np.random.RandomState | None = 0,
) -> Relations:
    """Find groups of columns that are tied by an equation.

    First come additive equations of functions of single columns, found by one singular value
    decomposition per column and cut down to as few columns as explain as much. One of the columns
    is solved for where its function goes only up or only down, and a small network fitted to it;
    otherwise the equation stays implicit. For columns in none of them, trees tell whether a network
    of the others is worth a fit.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_columns)
        Two or more columns, 30 samples or more. Of more than 4,000 samples, 4,000 are used.
    min_r2 : float, default=0.95
        Share of the variance that an equation has to explain on samples held out from its fit.
    random_state : int, RandomState instance or None, default=0
        Source of the split of the samples and of the networks' starts.

    Returns
    -------
    relations : Relations
        A sequence of :class:`Relation`, the strongest first.

    Raises
    ------
    ValueError
        If the table cannot be used.

    Notes
    -----
    Of several relations only those that do not follow from others are returned: columns that have
    been solved for are not used to solve for further ones. Where samples form clusters, an equation
    has to hold within them; a classification alone is no equation.

    References
    ----------
    D. J. Donnell, A. Buja and W. Stuetzle, "Analysis of additive dependencies and concurvities
    using smallest additive principal components", Ann. Statist. 22 (1994).

    Z. Liu et al., "KAN: Kolmogorov-Arnold Networks", arXiv:2404.19756, section 4.2.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.discovery import find_relations
    >>> X = np.random.default_rng(0).uniform(-1, 1, size=(300, 4))
    >>> X[:, 2] = X[:, 1] ** 3
    >>> angle = np.pi * X[:, 3]
    >>> relations = find_relations(np.column_stack([X[:, :3], np.cos(angle), np.sin(angle)]))
    >>> [(own.columns, own.target) for own in relations]
    [(['x1', 'x2'], 'x2'), (['x3', 'x4'], None)]
    >>> relations[1].formula()
    Eq(x3**2 + x4**2 - 1, 0)
    >>> relations.free
    ['x0']
    """
    table, names = checked_table(X)
    if table.shape[1] < 2:
        raise ValueError("X has 1 column; a relation needs two or more.")
    if not 0.0 < min_r2 < 1.0:
        raise ValueError(f"min_r2 must lie between 0 and 1, got {min_r2!r}.")
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31))
    table = table[spread_rows(len(table), MAX_ROWS)]
    return Relations(_Finder(table, names, min_r2, rng).run(), names)


class _Finder:
    """The search of one table."""

    def __init__(
        self, X: FloatArray, names: Sequence[str], min_r2: float, rng: np.random.Generator
    ) -> None:
        self.X, self.names, self.min_r2 = X, names, min_r2
        # A constant column depends on nothing and explains nothing.
        self.varied = [k for k in range(X.shape[1]) if np.ptp(X[:, k]) > 0.0]
        self.rng = rng
        self.test: NDArray[np.bool_] = rng.permutation(len(X)) % HELD_OUT == 0
        self.found: list[Relation] = []
        self.solved: set[int] = set()
        # By the column that stands for an implicit equation, all columns in it.
        self.implicit: dict[int, set[int]] = {}

    def run(self) -> list[Relation]:
        if len(self.varied) > 1:
            self._repeated()
            self._additive()
            self._general()
        return sorted(self.found, key=lambda own: -own.r2)

    def _repeated(self) -> None:
        """Add columns that are one of those before them, in whose place no other equation is."""
        for place, target in enumerate(self.varied):
            same = [
                k for k in self.varied[:place] if np.array_equal(self.X[:, k], self.X[:, target])
            ]
            if same:
                model, r2 = self._fitted(target, same[:1])
                self._add_solved(target, same[:1], model, r2)

    def _additive(self) -> None:
        """Add the additive equations, the smallest groups first."""
        splines = RankSplines(self.X, self.rng)
        while True:
            free = [k for k in self.varied if not self._known(k)]
            best: AdditiveDependence | None = None
            for target in free:
                others = [k for k in free if k != target]
                if not others:
                    continue
                own = splines.dependence(target, others)
                if own.unexplained > 1.0 - self.min_r2:
                    continue
                own = splines.smallest(target, others)
                shares = own.local_shares(self.X[:, target])
                if np.median(shares) > 0.5:
                    continue
                if best is None or _order(own) < _order(best):
                    best = own
            if best is None:
                return
            self._keep(best)

    def _keep(self, dependence: AdditiveDependence) -> None:
        """Add an additive equation, solved for a column if that is possible."""
        group = sorted((dependence.target, *dependence.others))
        places = [dependence.target, *dependence.others]
        solutions = []
        for place, own in zip(places, dependence.values.T, strict=True):
            # Of two columns that determine each other, any function of one is one of the other.
            if len(group) == 2 or _monotone(self.X[:, place], own) >= MONOTONE:
                model, r2 = self._fitted(place, [k for k in group if k != place])
                solutions.append((r2, place, model))
        if not solutions:
            # Solved for by more than an additive function, perhaps, as products are.
            for place in group:
                others = [k for k in group if k != place]
                if self._score(self._trees(), place, others) >= PROMISING:
                    model, r2 = self._fitted(place, others)
                    solutions.append((r2, place, model))
        good = [own for own in solutions if own[0] >= self.min_r2]
        if good:
            # Of columns that are solved for as well, the last.
            r2, target, model = max(good, key=lambda own: (round(own[0], 5), own[1]))
            self._add_solved(target, [k for k in group if k != target], model, r2)
            return
        functions = dependence.values
        sizes = functions.std(axis=0)
        self.implicit[dependence.target] = set(group)
        shares = dict(zip(places, sizes / sizes.sum(), strict=True))
        self.found.append(
            Relation(
                columns=[self.names[k] for k in places],
                target=None,
                importances={self.names[k]: float(shares[k]) for k in places},
                r2=1.0 - dependence.unexplained,
                model=None,
                samples=self.X[:, places],
                functions=functions,
            )
        )

    def _add_solved(
        self, target: int, others: Sequence[int], model: KANRegressor, r2: float
    ) -> None:
        group = sorted((target, *others))
        shares = dict(zip(others, model.feature_importances_, strict=True))
        self.solved.add(target)
        self.found.append(
            Relation(
                columns=[self.names[k] for k in group],
                target=self.names[target],
                importances={self.names[k]: float(shares[k]) for k in others},
                r2=r2,
                model=model,
                samples=self.X[:, group],
            )
        )

    def _general(self) -> None:
        """Add equations that are not additive, for columns in none yet."""
        scores = {}
        for target in self.varied:
            others = self._predictors(target)
            if self._known(target) or not others:
                continue
            scores[target] = self._score(self._trees(), target, others)
        for target in sorted(scores, key=lambda own: -scores[own]):
            if scores[target] < PROMISING or self._known(target):
                continue
            others = self._predictors(target)
            model, r2 = self._fitted(target, others)
            if r2 < self.min_r2:
                continue
            kept = [
                k
                for k, share in zip(others, model.feature_importances_, strict=True)
                if share > IDLE
            ]
            if len(kept) < len(others):
                smaller, own_r2 = self._fitted(target, kept)
                if 1.0 - own_r2 <= 2.0 * (1.0 - r2) + 1e-3:
                    model, r2, others = smaller, own_r2, kept
            self._add_solved(target, others, model, r2)

    def _trees(self) -> ExtraTreesRegressor:
        return ExtraTreesRegressor(50, random_state=int(self.rng.integers(2**31)))

    def _known(self, target: int) -> bool:
        """Tell whether an equation stands for the column already."""
        return target in self.solved or target in self.implicit

    def _predictors(self, target: int) -> list[int]:
        """Return the columns that can explain another without repeating what is known."""
        repeated = {k for k, group in self.implicit.items() if target in group}
        return [
            k for k in self.varied if k != target and k not in self.solved and k not in repeated
        ]

    def _score(self, model: Any, target: int, others: Sequence[int]) -> float:
        """Return the score on the samples held out, and leave the model fitted to the others."""
        X, y = self.X[:, list(others)], self.X[:, target]
        model.fit(X[~self.test], y[~self.test])
        return float(model.score(X[self.test], y[self.test]))

    def _fitted(self, target: int, others: Sequence[int]) -> tuple[KANRegressor, float]:
        """Return the best of a few networks for a column, and its score."""
        best: tuple[KANRegressor, float] | None = None
        for shape in SHAPES:
            if shape != () and len(others) == 1:
                break
            model = KANRegressor(
                shape,
                grid_size=(5, 10) if shape != "auto" else 5,
                n_restarts=1 if shape == () else 4,
                max_iter=100,
                random_state=int(self.rng.integers(2**31)),
            )
            with warnings.catch_warnings():
                # What counts is the score, and most fits are for columns that have none.
                warnings.simplefilter("ignore", ConvergenceWarning)
                r2 = self._score(model, target, others)
            if best is None or r2 > best[1]:
                best = (model, r2)
            if best[1] >= EXACT or (best[1] >= self.min_r2 and shape != ()):
                break
        assert best is not None
        return best


def _order(dependence: AdditiveDependence) -> tuple[int, float]:
    return len(dependence.others), dependence.unexplained


def _monotone(x: FloatArray, values: FloatArray) -> float:
    """Return the net change of a function as a share of all its changes, by the samples."""
    order = np.argsort(x, kind="stable")
    changes = np.diff(values[order])
    return float(abs(changes.sum()) / max(np.abs(changes).sum(), 1e-300))
