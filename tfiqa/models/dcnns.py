"""DCNNS: a small network for grey 64x64 patches that tells quality and, as an auxiliary task, the type of scene.

Reference: C.-H. Huang, J.-L. Wu, "Multi-task deep CNN model for no-reference image quality assessment on smartphone camera
photos", 2020 (arXiv:2008.11961), sections 3 and 3.1. No code was published. What the paper leaves open is decided here:

- Its mean and deviation of the local contrast normalisation are printed as sums over 7x7 pixels (P = Q = 3) without a divisor;
  they are taken as mean and deviation, of grey in 0..255, on the whole picture before it is cut, mirrored at its border.
- The "128-dimension fully connected layer" is the global average itself, not one more layer.
- Patches lie at multiples of 160 pixels from the top left; what is left at the far borders is in none. A picture's quality is
  the mean over its patches. Pictures with a side below 64 pixels are refused.
- The output layers are linear; convolutions and dense layers begin as PyTorch's do, in which the paper's were trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfiqa.errors import InvalidInput, UnknownName
from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.input_scaling import unit_range
from tfiqa.models.model_info import MODELS, ModelSpec, info_of
from tfiqa.registry import unknown_name
from tfiqa.score_scale import ScoreScale

if TYPE_CHECKING:
    import keras

PAPER = (
    'C.-H. Huang, J.-L. Wu, "Multi-task deep CNN model for no-reference image quality assessment on smartphone camera photos", '
    "arXiv:2008.11961, 2020"
)
SCALE = ScoreScale(1.0, 15.0, False, "SCPQD2020 rank")
PATCH = 64
STRIDE = 160
WIDTHS = (32, 64, 128)  # of two convolutions each, a max pool between them
HIDDEN = 256
DROPOUT = 0.5
WINDOWS = (0, 3, 7)
ASPECTS = ("texture", "color", "noise", "exposure")
SCENES = 4  # types, found by clustering
SCENE_COLUMNS = tuple(f"scene_{number}" for number in range(SCENES))
VOTE_COLUMNS = tuple(f"votes_{number}" for number in range(SCENES))
# Which of these there are depends on the options.
HEAD = tuple(f"{name}_fc{number}" for name in ("quality", *ASPECTS, "scene") for number in (1, 2, 3))


@dataclass(frozen=True)
class DcnnsOptions:
    """Options of DCNNS.

    Args:
        scenes: whether the model has the auxiliary task.
        window: pixels along each side of the window of the local contrast normalisation: 7 as in the paper, or 3; 0 for grey in
            [0, 1] without it.
        aspects: what one model tells instead of one quality, each with layers of its own after the convolutions: some of
            texture, color, noise and exposure. `quality` is then their mean.
    """

    scenes: bool = True
    window: int = 7
    aspects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.window not in WINDOWS or isinstance(self.window, bool):
            raise InvalidInput(f"option window is one of {', '.join(map(str, WINDOWS))}. Received: {self.window!r}")
        object.__setattr__(self, "aspects", tuple(self.aspects))
        for name in self.aspects:
            if name not in ASPECTS:
                raise UnknownName(unknown_name("aspect", str(name), ASPECTS))
        if len(set(self.aspects)) < len(self.aspects):
            raise InvalidInput(f"option aspects names each aspect once. Received: {', '.join(self.aspects)}")


def _shown(options: DcnnsOptions) -> tuple[str, ...]:
    scenes = ("scene_probabilities", "scene_votes") if options.scenes else ()
    return ("quality", *options.aspects, *scenes)


def _trained(options: DcnnsOptions) -> tuple[str, ...]:
    return (*(options.aspects or ("quality",)), *(("scene_logits",) if options.scenes else ()))


def picture_protocol(options: DcnnsOptions) -> PictureProtocol:
    """The patches of DCNNS, with the surroundings that the window needs."""
    margin = options.window // 2
    return PictureProtocol("native", PATCH, STRIDE, patch_ends="within", patch_margin=margin)


@MODELS.register(
    "dcnns",
    spec=ModelSpec(
        PAPER,
        SCALE,
        picture_protocol(DcnnsOptions()),
        DcnnsOptions,
        targets={
            "quality": ("score",),
            **{aspect: (f"rank_{aspect}",) for aspect in ASPECTS},
            "scene_logits": SCENE_COLUMNS,
        },
        columns={
            "quality": ("quality",),
            **{aspect: (aspect,) for aspect in ASPECTS},
            "scene_probabilities": SCENE_COLUMNS,
            "scene_votes": VOTE_COLUMNS,
        },
        head=HEAD,
        outputs=_shown,
        trained=_trained,
        protocols=picture_protocol,
    ),
)
def build_dcnns(options: DcnnsOptions) -> keras.Model:
    """Patches (N, 64, 64, 3) RGB 0..255 to `quality` (N, 1), on the scale of the training data and in its direction, and
    `scene_logits` (N, 4); with `aspects` also one (N, 1) for each of them. 485,349 parameters.

    Patches of 70x70 pixels (66x66 with a window of 3) bring the 3 pixels (1) around them along, as scoring, serving and training
    cut them; of others the border is mirrored.
    """
    import keras
    from keras import layers

    from tfiqa.models.layers import Grey, LocalContrast
    from tfiqa.models.quality_model import quality_model

    image = keras.Input((None, None, 3), name="image")
    x = Grey(dtype="float32", name="grey")(image)
    contrast = (
        LocalContrast(options.window, PATCH, dtype="float32", name="local_contrast") if options.window else unit_range
    )
    x = contrast(x)
    channels = 1
    for number, width in enumerate(WIDTHS, start=1):
        for part in (1, 2):
            x = _convolution(width, channels, f"conv{number}_{part}")(x)
            channels = width
        if number < len(WIDTHS):
            x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    features = layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    outputs: dict[str, Any] = {}
    if options.aspects:
        for aspect in options.aspects:
            outputs[aspect] = _head(features, 1, aspect)
        heads = list(outputs.values())
        outputs["quality"] = layers.Average(dtype="float32", name="quality")(heads) if len(heads) > 1 else heads[0]
    else:
        outputs["quality"] = _head(features, 1, "quality")
    if options.scenes:
        outputs["scene_logits"] = _head(features, SCENES, "scene")
    return quality_model(image, outputs, info_of("dcnns", options))


def _convolution(width: int, inputs: int, name: str) -> Any:
    """A 3x3 convolution, started as torch.nn.Conv2d starts: uniform within 1 / sqrt(inputs of one output)."""
    import keras
    from keras import layers

    bound = (9 * inputs) ** -0.5
    start = keras.initializers.RandomUniform(-bound, bound)
    return layers.Conv2D(
        width, 3, padding="same", activation="relu", kernel_initializer=start, bias_initializer=start, name=name
    )


def _head(features: Any, units: int, name: str) -> Any:
    from keras import layers

    from tfiqa.models.backbones.resnet import torch_linear

    x = features
    for number, inputs in ((1, WIDTHS[-1]), (2, HIDDEN)):
        x = layers.ReLU(name=f"{name}_relu{number}")(torch_linear(HIDDEN, inputs, f"{name}_fc{number}")(x))
        x = layers.Dropout(DROPOUT, name=f"{name}_dropout{number}")(x)
    return torch_linear(units, HIDDEN, f"{name}_fc3")(x)
