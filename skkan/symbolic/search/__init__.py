"""The search for formulas, over shapes of networks and by division."""
