"""DB-CNN: one body that knows synthetic distortions and one that knows objects, pooled bilinearly.

Reference: W. Zhang, K. Ma, J. Yan, D. Deng, Z. Wang, "Blind Image Quality Assessment Using a Deep Bilinear Convolutional Neural
Network", IEEE Transactions on Circuits and Systems for Video Technology 30, 2020. This is the network of the authors' PyTorch
code, which UNIQUE compares with (Zhang et al., TIP 2021), not of the MATLAB code that the paper's numbers come from. That one
takes its last stride in the eighth convolution of S-CNN rather than the ninth, feeds RGB 0..255 less a mean alone, brings the
two maps to one size by leaving rows out of the larger, sums the products of the pooling without dividing by H W, and puts its
epsilons elsewhere; its weights mean nothing here.

The paper trains S-CNN to tell 39 kinds and strengths of synthetic distortion apart before it is used here. Without such
weights that stream starts fresh.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.input_scaling import imagenet_range
from tfiqa.models.model_info import MODELS, ModelSpec, info_of
from tfiqa.score_scale import ScoreScale

if TYPE_CHECKING:
    import keras

PAPER = (
    'W. Zhang, K. Ma, J. Yan, D. Deng, Z. Wang, "Blind Image Quality Assessment Using a Deep Bilinear Convolutional Neural '
    'Network", IEEE TCSVT 2020'
)
# Each training has the opinion scores of its database as they are, DMOS too.
SCALE = ScoreScale(None, None, True, "opinion scores of the training data")
PROTOCOL = PictureProtocol(resize="native")
# The streams, as the authors name them; the first ends with layer 29 of VGG-16, relu5_3.
VGG16_STREAM = "features1"
SCNN_STREAM = "features2"
VGG16_MAPS = f"{VGG16_STREAM}_29"


@dataclass(frozen=True)
class DbcnnOptions:
    """Options of DB-CNN.

    Args:
        batch_norm: batch normalisation after each convolution of S-CNN. The paper and UNIQUE's code have none; with it are the
            authors' PyTorch code for single databases (`scnn.pkl`) and the weights of pyiqa.
    """

    batch_norm: bool = False


@MODELS.register(
    "dbcnn",
    spec=ModelSpec(
        PAPER,
        SCALE,
        PROTOCOL,
        DbcnnOptions,
        targets={"quality": ("score",)},
        columns={"quality": ("quality",)},
        head=("fc",),
    ),
)
def build_dbcnn(options: DbcnnOptions) -> keras.Model:
    """Image (N, H, W, 3) RGB 0..255 to `quality` (N, 1), unbounded, on the scale of the training data and in its direction.

    H and W are of any size. Where a side is shorter than 16 the authors' code fails; here VGG-16 sees the picture filled up to 16
    with zeros, which are ImageNet's mean colour, below and on the right.
    """
    import keras
    from keras import layers

    from tfiqa.models.backbones.scnn import scnn_maps
    from tfiqa.models.backbones.vgg16 import vgg16_maps
    from tfiqa.models.layers import BilinearPooling, ResizeLike
    from tfiqa.models.quality_model import quality_model

    image = keras.Input((None, None, 3), name="image")
    x = imagenet_range(image)
    objects = vgg16_maps(x, VGG16_STREAM)
    distortions = scnn_maps(x, options.batch_norm, SCNN_STREAM)
    # VGG-16 rounds sizes down, S-CNN up.
    distortions = ResizeLike(dtype="float32", name="distortions")([distortions, objects])
    features = BilinearPooling(signed=False, dtype="float32", name="features")([objects, distortions])
    # He's normal initialisation and no offset: the authors' code.
    quality = layers.Dense(1, kernel_initializer="he_normal", dtype="float32", name="fc")(features)
    return quality_model(image, {"quality": quality}, info_of("dbcnn", options))
