"""UNIQUE: quality with its uncertainty, learned from pairs of several databases at once.

Reference: W. Zhang, K. Ma, G. Zhai, X. Yang, "Uncertainty-Aware Blind Image Quality Assessment in the Laboratory and Wild",
IEEE Transactions on Image Processing 30, 2021, section III-C, table III. ImageNet's normalisation, the root and norm of the
bilinear pooling, and the picture-level protocol (shorter side 768 where both sides are at least that, no patches) follow the
authors' released code. The paper says that pictures are tested in their original size; the code shrinks large ones.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.backbones.resnet_shape import STAGE_WIDTHS
from tfiqa.models.input_scaling import imagenet_range
from tfiqa.models.model_info import MODELS, ModelSpec, info_of
from tfiqa.models.resnet_classifier import check_backbone
from tfiqa.score_scale import ScoreScale

if TYPE_CHECKING:
    import keras

PAPER = (
    'W. Zhang, K. Ma, G. Zhai, X. Yang, "Uncertainty-Aware Blind Image Quality Assessment in the Laboratory and Wild", '
    "IEEE TIP 2021"
)
# Equation 2: what is learned is the difference of two qualities over the root of the sum of their variances.
SCALE = ScoreScale(None, None, True, "Thurstone scale")
PROTOCOL = PictureProtocol(resize="shorter_side:768")


@dataclass(frozen=True)
class UniqueOptions:
    """Options of UNIQUE.

    Args:
        backbone: "resnet34" as in the paper, or "resnet18" or "resnet50".
        uncertainty: whether the model tells its deviation too; false for the paper's regression baselines (table VII).
    """

    backbone: str = "resnet34"
    uncertainty: bool = True

    def __post_init__(self) -> None:
        check_backbone(self.backbone)


def _outputs(options: UniqueOptions) -> Collection[str]:
    return ("quality", "uncertainty") if options.uncertainty else ("quality",)


@MODELS.register(
    "unique",
    spec=ModelSpec(
        PAPER,
        SCALE,
        PROTOCOL,
        UniqueOptions,
        targets={"quality": ("score",)},
        columns={"quality": ("quality",), "uncertainty": ("uncertainty",)},
        head=("fc",),
        outputs=_outputs,
    ),
)
def build_unique(options: UniqueOptions) -> keras.Model:
    """Image (N, H, W, 3) RGB 0..255, sides of any length, to `quality` (N, 1), unbounded and higher is better, and
    `uncertainty` (N, 1), the standard deviation of that quality, above 0.
    """
    import keras
    from keras import layers

    from tfiqa.models.backbones.resnet import resnet_taps
    from tfiqa.models.layers import BilinearPooling
    from tfiqa.models.quality_model import quality_model

    image = keras.Input((None, None, 3), name="image")
    maps = resnet_taps(imagenet_range(image), options.backbone)[f"layer{len(STAGE_WIDTHS)}"]
    features = BilinearPooling(dtype="float32", name="features")(maps)
    # He's normal initialisation and no offset: section IV-A and the authors' code.
    dense = layers.Dense(1 + options.uncertainty, kernel_initializer="he_normal", dtype="float32", name="fc")
    scores = dense(features)
    outputs = {"quality": scores[:, :1]}
    if options.uncertainty:
        outputs["uncertainty"] = layers.Activation("softplus", dtype="float32", name="uncertainty")(scores[:, 1:])
    return quality_model(image, outputs, info_of("unique", options))
