"""The functions that an edge may be: values, derivatives, domains."""
