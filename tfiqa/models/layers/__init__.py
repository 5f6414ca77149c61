"""Keras layers of our own. Importing the package registers them, so that `.keras` files with them can be read."""

from tfiqa.models.layers.bilinear_pooling import BilinearPooling
from tfiqa.models.layers.task_uncertainty import TaskUncertainty
from tfiqa.models.layers.with_taps import WithTaps

__all__ = ["BilinearPooling", "TaskUncertainty", "WithTaps"]
