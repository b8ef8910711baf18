"""Samples of one function, made ready for many fits."""

from dataclasses import dataclass

import numpy as np

from skkan._typing import FloatArray

MAX_SITES = 192


@dataclass(frozen=True)
class Samples:
    """Values ``y`` at ``x`` with weights that sum to 1.

    Attributes
    ----------
    x, y, weight : ndarray of shape (n,)
        The samples in increasing order of `x`.
    middle, half : float
        Middle and half length of the range of `x`.
    t : ndarray of shape (n,)
        `x` mapped onto [-1, 1]; zeros if `x` is constant.
    mean : float
        Mean of `y`.
    scale : float
        Largest distance of `y` from its mean; 0 if it is constant but for rounding.
    residual : ndarray of shape (n,)
        `y` without its mean, in units of `scale`.
    spread : float
        Variance of `residual`.
    """

    x: FloatArray
    y: FloatArray
    weight: FloatArray
    middle: float
    half: float
    t: FloatArray
    mean: float
    scale: float
    residual: FloatArray
    spread: float

    @classmethod
    def of(cls, x: FloatArray, y: FloatArray, weight: FloatArray | None = None) -> "Samples":
        """Check, sort and scale samples.

        Parameters
        ----------
        x, y : array-like of shape (n,)
            Arguments and values.
        weight : array-like of shape (n,) or None
            Weights, not negative; samples of weight 0 are left out.

        Examples
        --------
        >>> from skkan.symbolic.recognition._edge_samples import Samples
        >>> Samples.of([3.0, 1.0], [1.0, 5.0]).t
        array([-1.,  1.])
        """
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        w = np.ones_like(x) if weight is None else np.asarray(weight, dtype=np.float64)
        if x.ndim != 1 or x.shape != y.shape or x.shape != w.shape:
            raise ValueError(
                f"x, y and weight must be of one length, got shapes {x.shape}, {y.shape}, {w.shape}"
            )
        if not (np.isfinite(x).all() and np.isfinite(y).all() and np.isfinite(w).all()):
            raise ValueError("x, y and weight must be finite")
        if np.any(w < 0.0) or not np.any(w > 0.0):
            raise ValueError("weight must not be negative, and not zero for all samples")
        order = np.argsort(x, kind="stable")
        order = order[w[order] > 0.0]
        x, y, w = x[order], y[order], w[order]
        return cls._scaled(x, y, w / np.max(w))

    @classmethod
    def _scaled(cls, x: FloatArray, y: FloatArray, w: FloatArray) -> "Samples":
        w = w / np.sum(w)
        # Halves before the sum, which might overflow.
        middle, half = float(0.5 * x[0] + 0.5 * x[-1]), float(0.5 * x[-1] - 0.5 * x[0])
        # Of a shorter range the scale would overflow.
        constant = half <= max(4.0 * np.finfo(np.float64).eps * abs(middle), 1e-290)
        t = np.zeros_like(x) if constant else np.clip((x - middle) / half, -1.0, 1.0)
        mean = float(y @ w)
        residual = y - mean
        scale = float(np.max(np.abs(residual)))
        if scale <= 8.0 * np.finfo(np.float64).eps * np.max(np.abs(y)):
            scale, residual = 0.0, np.zeros_like(y)
        else:
            residual /= scale
        spread = float(np.square(residual) @ w)
        half = 0.0 if constant else half
        return cls(x, y, w, middle, half, t, mean, scale, residual, spread)

    def thinned(self) -> "Samples":
        """Return a few samples that stand for all of them.

        Half of the sites follow the samples, half lie evenly over the range. Each has the weight
        of the samples that are nearest to it.
        """
        n = len(self.x)
        if n <= MAX_SITES:
            return self
        half = MAX_SITES // 2
        even = np.searchsorted(self.t, np.linspace(-1.0, 1.0, half))
        ranks = np.round(np.linspace(0, n - 1, half)).astype(np.intp)
        sites = np.unique(np.concatenate([[0], np.minimum(even, n - 1), ranks]))
        borders = (sites[:-1] + sites[1:] + 1) // 2
        weight = np.add.reduceat(self.weight, np.concatenate([[0], borders]))
        return self._scaled(self.x[sites], self.y[sites], weight)
