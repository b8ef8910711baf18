"""Where training begins: random networks, and the race between them."""
