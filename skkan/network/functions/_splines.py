"""B-splines on one grid per node: basis values, derivatives, extrapolation, refitting.

A grid of ``G`` intervals and degree ``k`` carries ``G + k`` B-splines, of which only ``k + 1``
differ from zero at any point. On the intervals of a uniform grid they are always the same
polynomials in the local coordinate ``tau`` in [0, 1]; evaluating these is a matrix product. On
another grid the recursion of Cox and de Boor is carried out, with gathered knots. Arrays of local
values have the spline as their first axis, so that every step runs over contiguous samples.

References
----------
C. de Boor, *A Practical Guide to Splines*, revised edition, Springer 2001, chapters IX and X.
"""

import copy

import numpy as np
from numpy.typing import DTypeLike, NDArray

from skkan._typing import FloatArray

BUCKETS_PER_INTERVAL = 4


class SplineGrid:
    """B-splines of one degree on the grids of ``n_nodes`` nodes.

    Parameters
    ----------
    breakpoints : ndarray of shape (n_nodes, grid_size + 1)
        Strictly increasing ends of the intervals of every node.
    degree : int
        Degree of the splines, at least 1.
    clamped : bool, default=False
        Whether splines are constant beyond the grid, in place of straight.

    Attributes
    ----------
    knots : ndarray of shape (n_nodes, grid_size + 2 * degree + 1)
        The breakpoints, continued on both sides by ``degree`` knots at the spacing of the outermost
        interval.
    reach : ndarray of shape (n_nodes,)
        Size of the values of every node, as far as its grid goes.
    n_splines : int
        Number of B-splines per node, ``grid_size + degree``.
    uniform : bool
        Whether all intervals of a node have the same length.

    Notes
    -----
    Beyond the grid every B-spline goes on along its tangent at the border, so that a spline and
    its slope are continuous everywhere; on a clamped grid it keeps its value at the border.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.network.functions._splines import SplineGrid
    >>> grid = SplineGrid(np.linspace(-1.0, 1.0, 6)[None, :], degree=3)
    >>> grid.dense(np.array([[0.3]])).sum().round(12)
    np.float64(1.0)
    """

    def __init__(self, breakpoints: FloatArray, degree: int, clamped: bool = False) -> None:
        breakpoints = np.asarray(breakpoints, dtype=np.float64)
        widths = np.diff(breakpoints, axis=1)
        if not np.all(widths > 0.0):
            raise ValueError("breakpoints must increase strictly within every row")
        self.breakpoints = breakpoints
        self.degree = degree
        self.clamped = clamped
        self.n_nodes = breakpoints.shape[0]
        self.grid_size = breakpoints.shape[1] - 1
        self.n_splines = self.grid_size + degree
        self.low = breakpoints[:, 0]
        self.high = breakpoints[:, -1]
        self.reach = np.maximum(np.abs(self.low), np.abs(self.high))
        spans = (self.high - self.low)[:, None]
        self.uniform = bool(np.all(np.abs(widths - spans / self.grid_size) <= 1e-12 * spans))
        steps = np.arange(1, degree + 1)
        self.knots = np.concatenate(
            [
                self.low[:, None] - widths[:, :1] * steps[::-1],
                breakpoints,
                self.high[:, None] + widths[:, -1:] * steps,
            ],
            axis=1,
        )
        self._rate = self.grid_size / (self.high - self.low)
        self._polynomials = uniform_polynomials(degree)
        if not self.uniform:
            self._make_search_tables()

    def _make_search_tables(self) -> None:
        """Cut every grid into equal buckets, and note how many breakpoints lie before each."""
        nodes = np.arange(self.n_nodes)[:, None]
        self._n_buckets = BUCKETS_PER_INTERVAL * self.grid_size
        self._bucket_rate = self._n_buckets / (self.high - self.low)
        inner = self.breakpoints[:, 1:-1]
        bucket = ((inner - self.low[:, None]) * self._bucket_rate[:, None]).astype(np.intp)
        bucket += self._n_buckets * nodes
        inside = np.bincount(bucket.ravel(), minlength=self.n_nodes * self._n_buckets)
        inside = inside.reshape(self.n_nodes, -1)
        self._before = np.cumsum(inside, axis=1) - inside
        self._most_inside = int(inside.max())
        self._next = np.append(inner, np.full((self.n_nodes, 1), np.inf), axis=1)

    def _locate(self, x: FloatArray) -> NDArray[np.intp]:
        """Return the intervals of points inside an uneven grid."""
        nodes = np.arange(self.n_nodes)
        # NaN, for which any will do, turns into no index by itself.
        with np.errstate(invalid="ignore"):
            bucket = ((x - self.low) * self._bucket_rate).astype(np.intp)
        np.clip(bucket, 0, self._n_buckets - 1, out=bucket)
        bucket += self._n_buckets * nodes
        interval = self._before.take(bucket)
        for _ in range(self._most_inside):
            interval += x >= self._next.take(interval + self.grid_size * nodes)
        return interval

    def _on_uniform(self, x: FloatArray, max_order: int) -> tuple[NDArray[np.intp], FloatArray]:
        """Evaluate as :meth:`local`, at points inside a uniform grid."""
        n = self.degree + 1
        tau = x - self.low
        tau *= self._rate
        interval = tau.astype(np.intp)
        np.clip(interval, 0, self.grid_size - 1, out=interval)
        tau -= interval
        powers = np.empty((n, *tau.shape), dtype=tau.dtype)
        powers[0] = 1.0
        for p in range(1, n):
            np.multiply(powers[p - 1], tau, out=powers[p])
        values = self._taylor(max_order) @ powers.reshape(n, -1)
        values = values.reshape(max_order + 1, *powers.shape)
        for order in range(1, max_order + 1):
            values[order] *= self._rate**order
        return interval, values

    def _taylor(self, max_order: int) -> FloatArray:
        """Return the derivatives of the splines of a uniform grid as polynomials in ``tau``.

        Shape ((max_order + 1) * (degree + 1), degree + 1 powers).
        """
        n = self.degree + 1
        table = np.zeros((max_order + 1, n, n), dtype=self._polynomials.dtype)
        table[0] = self._polynomials
        for order in range(1, max_order + 1):
            table[order, :, :-1] = table[order - 1, :, 1:] * np.arange(1.0, n)
        return table.reshape(-1, n)

    def _on_uneven(self, x: FloatArray, max_order: int) -> tuple[NDArray[np.intp], FloatArray]:
        """Evaluate as :meth:`local`, at points inside the grid (chapter X, equations 4 and 12)."""
        degree, nodes = self.degree, np.arange(self.n_nodes)
        interval = self._locate(x)
        place = interval + self.knots.shape[1] * nodes
        knots = self.knots.reshape(-1)
        left = np.empty((degree, *x.shape), dtype=x.dtype)
        right = np.empty_like(left)
        for offset in range(degree):
            np.subtract(x, knots.take(place + (degree - offset)), out=left[degree - 1 - offset])
            np.subtract(knots.take(place + (degree + 1 + offset)), x, out=right[offset])
        values = np.zeros((max_order + 1, degree + 1, *x.shape), dtype=x.dtype)
        values[0, 0] = 1.0
        for order in range(1, degree + 1):
            below, above = left[degree - order :], right[:order]
            # The derivatives that the last orders will still raise.
            kept = values[: max(1, max_order - degree + order + 1)]
            shares = kept[:, :order] / (below + above)
            for derivative in range(1, len(kept)):
                slopes = order * shares[derivative - 1]
                kept[derivative, 0] = 0.0
                kept[derivative, 1 : order + 1] = slopes
                kept[derivative, :order] -= slopes
            np.multiply(above, shares[0], out=values[0, :order])
            values[0, 1 : order + 1] += below * shares[0]
        return interval, values

    def on(self, breakpoints: FloatArray) -> "SplineGrid":
        """Return a grid of the same kind with other breakpoints."""
        return SplineGrid(breakpoints, self.degree, self.clamped)

    def astype(self, dtype: DTypeLike) -> "SplineGrid":
        """Return the same grid with its tables in another precision, in which it evaluates.

        Parameters
        ----------
        dtype : dtype
            Single or double precision. Points have to be of it too.
        """
        other = copy.copy(self)
        tables = ["low", "high", "reach", "breakpoints", "knots", "_rate", "_polynomials"]
        if not self.uniform:
            tables += ["_bucket_rate", "_next"]
        for name in tables:
            setattr(other, name, getattr(self, name).astype(dtype, copy=False))
        return other

    def local(self, x: FloatArray, max_order: int = 0) -> tuple[NDArray[np.intp], FloatArray]:
        """Evaluate the ``degree + 1`` splines that differ from zero.

        Parameters
        ----------
        x : ndarray of shape (n_samples, n_nodes)
            Points, anywhere on the real line.
        max_order : int, default=0
            Highest derivative wanted.

        Returns
        -------
        first : ndarray of int of shape (n_samples, n_nodes)
            Index of the first non-zero spline.
        values : ndarray of shape (max_order + 1, degree + 1, n_samples, n_nodes)
            The splines' derivatives of order 0 to `max_order`.
        """
        inside = np.clip(x, self.low, self.high)
        excess = x - inside
        evaluate = self._on_uniform if self.uniform else self._on_uneven
        if not np.any(excess):
            return evaluate(inside, max_order)
        if self.clamped:
            interval, values = evaluate(inside, max_order)
            values[1:, :, excess != 0.0] = 0.0
            return interval, values
        interval, values = evaluate(inside, max(max_order, 1))
        values[0] += values[1] * excess
        values[2:, :, excess != 0.0] = 0.0
        return interval, values[: max_order + 1]

    def dense(self, x: FloatArray, order: int = 0) -> FloatArray:
        """Return a derivative of all splines, shape (n_samples, n_nodes, n_splines)."""
        first, values = self.local(x, order)
        return scatter(places(first, self.n_splines), values[order], self.n_splines)

    def greville(self) -> FloatArray:
        """Return the Greville abscissae, the coefficients of the identity.

        Returns
        -------
        sites : ndarray of shape (n_nodes, n_splines)
            Means of ``degree`` consecutive knots: ``sum_m sites[m] B_m(x) = x`` on the whole line.
        """
        windows = np.lib.stride_tricks.sliding_window_view(self.knots[:, 1:-1], self.degree, axis=1)
        return windows.mean(axis=-1)

    def difference_operator(self, order: int) -> tuple[FloatArray, FloatArray]:
        """Return the map from coefficients to those of a derivative.

        Parameters
        ----------
        order : int
            1 to ``degree + 1``. The last gives the jumps of the highest derivative at the inner
            breakpoints, over the mean length of the intervals they join.

        Returns
        -------
        operator : ndarray of shape (n_nodes, n_splines - order, n_splines)
            Coefficients of the derivative, a spline of degree ``degree - order``.
        lengths : ndarray of shape (n_nodes, n_splines - order)
            Integrals of the B-splines of that degree, and the mean lengths for the jumps.
        """
        n_splines, degree, knots = self.n_splines, self.degree, self.knots
        operator = np.tile(np.eye(n_splines), (self.n_nodes, 1, 1))
        lengths = np.ones((self.n_nodes, n_splines))
        for m in range(1, order + 1):
            left, count = degree - m + 1, n_splines - m
            if left:
                lengths = knots[:, degree + 1 :][:, :count] - knots[:, m : m + count]
                lengths = lengths / left
            else:
                lengths = 0.5 * (lengths[:, 1:] + lengths[:, :-1])
            operator = np.diff(operator, axis=1) / lengths[:, :, None]
        return operator, lengths

    def refit_to(self, other: "SplineGrid", extend: bool = False) -> FloatArray:
        """Return the linear map of coefficients on this grid to coefficients on `other`.

        Parameters
        ----------
        other : SplineGrid
            Grid of the same nodes.
        extend : bool, default=False
            Whether the outermost polynomials go on where `other` reaches farther, not their
            tangents.

        Returns
        -------
        transfer : ndarray of shape (n_nodes, other.n_splines, n_splines)
            Least squares over points spread over the new grid; exact where the space of this
            grid is contained in that of `other`.
        """
        ends = other.breakpoints
        if extend:
            ends = np.clip(ends, self.low[:, None], self.high[:, None])
        local = (np.arange(other.degree + 1) + 0.5) / (other.degree + 1)
        points = ends[:, :-1, None] + np.diff(ends)[:, :, None] * local
        points = points.reshape(other.n_nodes, -1).T
        new = other.dense(points).transpose(1, 0, 2)
        old = self.dense(points).transpose(1, 0, 2)
        return np.linalg.pinv(new) @ old


