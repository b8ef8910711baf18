"""Symbolic functions of one variable: a library, fits to samples, nice constants."""
