"""Solutions as SymPy expressions and as functions."""

from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike

from skkan._typing import FloatArray
from skkan.pde.solution._solution import Solution
from skkan.symbolic.export._formula import to_sympy


class SolutionFunction:
    """A solution as a function of points.

    Parameters
    ----------
    solution : Solution
        The solution.
    """

    def __init__(self, solution: Solution) -> None:
        self._solution = solution

    def __call__(self, X: ArrayLike) -> FloatArray:
        """Return the unknowns, shape (n_samples,) or (n_samples, n_unknowns)."""
        points = np.asarray(X, dtype=np.float64)
        n = len(self._solution.last.variables)
        if points.ndim != 2 or points.shape[1] != n:
            raise ValueError(f"X must have shape (n_samples, {n}), got {points.shape}.")
        found = self._solution.derivative(points, (0,) * n)
        return found[:, 0] if found.shape[1] == 1 else found


def formulas(solution: Solution) -> list[Any]:
    """Return the unknowns as expressions of the variables.

    Raises
    ------
    ValueError
        If one is too large to print, or there are slabs.
    """
    if len(solution.models) > 1:
        raise ValueError(
            f"the solution has {len(solution.models)} slabs, each with a formula of its own; use "
            "to_function()."
        )
    model = solution.last
    names = [f"z{k}" for k in range(model.network.shape[0])]
    outputs = to_sympy(model.network, names)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    inputs: list[Any] = []
    ends = zip(model.variables, model.inputs.low, model.inputs.high, strict=True)
    for (variable, low, high), periodic in zip(ends, model.inputs.periodic, strict=True):
        z = (variable - 0.5 * (low + high)) / (0.5 * (high - low))
        inputs += [sp.cos(sp.pi * z), sp.sin(sp.pi * z)] if periodic else [z]
    table = {sp.Symbol(name): own for name, own in zip(names, inputs, strict=True)}
    return [
        own.shift + own.factor * output.xreplace(table)
        for own, output in zip(model.ansatz, outputs, strict=True)
    ]
