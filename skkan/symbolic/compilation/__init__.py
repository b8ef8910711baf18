"""From formulas to networks."""
