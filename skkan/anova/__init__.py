"""Functional analysis of variance of a table, all variances by marginal likelihood."""
