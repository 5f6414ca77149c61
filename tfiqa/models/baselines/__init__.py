"""Models to compare with: published systems beside the five that this package is about."""
