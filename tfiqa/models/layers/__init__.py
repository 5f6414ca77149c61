"""Keras layers of our own. Importing the package registers them, so that `.keras` files with them can be read.

Those without `get_config` take Keras's settings as `**kwargs`: without that very name Keras forgets the names of layers.
"""

from tfiqa.models.layers.bilinear_pooling import BilinearPooling
from tfiqa.models.layers.clipped_standardization import ClippedStandardization
from tfiqa.models.layers.concat_pooling import ConcatPooling
from tfiqa.models.layers.distribution_moments import DistributionMoments
from tfiqa.models.layers.filter_bank import FilterBank
from tfiqa.models.layers.grey import Grey
from tfiqa.models.layers.kernel_regression import KernelRegression
from tfiqa.models.layers.local_contrast import LocalContrast
from tfiqa.models.layers.log_covariance import LogCovariance
from tfiqa.models.layers.max_min_pooling import MaxMinPooling
from tfiqa.models.layers.pad_to_side import PadToSide
from tfiqa.models.layers.picture_boxes import PictureBoxes
from tfiqa.models.layers.pillow_grey import PillowGrey
from tfiqa.models.layers.resize_like import ResizeLike
from tfiqa.models.layers.roi_pooling import RoIPooling
from tfiqa.models.layers.task_uncertainty import TaskUncertainty
from tfiqa.models.layers.tone_histogram import ToneHistogram
from tfiqa.models.layers.with_taps import WithTaps

__all__ = [
    "BilinearPooling",
    "ClippedStandardization",
    "ConcatPooling",
    "DistributionMoments",
    "FilterBank",
    "Grey",
    "KernelRegression",
    "LocalContrast",
    "LogCovariance",
    "MaxMinPooling",
    "PadToSide",
    "PictureBoxes",
    "PillowGrey",
    "ResizeLike",
    "RoIPooling",
    "TaskUncertainty",
    "ToneHistogram",
    "WithTaps",
]
