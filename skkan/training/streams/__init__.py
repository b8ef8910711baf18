"""Learning from one batch after the other: memory of earlier samples, and wider grids."""
