"""KANRegressor for Dask."""

from typing import Any, Self

import dask
from dask.delayed import delayed
from sklearn.metrics import r2_score

import skkan
from skkan.dask._base import BaseDaskKAN
from skkan.dask._collections import is_collection
from skkan.dask._validation import numeric_block
from skkan.objective.losses._choice import regression_loss
from skkan.training._progress import Progress


class KANRegressor(BaseDaskKAN, skkan.KANRegressor):
    """Kolmogorov-Arnold network for regression, fitted where the samples are.

    Parameters, attributes and methods are those of :class:`skkan.KANRegressor`. Given Dask arrays
    or data frames, `fit` leaves the samples on their workers and exchanges parameters and sums with
    them, and `predict` returns lazy arrays. Everything else is taken as by
    :class:`skkan.KANRegressor`.

    See Also
    --------
    skkan.KANRegressor : Parameters and attributes.
    skkan.dask.KANClassifier : The same for classes.

    Notes
    -----
    Work is done by the cluster of the current :class:`distributed.Client`, or without one by Dask's
    scheduler in use. ``n_jobs`` has no effect on it, and ``max_cache_bytes`` is the memory for
    features on every worker.

    As long as inputs, targets and weights take no more than 32 MB together, the fit is that of
    :class:`skkan.KANRegressor` on the same data, to the bit on the same kind of processor. Larger
    data are neither sorted nor merged, as this would move them; then rounding differs, which
    training may make more of.

    With `early_stopping` this process holds eight bytes per sample, to draw those held out. With
    ``solver="adam"``, which draws its batches from everywhere, all samples come here in turn; the
    other solvers are better on a cluster.

    A worker that is lost is made up for, as long as its data can be computed again: Dask can do
    that unless they have been put there by ``Client.scatter``.

    Examples
    --------
    >>> import dask
    >>> import dask.array as da
    >>> from skkan.dask import KANRegressor
    >>> X = da.random.default_rng(0).uniform(-1.0, 1.0, size=(400, 2), chunks=(100, 2))
    >>> y = da.sin(3.0 * X[:, 0]) + X[:, 1] ** 2
    >>> with dask.config.set(scheduler="synchronous"):
    ...     model = KANRegressor((), alpha=1e-6, random_state=0).fit(X, y)
    ...     print(model.score(X, y) > 0.999)
    True
    >>> model.predict(X)
    dask.array<..., shape=(400,), dtype=float64, chunksize=(100,), chunktype=numpy.ndarray>
    """

    _metric = staticmethod(r2_score)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the network to data.

        Parameters
        ----------
        X : Dask array, Dask data frame or array-like of shape (n_samples, n_features)
            Inputs.
        y : Dask or other array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : Dask or other array-like of shape (n_samples,), optional
            Non-negative weights; a weight of 2 is the same as a repeated sample, a weight of 0 the
            same as none.

        Returns
        -------
        self : KANRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If parameters or data cannot be used, or the blocks of a Dask array have unknown
            lengths.

        Warns
        -----
        ConvergenceWarning
            If the last run of the solver was ended by `max_iter`.
        """
        return super().fit(X, y, sample_weight)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        go_on: bool = False,
        progress: Progress | None = None,
    ) -> Self:
        if not is_collection(X):
            return super()._fit(X, *dask.compute(y, sample_weight), go_on=go_on, progress=progress)
        with self._restored_on_failure():
            aligned = self._aligned(X, y, sample_weight, reset=not go_on)
            targets = aligned.targets
            loss = regression_loss(self.loss, self.quantile)
            if loss.link is not None:
                loss.check_targets(*dask.compute(targets))
            n_targets = 1 if targets.ndim == 1 else targets.shape[1]
            self._single_target = targets.ndim == 1
            self._check_outputs(n_targets, go_on=go_on)
            progress = progress or Progress(
                self, lambda network: {"network_": network}, X, y, sample_weight
            )
            self._train_blocks(
                [delayed(numeric_block)(*block) for block in aligned.blocks()],
                (aligned.inputs.shape[1], n_targets),
                loss,
                progress,
                go_on=go_on,
            )
            progress.close(self.network_)
        return self
