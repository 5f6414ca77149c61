"""Convolutional bodies shared by several models."""
