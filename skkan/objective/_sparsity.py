"""A penalty that makes edges vanish: the magnitudes of all edges, and their entropy.

With the magnitude ``m_e`` of every edge, the standard deviation of its function on the training
data, a layer costs

    strength * (sum_e m_e - sum_e p_e log p_e),    p_e = m_e / sum_e m_e.

The first term pulls all edges towards zero with the same force, the second makes a few strong edges
cheaper than many weak ones. The magnitude is the root of a quadratic form of the coefficients,
``m_e^2 = c' V c + eps^2``, where ``V`` is the covariance of the features on the training data and
``eps`` rounds the kink at zero off. The covariances of hidden nodes are those of the network that
the penalty has been made for; they hold as long as its nodes do not move much.

References
----------
Z. Liu et al., "KAN: Kolmogorov-Arnold Networks", arXiv:2404.19756, equations 2.17 to 2.20.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.data._blocks import Block, Rows
from skkan.network._features import as_dense
from skkan.network._network import Network

EPSILON = 1e-4


@dataclass(frozen=True)
class FeatureMoments:
    """Function of a block: moments of the features of every node of a network.

    Parameters
    ----------
    network : Network
        With its parameters.
    means : sequence of ndarray of shape (n_in, n_features), optional
        Means of the features of every layer. Without them they are what is asked for; with them it
        is the covariances.
    """

    network: Network
    means: Sequence[FloatArray] | None = None

    @property
    def row_bytes(self) -> int:
        """Memory for a sample: features of all layers, zeros included, and a copy."""
        return 16 * sum(layer.n_in * layer.n_features for layer in self.network.layers)

    def __call__(self, block: Block) -> tuple[FloatArray, ...]:
        """Return the part of a block for every layer."""
        weight, nodes, features = block.weight, block.inputs, block.features
        moments: list[FloatArray] = []
        for depth, layer in enumerate(self.network.layers):
            known = layer.features(nodes) if features is None else features
            nodes, features = layer.outputs(nodes, known), None
            flat = as_dense(known)
            by_node = flat.reshape(len(flat), layer.n_in, -1).transpose(1, 0, 2)
            if self.means is None:
                moments.append(weight @ by_node)
                continue
            centred = by_node - self.means[depth][:, None]
            moments.append((centred * weight[:, None]).transpose(0, 2, 1) @ centred)
        return tuple(moments)


class Sparsity:
    """L1 norm and entropy of the magnitudes of the splines of a network.

    Parameters
    ----------
    covariances : sequence of ndarray of shape (n_in, n_features, n_features)
        For every layer and input node, the covariance of its features.
    masks : sequence of ndarray of bool of shape (n_in, n_subnodes)
        The edges of every layer that count.
    strength : float
        Weight of the penalty.
    epsilon : float, default=1e-4
        Magnitude below which the penalty is round.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan.objective._sparsity import Sparsity
    >>> sparsity = Sparsity([np.ones((2, 1, 1))], [np.ones((2, 1), dtype=bool)], 1.0, 0.0)
    >>> even = sparsity.layer_value(0, np.array([[[0.5]], [[0.5]]]))
    >>> uneven = sparsity.layer_value(0, np.array([[[0.9]], [[0.1]]]))
    >>> bool(uneven < even)
    True
    """

    def __init__(
        self,
        covariances: Sequence[FloatArray],
        masks: Sequence[NDArray[np.bool_]],
        strength: float,
        epsilon: float = EPSILON,
    ) -> None:
        self.covariances = list(covariances)
        self.masks = list(masks)
        self.strength = strength
        self.epsilon = epsilon

    @classmethod
    def of(cls, network: Network, rows: Rows, strength: float) -> "Sparsity":
        """Take the covariances from the training data.

        Parameters
        ----------
        network : Network
            Gives the hidden nodes, and the edges that are splines.
        rows : Rows
            Scaled samples, with the features of the first layer if they are known.
        strength : float
            Weight of the penalty.
        """
        function = FeatureMoments(network)
        means = rows.sums(function, function.row_bytes)
        covariances = rows.sums(FeatureMoments(network, means), function.row_bytes)
        return cls(covariances, [layer.splined for layer in network.layers], strength)

    def _magnitudes(self, depth: int, coef: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return ``V c``, shape of `coef`, and the magnitudes, 1 for edges that do not count."""
        products = self.covariances[depth] @ coef
        squares = np.maximum((products * coef).sum(axis=1), 0.0) + self.epsilon**2
        return products, np.where(self.masks[depth], np.sqrt(squares), 1.0)

    def layer_value(self, depth: int, coef: FloatArray) -> float:
        """Return what one layer costs.

        Parameters
        ----------
        depth : int
            Number of the layer.
        coef : ndarray of shape (n_in, n_features, n_subnodes)
            Its coefficients.
        """
        used = self._magnitudes(depth, coef)[1][self.masks[depth]]
        total = used.sum()
        share = used / total if total > 0.0 else used
        return self.strength * float(total - (share * np.log(share)).sum())

    def _slopes(self, depth: int, magnitudes: FloatArray) -> FloatArray:
        """Return the derivative with respect to every magnitude, 0 for edges that do not count."""
        mask = self.masks[depth]
        total = magnitudes[mask].sum()
        share = np.where(mask, magnitudes / max(total, self.epsilon), 1.0)
        entropy = -(share * np.log(share))[mask].sum()
        slopes = 1.0 - (np.log(share) + entropy) / max(total, self.epsilon)
        return self.strength * np.where(mask, slopes, 0.0)

    def value_and_gradient(
        self, network: Network, parameters: FloatArray
    ) -> tuple[float, FloatArray]:
        """Return the penalty and its gradient with respect to all parameters of the network."""
        value, parts = 0.0, []
        for depth, coef in enumerate(network.split(parameters)):
            products, magnitudes = self._magnitudes(depth, coef)
            value += self.layer_value(depth, coef)
            rates = self._slopes(depth, magnitudes) / magnitudes
            parts.append((products * rates[:, None, :]).ravel())
        parts.append(np.zeros(len(parameters) - network.n_coefficients))
        return value, np.concatenate(parts)

    def rates(self, network: Network, parameters: FloatArray) -> list[FloatArray]:
        """Return the factors of the curvature that stands for the Hessian.

        It is the matrix ``rate V`` of every edge, positive semidefinite. As the root is concave,
        half of it bounds the magnitudes from above, up to a constant; from the entropy it takes
        the force on weak edges and leaves out the reward of strong ones.

        Returns
        -------
        rates : list of ndarray of shape (n_in, n_subnodes)
            Of every layer.
        """
        rates: list[FloatArray] = []
        for depth, coef in enumerate(network.split(parameters)):
            magnitudes = self._magnitudes(depth, coef)[1]
            rates.append(np.maximum(self._slopes(depth, magnitudes), 0.0) / magnitudes)
        return rates

    def product(
        self, network: Network, rates: Sequence[FloatArray], vector: FloatArray
    ) -> FloatArray:
        """Return the product of the curvature with a vector, shape (n_parameters,)."""
        parts = [
            (covariance @ part * rate[:, None, :]).ravel()
            for covariance, rate, part in zip(
                self.covariances, rates, network.split(vector), strict=True
            )
        ]
        parts.append(np.zeros(len(vector) - network.n_coefficients))
        return np.concatenate(parts)

    def node_blocks(self, rates: Sequence[FloatArray]) -> list[FloatArray]:
        """Return the blocks of the curvature that belong to one subnode, as those of `Penalty`."""
        blocks: list[FloatArray] = []
        for covariance, rate in zip(self.covariances, rates, strict=True):
            n_in, m, _ = covariance.shape
            block = np.zeros((rate.shape[1], n_in, m, n_in, m))
            edges = rate.T[:, :, None, None] * covariance
            np.einsum("jimin->jimn", block)[...] = edges
            blocks.append(block.reshape(-1, n_in * m, n_in * m))
        return blocks

    def add_hessian(
        self, network: Network, rates: Sequence[FloatArray], matrix: FloatArray
    ) -> None:
        """Add the curvature to `matrix`, shape (n_parameters, n_parameters), in place."""
        start = 0
        for layer, covariance, rate in zip(network.layers, self.covariances, rates, strict=True):
            n_in, m, n_out = layer.coef.shape
            stop = start + layer.coef.size
            block = matrix[start:stop, start:stop].reshape(n_in, m, n_out, n_in, m, n_out)
            edges = rate[:, :, None, None] * covariance[:, None]
            np.einsum("imjinj->ijmn", block)[...] += edges
            start = stop
