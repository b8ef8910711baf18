"""The course of a fit: starts, grids, smoothing, schedule, streams of batches."""
