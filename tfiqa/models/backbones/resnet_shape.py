"""The dimensions of ResNet-18, -34 and -50 (He et al., CVPR 2016, table 1), known without loading Keras."""

from __future__ import annotations

STAGE_BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3)}
BOTTLENECK = {"resnet50"}
STAGE_WIDTHS = (64, 128, 256, 512)
EXPANSION = 4  # a bottleneck's output channels per inner channel


def feature_channels(name: str) -> int:
    """Channels of the last stage: 512 for ResNet-18 and -34, 2048 for ResNet-50."""
    return STAGE_WIDTHS[-1] * (EXPANSION if name in BOTTLENECK else 1)


def split_points(name: str) -> dict[int, int]:
    """Where a body can part in two: the number of convolutions on the main path up to the end of the stem and of each
    stage, and the number of stages done by then. For ResNet-50 {1: 0, 10: 1, 22: 2, 40: 3, 49: 4}.
    """
    per_block = 3 if name in BOTTLENECK else 2
    blocks = STAGE_BLOCKS[name]
    return {1 + per_block * sum(blocks[:stage]): stage for stage in range(len(blocks) + 1)}
