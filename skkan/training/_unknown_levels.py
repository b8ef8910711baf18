"""What edges do at codes of levels that training has not seen: they take their mean."""

import numpy as np

from skkan.data._blocks import Block
from skkan.network._network import Network
from skkan.objective._penalties import Sites


def settle_unknown(network: Network, sites: Sites, block: Block) -> None:
    """Let edges have their mean over the samples at codes that none of these has, in place.

    Neither data nor, where its weight is next to nothing, penalty say what they are there. All
    other values at codes stay as they are.

    Parameters
    ----------
    network : Network
        Trained network.
    sites : tuple of ndarray or None
        For inputs that are codes of levels, where these lie.
    block : Block
        Samples.
    """
    layer = network.layers[0]
    n_splines = layer.grid.n_splines
    for i, own in enumerate(sites):
        if own is None or len(own) > n_splines:
            continue
        places = np.abs(block.inputs[:, i, None] - own).argmin(axis=1)
        share = np.bincount(places, block.weight, len(own))
        unseen = share == 0.0
        if not unseen.any() or unseen.all():
            continue
        grid = layer.grid.on(layer.grid.breakpoints[[i]])
        splines = grid.dense(own[:, None])[:, 0]
        values = splines @ layer.coef[i, :n_splines]
        change = np.where(unseen[:, None], share @ values / share.sum() - values, 0.0)
        moved = layer.coef[i, :n_splines] + np.linalg.pinv(splines) @ change
        layer.coef[i, :n_splines] = np.where(layer.splined[i], moved, 0.0)
