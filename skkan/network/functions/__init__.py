"""Functions of one variable: splines, base functions, symbolic edges."""
