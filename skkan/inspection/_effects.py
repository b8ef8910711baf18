"""What a fitted model does with one column, with two together, and in a single row.

The *effect* of a column is its partial dependence: the mean output over rows of the data in which
the column is set to a value, less its mean over the data. For an additive model this is the edge
function itself. The *interaction effect* of two columns is what their joint partial dependence has
beyond the two effects.

The *contributions* of a row are Shapley values: the change of the output as column after column is
taken from a row of the data to the row explained, averaged over rows and over orders of the
columns. They add up to the output less its mean over the data, and for an additive model they are
the effects at the row.

References
----------
J. Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics
2001 (partial dependence).
E. Strumbelj and I. Kononenko, "Explaining prediction models and individual predictions with feature
contributions", Knowledge and Information Systems 2014.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.data._raw_table import missing_among
from skkan.data._samples import spread_rows

# Columns of up to so many values are shown value by value.
FEW_VALUES = 12
MOST_LEVELS = 24
N_SITES, N_PAIR_SITES = 60, 24
MAX_ROWS, MAX_PAIR_ROWS = 300, 100
N_ORDERS = 16

Outputs = Callable[[Any], FloatArray]
Deviations = Callable[["Table", int, NDArray[Any]], FloatArray]


@dataclass(frozen=True)
class Effect:
    """Effect of one column, or of two together.

    Attributes
    ----------
    columns : tuple of str
        Names of the columns.
    sites : tuple of ndarray
        For every column the values at which the effect is given.
    values : ndarray of shape (n_sites, n_outputs) or (n_sites, n_sites, n_outputs)
        The effect, with mean zero over the data.
    importance : ndarray of shape (n_outputs,)
        Standard deviation of the effect over the data.
    data : ndarray of shape (n_rows,) or None
        Values of the column in the data; None for two columns.
    missing : ndarray of shape (n_outputs,) or None
        Effect where there is no value, if that is so in the data.
    deviation : ndarray of shape (n_sites, n_outputs) or (n_sites + 1, n_outputs), or None
        Standard deviation of the effect, and of that of missing values as the last row; None where
        it is not known.
    """

    columns: tuple[str, ...]
    sites: tuple[NDArray[Any], ...]
    values: FloatArray
    importance: FloatArray
    data: NDArray[Any] | None
    missing: FloatArray | None = None
    deviation: FloatArray | None = None
    has_levels: bool = False

    @property
    def is_discrete(self) -> bool:
        """Whether the column has few values, or values that are no numbers."""
        return self.has_levels or _is_discrete(self.sites[0])


@dataclass(frozen=True)
class Table:
    """Data in the form that a model takes: an array, or a data frame of pandas.

    Attributes
    ----------
    X : ndarray or DataFrame of shape (n_rows, n_columns)
        The data.
    names : list of str
        Names of the columns.
    weight : ndarray of shape (n_rows,)
        How much the rows count; not all zero.
    levels : mapping of int to sequence
        Levels of the columns that have some, in their order.
    """

    X: Any
    names: list[str]
    weight: FloatArray
    levels: Mapping[int, Sequence[Any]] = field(default_factory=dict)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.X.shape[0])

    @property
    def shares(self) -> FloatArray:
        """Weights that sum to 1."""
        return self.weight / self.weight.sum()

    def column(self, j: int) -> NDArray[Any]:
        """Return the values of a column."""
        values = self.X.iloc[:, j].to_numpy() if hasattr(self.X, "iloc") else self.X[:, j]
        found = np.asarray(values)
        if found.dtype == object and not any(isinstance(own, str) for own in found):
            numbers = np.full(len(found), np.nan)
            known = ~self.gaps(j)
            numbers[known] = found[known].astype(np.float64)
            return numbers
        return found

    def gaps(self, j: int) -> NDArray[np.bool_]:
        """Return where a column has no value."""
        if hasattr(self.X, "iloc"):
            return np.asarray(self.X.iloc[:, j].isna(), dtype=bool)
        return missing_among(self.X[:, j])

    def rows(self, places: NDArray[np.intp]) -> "Table":
        """Return some of the rows, as often as they are named."""
        part = self.X.iloc[places] if hasattr(self.X, "iloc") else self.X[places]
        return Table(part, self.names, self.weight[places], self.levels)

    def with_columns(self, columns: dict[int, NDArray[Any]]) -> "Table":
        """Return the table with other values in some columns."""
        if not hasattr(self.X, "iloc"):
            changed = self.X.copy()
            for j, values in columns.items():
                changed[:, j] = values
            return Table(changed, self.names, self.weight, self.levels)
        new = {self.X.columns[j]: values for j, values in columns.items()}
        # A frame of its own index; types of the columns stay those of the data.
        frame = self.X.reset_index(drop=True)
        for name, values in new.items():
            dtype = self.X[name].to_numpy().dtype
            # What fits into no whole number makes the column one of floats.
            frame[name] = np.asarray(values, dtype=None if dtype.kind in "iub" else dtype)
        return Table(frame, self.names, self.weight, self.levels)


def _is_discrete(sites: NDArray[Any]) -> bool:
    return len(sites) <= FEW_VALUES or not np.issubdtype(sites.dtype, np.number)


def sites_of(table: Table, j: int, count: int) -> NDArray[Any]:
    """Return where to evaluate the effect of a column: its values if they are few, or levels."""
    known = table.column(j)[~table.gaps(j)]
    if np.issubdtype(known.dtype, np.floating):
        known = known[np.isfinite(known)]
    distinct, counts = np.unique(known, return_counts=True)
    if j in table.levels or _is_discrete(distinct):
        # Of many levels, the most frequent ones.
        most = np.sort(np.argsort(-counts, kind="stable")[:MOST_LEVELS])
        place = {label: number for number, label in enumerate(table.levels.get(j, ()))}
        return distinct[sorted(most, key=lambda own: place.get(distinct[own], len(place)))]
    return np.linspace(float(distinct[0]), float(distinct[-1]), count)


def effect(
    outputs: Outputs,
    table: Table,
    j: int,
    deviations: Deviations | None = None,
    additive: bool = False,
) -> Effect:
    """Return the effect of a column.

    Parameters
    ----------
    outputs : callable
        Takes data in the form of ``table.X`` and returns outputs, shape (n_rows, n_outputs).
    table : Table
        Rows that stand for the data.
    j : int
        The column.
    deviations : callable, optional
        Takes the table, the column and sites, and returns standard deviations of the effect there.
    additive : bool, default=False
        Whether the effect is the same in all rows.
    """
    data, gaps = table.column(j), table.gaps(j)
    sites = sites_of(table, j, N_SITES)
    asked = sites
    if gaps.any():
        asked = np.append(sites.astype(object) if sites.dtype.kind in "OUT" else sites, np.nan)
    values = _dependence(outputs, table, {j: asked}, 2 if additive else MAX_ROWS)
    discrete = j in table.levels or _is_discrete(sites)
    at_data, weight = _at(sites, values[: len(sites)], table, j, discrete)
    if gaps.any():
        at_data = np.concatenate([at_data, np.repeat(values[-1:], int(gaps.sum()), axis=0)])
        weight = np.concatenate([weight, table.weight[gaps]])
    share = weight / weight.sum()
    mean = share @ at_data
    values, at_data = values - mean, at_data - mean
    missing = values[-1] if gaps.any() else None
    spread = None if deviations is None else deviations(table, j, asked)
    return Effect(
        (table.names[j],),
        (sites,),
        values[: len(sites)],
        np.sqrt(share @ at_data**2),
        data[~gaps],
        missing,
        spread,
        has_levels=discrete,
    )


def interaction_effect(outputs: Outputs, table: Table, i: int, j: int) -> Effect:
    """Return what two columns do together beyond their single effects."""
    a, b = (sites_of(table, k, N_PAIR_SITES) for k in (i, j))
    first, second = np.repeat(a, len(b)), np.tile(b, len(a))
    joint = _dependence(outputs, table, {i: first, j: second}, MAX_PAIR_ROWS)
    values = joint.reshape(len(a), len(b), -1)
    shares = [_shares(s, table, k) for s, k in ((a, i), (b, j))]
    rows = np.einsum("a,abk->bk", shares[0], values)
    columns = np.einsum("b,abk->ak", shares[1], values)
    mean = shares[0] @ columns
    pure = values - rows[None] - columns[:, None] + mean
    variance = np.einsum("a,b,abk->k", *shares, pure**2)
    names = (table.names[i], table.names[j])
    return Effect(names, (a, b), pure, np.sqrt(variance), None)


def contributions(
    outputs: Outputs, table: Table, row: Table, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return what every column adds to the outputs of a row, and the mean outputs.

    Returns
    -------
    contributions : ndarray of shape (n_columns, n_outputs)
        They add up to the outputs of the row less `mean`.
    mean : ndarray of shape (n_outputs,)
        Mean of the outputs over rows of the data.
    """
    few = table.rows(spread_rows(table.n_rows, MAX_PAIR_ROWS))
    mean = few.shares @ outputs(few.X)
    n_columns = len(table.names)
    total = np.zeros((n_columns, len(mean)))
    order = np.arange(n_columns)
    for number in range(N_ORDERS):
        # Orders in pairs, one the reverse of the other: errors of first order cancel.
        order = order[::-1] if number % 2 else rng.permutation(n_columns)
        moved, before = few, mean
        for j in order.tolist():
            moved = moved.with_columns({j: np.repeat(row.column(j), few.n_rows)})
            after = few.shares @ outputs(moved.X)
            total[j] += after - before
            before = after
    return total / N_ORDERS, mean


