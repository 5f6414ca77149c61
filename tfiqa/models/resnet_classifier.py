"""torchvision's ResNet classifiers as models of their own: the source of pretrained bodies, and a check on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfiqa.errors import InvalidInput, UnknownName
from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.backbones.resnet_shape import feature_channels
from tfiqa.models.input_scaling import scaled
from tfiqa.models.model_info import MODELS, Builder, ModelSpec, info_of
from tfiqa.registry import unknown_name

if TYPE_CHECKING:
    import keras

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


def _builder(name: str) -> Builder:
    def build(options: ResNetOptions) -> keras.Model:
        """Image (N, H, W, 3) RGB 0..255 to `pooled` (N, channels) and `logits` (N, classes)."""
        import keras
        from keras import layers

        from tfiqa.models.backbones.resnet import resnet_taps, torch_linear
        from tfiqa.models.quality_model import quality_model

        image = keras.Input((None, None, 3), name="image")
        x = scaled(image, options.normalization)
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


def check_backbone(backbone: str) -> None:
    """Raises UnknownName unless `backbone` is one of BACKBONES."""
    if backbone not in BACKBONES:
        raise UnknownName(unknown_name("backbone", str(backbone), BACKBONES))


RESNET_BUILDERS = {name: MODELS.register(name, spec=SPEC)(_builder(name)) for name in BACKBONES}
