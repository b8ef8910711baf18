"""Differential equations, from SymPy to a solution."""

from skkan.pde._solution_display import SolutionDisplay
from skkan.pde._solver import KANSolver
from skkan.pde.problem._conditions import normal

__all__ = ["KANSolver", "SolutionDisplay", "normal"]
