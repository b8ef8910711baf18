"""How smooth a network is: the marginal likelihood, degrees of freedom, and what is left open."""
