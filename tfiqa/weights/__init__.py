"""Reading other people's weights: PyTorch checkpoints, their names, checksums and the cache of ImageNet weights."""
