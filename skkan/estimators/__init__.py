"""The estimators: validation, parameters, and what they offer after a fit."""
