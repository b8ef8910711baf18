"""B-splines on one grid per node: basis values, derivatives, extrapolation, refitting.

A grid of ``G`` intervals and degree ``k`` carries ``G + k`` B-splines, of which only ``k + 1``
differ from zero at any point. On each interval they are polynomials in the local coordinate
``tau`` in [0, 1]; those polynomials are tabulated once, so that evaluating is a gather and a small
matrix product.

References
----------
C. de Boor, *A Practical Guide to Splines*, revised edition, Springer 2001, chapters IX and X.
"""

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray


class SplineGrid:
    """B-splines of one degree on the grids of ``n_nodes`` nodes.

    Parameters
    ----------
    breakpoints : ndarray of shape (n_nodes, grid_size + 1)
        Strictly increasing ends of the intervals of every node.
    degree : int
        Degree of the splines, at least 1.

    Attributes
    ----------
    knots : ndarray of shape (n_nodes, grid_size + 2 * degree + 1)
        The breakpoints, continued on both sides by ``degree`` knots at the spacing of the outermost
        interval.
    n_splines : int
        Number of B-splines per node, ``grid_size + degree``.
    uniform : bool
        Whether all intervals of a node have the same length.

    Notes
    -----
    Beyond the grid every B-spline goes on along its tangent at the border, so that a spline and
    its slope are continuous everywhere.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan._splines import SplineGrid
    >>> grid = SplineGrid(np.linspace(-1.0, 1.0, 6)[None, :], degree=3)
    >>> grid.dense(np.array([[0.3]])).sum().round(12)
    np.float64(1.0)
    """

    def __init__(self, breakpoints: FloatArray, degree: int) -> None:
        breakpoints = np.asarray(breakpoints, dtype=np.float64)
        widths = np.diff(breakpoints, axis=1)
        if not np.all(widths > 0.0):
            raise ValueError("breakpoints must increase strictly within every row")
        self.breakpoints = breakpoints
        self.degree = degree
        self.n_nodes = breakpoints.shape[0]
        self.grid_size = breakpoints.shape[1] - 1
        self.n_splines = self.grid_size + degree
        self.low = breakpoints[:, 0]
        self.high = breakpoints[:, -1]
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
        self._widths = widths
        self._pieces = self._local_polynomials()
        self._keys = self._interval_keys()

    def _local_polynomials(self) -> FloatArray:
        """Tabulate the non-zero B-splines of every interval as polynomials in ``tau``.

        Returns an array of shape (n_nodes, grid_size, degree + 1 powers, degree + 1 splines), or
        (1, 1, ...) for uniform grids, where all intervals are alike. The recursion is de Boor's
        (chapter X, equation 4) carried out on polynomial coefficients.
        """
        degree = self.degree
        knots = self.knots if not self.uniform else np.arange(2.0 * degree + 2.0)[None, :]
        n_intervals = self.grid_size if not self.uniform else 1
        start = knots[:, degree : degree + n_intervals]
        width = knots[:, degree + 1 : degree + 1 + n_intervals] - start
        pieces = np.zeros((*start.shape, degree + 1, degree + 1))
        pieces[..., 0, 0] = 1.0
        for order in range(1, degree + 1):
            lifted = np.zeros_like(pieces)
            for r in range(order):
                offset = degree + r + 1
                right = knots[:, offset : offset + n_intervals]
                left = knots[:, offset - order : offset - order + n_intervals]
                share = pieces[..., r] / (right - left)[..., None]
                times_tau = np.zeros_like(share)
                times_tau[..., 1:] = share[..., :-1] * width[..., None]
                lifted[..., r] += (right - start)[..., None] * share - times_tau
                lifted[..., r + 1] += (start - left)[..., None] * share + times_tau
            pieces = lifted
        return pieces

    def _interval_keys(self) -> FloatArray:
        """Inner breakpoints of all nodes as one increasing sequence, for a single search."""
        spans = (self.high - self.low)[:, None]
        inner = (self.breakpoints[:, 1:-1] - self.low[:, None]) / spans
        return (inner + 2.0 * np.arange(self.n_nodes)[:, None]).ravel()

    def _locate(self, x: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
        """Return the interval of every value of `x` (inside the grid) and its ``tau``."""
        scaled = (x - self.low) / (self.high - self.low)
        if self.uniform:
            scaled *= self.grid_size
            interval = scaled.astype(np.intp)
            np.clip(interval, 0, self.grid_size - 1, out=interval)
            scaled -= interval
            return interval, scaled
        nodes = np.arange(self.n_nodes)
        found = np.searchsorted(self._keys, scaled + 2.0 * nodes, side="right")
        # The limits are for NaN, which comes out as NaN.
        interval = np.clip(found - nodes * (self.grid_size - 1), 0, self.grid_size - 1)
        tau = (x - self.breakpoints[nodes, interval]) / self._widths[nodes, interval]
        return interval, tau

    def _evaluate(self, interval: NDArray[np.intp], tau: FloatArray, order: int) -> FloatArray:
        """Return the `order`-th derivatives of the non-zero splines at located points."""
        degree = self.degree
        powers = np.zeros((*tau.shape, degree + 1))
        if order <= degree:
            powers[..., order] = float(np.prod(np.arange(1, order + 1)))
        for p in range(order + 1, degree + 1):
            powers[..., p] = powers[..., p - 1] * tau * (p / (p - order))
        if self.uniform:
            values = powers @ self._pieces[0, 0]
            width: FloatArray = (self.high - self.low) / self.grid_size
        else:
            nodes = np.arange(self.n_nodes)
            values = (powers[..., None, :] @ self._pieces[nodes, interval])[..., 0, :]
            width = self._widths[nodes, interval]
        if order:
            values /= (width**order)[..., None]
        return values

    def local(
        self, x: FloatArray, max_order: int = 0
    ) -> tuple[NDArray[np.intp], tuple[FloatArray, ...]]:
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
        values : tuple of ndarray of shape (n_samples, n_nodes, degree + 1)
            The splines' derivatives of order 0 to `max_order`.
        """
        inside = np.clip(x, self.low, self.high)
        excess = x - inside
        interval, tau = self._locate(inside)
        outside = bool(np.any(excess))
        highest = max(max_order, 1) if outside else max_order
        values = [self._evaluate(interval, tau, order) for order in range(highest + 1)]
        if outside:
            values[0] = values[0] + values[1] * excess[..., None]
            for order in range(2, max_order + 1):
                values[order][excess != 0.0] = 0.0
        return interval, tuple(values[: max_order + 1])

    def dense(self, x: FloatArray, order: int = 0) -> FloatArray:
        """Return a derivative of all splines, shape (n_samples, n_nodes, n_splines)."""
        first, values = self.local(x, order)
        return scatter(first, values[order], self.n_splines)

    def dense_with_slopes(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return :meth:`dense` of order 0 and 1 from one look-up."""
        first, (values, slopes) = self.local(x, 1)
        return scatter(first, values, self.n_splines), scatter(first, slopes, self.n_splines)

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

    def refit_to(self, other: "SplineGrid") -> FloatArray:
        """Return the linear map of coefficients on this grid to coefficients on `other`.

        Parameters
        ----------
        other : SplineGrid
            Grid of the same nodes.

        Returns
        -------
        transfer : ndarray of shape (n_nodes, other.n_splines, n_splines)
            Least squares over points spread over the new grid; exact where the space of this
            grid is contained in that of `other`.
        """
        local = (np.arange(other.degree + 1) + 0.5) / (other.degree + 1)
        points = other.breakpoints[:, :-1, None] + other._widths[:, :, None] * local
        points = points.reshape(other.n_nodes, -1).T
        new = other.dense(points).transpose(1, 0, 2)
        old = self.dense(points).transpose(1, 0, 2)
        return np.linalg.pinv(new) @ old


def scatter(first: NDArray[np.intp], values: FloatArray, n_splines: int) -> FloatArray:
    """Spread local spline values over a dense last axis of length `n_splines`."""
    dense = np.zeros((*first.shape, n_splines))
    index = first[..., None] + np.arange(values.shape[-1])
    np.put_along_axis(dense, index, values, axis=-1)
    return dense


def uniform_breakpoints(low: FloatArray, high: FloatArray, grid_size: int) -> FloatArray:
    """Return `grid_size` equal intervals from `low` to `high` for every node."""
    return low[:, None] + (high - low)[:, None] * np.linspace(0.0, 1.0, grid_size + 1)
