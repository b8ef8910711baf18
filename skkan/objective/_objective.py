"""Data, network, loss and penalty as one function of the parameter vector."""

from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike, NDArray

from skkan._typing import FloatArray
from skkan.data._blocks import Rows, Samples
from skkan.network._network import Network
from skkan.objective._block_sums import (
    GaussNewtonProduct,
    NodeCurvatures,
    NormalEquations,
    SecondDifference,
    SquaredResiduals,
    Value,
    ValueAndGradient,
)
from skkan.objective._penalties import Penalty
from skkan.objective._sparsity import Sparsity
from skkan.objective.losses._loss import Loss


class Objective:
    """Penalised mean loss ``sum_n w[n] l(f(x[n]), t[n]) + penalty``.

    Parameters
    ----------
    network : Network
        Architecture and grids; its coefficients are not used.
    data : Samples
        Scaled samples.
    loss : Loss
        Data fit.
    penalty : Penalty
        Regularisation, on the same grids; it is left out for edges that are no splines.
    rows : Rows, optional
        The samples in blocks, with the features of the first layer; these depend on its grid alone,
        so that many objectives can share them.
    sparsity : Sparsity, optional
        Penalty on the magnitudes of the edges.
    dtype : dtype, default=float64
        Precision of what is done for every sample. Sums over samples, penalties and parameters are
        in double precision.
    """

    def __init__(
        self,
        network: Network,
        data: Samples,
        loss: Loss,
        penalty: Penalty,
        rows: Rows | None = None,
        sparsity: Sparsity | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        self.network = network.copy()
        self.data = data
        self.loss = loss
        self.penalty = penalty.for_edges_of(network)
        self.dtype = np.dtype(dtype)
        self.rows = data.rows(network.layers[0].astype(dtype)) if rows is None else rows
        self.sparsity = sparsity
        self._latest: tuple[FloatArray, tuple[float, FloatArray, FloatArray]] | None = None

    @property
    def bends(self) -> bool:
        """Whether the outputs are smooth functions of the parameters, and not linear.

        Sums of splines of the inputs are linear; symbolic edges may have poles and borders.
        """
        layers = self.network.layers
        if any(layer.symbols for layer in layers):
            return False
        return len(layers) > 1 or layers[0].products is not None

    def _at(self, parameters: FloatArray) -> Network:
        """Return the network at some parameters, in the precision of the samples' part."""
        self.network.set_parameters(parameters)
        if self.dtype == np.float64:
            return self.network
        return self.network.astype(self.dtype)

    def _penalties(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        """Return what is added to the loss, and its gradient."""
        value, gradient = self.penalty.value_and_gradient(self.network, parameters)
        if self.sparsity is not None:
            own, slope = self.sparsity.value_and_gradient(self.network, parameters)
            value, gradient = value + own, gradient + slope
        return value, gradient

    def add_penalty_hessian(self, parameters: FloatArray, matrix: FloatArray) -> None:
        """Add the curvature of the penalties to `matrix`, in place."""
        self.penalty.add_hessian(self.network, matrix)
        if self.sparsity is not None:
            rates = self.sparsity.rates(self.network, parameters)
            self.sparsity.add_hessian(self.network, rates, matrix)

    def penalty_blocks(self, parameters: FloatArray) -> list[FloatArray]:
        """Return the blocks of that curvature that belong to one subnode.

        As in :meth:`node_curvatures`.
        """
        blocks = self.penalty.node_blocks()
        if self.sparsity is not None:
            own = self.sparsity.node_blocks(self.sparsity.rates(self.network, parameters))
            blocks = [block + more for block, more in zip(blocks, own, strict=True)]
        return blocks

    def data_value(self, parameters: FloatArray) -> float:
        """Return the mean loss alone."""
        function = Value(self._at(parameters), self.loss)
        return self.rows.sums(function, function.row_bytes)[0]

    def residual_variances(self, parameters: FloatArray) -> FloatArray:
        """Return the mean squared residual of every output, shape (n_outputs,)."""
        function = SquaredResiduals(self._at(parameters), self.loss)
        variances: FloatArray = self.rows.sums(function, function.row_bytes)[0]
        return variances

    def value(self, parameters: FloatArray) -> float:
        """Return the objective."""
        # A symbolic edge may be undefined or have a pole, and solvers refuse what is not finite.
        with np.errstate(all="ignore"):
            penalty = self._penalties(parameters)[0]
            return self.data_value(parameters) + penalty

    def value_and_gradient(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        """Return the objective and its gradient."""
        function = ValueAndGradient(self._at(parameters), self.loss)
        value, gradient = self.rows.sums(function, function.row_bytes)
        own, slope = self._penalties(parameters)
        return value + own, gradient + slope

    def normal_equations(self, parameters: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return objective, gradient and the Gauss-Newton matrix of the *loss* alone.

        The Jacobian is built and used up in row blocks; it is never held as a whole. The latest
        result is kept, because the smoothing asks for what the solver has computed last.
        """
        if self._latest is not None and np.array_equal(self._latest[0], parameters):
            return self._latest[1]
        value, gradient, matrix = self._loss_equations(parameters)
        own, slope = self._penalties(parameters)
        self._latest = parameters.copy(), (value + own, gradient + slope, matrix)
        return self._latest[1]

    def _loss_equations(
        self, parameters: FloatArray, free: NDArray[np.bool_] | None = None
    ) -> tuple[float, FloatArray, FloatArray]:
        """Return loss, gradient and Gauss-Newton matrix.

        Parameters
        ----------
        parameters : ndarray of shape (n_parameters,)
            Where to take them.
        free : ndarray of bool of shape (n_parameters,), optional
            Parameters by which to differentiate, by default all.
        """
        function = NormalEquations(self._at(parameters), self.loss, free)
        return self.rows.sums(function, function.row_bytes, function.least_rows)

    def gauss_newton(
        self, parameters: FloatArray
    ) -> tuple[float, FloatArray, Callable[[FloatArray], FloatArray]]:
        """Return objective, gradient and the product of its Gauss-Newton matrix with a vector."""
        value, gradient = self.value_and_gradient(parameters)
        # A network of its own, which stays at these parameters.
        network, loss, sparsity = self.network.copy(), self.loss, self.sparsity
        working = network.astype(self.dtype)
        rates = [] if sparsity is None else sparsity.rates(network, parameters)

        def product(vector: FloatArray) -> FloatArray:
            function = GaussNewtonProduct(working, loss, vector)
            (found,) = self.rows.sums(function, function.row_bytes)
            # The penalty is quadratic, so that its gradient at a vector is its matrix times it.
            found += self.penalty.value_and_gradient(network, vector)[1]
            if sparsity is not None:
                found += sparsity.product(network, rates, vector)
            return found

        return value, gradient, product

    def second_difference(self, parameters: FloatArray, change: FloatArray) -> FloatArray:
        """Return ``J' W (f(p + c) - f(p) - J c)``.

        ``f`` are the outputs at the parameters ``p``, ``J`` is their Jacobian there and ``W`` the
        curvature of the loss.

        Parameters
        ----------
        parameters, change : ndarray of shape (n_parameters,)
            ``p`` and ``c``.
        """
        network = self._at(parameters).copy()
        function = SecondDifference(network, self.loss, self._at(parameters + change), change)
        # As in `value`: solvers refuse what is not finite.
        with np.errstate(all="ignore"):
            return self.rows.sums(function, function.row_bytes)[0]

    def node_curvatures(self, parameters: FloatArray) -> list[FloatArray]:
        """Return the blocks of the Gauss-Newton matrix of the loss that belong to one subnode.

        Couplings of edges that lead to different subnodes are left out, which costs a fraction of
        the whole matrix.

        Returns
        -------
        blocks : list of ndarray of shape (n_subnodes, n_in * n_features, n_in * n_features)
            For every layer, the matrices over the coefficients of all edges into each subnode.
        """
        return self.curvatures(parameters)[0]

    def curvatures(self, parameters: FloatArray) -> tuple[list[FloatArray], FloatArray]:
        """Return :meth:`node_curvatures` and the diagonal that belongs to the symbolic edges.

        Returns
        -------
        blocks : list of ndarray of shape (n_subnodes, n_in * n_features, n_in * n_features)
            For every layer.
        diagonal : ndarray of shape (n_parameters - n_coefficients,)
            Diagonal of the Gauss-Newton matrix over the parameters of symbolic edges.
        """
        network = self._at(parameters)
        function = NodeCurvatures(network, self.loss)
        sums = self.rows.sums(function, function.row_bytes, function.least_rows)
        blocks, tails = list(sums[: len(network.layers)]), sums[len(network.layers) :]
        for layer, block in zip(network.layers, blocks, strict=True):
            if not layer.all_splines:
                unused = np.repeat(~layer.splined, layer.n_features, axis=0).T
                block[unused] = 0.0
                block.transpose(0, 2, 1)[unused] = 0.0
        return blocks, np.concatenate([tail.ravel() for tail in tails])
