"""Where a fit begins that goes on from the one before."""

import numpy as np
from numpy.typing import NDArray

from skkan.estimators._fitted_state import FittedState
from skkan.network._hidden_layers import written_shape
from skkan.network._network import Network
from skkan.network._scaling import Scaling
from skkan.objective._penalties import Penalty
from skkan.training._settings import Settings


def warm_start(
    network: Network,
    state: FittedState,
    settings: Settings,
    scaling: Scaling,
    order: NDArray[np.intp],
) -> tuple[Network, Penalty | None]:
    """Return the network of the previous fit in the units of this one, and its penalty.

    Parameters
    ----------
    network, state : Network, FittedState
        What the fit has left.
    settings : Settings
        What is asked for now.
    scaling : Scaling
        Units of this fit.
    order : ndarray of int of shape (n_inputs,)
        Input ``i`` of this fit is input ``order[i]`` of the network.

    Raises
    ------
    ValueError
        If the network has another shape, or other edge functions.
    """
    before = written_shape(network.shape, network.arities)
    wanted = written_shape(settings.shape, settings.arities)
    # Where no interaction was found, the network has no hidden layers, and gets them now.
    additive = (
        len(network.layers) == 1
        and network.layers[0].all_splines
        and network.shape[0] == settings.shape[0]
        and network.shape[1] == settings.shape[-1] <= min(settings.shape[1:])
    )
    same = (
        (before == wanted or additive)
        and network.layers[0].grid.degree == settings.degree
        and network.layers[0].base_name == settings.base_function
    )
    if not same:
        raise ValueError(
            f"warm_start=True goes on from a network of shape {before}, but the "
            f"parameters and the data now ask for {wanted} or for other edge "
            "functions. Set warm_start=False to start anew, or call refit to keep the network."
        )
    # On other data, or with other weights, the old penalty says nothing any more.
    moved = network.with_inputs(order).rescaled(scaling)
    same = settings.alpha == state.alpha and np.array_equal(
        scaling.input_scale, network.scaling.input_scale[order]
    )
    return moved, state.penalty.with_inputs(order) if same else None
