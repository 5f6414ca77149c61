"""NIMA: an ImageNet body and one layer that predicts how people's votes are distributed, or their mean alone.

Reference: H. Talebi, P. Milanfar, "NIMA: Neural Image Assessment", IEEE Transactions on Image Processing 27, 2018, section III.
Dropout, pooling and input range are those of the Keras form (`idealo/image-quality-assessment`), whose MobileNet with ten bins
has 3,239,114 parameters. That code enlarges and shrinks pictures by the nearest pixel; here the filter is Pillow's antialiased
bilinear one, which neither skips pixels nor repeats them.

PaQ-2-PiQ (Ying et al., CVPR 2020) re-trained NIMA on its own data with one regressed score, option output="score". Its table 8
gives 11.17 M parameters for the body of ResNet-18 and 10.11 K for the head, which are the convolutions' 11,166,912 and, counted
with the last layer's 513, the 9,600 scales and offsets of batch normalisation. The 10.11 K of its MobileNetV2 cannot be right:
the last layer has 1,281 parameters, the body's batch normalisation 34,112, and 2.22 M of body is 2,223,872 with these included.
The sum, 2.23 M, is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfiqa.errors import InvalidInput, UnknownName
from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.input_scaling import SCALING_OF_IMAGENET, check_scaling
from tfiqa.models.model_info import MODELS, ModelSpec, info_of
from tfiqa.registry import unknown_name
from tfiqa.score_scale import ScoreScale

if TYPE_CHECKING:
    import keras

PAPER = 'H. Talebi, P. Milanfar, "NIMA: Neural Image Assessment", IEEE Transactions on Image Processing 27, 2018'
SCALE = ScoreScale(1.0, 10.0, True, "AVA mean vote")
PROTOCOL = PictureProtocol(resize="stretch:224")
BODIES = ("mobilenet", "mobilenet_v2", "resnet18")
BINS = tuple(f"bin_{number}" for number in range(1, 11))  # votes 1..10, or as many equal steps of another scale
OUTPUTS = {"score": ("quality",), "distribution": ("quality", "uncertainty", "distribution")}
DROPOUT = 0.75


@dataclass(frozen=True)
class NimaOptions:
    """Options of NIMA.

    Args:
        body: "mobilenet" as in the paper, "mobilenet_v2" or "resnet18".
        scaling: what the body is given, as in `models.deepfl.DeepflBodyOptions`; None for what its ImageNet weights need.
        output: "distribution" as in the paper, the shares of votes in ten bins, or "score", one number as in PaQ-2-PiQ.
        low, high: the scores that the first and the last bin stand for, on the scale of the manifest's `score`.
    """

    body: str = "mobilenet"
    scaling: str | None = None
    output: str = "distribution"
    low: float = 1.0
    high: float = 10.0

    def __post_init__(self) -> None:
        if self.body not in BODIES:
            raise UnknownName(unknown_name("body", str(self.body), BODIES))
        if self.output not in OUTPUTS:
            raise UnknownName(unknown_name("output", str(self.output), OUTPUTS))
        if not self.low < self.high:
            raise InvalidInput(f"options low and high: low is below high. Received: {self.low} and {self.high}")
        scaling = SCALING_OF_IMAGENET[self.body] if self.scaling is None else self.scaling
        check_scaling(scaling)
        object.__setattr__(self, "scaling", scaling)


@MODELS.register(
    "nima",
    spec=ModelSpec(
        PAPER,
        SCALE,
        PROTOCOL,
        NimaOptions,
        targets={"quality": ("score",), "distribution": BINS},
        columns={"quality": ("quality",), "uncertainty": ("uncertainty",), "distribution": BINS},
        head=("fc",),
        outputs=lambda options: OUTPUTS[options.output],
    ),
)
def build_nima(options: NimaOptions) -> keras.Model:
    """Image (N, H, W, 3) RGB 0..255 to `quality` (N, 1), on the scale of the training data.

    With output "distribution" also `distribution` (N, 10), the share of votes in each bin, summing to 1; `quality` is its mean,
    and `uncertainty` (N, 1) its standard deviation: how far people's votes lie apart, which is not how far the mean may be off.
    """
    from keras import layers

    from tfiqa.models.backbones.bodies import build_body
    from tfiqa.models.backbones.resnet import torch_linear
    from tfiqa.models.layers import DistributionMoments
    from tfiqa.models.quality_model import quality_model

    assert options.scaling is not None
    body = build_body(options.body, options.scaling)
    x = layers.GlobalAveragePooling2D(dtype="float32", name="features")(body.output)
    x = layers.Dropout(DROPOUT, dtype="float32", name="dropout")(x)
    if options.output == "score":
        outputs = {"quality": torch_linear(1, x.shape[-1], "fc")(x)}
    else:
        shares = layers.Dense(len(BINS), activation="softmax", dtype="float32", name="fc")(x)
        quality, deviation = DistributionMoments(options.low, options.high, dtype="float32", name="moments")(shares)
        outputs = {"quality": quality, "uncertainty": deviation, "distribution": shares}
    return quality_model(body.input, outputs, info_of("nima", options))
