"""From data to formulas, by division of the problem into smaller ones."""
