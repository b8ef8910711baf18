"""Samples: row blocks and sums over them, in memory or read where they are."""
