"""Where a fit begins that goes on from the one before."""

import numpy as np
from numpy.typing import NDArray

from skkan.estimators._fitted_state import FittedState
from skkan.network._hidden_layers import written_shape
from skkan.network._network import Network
from skkan.network._scaling import Scaling
from skkan.objective._penalties import Penalty
from skkan.training._settings import Settings

# In ranges of a column in the fit before. Farther out its functions are straight lines too steep
# for solvers, as for batches.
FARTHEST = 1e5
# Of that range: splines on grids that are so much longer than the data overflow.
SMALLEST = 1e-100


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
        If the network has another shape, or other edge functions, or if a column has another scale.
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
    check_scale(network.scaling.with_inputs(order), scaling, order)
    # On other data, or with other weights, the old penalty says nothing any more.
    moved = network.with_inputs(order).rescaled(scaling)
    same = settings.alpha == state.alpha and np.array_equal(
        scaling.input_scale, network.scaling.input_scale[order]
    )
    return moved, state.penalty.with_inputs(order) if same else None


def check_scale(before: Scaling, now: Scaling, order: NDArray[np.intp]) -> None:
    """Raise an error for columns whose units seem to have changed.

    Parameters
    ----------
    before, now : Scaling
        Of the previous fit and of this one, of the same inputs.
    order : ndarray of int of shape (n_inputs,)
        Number of every input in `X`.
    """
    varies = np.isfinite(before.input_scale) & np.isfinite(now.input_scale)
    with np.errstate(all="ignore"):
        ratio = now.input_scale / before.input_scale
        # In halves, as the difference of two large numbers may not be representable.
        moved = (0.5 * now.input_shift - 0.5 * before.input_shift) / (0.5 * before.input_scale)
        reach = np.abs(moved) + ratio
    far, small = varies & ~(reach <= FARTHEST), varies & ~(ratio >= SMALLEST)
    if not (far | small).any():
        return
    i = int(np.flatnonzero(far | small)[0])
    what = (
        f"lies up to {reach[i]:.3g} times its range in the previous fit away from it, more than "
        f"{FARTHEST:g}"
        if far[i]
        else f"has {ratio[i]:.3g} times its range in the previous fit, less than {SMALLEST:g}"
    )
    raise ValueError(
        f"X is too different to go on from the fitted network: input {int(order[i])} {what}. Give "
        "the column in the units of the previous fit, or call fit with warm_start=False to start "
        "anew."
    )
