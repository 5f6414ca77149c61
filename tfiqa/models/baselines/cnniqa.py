"""CNNIQA: one convolution, its extremes and two hidden layers, on small grey patches.

Reference: L. Kang, P. Ye, Y. Li, D. Doermann, "Convolutional Neural Networks for No-Reference Image Quality Assessment", CVPR
2014; 724,901 parameters, as in table 8 of PaQ-2-PiQ (Ying et al., CVPR 2020), which compares with it. By default the patches are
those of a well-known re-implementation in PyTorch (D. Li, `lidq92/CNNIQA`), the only code to compare with; see `CnniqaOptions`.

That code's loop leaves the last row and the last column of patches out where they would be flush with the border, so that of
512x384 pixels it sees 15 x 11 patches. Here every patch counts, 16 x 12 of them, and what does not fill a patch at the border
is seen in one that overlaps its neighbour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfiqa.errors import UnknownName
from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.input_scaling import unit_range
from tfiqa.models.model_info import MODELS, ModelSpec, info_of
from tfiqa.registry import unknown_name
from tfiqa.score_scale import ScoreScale

if TYPE_CHECKING:
    import keras

PAPER = 'L. Kang, P. Ye, Y. Li, D. Doermann, "Convolutional Neural Networks for No-Reference Image Quality Assessment", CVPR 2014'
# Each training has the opinion scores of its database as they are, DMOS too.
SCALE = ScoreScale(None, None, True, "opinion scores of the training data")
PATCH = 32
KERNEL = 7
MARGIN = 3  # pixels around a patch that the windows of "picture" reach
PROTOCOL = PictureProtocol("native", PATCH, PATCH)
PROTOCOLS = {"patch": PROTOCOL, "picture": PictureProtocol("native", PATCH + 2 * MARGIN, PATCH)}


@dataclass(frozen=True)
class CnniqaOptions:
    """Options of CNNIQA.

    Args:
        normalization: of local contrast. "patch" as in the re-implementation: grey in [0, 1], windows of 3x3 within the patch.
            "picture" as in the paper: grey in 0..255, windows of 7x7 on the picture before it is cut, for which patches come with
            3 pixels of their surroundings (38x38, `data.crop: 38` in training); the outermost 3 pixels of a picture are nothing
            but surroundings. The paper does not tell its range of grey; 0..255 is that of BRISQUE, which it follows.
    """

    normalization: str = "patch"

    def __post_init__(self) -> None:
        if self.normalization not in PROTOCOLS:
            raise UnknownName(unknown_name("normalization", str(self.normalization), PROTOCOLS))


@MODELS.register(
    "cnniqa",
    spec=ModelSpec(
        PAPER,
        SCALE,
        PROTOCOL,
        CnniqaOptions,
        targets={"quality": ("score",)},
        columns={"quality": ("quality",)},
        head=("fc3",),
        protocols=lambda options: PROTOCOLS[options.normalization],
    ),
)
def build_cnniqa(options: CnniqaOptions) -> keras.Model:
    """Image (N, H, W, 3) RGB 0..255, patches of 32x32, to `quality` (N, 1), unbounded, on the scale of the training data and in
    its direction. A picture's quality is the mean over its patches.

    Dropout follows the first hidden layer, as in the re-implementation; the paper has it at the second. Pictures too small for
    the convolution are filled up with black below and on the right.
    """
    import keras
    from keras import layers

    from tfiqa.models.backbones.resnet import torch_linear
    from tfiqa.models.layers import LocalContrast, MaxMinPooling, PadToSide, PillowGrey
    from tfiqa.models.quality_model import quality_model

    of_picture = options.normalization == "picture"
    image = keras.Input((None, None, 3), name="image")
    x = PadToSide(KERNEL + 2 * MARGIN * of_picture, dtype="float32", name="least_size")(image)
    x = PillowGrey(dtype="float32", name="grey")(x)
    if of_picture:
        x = LocalContrast(2 * MARGIN + 1, dtype="float32", name="local_contrast")(x)
        x = layers.Cropping2D(MARGIN, dtype="float32", name="patch")(x)
    else:
        x = LocalContrast(3, dtype="float32", name="local_contrast")(unit_range(x))
    # Started as torch.nn.Conv2d starts: uniform within 1 / sqrt(inputs).
    start = keras.initializers.RandomUniform(-1 / KERNEL, 1 / KERNEL)
    x = layers.Conv2D(50, KERNEL, kernel_initializer=start, bias_initializer=start, name="conv1")(x)
    x = MaxMinPooling(dtype="float32", name="features")(x)
    for number, inputs in ((1, 100), (2, 800)):
        x = layers.ReLU(name=f"relu{number}")(torch_linear(800, inputs, f"fc{number}")(x))
        if number == 1:
            x = layers.Dropout(0.5, name="dropout1")(x)
    quality = torch_linear(1, 800, "fc3")(x)
    return quality_model(image, {"quality": quality}, info_of("cnniqa", options))
