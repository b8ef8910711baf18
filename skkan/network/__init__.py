"""Networks without data: splines, edges, nodes, layers, and their values and derivatives."""