def _dependence(
    outputs: Outputs, table: Table, sites: dict[int, NDArray[Any]], most: int
) -> FloatArray:
    """Return mean outputs with columns set to each of their sites, shape (n_sites, n_outputs)."""
    few = spread_rows(table.n_rows, most)
    count = len(next(iter(sites.values())))
    repeated = table.rows(np.tile(few, count))
    set_to = {j: np.repeat(values, len(few)) for j, values in sites.items()}
    out = outputs(repeated.with_columns(set_to).X)
    by_site = out.reshape(count, len(few), -1)
    mean: FloatArray = np.tensordot(by_site, table.rows(few).shares, (1, 0))
    return mean


def _at(
    sites: NDArray[Any], values: FloatArray, table: Table, j: int, discrete: bool
) -> tuple[FloatArray, FloatArray]:
    """Return an effect at the data, shape (n_known, n_outputs), and the weights of these rows."""
    known = ~table.gaps(j)
    data, weight = table.column(j)[known], table.weight[known]
    if discrete:
        return values[_places(sites, data)], weight[np.isin(data, sites)]
    finite = np.isfinite(data.astype(np.float64))
    found = [np.interp(data[finite], sites, column) for column in values.T]
    return np.stack(found, axis=1), weight[finite]


def _places(sites: NDArray[Any], data: NDArray[Any]) -> NDArray[np.intp]:
    """Return where those of the data that are among some values stand there."""
    order = np.argsort(sites, kind="stable")
    found: NDArray[np.intp] = order[np.searchsorted(sites[order], data[np.isin(data, sites)])]
    return found


def _shares(sites: NDArray[Any], table: Table, j: int) -> FloatArray:
    """Return the share of the data nearest to every site."""
    known = ~table.gaps(j)
    data, weight = table.column(j)[known], table.weight[known]
    among = np.isin(data, sites)
    if among.mean() > 0.5 or _is_discrete(sites):
        nearest, weight = _places(sites, data), weight[among]
    else:
        finite = np.isfinite(data.astype(np.float64))
        step = sites[1] - sites[0]
        nearest = np.rint((data[finite] - sites[0]) / step).astype(np.intp)
        weight = weight[finite]
    counts = np.bincount(nearest, weight, len(sites)).astype(np.float64)
    return counts / counts.sum()


def column_number(names: Sequence[str], column: Any) -> int:
    """Return the number of a column that is given by number or by name."""
    if isinstance(column, str):
        if column not in names:
            raise ValueError(f"features has {column!r}, which is none of: {', '.join(names)}.")
        return list(names).index(column)
    number = int(column) if isinstance(column, (int, np.integer)) else -1
    if isinstance(column, bool) or not 0 <= number < len(names):
        raise ValueError(
            f"features has {column!r}, which is no column: give a name, or a number from 0 to "
            f"{len(names) - 1}."
        )
    return number
