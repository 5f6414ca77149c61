"""Training losses in `keras.ops`; chosen by name in a recipe."""
