"""Requests that a server runs before it serves a model, so that no client waits for what the first ones prepare."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from PIL import Image

from tfiqa.images.exif_encoding import EXIF_VECTOR
from tfiqa.pipelines.box_scoring import stand_in_boxes
from tfiqa.serving.each_picture_graph import size_limits
from tfiqa.serving.signatures import input_specs

if TYPE_CHECKING:
    from tfiqa.models.model_info import ModelInfo
    from tfiqa.models.quality_model import QualityModel

WARM_UP = Path("assets.extra") / "tf_serving_warmup_requests"  # where TensorFlow Serving looks for them
BATCH_SIZES = (1, 2, 4, 8)  # up to `server_settings.MAX_BATCH_SIZE`
SIDE = 128  # pixels of a made-up picture, where the model has no patches and takes so small ones
DETAIL = 8  # pixels from one random colour to the next

# Field numbers of tensorflow_serving/apis: PredictionLog.predict_log, PredictLog.request, PredictRequest.model_spec and inputs (a
# map: key 1, value 2), ModelSpec.name and signature_name.
PREDICT_LOG, REQUEST, MODEL_SPEC, INPUTS, KEY, VALUE, NAME, SIGNATURE_NAME = 6, 1, 1, 2, 1, 2, 1, 3


def write_warm_up_requests(
    model: QualityModel,
    signatures: Mapping[str, Any],
    name: str,
    folder: Path,
    batch_sizes: Sequence[int] = BATCH_SIZES,
) -> None:
    """Writes WARM_UP into a version's folder: a TFRecord file of tensorflow_serving.apis.PredictionLog.

    Args:
        model: what is exported.
        signatures: its concrete functions by name.
        name: what the model is served as.
        folder: the version's folder.
        batch_sizes: how many pictures the requests to `serving_default` hold. Those to `boxes` and `map` hold one.
    """
    (folder / WARM_UP).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / WARM_UP)) as writer:
        for signature, count in _requests(signatures, batch_sizes):
            inputs = _inputs(model, signatures[signature], count)
            writer.write(prediction_log(name, signature, inputs))


def prediction_log(name: str, signature: str, inputs: Mapping[str, tf.Tensor]) -> bytes:
    """A serialised PredictionLog with a predict request; written out here, as its classes are not part of TensorFlow."""
    spec = _field(NAME, name.encode()) + _field(SIGNATURE_NAME, signature.encode())
    request = _field(MODEL_SPEC, spec)
    for key, tensor in inputs.items():
        value = tf.make_tensor_proto(tensor).SerializeToString()
        request += _field(INPUTS, _field(KEY, key.encode()) + _field(VALUE, value))
    return _field(PREDICT_LOG, _field(REQUEST, request))


def made_up_picture(info: ModelInfo, seed: int) -> bytes:
    """A JPEG of random colours, of a size that the model takes: about the smallest that fills a patch."""
    least, most = size_limits(info)
    height = max(least, info.protocol.patch_size or SIDE)
    width = height + height // 3
    height, width = (side if most is None else min(side, most) for side in (height, width))
    rng = np.random.default_rng(seed)
    colors = rng.integers(0, 256, (-(-height // DETAIL), -(-width // DETAIL), 3), np.uint8)
    jpeg = io.BytesIO()
    Image.fromarray(colors).resize((width, height), Image.Resampling.BICUBIC).save(jpeg, "JPEG", quality=85)
    return jpeg.getvalue()


def _requests(signatures: Mapping[str, Any], batch_sizes: Sequence[int]) -> Iterator[tuple[str, int]]:
    yield from (("serving_default", count) for count in batch_sizes)
    yield from ((name, 1) for name in ("boxes", "map") if name in signatures)


def _inputs(model: QualityModel, signature: Any, count: int) -> dict[str, Any]:
    pictures = [made_up_picture(model.info, seed) for seed in range(count)]
    inputs: dict[str, Any] = {"image_bytes": tf.constant(pictures)}
    names = input_specs(signature)
    if "exif" in names:
        inputs["exif"] = np.full((count, len(EXIF_VECTOR)), np.nan, np.float32)  # pictures without EXIF
    if "boxes" in names:
        shares = stand_in_boxes(model)  # as many as are fed back
        shares = shares if len(shares) else np.array([[0.25, 0.25, 0.75, 0.75]], np.float32)
        sides = [Image.open(io.BytesIO(picture)).size * 2 for picture in pictures]
        inputs["boxes"] = np.stack([shares * np.array(side, np.float32) for side in sides])
    return inputs


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited field as protocol buffers encode it."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])
