"""Where the multi-level spatially pooled (MLSP) features of each body are taken, known without loading Keras.

Reference: V. Hosu, B. Goldlücke, D. Saupe, "Effective Aesthetics Prediction with Multi-level Spatially Pooled Features",
CVPR 2019; H. Lin, V. Hosu, D. Saupe, "DeepFL-IQA", 2020, section IV.C, figure 6.

In InceptionResNetV2 both take the 43 layers with "mixed" in their names: in each residual block what its branches found,
before a 1x1 convolution projects it and it is added to the trunk; not the blocks' outputs. Convolution, batch normalisation
and mean over the picture are all linear, so that the mean before a projection tells the mean after it, but not the reverse.
The other bodies follow the same rule as far as they have such projections.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class MlspTap:
    """One feature map that is averaged over the picture.

    Args:
        layer: name of a layer of the body.
        features: channels of the map.
        before: take what goes into the layer rather than what comes out.
    """

    layer: str
    features: int
    before: bool = False


MLSP_TAPS: Mapping[str, tuple[MlspTap, ...]] = MappingProxyType(
    {
        # 43 concatenated branches, 16,928 features.
        "inception_resnet_v2": (
            MlspTap("mixed_5b", 320),
            *(MlspTap(f"block35_{block}_mixed", 128) for block in range(1, 11)),
            MlspTap("mixed_6a", 1088),
            *(MlspTap(f"block17_{block}_mixed", 384) for block in range(1, 21)),
            MlspTap("mixed_7a", 2080),
            *(MlspTap(f"block8_{block}_mixed", 448) for block in range(1, 11)),
        ),
        # What the 11 inverted residual blocks project, squeeze and excitation included, 2,456 features.
        "mobilenet_v3_small": (
            MlspTap("expanded_conv_project", 16, before=True),
            MlspTap("expanded_conv_1_project", 72, before=True),
            MlspTap("expanded_conv_2_project", 88, before=True),
            MlspTap("expanded_conv_3_project", 96, before=True),
            MlspTap("expanded_conv_4_project", 240, before=True),
            MlspTap("expanded_conv_5_project", 240, before=True),
            MlspTap("expanded_conv_6_project", 120, before=True),
            MlspTap("expanded_conv_7_project", 144, before=True),
            MlspTap("expanded_conv_8_project", 288, before=True),
            MlspTap("expanded_conv_9_project", 576, before=True),
            MlspTap("expanded_conv_10_project", 576, before=True),
        ),
        # What 20 blocks project, 13,472 features, and the only map of the first block, 16: 13,488.
        "efficientnet_v2_b0": (
            MlspTap("block1a_project_activation", 16),
            MlspTap("block2a_project_conv", 64, before=True),
            MlspTap("block2b_project_conv", 128, before=True),
            MlspTap("block3a_project_conv", 128, before=True),
            MlspTap("block3b_project_conv", 192, before=True),
            MlspTap("block4a_project_conv", 192, before=True),
            *(MlspTap(f"block4{block}_project_conv", 384, before=True) for block in "bc"),
            MlspTap("block5a_project_conv", 576, before=True),
            *(MlspTap(f"block5{block}_project_conv", 672, before=True) for block in "bcde"),
            MlspTap("block6a_project_conv", 672, before=True),
            *(MlspTap(f"block6{block}_project_conv", 1152, before=True) for block in "bcdefgh"),
        ),
        # The outputs of the 8 blocks after their ReLU, 1,920 features: these blocks project nothing.
        "resnet18": tuple(
            MlspTap(f"layer{stage}_{block}_relu", width)
            for stage, width in ((1, 64), (2, 128), (3, 256), (4, 512))
            for block in (0, 1)
        ),
    }
)
BODIES = tuple(MLSP_TAPS)
# Below this a body's last map has no pixel, or a border cannot be mirrored; the other bodies pad theirs. 75 is `min_size` in
# keras.applications; the filter bank is that of tfiqa_small.
_SMALLEST_SIDE = MappingProxyType({"inception_resnet_v2": 75, "filter_bank": 8})


def smallest_side(body: str) -> int:
    """Pixels that a picture's sides have at least, for a body to take it: 1 for most, and for models without such a body ("")."""
    return _SMALLEST_SIDE.get(body, 1)


def mlsp_features(body: str) -> int:
    """How many MLSP features a body has, such as 16,928 for "inception_resnet_v2"."""
    return sum(tap.features for tap in MLSP_TAPS[body])
