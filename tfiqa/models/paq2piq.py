"""PaQ-2-PiQ: the quality of pictures and of boxes in them, from one network: baseline, RoIPool and feedback model.

Reference: Z. Ying, H. Niu, P. Gupta, D. Mahajan, D. Ghadiyaram, A. Bovik, "From Patches to Pictures (PaQ-2-PiQ): Mapping the
Perceptual Space of Picture Quality", CVPR 2020, section 5, table 8. Input scaling ([0, 1], no mean taken out, native size), the
order of the heads' layers and the fixed boxes of the feedback model follow the authors' released code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.backbones.resnet_shape import STAGE_WIDTHS
from tfiqa.models.input_scaling import unit_range
from tfiqa.models.model_info import MODELS, ModelSpec, info_of
from tfiqa.models.resnet_classifier import check_backbone
from tfiqa.score_scale import ScoreScale

if TYPE_CHECKING:
    import keras

PAPER = (
    'Z. Ying, H. Niu, P. Gupta, D. Mahajan, D. Ghadiyaram, A. Bovik, "From Patches to Pictures (PaQ-2-PiQ): Mapping the '
    'Perceptual Space of Picture Quality", CVPR 2020'
)
SCALE = ScoreScale(0.0, 100.0, True, "FLIVE MOS")
PROTOCOL = PictureProtocol(resize="native")
HIDDEN = 512  # units of a head's first dense layer: the authors' code
# Left, top, right, bottom in shares of the picture: three patches of a picture of 1024x768, for pictures without boxes. Of the
# authors' code; the paper does not say what the feedback model takes then.
FIXED_BOXES = (
    (0.316406, 0.417969, 0.71582, 0.773438),
    (0.68457, 0.429688, 0.984375, 0.695312),
    (0.061523, 0.33724, 0.260742, 0.514323),
)


@dataclass(frozen=True)
class Paq2PiqOptions:
    """Options of PaQ-2-PiQ's models.

    Args:
        backbone: "resnet18" as in the paper, or the larger "resnet34" or "resnet50".
    """

    backbone: str = "resnet18"

    def __post_init__(self) -> None:
        check_backbone(self.backbone)


def _weighted_layers(head: str, first: int) -> tuple[str, ...]:
    """The names of a head's layers that have weights; see `_head`."""
    return tuple(f"{head}_{first + place}" for place in (0, 2, 4, 6))


def _spec(*head: str, boxes: int | None = None) -> ModelSpec:
    return ModelSpec(
        PAPER,
        SCALE,
        PROTOCOL,
        Paq2PiqOptions,
        targets={"quality": ("score",)},
        columns={"quality": ("quality",)},
        head=head,
        boxes=boxes,
    )


@MODELS.register("paq2piq_baseline", spec=_spec(*_weighted_layers("head", 2)))
def build_paq2piq_baseline(options: Paq2PiqOptions) -> keras.Model:
    """The baseline (section 5.1): image (N, H, W, 3) RGB 0..255 to `quality` (N, 1), MOS 0..100."""
    from tfiqa.models.layers import ConcatPooling
    from tfiqa.models.quality_model import quality_model

    image, maps = _image_and_maps(options)
    quality = _head(ConcatPooling(dtype="float32", name="concat_pool")(maps), "head", 2, 0.25)
    return quality_model(image, {"quality": quality}, info_of("paq2piq_baseline", options))


@MODELS.register("paq2piq_roipool", spec=_spec(*_weighted_layers("head", 2), boxes=0))
def build_paq2piq_roipool(options: Paq2PiqOptions) -> keras.Model:
    """The RoIPool model (section 5.2): image (N, H, W, 3) RGB 0..255 and `boxes` (N, R, 4), left, top, right, bottom in
    pixels, to `quality` (N, 1) of the picture and `box_quality` (N, R) of the boxes, both MOS 0..100.

    One head scores the picture, which is a box too, and the boxes. Both `boxes` and `picture_box` (N, 4) may be left out: then
    R is 0, and the picture is the whole image. Where an image is padded, `picture_box` tells the picture from its padding.
    """
    from tfiqa.models.quality_model import quality_model

    inputs, pooled, known = _inputs_and_pooled_boxes(options)
    scores = _head(pooled, "head", 2, 0.25, known)
    outputs = {"quality": scores[:, 0], "box_quality": scores[:, 1:, 0]}
    return quality_model(inputs, outputs, info_of("paq2piq_roipool", options))


