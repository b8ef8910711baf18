"""What is to be solved: equations, domain, conditions, and their residuals."""
