"""SPAQ's models for smartphone photographs: the baseline BL and the attribute model MT-A.

Reference: Y. Fang, H. Zhu, Y. Zeng, K. Ma, Z. Wang, "Perceptual Quality Assessment of Smartphone Photography", CVPR 2020,
sections 5.1 and 5.3, table S3. Input scaling ([0, 1], no mean taken out), the order of the outputs and the picture-level protocol
(shorter side 512, patches of 224 at stride 112, mean) follow the authors' released code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfiqa.errors import UnknownName
from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.model_info import MODELS, ModelSpec, info_of
from tfiqa.models.resnet_classifier import BACKBONES, unit_range
from tfiqa.registry import unknown_name
from tfiqa.score_scale import ScoreScale

if TYPE_CHECKING:
    import keras

PAPER = 'Y. Fang, H. Zhu, Y. Zeng, K. Ma, Z. Wang, "Perceptual Quality Assessment of Smartphone Photography", CVPR 2020'
SCALE = ScoreScale(0.0, 100.0, True, "SPAQ MOS")
PROTOCOL = PictureProtocol(resize="shorter_side:512", patch_size=224, patch_stride=112)
ATTRIBUTES = ("brightness", "colorfulness", "contrast", "noisiness", "sharpness")  # the order of the annotation file


@dataclass(frozen=True)
class SpaqOptions:
    """Options of SPAQ's models.

    Args:
        backbone: "resnet50" as in the paper, or the smaller "resnet34" or "resnet18".
    """

    backbone: str = "resnet50"

    def __post_init__(self) -> None:
        if self.backbone not in BACKBONES:
            raise UnknownName(unknown_name("backbone", str(self.backbone), BACKBONES))


@MODELS.register(
    "spaq_bl",
    spec=ModelSpec(
        PAPER,
        SCALE,
        PROTOCOL,
        SpaqOptions,
        targets={"quality": ("score",)},
        columns={"quality": ("quality",)},
        head=("fc",),
    ),
)
def build_spaq_bl(options: SpaqOptions) -> keras.Model:
    """The baseline (section 5.1): image (N, H, W, 3) RGB 0..255 to `quality` (N, 1), MOS 0..100."""
    image, scores = _body_and_scores(options, 1)
    return _model(image, {"quality": scores}, "spaq_bl", options)


@MODELS.register(
    "spaq_mt_a",
    spec=ModelSpec(
        PAPER,
        SCALE,
        PROTOCOL,
        SpaqOptions,
        targets={"quality": ("score",), "attributes": ATTRIBUTES},
        columns={"quality": ("quality",), "attributes": ATTRIBUTES},
        head=("fc",),
    ),
)
def build_spaq_mt_a(options: SpaqOptions) -> keras.Model:
    """MT-A (section 5.3): image (N, H, W, 3) RGB 0..255 to `quality` (N, 1) and `attributes` (N, 5), both 0..100.

    The attributes are brightness, colorfulness, contrast, noisiness and sharpness; all of them rise with quality (table 2), so a
    high noisiness score means a clean picture.
    """
    image, scores = _body_and_scores(options, 1 + len(ATTRIBUTES))
    return _model(image, {"quality": scores[:, :1], "attributes": scores[:, 1:]}, "spaq_mt_a", options)


def _body_and_scores(options: SpaqOptions, units: int) -> tuple[Any, Any]:
    import keras
    from keras import layers

    from tfiqa.models.backbones.resnet import feature_channels, resnet_taps, torch_linear

    image = keras.Input((None, None, 3), name="image")
    x = resnet_taps(unit_range(image), options.backbone)["layer4"]
    features = layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    return image, torch_linear(units, feature_channels(options.backbone), "fc")(features)


def _model(image: Any, outputs: dict[str, Any], name: str, options: SpaqOptions) -> keras.Model:
    from tfiqa.models.quality_model import quality_model

    return quality_model(image, outputs, info_of(name, options))
