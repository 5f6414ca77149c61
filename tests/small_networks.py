"""ResNet-18 made small, for tests of what is done with a network and not of the network."""

from contextlib import contextmanager

import pytest
import tensorflow as tf

from tfiqa.models.backbones.mlsp_taps import MLSP_TAPS, MlspTap
from tfiqa.models.backbones.resnet_shape import STAGE_BLOCKS

SMALL_TAPS = {**MLSP_TAPS, "resnet18": (MlspTap("layer4_0_relu", 512),)}


@contextmanager
def small_resnet18():
    """In this process ResNet-18 has a single residual block, which TensorFlow compiles in a fraction of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(STAGE_BLOCKS, "resnet18", (0, 0, 0, 1))
        for module in ("models.backbones.bodies", "models.backbones.mlsp_taps", "features.mlsp.content"):
            patch.setattr(f"tfiqa.{module}.MLSP_TAPS", SMALL_TAPS)
        yield


@contextmanager
def eagerly():
    """TensorFlow computes step by step: preparing a graph takes longer than a few steps of a small network."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)
