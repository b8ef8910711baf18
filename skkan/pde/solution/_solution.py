"""Solutions: one model, or one for every slab of a variable."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from skkan._typing import FloatArray
from skkan.network.derivatives._jets import MultiIndex
from skkan.pde.problem._model import Model


@dataclass(frozen=True)
class Solution:
    """Models that follow one another along a variable.

    Attributes
    ----------
    models : tuple of Model
        First to last.
    variable : int
        The variable.
    ends : ndarray of shape (n_models - 1,)
        Where one ends and the next begins.
    """

    models: tuple[Model, ...]
    variable: int
    ends: FloatArray

    @classmethod
    def of(cls, model: Model) -> "Solution":
        """Return the solution that is one model."""
        return cls((model,), 0, np.zeros(0))

    @property
    def last(self) -> Model:
        """The last model, which is the only one without slabs."""
        return self.models[-1]

    @property
    def n_parameters(self) -> int:
        """Number of parameters of all models."""
        return sum(own.n_parameters for own in self.models)

    def by_model(
        self, X: FloatArray, values: Callable[[Model, FloatArray], FloatArray]
    ) -> FloatArray:
        """Evaluate something at points, each by the model of its slab.

        Parameters
        ----------
        X : ndarray of shape (n_points, n_variables)
            Points.
        values : callable
            ``values(model, X)`` returns an array with a row for every point.
        """
        if len(self.models) == 1:
            return values(self.last, X)
        slab = np.searchsorted(self.ends, X[:, self.variable], side="right")
        found: FloatArray | None = None
        for number, model in enumerate(self.models):
            here = slab == number
            if np.any(here):
                own = values(model, X[here])
                if found is None:
                    found = np.empty((len(X), *own.shape[1:]))
                found[here] = own
        assert found is not None
        return found

    def derivative(self, X: FloatArray, index: MultiIndex) -> FloatArray:
        """Return a derivative of all unknowns, shape (n_points, n_unknowns)."""
        return self.by_model(X, lambda model, points: model.derivative(points, index))


def joined(models: Sequence[Model], variable: int) -> Solution:
    """Return the solution of models of slabs in a row."""
    ends = np.array([own.inputs.high[variable] for own in models[:-1]])
    return Solution(tuple(models), variable, ends)
