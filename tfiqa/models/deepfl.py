"""DeepFL-IQA: a body trained to predict full-reference measures without the reference, its MLSP features, and quality from them.

Reference: H. Lin, V. Hosu, D. Saupe, "DeepFL-IQA: Weak Supervision for Deep IQA Feature Learning", 2020, arXiv:2001.08113,
sections IV.B to IV.D, figures 4, 6 and 7. Input scaling and the batch normalisation of the regression head follow the authors'
released code, which both the paper leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfiqa.errors import InvalidInput, UnknownName
from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.backbones.mlsp_taps import BODIES
from tfiqa.models.input_scaling import check_scaling
from tfiqa.models.model_info import MODELS, ModelSpec, info_of
from tfiqa.registry import unknown_name
from tfiqa.score_scale import ScoreScale

if TYPE_CHECKING:
    import keras

PAPER = (
    'H. Lin, V. Hosu, D. Saupe, "DeepFL-IQA: Weak Supervision for Deep IQA Feature Learning", 2020, arXiv:2001.08113'
)
PROTOCOL = PictureProtocol(resize="native")
EQUALIZED_SCALE = ScoreScale(0.0, 1.0, True, "histogram-equalised full-reference score")
# A scale has one direction; the measures' own are in `full_reference.MEASURES`.
RAW_SCALE = ScoreScale(
    None,
    None,
    True,
    "full-reference scores on the measures' own scales (of mdsi and gmsd lower is better); of others",
)
KADID_SCALE = ScoreScale(1.0, 5.0, True, "KADID-10k DMOS")
# The eleven, in the order of section IV.B.1.
MEASURES = ("ssim", "ms_ssim", "iw_ssim", "mdsi", "vsi", "fsimc", "gmsd", "sff", "scqi", "add_gsim", "sr_sim")
# Units of each hidden layer and the dropout after it, figures 4 and 7.
MEASURE_HEAD = ((512, 0.25), (256, 0.5))
QUALITY_HEAD = ((2048, 0.25), (1024, 0.25), (256, 0.5))


@dataclass(frozen=True)
class DeepflBodyOptions:
    """What the models of both stages choose.

    Args:
        body: "inception_resnet_v2" as in the paper, or for modest machines the smaller "mobilenet_v3_small",
            "efficientnet_v2_b0" or "resnet18"; their MLSP features are listed in `backbones.mlsp_taps`.
        scaling: what the body is given: "unit", [0, 1], as the authors' code feeds the body trained on KADIS-700k;
            "symmetric", [-1, 1], as ImageNet weights of InceptionResNetV2 and MobileNetV3 need; "imagenet", ImageNet's mean
            and deviation taken out, as those of EfficientNetV2 and ResNet-18 need.
    """

    body: str = "inception_resnet_v2"
    scaling: str = "unit"

    def __post_init__(self) -> None:
        if self.body not in BODIES:
            raise UnknownName(unknown_name("body", str(self.body), BODIES))
        check_scaling(self.scaling)


@dataclass(frozen=True)
class DeepflMtlOptions(DeepflBodyOptions):
    """Options of the first stage.

    Args:
        body, scaling: as in `DeepflBodyOptions`.
        measures: which of MEASURES are predicted, in the order of the outputs; one alone is the paper's single-task network.
    """

    measures: tuple[str, ...] = MEASURES

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.measures, str) or not self.measures or len(set(self.measures)) != len(self.measures):
            raise InvalidInput(f"measures is a list of different names. Received: {self.measures!r}")
        for name in self.measures:
            if name not in MEASURES:
                raise UnknownName(unknown_name("measure", str(name), MEASURES))
        object.__setattr__(self, "measures", tuple(self.measures))


@dataclass(frozen=True)
class DeepflOptions(DeepflBodyOptions):
    """Options of the second stage.

    Args:
        body, scaling: as in `DeepflBodyOptions`.
        batch_normalization: after the ReLU of each hidden layer of the regression head, as in the authors' code; False for
            none, as in the paper.
    """

    batch_normalization: bool = True


@MODELS.register(
    "deepfl_mtl",
    spec=ModelSpec(
        PAPER,
        EQUALIZED_SCALE,
        PROTOCOL,
        DeepflMtlOptions,
        targets={name: (name,) for name in MEASURES},
        columns={name: (name,) for name in MEASURES},
        head=tuple(f"{name}_fc{i}" for name in MEASURES for i in (1, 2, 3)),
        outputs=lambda options: options.measures,
    ),
)
def build_deepfl_mtl(options: DeepflMtlOptions) -> keras.Model:
    """The first stage (section IV.B): image (N, H, W, 3) RGB 0..255 to one output (N, 1) a measure, under its name.

    Trained on histogram-equalised scores the outputs are within 0..1 and higher is better, whatever the measure. The layer
    `features` holds the body's pooled features, and the layer `mlsp` (N, features) those of the second stage; no output needs
    the latter, so that training does not pay for them.
    """
    from keras import layers

    from tfiqa.models.backbones.bodies import build_body, mlsp
    from tfiqa.models.layers import WithTaps

    body = build_body(options.body, options.scaling)
    features = layers.GlobalAveragePooling2D(dtype="float32", name="features")(body.output)
    features = WithTaps(dtype="float32", name="features_with_mlsp")([features, mlsp(body, options.body)])
    outputs = {name: _head(features, MEASURE_HEAD, name, False) for name in options.measures}
    return _model(body.input, outputs, "deepfl_mtl", options)


@MODELS.register(
    "deepfl",
    spec=ModelSpec(
        PAPER,
        KADID_SCALE,
        PROTOCOL,
        DeepflOptions,
        targets={"quality": ("score",)},
        columns={"quality": ("quality",)},
        head=tuple(f"quality_{kind}{i}" for kind in ("fc", "bn") for i in (1, 2, 3, 4)),
    ),
)
def build_deepfl(options: DeepflOptions) -> keras.Model:
    """The second stage (sections IV.C and IV.D): image (N, H, W, 3) RGB 0..255 of any size to `quality` (N, 1), from the MLSP
    features of the body (layer `mlsp`), on the scale of the opinion scores it was trained on (KADID-10k: 1..5).
    """
    from tfiqa.models.backbones.bodies import build_body, mlsp

    body = build_body(options.body, options.scaling)
    quality = quality_head(mlsp(body, options.body), options.batch_normalization)
    return _model(body.input, {"quality": quality}, "deepfl", options)


@MODELS.register(
    "deepfl_finetune",
    spec=ModelSpec(
        PAPER,
        KADID_SCALE,
        PROTOCOL,
        DeepflBodyOptions,
        targets={"quality": ("score",)},
        columns={"quality": ("quality",)},
        head=("quality_fc",),
    ),
)
def build_deepfl_finetune(options: DeepflBodyOptions) -> keras.Model:
    """What the second stage is compared with (section V.C.1, schemes 1 and 2): image (N, H, W, 3) RGB 0..255 to `quality`
    (N, 1), one linear neuron on the body's pooled features, all of it fine-tuned on opinion scores."""
    from keras import layers

    from tfiqa.models.backbones.bodies import build_body

    body = build_body(options.body, options.scaling)
    features = layers.GlobalAveragePooling2D(dtype="float32", name="features")(body.output)
    quality = layers.Dense(1, kernel_initializer="he_normal", dtype="float32", name="quality_fc")(features)
    return _model(body.input, {"quality": quality}, "deepfl_finetune", options)


