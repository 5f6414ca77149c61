"""Pictures: reading six formats, sizes and patches, each with Pillow and, bit for bit, in TensorFlow operations."""