def places(first: NDArray[np.intp], width: int) -> NDArray[np.intp]:
    """Return where the first non-zero splines stand in a flat array of `width` columns a node."""
    return first + width * np.arange(first.size).reshape(first.shape)


def scatter(place: NDArray[np.intp], values: FloatArray, width: int) -> FloatArray:
    """Spread local values over a dense array.

    Parameters
    ----------
    place : ndarray of int of shape (n_samples, n_nodes)
        As :func:`places` returns it.
    values : ndarray of shape (degree + 1, n_samples, n_nodes)
        Local values.
    width : int
        Number of columns of every node.

    Returns
    -------
    dense : ndarray of shape (n_samples, n_nodes, width)
        Zero elsewhere.
    """
    dense = np.zeros((*place.shape, width), dtype=values.dtype)
    flat, place = dense.reshape(-1), place.ravel()
    for offset, own in enumerate(values):
        flat[place + offset] = own.ravel()
    return dense


def gather(place: NDArray[np.intp], values: FloatArray, dense: FloatArray) -> FloatArray:
    """Return the products of local values with a dense array, summed over the splines.

    Parameters
    ----------
    place, values : ndarray
        As for :func:`scatter`.
    dense : ndarray of n_samples * n_nodes * width numbers
        The array, C-contiguous.

    Returns
    -------
    sums : ndarray of shape (n_samples, n_nodes)
        One for every node.
    """
    flat = dense.reshape(-1)
    sums = flat.take(place)
    sums *= values[0]
    for offset, own in enumerate(values[1:], start=1):
        sums += own * flat.take(place + offset)
    return sums


def uniform_polynomials(degree: int) -> FloatArray:
    """Return the non-zero B-splines of an interval of unit length as polynomials in ``tau``.

    Shape (degree + 1 splines, degree + 1 powers). The recursion is de Boor's (chapter X, equation
    4) carried out on polynomial coefficients.
    """
    pieces = np.zeros((degree + 1, degree + 1))
    pieces[0, 0] = 1.0
    for order in range(1, degree + 1):
        share = pieces[:order] / order
        rising = np.zeros_like(share)
        rising[:, 1:] = share[:, :-1]
        steps = np.arange(1.0, order + 1)[:, None]
        pieces[:order] = steps * share - rising
        pieces[order] = 0.0
        pieces[1 : order + 1] += (order - steps) * share + rising
    return pieces


def uniform_breakpoints(low: FloatArray, high: FloatArray, grid_size: int) -> FloatArray:
    """Return `grid_size` equal intervals from `low` to `high` for every node."""
    return low[:, None] + (high - low)[:, None] * np.linspace(0.0, 1.0, grid_size + 1)
