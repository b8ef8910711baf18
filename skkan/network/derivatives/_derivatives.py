"""Derivatives of a network by its inputs, in the units of the data."""

import numpy as np

from skkan._typing import FloatArray
from skkan.network._network import ROWS_PER_BLOCK, Network
from skkan.network.derivatives._jet_trace import JetTrace
from skkan.network.derivatives._jets import Jet, JetOrders, MultiIndex


def derivative(network: Network, X: FloatArray, index: MultiIndex) -> FloatArray:
    """Return a derivative of all outputs, shape (n_samples, n_outputs).

    Parameters
    ----------
    network : Network
        Any network.
    X : ndarray of shape (n_samples, n_inputs)
        Inputs in the units of the data.
    index : tuple of int
        Number of differentiations by every input.
    """
    orders = JetOrders([index], len(index))
    return _of_jets(network, X, orders, [orders.position[index]])[:, 0]


def gradient(network: Network, X: FloatArray) -> FloatArray:
    """Return the slopes of all outputs, shape (n_samples, n_inputs, n_outputs)."""
    n_inputs = network.shape[0]
    units = [tuple(int(i == k) for i in range(n_inputs)) for k in range(n_inputs)]
    orders = JetOrders(units, n_inputs)
    return _of_jets(network, X, orders, [orders.position[own] for own in units])


def _of_jets(network: Network, X: FloatArray, orders: JetOrders, wanted: list[int]) -> FloatArray:
    """Return some derivatives, shape (n_samples, n_wanted, n_outputs)."""
    scaling = network.scaling
    found = np.zeros((len(X), len(wanted), network.shape[-1]))
    n_rows = max(1, ROWS_PER_BLOCK // len(orders))
    for start in range(0, len(X), n_rows):
        part = slice(start, start + n_rows)
        scaled = scaling.inputs(X[part])
        # Taylor coefficients by the inputs become those by the columns: slopes of the scaling.
        inputs: Jet = [
            None if own is None else own / scaling.input_scale if alpha else own
            for alpha, own in enumerate(orders.of_variables(scaled))
        ]
        with np.errstate(all="ignore"):
            outputs = JetTrace(network.layers, inputs, orders, pull=False).outputs
        for place, alpha in enumerate(wanted):
            own = outputs[alpha]
            if own is not None:
                found[part, place] = orders.factorials[alpha] * own
    found *= scaling.output_scale
    if 0 in wanted:
        found[:, wanted.index(0)] += scaling.output_shift
    return found