@MODELS.register(
    "paq2piq_feedback",
    spec=_spec(*_weighted_layers("patch_head", 2), *_weighted_layers("image_head", 0), boxes=len(FIXED_BOXES)),
)
def build_paq2piq_feedback(options: Paq2PiqOptions) -> keras.Model:
    """The feedback model (section 5.3): inputs and outputs as of `build_paq2piq_roipool`, with boxes (N, 3, 4) or more.

    What `paq2piq_roipool` would say of the picture and of the first three boxes is fed, beside the picture's features, to a
    second head, which gives `quality`. Further boxes are scored without a part in it. Without `boxes`, R is 3: FIXED_BOXES.
    """
    from keras import layers

    from tfiqa.models.quality_model import quality_model

    inputs, pooled, known = _inputs_and_pooled_boxes(options, FIXED_BOXES)
    scores = _head(pooled, "patch_head", 2, 0.25, known)[:, :, 0]
    fed_back = 1 + len(FIXED_BOXES)
    feedback = layers.Reshape((fed_back,), dtype="float32", name="feedback")(scores[:, :fed_back])
    features = layers.Concatenate(dtype="float32", name="image_features")([pooled[:, 0], feedback])
    quality = _head(features, "image_head", 0, 0.5)
    outputs = {"quality": quality, "box_quality": scores[:, 1:]}
    return quality_model(inputs, outputs, info_of("paq2piq_feedback", options))


def _image_and_maps(options: Paq2PiqOptions) -> tuple[Any, Any]:
    import keras
    from keras import layers

    from tfiqa.models.backbones.resnet import resnet_taps

    image = keras.Input((None, None, 3), name="image")
    maps = resnet_taps(unit_range(image), options.backbone)[f"layer{len(STAGE_WIDTHS)}"]
    return image, layers.Identity(dtype="float32", name="features")(maps)


def _inputs_and_pooled_boxes(options: Paq2PiqOptions, relative: Sequence[Sequence[float]] = ()) -> tuple[Any, Any, Any]:
    """The inputs, the features (N, 1 + R, 2 * channels) of picture and boxes, and which boxes (N, 1 + R) are finite.

    `relative` is as in `PictureBoxes`.
    """
    import keras
    from keras import ops

    from tfiqa.models.layers import ConcatPooling, PictureBoxes, RoIPooling

    image, maps = _image_and_maps(options)
    boxes = keras.Input((None, 4), name="boxes", optional=True)
    picture_box = keras.Input((4,), name="picture_box", optional=True)
    all_boxes = PictureBoxes(relative, name="all_boxes")(image, boxes, picture_box)
    bins = RoIPooling(dtype="float32", name="roi_pool")(maps, all_boxes)
    inputs = {"image": image, "boxes": boxes, "picture_box": picture_box}
    return inputs, ConcatPooling(dtype="float32", name="concat_pool")(bins), ops.all(ops.isfinite(all_boxes), axis=-1)


def _head(features: Any, name: str, first: int, dropout: float, known: Any = None) -> Any:
    """(..., features) to scores (..., 1). Layers are numbered from `first` as in the authors' sequences; activation comes before
    the second normalisation. What is not `known` (...,), which fills up batches of pictures with fewer boxes, has no part in
    the batch's statistics.
    """
    from keras import layers

    from tfiqa.models.backbones.resnet import BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, torch_linear

    def normalised(x: Any, place: int) -> Any:
        settings: Any = {"momentum": BATCH_NORM_MOMENTUM, "epsilon": BATCH_NORM_EPSILON, "dtype": "float32"}
        return layers.BatchNormalization(**settings, name=f"{name}_{place}")(x, mask=known)

    x = normalised(features, first)
    x = layers.Dropout(dropout, dtype="float32", name=f"{name}_{first + 1}")(x)
    x = torch_linear(HIDDEN, features.shape[-1], f"{name}_{first + 2}")(x)
    x = layers.ReLU(dtype="float32", name=f"{name}_{first + 3}")(x)
    x = normalised(x, first + 4)
    x = layers.Dropout(0.5, dtype="float32", name=f"{name}_{first + 5}")(x)
    return torch_linear(1, HIDDEN, f"{name}_{first + 6}")(x)
