"""Derivatives of a network with respect to its inputs, of any order."""
