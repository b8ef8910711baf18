"""What a fit takes and gives: options, and the outcome."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skkan._typing import FloatArray
from skkan.network._hidden_layers import Arities
from skkan.pde.problem._model import Model


@dataclass(frozen=True)
class Options:
    """How to solve; the names are those of the estimator's parameters."""

    arities: Arities
    grid_sizes: tuple[int, ...]
    degree: int
    n_restarts: int
    max_iter: int
    tol: float
    n_points: int | None = None
    adaptive: bool = True
    starts: tuple[float, ...] = ()
    positive: tuple[bool, ...] = ()
    path: tuple[tuple[float, float], ...] = ()
    law_arities: Arities = ()
    law_grid_size: int = 5
    separable: bool = False
    tensor: bool = False
    marching: int | None = None


@dataclass
class Outcome:
    """What a fit has found.

    Attributes
    ----------
    model : Model
        The solution.
    loss : float
        Half the weighted sum of squares.
    n_iter : int
        Iterations of the solver.
    loss_curve : list of float
        Loss after each of them.
    converged : bool
        Whether the last run ended by its tolerance.
    points : ndarray of shape (n_points, n_variables)
        Points of the equations at the end.
    groups : list
        Rows at the end.
    constants : list of float
        Values of the constants at the end.
    stopped : bool
        Whether an interrupt or a callback has ended the fit.
    errors : ndarray of shape (n_scalars,) or None
        Standard errors of the numbers, where they are known already.
    """

    model: Model
    loss: float = np.inf
    n_iter: int = 0
    loss_curve: list[float] = field(default_factory=list)
    converged: bool = False
    points: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    groups: list[Any] = field(default_factory=list)
    constants: list[float] = field(default_factory=list)
    stopped: bool = False
    errors: FloatArray | None = None
