"""Functions with known formulas, sampled: what examples, tests and benchmarks share."""

from skkan.datasets._formulas import Formula, formula_names, get_formula, make_formula

__all__ = ["Formula", "formula_names", "get_formula", "make_formula"]
