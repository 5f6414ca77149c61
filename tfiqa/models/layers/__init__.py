"""Keras layers of our own. Importing the package registers them, so that `.keras` files with them can be read."""

from tfiqa.models.layers.task_uncertainty import TaskUncertainty

__all__ = ["TaskUncertainty"]
