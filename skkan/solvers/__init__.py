"""Solvers of the training problem, all with one call and one result."""
