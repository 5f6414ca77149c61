"""torchvision's ResNet classifiers as models of their own: the source of pretrained bodies, and a check on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfiqa.errors import InvalidInput
from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.backbones.resnet_shape import feature_channels
from tfiqa.models.model_info import MODELS, Builder, ModelSpec, info_of

if TYPE_CHECKING:
    import keras

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # torchvision's ImageNet statistics of RGB in [0, 1]
IMAGENET_STD = (0.229, 0.224, 0.225)
PAPER = 'K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016'


@dataclass(frozen=True)
class ResNetOptions:
    """Options of a ResNet classifier.

    Args:
        normalization: "unit" feeds RGB / 255, as SPAQ and PaQ-2-PiQ do; "imagenet" also takes mean and deviation out, as the
            ImageNet classification of torchvision's weights needs.
        classes: number of logits.
    """

    normalization: str = "unit"
    classes: int = 1000

    def __post_init__(self) -> None:
        if self.normalization not in ("unit", "imagenet"):
            raise InvalidInput(f"normalization is 'unit' or 'imagenet'. Received: {self.normalization!r}")


def unit_range(image: Any) -> Any:
    """RGB 0..255 to [0, 1], in float32 whatever the precision policy."""
    from keras import layers

    return layers.Rescaling(1 / 255, dtype="float32", name="unit_range")(image)


def _builder(name: str) -> Builder:
    def build(options: ResNetOptions) -> keras.Model:
        """Image (N, H, W, 3) RGB 0..255 to `pooled` (N, channels) and `logits` (N, classes)."""
        import keras
        from keras import layers

        from tfiqa.models.backbones.resnet import resnet_taps, torch_linear
        from tfiqa.models.quality_model import quality_model

        image = keras.Input((None, None, 3), name="image")
        x = unit_range(image)
        if options.normalization == "imagenet":
            variance = [deviation**2 for deviation in IMAGENET_STD]
            x = layers.Normalization(mean=IMAGENET_MEAN, variance=variance, dtype="float32", name="imagenet")(x)
        x = resnet_taps(x, name)["layer4"]
        pooled = layers.GlobalAveragePooling2D(dtype="float32", name="pooled")(x)
        logits = torch_linear(options.classes, feature_channels(name), "fc")(pooled)
        return quality_model(image, {"pooled": pooled, "logits": logits}, info_of(name, options))

    return build


SPEC = ModelSpec(
    paper=PAPER,
    scale=None,
    protocol=PictureProtocol(resize="native"),
    options=ResNetOptions,
    targets={},
    columns={},
    head=("fc",),
)
BACKBONES: tuple[str, ...] = ("resnet18", "resnet34", "resnet50")
RESNET_BUILDERS = {name: MODELS.register(name, spec=SPEC)(_builder(name)) for name in BACKBONES}
