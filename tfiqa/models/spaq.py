"""SPAQ's models for smartphone photographs: the baseline BL and the multi-task models MT-E, MT-A and MT-S.

Reference: Y. Fang, H. Zhu, Y. Zeng, K. Ma, Z. Wang, "Perceptual Quality Assessment of Smartphone Photography", CVPR 2020,
section 5, table S3. Input scaling ([0, 1], no mean taken out), the order of the outputs and the picture-level protocol
(shorter side 512, patches of 224 at stride 112, mean) follow the authors' released code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfiqa.errors import InvalidInput
from tfiqa.images.exif_encoding import EXIF_VECTOR
from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.backbones.resnet_shape import STAGE_WIDTHS, feature_channels, split_points
from tfiqa.models.input_scaling import unit_range
from tfiqa.models.model_info import MODELS, ModelSpec, info_of
from tfiqa.models.resnet_classifier import check_backbone
from tfiqa.score_scale import ScoreScale

if TYPE_CHECKING:
    import keras

PAPER = 'Y. Fang, H. Zhu, Y. Zeng, K. Ma, Z. Wang, "Perceptual Quality Assessment of Smartphone Photography", CVPR 2020'
SCALE = ScoreScale(0.0, 100.0, True, "SPAQ MOS")
PROTOCOL = PictureProtocol(resize="shorter_side:512", patch_size=224, patch_stride=112)
# The order of the annotation files, and of the outputs.
ATTRIBUTES = ("brightness", "colorfulness", "contrast", "noisiness", "sharpness")
SCENES = ("animal", "cityscape", "human", "indoor_scene", "landscape", "night_scene", "plant", "still_life", "others")
SCENE_COLUMNS = tuple(f"scene_{name}" for name in SCENES)
STAGES = len(STAGE_WIDTHS)
DEFAULT_SHARED_STAGES = 3  # after convolution 40 of ResNet-50, the best of table 6
SEMANTIC = "semantic_"  # in front of the layers of MT-S's second branch


@dataclass(frozen=True)
class SpaqOptions:
    """Options of SPAQ's models.

    Args:
        backbone: "resnet50" as in the paper, or the smaller "resnet34" or "resnet18".
    """

    backbone: str = "resnet50"

    def __post_init__(self) -> None:
        check_backbone(self.backbone)


@dataclass(frozen=True)
class SpaqSceneOptions(SpaqOptions):
    """Options of MT-S.

    Args:
        backbone: as in `SpaqOptions`.
        split: after which convolution the two branches part: 1, 10, 22, 40 or 49 of ResNet-50 (table 6), that is, after the
            stem or a stage; None for the paper's choice, after the third stage (40).
    """

    split: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        points = split_points(self.backbone)
        if self.split is not None and self.split not in points:
            known = ", ".join(map(str, points))
            raise InvalidInput(f"option split of a {self.backbone} is one of {known}. Received: {self.split!r}")

    @property
    def shared_stages(self) -> int:
        """How many stages both branches share, 0 (the stem alone) to 4."""
        return DEFAULT_SHARED_STAGES if self.split is None else split_points(self.backbone)[self.split]


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
    "spaq_mt_e",
    spec=ModelSpec(
        PAPER,
        SCALE,
        PROTOCOL,
        SpaqOptions,
        targets={"quality": ("score",), "generic_quality": ("score",)},
        columns={"quality": ("quality",), "generic_quality": ("generic_quality",)},
        head=("fc", "exif_offset"),
        exif=True,
    ),
)
def build_spaq_mt_e(options: SpaqOptions) -> keras.Model:
    """MT-E (section 5.2): image (N, H, W, 3) RGB 0..255 and exif (N, 8), normalised (`images.exif_encoding`), to
    `generic_quality` (N, 1), which is BL's, and `quality` (N, 1), generic plus an offset from EXIF; both MOS 0..100.

    The offset is linear in `exif` without bias, so that all zeros (no EXIF) leave the generic score as it is.
    """
    import keras
    from keras import layers

    image, generic = _body_and_scores(options, 1)
    exif = keras.Input((len(EXIF_VECTOR),), name="exif")
    offset = layers.Dense(1, use_bias=False, dtype="float32", name="exif_offset")(exif)
    quality = layers.Add(dtype="float32", name="quality")([generic, offset])
    outputs = {"quality": quality, "generic_quality": generic}
    return _model({"image": image, "exif": exif}, outputs, "spaq_mt_e", options)


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


@MODELS.register(
    "spaq_mt_s",
    spec=ModelSpec(
        PAPER,
        SCALE,
        PROTOCOL,
        SpaqSceneOptions,
        targets={"quality": ("score",), "scene_logits": SCENE_COLUMNS},
        columns={
            "quality": ("quality",),
            "scene_probabilities": SCENE_COLUMNS,
            "scene_votes": tuple(f"votes_{name}" for name in SCENES),
        },
        head=("fc", f"{SEMANTIC}fc", "task_uncertainty"),
    ),
)
def build_spaq_mt_s(options: SpaqSceneOptions) -> keras.Model:
    """MT-S (section 5.4): image (N, H, W, 3) RGB 0..255 to `quality` (N, 1), MOS 0..100, and `scene_logits` (N, 9) in the
    order of SCENES. Two branches part after `split`; a layer holds the uncertainties of equation 8.
    """
    import keras

    from tfiqa.models.backbones.resnet import resnet_stages, resnet_stem
    from tfiqa.models.layers import TaskUncertainty

    shared = options.shared_stages
    image = keras.Input((None, None, 3), name="image")
    stem = resnet_stem(unit_range(image))
    trunk = resnet_stages(stem, options.backbone, 1, shared)
    parting = trunk.get(f"layer{shared}", stem)
    heads = []
    for prefix, units in (("", 1), (SEMANTIC, len(SCENES))):
        branch = resnet_stages(parting, options.backbone, shared + 1, STAGES, prefix)
        heads.append(_pooled_linear(branch.get(f"layer{STAGES}", parting), units, options.backbone, prefix))
    quality, logits = TaskUncertainty(dtype="float32", name="task_uncertainty")(heads)
    return _model(image, {"quality": quality, "scene_logits": logits}, "spaq_mt_s", options)


def _body_and_scores(options: SpaqOptions, units: int) -> tuple[Any, Any]:
    import keras

    from tfiqa.models.backbones.resnet import resnet_taps

    image = keras.Input((None, None, 3), name="image")
    x = resnet_taps(unit_range(image), options.backbone)[f"layer{STAGES}"]
    return image, _pooled_linear(x, units, options.backbone)


def _pooled_linear(x: Any, units: int, backbone: str, prefix: str = "") -> Any:
    from keras import layers

    from tfiqa.models.backbones.resnet import torch_linear

    features = layers.GlobalAveragePooling2D(dtype="float32", name=f"{prefix}features")(x)
    return torch_linear(units, feature_channels(backbone), f"{prefix}fc")(features)


def _model(inputs: Any, outputs: dict[str, Any], name: str, options: SpaqOptions) -> keras.Model:
    from tfiqa.models.quality_model import quality_model

    return quality_model(inputs, outputs, info_of(name, options))
