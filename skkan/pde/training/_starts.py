"""Random starts."""

from dataclasses import replace

import numpy as np

from skkan._typing import FloatArray
from skkan.network._network import Network
from skkan.network._scaling import Scaling
from skkan.network.functions._splines import uniform_breakpoints
from skkan.pde.problem._model import InputMap, Model
from skkan.pde.problem._separable import (
    WEIGHTS,
    multilinear_factors,
    random_factors,
    separable,
)
from skkan.pde.problem._statement import Statement, law_sizes
from skkan.pde.training._options import Options
from skkan.training.starts._initialization import KINDS, random_network

# Of starting coefficients: large ones have wild derivatives, products of small ones are flat.
START_SCALES = (0.3, 1.0)
# Of the random functions of products, in turn.
SMOOTHNESS = (3.0, 1.0)


def random_model(
    statement: Statement, options: Options, rng: np.random.Generator, number: int = 0
) -> Model:
    """Draw a model on the first grid.

    Parameters
    ----------
    statement : Statement
        What is sought.
    options : Options
        Of which shape.
    rng : numpy.random.Generator
        Source of randomness.
    number : int, default=0
        Starts of successive numbers are of different kinds.
    """
    cycle, kind = divmod(number, len(KINDS))
    domain = statement.domain
    inputs = InputMap(domain.low, domain.high, statement.periodic)
    n_inputs, n_unknowns = inputs.n_inputs, statement.n_unknowns
    shape = (n_inputs, *map(len, options.arities), n_unknowns)
    ends = np.tile(np.linspace(-1.0, 1.0, options.grid_sizes[0] + 1), (n_inputs, 1))
    scaling = Scaling(
        np.zeros(n_inputs), np.ones(n_inputs), np.zeros(n_unknowns), np.ones(n_unknowns)
    )
    network = random_network(
        scaling, shape, ends, options.degree, None, KINDS[kind], rng, options.arities
    )
    if options.separable:
        network.layers[0].coef = random_factors(network.layers[0], SMOOTHNESS[number % 2], rng)
        network = separable(network, inputs.variables, rng)
    else:
        for layer in network.layers:
            layer.coef *= START_SCALES[(cycle + kind) % 2]
    return Model(
        domain.variables,
        network,
        inputs,
        statement.ansatz,
        random_laws(statement, options, rng),
        starting_numbers(options),
        options.positive,
        separable=options.separable,
    )


def random_laws(
    statement: Statement, options: Options, rng: np.random.Generator
) -> tuple[Network, ...]:
    """Return networks of the unknown functions."""
    return tuple(_random_law(n, options, rng) for n in law_sizes(statement))


def starting_numbers(options: Options) -> FloatArray:
    """Return the numbers to start from, positive ones by their logarithm."""
    scalars = [
        np.log(own) if positive else own
        for own, positive in zip(options.starts, options.positive, strict=True)
    ]
    return np.array(scalars, dtype=np.float64)


def multilinear_model(model: Model, rng: np.random.Generator) -> Model:
    """Return a model of all products of the variables, of which the weights are sought."""
    first = model.network.layers[0]
    d = first.arities[0]
    shape, arities = (d, 2**d, model.network.shape[-1]), [(d,) * 2**d]
    network = random_network(
        model.network.scaling, shape, first.grid.breakpoints, first.grid.degree, None, KINDS[0],
        rng, arities,
    )  # fmt: skip
    network.layers[0].coef = multilinear_factors(network.layers[0])
    network = separable(network, model.inputs.variables, rng)
    return replace(model, network=network, only=WEIGHTS)


def _random_law(n_arguments: int, options: Options, rng: np.random.Generator) -> Network:
    arities = options.law_arities if n_arguments > 1 else ()
    shape = (n_arguments, *map(len, arities), 1)
    scaling = Scaling(np.zeros(n_arguments), np.ones(n_arguments), np.zeros(1), np.ones(1))
    low = np.full(n_arguments, -1.0)
    ends = uniform_breakpoints(low, -low, options.law_grid_size)
    law = random_network(scaling, shape, ends, 3, None, "line", rng, arities)
    for layer in law.layers:
        layer.coef *= 0.1
    return law
