"""The model that comes with tfiqa: fixed filters, their covariance in the picture, a kernel regression and small networks.

How it was made: `tools/train_tfiqa_small.py`; what was tried, and what came out: `docs/experiments.md`. Weak supervision by
full-reference measures follows H. Lin, V. Hosu, D. Saupe, "DeepFL-IQA: Weak Supervision for Deep IQA Feature Learning", 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
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
PEOPLE_GAMMA = 0.2  # the kernels' width, chosen by five splits
UNITS = (512, 128)  # of a network
ANSWERS = 3  # numbers of a network
# How likely a picture is as it was photographed: the logistic function of 0.4 (t + 4), t being the networks' log-odds. Doubtful
# ones count as photographs.
SLOPE, SHIFT = 0.4, 4.0
# The score of a distorted picture goes from 0.15 to 0.9 of the scale by how intact the networks call it.
LOWEST, RANGE = 0.15, 0.75


@dataclass(frozen=True)
class TfiqaSmallOptions:
    """Where the features come from, and sizes of what scores them.

    Args:
        body: "filter_bank", the only one.
        components: length of the kernels' feature vectors, after their projection.
        photographs: training vectors of photographs that the kernels for people's scores keep.
        networks: how many there are beside the kernels.
    """

    body: str = BODY
    components: int = 384
    photographs: int = 2000
    networks: int = 3

    def __post_init__(self) -> None:
        if self.body != BODY:
            raise UnknownName(unknown_name("body", str(self.body), (BODY,)))
        sizes = (self.components, self.photographs, self.networks)
        if not all(isinstance(size, int) and size >= 1 for size in sizes):
            raise InvalidInput(f"components, photographs and networks are at least 1. Received: {sizes}")


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

    `tfiqa fit` would train nothing but the networks, for another aim than theirs: `tools/train_tfiqa_small.py` makes it.
    """
    import keras
    from keras import ops

    from tfiqa.models.layers import ClippedStandardization, KernelRegression
    from tfiqa.models.quality_model import quality_model

    image = keras.Input((None, None, 3), name="image")
    features = picture_features(image)
    people = KernelRegression(2, options.components, options.photographs, PEOPLE_GAMMA, name="people")(features)
    standard = ClippedStandardization(name="standard")(features)
    networks = ops.stack([chained(network_layers(i), standard) for i in range(options.networks)], axis=1)
    quality, uncertainty = mixed(people, networks)
    return quality_model(image, {"quality": quality, "uncertainty": uncertainty}, info_of("tfiqa_small", options))


def picture_features(image: Any) -> Any:
    """What pictures (N, H, W, 3) are scored by: (N, 1842), log-covariance of the filters' maps and brightnesses."""
    from keras import layers

    from tfiqa.models.layers import FilterBank, LogCovariance, ToneHistogram
    from tfiqa.models.layers.filter_bank import CHANNEL_RANGE

    bank = FilterBank(name="bank")(image)
    luma = layers.Rescaling(CHANNEL_RANGE, dtype="float32", name="luma")(bank[..., LUMA])
    parts = [LogCovariance(name="log_covariance")(bank), ToneHistogram(name="tones")(luma)]
    return layers.Concatenate(dtype="float32", name="features")(parts)


def network_layers(number: int) -> list[keras.layers.Dense]:
    """The layers of the network of this number, from standardised features to ANSWERS numbers."""
    from keras import layers

    hidden = [
        layers.Dense(units, activation="gelu", dtype="float32", name=f"network_{number}_{i}")
        for i, units in enumerate(UNITS)
    ]
    return [*hidden, layers.Dense(ANSWERS, dtype="float32", name=f"network_{number}")]


def chained(layers: Sequence[keras.layers.Layer], x: Any) -> Any:
    """What the last layer answers when each takes the answer of the one before."""
    for layer in layers:
        x = layer(x)
    return x


def mixed(people: Any, networks: Any) -> tuple[Any, Any]:
    """Quality and uncertainty (N, 1) of what the kernels and the networks say.

    Args:
        people: (N, 2): what people would say of a photograph like it, 0..1, and the logarithm of how far off that is.
        networks: (N, networks, ANSWERS): how intact it is, 0..1, the logarithm of how far off that is, the log-odds that it is
            as it was photographed. Where networks differ about the first the score is more uncertain (B. Lakshminarayanan, A.
            Pritzel, C. Blundell, "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles", NeurIPS 2017).
    """
    from keras import ops

    intact, _, odds = ops.split(ops.mean(networks, axis=1), ANSWERS, axis=1)
    photographed = ops.sigmoid(SLOPE * (odds + SHIFT))
    as_photograph = people[:, :1]
    as_distorted = LOWEST + RANGE * intact
    quality = photographed * as_photograph + (1 - photographed) * as_distorted
    off = ops.mean(ops.exp(2 * networks[..., 1]), axis=1, keepdims=True)
    off += ops.var(networks[..., 0], axis=1, keepdims=True)
    within = photographed * ops.exp(2 * people[:, 1:]) + (1 - photographed) * RANGE**2 * off
    between = photographed * (1 - photographed) * ops.square(as_photograph - as_distorted)
    return (
        ops.clip(HUNDREDTHS * quality, 0.0, HUNDREDTHS),
        ops.clip(HUNDREDTHS * ops.sqrt(within + between), *UNCERTAINTY_RANGE),
    )
