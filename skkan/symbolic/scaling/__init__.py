"""How functions scale: products of powers in which they have fewer variables, and units."""
