"""Looking into a fitted network: scores of edges, nodes and features; pruning."""
