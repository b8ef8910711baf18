"""What the estimators offer after a fit."""
