"""The ten timings that asv follows from commit to commit."""
