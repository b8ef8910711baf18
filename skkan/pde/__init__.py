"""Differential equations, from SymPy to a solution."""

from skkan.pde._conditions import normal
from skkan.pde._solution_display import SolutionDisplay
from skkan.pde._solver import KANSolver

__all__ = ["KANSolver", "SolutionDisplay", "normal"]
