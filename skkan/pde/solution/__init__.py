"""What has been found: solutions, laws, numbers, and how good they are."""