def quality_head(features: Any, batch_normalization: bool = True) -> Any:
    """The regression network of figure 7: MLSP features (N, features) to quality (N, 1), as functional tensors.

    Its layers have the same names in `deepfl` and in a model of its own, trained on stored features.
    """
    return _head(features, QUALITY_HEAD, "quality", batch_normalization)


def _head(x: Any, hidden: tuple[tuple[int, float], ...], name: str, batch_normalization: bool) -> Any:
    """Fully connected layers started as in section V.B, after K. He et al., ICCV 2015."""
    from keras import layers

    for i, (units, rate) in enumerate(hidden, start=1):
        x = layers.Dense(units, activation="relu", kernel_initializer="he_normal", name=f"{name}_fc{i}")(x)
        if batch_normalization:
            x = layers.BatchNormalization(name=f"{name}_bn{i}")(x)
        x = layers.Dropout(rate, name=f"{name}_dropout{i}")(x)
    last = f"{name}_fc{len(hidden) + 1}"
    return layers.Dense(1, kernel_initializer="he_normal", dtype="float32", name=last)(x)


def _model(image: Any, outputs: Mapping[str, Any], name: str, options: DeepflBodyOptions) -> keras.Model:
    from tfiqa.models.quality_model import quality_model

    return quality_model(image, dict(outputs), info_of(name, options))
