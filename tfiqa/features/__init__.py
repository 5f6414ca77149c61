"""What is extracted from pictures at scale, once, for later training: weak labels."""
