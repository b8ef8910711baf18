"""What training minimises: losses, penalties, and their sum over the samples."""
