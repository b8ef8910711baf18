"""From the edges of a network to functions with closed form."""
