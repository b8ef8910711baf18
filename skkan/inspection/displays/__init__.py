"""Pictures of networks, edges, effects and training."""
