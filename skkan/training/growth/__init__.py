"""The default shape: the analysis of variance, and networks that grow from it."""
