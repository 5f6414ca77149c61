"""ResNet-18 made small, for tests of what is done with a network and not of the network."""

from contextlib import contextmanager

import pytest

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
