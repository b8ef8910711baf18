"""The way to a solution: grids, starts, points, slabs of time."""
