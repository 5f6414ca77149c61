"""The model that comes with tfiqa: fixed filters, their covariance in the picture, and kernel regressions.

How it was made: `tools/train_tfiqa_small.py`; what was tried, and what came out: `docs/experiments.md`. Weak supervision by
full-reference measures follows H. Lin, V. Hosu, D. Saupe, "DeepFL-IQA: Weak Supervision for Deep IQA Feature Learning", 2020.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfiqa.errors import InvalidInput, UnknownName
from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.model_info import MODELS, ModelSpec, info_of
from tfiqa.registry import unknown_name
from tfiqa.score_scale import ScoreScale

if TYPE_CHECKING:
    import keras

PAPER = "none; tfiqa's own, with the weak supervision of DeepFL-IQA (H. Lin, V. Hosu, D. Saupe, 2020)"
SCALE = ScoreScale(0.0, 100.0, True, "opinion score of photographs", words=True)
PROTOCOL = PictureProtocol(resize="shorter_side:512", scaled_decoding=True)
BODY = "filter_bank"  # `mlsp_taps.smallest_side` knows its smallest picture
LUMA = 56  # the bank's map of mean luma
HUNDREDTHS = 100.0
UNCERTAINTY_RANGE = (2.0, 30.0)
# Both kernels' widths, chosen by the five splits and by distorted pictures.
PEOPLE_GAMMA = 0.2
DAMAGE_GAMMA = 0.3
# How likely a picture is as it was photographed: the logistic function of 6 (t + 0.2), t being -1 for the artificially distorted
# pictures that were learned from and 1 for the photographs. Doubtful ones count as photographs.
SLOPE, SHIFT = 6.0, 0.2
# Of a distorted picture, 0.15 of the score is what people would say of a photograph like it; the rest goes from 0.1 to 0.85
# of the scale by how intact the measures would call it.
PEOPLE_SHARE = 0.15
LOWEST, RANGE = 0.1, 0.75


@dataclass(frozen=True)
class TfiqaSmallOptions:
    """Where the features come from, and sizes of the kernel regressions.

    Args:
        body: "filter_bank", the only one.
        components: length of the feature vectors after their projection.
        photographs: training vectors of photographs that are kept.
        distorted: of distorted and undistorted pictures.
    """

    body: str = BODY
    components: int = 384
    photographs: int = 2000
    distorted: int = 3500

    def __post_init__(self) -> None:
        if self.body != BODY:
            raise UnknownName(unknown_name("body", str(self.body), (BODY,)))
        sizes = (self.components, self.photographs, self.distorted)
        if not all(isinstance(size, int) and size >= 1 for size in sizes):
            raise InvalidInput(f"components, photographs and distorted are at least 1. Received: {sizes}")


@MODELS.register(
    "tfiqa_small",
    spec=ModelSpec(
        PAPER,
        SCALE,
        PROTOCOL,
        TfiqaSmallOptions,
        targets={"quality": ("score",)},
        columns={"quality": ("quality",), "uncertainty": ("uncertainty",)},
        head=(),
    ),
)
def build_tfiqa_small(options: TfiqaSmallOptions) -> keras.Model:
    """Image (N, H, W, 3) RGB 0..255, sides of at least 8, to `quality` (N, 1), 0..100, higher is better, and `uncertainty`
    (N, 1), the standard deviation of people's mean score around it, 2..30.

    Nothing in it is trained by gradients.
    """
    import keras

    from tfiqa.models.layers import KernelRegression
    from tfiqa.models.quality_model import quality_model

    image = keras.Input((None, None, 3), name="image")
    features = kernel_features(image)
    people = KernelRegression(2, options.components, options.photographs, PEOPLE_GAMMA, name="people")(features)
    damage = KernelRegression(3, options.components, options.distorted, DAMAGE_GAMMA, name="damage")(features)
    quality, uncertainty = mixed(people, damage)
    return quality_model(image, {"quality": quality, "uncertainty": uncertainty}, info_of("tfiqa_small", options))


def kernel_features(image: Any) -> Any:
    """What the kernels compare, of images (N, H, W, 3): (N, 1842), log-covariance of the filters' maps and brightnesses."""
    from keras import layers

    from tfiqa.models.layers import FilterBank, LogCovariance, ToneHistogram
    from tfiqa.models.layers.filter_bank import CHANNEL_RANGE

    bank = FilterBank(name="bank")(image)
    luma = layers.Rescaling(CHANNEL_RANGE, dtype="float32", name="luma")(bank[..., LUMA])
    parts = [LogCovariance(name="log_covariance")(bank), ToneHistogram(name="tones")(luma)]
    return layers.Concatenate(dtype="float32", name="features")(parts)


def mixed(people: Any, damage: Any) -> tuple[Any, Any]:
    """Quality and uncertainty (N, 1) of what the regressions say.

    Args:
        people: (N, 2): what people would say of a photograph like it, 0..1, and the logarithm of how far off that is.
        damage: (N, 3): how intact the measures would call it, 0..1; from -1 for distorted to 1 for as photographed; the logarithm
            of how far off the first is.
    """
    from keras import ops

    photographed = ops.sigmoid(SLOPE * (damage[:, 1:2] + SHIFT))
    as_photograph = people[:, :1]
    as_distorted = PEOPLE_SHARE * as_photograph + (1 - PEOPLE_SHARE) * (LOWEST + RANGE * damage[:, :1])
    quality = photographed * as_photograph + (1 - photographed) * as_distorted
    within = photographed * ops.exp(2 * people[:, 1:]) + (1 - photographed) * ops.exp(2 * damage[:, 2:])
    between = photographed * (1 - photographed) * ops.square(as_photograph - as_distorted)
    return (
        ops.clip(HUNDREDTHS * quality, 0.0, HUNDREDTHS),
        ops.clip(HUNDREDTHS * ops.sqrt(within + between), *UNCERTAINTY_RANGE),
    )
