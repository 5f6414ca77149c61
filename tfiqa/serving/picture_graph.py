"""The picture-level protocol as one TensorFlow graph: encoded bytes in, quality out. What is exported is what was trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from tfiqa.images.exif_encoding import EXIF_DEVIATION, EXIF_MEAN
from tfiqa.images.protocol_graph import prepare_graph
from tfiqa.models.outputs import output_widths, patch_outputs
from tfiqa.pipelines.scoring import model_inputs
from tfiqa.pipelines.strips import by_size
from tfiqa.serving.each_picture_graph import each_picture_graph

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel

PATCHES_PER_PASS = 32  # bounds the memory of panoramas; a 4:3 picture of shorter side 512 has 24 patches


@tf.autograph.experimental.do_not_convert
def score_pictures_graph(
    model: QualityModel, image_bytes: tf.Tensor, exif: tf.Tensor | None = None
) -> dict[str, tf.Tensor]:
    """Scores encoded pictures of mixed sizes and formats.

    Args:
        model: a tfiqa model with the input `image`, and perhaps `exif`.
        image_bytes: string (N,).
        exif: float32 (N, 8) for a model that takes it, as `images.exif_encoding.encode_exif` has it: not normalised, NaN
            where a tag is missing. All NaN is a picture without EXIF.

    Returns:
        For each of `patch_outputs` float32 with first dimension N: (N,) where the model gives one number, else (N, columns); and
        `error`, string (N,), for pictures without scores: see `each_picture_graph`.
    """
    widths = output_widths(model)
    if exif is not None:
        normalised = (exif - EXIF_MEAN) / EXIF_DEVIATION
        exif = tf.where(tf.math.is_nan(normalised), 0.0, normalised)

    def outputs(picture: tf.Tensor, *exif: tf.Tensor) -> dict[str, tf.Tensor]:
        patches = prepare_graph(model.info.protocol, picture)

        def scores() -> dict[str, tf.Tensor]:
            means = _mean_over_patches(model, patches, exif[0] if exif else None, widths)
            return {name: values[0] if widths[name] == 1 else values for name, values in means.items()}

        return scores() if model.info.protocol.patch_size is not None else by_size(patches, scores, model)

    def shapes(*exif: tf.Tensor) -> dict[str, list[int]]:
        return {name: [] if width == 1 else [width] for name, width in widths.items()}

    others = () if exif is None else (exif,)
    return each_picture_graph(
        model.info, image_bytes, others, outputs, shapes, scaled_for=model.info.protocol.scaled_for
    )


def _mean_over_patches(
    model: QualityModel, patches: tf.Tensor, exif: tf.Tensor | None, widths: dict[str, int]
) -> dict[str, tf.Tensor]:
    count = tf.shape(patches)[0]

    def add_pass(start: tf.Tensor, sums: dict[str, tf.Tensor]) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        batch = tf.cast(patches[start : start + PATCHES_PER_PASS], tf.float32)
        repeated = None if exif is None else tf.tile(exif[tf.newaxis], [tf.shape(batch)[0], 1])
        outputs = patch_outputs(model(model_inputs(batch, repeated), training=False))
        return start + PATCHES_PER_PASS, {name: sums[name] + tf.reduce_sum(outputs[name], axis=0) for name in sums}

    zeros = {name: tf.zeros((width,)) for name, width in widths.items()}
    _, sums = tf.while_loop(lambda start, _: start < count, add_pass, (tf.constant(0), zeros), parallel_iterations=1)
    return {name: total / tf.cast(count, tf.float32) for name, total in sums.items()}
