"""What every solver returns."""

from dataclasses import dataclass, field

from skkan._typing import FloatArray


@dataclass
class SolverResult:
    """Outcome of a solver.

    Attributes
    ----------
    parameters : ndarray of shape (n_parameters,)
        Best point found.
    value : float
        Objective there.
    n_iter : int
        Iterations used.
    converged : bool
        Whether the tolerance, and not the limit of iterations, ended the run.
    history : list of float
        Objective after every iteration.
    damping : float
        Last damping, where the solver has one, to go on from.
    """

    parameters: FloatArray
    value: float
    n_iter: int
    converged: bool
    history: list[float] = field(default_factory=list)
    damping: float = 1e-3
