"""Encoded pictures one by one through a graph, in which one that cannot be used spoils no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from tfiqa.images.resize import ResizePolicy
from tfiqa.images.try_decode_graph import try_decode_graph
from tfiqa.models.backbones.mlsp_taps import smallest_side
from tfiqa.serving.error_output import ERROR

if TYPE_CHECKING:
    from tfiqa.models.model_info import ModelInfo

# Traced once for all signatures of an export, which takes seconds.
_decode = tf.function(try_decode_graph, input_signature=[tf.TensorSpec((), tf.string)], autograph=False)

Shapes = Mapping[str, Sequence[Any]]  # of outputs by name; of numbers and scalar tensors


def each_picture_graph(
    info: ModelInfo,
    image_bytes: tf.Tensor,
    others: tuple[tf.Tensor, ...],
    outputs: Callable[..., dict[str, tf.Tensor]],
    shapes: Callable[..., Shapes],
    refusal: Callable[..., tf.Tensor] = lambda *others: tf.constant(""),
    scaled_for: ResizePolicy | None = None,
) -> dict[str, tf.Tensor]:
    """What a function of one picture gives for each of N.

    Args:
        info: of the model that the function runs.
        image_bytes: string (N,), encoded pictures of mixed sizes and formats.
        others: what else the function takes, each with first dimension N.
        outputs: of a decoded picture, uint8 (H, W, 3), and its element of each of `others`: float32 tensors by name. It is
            called for pictures that the model takes.
        shapes: of a picture's element of each of `others`: the shapes of these tensors.
        refusal: of these elements: why they cannot be used, in words that follow the picture's name, or "".
        scaled_for: as `images.decode.decode_picture` has it.

    Returns:
        The tensors by name with first dimension N, and `error`, string (N,): "" for a picture with scores. One that cannot be
        decoded, or that the model does not take, has NaN everywhere and the reason in `error`, in words that follow its name.
    """

    def of_one(element: tuple[tf.Tensor, ...]) -> dict[str, tf.Tensor]:
        data, *more = element
        picture, undecoded = _decode(data) if scaled_for is None else try_decode_graph(data, scaled_for=scaled_for)
        error = tf.where(undecoded == "", size_refusal(info, picture), undecoded)
        error = tf.where(error == "", refusal(*more), error)

        def refused() -> dict[str, tf.Tensor]:
            return {name: tf.fill(tf.stack([*shape, 1])[:-1], float("nan")) for name, shape in shapes(*more).items()}

        return {**tf.cond(error == "", lambda: outputs(picture, *more), refused), ERROR: error}

    static = shapes(*(other[0] for other in others))
    signature = {
        name: tf.TensorSpec([side if isinstance(side, int) else None for side in shape], tf.float32)
        for name, shape in static.items()
    }
    # One picture after the other: the network already uses every core, and memory stays that of one picture.
    return tf.map_fn(
        of_one,
        (image_bytes, *others),
        fn_output_signature={**signature, ERROR: tf.TensorSpec((), tf.string)},
        parallel_iterations=1,
    )


def size_refusal(info: ModelInfo, picture: tf.Tensor) -> tf.Tensor:
    """Why the model does not take a picture (H, W, 3) of its size, a scalar string in words that follow its name, or ""."""
    height, width = tf.unstack(tf.shape(picture)[:2])
    size = tf.strings.join(["has ", tf.strings.as_string(width), " x ", tf.strings.as_string(height), " pixels; "])
    least, most = size_limits(info)
    small = tf.strings.join([size, f"the model takes sides from {least}"])
    reason = tf.where(tf.minimum(height, width) < least, small, "")
    if most is None:
        return reason
    return tf.where(
        tf.maximum(height, width) > most, tf.strings.join([size, f"the model takes sides up to {most}"]), reason
    )


def size_limits(info: ModelInfo) -> tuple[int, int | None]:
    """The shortest and the longest side of the pictures that a model takes, in pixels; None without a longest one.

    It refuses what would fail: `PictureProtocol.prepare`, and the networks that end the process at smaller sides.
    """
    protocol = info.protocol
    least = smallest_side_of(info)
    if protocol.patch_size is not None and protocol.patch_ends == "within":
        least = max(least, protocol.patch_size)
    if protocol.policy.kind in ("pad", "stretch"):  # every picture gets one size
        least = 1
    return least, protocol.policy.size if protocol.policy.kind == "pad" else None


def smallest_side_of(info: ModelInfo) -> int:
    """The shortest side, in pixels, of what a model's network may be given."""
    return smallest_side(info.options.get("body", ""))
