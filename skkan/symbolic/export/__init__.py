"""Formulas of networks: SymPy expressions, their constants and size, code."""
