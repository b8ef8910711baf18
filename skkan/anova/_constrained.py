"""Main effects that rise, fall, or bend one way only: the constrained maximum of the posterior."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.anova._design import Design
from skkan.anova._evidence import Posterior
from skkan.anova._families import Solution
from skkan.network._network import Network
from skkan.network.functions._shapes import of_shape, shape_rows
from skkan.solvers._least_distance import nearest_feasible


@dataclass(frozen=True)
class Shapes:
    """What is asked of the effects of the inputs.

    Attributes
    ----------
    monotone : tuple of {-1, 0, 1}
        For every input, whether the outputs fall or rise with it.
    convex : tuple of {-1, 0, 1}
        Whether they are concave or convex in it.
    """

    monotone: tuple[int, ...]
    convex: tuple[int, ...]

    @property
    def asked(self) -> frozenset[int]:
        """Inputs of which something is asked."""
        pairs = enumerate(zip(self.monotone, self.convex, strict=True))
        return frozenset(i for i, pair in pairs if any(pair))

    @property
    def bent(self) -> frozenset[int]:
        """Inputs along which the outputs have to bend one way."""
        return frozenset(i for i, own in enumerate(self.convex) if own)

    def of(self, i: int) -> tuple[int, int]:
        """Return what is asked of an input."""
        return self.monotone[i], self.convex[i]

    def with_inputs(self, order: Sequence[int] | NDArray[np.intp]) -> "Shapes":
        """Return the same for inputs of which ``i`` is input ``order[i]`` of these."""
        monotone, convex = (tuple(own[i] for i in order) for own in (self.monotone, self.convex))
        return Shapes(monotone, convex)


def constrained(solution: Solution, shapes: Shapes) -> Solution:
    """Return a solution whose main effects have shapes.

    No constrained column may be part of an interaction. Given the variances, the posterior is
    Gaussian, and its maximum where all effects have their shapes is a least-distance problem.
    """
    rows = np.concatenate([np.zeros((0, solution.design.n_columns)), *_rows(solution, shapes)])
    coef = solution.coef.copy()
    posteriors = []
    for k, own in enumerate(solution.posteriors):
        count = len(own.coef)
        found = nearest_feasible(own.coef, _factor(own), rows[:, :count])
        coef[:count, k] = found
        posteriors.append(replace(own, coef=found))
    return replace(solution, coef=coef, posteriors=tuple(posteriors))


def _rows(solution: Solution, shapes: Shapes) -> Iterator[FloatArray]:
    design = solution.design
    sites = design.bases.grid.greville()
    for place, j in enumerate(design.used.tolist()):
        if j not in shapes.asked:
            continue
        forms = shape_rows(sites[j], *shapes.of(j))
        basis, places = design.bases.columns[j], _places(design, place)
        rows = np.zeros((len(forms), design.n_columns))
        table = np.column_stack([basis.line, basis.transform])
        rows[:, places] = forms @ table
        yield rows


def _places(design: Design, place: int) -> NDArray[np.intp]:
    """Return the line and the functions of a column among the columns of a design."""
    first = int(design.starts[2 + place])
    own = np.arange(first, first + int(design.sizes[2 + place]))
    return np.concatenate([[design.starts[1] + place], own]).astype(np.intp)


def _factor(own: Posterior) -> FloatArray:
    """Return a lower factor of the precision of all coefficients."""
    scale = np.sqrt(own.variances)
    factor = np.diag(1.0 / scale)
    live = np.flatnonzero(own.live)
    factor[np.ix_(live, live)] = own.factor / scale[live][:, None]
    return factor


def keep_shapes(network: Network, shapes: Shapes, n_outputs: int) -> None:
    """Take off what rounding has left of wrong slopes, in place.

    Parameters
    ----------
    network : Network
        The network of a constrained solution.
    shapes : Shapes
        Of its inputs.
    n_outputs : int
        Its first subnodes are the sums of the main effects.
    """
    layer = network.layers[0]
    sites = layer.grid.greville()
    for i in shapes.asked:
        for j in range(n_outputs):
            layer.coef[i, :, j] = of_shape(layer.coef[i, :, j], sites[i], *shapes.of(i))
